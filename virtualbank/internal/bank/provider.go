package bank

// This file has the interface between the bank and one wire format.

import (
	"net/http"
	"time"
)

// Provider is one wire format of the bank. Callers hold the bank's mutex, except for the methods of
// API that say otherwise, Spec, Connect and Controls.
type Provider interface {
	API
	Links
	Webhooks
	Pages

	// Spec returns the fixed facts of the provider.
	Spec() Spec

	// Secret returns the secret of the application, which the journal masks.
	Secret() string

	// Connect returns the control call that plays the user in the provider's link widget.
	Connect() ControlCall

	// Controls returns the control calls that only this provider has.
	Controls() []ControlCall
}

// API serves the requests of a provider.
type API interface {
	// Routes returns the operations. The first one that matches a request serves it. The mutex is
	// not held.
	Routes() []Route

	// Handle serves a request for one of the routes. It checks the credentials first. The mutex is
	// not held.
	Handle(c *Call) Reply

	// Fail returns the response to a request that reaches no operation. The status is 404 for an
	// unknown path, 405 for an unknown method, or 413 for a body that is too large. It is 429 for
	// an injected rate limit; a nil body then leaves the body to the fault. The mutex is not held.
	Fail(status int) Reply

	// Form returns a response in the form in which it is written. It sees every response. The mutex
	// is not held.
	Form(p Reply) Reply

	// Concerns returns an id of the institution that a request is about, or "".
	Concerns(c *Call) string

	// Applies reports whether a fault of Spec.Faults or CommonFaults has an effect on an operation.
	// The flag named is set if the fault was injected for this operation only.
	Applies(fault, operation string, named bool) bool
}

// Links holds the links of a provider. Dapi calls them connections.
type Links interface {
	// Links returns all links in the order in which users made them, including deleted ones.
	Links() []Link

	// Find returns the link with an id, even if it was deleted.
	Find(id string) (Link, bool)

	// Settle finishes what is due because time has passed, such as refreshes, and announces it.
	Settle()
}

// Link is one login of one user at one institution.
type Link interface {
	// ID returns the provider's id of the link.
	ID() string

	// State returns the state of the link.
	State() LinkState

	// Book returns the accounts that the customer has at the institution.
	Book() *Book

	// AccountID returns the provider's id of an account on this link.
	AccountID(a *Account) string

	// Day returns the day that the provider writes for a row.
	Day(r Row) Day

	// Lapse ends the user's consent and announces that. It returns false for a deleted link.
	Lapse() bool

	// Stage makes one of Spec.Situations happen.
	Stage(situation string) error

	// Moved announces new transactions if the provider announces them immediately.
	Moved()
}

// Webhooks builds and signs the webhooks of a provider.
type Webhooks interface {
	// Address returns the webhook address for a link, or "".
	Address(reference string) string

	// Token returns a new delivery token, or "" if the provider has none.
	Token() string

	// Payload returns the members of a webhook's body.
	Payload(w Webhook) map[string]any

	// Seal returns the body in the form in which it is sent, for example encrypted.
	Seal(body []byte) []byte

	// Sign returns the headers of a delivery. key is the key of the webhook.
	Sign(key string, body []byte, s Stamp) http.Header

	// Pause returns the time between a failed attempt and the next one, or false if none follows.
	// elapsed is the time since the first attempt.
	Pause(attempts int, elapsed time.Duration) (time.Duration, bool)

	// Rotate adds a new key to sign with, and keeps the old ones valid.
	Rotate()

	// Retire drops all keys but the newest.
	Retire()
}

// Spec holds the fixed facts of a provider.
type Spec struct {
	Name     string // the name in faults, the journal and webhooks
	Title    string // the name in prose
	BasePath string // the path of the API's base URL
	IDName   string // the member for the id of a link in bodies of the control plane

	Faults     []Fault  // the faults that not every provider has
	Situations []string // the situations that [Link.Stage] knows
	Events     []string // the names of webhook events
	OnlyOK     bool     // only status 200 accepts a webhook, not every 2xx

	SecretNames []string // members and headers that hold secrets, in lower case

	SignatureHeader string    // the header of a webhook's signature
	Forgeries       []Forgery // the forgeries that not every provider has

	ExampleOperation   string // an operation for examples of the control plane
	ExampleInstitution string // an institution's id for examples of the control plane
}

// Fault describes a fault that can be injected.
type Fault struct{ Name, Summary string }

// Forgery makes a delivery invalid in one way.
type Forgery struct {
	Name string

	// Send changes the headers of the delivery. If it is nil, [Webhooks] must make the signature
	// invalid: Name is then in [Stamp].
	Send func(http.Header)
}

// The names of faults and of a forgery that every provider has.
const (
	FaultSlow        = "slow" // a fault of the wire; the provider serves it
	FaultRejected    = "credentials_rejected"
	FaultUnknownCode = "unknown_code"
	FaultBankDown    = "institution_down"
	ForgedKey        = "wrong_key" // a forgery; Sign serves it
)

// CommonFaults returns the faults that every provider has in its own words.
func CommonFaults() []Fault {
	return []Fault{
		{FaultRejected, "the application's credentials are rejected"},
		{FaultUnknownCode, "an error with an undocumented code"},
		{FaultBankDown, "the institution is down"},
	}
}

// LinkState is the state of a link. The fields are those of virtualbank.LinkState.
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

// The states of a link, in MoneyKit's words.
const (
	StateAwaiting  = "awaiting_token_exchange"
	StateConnected = "connected"
	StateDeleted   = "deleted"
	StateError     = "error"
)

// Exchanges counts the exchanges of a one-time token: all, and the successful ones.
type Exchanges struct{ Presented, Exchanged int }

// Webhook is an event to announce. The fields are those of virtualbank.Webhook.
type Webhook struct {
	Provider  string
	Event     string
	Reference string
	Members   map[string]any
	Key       string
	At        time.Time // when the event happened
}

// Outbox holds webhooks until they are delivered.
type Outbox interface {
	// Announce puts a webhook into the outbox and returns its delivery token. Its body is fixed
	// from then on. Callers hold the mutex.
	Announce(url string, w Webhook) (token string)
}

// Stamp holds what a signature depends on besides the body.
type Stamp struct {
	At      time.Time // when the delivery is signed
	Attempt int       // 1 for the first attempt
	Token   string    // the delivery token; "" means a new one
	Flaw    string    // the name of a forgery; "" means a valid delivery
}
