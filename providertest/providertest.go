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
	"net/http"
	"testing"

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

	// AtBank reports which calls the bank itself answers, as the adapter tells its guard. Optional.
	AtBank func(bankmux.Op) bool

	// Words are answers in the provider's own words, for the fault matrix. Optional.
	Words Words

	// Operations are the adapter's own, crossed with every fault. Optional.
	Operations []Operation

	// Table is where the fault matrix is kept. Optional.
	Table Table

	// Binds says that the provider ties a payload to its session, so that one of another session is
	// refused. Without it a connection is called as [bankmux.Session.ConnectionOf] says.
	Binds bool
}

// Env is where an adapter under test is made.
type Env struct {
	BaseURL    string       // on loopback; nothing listens there but HTTPClient's own dialer
	HTTPClient *http.Client // reaches the backend in memory
	Guard      *guard.Guard // for the client; the suite reads its log and its breakers
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
	// "" is an amount nobody told.
	SetBalance func(conn bankmux.Connection, account, booked string) error

	// Ask makes the bank want these inputs at the next call that it serves for the connection, and
	// returns the right answers. nil where the provider's data calls never ask.
	Ask func(conn bankmux.Connection, kinds ...bankmux.InputKind) ([]string, error)
}

// Webhooks makes deliveries of the provider, signed now. None changes anything at the backend.
type Webhooks struct {
	// Sign returns a genuine delivery about the connection, each time another.
	Sign func(conn bankmux.Connection) bankmux.WebhookRequest

	// Signed names the headers that belong to the signature. Each must be there once and hold, to
	// the bit.
	Signed []string

	// Forged returns deliveries that are wrong in the provider's own ways, by name: another key,
	// another algorithm, stale, of the future.
	Forged func(conn bankmux.Connection) map[string]bankmux.WebhookRequest

	// UnknownKey returns a delivery signed by a key that nobody published, each time another. nil
	// where keys are not fetched.
	UnknownKey func(conn bankmux.Connection) bankmux.WebhookRequest

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

// Run checks that the adapter has exactly the capabilities in want and keeps
// every promise. newHarness is called for each test and must return a fresh backend; it is called
// inside a testing/synctest bubble.
func Run(t *testing.T, newHarness func(t *testing.T) Harness, want ...bankmux.Capability) {
	t.Helper()
	in := func(f func(t *testing.T, b *bench)) func(t *testing.T) {
		return func(t *testing.T) {
			t.Parallel()
			inBubble(t, newHarness, f)
		}
	}
	t.Run("the capabilities are exactly those declared", in(func(t *testing.T, b *bench) {
		assert.ElementsMatch(t, want, b.client.Capabilities())
	}))
	for name, f := range linking {
		t.Run(name, in(f))
	}
	has := map[bankmux.Capability]bool{}
	for _, c := range want {
		has[c] = true
	}
	for _, c := range lifecycle {
		present := true
		for _, needs := range c.needs {
			present = present && has[needs]
		}
		if present {
			t.Run(c.name, in(c.test))
		}
	}
	for _, c := range data {
		present := true
		for _, needs := range c.needs {
			present = present && has[needs]
		}
		if present {
			t.Run(c.name, in(c.test))
		}
	}
	if has[bankmux.CapWebhooks] {
		for name, f := range webhooks {
			t.Run(name, in(f))
		}
	}
	t.Run("an operation the adapter lacks is unsupported and sends nothing", in(func(t *testing.T, b *bench) { lacking(t, b, has) }))
	t.Run("fault matrix", func(t *testing.T) {
		t.Parallel()
		matrix(t, newHarness, has)
	})
	t.Run("one-shots are sent once", func(t *testing.T) {
		t.Parallel()
		oneShots(t, newHarness, has)
	})
	t.Run("faults", func(t *testing.T) {
		t.Parallel()
		faults(t, newHarness, has)
	})
}
