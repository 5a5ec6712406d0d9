package providertest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

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

	// Secrets lists the credentials that must be seen nowhere. The suite adds
	// those of the connections it makes.
	Secrets []string

	// Lapse makes the bank end the user's consent. Optional without [bankmux.CapStatus].
	Lapse func(conn bankmux.Connection) error

	// Data lets the suite write into the bank. Required with [bankmux.CapBalances] or
	// [bankmux.CapTransactions].
	Data *Data

	// Webhooks makes deliveries. Required with [bankmux.CapWebhooks].
	Webhooks *Webhooks

	// Refresh says how the provider lets an application refresh. Required with
	// [bankmux.CapRefresh].
	Refresh Refresh

	// Binds says that the provider ties a payload to its session, so that one of another session is
	// refused. Without it a connection is called as [bankmux.Session.ConnectionOf] says.
	Binds bool

	// Reads reports requests that change nothing at the provider, for an adapter whose exchange is
	// a [bankmux.Read]. nil means that GET and HEAD do.
	Reads func(r *http.Request) bool

	// AtInstitution reports which calls the bank itself answers, as the adapter tells its guard. Optional.
	AtInstitution func(bankmux.Op) bool

	// Rotation says how the provider renews the tokens of users. nil where it does not.
	Rotation *Rotation

	// Words are answers in the provider's own words, for the fault matrix. Optional.
	Words Words

	// Operations are the adapter's own, crossed with every fault. Optional.
	Operations []Operation

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

	// PSU names the header fields that say that the user is there: see [bankmux.Presence]. nil
	// where the provider has none; the suite then says that it was not checked.
	PSU []string

	// Table is where the fault matrix is kept. Optional.
	Table Table
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

// Received is what reached a provider when a session was made, directly or by way of the front end.
// A nil member is one that the provider does not take; the suite then says that it was not checked.
type Received struct {
	Institution *string // the provider's id of the bank that was chosen before
	Country     *string // the country of the bank; of several, the first
	WebhookURL  *string // where changes are announced
	RedirectURI *string // where a bank's own login page returns to
	Language    *string // of the provider's pages
	AccessDays  *int    // for how many days the permission shall last
	HistoryDays *int    // how many days of transactions it shall reach back
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

// Rotation is how the provider renews the tokens of users. See [bankmux.Keeper].
type Rotation struct {
	// Expire ends the access token of a connection at the backend: it is refused, while the refresh
	// token still holds. Required.
	Expire func(conn bankmux.Connection) error
	// IsRefresh selects the requests that renew a user's token. Required.
	IsRefresh func(r *http.Request) bool
	// Repeatable says that the provider accepts a refresh token again if the response to it was
	// lost, so that a read is repeated.
	Repeatable bool
	// Read makes a call that carries the user's token. nil means Accounts, or else
	// ConnectionStatus.
	Read func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error
}

// Words are answers in the provider's own words, for the faults that only it can put. What is nil
// is put in plain HTTP: a bare 401, a bare 400, an object without anything that is expected.
type Words struct {
	// Rejected answers that the application's credentials are refused.
	Rejected http.HandlerFunc
	// Expired answers that the application's access token expired; a call with a new one is served.
	// nil where there is no such token.
	Expired http.HandlerFunc
	// Failed reports a failure for no known reason under status 200. nil where the provider's
	// statuses tell.
	Failed http.HandlerFunc
	// UnknownCode answers 400 with a code that nobody listed.
	UnknownCode http.HandlerFunc
	// Enums are members that hold a word of a list which may grow, as "name" or "parent.name". An
	// unknown word must be kept and never fail an answer.
	Enums []string
	// States are the members that hold the state of a connection. What an unknown one means for a
	// reconnect that is not proved to be finished is not for the library to guess.
	States []string
	// Open reports requests that the faults spare, such as that for an access token.
	Open func(r *http.Request) bool
}

// Operation is one of an adapter's own, to be crossed with the faults as well. A function of an
// adapter's package is one.
type Operation struct {
	Name   string
	Effect bankmux.Effect
	Public bool // it is sent without the application's credentials
	// Counts selects the requests that are the operation, where it sends others before or after: of
	// a one-shot only they must be sent once, and the faults strike from the first of them on. nil
	// means that all requests of the call are.
	Counts func(*http.Request) bool
	// Prepare returns the call. It is called again for each, with the wire whole, and may do what
	// the call needs.
	Prepare func(
		ctx context.Context,
		client *bankmux.Client,
		conn bankmux.Connection,
	) (func(context.Context) error, error)
}

// Table says where an adapter keeps its fault matrix.
type Table struct {
	File  string // relative to the test's package; the part between the adapter's two marks is checked to be current
	Title string // names the part
}
