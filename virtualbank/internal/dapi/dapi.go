package dapi

// This file has the Dapi side, its connections and the handling of requests.

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Provider is the Dapi side of a bank. The bank's mutex guards its fields.
type Provider struct {
	*bank.Bank
	appKey    string
	appSecret string
	secrets   [][]byte // of webhooks, the newest first; all of them sign
	legacy    string
	aesKey    []byte
	hooks     Webhooks
	payees    map[*bank.Book][]*payee // the beneficiaries of each customer

	connections map[string]*connection // by connectionID
	codes       map[string]*accessCode
	tokens      map[string]*connection // by accessToken
	operations  map[string]*operation  // by operationID
	order       []*connection
}

// connection is one login of one user at one institution.
type connection struct {
	bank        *Provider
	id          string
	institution bank.Institution
	bankID      string // the institution's id in the environment of Connect
	userID      string
	userSecret  string
	tokenID     string
	delinked    bool
	lapsed      bool
	day         bank.Day // the last day whose transactions were announced
	book        *bank.Book
	wanted      []inputScript // scripts of questions to come
	deferred    []deferral    // scripts of deferrals to come
	pending     *pendingInput // the open question
	trusted     time.Time     // until when the institution does not ask
	running     []*running    // calls in progress with the connection's token

	bank.Exchanges
	staged      string // the staged situation of the transactions
	stagedUntil time.Time
}

// running is a call in progress. clashed is set if another call overlapped with it.
type running struct{ clashed bool }

// accessCode is the one-time code of a login.
type accessCode struct {
	conn    *connection
	expires time.Time
	used    bool
}

// New returns the Dapi side of a bank, with new credentials of an application.
func New(b *bank.Bank) *Provider {
	return &Provider{
		Bank: b, appKey: b.Gen.Hex(64), appSecret: b.Gen.Hex(256),
		secrets:     [][]byte{b.WebhookGen.Bytes(24)},
		legacy:      b.WebhookGen.Alphanumeric(40),
		aesKey:      b.WebhookGen.Bytes(32),
		payees:      map[*bank.Book][]*payee{},
		connections: map[string]*connection{}, codes: map[string]*accessCode{},
		tokens: map[string]*connection{}, operations: map[string]*operation{},
	}
}

// The failure types of Dapi that the bank uses.
const (
	typeInvalidArgs   = "INVALID_ARGS"
	typeInvalidToken  = "INVALID_TOKEN"
	typeInvalidLogin  = "INVALID_CREDENTIALS"
	typeDelinked      = "USER_DELINKED"
	typeParameter     = "PARAMETER_ERROR"
	typeInvalidated   = "SESSION_INVALIDATED"
	typeExpired       = "SESSION_EXPIRED"
	typeUnknown       = "UNKNOWN_ERROR"
	typeNone          = ""
	statusDone        = "done"
	statusFailed      = "failed"
	statusInitialized = "initialized"
)

// envelope holds the members of every response.
type envelope struct {
	OperationID string `json:"operationID,omitempty"`
	Success     bool   `json:"success"`
	Status      string `json:"status"`
	Type        string `json:"type,omitempty"`
	Msg         string `json:"msg,omitempty"`
}

// fail returns a failed envelope.
func fail(status int, kind, msg string) bank.Reply {
	return bank.Reply{Status: status, Body: envelope{Status: statusFailed, Type: kind, Msg: msg}}
}

