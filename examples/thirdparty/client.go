package pelican

// This file has Pelican's endpoints and sends the requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// endpoint is an endpoint of Pelican that responds with an Out.
type endpoint[Out any] struct {
	method, path string
}

// All endpoints that the adapter calls.
var (
	openFlow    = endpoint[flowResponse]{http.MethodPost, "/flows"}
	redeemCode  = endpoint[redeemResponse]{http.MethodPost, "/redeem"}
	getGrant    = endpoint[grantResponse]{http.MethodGet, "/grant"}
	endGrant    = endpoint[noContent]{http.MethodDelete, "/grant"}
	getAccounts = endpoint[accountsResponse]{http.MethodGet, "/accounts"}
	getBalance  = endpoint[balanceResponse]{http.MethodGet, "/accounts/{id}/balance"}
	getRows     = endpoint[rowsResponse]{http.MethodGet, "/accounts/{id}/rows"}
)

// fetch sends one request and returns the response. If conn is nil, the request is the
// application's own.
func (at endpoint[Out]) fetch(
	ctx context.Context, a *adapter, req rest.Request, conn *bankmux.Connection,
) (out Out, err error) {
	req.Method, req.Path, req.Bearer = at.method, at.path, a.key.Reveal()
	if conn != nil {
		req.Header = http.Header{"Pelican-Grant": {conn.Credential().Reveal()}}
	}
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return out, err
	}
	err = read(res, &out)
	return out, err
}
