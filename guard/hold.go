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

// Park keeps calls away from a connection on which they would do harm. While a [bankmux.Challenge]
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
func Park() bankmux.Interceptor {
	p := &parked{lots: map[lotKey]*lot{}}
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if op.Connection == "" || op.Aside {
			return next(ctx)
		}
		key := lotKey{op.Client, op.Connection, op.Reference, op.LinkedAt.UnixMilli()}
		if passes(op) {
			err := next(ctx)
			if err == nil && op.Name != bankmux.OpCreateSession { // a session is not a new login yet
				p.free(key, op.Reconnect)
			}
			return err
		}
		if op.Abandon {
			p.abandon(key, op.Challenge)
			return next(ctx)
		}
		if cause := p.refuses(key, op); cause != nil {
			return cause
		}
		err := next(ctx)
		p.judge(key, op, err)
		return err
	}
}

// passes reports whether the call is about the link itself.
func passes(op bankmux.Op) bool {
	switch op.Name {
	case bankmux.OpCreateSession, bankmux.OpExchangeToken, bankmux.OpDisconnect:
		return true
	}
	return false
}

type parked struct {
	mu   sync.Mutex
	lots map[lotKey]*lot
	next leaving // the same lots, in the order in which they would go
	last uint64  // number of the lot that was put last
}

type lotKey struct {
	client, connection string
	reference          bankmux.Secret
	linkedAt           int64 // of the login, for providers that keep the reference
}

// lot is why a connection is parked.
type lot struct {
	key    lotKey
	cause  *bankmux.Error
	until  time.Time // zero means until the connection is exchanged again
	number uint64    // in the order of putting
	place  int       // in leaving
}

// expired reports whether a challenge has ended. A rejected login never expires.
func (l *lot) expired(now time.Time) bool { return !l.until.IsZero() && !now.Before(l.until) }

// open returns the challenge, or nil where there is none.
func (l *lot) open() *bankmux.Challenge {
	if l == nil {
		return nil
	}
	return l.cause.Challenge
}

// harm ranks what forgetting does: a challenge costs a session at the bank, a rejected login locks
// the user out.
func (l *lot) harm() int {
	if l.open() != nil {
		return 1
	}
	return 2
}

// maxLots bounds what is remembered. Beyond it each new lot takes the place of another.
const maxLots = 10_000

// leaving is a heap of lots. First is the one whose loss does the least harm, then the one that
// ends soonest, so what has expired goes first. Then the oldest.
type leaving []*lot

func (h leaving) Len() int { return len(h) }

func (h leaving) Less(i, j int) bool {
	x, y := h[i], h[j]
	return cmp.Or(cmp.Compare(x.harm(), y.harm()), x.until.Compare(y.until), cmp.Compare(x.number, y.number)) < 0
}

func (h leaving) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is heap.Push's.
func (h *leaving) Push(l any) {
	l.(*lot).place = len(*h)
	*h = append(*h, l.(*lot))
}

// Pop is heap.Remove's.
func (h *leaving) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}

// free frees a connection. After a reconnect it frees all of its logins, since an exchange does not
// say which one was parked.
func (p *parked) free(key lotKey, renewed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(key)
	if !renewed {
		return
	}
	for other := range p.lots {
		if other.client == key.client && other.connection == key.connection {
			p.forget(other)
		}
	}
}

// forget frees the connection. The caller holds mu.
func (p *parked) forget(key lotKey) {
	if l, known := p.lots[key]; known {
		heap.Remove(&p.next, l.place)
		delete(p.lots, key)
	}
}

// abandon frees the connection if that challenge is what parks it.
func (p *parked) abandon(key lotKey, challenge string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open := p.lots[key].open(); open != nil && open.ID == challenge {
		p.forget(key)
	}
}

func (p *parked) refuses(key lotKey, op bankmux.Op) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.lots[key]
	if !ok {
		return nil
	}
	if l.expired(time.Now()) {
		p.forget(key)
		return nil
	}
	open := l.open()
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
	again := *l.cause
	again.NotSent, again.Op, again.Client = true, "", "" // the client fills in the call refused now
	return &again
}

// judge parks the connection or frees it. A call whose outcome is unknown leaves
// things as they are.
func (p *parked) judge(key lotKey, op bankmux.Op, err error) {
	e := asError(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e != nil && e.Challenge != nil:
		p.put(&lot{key: key, cause: e, until: e.Challenge.ExpiresAt})
	case e != nil && errors.Is(e, bankmux.ErrReauth) && !e.Unlisted && !e.NotSent:
		p.put(&lot{key: key, cause: e})
	case op.Challenge != "" && bankmux.OutcomeKnown(err):
		p.forget(key)
	}
}

// put parks a connection, in the place of another where all places are taken. The caller holds mu.
func (p *parked) put(l *lot) {
	p.forget(l.key)
	if len(p.lots) >= maxLots {
		p.forget(p.next[0].key)
	}
	p.last++
	l.number = p.last
	p.lots[l.key] = l
	heap.Push(&p.next, l)
}
