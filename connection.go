package bankmux

import (
	"slices"
	"time"
)

// Connection is one user's access to one bank. It is a value: a row in the
// application's database, keyed by ID.
//
// Printing it, logging it and json.Marshal are safe and lose the credential and the provider's
// reference; [Connection.Seal] and [Open] are the way to a database and back. A browser gets
// [Connection.View]. A connection that comes from neither [Provider.ExchangeToken] nor Open is
// refused by every call.
type Connection struct {
	ID          string      `json:"id"`       // ours, for ever; upsert by it
	Provider    string      `json:"provider"` // adapter
	Client      string      `json:"client"`   // registered name that routes
	Environment Environment `json:"environment,omitempty"`
	User        string      `json:"user"`
	Institution Institution `json:"institution"`
	// ReferenceKey is a digest of [Connection.Reference]: the key under which a webhook's [Event]
	// finds the connection. It is safe to store, index, print and log. The client sets it.
	ReferenceKey string    `json:"reference_key,omitempty"`
	Status       Status    `json:"status"`
	Products     []Product `json:"products,omitempty"` // what the user granted, where the provider says
	Consent      Consent   `json:"consent,omitzero"`   // how long the permission lasts, where the provider says
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	// LinkedAt is when the user last went through the flow for it: each reconnect changes it.
	LinkedAt time.Time `json:"linked_at,omitzero"`

	reference  Secret
	credential Secret
}

// NewConnection makes the connection a session ends in, for an adapter to
// complete with institution, status, products and consent. On a reconnect it keeps the identity,
// and what else was known, of the connection being renewed, but not the dates of its consent.
func NewConnection(s Session, reference string, credential Secret) Connection {
	now := time.Now().UTC().Truncate(time.Millisecond)
	conn := Connection{CreatedAt: now}
	if s.Reconnect != nil {
		conn = *s.Reconnect
		conn.Products = slices.Clone(conn.Products)
		conn.Consent = Consent{} // the dates are of the consent that is replaced
	}
	conn.ID, conn.User = s.ConnectionID, s.User
	conn.reference, conn.credential = credential, credential
	if !credential.holds(reference) {
		conn.reference = NewSecret(reference)
	}
	conn.UpdatedAt, conn.LinkedAt = now, now
	return conn
}

// NewFurtherConnection makes a connection that the user linked in the same run beside the session's
// own, for [ExchangeResult.More]. Its id comes from the session and the reference, so the same
// login has the same id in any process. It is a new connection, also where the session renews
// another.
func NewFurtherConnection(s Session, reference string, credential Secret) Connection {
	s.ConnectionID, s.Reconnect = s.further(reference), nil
	return NewConnection(s, reference, credential)
}

// Credential is what the adapter needs to act on the connection. Applications have no use for it.
func (c Connection) Credential() Secret { return c.credential }

// WithCredential returns a copy with another credential, for an adapter whose provider renews it.
// Identity, reference and [Connection.ReferenceKey] stay, so a webhook still finds the connection.
func (c Connection) WithCredential(credential Secret) Connection {
	c.credential = credential
	return c
}

// own completes a connection that the client's adapter returned.
func (conn *Connection) own(c *Client) {
	conn.Client, conn.Provider, conn.Environment = c.name, c.desc.Provider, c.desc.Environment
	conn.ReferenceKey = referenceKey(conn.Provider, conn.Environment, conn.reference)
	conn.Consent = conn.Consent.told()
}

// Environment says what a set of credentials reaches.
type Environment string

// The environments.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)

// InstitutionRef names one bank by the ids providers have for it, keyed by adapter:
//
//	bankmux.InstitutionRef{"moneykit": "chase", "dapi": "DAPIBANK_US_CHASE"}
type InstitutionRef map[string]string

// Institution is a bank as the provider of a connection sees it. A field the provider does not give
// is "".
type Institution struct {
	ID      string `json:"id,omitempty"` // the provider's
	Name    string `json:"name,omitempty"`
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	BIC     string `json:"bic,omitempty"`     // SWIFT code
	LogoURL string `json:"logo_url,omitempty"`
}

