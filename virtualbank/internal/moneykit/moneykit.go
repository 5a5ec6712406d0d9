package moneykit

// This file has the MoneyKit side and the handling of requests.

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// TTLs on the bank's clock. MoneyKit publishes only the first; the others are the bank's own.
const (
	accessTokenTTL       = time.Hour
	linkSessionTTL       = 4 * time.Hour
	exchangeableTokenTTL = 30 * time.Minute
	deletedLinkTTL       = 90 * 24 * time.Hour
)

// Options configures the MoneyKit side. The fields are those of virtualbank.Options.
type Options struct {
	LinkQuota         int
	RedirectOrigins   []string
	ForbiddenFeatures []string
	DeletedReadable   bool
	Issuer            string // of webhooks; "" means DefaultIssuer
	Forms             Forms
}

// Provider is the MoneyKit side of a bank. The bank's mutex guards its fields.
type Provider struct {
	*bank.Bank
	opts         Options
	clientID     string
	clientSecret string
	keys         []signingKey // of webhooks, the newest first; all are published
	forms        Forms

	appID    string
	tokens   map[string]*accessToken
	sessions map[string]*linkSession
	links    map[string]*link
	order    []*link // in the order of creation
	exchange map[string]*exchangeable
}

// accessToken is a bearer token of the API.
type accessToken struct {
	expires time.Time
	scope   string
}

// exchangeable is a one-time token for a link.
type exchangeable struct {
	link    *link
	expires time.Time
	used    bool
}

// New returns the MoneyKit side of a bank, with new credentials of an application.
func New(b *bank.Bank, o Options) *Provider {
	return &Provider{
		Bank: b, opts: o, forms: o.Forms,
		clientID: "live_" + b.Gen.Hex(20), clientSecret: b.Gen.Alphanumeric(24),
		tokens: map[string]*accessToken{}, sessions: map[string]*linkSession{},
		links: map[string]*link{}, exchange: map[string]*exchangeable{},
	}
}

// The error codes of MoneyKit.
const (
	codeUnauthorized  = "api_error.auth.unauthorized"
	codeExpired       = "api_error.auth.expired_access_token"
	codeInvalid       = "api_error.request.validation_failed"
	codeRateLimited   = "api_error.rate_limit_exceeded"
	codeForbidden     = "link_session_error.forbidden_config"
	codeBadExchange   = "link_session_error.invalid_token_exchange"
	codeLinkNotFound  = "link_error.not_found"
	codeLinkDeleted   = "link_error.deleted"
	codeBadState      = "link_error.bad_state"
	codeNoInstitution = "institution_error.not_found"
	codeNotFound      = "api_error.not_found"          // not documented; the bank's own
	codeMethod        = "api_error.method_not_allowed" // not documented; the bank's own
)

// apiError is the body of an error.
type apiError struct {
	Code          string           `json:"error_code"`
	Message       string           `json:"error_message"`
	Documentation *string          `json:"documentation_url"`
	LinkErrorCode string           `json:"link_error_code,omitempty"`
	Validation    []validationItem `json:"validation_errors,omitempty"`
}

// fail returns an error.
func fail(status int, code, message string) bank.Reply {
	return bank.Reply{Status: status, Body: apiError{Code: code, Message: message}}
}

// badLink returns the error of a link in the wrong state.
func badLink(linkErrorCode string) bank.Reply {
	return bank.Reply{Status: http.StatusUnprocessableEntity, Body: apiError{
		Code: codeBadState, Message: "The link cannot be used in its present state", LinkErrorCode: linkErrorCode,
	}}
}

