package virtualbank

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"
)

// dpProvider is the Dapi side of a bank. What it remembers is guarded by the bank's mutex.
type dpProvider struct {
	*core
	appKey    string
	appSecret string
	secrets   [][]byte // of webhooks, newest first; all sign
	legacy    string
	aesKey    []byte
	hooks     dpWebhooks
	payees    map[*book][]*payee // of each customer

	connections map[string]*connection // by connectionID
	codes       map[string]*accessCode
	tokens      map[string]*connection // by accessToken
	operations  map[string]*operation  // by operationID
	order       []*connection
}

// connection is one login of one user at one bank.
type connection struct {
	bank        *dpProvider
	id          string
	institution coreInstitution
	bankID      string // in the environment that Connect was opened in
	userID      string
	userSecret  string
	tokenID     string
	delinked    bool
	lapsed      bool
	day         day // of which it was announced that there are transactions
	book        *book
	wanted      []inputScript // what the bank will ask the user
	deferred    []deferral    // what it will take its time for
	pending     *pendingInput // what it has asked and not heard
	trusted     time.Time     // until when it asks nothing of itself
	running     []*running    // calls in progress with its token

	exchanges
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

// newDapi draws the credentials of an application.
func newDapi(b *core) *dpProvider {
	return &dpProvider{
		core: b, appKey: b.gen.hex(64), appSecret: b.gen.hex(256),
		secrets: [][]byte{b.hookGen.bytes(24)}, legacy: b.hookGen.alphanumeric(40), aesKey: b.hookGen.bytes(32),
		payees:      map[*book][]*payee{},
		connections: map[string]*connection{}, codes: map[string]*accessCode{},
		tokens: map[string]*connection{}, operations: map[string]*operation{},
	}
}

// The failure types of Dapi that the bank uses.
const (
	dpInvalidArgs     = "INVALID_ARGS"
	dpInvalidToken    = "INVALID_TOKEN"
	dpInvalidLogin    = "INVALID_CREDENTIALS"
	dpDelinked        = "USER_DELINKED"
	dpParameter       = "PARAMETER_ERROR"
	dpInvalidated     = "SESSION_INVALIDATED"
	dpExpired         = "SESSION_EXPIRED"
	dpUnknown         = "UNKNOWN_ERROR"
	dpNoType          = ""
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

func dpFail(status int, kind, msg string) reply {
	return reply{status: status, body: envelope{Status: statusFailed, Type: kind, Msg: msg}}
}

// Routes returns the operations of the API.
func (b *dpProvider) Routes() []route {
	routes := []route{
		{path: "/auth/ExchangeToken", handle: b.dpExchange},
		{path: "/metadata/accounts/get", handle: b.dpMetadata},
		{path: "/users/DelinkUser", handle: b.dpDelink},
		// Two other spellings of delink that SDKs use.
		{path: "/users/delinkuser", handle: b.dpDelink},
		{path: "/data/DelinkUser", handle: b.dpDelink},
		{path: "/operation/get", handle: b.dpOperationGet},
		{path: "/operation/status", handle: b.dpOperationStatus},
		{path: "/data/identity/get", handle: b.dpIdentity},
		{path: "/data/accounts/get", handle: b.dpAccounts(false)},
		{path: "/data/completeAccounts/get", handle: b.dpAccounts(true)},
		{path: "/data/balance/get", handle: b.dpBalance},
		{path: "/data/cards/get", handle: b.dpCards},
		{path: "/data/transactions/get", handle: b.dpTransactions(true, nil)},
		{path: "/data/categorizedTransactions/get", handle: b.dpTransactions(false, categorized)},
		{path: "/data/enrichedTransactions/get", handle: b.dpTransactions(false, enriched)},
	}
	routes = append(routes, b.dapiPaymentRoutes()...)
	for i := range routes {
		routes[i].method = http.MethodPost
		routes[i].op = routes[i].path
		routes[i].path = "/v2" + routes[i].path
	}
	return routes
}

// Fail returns the answer to a request that no operation gets. The types of these failures are not
// known, so none is sent.
func (*dpProvider) Fail(status int) reply {
	switch status {
	case http.StatusMethodNotAllowed:
		return dpFail(status, dpNoType, "every call is a POST")
	case http.StatusRequestEntityTooLarge:
		return dpFail(status, dpNoType, "body too large")
	case http.StatusTooManyRequests:
		return reply{status: status}
	}
	return dpFail(http.StatusNotFound, dpNoType, "no such endpoint")
}

// Form returns the answer as it is.
func (*dpProvider) Form(p reply) reply { return p }

// Handle carries out a request.
func (b *dpProvider) Handle(c *call) reply {
	if p, ok := b.dpSpecial(c); ok {
		return p
	}
	return b.dpHandle(c)
}

// dpHandle carries out a call, unless another one is using the same access token: then
// every one of them fails, as Dapi's documentation warns. Type and status of that failure
// are not documented; SESSION_INVALIDATED with 409 is the bank's choice.
func (b *dpProvider) dpHandle(c *call) reply {
	conn, mine, busy := b.dpEnter(c)
	if conn != nil {
		defer b.dpLeave(conn, mine)
	}
	var p reply
	if !busy {
		p = c.route.handle(c)
	}
	if c.fault == faultSlow {
		c.pause(slowDelay)
	}
	b.Lock()
	defer b.Unlock()
	if mine.clashed {
		return dpFail(
			http.StatusConflict,
			dpInvalidated,
			"another call was made with the same access token at the same time",
		)
	}
	return p
}

// dpEnter registers the call with its connection, and reports whether another one is under way.
func (b *dpProvider) dpEnter(c *call) (conn *connection, mine *running, busy bool) {
	b.Lock()
	defer b.Unlock()
	mine = new(running)
	conn = b.tokens[bearer(c.r)]
	if conn == nil {
		return nil, mine, false
	}
	for _, other := range conn.running {
		other.clashed, mine.clashed = true, true
	}
	conn.running = append(conn.running, mine)
	return conn, mine, mine.clashed
}

func (b *dpProvider) dpLeave(conn *connection, mine *running) {
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

// dpFields reads the named string members, all of them required. The first that is wrong is named.
func dpFields(c *call, names ...string) (map[string]string, reply, bool) {
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if kind != jsonType {
		return nil, dpFail(http.StatusUnsupportedMediaType, dpNoType, "Content-Type must be application/json"), false
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(c.body, &body) != nil || body == nil {
		return nil, dpFail(http.StatusBadRequest, dpInvalidArgs, "the body is not a JSON object"), false
	}
	fields := map[string]string{}
	for _, name := range names {
		var value string
		if raw, ok := body[name]; ok && json.Unmarshal(raw, &value) != nil {
			return nil, dpFail(
				http.StatusBadRequest,
				dpInvalidArgs,
				"Field '"+name+"' failed validation: not a string",
			), false
		}
		if value == "" {
			return nil, dpFail(
				http.StatusBadRequest,
				dpInvalidArgs,
				"Field '"+name+"' failed validation: empty value",
			), false
		}
		fields[name] = value
	}
	return fields, reply{}, true
}

// dpWrongSecret refuses an unknown application. Which type Dapi gives it is not known, so
// it has none and the status has to do: the bank's choice.
func dpWrongSecret() reply {
	return dpFail(http.StatusUnauthorized, dpNoType, "appSecret is not that of an application")
}

// Concerns finds the institution that a request is about.
func (b *dpProvider) Concerns(c *call) string {
	if conn := b.tokens[bearer(c.r)]; conn != nil {
		return conn.institution.DapiID
	}
	var body struct {
		AccessCode   string `json:"accessCode"`
		ConnectionID string `json:"connectionID"`
	}
	_ = json.Unmarshal(c.body, &body) // what does not decode concerns no institution
	if code := b.codes[body.AccessCode]; code != nil {
		return code.conn.institution.DapiID
	}
	if conn := b.connections[body.ConnectionID]; conn != nil {
		return conn.institution.DapiID
	}
	return ""
}

// Links returns all connections.
func (b *dpProvider) Links() []coreLink {
	all := make([]coreLink, len(b.order))
	for i, c := range b.order {
		all[i] = c
	}
	return all
}

// Find returns the connection with an id.
func (b *dpProvider) Find(id string) (coreLink, bool) {
	conn, ok := b.connections[id]
	return conn, ok
}

// Settle announces the transactions of a new day.
func (b *dpProvider) Settle() {
	now := b.Now()
	for _, c := range b.order {
		if today := dayOf(now); c.day != today && !c.delinked && !c.lapsed {
			c.day = today
			b.announceDapi(c, dpTransactions, nil)
		}
	}
}

// ID returns the id of the connection.
func (conn *connection) ID() string { return conn.id }

// Book returns what the customer has at the bank.
func (conn *connection) Book() *book { return conn.book }

// AccountID is the account's id at Dapi, the same for every connection of the same user.
func (conn *connection) AccountID(a *account) string { return conn.accountID(a) }

// Day returns the day that Dapi writes for a row.
func (conn *connection) Day(r row) day { return conn.book.written(r) }

// Moved announces that there are transactions to read.
func (conn *connection) Moved() { conn.bank.announceDapi(conn, dpTransactions, nil) }

// Lapse ends the user's consent: the connection answers INVALID_CREDENTIALS from now on.
func (conn *connection) Lapse() bool {
	conn.lapsed = true
	conn.bank.announceDapi(conn, dpStateChanged, nil)
	return true
}

// State describes the connection.
func (conn *connection) State() coreLinkState {
	return coreLinkState{
		Provider:    dpName,
		ID:          conn.id,
		Institution: conn.institution.DapiID,
		State:       conn.state(),
		Presented:   conn.presented,
		Exchanged:   conn.exchanged,
	}
}

// state is how a connection stands, in MoneyKit's words.
func (conn *connection) state() string {
	switch {
	case conn.delinked:
		return stateDeleted
	case conn.exchanged == 0:
		return stateAwaiting
	case conn.lapsed:
		return stateError
	}
	return stateConnected
}

// dpCredentials open the Dapi side of a bank. AppKey is public, AppSecret is not.
type dpCredentials struct{ AppKey, AppSecret string }

// Credentials returns what a client has to present.
func (b *dpProvider) Credentials() dpCredentials { return dpCredentials{b.appKey, b.appSecret} }
