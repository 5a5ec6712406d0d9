package guard

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// Hold refuses calls on a connection where they would harm the user. Such a connection is held. A
// refused call returns the error that caused the hold, with NotSent set. There are two causes:
//
//   - A [bankmux.Challenge] is open. Another call would end the user's session at the bank. Only
//     the call that answers this challenge passes. An answer to an older challenge returns
//     [bankmux.ErrChallengeExpired].
//   - The bank rejected the login ([bankmux.ErrReauth]). More attempts would lock the user out.
//
// Calls that link, reconnect or disconnect always pass. So do calls that ask about an earlier call
// ([bankmux.Op.Aside]).
//
// The hold ends when the challenge is answered, abandoned or expired, and when the connection is
// disconnected or reconnected. A reconnect in another process ends it too, because it gives the
// connection a newer [bankmux.Connection.LinkedAt].
//
// Hold knows only what this process has seen, unless a guard has a [Fleet] and one call at a time
// uses a connection. Then all processes know the holds of each connection that they call.
//
// Hold remembers at most 10,000 connections. Beyond that, a new hold replaces an expired challenge.
// If there is none, it replaces the open challenge that expires soonest, or else the oldest
// rejected login.
func Hold() bankmux.Interceptor {
	return joined(newHolds().link)
}

func newHolds() *holds { return &holds{byKey: map[holdKey]*hold{}, ended: map[holdKey]string{}} }

func (s *holds) link(ctx context.Context, op *bankmux.Op, next step) error {
	switch lease := turnLeaseFrom(ctx); {
	case op.Connection == "" || op.Aside:
		return next.run(ctx)
	case lease != nil:
		return s.shared(ctx, op, next, lease)
	default:
		return s.alone(ctx, op, next, nil)
	}
}

// shared is alone with the holds that other processes left with the lease of the connection.
func (s *holds) shared(ctx context.Context, op *bankmux.Op, next step, lease *turnLease) error {
	key := loginOf(op)
	found, before := s.adopt(key, lease)
	defer func() {
		s.leave(key, lease, found, before)
		if op.Challenge != "" {
			lease.untold = s.untold(key)
		}
	}()
	return s.alone(ctx, op, next, lease)
}

// alone makes a call with the holds that this process knows. It makes the key of the login twice,
// so that it is not on the stack of a call that waits for its response.
func (s *holds) alone(ctx context.Context, op *bankmux.Op, next step, lease *turnLease) error {
	if cause := s.before(op); cause != nil {
		return cause
	}
	err := next.run(ctx)
	s.after(op, lease, err)
	return err
}

// before returns the error of a call that a hold refuses, and nil for one that passes.
//
//go:noinline
func (s *holds) before(op *bankmux.Op) error {
	key := loginOf(op)
	switch {
	case changesLogin(op):
		return nil
	case op.Abandon:
		s.abandon(key, op.Challenge)
		return nil
	}
	return s.refusal(&key, op)
}

// after starts or ends holds after a call.
//
//go:noinline
func (s *holds) after(op *bankmux.Op, lease *turnLease, err error) {
	key := loginOf(op)
	switch {
	case changesLogin(op):
		if err == nil && op.Name != bankmux.OpCreateSession { // a session is not a new login yet
			s.release(key, op.Reconnect)
			if lease != nil {
				lease.renewed = op.Reconnect
			}
		}
	case !op.Abandon:
		s.record(&key, op, err)
	}
	if lease != nil && op.Challenge != "" {
		s.end(key, op, err)
	}
}

// changesLogin reports whether the call creates, replaces or ends the login.
func changesLogin(op *bankmux.Op) bool {
	switch op.Name {
	case bankmux.OpCreateSession, bankmux.OpExchangeToken, bankmux.OpDisconnect:
		return true
	}
	return false
}

// holds has the held connections of a process.
type holds struct {
	mu         sync.Mutex
	byKey      map[holdKey]*hold
	order      evictionOrder // the same holds, in the order of replacement
	lastNumber uint64        // the number of the newest hold

	// ended has challenges that ended here, which the backend may not know.
	ended map[holdKey]string
}

// holdKey names one login of a connection.
type holdKey struct {
	client, connection string
	reference          bankmux.Secret
	linkedAt           int64 // distinguishes logins if the provider keeps the reference
}

