package bankmux

// This file has what adapters make their results of.

import (
	"slices"
	"time"
)

// NewSession returns a session with ids, user and times, for an adapter to complete. The adapter
// adds Launch, and the client adds its own name. ID is random. If the provider's webhooks name the
// flow by an id or token of their own, set ID to a digest of that. The adapter can then set
// [Event.Session].
func NewSession(req SessionRequest) Session {
	lifetime := req.Lifetime
	if lifetime == 0 {
		lifetime = DefaultSessionLifetime
	}
	now := Moment(time.Now())
	s := Session{
		ID: newID(), ConnectionID: newID(), User: req.User, Country: req.Country,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
		Launch: Launch{Mode: ModeLink},
	}
	for _, p := range req.Products {
		s.Products = append(s.Products, p.Product)
	}
	if req.Reconnect != nil {
		conn := *req.Reconnect
		s.Reconnect, s.ConnectionID = &conn, conn.ID
		s.Launch.Mode = ModeRelink
	}
	return s
}

// ConnectionOf returns the id of the connection that a login makes. It is for adapters whose
// provider does not tie a login to a session: there, a user may link two banks from one session.
// The reference is the provider's id of the login. The same login has the same id in any process,
// and two logins have different ids. On a reconnect the id is that of the connection that is
// renewed.
func (s Session) ConnectionOf(reference string) string {
	if s.Reconnect != nil {
		return s.ConnectionID
	}
	return s.further(reference)
}

// NewLaunchToken returns a token for the front end, for an adapter.
func NewLaunchToken(text string) LaunchToken { return LaunchToken{NewSecret(text)} }

// NewConnection returns the connection that a session makes. The adapter completes it with
// institution, status, products and consent. On a reconnect it is a copy of the connection that is
// renewed, with the new reference and credential. The copy has no dates of the consent, because the
// new consent replaces them.
func NewConnection(s Session, reference string, credential Secret) Connection {
	now := Moment(time.Now())
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

// NewFurtherConnection returns a connection for [ExchangeResult.More]: one that the user linked in
// the same run, beside the session's own. Its id comes from the session and the reference, so the
// same login has the same id in any process. It is a new connection even if the session renews
// another one.
func NewFurtherConnection(s Session, reference string, credential Secret) Connection {
	s.ConnectionID, s.Reconnect = s.further(reference), nil
	return NewConnection(s, reference, credential)
}

// Credential returns what the adapter needs to act on the connection. It is for adapters.
func (conn Connection) Credential() Secret { return conn.credential }

// WithCredential returns a copy with another credential, for an adapter whose provider renews it.
// Identity, reference and [Connection.ReferenceKey] stay, so a webhook delivery still finds the
// connection.
func (conn Connection) WithCredential(credential Secret) Connection {
	conn.credential = credential
	return conn
}

// WithExchangePayload returns a copy of the event with that payload, for an adapter.
func (e Event) WithExchangePayload(payload Secret) Event {
	e.exchange = payload
	return e
}

// WithReference returns a copy of the event about the connection of that reference, for an adapter.
func (e Event) WithReference(reference string) Event {
	e.reference = NewSecret(reference)
	return e
}

// WithRaw returns a copy of the event with that body, for an adapter. Without it the client sets
// the whole body.
func (e Event) WithRaw(body []byte) Event {
	e.raw = hide(body)
	return e
}

// WithPayload returns a copy of the event with the decrypted body, for an adapter.
func (e Event) WithPayload(body []byte) Event {
	e.payload = hide(body)
	return e
}
