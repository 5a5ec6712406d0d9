package plaid

// This file has Plaid's endpoints and sends the requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// version pins the wire format. It is the newest one. Without it, a setting of the dashboard would
// decide.
const version = "2020-09-14"

// endpoint is an endpoint of Plaid. Each is a POST. Its effect is what sending a request twice
// does.
type endpoint struct {
	path   string
	effect bankmux.Effect
	onItem bool // the call is about one Item: see normalize/plaid.Error
}

// endpoints are all that the adapter calls.
var endpoints = struct {
	createLinkToken, readLinkToken, exchange       endpoint
	createUser                                     endpoint
	item, removeItem, updateWebhook, rotateToken   endpoint
	institutions, institution, searchInstitutions  endpoint
	accounts, balances, numbers, identity          endpoint
	transactions, transactionsSync                 endpoint
	refreshTransactions, refreshInvestments        endpoint
	holdings, investments, liabilities, webhookKey endpoint
	sandboxReset, sandboxWebhook                   endpoint
}{
	// Linking. Another link token is harmless. The exchange spends its token.
	createLinkToken: endpoint{"/link/token/create", bankmux.Idempotent, false},
	readLinkToken:   endpoint{"/link/token/get", bankmux.Read, false},
	exchange:        endpoint{"/item/public_token/exchange", bankmux.OneShot, false},
	createUser:      endpoint{"/user/create", bankmux.OneShot, false},

	// One Item.
	item:          endpoint{"/item/get", bankmux.Read, true},
	removeItem:    endpoint{"/item/remove", bankmux.Idempotent, true},
	updateWebhook: endpoint{"/item/webhook/update", bankmux.Idempotent, true},
	rotateToken:   endpoint{"/item/access_token/invalidate", bankmux.OneShot, true}, // the old token dies at once

	// Banks.
	institutions:       endpoint{"/institutions/get", bankmux.Read, false},
	institution:        endpoint{"/institutions/get_by_id", bankmux.Read, false},
	searchInstitutions: endpoint{"/institutions/search", bankmux.Read, false},

	// The data of one Item. Refreshes are billed, and some are allowed a few times a minute.
	accounts:            endpoint{"/accounts/get", bankmux.Read, true},
	balances:            endpoint{"/accounts/balance/get", bankmux.Read, true}, // asks the bank
	numbers:             endpoint{"/auth/get", bankmux.Read, true},
	identity:            endpoint{"/identity/get", bankmux.Read, true},
	transactions:        endpoint{"/transactions/get", bankmux.Read, true},
	transactionsSync:    endpoint{"/transactions/sync", bankmux.Read, true},
	refreshTransactions: endpoint{"/transactions/refresh", bankmux.OneShot, true},
	holdings:            endpoint{"/investments/holdings/get", bankmux.Read, true},
	investments:         endpoint{"/investments/transactions/get", bankmux.Read, true},
	refreshInvestments:  endpoint{"/investments/refresh", bankmux.OneShot, true},
	liabilities:         endpoint{"/liabilities/get", bankmux.Read, true},

	webhookKey: endpoint{"/webhook_verification_key/get", bankmux.Read, false},

	// The sandbox alone.
	sandboxReset:   endpoint{"/sandbox/item/reset_login", bankmux.Idempotent, true},
	sandboxWebhook: endpoint{"/sandbox/item/fire_webhook", bankmux.OneShot, true},
}

// api sends requests to the endpoints. Header fields carry the credentials, because bodies are
// often logged.
type api struct {
	rest   *rest.Client
	header http.Header // of every request; it must not be changed
}

func newAPI(cfg Config) *api {
	return &api{
		rest: rest.New(rest.Config{
			BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Resty: cfg.Resty, BodyLimit: cfg.BodyLimit,
		}),
		header: http.Header{
			"Plaid-Version":   {version},
			"Plaid-Client-Id": {cfg.ClientID},
			"Plaid-Secret":    {cfg.Secret.Reveal()},
		},
	}
}

// do sends one request and reads the response into out.
func (a *api) do(ctx context.Context, at endpoint, body, out any) error {
	res, err := a.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: at.path, Header: a.header, JSON: body})
	if err != nil {
		return err
	}
	return read(res, at, out)
}

// fetch sends a request to an endpoint and returns the response.
func fetch[T any](ctx context.Context, a *api, at endpoint, body any) (out T, err error) {
	err = a.do(ctx, at, body, &out)
	return out, err
}

// readItem is fetch for an endpoint that needs nothing but the Item.
func readItem[T any](ctx context.Context, a *api, at endpoint, access bankmux.Secret) (T, error) {
	return fetch[T](ctx, a, at, itemRequest{AccessToken: access.Reveal()})
}

// createLinkToken is about one Item in update mode.
func (a *api) createLinkToken(ctx context.Context, body linkTokenRequest) (linkTokenResponse, error) {
	at := endpoints.createLinkToken
	at.onItem = body.AccessToken != ""
	return fetch[linkTokenResponse](ctx, a, at, body)
}

func (a *api) item(ctx context.Context, access bankmux.Secret) (itemResponse, error) {
	return readItem[itemResponse](ctx, a, endpoints.item, access)
}

func (a *api) updateWebhook(ctx context.Context, access bankmux.Secret, url string) error {
	body := webhookRequest{AccessToken: access.Reveal()}
	if url != "" {
		body.Webhook = &url
	}
	_, err := fetch[itemResponse](ctx, a, endpoints.updateWebhook, body)
	return err
}
