package redirect

// This file has Osprey's endpoints and sends the requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// endpoint is an endpoint of Osprey that responds with an Out. Its effect is what sending a request
// twice does.
type endpoint[Out any] struct {
	method, path string
}

// All endpoints that the adapter calls.
var (
	openConsent     = endpoint[openedResponse]{http.MethodPost, "/consents"}
	getConsent      = endpoint[consentResponse]{http.MethodGet, "/consents/{id}"}
	getGrant        = endpoint[grantResponse]{http.MethodGet, "/grants/{id}"}
	endGrant        = endpoint[grantResponse]{http.MethodDelete, "/grants/{id}"}
	renewTokens     = endpoint[tokens]{http.MethodPost, "/grants/{id}/tokens"}
	getAccounts     = endpoint[accountsResponse]{http.MethodGet, "/accounts"}
	getBalances     = endpoint[balancesResponse]{http.MethodGet, "/accounts/{id}/balances"}
	getTransactions = endpoint[transactionsResponse]{http.MethodGet, "/accounts/{id}/transactions"}
	getChanges      = endpoint[changesResponse]{http.MethodGet, "/changes"}
)

// byID is the path parameter that names one consent, grant or account.
func byID(id string) map[string]string { return map[string]string{"id": id} }

// fetch sends one request and returns the response.
func (at endpoint[Out]) fetch(ctx context.Context, a *adapter, req rest.Request) (out Out, err error) {
	req.Method, req.Path = at.method, at.path
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return out, err
	}
	err = read(res, &out)
	return out, err
}

// fetchAs is fetch with the user's token. *conn gets the token that was used last.
func (at endpoint[Out]) fetchAs(
	ctx context.Context, a *adapter, conn *bankmux.Connection, req rest.Request,
) (out Out, err error) {
	err = a.tokens.Do(ctx, conn, func(ctx context.Context, access bankmux.Secret) (err error) {
		req.Bearer, req.Header = access.Reveal(), psu(ctx)
		out, err = at.fetch(ctx, a, req)
		return err
	})
	return out, err
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
