package virtualbank

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Lifetimes on the bank's clock. MoneyKit publishes the first only; the others are the
// bank's own.
const (
	accessTokenLife       = time.Hour
	linkSessionLife       = 4 * time.Hour
	exchangeableTokenLife = 30 * time.Minute
	deletedLinkLife       = 90 * 24 * time.Hour
)

// mkOptions are what an application and MoneyKit have agreed on.
type mkOptions struct {
	LinkQuota         int
	RedirectOrigins   []string
	ForbiddenFeatures []string
	DeletedReadable   bool
	Issuer            string // of webhooks; "" is [DefaultIssuer]
	Forms             mkForms
}

// mkProvider is the MoneyKit side of a bank. What it remembers is guarded by the bank's mutex.
type mkProvider struct {
	*core
	opts         mkOptions
	clientID     string
	clientSecret string
	keys         []signingKey // newest first; all are published
	forms        mkForms

	appID    string
	tokens   map[string]*accessToken
	sessions map[string]*linkSession
	links    map[string]*link
	order    []*link // by creation
	exchange map[string]*exchangeable
}

type accessToken struct {
	expires time.Time
	scope   string
}

type exchangeable struct {
	link    *link
	expires time.Time
	used    bool
}

// newMoneyKit draws the credentials of an application.
func newMoneyKit(b *core, o mkOptions) *mkProvider {
	return &mkProvider{
		core: b, opts: o, forms: o.Forms,
		clientID: "live_" + b.gen.hex(20), clientSecret: b.gen.alphanumeric(24),
		tokens: map[string]*accessToken{}, sessions: map[string]*linkSession{},
		links: map[string]*link{}, exchange: map[string]*exchangeable{},
	}
}

// The error codes of MoneyKit.
const (
	mkUnauthorized  = "api_error.auth.unauthorized"
	mkExpired       = "api_error.auth.expired_access_token"
	mkInvalid       = "api_error.request.validation_failed"
	mkRateLimited   = "api_error.rate_limit_exceeded"
	mkForbidden     = "link_session_error.forbidden_config"
	mkBadExchange   = "link_session_error.invalid_token_exchange"
	mkLinkNotFound  = "link_error.not_found"
	mkLinkDeleted   = "link_error.deleted"
	mkBadState      = "link_error.bad_state"
	mkNoInstitution = "institution_error.not_found"
	mkNotFound      = "api_error.not_found"          // not documented: the bank's own
	mkMethod        = "api_error.method_not_allowed" // not documented: the bank's own
)

type moneyKitError struct {
	Code          string           `json:"error_code"`
	Message       string           `json:"error_message"`
	Documentation *string          `json:"documentation_url"`
	LinkErrorCode string           `json:"link_error_code,omitempty"`
	Validation    []validationItem `json:"validation_errors,omitempty"`
}

func mkFail(status int, code, message string) reply {
	return reply{status: status, body: moneyKitError{Code: code, Message: message}}
}

func mkBadLink(linkErrorCode string) reply {
	return reply{status: http.StatusUnprocessableEntity, body: moneyKitError{
		Code: mkBadState, Message: "The link cannot be used in its present state", LinkErrorCode: linkErrorCode,
	}}
}

// Routes returns the operations of the API.
func (b *mkProvider) Routes() []route {
	routes := []route{
		{method: "POST", path: "/auth/token", open: true, handle: b.mkToken},
		{method: "GET", path: "/auth/introspect", handle: b.mkIntrospect},
		{method: "GET", path: "/.well-known/jwks.json", open: true, handle: b.mkKeys},
		{method: "POST", path: "/link-session", handle: b.mkCreateSession},
		{method: "POST", path: "/link-session/exchange-token", handle: b.mkExchange},
		{method: "GET", path: "/links", handle: b.mkListLinks},
		{method: "POST", path: "/links/import", handle: b.mkImportLink},
		{method: "GET", path: "/links/{id}", handle: b.mkGetLink},
		{method: "PATCH", path: "/links/{id}", handle: b.mkUpdateLink},
		{method: "DELETE", path: "/links/{id}", handle: b.mkDeleteLink},
		{method: "POST", path: "/links/{id}/reset", handle: b.mkResetLink},
		{method: "POST", path: "/links/{id}/products", handle: b.mkRefresh},
		{method: "POST", path: "/links/{id}/import/transactions", handle: b.mkImportTransactions},
		{method: "GET", path: "/links/{id}/accounts", handle: b.mkAccountsOf},
		{method: "GET", path: "/links/{id}/accounts/numbers", handle: b.mkNumbersOf},
		{method: "GET", path: "/links/{id}/accounts/{account_id}", handle: b.mkAccountOf},
		{method: "GET", path: "/links/{id}/identity", handle: b.mkIdentityOf},
		{method: "GET", path: "/links/{id}/transactions", handle: b.mkTransactionsOf},
		{method: "GET", path: "/links/{id}/transactions/sync", handle: b.mkSync},
		{method: "POST", path: "/links/{id}/transactions/{txn_id}/enrichment", handle: b.mkCorrect},
		{method: "GET", path: "/links/{id}/investments/holdings", handle: b.mkHoldings},
		{method: "GET", path: "/links/{id}/investments/transactions", handle: b.mkInvestments},
		{method: "GET", path: "/institutions", handle: b.mkListInstitutions},
		{method: "GET", path: "/institutions/{institution_id}", handle: b.mkGetInstitution},
		{method: "GET", path: "/users/{id}/links", handle: b.mkUserLinks},
		{method: "GET", path: "/users/{id}/accounts", handle: b.mkUserAccounts},
		{method: "GET", path: "/users/{id}/transactions", handle: b.mkUserTransactions},
		{method: "POST", path: "/webhooks/test/link/{id}", handle: b.mkTestWebhook},
	}
	for i := range routes {
		routes[i].op = routes[i].method + " " + routes[i].path
	}
	return routes
}

