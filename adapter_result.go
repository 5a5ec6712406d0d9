package bankmux

import (
	"slices"
	"time"
)

// NewSession starts a session for an adapter to complete: ids, user, times. The adapter adds
// Launch; the client adds its own name. ID is random. Where webhooks name the flow only by an id or
// token of the provider's, set ID to a digest of that, so that [Event.Session] can say it.
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

// ConnectionOf returns the id of the connection that a login makes, for adapters whose provider
// ties no login to a session: a user may link two banks from one session there. reference is the
// provider's id of the login. The same login has the same id in any process, and two logins have
// two. A reconnect keeps the id that the connection has.
func (s Session) ConnectionOf(reference string) string {
	if s.Reconnect != nil {
		return s.ConnectionID
	}
	return s.further(reference)
}

// NewLaunchToken keeps a token, for an adapter.
func NewLaunchToken(text string) LaunchToken { return LaunchToken{NewSecret(text)} }

// NewConnection makes the connection a session ends in, for an adapter to
// complete with institution, status, products and consent. On a reconnect it keeps the identity,
// and what else was known, of the connection being renewed, but not the dates of its consent.
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

// WithRaw returns a copy of the event with that body, for an adapter. The client sets the whole
// body otherwise.
func (e Event) WithRaw(body []byte) Event {
	e.raw = hide(body)
	return e
}

// WithPayload returns a copy of the event with that body in clear, for an adapter.
func (e Event) WithPayload(body []byte) Event {
	e.payload = hide(body)
	return e
}
