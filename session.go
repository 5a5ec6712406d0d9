package bankmux

// This file describes sessions and the call that makes one.

import (
	"context"
	"crypto/rand"
	"time"
)

// DefaultSessionLifetime is how long a session is valid unless the request says otherwise. MoneyKit
// and Dapi publish no lifetime of their own.
const DefaultSessionLifetime = time.Hour

// Session is one run of the linking flow, until the front end has finished it. [Session.Seal]
// encrypts it for your database or the user's cookie, and [OpenSession] reads it back. Give only
// Launch to the browser.
//
// Do not read a session back from plain JSON. It is not signed, so a user could edit ConnectionID
// to name the row of another user. It also lacks Launch and the credential of Reconnect, so it
// cannot finish a reconnect.
type Session struct {
	ID string `json:"id"` // 128 bits that cannot be guessed
	// ConnectionID is the id of the connection that the session makes, or on a reconnect the id
	// that the connection has. If the provider does not tie a login to a session (Dapi), the
	// connection has another id, which [Session.ConnectionOf] returns.
	ConnectionID string      `json:"connection_id"`
	User         string      `json:"user"`
	Client       string      `json:"client"` // registered name of the client that made it
	Provider     string      `json:"provider"`
	Environment  Environment `json:"environment,omitempty"`
	Country      string      `json:"country,omitempty"`
	Products     []Product   `json:"products,omitempty"` // what was asked for
	// RedirectURI is that of the request: where a bank's own login page returns to.
	RedirectURI string `json:"redirect_uri,omitempty"`
	// what the browser gets; plain JSON leaves it out, and Seal keeps it
	Launch Launch `json:"-"`
	// State has what the adapter needs for the exchange and the browser must not see. Examples are
	// a PKCE verifier and the id of a consent. Plain JSON leaves it out, and Seal keeps it.
	State Secret `json:"-"`
	// the connection that is renewed; plain JSON leaves out its credential, and Seal keeps it
	Reconnect *Connection `json:"reconnect,omitempty"`
	CreatedAt time.Time   `json:"created_at,omitzero"`
	ExpiresAt time.Time   `json:"expires_at,omitzero"`
}

// further is the id of a connection that is not the session's first.
func (s *Session) further(reference string) string {
	var short [256]byte
	sum := digest(appendParts(short[:0], "connection", s.ConnectionID, reference))
	return string(sum[:idLen])
}

// idLen is the length of an id.
const idLen = 26

// newID returns 128 random bits as 26 letters and digits.
func newID() string { return rand.Text() }

// CreateSession prepares one run of the linking flow. Store the session with the user who is logged
// in, and give only its Launch to the front end. It may be repeated.
//
// If a field is malformed, the error is [ErrInvalid] and nothing is sent. For the other errors see
// [Provider.CreateSession].
func (c *Client) CreateSession(ctx context.Context, req SessionRequest) (Session, error) {
	return c.createSession(ctx, opCreateSession, req)
}

func (c *Client) createSession(ctx context.Context, op Op, req SessionRequest) (Session, error) {
	s, err := call(ctx, c, &op, &req, Provider.CreateSession)
	if err != nil {
		return Session{}, err
	}
	s.Client, s.Provider, s.Environment = c.name, c.desc.Provider, c.desc.Environment
	s.RedirectURI = req.RedirectURI
	return s, nil
}
