package guard

import (
	"context"
	"sync"

	"github.com/bankmux/bankmux"
)

// Unattended keeps calls without a user ([bankmux.Presence]) from a bank that asked the user before
// on the connection: it would send a one-time password that no user waits for. Such a call is
// refused with [bankmux.ErrUserAction] and [bankmux.CodeUserAbsent], and nothing is sent. atInstitution
// reports which calls the bank itself answers; nil means those of the data group. Calls that answer
// a challenge pass.
//
// That a bank asked is known from the connection ([bankmux.Status.AskedAt]), which an application
// keeps up to date with [bankmux.Status.After], and from what this process has seen of at most
// 10,000 connections.
func Unattended(atInstitution func(bankmux.Op) bool) bankmux.Interceptor {
	if atInstitution == nil {
		atInstitution = func(op bankmux.Op) bool { return op.Group == bankmux.GroupData }
	}
	u := &askedConnections{seen: map[connectionKey]bool{}}
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if op.Connection == "" || op.Aside || op.Effect == bankmux.Local || !atInstitution(op) {
			return next(ctx)
		}
		key := connectionKey{op.Client, op.Connection}
		if p, _ := bankmux.PresenceOf(ctx); p.Absent && op.Challenge == "" && (op.Asked || u.knows(key)) {
			return &bankmux.Error{
				Kind:    bankmux.ErrUserAction,
				Scope:   bankmux.ScopeConnection,
				Code:    bankmux.CodeUserAbsent,
				NotSent: true,
				Detail:  "the bank asked the user before, and the user is not there to answer",
			}
		}
		err := next(ctx)
		if e := asError(err); e != nil && e.Challenge != nil {
			u.add(key)
		}
		return err
	}
}

type connectionKey struct{ client, connection string }

// askedConnections are the connections whose bank asked the user.
type askedConnections struct {
	mu   sync.Mutex
	seen map[connectionKey]bool
	ring []connectionKey // in the order they came
	at   int
}

// maxAsked bounds what is remembered. Beyond it the connection that came first is forgotten.
const maxAsked = 10_000

func (a *askedConnections) knows(key connectionKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[key]
}

func (a *askedConnections) add(key connectionKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.seen[key]:
		return
	case len(a.ring) < maxAsked:
		a.ring = append(a.ring, key)
	default:
		delete(a.seen, a.ring[a.at])
		a.ring[a.at] = key
		a.at = (a.at + 1) % maxAsked
	}
	a.seen[key] = true
}
