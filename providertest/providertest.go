// Package providertest is the suite every adapter must pass, those of this
// repository and other people's. An adapter's conformance test is a [Harness] and one
// line:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, newHarness, bankmux.CapStatus, bankmux.CapDisconnect)
//	}
//
// The suite serves the harness's backend in memory, breaks its wire in every way it
// knows, and checks each promise in the documentation of [bankmux.Provider] and the optional
// interfaces. Time is virtual, so a provider that hangs for two minutes costs none; and a
// goroutine left behind fails the test.
package providertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Harness connects the suite to one adapter and a backend it controls. All
// fields but those said to be optional are required.
type Harness struct {
	// Backend speaks the provider's wire format. It must not start goroutines
	// that outlive a request.
	Backend http.Handler

	// New returns a client of the adapter, guarded by the guard of env. It is called more than
	// once.
	New func(env Env) (*bankmux.Client, error)

	// Request is a session request the provider serves.
	Request bankmux.SessionRequest

	// Link plays the user in the provider's front end and returns what it posts.
	Link func(s bankmux.Session) (json.RawMessage, error)

	// IsExchange reports whether a request is the one that spends the one-time token.
	IsExchange func(r *http.Request) bool

	// Lapse makes the bank end the user's consent. Optional without [bankmux.CapStatus].
	Lapse func(conn bankmux.Connection) error

	// Secrets lists the credentials that must be seen nowhere. The suite adds
	// those of the connections it makes.
	Secrets []string

	// Data lets the suite write into the bank. Required with [bankmux.CapBalances] or
	// [bankmux.CapTransactions].
	Data *Data

	// Webhooks makes deliveries. Required with [bankmux.CapWebhooks].
	Webhooks *Webhooks

	// AtInstitution reports which calls the bank itself answers, as the adapter tells its guard. Optional.
	AtInstitution func(bankmux.Op) bool

	// Words are answers in the provider's own words, for the fault matrix. Optional.
	Words Words

	// Operations are the adapter's own, crossed with every fault. Optional.
	Operations []Operation

	// Table is where the fault matrix is kept. Optional.
	Table Table

	// Refresh says how the provider lets an application refresh. Required with
	// [bankmux.CapRefresh].
	Refresh Refresh

	// Received returns what reached the provider, or the front end by way of Launch, when the
	// session was made. It looks into the backend and never at what the adapter says of itself. nil
	// where the harness cannot see it; the suite then says that it was not checked.
	Received func(s bankmux.Session) (Received, error)

	// Granted returns the products that the user granted, as the backend keeps them. Let Link grant
	// others than Request asks for, so that an adapter that repeats its request is found. nil where
	// the provider does not say what was granted; the suite then says that it was not checked.
	Granted func(conn bankmux.Connection) ([]bankmux.Product, error)

	// Consent returns how long the permission of the connection lasts, as the backend keeps it. nil
	// where the provider does not say; the suite then says that it was not checked.
	Consent func(conn bankmux.Connection) (bankmux.Consent, error)

	// LinkSeveral is Link of a user who links that many banks in one run. nil where the front end
	// takes one; the suite then says that it was not checked.
	LinkSeveral func(s bankmux.Session, banks int) (json.RawMessage, error)

	// Reads reports requests that change nothing at the provider, for an adapter whose exchange is
	// a [bankmux.Read]. nil means that GET and HEAD do.
	Reads func(r *http.Request) bool

	// PSU names the header fields that say that the user is there: see [bankmux.Presence]. nil
	// where the provider has none; the suite then says that it was not checked.
	PSU []string

	// Rotation says how the provider renews the tokens of users. nil where it does not.
	Rotation *Rotation

	// Binds says that the provider ties a payload to its session, so that one of another session is
	// refused. Without it a connection is called as [bankmux.Session.ConnectionOf] says.
	Binds bool
}

// Env is where an adapter under test is made.
type Env struct {
	BaseURL    string       // on loopback; nothing listens there but HTTPClient's own dialer
	HTTPClient *http.Client // reaches the backend in memory
	Guard      *guard.Guard // for the client; the suite reads its log and its breakers

	// Keeper is for an adapter whose users' tokens are renewed. The suite stores the connections
	// that it makes there.
	Keeper bankmux.Keeper
}

// Data writes into the bank behind a connection. Amounts are decimal text that the
// backend must put on the wire digit by digit, in the provider's own form. What a harness does to
// bring them there is a second statement of the provider's conventions, beside the adapter's.
type Data struct {
	// Refetch makes a provider that serves stored data fetch everything now. nil where every read
	// goes to the bank.
	Refetch func(conn bankmux.Connection) error

	// AddAccount adds an account or card and returns the provider's id.
	AddAccount func(conn bankmux.Connection, kind bankmux.AccountKind, currency string) (string, error)

	// AddTransaction adds a row.
	AddTransaction func(conn bankmux.Connection, account string, row Row) error

	// SetBalance sets what an account holds: what is booked, by the sign rule of [bankmux.Money].
	// "" means that there is no amount.
	SetBalance func(conn bankmux.Connection, account, booked string) error

	// ChangeTransaction corrects a row at the bank, as banks do: the row that AddTransaction added
	// with the same Text says from now on what row says. nil where the backend cannot; the suite
	// then says that it was not checked. So it does for the fields that follow.
	ChangeTransaction func(conn bankmux.Connection, account string, row Row) error

	// RemoveTransaction takes the row with that Text from the bank, as when a hold is released.
	RemoveTransaction func(conn bankmux.Connection, account, text string) error

	// PostTransaction books the pending row with the Text of row, which is as row says from now on.
	// The provider may give it another id. nil also where the provider does not tell pending rows
	// from booked ones.
	PostTransaction func(conn bankmux.Connection, account string, row Row) error

	// NamesPending says that the provider names the pending row that a posted one replaces.
	NamesPending bool

	// SameAccount returns the id that an account of a connection has in a later connection of the
	// same user: each call of Harness.Link is then a login to the same accounts at the same bank.
	// nil where a new link never leads to them.
	SameAccount func(before, after bankmux.Connection, account string) (string, error)

	// Ask makes the bank want these inputs at the next call that it serves for the connection, and
	// returns the right answers. nil where the provider's data calls never ask.
	Ask func(conn bankmux.Connection, kinds ...bankmux.InputKind) ([]string, error)
}

