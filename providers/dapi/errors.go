package dapi

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// read decides by the body, not by the HTTP status: a failed envelope under 200
// is an error. Only where there is no envelope does the status speak.
func read(res *rest.Response, out answer) error {
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
		return nil
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
	if res.Endpoint() == http.MethodPost+" "+exchangePath {
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

// lacks is the error for an answer without a member that it must have. If something else stands
// there, it is the bank's, and says nothing about Dapi.
func lacks(res *rest.Response, name string) error {
	e := res.Lacks(name)
	var members map[string]jsontext.Value
	if res.Decode(&members) == nil && len(members[name]) > 0 && members[name].Kind() != 'n' {
		e.Scope = bankmux.ScopeCall
	}
	return e
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

func asError(err error) *bankmux.Error {
	e, _ := errors.AsType[*bankmux.Error](err)
	return e
}