// Routes returns the operations of the API.
func (b *Provider) Routes() []bank.Route {
	routes := []bank.Route{
		{Path: "/auth/ExchangeToken", Handle: b.exchangeToken},
		{Path: "/metadata/accounts/get", Handle: b.serveMetadata},
		{Path: "/users/DelinkUser", Handle: b.delink},
		// SDKs use these two other spellings of delink.
		{Path: "/users/delinkuser", Handle: b.delink},
		{Path: "/data/DelinkUser", Handle: b.delink},
		{Path: "/operation/get", Handle: b.serveOperation},
		{Path: "/operation/status", Handle: b.serveOperationStatus},
		{Path: "/data/identity/get", Handle: b.serveIdentity},
		{Path: "/data/accounts/get", Handle: b.serveAccounts(false)},
		{Path: "/data/completeAccounts/get", Handle: b.serveAccounts(true)},
		{Path: "/data/balance/get", Handle: b.serveBalance},
		{Path: "/data/cards/get", Handle: b.serveCards},
		{Path: "/data/transactions/get", Handle: b.serveTransactions(true, nil)},
		{Path: "/data/categorizedTransactions/get", Handle: b.serveTransactions(false, categorized)},
		{Path: "/data/enrichedTransactions/get", Handle: b.serveTransactions(false, enriched)},
	}
	routes = append(routes, b.paymentRoutes()...)
	for i := range routes {
		routes[i].Method = http.MethodPost
		routes[i].Operation = routes[i].Path
		routes[i].Path = "/v2" + routes[i].Path
	}
	return routes
}

// Fail returns the response to a request that reaches no operation. Dapi does not document the
// types of these failures, so they have none.
func (*Provider) Fail(status int) bank.Reply {
	switch status {
	case http.StatusMethodNotAllowed:
		return fail(status, typeNone, "every call is a POST")
	case http.StatusRequestEntityTooLarge:
		return fail(status, typeNone, "body too large")
	case http.StatusTooManyRequests:
		return bank.Reply{Status: status}
	}
	return fail(http.StatusNotFound, typeNone, "no such endpoint")
}

// Form returns the response unchanged.
func (*Provider) Form(p bank.Reply) bank.Reply { return p }

// Handle serves a request.
func (b *Provider) Handle(c *bank.Call) bank.Reply {
	if p, ok := b.injected(c); ok {
		return p
	}
	return b.handle(c)
}

// handle serves a call unless another one uses the same access token. Then all of them fail, as
// Dapi documents. It does not document type and status; SESSION_INVALIDATED with 409 is the bank's
// choice.
func (b *Provider) handle(c *bank.Call) bank.Reply {
	conn, mine, busy := b.enter(c)
	if conn != nil {
		defer b.leave(conn, mine)
	}
	var p bank.Reply
	if !busy {
		p = c.Route.Handle(c)
	}
	if c.Fault == bank.FaultSlow {
		c.Pause(bank.SlowDelay)
	}
	b.Lock()
	defer b.Unlock()
	if mine.clashed {
		return fail(
			http.StatusConflict,
			typeInvalidated,
			"another call was made with the same access token at the same time",
		)
	}
	return p
}

// enter registers a call with its connection. It reports whether another call is in progress.
func (b *Provider) enter(c *bank.Call) (conn *connection, mine *running, busy bool) {
	b.Lock()
	defer b.Unlock()
	mine = new(running)
	conn = b.tokens[bearer(c.Request)]
	if conn == nil {
		return nil, mine, false
	}
	for _, other := range conn.running {
		other.clashed, mine.clashed = true, true
	}
	conn.running = append(conn.running, mine)
	return conn, mine, mine.clashed
}

// leave removes a call from its connection.
func (b *Provider) leave(conn *connection, mine *running) {
	b.Lock()
	defer b.Unlock()
	kept := conn.running[:0]
	for _, r := range conn.running {
		if r != mine {
			kept = append(kept, r)
		}
	}
	conn.running = kept
}