// Refresh is the provider's rule for refreshes.
type Refresh struct {
	// Product is what is refreshed. Required.
	Product bankmux.Product
	// Every is how long after a refresh the next one is allowed. An earlier one must be
	// [bankmux.ErrRateLimited]. 0 means that each is served.
	Every time.Duration
	// Is selects the request that starts the refresh, where the adapter sends others before or
	// after. Only it must be sent once. nil means that all requests of the call are.
	Is func(r *http.Request) bool
}

// Webhooks makes deliveries of the provider, signed now. None changes anything at the backend.
type Webhooks struct {
	// Sign returns a genuine delivery about the connection, each time another. Where the signature
	// covers method and URL, it says them by [bankmux.WebhookRequest.SentTo]: POST, and a URL
	// without query.
	Sign func(conn bankmux.Connection) bankmux.WebhookRequest

	// Signed names the headers that belong to the signature. Each must be there once and hold, to
	// the bit.
	Signed []string

	// Forged returns deliveries that are wrong in the provider's own ways, by name: another key,
	// another algorithm, stale, of the future.
	Forged func(conn bankmux.Connection) map[string]bankmux.WebhookRequest

	// UnknownKey returns a delivery signed by a key that was not published, each time another under
	// another id. nil where keys are not fetched.
	UnknownKey func(conn bankmux.Connection) bankmux.WebhookRequest

	// KeysByID says that keys are fetched one by one, by their id, and not as a set. A thousand
	// unknown ids may then cause 16 requests, and after those be [bankmux.ErrRateLimited].
	KeysByID bool

	// Finished returns a delivery that the user finished the flow of the session, after Link played
	// the user, whose own payload is thrown away. nil where nothing announces that; the suite then
	// says that it was not checked. So it does for the field that follows.
	Finished func(s bankmux.Session) bankmux.WebhookRequest

	// Expiring returns a delivery that the permission of the connection ends soon.
	Expiring func(conn bankmux.Connection) bankmux.WebhookRequest

	// Rotate makes the provider sign with another key from now on, while those before it still
	// hold.
	Rotate func()
}

// Row is a transaction to add.
type Row struct {
	Amount   string // without a sign: "42.90", "1e3"
	In       bool   // money into the account
	Currency string // "" is that of the account
	NoMoney  bool   // no currency is told
	Date     bankmux.Date
	Text     string
	Pending  bool // where the provider tells
}

// promise is what an adapter with some capabilities keeps.
type promise struct {
	name  string
	needs []bankmux.Capability
	test  func(*testing.T, *bench)
}

// Run checks that the adapter has exactly the capabilities in want and keeps
// every promise. newHarness is called for each test and must return a fresh backend; it is called
// inside a testing/synctest bubble.
//
// What is wrong with an adapter ends one subtest with a sentence: also a panic, a call that never
// returns and a goroutine that is left behind. Only a panic in a goroutine that the adapter started
// ends the process. What the harness cannot do is named by a subtest "not checked: …".
func Run(t *testing.T, newHarness func(t *testing.T) Harness, want ...bankmux.Capability) {
	t.Helper()
	has := capabilities{}
	for _, c := range want {
		has[c] = true
	}
	for _, p := range slices.Concat(linking, hosted, lifecycle, data, hooks, rotating) {
		if !has.all(p.needs...) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, p.test)
		})
	}
	for name, test := range map[string]func(*testing.T, *bench, capabilities){
		"the capabilities are exactly those declared, and the harness serves them": declared,
		"an operation the adapter lacks is unsupported and sends nothing":          lacking,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, func(t *testing.T, b *bench) { test(t, b, has) })
		})
	}
	for name, test := range map[string]func(*testing.T, func(*testing.T) Harness, capabilities){
		"fault matrix": matrix, "one-shots are sent once": oneShots, "faults": faults,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newHarness, has)
		})
	}
}

// declared checks the capabilities, that each has an operation in the table, and that the harness
// has what their tests need.
func declared(t *testing.T, b *bench, has capabilities) {
	assert.ElementsMatch(t, slices.Collect(maps.Keys(has)), b.client.Capabilities())
	for _, c := range bankmux.Capabilities() {
		known := slices.ContainsFunc(operations(b), func(op operation) bool { return op.needs == c })
		assert.True(t, known, "no operation of %s is in the suite's table", c)
	}
	for c, says := range map[bankmux.Capability]struct {
		missing bool
		what    string
	}{
		bankmux.CapBalances:     {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapTransactions: {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapSync:         {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapWebhooks:     {b.Webhooks == nil, "Harness.Webhooks is nil"},
		bankmux.CapStatus:       {b.Lapse == nil, "Harness.Lapse is nil"},
		bankmux.CapRefresh:      {b.Refresh.Product == "", "Harness.Refresh names no product"},
	} {
		assert.False(t, has[c] && says.missing, "%s, and %s needs it", says.what, c)
	}
}
