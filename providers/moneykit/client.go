package moneykit

// This file has MoneyKit's endpoints and sends the requests.

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/token"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// version pins the wire format. MoneyKit has published this value only, and both of its SDKs send
// it.
const version = "2023-02-18"

// versionHeader is in every request. It must not be changed.
var versionHeader = http.Header{"Moneykit-Version": {version}}

// longestToken is far longer than a token is kept.
const longestToken = 1000 * time.Hour

// tokenBudget bounds a token request, for all callers that wait for it.
const tokenBudget = 15 * time.Second

// endpoint is an endpoint of MoneyKit that responds with an Out. Its effect is what sending a
// request twice does.
type endpoint[Out any] struct {
	method, path string
	effect       bankmux.Effect
}

// All endpoints that the adapter calls.
var (
	// The application. authToken and jwks need no access token.
	authToken      = endpoint[tokenResponse]{http.MethodPost, "/auth/token", bankmux.Idempotent}
	authIntrospect = endpoint[introspectResponse]{http.MethodGet, "/auth/introspect", bankmux.Read}
	jwks           = endpoint[keysResponse]{http.MethodGet, "/.well-known/jwks.json", bankmux.Read}

	// Linking.
	createSession = endpoint[linkSessionResponse]{http.MethodPost, "/link-session", bankmux.Idempotent}
	exchangeToken = endpoint[exchangeResponse]{http.MethodPost, "/link-session/exchange-token", bankmux.OneShot}

	// One link. A refresh continues after its response, which is 202.
	getLink            = endpoint[linkData]{http.MethodGet, "/links/{id}", bankmux.Read}
	updateLink         = endpoint[changedLink]{http.MethodPatch, "/links/{id}", bankmux.Idempotent}
	deleteLink         = endpoint[deletedLink]{http.MethodDelete, "/links/{id}", bankmux.Idempotent}
	resetLink          = endpoint[changedLink]{http.MethodPost, "/links/{id}/reset", bankmux.Idempotent}
	refreshProducts    = endpoint[linkData]{http.MethodPost, "/links/{id}/products", bankmux.OneShot}
	importLink         = endpoint[changedLink]{http.MethodPost, "/links/import", bankmux.OneShot}
	importTransactions = endpoint[changedLink]{http.MethodPost, "/links/{id}/import/transactions", bankmux.OneShot}
	testWebhook        = endpoint[webhookTestResponse]{http.MethodPost, "/webhooks/test/link/{id}", bankmux.OneShot}

	// All links of the application, and everything of one user.
	getLinks            = endpoint[linksResponse]{http.MethodGet, "/links", bankmux.Read}
	getUserLinks        = endpoint[userLinksResponse]{http.MethodGet, "/users/{id}/links", bankmux.Read}
	getUserAccounts     = endpoint[userAccountsResponse]{http.MethodGet, "/users/{id}/accounts", bankmux.Read}
	getUserTransactions = endpoint[userTransactionsResponse]{http.MethodGet, "/users/{id}/transactions", bankmux.Read}

	// Banks.
	getInstitutions = endpoint[institutionsResponse]{http.MethodGet, "/institutions", bankmux.Read}
	getInstitution  = endpoint[institution]{http.MethodGet, "/institutions/{id}", bankmux.Read}

	// The data of one link.
	getAccounts       = endpoint[accountsResponse]{http.MethodGet, "/links/{id}/accounts", bankmux.Read}
	getAccount        = endpoint[accountResponse]{http.MethodGet, "/links/{id}/accounts/{account}", bankmux.Read}
	getNumbers        = endpoint[numbersResponse]{http.MethodGet, "/links/{id}/accounts/numbers", bankmux.Read}
	getIdentity       = endpoint[identityResponse]{http.MethodGet, "/links/{id}/identity", bankmux.Read}
	getTransactions   = endpoint[transactionsResponse]{http.MethodGet, "/links/{id}/transactions", bankmux.Read}
	syncTransactions  = endpoint[syncResponse]{http.MethodGet, "/links/{id}/transactions/sync", bankmux.Read}
	correctEnrichment = endpoint[transactionsResponse]{
		http.MethodPost, "/links/{id}/transactions/{transaction}/enrichment", bankmux.Idempotent,
	}
	getHoldings    = endpoint[holdingsResponse]{http.MethodGet, "/links/{id}/investments/holdings", bankmux.Read}
	getInvestments = endpoint[investmentsResponse]{http.MethodGet, "/links/{id}/investments/transactions", bankmux.Read}
)

// byID is the path parameter that names one link, user or bank.
func byID(id string) map[string]string { return map[string]string{"id": id} }

// ofLink is a request about the link of a connection. It is not inlined, so that its copy of the
// connection is not on the stack of a call that waits for its response.
//
//go:noinline
func ofLink(conn *bankmux.Connection, query url.Values) *rest.Request {
	return &rest.Request{PathParams: byID(conn.Credential().Reveal()), Query: query}
}

