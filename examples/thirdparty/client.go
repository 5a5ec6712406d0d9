package pelican

// This file has all endpoints, and sends requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// endpoint is an endpoint of Pelican. Its effect is what sending a request twice would do.
type endpoint struct {
	method, path string
	effect       bankmux.Effect
}

// endpoints are all that the adapter calls.
var endpoints = struct {
	openFlow, redeem        endpoint
	grant, endGrant         endpoint
	accounts, balance, rows endpoint
}{
	openFlow: endpoint{http.MethodPost, "/flows", bankmux.Idempotent},
	redeem:   endpoint{http.MethodPost, "/redeem", bankmux.OneShot},
	grant:    endpoint{http.MethodGet, "/grant", bankmux.Read},
	endGrant: endpoint{http.MethodDelete, "/grant", bankmux.Idempotent},
	accounts: endpoint{http.MethodGet, "/accounts", bankmux.Read},
	balance:  endpoint{http.MethodGet, "/accounts/{id}/balance", bankmux.Read},
	rows:     endpoint{http.MethodGet, "/accounts/{id}/rows", bankmux.Read},
}

// send sends one request and decodes a success into out. If out is nil, only 204 is a success: any
// other response may be the page of a proxy. If conn is nil, the request is the application's own.
func (a *adapter) send(
	ctx context.Context,
	at endpoint,
	req rest.Request,
	conn *bankmux.Connection,
	out any,
) error {
	req.Method, req.Path, req.Bearer = at.method, at.path, a.key.Reveal()
	if conn != nil {
		req.Header = http.Header{"Pelican-Grant": {conn.Credential().Reveal()}}
	}
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return err
	}
	return read(res, out)
}
