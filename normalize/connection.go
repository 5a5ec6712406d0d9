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

// OtherSession returns the error for a payload that does not belong to the session. Nothing was
// sent, so nothing is spent.
func OtherSession(detail string) *bankmux.Error {
	e := Invalid("ExchangeRequest.Payload", detail)
	e.Code = bankmux.CodeOtherSession
	return e
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
