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
)

// resume returns what the session kept. A payload may be missing, but must not be of another
// session.
func resume(req bankmux.ExchangeRequest) (f flow, err error) {
	if json.Unmarshal([]byte(req.Session.State.Reveal()), &f) != nil || f.Consent == "" {
		return f, invalid("ExchangeRequest.Session", "lacks the state that CreateSession put there")
	}
	fields, err := req.Fields()
	if err != nil || req.Payload.IsZero() {
		return f, err
	}
	state, err := fields.Text("state")
	if err == nil && subtle.ConstantTimeCompare([]byte(state), []byte(f.State)) != 1 {
		err = &bankmux.Error{Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherSession, NotSent: true}
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
	var out consentResponse
	header := http.Header{"Osprey-Verifier": {f.Verifier}}
	got, err := a.send(ctx, endpoints.consent, rest.Request{PathParams: byID(f.Consent), Header: header}, &out)
	switch {
	case err != nil:
		return res, err
	case out.State != f.State || len(out.Grants) == 0:
		return res, got.Lacks("the session's state or the grants")
	case old != nil && out.Grants[0] != old.Reference():
		return res, got.Lacks("the grant that is renewed")
	}
	for i, id := range out.Grants {
		grant, err := a.grant(ctx, id, header)
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		if i == 0 {
			res.Connection = grant.update(bankmux.NewConnection(req.Session, id, grant.credential))
			continue
		}
		res.More = append(res.More, grant.update(bankmux.NewFurtherConnection(req.Session, id, grant.credential)))
	}
	if old != nil && res.Connection.Status.State == bankmux.StateReauth {
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent lapsed again"}
	}
	return res, nil
}

// grant reads the state of a grant. With a verifier, the response has the user's tokens.
func (a *adapter) grant(ctx context.Context, id string, header http.Header) (out grantResponse, err error) {
	res, err := a.send(ctx, endpoints.grant, rest.Request{PathParams: byID(id), Header: header}, &out)
	if err == nil && (out.ID != id || out.Bank.ID == "") {
		err = res.Lacks("the grant or its bank")
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
		conn = got.update(conn)
	}
	return bankmux.StatusResult{Connection: conn}, nil
}

// Disconnect ends the grant. A grant that has ended already is a success.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	var out grantResponse
	_, err := a.send(ctx, endpoints.endGrant, rest.Request{PathParams: byID(conn.Reference())}, &out)
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.Status = conn.Status.After(bankmux.ErrGone)
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// renew sends one renewal of a user's tokens, for [rotation.Config].
func (a *adapter) renew(ctx context.Context, conn bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
	var out tokens
	in := rest.Request{PathParams: byID(conn.Reference()), JSON: map[string]string{"refresh": old.Refresh.Reveal()}}
	_, err := a.send(ctx, endpoints.renewTokens, in, &out)
	return out.grant(), err
}
