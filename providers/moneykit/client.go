package moneykit

// This file has MoneyKit's endpoints and sends the requests.

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/token"
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

// endpoint is an endpoint of MoneyKit. Its effect is what sending a request twice does.
type endpoint struct {
	method, path string
	effect       bankmux.Effect
}

// endpoints are all that the adapter calls.
var endpoints = struct {
	token, introspect, webhookKeys                    endpoint
	createLinkSession, exchangeToken                  endpoint
	link, updateLink, deleteLink, resetLink, refresh  endpoint
	importLink, importTransactions, testWebhook       endpoint
	links, userLinks, userAccounts, userTransactions  endpoint
	institutions, institution                         endpoint
	accounts, account, numbers, identity              endpoint
	transactions, transactionsSync, correctEnrichment endpoint
	holdings, investments                             endpoint
}{
	// The application. token and webhookKeys need no access token.
	token:       endpoint{http.MethodPost, "/auth/token", bankmux.Idempotent},
	introspect:  endpoint{http.MethodGet, "/auth/introspect", bankmux.Read},
	webhookKeys: endpoint{http.MethodGet, "/.well-known/jwks.json", bankmux.Read},

	// Linking.
	createLinkSession: endpoint{http.MethodPost, "/link-session", bankmux.Idempotent},
	exchangeToken:     endpoint{http.MethodPost, "/link-session/exchange-token", bankmux.OneShot},

	// One link.
	link:               endpoint{http.MethodGet, "/links/{id}", bankmux.Read},
	updateLink:         endpoint{http.MethodPatch, "/links/{id}", bankmux.Idempotent},
	deleteLink:         endpoint{http.MethodDelete, "/links/{id}", bankmux.Idempotent},
	resetLink:          endpoint{http.MethodPost, "/links/{id}/reset", bankmux.Idempotent},
	refresh:            endpoint{http.MethodPost, "/links/{id}/products", bankmux.OneShot}, // 202: the work continues
	importLink:         endpoint{http.MethodPost, "/links/import", bankmux.OneShot},
	importTransactions: endpoint{http.MethodPost, "/links/{id}/import/transactions", bankmux.OneShot},
	testWebhook:        endpoint{http.MethodPost, "/webhooks/test/link/{id}", bankmux.OneShot},

	// All links of the application, and everything of one user.
	links:            endpoint{http.MethodGet, "/links", bankmux.Read},
	userLinks:        endpoint{http.MethodGet, "/users/{id}/links", bankmux.Read},
	userAccounts:     endpoint{http.MethodGet, "/users/{id}/accounts", bankmux.Read},
	userTransactions: endpoint{http.MethodGet, "/users/{id}/transactions", bankmux.Read},

	// Banks.
	institutions: endpoint{http.MethodGet, "/institutions", bankmux.Read},
	institution:  endpoint{http.MethodGet, "/institutions/{id}", bankmux.Read},

	// The data of one link.
	accounts:         endpoint{http.MethodGet, "/links/{id}/accounts", bankmux.Read},
	account:          endpoint{http.MethodGet, "/links/{id}/accounts/{account}", bankmux.Read},
	numbers:          endpoint{http.MethodGet, "/links/{id}/accounts/numbers", bankmux.Read},
	identity:         endpoint{http.MethodGet, "/links/{id}/identity", bankmux.Read},
	transactions:     endpoint{http.MethodGet, "/links/{id}/transactions", bankmux.Read},
	transactionsSync: endpoint{http.MethodGet, "/links/{id}/transactions/sync", bankmux.Read},
	correctEnrichment: endpoint{
		http.MethodPost, "/links/{id}/transactions/{transaction}/enrichment", bankmux.Idempotent,
	},
	holdings:    endpoint{http.MethodGet, "/links/{id}/investments/holdings", bankmux.Read},
	investments: endpoint{http.MethodGet, "/links/{id}/investments/transactions", bankmux.Read},
}

// byID is the path parameter that names one link, user or bank.
func byID(id string) map[string]string { return map[string]string{"id": id} }