// ofUser is a request about one user of the application.
func ofUser(user string) *rest.Request { return &rest.Request{PathParams: byID(CustomerID(user))} }

// filter names accounts in a query. The parameter is repeated.
func filter(ids []string) url.Values {
	if len(ids) == 0 {
		return nil
	}
	return url.Values{"account_ids": ids}
}

// api sends requests to the endpoints.
type api struct {
	rest   *rest.Client
	id     string
	secret bankmux.Secret
	scope  string
	auth   Auth
	tokens *token.Source
}

func newAPI(cfg Config) *api {
	a := &api{
		rest: rest.New(rest.Config{
			BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Resty: cfg.Resty, BodyLimit: cfg.BodyLimit,
			Drift: rest.Drift{Guard: cfg.Guard, Client: cfg.Name, Provider: Name, Documented: model.Documented()},
		}),
		id: cfg.ClientID, secret: cfg.ClientSecret, scope: cfg.Scope, auth: cfg.Auth,
	}
	application := strings.Join([]string{Name, cfg.BaseURL, cfg.ClientID, cfg.Scope}, "\x00")
	a.tokens = token.NewSource(tokenBudget, a.token).Share(cfg.Guard.Fleet(), application)
	return a
}

func (a *api) token(ctx context.Context) (token.Token, error) {
	form := url.Values{
		"grant_type": {"client_credentials"},
		"client_id":  {a.id}, "client_secret": {a.secret.Reveal()},
	}
	if a.scope != "" {
		form.Set("scope", a.scope)
	}
	var out tokenResponse
	if err := authToken.once(ctx, a, &rest.Request{Form: form, Header: versionHeader}, &out); err != nil {
		return token.Token{}, err
	}
	return token.Token{
		Value:    bankmux.NewSecret(out.AccessToken),
		Lifetime: out.ExpiresIn.Within(0, longestToken),
	}, nil
}

// webhookKeys returns the public keys of webhook signatures. They need no token.
func (a *api) webhookKeys(ctx context.Context) ([]json.RawMessage, error) {
	var out keysResponse
	header := http.Header{"Moneykit-Version": {version}, "X-Client-Id": {a.id}}
	if err := jwks.once(ctx, a, &rest.Request{Header: header}, &out); err != nil {
		return nil, err
	}
	return out.Keys, nil
}

// fetch sends a request with credentials and returns the response, which is zero if there is an
// error.
func (at endpoint[Out]) fetch(ctx context.Context, a *api, req *rest.Request) (Out, error) {
	var out, none Out
	if err := at.into(ctx, a, req, &out); err != nil {
		return none, err
	}
	return out, nil
}

// into sends one request with credentials and reads the response into out. If the token has
// expired, it renews the token and repeats the request once. The request was refused, so even a
// one-shot was not executed. Any other 401 is an error.
func (at endpoint[Out]) into(ctx context.Context, a *api, req *rest.Request, out *Out) error {
	req.Header = versionHeader
	for renewed := false; ; renewed = true {
		if err := a.authorize(ctx, req); err != nil {
			return err
		}
		err := at.once(ctx, a, req, out)
		if renewed || a.auth != AuthBearer || !expired(err) {
			return err
		}
		a.tokens.Invalidate(bankmux.NewSecret(req.Bearer))
	}
}

// once sends one request without changing it, and reads the response into out.
func (at endpoint[Out]) once(ctx context.Context, a *api, req *rest.Request, out *Out) error {
	req.Method, req.Path = at.method, at.path
	res, err := a.rest.Do(ctx, *req)
	if err != nil {
		return err
	}
	return read(res, out)
}

// op describes an operation that only MoneyKit has. findOut names the call that reveals the outcome
// of a lost one-shot.
func (at endpoint[Out]) op(name string, group bankmux.Group, findOut string) bankmux.Op {
	return bankmux.Op{Name: name, Group: group, Effect: at.effect, FindOut: findOut}
}

// dataOf reads the data of a link. Reads never fetch, so an empty response about a product that was
// not fetched is an error. Data in the response count more than what its link says about the
// product.
func dataOf[Out any, P interface {
	*Out
	linkResponse
}](ctx context.Context, a *api, at endpoint[Out], req *rest.Request, out P) error {
	if err := at.into(ctx, a, req, out); err != nil {
		return err
	}
	if err := alive(out.link()); err != nil || out.data() {
		return err
	}
	return fetched(out.link(), out.product())
}

// authorize adds the credentials.
func (a *api) authorize(ctx context.Context, req *rest.Request) error {
	if a.auth == AuthHeaders {
		req.Header = http.Header{
			"Moneykit-Version": {version},
			"X-Client-Id":      {a.id},
			"X-Client-Secret":  {a.secret.Reveal()},
		}
		return nil
	}
	token, err := a.tokens.Token(ctx)
	req.Bearer = token.Reveal()
	return err
}
