// Package plaid is the Plaid side of a virtual bank: its sandbox, one HTTP POST per call.
package plaid

import (
	"crypto/ecdsa"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Version is the only version of the API that the bank serves.
const Version = "2020-09-14"

// Options are what an application and Plaid have agreed on. The zero value is a client in the
// sandbox with every product that the bank has, all countries, and Link events enabled.
type Options struct {
	// RedirectURIs is the allow-list of the dashboard. Empty allows every valid address.
	RedirectURIs []string

	// RepeatableExchange lets a public token be exchanged again: each time for another access token
	// of the same Item. Sources disagree about the real one, and the bank is strict without it.
	RepeatableExchange bool

	// HostedResultsOnly leaves the results of plain Link sessions out of /link/token/get, as for a
	// client without Link events. Those of hosted and multi-item sessions stay.
	HostedResultsOnly bool

	// RateLimits enforces the published limits of the sandbox per Item and minute. The windows are
	// fixed minutes of the bank's time, which is the bank's choice.
	RateLimits bool

	// ItemLifetime ends logins after so long, as the sandbox does after 30 days. Zero is never.
	ItemLifetime time.Duration
}

// Credentials open the Plaid side of a bank.
type Credentials struct{ ClientID, Secret string }

// Provider is the Plaid side of a bank. What it remembers is guarded by the bank's mutex.
type Provider struct {
	*bank.Bank
	opts  Options
	draw  drawer
	creds Credentials
	keys  []*signingKey // newest first

	linkTokens map[string]*linkToken
	public     map[string]*publicToken
	access     map[string]*item // live access tokens
	users      map[string]string
	items      map[string]*item
	order      []*item // by creation
	limits     map[string]int
}

// drawer draws identifiers that leave those of the other providers as they are.
type drawer interface {
	Hex(n int) string
	Alphanumeric(n int) string
	Base58(n int) string
	UUID() string
	SigningKey() *ecdsa.PrivateKey
	Hide(text string) string
}

// New draws the credentials of an application. It is the last to draw: the bank's own key has been
// drawn.
func New(b *bank.Bank, seed uint64, o Options) *Provider {
	const salt = 3
	p := &Provider{
		Bank: b, opts: o, draw: b.Gen.Apart(seed, salt),
		linkTokens: map[string]*linkToken{}, public: map[string]*publicToken{}, access: map[string]*item{},
		users: map[string]string{}, items: map[string]*item{}, limits: map[string]int{},
	}
	p.creds = Credentials{p.draw.Hex(24), p.draw.Hide(p.draw.Hex(30))}
	p.keys = []*signingKey{p.newKey(p.draw)}
	return p
}

// Credentials returns what a client has to present.
func (b *Provider) Credentials() Credentials { return b.creds }

// Secret returns the secret of the application, which the journal masks.
func (b *Provider) Secret() string { return b.creds.Secret }

// Routes returns the operations of the API. Every one is a POST, and is named after its path.
func (b *Provider) Routes() []bank.Route {
	routes := []bank.Route{
		b.route("/link/token/create", b.createLinkToken),
		b.route("/link/token/get", b.readLinkToken),
		b.route("/user/create", b.createUser),
		b.route("/item/public_token/exchange", b.exchange),
		b.route("/item/get", b.serveItem),
		b.route("/item/remove", b.removeItem),
		b.route("/item/webhook/update", b.updateWebhook),
		b.route("/item/access_token/invalidate", b.rotateToken),
		b.route("/institutions/get", b.serveInstitutions),
		b.route("/institutions/get_by_id", b.serveInstitution),
		b.route("/institutions/search", b.searchInstitutions),
		b.route("/accounts/get", b.serveAccounts),
		b.route("/accounts/balance/get", b.serveBalances),
		b.route("/auth/get", b.serveNumbers),
		b.route("/identity/get", b.serveIdentity),
		b.route("/transactions/get", b.serveTransactions),
		b.route("/transactions/sync", b.serveSync),
		b.route("/transactions/refresh", b.refreshTransactions),
		b.route("/investments/holdings/get", b.serveHoldings),
		b.route("/investments/transactions/get", b.serveInvestments),
		b.route("/investments/refresh", b.refreshInvestments),
		b.route("/liabilities/get", b.serveLiabilities),
		b.route("/webhook_verification_key/get", b.serveKey),
		b.route("/sandbox/public_token/create", b.createPublicToken),
		b.route("/sandbox/item/reset_login", b.resetLogin),
		b.route("/sandbox/item/fire_webhook", b.fireWebhook),
		b.route("/sandbox/transactions/create", b.createTransactions),
	}
	return routes
}

// route makes an operation of a handler that runs under the mutex with a body whose credentials are
// right.
func (b *Provider) route(path string, serve func(request) bank.Reply) bank.Route {
	return bank.Route{Method: http.MethodPost, Path: path, Operation: path, Handle: func(c *bank.Call) bank.Reply {
		body, refusal, ok := readBody(c)
		if !ok {
			return refusal
		}
		b.Lock()
		defer b.Unlock()
		return serve(request{object: body, call: c, bank: b})
	}}
}

// Handle carries out a request.
func (b *Provider) Handle(c *bank.Call) bank.Reply {
	if p, ok := injected(c); ok {
		return p
	}
	p := c.Route.Handle(c)
	if c.Fault == bank.FaultSlow {
		c.Pause(bank.SlowDelay)
	}
	return p
}

// Fail returns the response to a request that no operation gets. Plaid has paths for POST alone, so
// another method is an unknown path, which is the bank's choice.
func (b *Provider) Fail(status int) bank.Reply {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return refuse(invalidBody, "the request body is too large")
	case http.StatusTooManyRequests:
		return refuse(rateLimit, "rate limit exceeded. If this persists, contact support")
	}
	return refuse(notFound, "the requested path does not exist")
}

// Form puts the id of the request into the response.
func (b *Provider) Form(p bank.Reply) bank.Reply {
	if body, ok := p.Body.(map[string]any); ok {
		b.Lock()
		body["request_id"] = b.draw.Alphanumeric(15)
		b.Unlock()
	}
	return p
}

// Concerns finds the institution that a request is about.
func (b *Provider) Concerns(c *bank.Call) string {
	var body struct {
		Institution string `json:"institution_id"`
		Access      string `json:"access_token"`
		Public      string `json:"public_token"`
	}
	_ = json.Unmarshal(c.Body, &body) // what does not decode concerns no institution
	if it, ok := b.access[body.Access]; ok {
		return it.institution.PlaidID
	}
	if token, ok := b.public[body.Public]; ok {
		return token.item.institution.PlaidID
	}
	return body.Institution
}

// instant writes a moment as Plaid does; nil for none.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// ok is a successful response.
func ok(body map[string]any) bank.Reply { return bank.Reply{Status: http.StatusOK, Body: body} }

// chance is a source of chance for nothing but the order in which a situation shuffles rows.
func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) } //nolint:gosec // a virtual bank
