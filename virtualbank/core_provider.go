package virtualbank

import (
	"net/http"
	"time"
)

// coreProvider is one wire format of the bank. Every method but Spec, Routes, Handle, Connect and
// Controls is called under the bank's mutex.
type coreProvider interface {
	coreAPI
	coreLinks
	coreWebhooks

	// Spec returns what is fixed about the provider.
	Spec() coreSpec

	// Connect returns the control call that plays the user in the provider's link widget.
	Connect() controlCall

	// Controls returns the control calls that only this provider has.
	Controls() []controlCall
}

// coreAPI is how a provider serves requests.
type coreAPI interface {
	// Routes returns the operations. The first that matches a request is the one.
	Routes() []route

	// Handle carries out a request for one of the routes. It takes the bank's mutex itself.
	Handle(c *call) reply

	// Fail returns the answer to a request that no operation gets: 404 for an unknown path, 405 for
	// an unknown method, 413 for a body that is too large, 429 for an injected rate limit. One
	// without a body leaves the body to the fault.
	Fail(status int) reply

	// Form returns an answer as it is written. It sees every answer.
	Form(p reply) reply

	// Concerns returns an id of the institution that a request is about, "" for none.
	Concerns(c *call) string

	// Applies reports whether a fault of coreSpec.Faults or coreFaults makes sense for an operation.
	// named says that the fault was injected for just that operation.
	Applies(fault, operation string, named bool) bool
}

// coreLinks are the links of the application's users, by whatever name the provider has for them.
type coreLinks interface {
	// Links returns all links, deleted ones as well, in the order in which users made them.
	Links() []coreLink

	// Find returns the link with an id, deleted or not.
	Find(id string) (coreLink, bool)

	// Settle lets happen what the passing of time brings.
	Settle()
}

// coreLink is one login of one user at one institution.
type coreLink interface {
	// ID is the provider's id of the link.
	ID() string

	// State describes the link.
	State() coreLinkState

	// Book is what the customer has at the institution.
	Book() *book

	// AccountID is the id of an account of the book on this link.
	AccountID(a *account) string

	// Day is the day that the provider writes for a row of the book.
	Day(r row) day

	// Lapse ends the user's consent and announces that. It reports false for a deleted link.
	Lapse() bool

	// Stage brings a situation of coreSpec.Situations about.
	Stage(situation string) error

	// Moved announces that there are transactions to read, where the provider does so at once.
	Moved()
}

// coreWebhooks is how a provider announces something.
type coreWebhooks interface {
	// Address returns where webhooks of a link go, "" for nowhere.
	Address(reference string) string

	// Token draws the delivery token, "" where the provider has none.
	Token() string

	// Payload returns the members of a webhook's body.
	Payload(w coreWebhook) map[string]any

	// Seal returns a body as it is sent.
	Seal(body []byte) []byte

	// Sign returns the headers of a delivery of body. key is the webhook's.
	Sign(key string, body []byte, s stamp) http.Header

	// Pause returns how long after a failed attempt the next one follows, false for never. elapsed
	// is the time since the first attempt.
	Pause(attempts int, elapsed time.Duration) (time.Duration, bool)

	// Rotate starts to sign with a new key and keeps the old ones valid.
	Rotate()

	// Retire forgets all keys but the newest.
	Retire()
}

// coreSpec is what is fixed about a provider.
type coreSpec struct {
	Name     string // as in faults, the journal and webhooks
	Title    string // as the provider writes itself
	BasePath string // of the API's base URL
	IDName   string // the member that holds the id of a link in bodies of the control plane

	Faults     []faultWord // those that only this provider has, or some
	Situations []string    // those that [coreLink.Stage] knows
	Events     []string    // of webhooks

	SignatureHeader string
	Forgeries       []coreForgery // beyond those that every provider has

	ExampleOperation   string // of an injected fault
	ExampleInstitution string // an id
}

// faultWord describes a fault that can be injected.
type faultWord struct{ Name, Summary string }

// coreForgery spoils a delivery in one way.
type coreForgery struct {
	Name string
	// Send changes the headers of the delivery. Without it Sign looks at [stamp.flaw].
	Send func(http.Header)
}

// Faults that every provider has.
const (
	faultSlow        = "slow" // of the wire; a provider may do more than wait
	faultRejected    = "credentials_rejected"
	faultUnknownCode = "unknown_code"
	faultBankDown    = "institution_down"
	forgedKey        = "wrong_key" // a forgery that Sign looks at
)

// coreFaults are the faults in a provider's own words that every provider has.
func coreFaults() []faultWord {
	return []faultWord{
		{faultRejected, "the application's credentials are refused"},
		{faultUnknownCode, "an error with a code that nobody listed"},
		{faultBankDown, "the institution is failing"},
	}
}

// coreLinkState is a link as the bank itself knows it.
type coreLinkState struct {
	Provider    string
	ID          string
	User        string
	Tags        []string
	Institution string
	Products    []string
	State       string
	Presented   int
	Exchanged   int
}

// The states of a link.
const (
	stateAwaiting  = "awaiting_token_exchange"
	stateConnected = "connected"
	stateDeleted   = "deleted"
	stateError     = "error"
)

// exchanges counts what became of a one-time token.
type exchanges struct{ presented, exchanged int }

// coreWebhook is something the bank announces.
type coreWebhook struct {
	Provider  string
	Event     string
	Reference string
	Members   map[string]any
	Key       string
	At        time.Time // when it happened
}

// coreOutbox takes what a provider announces.
type coreOutbox interface {
	// Announce puts a webhook into the outbox as it is to be said now, and returns its delivery
	// token. Under the bank's mutex.
	Announce(url string, w coreWebhook) (token string)
}

// stamp is how a delivery is signed.
type stamp struct {
	at      time.Time
	attempt int
	token   string // the delivery token; "" draws one
	flaw    string // a forgery, "" for a genuine delivery
}
