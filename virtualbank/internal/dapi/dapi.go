package dapi

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Provider is the Dapi side of a bank. What it remembers is guarded by the bank's mutex.
type Provider struct {
	*bank.Bank
	appKey    string
	appSecret string
	secrets   [][]byte // of webhooks, newest first; all sign
	legacy    string
	aesKey    []byte
	hooks     Webhooks
	payees    map[*bank.Book][]*payee // of each customer

	connections map[string]*connection // by connectionID
	codes       map[string]*accessCode
	tokens      map[string]*connection // by accessToken
	operations  map[string]*operation  // by operationID
	order       []*connection
}

// connection is one login of one user at one bank.
type connection struct {
	bank        *Provider
	id          string
	institution bank.Institution
	bankID      string // in the environment that Connect was opened in
	userID      string
	userSecret  string
	tokenID     string
	delinked    bool
	lapsed      bool
	day         bank.Day // of which it was announced that there are transactions
	book        *bank.Book
	wanted      []inputScript // what the bank will ask the user
	deferred    []deferral    // what it will take its time for
	pending     *pendingInput // what it has asked and not heard
	trusted     time.Time     // until when it asks nothing of itself
	running     []*running    // calls in progress with its token

	bank.Exchanges
	spoiled      string // the situation of its transactions
	spoiledUntil time.Time
}

// running is one call in progress. clashed is set once another was made beside it.
type running struct{ clashed bool }

type accessCode struct {
	conn    *connection
	expires time.Time
	used    bool
}

// New draws the credentials of an application.
func New(b *bank.Bank) *Provider {
	return &Provider{
		Bank: b, appKey: b.Gen.Hex(64), appSecret: b.Gen.Hex(256),
		secrets: [][]byte{b.HookGen.Bytes(24)}, legacy: b.HookGen.Alphanumeric(40), aesKey: b.HookGen.Bytes(32),
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

// envelope is around every answer of Dapi.
type envelope struct {
	OperationID string `json:"operationID,omitempty"`
	Success     bool   `json:"success"`
	Status      string `json:"status"`
	Type        string `json:"type,omitempty"`
	Msg         string `json:"msg,omitempty"`
}

func fail(status int, kind, msg string) bank.Reply {
	return bank.Reply{Status: status, Body: envelope{Status: statusFailed, Type: kind, Msg: msg}}
}

// Routes returns the operations of the API.
func (b *Provider) Routes() []bank.Route {
	routes := []bank.Route{
		{Path: "/auth/ExchangeToken", Handle: b.exchangeToken},
		{Path: "/metadata/accounts/get", Handle: b.serveMetadata},
		{Path: "/users/DelinkUser", Handle: b.delink},
		// Two other spellings of delink that SDKs use.
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

// Fail returns the answer to a request that no operation gets. The types of these failures are not
// known, so none is sent.
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

// Form returns the answer as it is.
func (*Provider) Form(p bank.Reply) bank.Reply { return p }

// Handle carries out a request.
func (b *Provider) Handle(c *bank.Call) bank.Reply {
	if p, ok := b.injected(c); ok {
		return p
	}
	return b.handle(c)
}

// handle carries out a call, unless another one is using the same access token: then
// every one of them fails, as Dapi's documentation warns. Type and status of that failure
// are not documented; SESSION_INVALIDATED with 409 is the bank's choice.
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

// enter registers the call with its connection, and reports whether another one is under way.
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

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// readFields reads the named string members, all of them required. The first that is wrong is named.
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

// wrongSecret refuses an unknown application. Which type Dapi gives it is not known, so
// it has none and the status has to do: the bank's choice.
func wrongSecret() bank.Reply {
	return fail(http.StatusUnauthorized, typeNone, "appSecret is not that of an application")
}

// Concerns finds the institution that a request is about.
func (b *Provider) Concerns(c *bank.Call) string {
	if conn := b.tokens[bearer(c.Request)]; conn != nil {
		return conn.institution.DapiID
	}
	var body struct {
		AccessCode   string `json:"accessCode"`
		ConnectionID string `json:"connectionID"`
	}
	_ = json.Unmarshal(c.Body, &body) // what does not decode concerns no institution
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
			b.announce(c, eventTransactions, nil)
		}
	}
}

// ID returns the id of the connection.
func (conn *connection) ID() string { return conn.id }

// Book returns what the customer has at the bank.
func (conn *connection) Book() *bank.Book { return conn.book }

// AccountID is the account's id at Dapi, the same for every connection of the same user.
func (conn *connection) AccountID(a *bank.Account) string { return conn.accountID(a) }

// Day returns the day that Dapi writes for a row.
func (conn *connection) Day(r bank.Row) bank.Day { return conn.book.Written(r) }

// Moved announces that there are transactions to read.
func (conn *connection) Moved() { conn.bank.announce(conn, eventTransactions, nil) }

// Lapse ends the user's consent: the connection answers INVALID_CREDENTIALS from now on.
func (conn *connection) Lapse() bool {
	conn.lapsed = true
	conn.bank.announce(conn, eventStateChanged, nil)
	return true
}

// State describes the connection.
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

// state is how a connection stands, in MoneyKit's words.
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

// Credentials open the Dapi side of a bank. AppKey is public, AppSecret is not.
type Credentials struct{ AppKey, AppSecret string }

// Credentials returns what a client has to present.
func (b *Provider) Credentials() Credentials { return Credentials{b.appKey, b.appSecret} }