// Status is how a connection was doing when the provider last said so.
type Status struct {
	State State     `json:"state"`
	Code  string    `json:"code,omitempty"` // the provider's word
	At    time.Time `json:"at"`
	// AskedAt is when the bank last wanted an answer of the user ([Challenge]), zero if it never
	// did. Calls without a user ([Presence]) then send nothing. Set it to zero for a bank that asks
	// no more.
	AskedAt time.Time `json:"asked_at,omitzero"`
}

// State is where a connection stands. Unknown values are kept.
type State string

// The states.
const (
	StateActive     State = "active"
	StateUnverified State = "unverified"      // exchanged, but the bank could not be read yet: call ConnectionStatus
	StatePending    State = "pending"         // the user has not finished
	StateReauth     State = "reauth_required" // the user must log in again
	StateDegraded   State = "degraded"        // bank or provider is failing; nothing for the user to do
	StateGone       State = "gone"            // link anew
)

// After returns the status after a call on the connection ended with err. Only what a provider
// declared moves the state: [ErrReauth] and [ErrGone] do, success moves it back, anything else (an
// outage, a timeout, a wrong call) leaves it alone. A question of the bank is noted in AskedAt.
func (s Status) After(err error) Status {
	now, e := time.Now().UTC().Truncate(time.Millisecond), asError(err)
	if e != nil && e.Challenge != nil {
		s.AskedAt = now
	}
	next := Status{At: now, AskedAt: s.AskedAt}
	switch kind := KindOf(err); {
	case kind.State() != "":
		next.State = kind.State()
	case kind == "" && s.State != StateUnverified:
		next.State = StateActive
	default:
		return s
	}
	if e != nil {
		next.Code = e.Code
	}
	if next.State == s.State && next.Code == s.Code {
		return s // keep the time it began
	}
	return next
}

// Product is a kind of data or action a user grants. Unknown values are kept.
type Product string

// The products.
const (
	ProductAccounts       Product = "accounts"
	ProductAccountNumbers Product = "account_numbers"
	ProductIdentity       Product = "identity"
	ProductTransactions   Product = "transactions"
	ProductInvestments    Product = "investments"
	ProductEnrichment     Product = "enrichment"
	ProductCards          Product = "cards"
	ProductPayments       Product = "payments"
)

// ProductRequest asks for a product in a session.
type ProductRequest struct {
	Product           Product
	Required          bool   // offer only banks that have it; a provider without it is [ErrUnsupported]
	RequirePermission bool   // the user cannot decline it
	Prefetch          bool   // fetch right after linking
	Reason            string // completes "… data is used to …" where the provider shows it
}

// StatusRequest asks how a connection is doing.
type StatusRequest struct {
	Connection Connection
	Answers    *Answers // to a [Challenge] of an earlier try, where asking for the status asks the user
}

func (r *StatusRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// StatusResult is the connection brought up to date; store it.
type StatusResult struct {
	Connection Connection
	Products   []ProductStatus // where the provider tells them apart
}

// ProductStatus says how fresh a product's data is.
type ProductStatus struct {
	Product     Product
	RefreshedAt time.Time // last success, zero if never
	AttemptedAt time.Time // last attempt, zero if never
	Kind        Kind      // what the last failure means, "" for none
	Code        string    // the provider's word for it
	Unavailable bool      // it cannot be refreshed now; what was fetched before can still be read
	// UnavailableReason is the provider's reason where it has the form of a code, such as
	// institution_migration. A sentence is dropped: it may hold anything.
	UnavailableReason string
}

// DisconnectRequest ends a connection.
type DisconnectRequest struct{ Connection Connection }

func (r *DisconnectRequest) prepare(c *Client, op *Op) error { return r.Connection.prepare(c, op) }

// DisconnectResult holds the connection in [StateGone].
type DisconnectResult struct{ Connection Connection }

func (conn *Connection) prepare(c *Client, op *Op) error {
	op.Connection, op.Reference = conn.ID, conn.reference
	op.User, op.Institution = conn.User, conn.Institution.ID
	op.LinkedAt = conn.LinkedAt
	op.Asked = !conn.Status.AskedAt.IsZero()
	return c.accept(conn, op)
}