// api has a method per endpoint.
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
	if err := a.once(ctx, endpoints.token, rest.Request{Form: form, Header: versionHeader}, &out); err != nil {
		return token.Token{}, err
	}
	return token.Token{
		Value:    bankmux.NewSecret(out.AccessToken),
		Lifetime: out.ExpiresIn.Within(0, longestToken),
	}, nil
}

// introspect returns the name of the application.
func (a *api) introspect(ctx context.Context) (string, error) {
	var out introspectResponse
	err := a.do(ctx, endpoints.introspect, rest.Request{}, &out)
	return cmp.Or(out.App.Name, out.App.AppName), err
}

// webhookKeys returns the public keys of webhook signatures. They need no token.
func (a *api) webhookKeys(ctx context.Context) ([]json.RawMessage, error) {
	var out keysResponse
	header := http.Header{"Moneykit-Version": {version}, "X-Client-Id": {a.id}}
	err := a.once(ctx, endpoints.webhookKeys, rest.Request{Header: header}, &out)
	return out.Keys, err
}

func (a *api) createLinkSession(ctx context.Context, body createLinkSession) (string, error) {
	var out linkSessionResponse
	err := a.do(ctx, endpoints.createLinkSession, rest.Request{JSON: body}, &out)
	return out.LinkSessionToken, err
}

func (a *api) exchangeToken(ctx context.Context, token string) (linkData, error) {
	var out exchangeResponse
	if err := a.do(ctx, endpoints.exchangeToken, rest.Request{JSON: exchangeBody{token}}, &out); err != nil {
		return linkData{}, err
	}
	out.Link.LinkID = cmp.Or(out.Link.LinkID, out.LinkID)
	return *out.Link, nil
}

func (a *api) link(ctx context.Context, id string) (out linkData, err error) {
	err = a.do(ctx, endpoints.link, rest.Request{PathParams: byID(id)}, &out)
	return out, err
}

func (a *api) deleteLink(ctx context.Context, id string) error {
	return a.do(ctx, endpoints.deleteLink, rest.Request{PathParams: byID(id)}, nil)
}

// changeLink is for the endpoints that change or make a link and return it.
func (a *api) changeLink(ctx context.Context, at endpoint, link string, body any) (linkData, error) {
	var out changedLink
	err := a.do(ctx, at, rest.Request{PathParams: byID(link), JSON: body}, &out)
	return out.linkData, err
}

func (a *api) refresh(ctx context.Context, link string, products []string) (out linkData, err error) {
	err = a.do(ctx, endpoints.refresh, rest.Request{PathParams: byID(link), JSON: refreshBody{products}}, &out)
	return out, err
}

func (a *api) testWebhook(ctx context.Context, link, event, key string) (string, error) {
	var out webhookTestResponse
	req := rest.Request{PathParams: byID(link), JSON: webhookTestBody{event, key}}
	err := a.do(ctx, endpoints.testWebhook, req, &out)
	return out.DeliveryToken, err
}

func (a *api) links(ctx context.Context, query url.Values) (out linksResponse, err error) {
	err = a.do(ctx, endpoints.links, rest.Request{Query: query}, &out)
	return out, err
}

func (a *api) userLinks(ctx context.Context, user string) (map[string]linkData, error) {
	var out userLinksResponse
	err := a.do(ctx, endpoints.userLinks, rest.Request{PathParams: byID(CustomerID(user))}, &out)
	return out.Links, err
}

func (a *api) userAccounts(ctx context.Context, user string) (out userAccountsResponse, err error) {
	err = a.do(ctx, endpoints.userAccounts, rest.Request{PathParams: byID(CustomerID(user))}, &out)
	return out, err
}

func (a *api) userTransactions(
	ctx context.Context,
	user string,
	query url.Values,
	out *userTransactionsResponse,
) error {
	req := rest.Request{PathParams: byID(CustomerID(user)), Query: query}
	return a.do(ctx, endpoints.userTransactions, req, out)
}

