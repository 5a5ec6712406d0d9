package bankmux

import "unicode/utf8"

// SessionRef says whose sealed session it is: what the application knows from its own login
// session and table before anything is opened. Both fields are required.
type SessionRef struct {
	User string // who is logged in now
	ID   string // the [Session.ID] under which the row is kept
}

// Ref returns what the sealed session is bound to.
func (s Session) Ref() SessionRef { return SessionRef{User: s.User, ID: s.ID} }

// sealedRun is what lies inside a sealed session: its JSON and what that leaves out.
type sealedRun struct {
	Session   Session    `json:"session"`
	Launch    Launch     `json:"launch"`
	Reconnect *sealed    `json:"reconnect,omitempty"`
	State     sealedText `json:"state,omitempty"`
}

// Seal encrypts the session for the application's database, or for the user's own browser. The
// result is bound to the session's [SessionRef]: it opens for its user and under its id only, and
// never as a connection. A connection that is being renewed is inside with its credential.
// Sealing twice gives different bytes.
//
// Errors: [ErrInvalid] for a session without id or user, one whose Reconnect has no credential, or
// a nil aead; [ErrSeal] if the aead fails. Safe for concurrent use; may be repeated.
func (s Session) Seal(aead AEAD) ([]byte, error) {
	ref := s.Ref()
	if err := ref.check(aead); err != nil {
		return nil, err
	}
	run := sealedRun{Session: s, Launch: s.Launch, State: sealedText(s.State.Reveal())}
	if conn := s.Reconnect; conn != nil {
		if conn.credential.IsZero() {
			return nil, invalid("Session.Reconnect", "has no credential: seal the session that CreateSession returned")
		}
		inside := conn.inside()
		run.Session.Reconnect, run.Reconnect = nil, &inside
	}
	return seal(aead, sealedSession, "Session", run, ref.associated())
}

// OpenSession is the inverse of [Session.Seal].
//
// Errors: [ErrInvalid] for an incomplete ref or a nil aead; [ErrSeal] for bytes that were changed,
// belong to another user or session, or are sealed under an unknown key. It does not look at
// ExpiresAt: [Client.ExchangeToken] does. Safe for concurrent use; may be repeated.
func OpenSession(aead AEAD, ref SessionRef, blob []byte) (Session, error) {
	if err := ref.check(aead); err != nil {
		return Session{}, err
	}
	var run sealedRun
	if err := unseal(aead, sealedSession, blob, ref.associated(), &run); err != nil {
		return Session{}, err
	}
	s := run.Session
	s.Launch = run.Launch
	s.State = NewSecret(run.State)
	if s.Ref() != ref || s.Reconnect != nil {
		return Session{}, sealError(sealedSession, "holds something else")
	}
	if run.Reconnect != nil {
		conn, ok := run.Reconnect.outside()
		if !ok || conn.ID != s.ConnectionID || conn.User != s.User {
			return Session{}, sealError(sealedSession, "holds something else")
		}
		s.Reconnect = &conn
	}
	return s, nil
}

func (r SessionRef) check(aead AEAD) error {
	if err := checkAEAD(aead); err != nil {
		return err
	}
	if r.User == "" || r.ID == "" {
		return invalid("SessionRef", "lacks user or id")
	}
	if !utf8.ValidString(r.User + r.ID) {
		return invalid("SessionRef", "is not UTF-8")
	}
	return nil
}

func (r SessionRef) associated() []byte { return lengthPrefixed(sealedSession, r.User, r.ID) }