// loginOf returns the key of the login that a call is about.
func loginOf(op *bankmux.Op) holdKey {
	return holdKey{op.Client, op.Connection, op.Reference, op.LinkedAt.UnixMilli()}
}

// hold is the reason why a connection is held.
type hold struct {
	key    holdKey
	cause  *bankmux.Error
	until  time.Time // zero means until the next exchange
	number uint64    // counts holds in the order in which they were added
	index  int       // in evictionOrder

	// unshared says that the other processes do not know of it, since the backend failed.
	unshared bool
}

// expired reports whether a challenge has ended. A rejected login never expires.
func (h *hold) expired(now time.Time) bool { return !h.until.IsZero() && !now.Before(h.until) }

// open returns the challenge, or nil where there is none.
func (h *hold) open() *bankmux.Challenge {
	if h == nil {
		return nil
	}
	return h.cause.Challenge
}

// harm ranks what a forgotten hold costs: 1 for a session at the bank, 2 for a user who is locked
// out.
func (h *hold) harm() int {
	if h.open() != nil {
		return 1
	}
	return 2
}

// maxHolds bounds how many connections are held. Beyond it each new hold replaces another.
const maxHolds = 10_000

// evictionOrder is a heap of holds. The first one does the least harm when it is forgotten. Among
// equals it ends soonest, so an expired one comes first. Among those it is the oldest.
type evictionOrder []*hold

func (h evictionOrder) Len() int { return len(h) }

func (h evictionOrder) Less(i, j int) bool {
	x, y := h[i], h[j]
	return cmp.Or(cmp.Compare(x.harm(), y.harm()), x.until.Compare(y.until), cmp.Compare(x.number, y.number)) < 0
}

func (h evictionOrder) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *evictionOrder) Push(l any) {
	l.(*hold).index = len(*h)
	*h = append(*h, l.(*hold))
}

// Pop implements [heap.Interface].
func (h *evictionOrder) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}

// release ends the hold of a login. After a reconnect it ends the holds of all logins of the
// connection, since an exchange does not say which one was held.
func (s *holds) release(key holdKey, renewed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(key)
	if !renewed {
		return
	}
	for other := range s.byKey {
		if other.client == key.client && other.connection == key.connection {
			s.remove(other)
		}
	}
}

// remove ends a hold. The caller has locked mu.
func (s *holds) remove(key holdKey) {
	if h, known := s.byKey[key]; known {
		heap.Remove(&s.order, h.index)
		delete(s.byKey, key)
	}
}

// abandon ends the hold if this challenge caused it.
func (s *holds) abandon(key holdKey, challenge string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.byKey[key].open(); open != nil && open.ID == challenge {
		s.remove(key)
	}
}

// refusal returns the error of a call that the hold refuses, and nil for one that passes.
func (s *holds) refusal(key *holdKey, op *bankmux.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.byKey[*key]
	if !ok {
		return nil
	}
	if h.expired(time.Now()) {
		s.remove(*key)
		return nil
	}
	open := h.open()
	switch {
	case open != nil && op.Challenge == open.ID:
		return nil
	case open != nil && op.Challenge != "":
		return &bankmux.Error{
			Kind:    bankmux.ErrChallengeExpired,
			Detail:  "another challenge is open now",
			NotSent: true,
		}
	}
	again := *h.cause
	again.NotSent, again.Op, again.Client = true, "", "" // the client fills in the refused call
	return &again
}

// record starts or ends a hold after a call. A call whose outcome is unknown changes nothing.
func (s *holds) record(key *holdKey, op *bankmux.Op, err error) {
	e := bankmux.ErrorOf(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e != nil && e.Challenge != nil:
		s.add(&hold{key: *key, cause: e, until: e.Challenge.ExpiresAt})
	case e != nil && errors.Is(e, bankmux.ErrReauth) && !e.Unlisted && !e.NotSent:
		s.add(&hold{key: *key, cause: e})
	case op.Challenge != "" && bankmux.OutcomeKnown(err):
		s.remove(*key)
	}
}

// add holds a connection, and forgets another hold if there are too many. The caller has locked mu.
func (s *holds) add(h *hold) {
	s.remove(h.key)
	if len(s.byKey) >= maxHolds {
		s.remove(s.order[0].key)
	}
	s.lastNumber++
	h.number = s.lastNumber
	s.byKey[h.key] = h
	heap.Push(&s.order, h)
}
