package plaid

// This file has Plaid's endpoints and sends the requests.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// version pins the wire format. It is the newest one. Without it, a setting of the dashboard would
// decide.
const version = "2020-09-14"

// endpoint is an endpoint of Plaid that responds with an Out. Each is a POST. Its effect is what
// sending a request twice does.
type endpoint[Out any] struct {
	path   string
	effect bankmux.Effect
	onItem bool // the call is about one Item: see normalize/plaid.Error
}

// All endpoints that the adapter calls, named after their paths.
var (
	// Linking. Another link token is harmless. The exchange spends its token.
	linkTokenCreate     = endpoint[linkTokenResponse]{"/link/token/create", bankmux.Idempotent, false}
	linkTokenGet        = endpoint[linkSessionsResponse]{"/link/token/get", bankmux.Read, false}
	publicTokenExchange = endpoint[exchangeResponse]{"/item/public_token/exchange", bankmux.OneShot, false}
	userCreate          = endpoint[userResponse]{"/user/create", bankmux.OneShot, false}

	// One Item. The old token dies at once.
	itemGet               = endpoint[itemResponse]{"/item/get", bankmux.Read, true}
	itemRemove            = endpoint[doneResponse]{"/item/remove", bankmux.Idempotent, true}
	itemWebhookUpdate     = endpoint[itemResponse]{"/item/webhook/update", bankmux.Idempotent, true}
	accessTokenInvalidate = endpoint[rotatedResponse]{"/item/access_token/invalidate", bankmux.OneShot, true}

	// Banks.
	institutionsGet     = endpoint[institutionsResponse]{"/institutions/get", bankmux.Read, false}
	institutionsGetByID = endpoint[institutionResponse]{"/institutions/get_by_id", bankmux.Read, false}
	institutionsSearch  = endpoint[foundResponse]{"/institutions/search", bankmux.Read, false}

	// The data of one Item. Fresh balances ask the bank. Refreshes are billed, and some are allowed
	// a few times a minute.
	accountsGet                = endpoint[accountsResponse]{"/accounts/get", bankmux.Read, true}
	accountsBalanceGet         = endpoint[accountsResponse]{"/accounts/balance/get", bankmux.Read, true}
	authGet                    = endpoint[numbersResponse]{"/auth/get", bankmux.Read, true}
	identityGet                = endpoint[identityResponse]{"/identity/get", bankmux.Read, true}
	transactionsGet            = endpoint[transactionsResponse]{"/transactions/get", bankmux.Read, true}
	transactionsSync           = endpoint[syncResponse]{"/transactions/sync", bankmux.Read, true}
	transactionsRefresh        = endpoint[doneResponse]{"/transactions/refresh", bankmux.OneShot, true}
	investmentsHoldingsGet     = endpoint[holdingsResponse]{"/investments/holdings/get", bankmux.Read, true}
	investmentsTransactionsGet = endpoint[investmentsResponse]{"/investments/transactions/get", bankmux.Read, true}
	investmentsRefresh         = endpoint[doneResponse]{"/investments/refresh", bankmux.OneShot, true}
	liabilitiesGet             = endpoint[liabilitiesResponse]{"/liabilities/get", bankmux.Read, true}

	webhookKeyGet = endpoint[keyResponse]{"/webhook_verification_key/get", bankmux.Read, false}

	// The sandbox alone.
	sandboxItemResetLogin  = endpoint[doneResponse]{"/sandbox/item/reset_login", bankmux.Idempotent, true}
	sandboxItemFireWebhook = endpoint[doneResponse]{"/sandbox/item/fire_webhook", bankmux.OneShot, true}
)

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
			Drift: rest.Drift{Guard: cfg.Guard, Client: cfg.Name, Provider: Name, Documented: model.Documented()},
		}),
		header: http.Header{
			"Plaid-Version":   {version},
			"Plaid-Client-Id": {cfg.ClientID},
			"Plaid-Secret":    {cfg.Secret.Reveal()},
		},
	}
}

// fetch sends a request and returns the response, which is zero if there is an error.
func (at endpoint[Out]) fetch(ctx context.Context, a *api, body any) (out Out, err error) {
	if err = at.into(ctx, a, body, &out); err != nil {
		out = *new(Out)
	}
	return out, err
}

// into sends a request and reads the response into out, which may take rows while they are read.
func (at endpoint[Out]) into(ctx context.Context, a *api, body any, out *Out) error {
	res, err := a.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: at.path, Header: a.header, JSON: body})
	if err != nil {
		return err
	}
	return read(res, at.onItem, out)
}

// ofItem is fetch for an endpoint that needs nothing but the Item. It never returns nil.
func (at endpoint[Out]) ofItem(ctx context.Context, a *api, conn *bankmux.Connection) (*Out, error) {
	out := new(Out)
	err := at.into(ctx, a, requestOf(conn), out)
	if err != nil {
		*out = *new(Out)
	}
	return out, err
}

// requestOf is a request that has only the access token. It is not inlined, so that its copy of the
// connection is not on the stack of a call that waits for its response.
//
//go:noinline
func requestOf(conn *bankmux.Connection) itemRequest {
	return itemRequest{AccessToken: conn.Credential().Reveal()}
}

// op describes an operation that only Plaid has. findOut names the call that reveals the outcome of
// a lost one-shot.
func (at endpoint[Out]) op(name string, group bankmux.Group, findOut string) bankmux.Op {
	return bankmux.Op{Name: name, Group: group, Effect: at.effect, FindOut: findOut}
}