// bearer returns the access token of a request.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// readFields returns string members, all of them required. A failure names the first invalid one.
func readFields(c *bank.Call, names ...string) (map[string]string, bank.Reply, bool) {
	kind, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if kind != bank.JSONType {
		return nil, fail(http.StatusUnsupportedMediaType, typeNone, "Content-Type must be application/json"), false
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(c.Body, &body) != nil || body == nil {
		return nil, fail(http.StatusBadRequest, typeInvalidArgs, "the body is not a JSON object"), false
	}
	fields := map[string]string{}
	for _, name := range names {
		var value string
		if raw, ok := body[name]; ok && json.Unmarshal(raw, &value) != nil {
			return nil, fail(
				http.StatusBadRequest,
				typeInvalidArgs,
				"Field '"+name+"' failed validation: not a string",
			), false
		}
		if value == "" {
			return nil, fail(
				http.StatusBadRequest,
				typeInvalidArgs,
				"Field '"+name+"' failed validation: empty value",
			), false
		}
		fields[name] = value
	}
	return fields, bank.Reply{}, true
}

// wrongSecret refuses an unknown application. Dapi does not document its type. The bank's choice is
// status 401 without a type.
func wrongSecret() bank.Reply {
	return fail(http.StatusUnauthorized, typeNone, "appSecret is not that of an application")
}

// Concerns returns the institution that a request is about.
func (b *Provider) Concerns(c *bank.Call) string {
	if conn := b.tokens[bearer(c.Request)]; conn != nil {
		return conn.institution.DapiID
	}
	var body struct {
		AccessCode   string `json:"accessCode"`
		ConnectionID string `json:"connectionID"`
	}
	_ = json.Unmarshal(c.Body, &body) // an invalid body is about no institution
	if code := b.codes[body.AccessCode]; code != nil {
		return code.conn.institution.DapiID
	}
	if conn := b.connections[body.ConnectionID]; conn != nil {
		return conn.institution.DapiID
	}
	return ""
}

// Links returns all connections.
func (b *Provider) Links() []bank.Link {
	all := make([]bank.Link, len(b.order))
	for i, c := range b.order {
		all[i] = c
	}
	return all
}

// Find returns the connection with an id.
func (b *Provider) Find(id string) (bank.Link, bool) {
	conn, ok := b.connections[id]
	return conn, ok
}

// Settle announces the transactions of a new day.
func (b *Provider) Settle() {
	now := b.Now()
	for _, c := range b.order {
		if today := bank.DayOf(now); c.day != today && !c.delinked && !c.lapsed {
			c.day = today
			b.announce(c, eventTransactions)
		}
	}
}

// ID returns the id of the connection.
func (conn *connection) ID() string { return conn.id }

// Book returns the accounts of the customer.
func (conn *connection) Book() *bank.Book { return conn.book }

// AccountID returns Dapi's id of an account. It is the same for all connections of a user.
func (conn *connection) AccountID(a *bank.Account) string { return conn.accountID(a) }

// Day returns the day that Dapi writes for a row.
func (conn *connection) Day(r bank.Row) bank.Day { return conn.book.Written(r) }

// Moved announces that there are transactions to read.
func (conn *connection) Moved() { conn.bank.announce(conn, eventTransactions) }

// Lapse ends the user's consent. Later calls fail with INVALID_CREDENTIALS.
func (conn *connection) Lapse() bool {
	conn.lapsed = true
	conn.bank.announce(conn, eventStateChanged)
	return true
}

// State returns the state of the connection.
func (conn *connection) State() bank.LinkState {
	return bank.LinkState{
		Provider:    Name,
		ID:          conn.id,
		Institution: conn.institution.DapiID,
		State:       conn.state(),
		Presented:   conn.Presented,
		Exchanged:   conn.Exchanged,
	}
}

// state returns the state of the connection in MoneyKit's words.
func (conn *connection) state() string {
	switch {
	case conn.delinked:
		return bank.StateDeleted
	case conn.Exchanged == 0:
		return bank.StateAwaiting
	case conn.lapsed:
		return bank.StateError
	}
	return bank.StateConnected
}

// Credentials authenticate a client. AppKey is public, AppSecret is secret.
type Credentials struct{ AppKey, AppSecret string }

// Secret returns the appSecret.
func (b *Provider) Secret() string { return b.appSecret }

// Credentials returns what a client presents.
func (b *Provider) Credentials() Credentials { return Credentials{b.appKey, b.appSecret} }
