package guard

import (
	"context"
	"sync"

	"github.com/bankmux/bankmux"
)

// Unattended refuses calls without a user ([bankmux.Presence]) on a connection whose bank asked the
// user before. Otherwise the bank would send a one-time password that no user waits for. The error
// is [bankmux.ErrUserAction] with the code [bankmux.CodeUserAbsent], and nothing is sent. A call
// that answers a challenge passes.
//
// atInstitution selects the calls to refuse: those for which the provider waits for the bank. nil
// selects the data group.
//
// [bankmux.Status.AskedAt] of the connection says whether its bank asked. The application keeps it
// up to date with [bankmux.Status.After]. Unattended also remembers up to 10,000 connections whose
// banks asked in this process.
func Unattended(atInstitution func(bankmux.Op) bool) bankmux.Interceptor {
	return joined(unattended(atInstitution))
}

//go:noinline
func unattended(atInstitution func(bankmux.Op) bool) link {
	if atInstitution == nil {
		atInstitution = func(op bankmux.Op) bool { return op.Group == bankmux.GroupData }
	}
	u := &askedConnections{seen: map[connectionKey]bool{}}
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if op.Connection == "" || op.Aside || op.Effect == bankmux.Local || !selects(atInstitution, op) {
			return next.run(ctx)
		}
		if cause := u.refusal(ctx, op); cause != nil {
			return cause
		}
		err := next.run(ctx)
		if err != nil {
			u.note(op, err)
		}
		return err
	}
}

type connectionKey struct{ client, connection string }

// askedConnections remembers the connections whose bank asked the user.
type askedConnections struct {
	mu   sync.Mutex
	seen map[connectionKey]bool
	ring []connectionKey // in the order in which they came
	at   int             // the oldest, once ring is full
}

// refusal returns the error of a call whose user is absent and would be asked, and nil for another.
func (a *askedConnections) refusal(ctx context.Context, op *bankmux.Op) error {
	p, _ := bankmux.PresenceOf(ctx)
	if !p.Absent || op.Challenge != "" || (!op.Asked && !a.knows(connectionKey{op.Client, op.Connection})) {
		return nil
	}
	return &bankmux.Error{
		Kind:    bankmux.ErrUserAction,
		Scope:   bankmux.ScopeConnection,
		Code:    bankmux.CodeUserAbsent,
		NotSent: true,
		Detail:  "the bank asked the user before, and the user is absent",
	}
}

// note remembers the connection of a call whose bank asked the user.
func (a *askedConnections) note(op *bankmux.Op, err error) {
	if e := bankmux.ErrorOf(err); e != nil && e.Challenge != nil {
		a.add(connectionKey{op.Client, op.Connection})
	}
}

// maxAsked bounds how many connections are remembered. Beyond it the oldest is forgotten.
const maxAsked = 10_000

// knows reports whether the bank of a connection asked the user.
func (a *askedConnections) knows(key connectionKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[key]
}

// add remembers a connection.
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
