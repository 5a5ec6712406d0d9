package providertest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Harness connects the suite to one adapter and to a backend that plays its provider. The author of
// the adapter writes both. The suite makes a new Harness for each subtest.
//
// Five fields are always required: Backend, New, Request, Link and IsExchange. Four are required
// with a capability: Lapse, Data, Webhooks and Refresh. The zero value of any other field is a
// statement about the provider or the harness, which the field's comment explains. Where a zero
// value leaves a promise unproved, the suite has a subtest "not checked: …" that names the field.
type Harness struct {
	// Backend plays the provider: it serves the provider's wire format. It must not start a
	// goroutine that outlives a request.
	Backend http.Handler

	// New returns a client of the adapter that is made with env. The client must pass all calls
	// through env.Guard. New is called several times for one Backend.
	New func(env Env) (*bankmux.Client, error)

	// Request is a session request that the provider accepts. Its User is required.
	Request bankmux.SessionRequest

	// Link plays the user in the provider's front end. It finishes the flow of the session and
	// returns the payload that the front end posts to the application. With
	// [bankmux.CapTransactions], a new connection must come with an account that has rows.
	Link func(s bankmux.Session) (json.RawMessage, error)

	// IsExchange reports whether a request to Backend is the exchange: the one that spends the
	// one-time token, or that reads what the user did.
	IsExchange func(r *http.Request) bool

	// Secrets lists the application's credentials at the provider. The suite fails if one of them
	// is in a log, an error or a printed value. It adds the credentials of connections itself.
	Secrets []string

	// Lapse ends the user's consent at the bank. Required with [bankmux.CapStatus].
	Lapse func(conn bankmux.Connection) error

	// Data changes accounts and rows at the bank. Required with [bankmux.CapBalances],
	// [bankmux.CapTransactions] or [bankmux.CapSync].
	Data *Data

	// Webhooks makes deliveries. Required with [bankmux.CapWebhooks].
	Webhooks *Webhooks

	// Refresh is the provider's rule for refreshes. Required with [bankmux.CapRefresh].
	Refresh Refresh

	// Binds reports whether the provider ties a payload to its session. If true, a payload of
	// another session must be refused, and Connection.ID is Session.ConnectionID. If false, one
	// session may have several logins, and Connection.ID is [bankmux.Session.ConnectionOf] of the
	// reference.
	Binds bool

	// Adds reports whether a reconnect opens a second access at the provider and leaves the first
	// one, as at Dapi. If false, the provider has one access after a reconnect. If true, this is
	// not checked.
	Adds bool

	// Reads reports whether a request changes nothing at the provider. It is used if the exchange
	// has the effect [bankmux.Read]: then all requests of the exchange must be reads. Nil selects
	// GET and HEAD.
	Reads func(r *http.Request) bool

	// AtInstitution reports whether the bank itself serves a call. Set it to the AtInstitution
	// function of the adapter's guard options. Nil means that the provider serves all calls.
	AtInstitution func(bankmux.Op) bool

	// Rotation describes how the provider renews the tokens of users. Nil means that it does not;
	// the adapter must not use Env.Keeper then.
	Rotation *Rotation

	// Words are responses in the provider's own format, for the fault matrix. Their zero values
	// select plain HTTP responses.
	Words Words

	// Operations are functions of the adapter's package beside the interfaces of bankmux. The suite
	// runs them under every fault as well.
	Operations []Operation

	// Received returns what reached the provider when the session was made, directly or through
	// Launch. Read it from Backend, never from the adapter. If nil,
	// this is not checked.
	Received func(s bankmux.Session) (Received, error)

	// Granted returns the products that the user granted, as Backend stores them. Let Link grant
	// other products than Request names: this finds an adapter that returns the request. Leave
	// it nil if the provider does not report them. If nil, this is not checked.
	Granted func(conn bankmux.Connection) ([]bankmux.Product, error)

	// Consent returns the dates of the connection's consent, as Backend stores them. Leave
	// it nil if the provider does not report them. If nil, this is not checked.
	Consent func(conn bankmux.Connection) (bankmux.Consent, error)

	// LinkSeveral is Link for a user who links several banks in one run. Leave it nil if the
	// front end links one bank. If nil, this is not checked.
	LinkSeveral func(s bankmux.Session, banks int) (json.RawMessage, error)

	// PSU names the header fields that report a present user to the bank: see [bankmux.Presence].
	// Leave it nil if the provider has none. If nil, this is not checked.
	PSU []string

	// Table is the file with the adapter's fault matrix. The zero value keeps no file.
	Table Table
}

