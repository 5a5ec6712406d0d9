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

// Hold keeps calls away from a connection on which they would do harm. While a [bankmux.Challenge]
// is open, every call but the one that answers it gets the challenge at once, for it would end the
// user's session at the bank. After the bank rejected the login, every call gets that rejection
// ([bankmux.ErrReauth]), for trying again locks people out of their accounts. Nothing is sent in
// either case. Calls that link or disconnect always pass, and so do those that only ask about an
// earlier call ([bankmux.Op.Aside]).
//
// An exchange frees the connection in this process. In every other one the connection that the
// exchange returned is free, for it is of another login ([bankmux.Connection.LinkedAt]).
//
// Only what this process has seen is known, of at most 10,000 connections. A challenge is forgotten
// when it expires. Where there are more, each new one takes the place of one: of an expired
// challenge, else of the open one that expires soonest. A rejected login goes only where there is
// no challenge, the oldest first.
func Hold() bankmux.Interceptor {
	s := &holds{byKey: map[holdKey]*hold{}}
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if op.Connection == "" || op.Aside {
			return next(ctx)
		}
		key := holdKey{op.Client, op.Connection, op.Reference, op.LinkedAt.UnixMilli()}
		if changesLogin(op) {
			err := next(ctx)
			if err == nil && op.Name != bankmux.OpCreateSession { // a session is not a new login yet
				s.release(key, op.Reconnect)
			}
			return err
		}
		if op.Abandon {
			s.abandon(key, op.Challenge)
			return next(ctx)
		}
		if cause := s.refusal(key, op); cause != nil {
			return cause
		}
		err := next(ctx)
		s.record(key, op, err)
		return err
	}
}

// changesLogin reports whether the call is about the link itself.
func changesLogin(op bankmux.Op) bool {
	switch op.Name {
	case bankmux.OpCreateSession, bankmux.OpExchangeToken, bankmux.OpDisconnect:
		return true
	}
	return false
}

type holds struct {
	mu         sync.Mutex
	byKey      map[holdKey]*hold
	order      evictionOrder // the same lots, in the order in which they would go
	lastNumber uint64        // number of the lot that was put last
}

type holdKey struct {
	client, connection string
	reference          bankmux.Secret
	linkedAt           int64 // of the login, for providers that keep the reference
}

// hold is why a connection is parked.
type hold struct {
	key    holdKey
	cause  *bankmux.Error
	until  time.Time // zero means until the connection is exchanged again
	number uint64    // in the order of putting
	index  int       // in evictionOrder
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

// harm ranks what forgetting does: a challenge costs a session at the bank, a rejected login locks
// the user out.
func (h *hold) harm() int {
	if h.open() != nil {
		return 1
	}
	return 2
}

// maxHolds bounds what is remembered. Beyond it each new lot takes the place of another.
const maxHolds = 10_000

// evictionOrder is a heap of lots. First is the one whose loss does the least harm, then the one that
// ends soonest, so what has expired goes first. Then the oldest.
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

// Push is heap.Push's.
func (h *evictionOrder) Push(l any) {
	l.(*hold).index = len(*h)
	*h = append(*h, l.(*hold))
}

// Pop is heap.Remove's.
func (h *evictionOrder) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}

// release frees a connection. After a reconnect it frees all of its logins, since an exchange does not
// say which one was parked.
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

// remove frees the connection. The caller holds mu.
func (s *holds) remove(key holdKey) {
	if h, known := s.byKey[key]; known {
		heap.Remove(&s.order, h.index)
		delete(s.byKey, key)
	}
}

// abandon frees the connection if that challenge is what parks it.
func (s *holds) abandon(key holdKey, challenge string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.byKey[key].open(); open != nil && open.ID == challenge {
		s.remove(key)
	}
}

func (s *holds) refusal(key holdKey, op bankmux.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.byKey[key]
	if !ok {
		return nil
	}
	if h.expired(time.Now()) {
		s.remove(key)
		return nil
	}
	open := h.open()
	switch {
	case open != nil && op.Challenge == open.ID:
		return nil
	case open != nil && op.Challenge != "":
		return &bankmux.Error{
			Kind:    bankmux.ErrChallengeExpired,
			Detail:  "another challenge is open by now",
			NotSent: true,
		}
	}
	again := *h.cause
	again.NotSent, again.Op, again.Client = true, "", "" // the client fills in the call refused now
	return &again
}

// record parks the connection or frees it. A call whose outcome is unknown leaves
// things as they are.
func (s *holds) record(key holdKey, op bankmux.Op, err error) {
	e := asError(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e != nil && e.Challenge != nil:
		s.add(&hold{key: key, cause: e, until: e.Challenge.ExpiresAt})
	case e != nil && errors.Is(e, bankmux.ErrReauth) && !e.Unlisted && !e.NotSent:
		s.add(&hold{key: key, cause: e})
	case op.Challenge != "" && bankmux.OutcomeKnown(err):
		s.remove(key)
	}
}

// add parks a connection, in the place of another where all places are taken. The caller holds mu.
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
