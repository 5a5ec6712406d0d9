package redirect

import (
	"context"
	"errors"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// grant reads how a grant is doing. With a verifier, the answer has the user's tokens.
func (a *adapter) grant(ctx context.Context, id string, header http.Header) (out grantAnswer, err error) {
	res, err := a.send(ctx, http.MethodGet, "/grants/{id}", id, rest.Request{Header: header}, &out)
	if err == nil && (out.ID != id || out.Status == "" || out.Bank.ID == "") {
		err = res.Lacks("the grant, its status or its bank")
	}
	if err == nil && header != nil {
		out.credential, err = a.tokens.Credential(out.Tokens.grant())
	}
	return out, err
}

// ConnectionStatus reads the grant. A consent that ended or was withdrawn is an answer.
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

// Disconnect ends the grant. One that is gone already is a success.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	var out grantAnswer
	res, err := a.send(ctx, http.MethodDelete, "/grants/{id}", conn.Reference(), rest.Request{}, &out)
	if err == nil && out.Status == "" {
		err = res.Lacks("the status")
	}
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.Status = conn.Status.After(bankmux.ErrGone)
	return bankmux.DisconnectResult{Connection: conn}, nil
}