// Env is what the adapter under test must use in place of the network and its own guard.
type Env struct {
	// BaseURL is the address of Harness.Backend, on loopback. Only HTTPClient reaches it.
	BaseURL string

	// HTTPClient sends requests to Harness.Backend in memory.
	HTTPClient *http.Client

	// Guard makes the interceptors of the client. The suite reads its log and its circuit breakers.
	Guard *guard.Guard

	// Keeper stores connections, for an adapter that renews the tokens of users. The suite puts
	// each connection that it makes into it.
	Keeper bankmux.Keeper
}

// Received is what reached a provider when a session was made, directly or through the front end.
// Leave a field nil if the provider does not accept it; the suite then reports it as not checked.
type Received struct {
	Institution *string // the provider's id of the bank that was chosen before the session
	Country     *string // the country of the bank; the first of several
	WebhookURL  *string // the address for deliveries
	RedirectURI *string // the address to which the login page of a bank returns
	Language    *string // the language of the provider's pages
	AccessDays  *int    // how many days the consent lasts
	HistoryDays *int    // how many days of past transactions it covers
}

// Refresh is the provider's rule for refreshes.
type Refresh struct {
	// Product is the product that a refresh updates. Required.
	Product bankmux.Product

	// Every is the shortest time between two refreshes. An earlier one must return
	// [bankmux.ErrRateLimited]. 0 means that the provider accepts every refresh.
	Every time.Duration

	// Is selects the request that starts the refresh, if the adapter sends other requests in the
	// same call. The selected request must be sent once. Nil selects all requests of the call.
	Is func(r *http.Request) bool
}

// Rotation describes how the provider renews the tokens of users. See [bankmux.Keeper].
type Rotation struct {
	// Expire ends the access token of a connection at the backend. The provider refuses the access
	// token from then on, and still accepts the refresh token. Required.
	Expire func(conn bankmux.Connection) error

	// IsRefresh selects the requests that renew a user's token. Required.
	IsRefresh func(r *http.Request) bool

	// Repeatable reports whether the provider accepts a refresh token again after the response to
	// it was lost. A read is then retried.
	Repeatable bool

	// Read makes a call that sends the user's token. Nil selects Accounts, or ConnectionStatus if
	// the adapter has no accounts.
	Read func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error
}

// Words are responses in the provider's own format, for faults that HTTP alone cannot express. For
// a nil handler the suite sends plain HTTP: a bare 401, a bare 400, or an object without any
// expected member.
type Words struct {
	// Rejected responds that the application's credentials are refused.
	Rejected http.HandlerFunc

	// Expired responds that the application's access token expired. A call with a new token must
	// succeed. Leave it nil if there is no such token.
	Expired http.HandlerFunc

	// Failed reports a failure without a known reason under status 200. Leave it nil if the
	// provider reports failures by status.
	Failed http.HandlerFunc

	// UnknownCode responds with 400 and a code that the provider does not document.
	UnknownCode http.HandlerFunc

	// Enums lists members whose words come from a list that may grow, as "name" or "parent.name".
	// The adapter must keep an unknown word, and must not return an error for it.
	Enums []string

	// States lists the members that hold the state of a connection. The suite puts unknown words
	// into them as well, except in a reconnect: its result depends on the state.
	States []string

	// Pending lists the members that say whether a row is pending. The suite puts unreadable values
	// into them, and no row may be booked or pending then. Leave it nil if the provider does not
	// mark pending rows. If nil, this is not checked.
	Pending []string

	// Open reports requests that no fault is injected into, such as the one for an access token.
	Open func(r *http.Request) bool
}

// Operation is a function of the adapter's package that the suite runs under every fault.
type Operation struct {
	Name   string
	Effect bankmux.Effect // what sending it twice would do
	Public bool           // reports whether it is sent without the application's credentials

	// Counts selects the requests of the operation, if the call sends others before or after.
	// Faults start at the first selected request. A selected request of a one-shot must be sent
	// once. Nil selects all requests of the call.
	Counts func(*http.Request) bool

	// Prepare returns the call. It runs without faults before each call, and may make what the call
	// needs.
	Prepare func(
		ctx context.Context,
		client *bankmux.Client,
		conn bankmux.Connection,
	) (func(context.Context) error, error)
}

// Table names the file with the adapter's fault matrix, a Markdown page. The flag -matrix.update of
// the test writes the part of this adapter. Without the flag, the test compares the part with its
// results.
type Table struct {
	File  string // relative to the package of the test
	Title string // the part is between the lines "<!-- matrix: Title -->" and "<!-- end -->"
}