func (a *api) institutions(ctx context.Context, query url.Values) (out institutionsResponse, err error) {
	err = a.do(ctx, endpoints.institutions, rest.Request{Query: query}, &out)
	return out, err
}

func (a *api) institution(ctx context.Context, id string) (out institution, err error) {
	err = a.do(ctx, endpoints.institution, rest.Request{PathParams: byID(id)}, &out)
	return out, err
}

// accounts does not check that accounts were fetched. The caller does, because the data of other
// products list accounts, too.
func (a *api) accounts(ctx context.Context, link string, ids []string) (out accountsResponse, err error) {
	err = a.onLink(ctx, endpoints.accounts, link, filter(ids), &out)
	return out, err
}

func (a *api) account(ctx context.Context, link, id string) (out accountResponse, err error) {
	req := rest.Request{PathParams: map[string]string{"id": link, "account": id}}
	err = a.do(ctx, endpoints.account, req, &out)
	return out, err
}

func (a *api) numbers(ctx context.Context, link string) (out numbersResponse, err error) {
	err = a.onLink(ctx, endpoints.numbers, link, nil, &out)
	return out, err
}

func (a *api) identity(ctx context.Context, link string, ids []string) (out identityResponse, err error) {
	err = a.onLink(ctx, endpoints.identity, link, filter(ids), &out)
	return out, err
}

func (a *api) transactions(ctx context.Context, link string, query url.Values, out *transactionsResponse) error {
	return a.onLink(ctx, endpoints.transactions, link, query, out)
}

func (a *api) transactionsSync(ctx context.Context, link string, query url.Values, out *syncResponse) error {
	return a.onLink(ctx, endpoints.transactionsSync, link, query, out)
}

func (a *api) correctEnrichment(ctx context.Context, link string, c Correction, out *transactionsResponse) error {
	return a.do(ctx, endpoints.correctEnrichment, rest.Request{
		PathParams: map[string]string{"id": link, "transaction": c.Transaction},
		JSON:       correctionBody{c.Category, c.Subcategory},
	}, out)
}

func (a *api) holdings(ctx context.Context, link string, ids []string) (out holdingsResponse, err error) {
	err = a.onLink(ctx, endpoints.holdings, link, filter(ids), &out)
	return out, err
}

func (a *api) investments(ctx context.Context, link string, query url.Values) (out investmentsResponse, err error) {
	err = a.onLink(ctx, endpoints.investments, link, query, &out)
	return out, err
}

// filter names accounts in a query. The parameter is repeated.
func filter(ids []string) url.Values {
	if len(ids) == 0 {
		return nil
	}
	return url.Values{"account_ids": ids}
}

// onLink reads the data of a link. Reads never fetch, so an empty response about a product that was
// not fetched is an error. Data in the response count more than what its link says about the
// product.
func (a *api) onLink(ctx context.Context, at endpoint, link string, query url.Values, out ofLink) error {
	if err := a.do(ctx, at, rest.Request{PathParams: byID(link), Query: query}, out); err != nil {
		return err
	}
	if err := alive(out.link()); err != nil || out.data() {
		return err
	}
	return fetched(out.link(), out.product())
}

// do sends one request with credentials and reads the response into out, unless out is nil. If the
// token has expired, do renews it and repeats the request once. The request was refused, so even a
// one-shot was not executed. Any other 401 is an error.
func (a *api) do(ctx context.Context, at endpoint, req rest.Request, out any) error {
	req.Header = versionHeader
	for renewed := false; ; renewed = true {
		if err := a.authorize(ctx, &req); err != nil {
			return err
		}
		err := a.once(ctx, at, req, out)
		if renewed || a.auth != AuthBearer || !expired(err) {
			return err
		}
		a.tokens.Invalidate(bankmux.NewSecret(req.Bearer))
	}
}

// once sends one request without changing it, and reads the response into out.
func (a *api) once(ctx context.Context, at endpoint, req rest.Request, out any) error {
	req.Method, req.Path = at.method, at.path
	res, err := a.rest.Do(ctx, req)
	if err != nil {
		return err
	}
	return read(res, out)
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
