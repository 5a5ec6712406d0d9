package redirect

// This file has all endpoints, and sends requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// endpoint is an endpoint of Osprey. Its effect is what sending a request twice would do.
type endpoint struct {
	method, path string
	effect       bankmux.Effect
}

// endpoints are all that the adapter calls.
var endpoints = struct {
	openConsent, consent                      endpoint
	grant, endGrant, renewTokens              endpoint
	accounts, balances, transactions, changes endpoint
}{
	openConsent:  endpoint{http.MethodPost, "/consents", bankmux.Idempotent},
	consent:      endpoint{http.MethodGet, "/consents/{id}", bankmux.Read},
	grant:        endpoint{http.MethodGet, "/grants/{id}", bankmux.Read},
	endGrant:     endpoint{http.MethodDelete, "/grants/{id}", bankmux.Idempotent},
	renewTokens:  endpoint{http.MethodPost, "/grants/{id}/tokens", bankmux.OneShot},
	accounts:     endpoint{http.MethodGet, "/accounts", bankmux.Read},
	balances:     endpoint{http.MethodGet, "/accounts/{id}/balances", bankmux.Read},
	transactions: endpoint{http.MethodGet, "/accounts/{id}/transactions", bankmux.Read},
	changes:      endpoint{http.MethodGet, "/changes", bankmux.Read},
}

// byID is the path parameter that names one consent, grant or account.
func byID(id string) map[string]string { return map[string]string{"id": id} }

// send sends one request and decodes the response into v.
func (a *adapter) send(ctx context.Context, at endpoint, req rest.Request, v any) (*rest.Response, error) {
	req.Method, req.Path = at.method, at.path
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	return res, read(res, v)
}

// sendAs sends a request with the user's token. *conn gets the token that was used last.
func (a *adapter) sendAs(ctx context.Context, conn *bankmux.Connection, at endpoint, req rest.Request, v any) error {
	return a.tokens.Do(ctx, conn, func(ctx context.Context, access bankmux.Secret) error {
		req.Bearer, req.Header = access.Reveal(), psu(ctx)
		_, err := a.send(ctx, at, req, v)
		return err
	})
}

// psu returns the headers of a present user, or none. Banks refuse a request with only some of
// them.
func psu(ctx context.Context) http.Header {
	who, _ := bankmux.PresenceOf(ctx)
	if !who.PSU() {
		return nil
	}
	return http.Header{"Psu-Ip-Address": {who.IP.String()}, "Psu-User-Agent": {who.UserAgent}}
}
