package bank

import (
	"net/http"
	"time"
)

// Provider is one wire format of the bank. Every method but Spec, Routes, Handle, Connect and
// Controls is called under the bank's mutex.
type Provider interface {
	API
	Links
	Webhooks

	// Spec returns what is fixed about the provider.
	Spec() Spec

	// Connect returns the control call that plays the user in the provider's link widget.
	Connect() ControlCall

	// Controls returns the control calls that only this provider has.
	Controls() []ControlCall
}

// API is how a provider serves requests.
type API interface {
	// Routes returns the operations. The first that matches a request is the one.
	Routes() []Route

	// Handle carries out a request for one of the routes. It takes the bank's mutex itself.
	Handle(c *Call) Reply

	// Fail returns the answer to a request that no operation gets: 404 for an unknown path, 405 for
	// an unknown method, 413 for a body that is too large, 429 for an injected rate limit. One
	// without a body leaves the body to the fault.
	Fail(status int) Reply

	// Form returns an answer as it is written. It sees every answer.
	Form(p Reply) Reply

	// Concerns returns an id of the institution that a request is about, "" for none.
	Concerns(c *Call) string

	// Applies reports whether a fault of Spec.Faults or CommonFaults makes sense for an operation.
	// named says that the fault was injected for just that operation.
	Applies(fault, operation string, named bool) bool
}

// Links are the links of the application's users, by whatever name the provider has for them.
type Links interface {
	// Links returns all links, deleted ones as well, in the order in which users made them.
	Links() []Link

	// Find returns the link with an id, deleted or not.
	Find(id string) (Link, bool)

	// Settle lets happen what the passing of time brings.
	Settle()
}

// Link is one login of one user at one institution.
type Link interface {
	// ID is the provider's id of the link.
	ID() string

	// State describes the link.
	State() LinkState

	// Book is what the customer has at the institution.
	Book() *Book

	// AccountID is the id of an account of the book on this link.
	AccountID(a *Account) string

	// Day is the day that the provider writes for a row of the book.
	Day(r Row) Day

	// Lapse ends the user's consent and announces that. It reports false for a deleted link.
	Lapse() bool

	// Stage brings a situation of Spec.Situations about.
	Stage(situation string) error

	// Moved announces that there are transactions to read, where the provider does so at once.
	Moved()
}

// Webhooks is how a provider announces something.
type Webhooks interface {
	// Address returns where webhooks of a link go, "" for nowhere.
	Address(reference string) string

	// Token draws the delivery token, "" where the provider has none.
	Token() string

	// Payload returns the members of a webhook's body.
	Payload(w Webhook) map[string]any

	// Seal returns a body as it is sent.
	Seal(body []byte) []byte

	// Sign returns the headers of a delivery of body. key is the webhook's.
	Sign(key string, body []byte, s Stamp) http.Header

	// Pause returns how long after a failed attempt the next one follows, false for never. elapsed
	// is the time since the first attempt.
	Pause(attempts int, elapsed time.Duration) (time.Duration, bool)

	// Rotate starts to sign with a new key and keeps the old ones valid.
	Rotate()

	// Retire forgets all keys but the newest.
	Retire()
}

// Spec is what is fixed about a provider.
type Spec struct {
	Name     string // as in faults, the journal and webhooks
	Title    string // as the provider writes itself
	BasePath string // of the API's base URL
	IDName   string // the member that holds the id of a link in bodies of the control plane

	Faults     []Fault  // those that only this provider has, or some
	Situations []string // those that [Link.Stage] knows
	Events     []string // of webhooks

	SignatureHeader string
	Forgeries       []Forgery // beyond those that every provider has

	ExampleOperation   string // of an injected fault
	ExampleInstitution string // an id
}

// Fault describes a fault that can be injected.
type Fault struct{ Name, Summary string }

// Forgery spoils a delivery in one way.
type Forgery struct {
	Name string
	// Send changes the headers of the delivery. Without it Sign looks at [stamp.flaw].
	Send func(http.Header)
}

// Faults that every provider has.
const (
	FaultSlow        = "slow" // of the wire; a provider may do more than wait
	FaultRejected    = "credentials_rejected"
	FaultUnknownCode = "unknown_code"
	FaultBankDown    = "institution_down"
	ForgedKey        = "wrong_key" // a forgery that Sign looks at
)

// CommonFaults are the faults in a provider's own words that every provider has.
func CommonFaults() []Fault {
	return []Fault{
		{FaultRejected, "the application's credentials are refused"},
		{FaultUnknownCode, "an error with a code that nobody listed"},
		{FaultBankDown, "the institution is failing"},
	}
}

// LinkState is a link as the bank itself knows it.
type LinkState struct {
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
	StateAwaiting  = "awaiting_token_exchange"
	StateConnected = "connected"
	StateDeleted   = "deleted"
	StateError     = "error"
)

// Exchanges counts what became of a one-time token.
type Exchanges struct{ Presented, Exchanged int }

// Webhook is something the bank announces.
type Webhook struct {
	Provider  string
	Event     string
	Reference string
	Members   map[string]any
	Key       string
	At        time.Time // when it happened
}

// Outbox takes what a provider announces.
type Outbox interface {
	// Announce puts a webhook into the outbox as it is to be said now, and returns its delivery
	// token. Under the bank's mutex.
	Announce(url string, w Webhook) (token string)
}

// Stamp is how a delivery is signed.
type Stamp struct {
	At      time.Time
	Attempt int
	Token   string // the delivery token; "" draws one
	Flaw    string // a forgery, "" for a genuine delivery
}
