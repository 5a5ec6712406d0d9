package dapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// data is a data call: it may go on from answers of the user, and is waited for while the bank
// works on it.
func (a *api) data(
	ctx context.Context,
	path string,
	conn bankmux.Connection,
	answers *bankmux.Answers,
	body dataBody,
	out answer,
) (*rest.Response, error) {
	to, err := allowed(conn)
	if err != nil {
		return nil, err
	}
	if answers != nil {
		body.OperationID, body.UserInputs = answers.Challenge.ID, userAnswers(answers)
	}
	res, err := a.post(ctx, path, to, body, out)
	for out.common().Status == statusRunning && out.common().OperationID != "" {
		operation := string(out.common().OperationID)
		if err = a.await(ctx, to, operation); err != nil {
			return nil, ofTheBank(err)
		}
		// The status does not carry the result: the original call does, sent again for the finished
		// operation.
		body.OperationID, body.UserInputs = operation, nil
		*out.common() = envelope{}
		res, err = a.post(ctx, path, to, body, out)
	}
	if e := asError(
		err,
	); e != nil && answers != nil &&
		(e.Code == "SESSION_EXPIRED" || e.Code == "SESSION_INVALIDATED") {
		late := *e
		late.Kind, late.Scope, late.Detail = bankmux.ErrChallengeExpired, "", "the bank did not wait for the answer"
		err = &late
	}
	return res, ofTheBank(err)
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

// allowed unpacks the credential. A login that the bank rejected is not tried again: that locks
// people out of their accounts.
func allowed(conn bankmux.Connection) (access, error) {
	if conn.Status.State == bankmux.StateReauth {
		return access{}, &bankmux.Error{
			Kind: bankmux.ErrReauth, Code: conn.Status.Code, NotSent: true,
			Detail: "the bank rejected the login before; trying it again could lock the user out",
		}
	}
	return accessOf(conn)
}

// How often a running operation is asked after. Dapi publishes no interval.
const (
	pollFirst = time.Second
	pollMost  = 5 * time.Second
)

// await asks for an operation until it is over. Nothing of its end is in the answer but whether it
// failed.
func (a *api) await(ctx context.Context, to access, id string) error {
	for wait := pollFirst; ; wait = min(wait*2, pollMost) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &bankmux.Error{
				Kind:   bankmux.ErrInstitution,
				Scope:  bankmux.ScopeConnection,
				Code:   statusRunning,
				Status: http.StatusOK,
				Detail: "the operation is still running at the bank",
				Err:    ctx.Err(),
			}
		}
		info, err := a.operation(ctx, to, id)
		if err != nil {
			return err
		}
		switch info.Info.Status {
		case statusFailed:
			return model.Error(normalize.Failure{Code: info.Info.ErrorType, Status: http.StatusOK})
		case statusRunning:
		default:
			return nil
		}
	}
}

// operation is POST /operation/get, or /operation/status where there is no such path: sources
// disagree. The bearer token and userSecret are what the PHP SDK adds.
func (a *api) operation(ctx context.Context, to access, id string) (operationAnswer, error) {
	body := dataBody{AppKey: a.key, OperationID: id}
	var out operationAnswer
	res, err := a.post(ctx, "/operation/get", to, body, &out)
	if e := asError(err); e != nil && e.Status == http.StatusNotFound && e.Code == "" {
		out = operationAnswer{}
		res, err = a.post(ctx, "/operation/status", to, body, &out)
	}
	if e := asError(err); e != nil && e.Code == statusRunning {
		err = nil // in the other form the envelope itself says so
	}
	if err == nil && out.Info == nil {
		if out.Status == "" {
			return out, res.Lacks("opInfo")
		}
		out.Info = &operationInfo{Status: out.Status, ErrorType: out.Type}
	}
	return out, err
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