// Routes returns the operations of the API.
func (b *Provider) Routes() []bank.Route {
	routes := []bank.Route{
		{Method: "POST", Path: "/auth/token", Open: true, Handle: b.serveToken},
		{Method: "GET", Path: "/auth/introspect", Handle: b.introspect},
		{Method: "GET", Path: "/.well-known/jwks.json", Open: true, Handle: b.serveKeys},
		{Method: "POST", Path: "/link-session", Handle: b.createSession},
		{Method: "POST", Path: "/link-session/exchange-token", Handle: b.exchangeToken},
		{Method: "GET", Path: "/links", Handle: b.serveLinks},
		{Method: "POST", Path: "/links/import", Handle: b.importLink},
		{Method: "GET", Path: "/links/{id}", Handle: b.serveLink},
		{Method: "PATCH", Path: "/links/{id}", Handle: b.updateLink},
		{Method: "DELETE", Path: "/links/{id}", Handle: b.deleteLink},
		{Method: "POST", Path: "/links/{id}/reset", Handle: b.resetLink},
		{Method: "POST", Path: "/links/{id}/products", Handle: b.refreshProducts},
		{Method: "POST", Path: "/links/{id}/import/transactions", Handle: b.importTransactions},
		{Method: "GET", Path: "/links/{id}/accounts", Handle: b.serveAccounts},
		{Method: "GET", Path: "/links/{id}/accounts/numbers", Handle: b.serveNumbers},
		{Method: "GET", Path: "/links/{id}/accounts/{account_id}", Handle: b.serveAccount},
		{Method: "GET", Path: "/links/{id}/identity", Handle: b.serveIdentity},
		{Method: "GET", Path: "/links/{id}/transactions", Handle: b.serveTransactions},
		{Method: "GET", Path: "/links/{id}/transactions/sync", Handle: b.serveSync},
		{Method: "POST", Path: "/links/{id}/transactions/{txn_id}/enrichment", Handle: b.correctCategory},
		{Method: "GET", Path: "/links/{id}/investments/holdings", Handle: b.serveHoldings},
		{Method: "GET", Path: "/links/{id}/investments/transactions", Handle: b.serveInvestments},
		{Method: "GET", Path: "/institutions", Handle: b.serveInstitutions},
		{Method: "GET", Path: "/institutions/{institution_id}", Handle: b.serveInstitution},
		{Method: "GET", Path: "/users/{id}/links", Handle: b.serveUserLinks},
		{Method: "GET", Path: "/users/{id}/accounts", Handle: b.serveUserAccounts},
		{Method: "GET", Path: "/users/{id}/transactions", Handle: b.serveUserTransactions},
		{Method: "POST", Path: "/webhooks/test/link/{id}", Handle: b.testWebhook},
	}
	for i := range routes {
		routes[i].Operation = routes[i].Method + " " + routes[i].Path
	}
	return routes
}

// Fail returns the response to a request that reaches no operation.
func (b *Provider) Fail(status int) bank.Reply {
	switch status {
	case http.StatusMethodNotAllowed:
		return fail(status, codeMethod, "Method Not Allowed")
	case http.StatusRequestEntityTooLarge:
		return fail(status, codeInvalid, "Request body too large")
	case http.StatusTooManyRequests:
		return fail(status, codeRateLimited, "Rate limit exceeded")
	}
	return fail(http.StatusNotFound, codeNotFound, "Not Found")
}

// Handle serves a request.
func (b *Provider) Handle(c *bank.Call) bank.Reply {
	if p, ok := b.injected(c); ok {
		return p
	}
	return b.finish(c, b.operation(c))
}

// operation checks the credentials and serves the operation.
func (b *Provider) operation(c *bank.Call) bank.Reply {
	if !c.Route.Open {
		if p, ok := b.authorize(c.Request); !ok {
			return p
		}
	}
	return c.Route.Handle(c)
}

// authorize accepts a bearer token or the client's headers, which are in MoneyKit's newer
// documentation. If a token was sent, only the token counts. An empty one counts as absent.
func (b *Provider) authorize(r *http.Request) (bank.Reply, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token != "" && token != emptyBasic {
		b.Lock()
		defer b.Unlock()
		known, ok := b.tokens[token]
		switch {
		case !ok || !strings.EqualFold(scheme, "Bearer"):
			return fail(http.StatusUnauthorized, codeUnauthorized, "Unauthorized"), false
		case !b.Now().Before(known.expires):
			return fail(http.StatusUnauthorized, codeExpired, "Access token expired"), false
		}
		return bank.Reply{}, true
	}
	if b.isClient(r.Header.Get("X-Client-Id"), r.Header.Get("X-Client-Secret")) {
		return bank.Reply{}, true
	}
	return fail(http.StatusUnauthorized, codeUnauthorized, "Unauthorized"), false
}

// emptyBasic is HTTP Basic without user and password.
const emptyBasic = "Og=="

// isClient reports whether an id and a secret are the client's.
func (b *Provider) isClient(id, secret string) bool {
	return bank.Same(id, b.clientID) && bank.Same(secret, b.clientSecret)
}

// Concerns returns the institution that a request is about.
func (b *Provider) Concerns(c *bank.Call) string {
	if id := c.Vars["institution_id"]; id != "" {
		return id
	}
	var body struct {
		Institution string `json:"institution_id"`
		Existing    string `json:"existing_link_id"`
		Token       string `json:"exchangeable_token"`
	}
	_ = json.Unmarshal(c.Body, &body) // an invalid body is about no institution
	id := body.Existing
	if strings.HasPrefix(c.Route.Path, "/links/") {
		id = c.Vars["id"]
	}
	if l, ok := b.links[id]; ok {
		return l.institution.MoneyKitID
	}
	if e, ok := b.exchange[body.Token]; ok {
		return e.link.institution.MoneyKitID
	}
	return body.Institution
}

// timestamp returns a time as MoneyKit writes it: with microseconds and a numeric offset.
func timestamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
	return &s
}

// Credentials authenticate a client.
type Credentials struct{ ClientID, ClientSecret string }

// Secret returns the client secret.
func (b *Provider) Secret() string { return b.clientSecret }

// Credentials returns what a client presents.
func (b *Provider) Credentials() Credentials { return Credentials{b.clientID, b.clientSecret} }