// Fail returns the answer to a request that no operation gets.
func (b *mkProvider) Fail(status int) reply {
	switch status {
	case http.StatusMethodNotAllowed:
		return mkFail(status, mkMethod, "Method Not Allowed")
	case http.StatusRequestEntityTooLarge:
		return mkFail(status, mkInvalid, "Request body too large")
	case http.StatusTooManyRequests:
		return mkFail(status, mkRateLimited, "Rate limit exceeded")
	}
	return mkFail(http.StatusNotFound, mkNotFound, "Not Found")
}

// Handle carries out a request.
func (b *mkProvider) Handle(c *call) reply {
	if p, ok := b.mkSpecial(c); ok {
		return p
	}
	return b.mkFinish(c, b.mkOperation(c))
}

func (b *mkProvider) mkOperation(c *call) reply {
	if !c.route.open {
		if p, ok := b.mkAuthorize(c.r); !ok {
			return p
		}
	}
	return c.route.handle(c)
}

// mkAuthorize accepts a bearer token or, as the newer documentation has it, the client's
// headers. A bearer token, once sent, is what counts; an empty one was not sent.
func (b *mkProvider) mkAuthorize(r *http.Request) (reply, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token != "" && token != emptyBasic {
		b.Lock()
		defer b.Unlock()
		known, ok := b.tokens[token]
		switch {
		case !ok || !strings.EqualFold(scheme, "Bearer"):
			return mkFail(http.StatusUnauthorized, mkUnauthorized, "Unauthorized"), false
		case !b.Now().Before(known.expires):
			return mkFail(http.StatusUnauthorized, mkExpired, "Access token expired"), false
		}
		return reply{}, true
	}
	if b.mkClient(r.Header.Get("X-Client-Id"), r.Header.Get("X-Client-Secret")) {
		return reply{}, true
	}
	return mkFail(http.StatusUnauthorized, mkUnauthorized, "Unauthorized"), false
}

// emptyBasic is HTTP Basic without user and password.
const emptyBasic = "Og=="

func (b *mkProvider) mkClient(id, secret string) bool {
	return same(id, b.clientID) && same(secret, b.clientSecret)
}

// Concerns finds the institution that a request is about.
func (b *mkProvider) Concerns(c *call) string {
	if id := c.vars["institution_id"]; id != "" {
		return id
	}
	var body struct {
		Institution string `json:"institution_id"`
		Existing    string `json:"existing_link_id"`
		Token       string `json:"exchangeable_token"`
	}
	_ = json.Unmarshal(c.body, &body) // what does not decode concerns no institution
	id := body.Existing
	if strings.HasPrefix(c.route.path, "/links/") {
		id = c.vars["id"]
	}
	if l, ok := b.links[id]; ok {
		return l.institution.MoneyKitID
	}
	if e, ok := b.exchange[body.Token]; ok {
		return e.link.institution.MoneyKitID
	}
	return body.Institution
}

// mkTime writes an instant as MoneyKit does: microseconds, and the offset spelled out.
func mkTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
	return &s
}

// mkCredentials open the MoneyKit side of a bank.
type mkCredentials struct{ ClientID, ClientSecret string }

// Credentials returns what a client has to present.
func (b *mkProvider) Credentials() mkCredentials { return mkCredentials{b.clientID, b.clientSecret} }
