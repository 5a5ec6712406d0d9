package bankmux

// This file seals and opens sessions for storage.

import (
	"encoding/json"
	"unicode/utf8"
)

// SessionRef says to whom a sealed session belongs. The application knows it from its own login
// session and table, before it opens the session. Both fields are required.
type SessionRef struct {
	User string // who is logged in now
	ID   string // the [Session.ID] under which the row is kept
}

// Ref returns the SessionRef of the session.
func (s Session) Ref() SessionRef { return SessionRef{User: s.User, ID: s.ID} }

// sealedRun is the plaintext of a sealed session: its JSON, and what that leaves out.
type sealedRun struct {
	Session   Session    `json:"session"`
	Launch    Launch     `json:"launch"`
	Reconnect *sealed    `json:"reconnect,omitempty"`
	State     sealedText `json:"state,omitempty"`
}

// Seal encrypts the session for the application's database, or for a cookie of the user. The result
// is bound to the session's [SessionRef], so it opens only for its user and under its id, and never
// as a connection. It includes the connection that is renewed, with its credential. Sealing twice
// gives different bytes. Seal may be repeated.
//
// The error is [ErrInvalid] for a session without id or user, and for one whose Reconnect has no
// credential. So it is for a nil aead or zero Keyring. It is [ErrSeal] if the aead fails.
func (s Session) Seal(aead AEAD) ([]byte, error) {
	ref := s.Ref()
	if err := ref.check(aead); err != nil {
		return nil, err
	}
	if s.Reconnect != nil && s.Reconnect.credential.IsZero() {
		return nil, invalid("Session.Reconnect", "has no credential: seal the session that CreateSession returned")
	}
	plain, ok := s.appendSealed(make([]byte, 0, s.sealedSize()))
	if !ok {
		return nil, invalid("Session", "cannot be written as JSON")
	}
	return encrypt(aead, sealedSession, plain, ref.associated())
}

// OpenSession is the inverse of [Session.Seal]. It does not check ExpiresAt, because
// [Client.ExchangeToken] does. It may be repeated.
//
// The error is [ErrInvalid] for an incomplete ref, and for a nil aead or zero Keyring. It is
// [ErrSeal] for bytes that were changed, belong to another user or session, or are sealed under an
// unknown key.
func OpenSession(aead AEAD, ref SessionRef, blob []byte) (Session, error) {
	if err := ref.check(aead); err != nil {
		return Session{}, err
	}
	plain, err := decrypt(aead, sealedSession, blob, ref.associated())
	if err != nil {
		return Session{}, err
	}
	var s Session
	if !s.openSealed(plain) {
		if s, err = openSessionJSON(plain); err != nil {
			return Session{}, err
		}
	}
	if s.Ref() != ref {
		return Session{}, sealError(sealedSession, elsewhere)
	}
	if conn := s.Reconnect; conn != nil {
		if conn.credential.IsZero() || conn.ID != s.ConnectionID || conn.User != s.User {
			return Session{}, sealError(sealedSession, elsewhere)
		}
		conn.setReferenceKey()
	}
	return s, nil
}

const elsewhere = "belongs to another session"

// openSessionJSON reads the JSON of any version.
func openSessionJSON(plain []byte) (Session, error) {
	var run sealedRun
	if json.Unmarshal(plain, &run) != nil {
		return Session{}, sealError(sealedSession, "has unreadable content")
	}
	s := run.Session
	if s.Reconnect != nil {
		return Session{}, sealError(sealedSession, elsewhere)
	}
	s.Launch = run.Launch
	s.State = NewSecret(run.State)
	if run.Reconnect != nil {
		conn := run.Reconnect.outside()
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
