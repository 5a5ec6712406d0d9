package redirect

// This file has the exchange, status, disconnect and renewals.

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/normalize"
)

// resume returns what the session kept. A payload may be missing, but must not be of another
// session.
func resume(req bankmux.ExchangeRequest) (f flow, err error) {
	if json.Unmarshal([]byte(req.Session.State.Reveal()), &f) != nil || f.Consent == "" {
		return f, normalize.Invalid("ExchangeRequest.Session", "lacks the state that CreateSession put there")
	}
	fields, err := req.Fields()
	if err != nil || req.Payload.IsZero() {
		return f, err
	}
	state, err := fields.Text("state")
	if err == nil && subtle.ConstantTimeCompare([]byte(state), []byte(f.State)) != 1 {
		err = normalize.OtherSession("is of another session")
	}
	return f, err
}

// ExchangeToken reads what the user authorised: a grant per bank, the renewed one first.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var res bankmux.ExchangeResult
	old := req.Session.Reconnect
	f, err := resume(req)
	if err != nil {
		return res, err
	}
	header := http.Header{"Osprey-Verifier": {f.Verifier}}
	out, err := getConsent.fetch(ctx, a, rest.Request{PathParams: byID(f.Consent), Header: header})
	switch {
	case err != nil:
		return res, err
	case out.State != f.State || len(out.Grants) == 0:
		return res, unexpected("the consent of another session, or no grant")
	case old != nil && out.Grants[0] != old.Reference():
		return res, unexpected("another grant than the one that is renewed")
	}
	for i, id := range out.Grants {
		grant, err := a.grant(ctx, id, header)
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		if i == 0 {
			res.Connection = grant.update(bankmux.NewConnection(req.Session, id, grant.credential), a.now())
			continue
		}
		more := bankmux.NewFurtherConnection(req.Session, id, grant.credential)
		res.More = append(res.More, grant.update(more, a.now()))
	}
	if old != nil && res.Connection.Status.State == bankmux.StateReauth {
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent lapsed again"}
	}
	return res, nil
}

// grant reads the state of a grant. With a verifier, the response has the user's tokens.
func (a *adapter) grant(ctx context.Context, id string, header http.Header) (out grantResponse, err error) {
	out, err = getGrant.fetch(ctx, a, rest.Request{PathParams: byID(id), Header: header})
	if err == nil && (out.ID != id || out.Bank.ID == "") {
		err = unexpected("another grant, or one without a bank")
	}
	if err == nil && header != nil {
		out.credential, err = a.tokens.Credential(out.Tokens.grant())
	}
	return out, err
}

// ConnectionStatus reads the grant. A consent that ended or was withdrawn is a result, not an
// error.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	got, err := a.grant(ctx, conn.Reference(), nil)
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.StatusResult{}, err
	}
	if conn.Status = conn.Status.After(err); err == nil {
		conn = got.update(conn, a.now())
	}
	return bankmux.StatusResult{Connection: conn}, nil
}

// Disconnect ends the grant. A grant that has ended already is a success.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	_, err := endGrant.fetch(ctx, a, rest.Request{PathParams: byID(conn.Reference())})
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.Status = conn.Status.After(bankmux.ErrGone)
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// renew sends one renewal of a user's tokens, for [rotation.Config].
func (a *adapter) renew(ctx context.Context, conn bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	in := rest.Request{PathParams: byID(conn.Reference()), JSON: map[string]string{"refresh": old.Refresh.Reveal()}}
	out, err := renewTokens.fetch(ctx, a, in)
	return out.grant(), err
}
