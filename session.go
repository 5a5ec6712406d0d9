package bankmux

import (
	"context"
	"crypto/rand"
	"time"
)

// DefaultSessionLifetime is how long a session is good for unless the request
// says otherwise: time enough to find a password, short enough to notice a
// forgotten tab. Neither provider publishes a lifetime of its own.
const DefaultSessionLifetime = time.Hour

// Session is one run of the linking flow, waiting for the front end. [Session.Seal] is the way to
// your database or to the user's cookie, and [OpenSession] the way back. Give only Launch to the
// browser.
//
// Plain JSON is for debugging and is not safe to take back: it is not signed, and an edited
// ConnectionID names the row of another user. It also leaves out Launch and the credential of
// Reconnect, so a reconnect cannot be finished with it.
type Session struct {
	ID string `json:"id"` // 128 bits that cannot be guessed
	// ConnectionID is what the connection will be called, on a reconnect what it is called already.
	// Where the provider ties no login to a session (Dapi), it is the root of the id: see
	// [Session.ConnectionOf].
	ConnectionID string      `json:"connection_id"`
	User         string      `json:"user"`
	Client       string      `json:"client"` // registered name of the client that made it
	Provider     string      `json:"provider"`
	Environment  Environment `json:"environment,omitempty"`
	Country      string      `json:"country,omitempty"`
	Products     []Product   `json:"products,omitempty"` // what was asked for
	// what the browser gets; plain JSON leaves it out, Seal keeps it
	Launch Launch `json:"-"`
	// State is what the adapter keeps for the exchange and the browser must not see, such as a PKCE
	// verifier or the id of a consent. Plain JSON leaves it out, Seal keeps it.
	State Secret `json:"-"`
	// what is being renewed; plain JSON loses its credential, Seal keeps it
	Reconnect *Connection `json:"reconnect,omitempty"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
}

// further is the id of a connection that is not the session's first.
func (s *Session) further(reference string) string {
	var short [256]byte
	sum := digest(appendParts(short[:0], "connection", s.ConnectionID, reference))
	return string(sum[:idLen])
}

// idLen is the length of an id.
const idLen = 26

// newID draws 128 random bits as 26 letters and digits.
func newID() string { return rand.Text() }

// CreateSession prepares one run of the linking flow. Store the session under
// the logged-in user and give only its Launch to the front end. See
// [Provider.CreateSession] for the errors; a request with a malformed field is
// [ErrInvalid] and sends nothing. It may be repeated.
func (c *Client) CreateSession(ctx context.Context, req SessionRequest) (Session, error) {
	return c.createSession(ctx, opCreateSession, req)
}

func (c *Client) createSession(ctx context.Context, op Op, req SessionRequest) (Session, error) {
	s, err := call(ctx, c, op, req, Provider.CreateSession)
	if err != nil {
		return Session{}, err
	}
	s.Client, s.Provider, s.Environment = c.name, c.desc.Provider, c.desc.Environment
	return s, nil
}
