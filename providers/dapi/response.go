package dapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// read decides by the body, not by the HTTP status: a failed envelope under 200
// is an error. Only where there is no envelope does the status speak.
func read(res *rest.Response, out response) error {
	err := res.Decode(out)
	env := out.common()
	if err != nil {
		err = verdictOf(res, env, err)
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
	if res.Endpoint() == endpoints.exchangeToken.String() {
		return res.Lacks("a result") // never interactive, never asynchronous
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
			Detail:    "the bank wants an answer from the user",
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
		Kind:     bankmux.ErrUnknown,
		Status:   res.Status,
		Unlisted: true,
		Code:     normalize.CleanCode(env.Status),
		Detail:   "the answer has an unlisted status",
	}
}

// verdictOf reads, of an answer that cannot be read as a whole, what Dapi says of the call. It
// returns err where that is nothing, or a success whose result is lost.
func verdictOf(res *rest.Response, env *envelope, err error) error {
	if alone := new(envelope); res.Decode(alone) == nil && alone.Status != statusDone {
		*env = *alone // what is broken is beside a verdict, and there is no result to read
		return nil
	}
	if said := new(verdict); res.Decode(said) == nil && said.Status == statusFailed {
		*env = envelope{Status: said.Status, Type: said.Type}
		return nil
	}
	return err
}

// fieldOf is the field that the msg of a failed envelope names, "" where it names none. Nothing
// else of msg is kept: it may hold what the request held.
func fieldOf(res *rest.Response) string {
	var said struct {
		Msg string `json:"msg"`
	}
	_ = res.Decode(&said) // what is only for display never decides
	return model.FieldIn(said.Msg)
}

// asError returns the error as one of the model, nil for any other.
func asError(err error) *bankmux.Error {
	e, _ := errors.AsType[*bankmux.Error](err)
	return e
}

// ofTheBank assigns to the bank what Dapi could not explain about a call that the bank should have
// answered: its list of types leaves out the banks' own faults. The kind stays as it is.
func ofTheBank(err error) error {
	e := asError(err)
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

// require returns the error for a response without a member that it must have. If something else
// stands there, it is the bank's, and says nothing about Dapi.
func require(res *rest.Response, out response) error {
	needs, ok := out.(wire.Required)
	if !ok || needs.Lacks() == "" {
		return nil
	}
	name := needs.Lacks()
	e := res.Lacks(name)
	var members map[string]jsontext.Value
	if res.Decode(&members) == nil && len(members[name]) > 0 && members[name].Kind() != 'n' {
		e.Scope = bankmux.ScopeCall
	}
	return e
}

// What a response must have. A list that is not there is not an empty list: taken for one, every
// account and transaction an application knows would seem to be gone. An empty list is [].

func (r *exchangeResponse) Lacks() string {
	return wire.Need(normalize.Token(r.AccessToken), "an accessToken that can be sent in a header")
}

func (r *metadataResponse) Lacks() string { return wire.Need(r.Metadata != nil, "accountsMetadata") }
func (r *accountsResponse) Lacks() string { return wire.Need(r.Accounts.Present, "accounts") }
func (r *balanceResponse) Lacks() string  { return wire.Need(r.Balance != nil, "balance") }
func (r *identityResponse) Lacks() string { return wire.Need(r.Identity != nil, "identity") }
func (r *cardsResponse) Lacks() string    { return wire.Need(r.Cards.Present, "cards") }

func (r *transactionsResponse) Lacks() string {
	return wire.Need(r.Transactions.Present, "transactions")
}

// inputs are the bank's questions in the model.
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

// choices are the elements of a list of options, or the members of an object of them, in their
// order. Anything else has none: what is only to be shown never costs the question.
func choices(list jsontext.Value) (all []jsontext.Value) {
	dec := jsontext.NewDecoder(
		bytes.NewReader(list),
		jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true),
	)
	open, err := dec.ReadToken()
	if err != nil || (open.Kind() != '[' && open.Kind() != '{') {
		return nil
	}
	for {
		if open.Kind() == '{' {
			if name, err := dec.ReadToken(); err != nil || name.Kind() != '"' {
				return all
			}
		}
		value, err := dec.ReadValue()
		if err != nil { // the closing bracket
			return all
		}
		if value.Kind() != 'n' {
			all = append(all, value.Clone())
		}
	}
}

// option is the text of one choice, whose shape is not published: text itself, or an object
// with a text in it.
func option(raw jsontext.Value) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object map[string]any
	_ = json.Unmarshal(raw, &object) // what is no object has no names
	for _, name := range []string{"text", "value", "name", "label", "query"} {
		if s, ok := object[name].(string); ok && s != "" {
			return s
		}
	}
	return string(raw)
}

// userAnswers are the user's answers on the wire.
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
