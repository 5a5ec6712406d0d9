package guard

// This file shares the holds of a connection between processes.

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
)

// maxHoldTTL is how long other processes know of a rejected login.
const maxHoldTTL = 30 * 24 * time.Hour

// sharedHold is a hold as it is stored. It belongs to one login of the connection. The JSON of
// Cause leaves out its Challenge, so that is beside it.
type sharedHold struct {
	Login     string             `json:"login"`
	Cause     *bankmux.Error     `json:"cause"`
	Challenge *bankmux.Challenge `json:"challenge,omitempty"`
}

// readHold reads what was left with a lease. It returns an empty hold for what is not one.
func readHold(fact []byte) sharedHold {
	var found sharedHold
	if fact == nil || json.Unmarshal(fact, &found) != nil {
		return sharedHold{}
	}
	if found.Cause != nil {
		found.Cause.Challenge = found.Challenge
	}
	return found
}

// login names the login without showing the reference.
func (k holdKey) login() string {
	reference := k.reference.Reveal()
	b := binary.BigEndian.AppendUint64(nil, uint64(k.linkedAt)) //nolint:gosec // a distinction, not a number
	sum := sha256.Sum256(append(b, reference...))
	return hex.EncodeToString(sum[:])
}

// end remembers a challenge that a call has ended, until the backend knows. Otherwise the challenge
// would come back with the next lease. At most [maxHolds] are remembered.
func (s *holds) end(key holdKey, op *bankmux.Op, err error) {
	e := bankmux.ErrorOf(err)
	again := e != nil && e.Challenge != nil && e.Challenge.ID == op.Challenge
	if !op.Abandon && (again || !bankmux.OutcomeKnown(err)) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.ended {
		if len(s.ended) < maxHolds {
			break
		}
		delete(s.ended, other)
	}
	s.ended[key] = op.Challenge
}

// forgetting returns a function for when the backend knows that a challenge has ended.
func (s *holds) forgetting(key holdKey) func() {
	challenge := s.ended[key]
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ended[key] == challenge {
			delete(s.ended, key)
		}
	}
}

// adopt replaces the hold of a login by what was left with the lease. It returns what was left, and
// the number of the hold.
func (s *holds) adopt(key holdKey, l *turnLease) (found sharedHold, number uint64) {
	found = readHold(l.fact)
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := s.ended[key]
	switch {
	case l.fence == 0 || ended == "":
	case found.Login == key.login() && found.Cause != nil && challengeOf(found.Cause) == ended:
		found, l.change, l.shared = sharedHold{}, &Fact{}, s.forgetting(key)
	case l.change == nil: // the backend has another fact
		delete(s.ended, key)
	}
	switch own := s.byKey[key]; {
	case l.fence == 0 && own != nil:
		return found, own.number // what the other processes know is not known
	case l.fence == 0:
	case found.Cause != nil && found.Login == key.login():
		h := &hold{key: key, cause: found.Cause, unshared: l.change != nil} // not if its release waits
		if ch := found.Cause.Challenge; ch != nil {
			h.until = ch.ExpiresAt
		}
		if h.unshared {
			l.shared = s.sharing(h)
		}
		s.add(h)
		return found, h.number
	case own != nil && !own.unshared:
		s.remove(key) // another process has ended it
	}
	return found, 0
}

// leave leaves the hold of a login for the next holder of the lease, if it differs from what was
// found.
func (s *holds) leave(key holdKey, l *turnLease, found sharedHold, before uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.byKey[key]
	switch {
	case h == nil && found.Cause != nil && (before != 0 || l.renewed):
		l.change, l.shared = &Fact{}, s.forgetting(key)
		return
	case h == nil:
		if l.fence != 0 && l.change == nil {
			delete(s.ended, key) // the backend has nothing of it
		}
		return
	case h.number == before:
		return
	}
	h.unshared = true // until the backend has it
	raw, err := json.Marshal(sharedHold{Login: key.login(), Cause: h.cause, Challenge: h.cause.Challenge})
	ttl := maxHoldTTL
	if !h.until.IsZero() {
		ttl = min(time.Until(h.until), ttl)
	}
	if err != nil || ttl <= 0 || l.fence == 0 {
		return
	}
	if sealed, ok := l.fleet.seal(l.name, raw); ok {
		l.change = &Fact{Value: sealed, TTL: ttl}
		l.shared = s.sharing(h)
	}
}

// challengeOf returns the id of the challenge of a hold, empty if a login was rejected.
func challengeOf(cause *bankmux.Error) string {
	if cause.Challenge == nil {
		return ""
	}
	return cause.Challenge.ID
}

// sharing returns a function for when the backend has a hold.
func (s *holds) sharing(h *hold) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		h.unshared = false
	}
}
