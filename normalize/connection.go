package normalize

// This file has what calls on a connection say about it.

import (
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// HasCode reports whether an error is the provider's and has one of the codes.
func HasCode(err error, codes ...string) bool {
	e := bankmux.ErrorOf(err)
	return e != nil && slices.Contains(codes, e.Code)
}

// Except returns err, and nil if it has one of the codes. It is for codes that say what the caller
// wants to know, such as that a connection has nothing to read.
func Except(err error, codes ...string) error {
	if HasCode(err, codes...) {
		return nil
	}
	return err
}

// Disconnected returns the result of a call that removes a connection. One that is gone already is
// a success.
func Disconnected(conn bankmux.Connection, err error) (bankmux.DisconnectResult, error) {
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.UpdatedAt = bankmux.Moment(time.Now())
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: conn.UpdatedAt}
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// StatusAfter returns the result of a status check whose call failed. If the error shows the state
// of the connection, the check succeeds with that state. Any other error is returned.
func StatusAfter(conn bankmux.Connection, err error) (bankmux.StatusResult, error) {
	if bankmux.KindOf(err).State() == "" {
		return bankmux.StatusResult{}, err
	}
	conn.Status, conn.UpdatedAt = conn.Status.After(err), bankmux.Moment(time.Now())
	return bankmux.StatusResult{Connection: conn}, nil
}

// StatusRead returns a connection whose status was read now. before is what was known of it. A
// status that did not change keeps the time at which it started.
func StatusRead(before, now bankmux.Connection) bankmux.Connection {
	now.UpdatedAt = bankmux.Moment(time.Now())
	now.Status.AskedAt = before.Status.AskedAt
	if now.Status.State == before.Status.State && now.Status.Code == before.Status.Code {
		now.Status.At = before.Status.At
	}
	return now
}

// Partial returns the error of an operation that returned some rows: err, or else a
// [*bankmux.PartialError] if there are failures.
func Partial(op bankmux.Op, failed []bankmux.Failure, err error) error {
	if err != nil || len(failed) == 0 {
		return err
	}
	return &bankmux.PartialError{Op: op.Name, Failed: failed}
}

// OtherSession returns the error for a payload that does not belong to the session. Nothing was
// sent, so nothing is spent.
func OtherSession(detail string) *bankmux.Error {
	e := Invalid("ExchangeRequest.Payload", detail)
	e.Code = bankmux.CodeOtherSession
	return e
}

// PayloadOf returns the payload of an exchange. The pages of other providers post the members named
// foreign. A payload with one of them is refused as [OtherSession].
func PayloadOf(req bankmux.ExchangeRequest, foreign ...string) (bankmux.Payload, error) {
	fields, err := req.Fields()
	if err == nil && slices.ContainsFunc(foreign, fields.Has) {
		err = OtherSession("is of another provider's page")
	}
	return fields, err
}

// PayloadToken returns a token of a payload. The error is that of [bankmux.Payload.Text], or
// [UnsendableToken].
func PayloadToken(fields bankmux.Payload, key string) (string, error) {
	token, err := fields.Text(key)
	if err == nil && !Token(token) {
		err = UnsendableToken()
	}
	return token, err
}

// AboutAnother returns the error for a response that is about another connection than the request,
// which the provider calls what.
func AboutAnother(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the response is about another " + what}
}

// LostByJSON returns the error for a session that was stored as plain JSON. what names the part
// that plain JSON loses. The advice is to seal the session, and or adds another way, "" for none.
func LostByJSON(what, or string) *bankmux.Error {
	return Invalid(
		"ExchangeRequest.Session",
		"lacks "+what+", which plain JSON loses: keep the session with Session.Seal"+or,
	)
}

// Unfinished returns the error for a reconnect that the user has not finished. code is the
// provider's for the connection.
func Unfinished(code string) *bankmux.Error {
	return &bankmux.Error{
		Kind: bankmux.ErrUserAction, Code: CleanCode(code), Detail: "the user has not finished the reconnect",
	}
}
