package dapi

// This file decodes Dapi's responses and turns failures into errors.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/strictjson"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// read decodes a response. The body decides, not the HTTP status: a failed envelope under 200 is an
// error. The status decides only if there is no envelope, or if that of a read cannot be read. An
// object that cannot be read leaves the outcome of a one-shot unknown, whatever its status.
func read(res *rest.Response, oneShot bool, out response) error {
	err := res.Decode(out)
	env := out.common()
	if err != nil {
		if err = verdictOf(res, env, err); err != nil && oneShot && isObject(res) {
			return err // it may say that the call succeeded, so its status must not make it a refusal
		}
	}
	if err == nil && env.Status == "" {
		err = res.Lacks("status")
	}
	if err != nil {
		if res.Status/100 == 2 {
			return err
		}
		return model.Error(normalize.Failure{Endpoint: res.Endpoint(), Status: res.Status, RetryAfter: res.RetryAfter})
	}
	switch env.Status {
	case statusDone:
		return require(res, out)
	case statusFailed:
		if env.Type == "" && res.Status/100 != 4 {
			env.Type = model.Failed
		}
		e := model.Error(normalize.Failure{
			Endpoint: res.Endpoint(), Code: env.Type, Status: res.Status, RetryAfter: res.RetryAfter,
		})
		if e.Kind == bankmux.ErrInvalid {
			e.Field = fieldOf(res)
		}
		return e
	}
	if oneShot {
		return res.Lacks("a result") // the exchange is never interactive or asynchronous
	}
	switch env.Status {
	case statusUserInput:
		if env.OperationID == "" || len(env.UserInputs.Rows) == 0 {
			return res.Lacks("operationID or userInputs")
		}
		return &bankmux.Error{
			Kind:      bankmux.ErrUserAction,
			Code:      env.Status,
			Status:    res.Status,
			Detail:    "the bank asks the user a question",
			Challenge: &bankmux.Challenge{ID: string(env.OperationID), Inputs: inputs(env.UserInputs.Rows)},
		}
	case statusRunning:
		return &bankmux.Error{
			Kind:   bankmux.ErrInstitution,
			Scope:  bankmux.ScopeConnection,
			Code:   env.Status,
			Status: res.Status,
			Detail: "the operation is still running at the bank",
		}
	}
	return &bankmux.Error{
		Kind: bankmux.ErrUnknown, Code: normalize.CleanCode(env.Status), Unlisted: true, Status: res.Status,
		Detail: "the response has an unlisted status",
	}
}

// isObject reports whether a response is a JSON object, whether its keys repeat or not.
func isObject(res *rest.Response) bool {
	text := bytes.TrimSpace(strictjson.WithoutMark(res.Body))
	return res.JSON && len(text) > 0 && text[0] == '{' && json.Valid(text)
}

// verdictOf looks for the status of the call in a response that cannot be read as a whole. It
// returns err if there is none, or if the call succeeded and its result cannot be read.
func verdictOf(res *rest.Response, env *envelope, err error) error {
	if alone := rest.Try[envelope](res); alone.Status != "" && alone.Status != statusDone {
		*env = alone // the envelope is intact, and there is no result to read
		return nil
	}
	if said := rest.Try[verdict](res); said.Status == statusFailed {
		*env = envelope{Status: said.Status, Type: said.Type}
		return nil
	}
	return err
}

// fieldOf returns the field that the msg of a failed envelope names, or "". The rest of msg is
// dropped, because it may quote the request.
func fieldOf(res *rest.Response) string {
	return model.FieldIn(rest.Try[shownMessage](res).Msg)
}

// ofTheBank assigns to the bank an error that Dapi did not explain, for a call that the bank should
// have answered. Dapi's list of types leaves out the banks' own faults. The kind stays.
func ofTheBank(err error) error {
	e := bankmux.ErrorOf(err)
	if e == nil || e.Code == "" || e.NotSent || e.Challenge != nil || e.Affects() != bankmux.ScopeCall {
		return err
	}
	switch {
	case e.Kind == bankmux.ErrUnknown, e.Kind == bankmux.ErrUnavailable && e.Unlisted:
		bank := *e
		bank.Scope = bankmux.ScopeInstitution
		return &bank
	}
	return err
}

// require returns the error for a response without a member that it must have. If the member has
// another shape, the bank wrote it, and the error concerns this call alone.
func require(res *rest.Response, out response) error {
	name := wire.Lacks(out)
	if name == "" {
		return nil
	}
	e := res.Lacks(name)
	var members map[string]wire.OptionalList[struct{}] // which is without elements if it is null
	if res.Decode(&members) == nil {
		if list := members[name]; list.Present || list.Len() > 0 {
			e.Scope = bankmux.ScopeCall
		}
	}
	return e
}

// inputs returns the bank's questions in the model.
func inputs(list []userInput) []bankmux.Input {
	all := make([]bankmux.Input, len(list))
	for i, in := range list {
		all[i] = bankmux.Input{Kind: bankmux.InputKind(in.ID), Index: i, Query: string(in.Query)}
		if index, _, ok := in.Index.Value.Int64(0); ok && !in.Index.Absent() {
			all[i].Index = int(index)
		}
		if all[i].Kind == bankmux.InputCaptcha {
			if image, err := base64.StdEncoding.DecodeString(all[i].Query); err == nil && len(image) > 0 {
				all[i].Query, all[i].Image = "", image
			}
		}
		for _, raw := range append(choices(in.Options), choices(in.Choices)...) {
			all[i].Options = append(all[i].Options, option(raw))
		}
	}
	return all
}

// choices returns the elements of a list of options, or the members of an object of them, in their
// order. Anything else has none. A question is kept even if its options cannot be read.
func choices(list shown) (all []json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(list))
	open, err := dec.Token()
	if err != nil || open != json.Delim('[') && open != json.Delim('{') {
		return nil
	}
	for dec.More() {
		if open == json.Delim('{') {
			if _, err := dec.Token(); err != nil { // the name
				return all
			}
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return all
		}
		if string(value) != "null" {
			all = append(all, value)
		}
	}
	return all
}

// option returns the text of one choice. Its shape is not published: it is a text, or an object
// with a text.
func option(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object map[string]any
	_ = json.Unmarshal(raw, &object) // anything else has no members
	for _, name := range []string{"text", "value", "name", "label", "query"} {
		if s, ok := object[name].(string); ok && s != "" {
			return s
		}
	}
	return string(raw)
}

// userAnswers returns the user's answers as they are sent.
func userAnswers(a *bankmux.Answers) []userAnswer {
	all := make([]userAnswer, len(a.Inputs))
	for i, in := range a.Inputs {
		all[i] = userAnswer{Index: in.Index, Answer: in.Text.Reveal()}
		for _, asked := range a.Challenge.Inputs {
			if asked.Index == in.Index {
				all[i].ID = string(asked.Kind)
			}
		}
	}
	return all
}
