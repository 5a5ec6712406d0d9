package store

// This file has the leases that processes share.

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// Backend returns the state through which the processes of an application share turns on a
// connection, open challenges and open circuits: give it to [guard.NewFleet]. It is safe for
// concurrent use, and its errors are those of the store.
//
// Each method is one short transaction, which is open only until the method returns. So a call that
// has the turn on a connection occupies no connection to the database, and may use the store. On
// PostgreSQL the clock is that of the server, unless [WithNow] sets one. Processes that share a
// SQLite file share a machine and its clock.
//
// Calls that start at once take turns on the connections of the database, see [guard.Pooled]. On
// SQLite there is one writer. If a request takes more than 120 ms, [guard.Fleet] treats the backend
// as down. So put a SQLite file on a disk that writes faster. An application with many processes
// has a faster backend in package fleet/postgres or fleet/redis.
func (s *Store) Backend() guard.Backend {
	apart := *s
	apart.tx = nil
	return backend{&apart}
}

// Fleet returns a fleet on [Store.Backend] and the keys of the store, for [guard.Options.Fleet].
// Make one in each process.
func (s *Store) Fleet(opts guard.FleetOptions) *guard.Fleet {
	fleet, err := guard.NewFleet(s.Backend(), s.aead, opts)
	if err != nil {
		panic(err) // New has checked that there are keys
	}
	return fleet
}

type backend struct{ store *Store }

var _ guard.Pooled = backend{}

// Conns implements [guard.Pooled]. SQLite has one writer at a time.
func (b backend) Conns() int {
	switch limit := b.store.db.Stats().MaxOpenConnections; {
	case b.store.dialect == SQLite:
		return 1
	case limit > 0:
		return limit
	}
	return math.MaxInt32 // there is no limit
}

// leaseState is the content of a lease. Times are milliseconds since 1970.
type leaseState struct {
	Holder string       `json:"holder,omitempty"`
	Fence  int64        `json:"fence"`
	Until  int64        `json:"until,omitempty"`
	Fact   *factState   `json:"fact,omitempty"`
	Queue  []leasePlace `json:"queue,omitempty"` // in the order of waiting
}

// leasePlace is the place of a holder that waits.
type leasePlace struct {
	Holder string `json:"holder"`
	Until  int64  `json:"until"`
}

// factState is a fact that was left with a lease, or that all processes know.
type factState struct {
	Value []byte `json:"value"`
	Until int64  `json:"until"`
}

// Acquire implements [guard.Leases].
func (b backend) Acquire(ctx context.Context, c guard.Claim) (got guard.Lease, err error) {
	err = changeShared(ctx, b, "Acquire", leaseName(c.Key), func(l *leaseState, now int64) (expires int64) {
		fence := l.acquire(c, now)
		got = guard.Lease{Fence: fence, Fact: l.Fact.at(now)}
		return l.expires()
	})
	if err != nil {
		return guard.Lease{}, err
	}
	return got, nil
}

// acquire applies a claim and returns the fence, zero if another holder has the lease or is in
// front.
func (l *leaseState) acquire(c guard.Claim, now int64) (fence int64) {
	l.Queue = slices.DeleteFunc(l.Queue, func(p leasePlace) bool { return p.Until <= now })
	at := slices.IndexFunc(l.Queue, func(p leasePlace) bool { return p.Holder == c.Holder })
	held := now < l.Until
	switch {
	case held && l.Holder == c.Holder:
		l.Until = now + c.TTL.Milliseconds()
		return l.Fence
	case !held && (at == 0 || len(l.Queue) == 0):
		l.leave(c.Holder)
		// A row that was purged had a smaller fence than the time now.
		l.Holder, l.Fence, l.Until = c.Holder, max(l.Fence+1, now), now+c.TTL.Milliseconds()
		return l.Fence
	case at >= 0:
		l.Queue[at].Until = now + c.Place.Milliseconds()
	default:
		l.Queue = append(l.Queue, leasePlace{c.Holder, now + c.Place.Milliseconds()})
	}
	return 0
}

// leave gives up the place of a holder. It reports whether there was one.
func (l *leaseState) leave(holder string) bool {
	before := len(l.Queue)
	l.Queue = slices.DeleteFunc(l.Queue, func(p leasePlace) bool { return p.Holder == holder })
	return len(l.Queue) < before
}

// release applies a release. It reports whether the lease, or the place in its queue, was there.
func (l *leaseState) release(r guard.Release, now int64) bool {
	held := now < l.Until && l.Holder == r.Holder
	if r.Fence == 0 {
		waited := l.leave(r.Holder)
		if held {
			l.Until = 0
		}
		return held || waited
	}
	if !held || l.Fence != r.Fence {
		return false
	}
	l.Until = 0
	if r.Fact != nil {
		l.Fact = newFact(*r.Fact, now)
	}
	return true
}

// expires returns when nothing of the lease matters any more.
func (l *leaseState) expires() int64 {
	end := l.Until
	if l.Fact != nil {
		end = max(end, l.Fact.Until)
	}
	for _, p := range l.Queue {
		end = max(end, p.Until)
	}
	return end
}

// Release implements [guard.Leases].
func (b backend) Release(ctx context.Context, r guard.Release) (held bool, err error) {
	err = changeShared(ctx, b, "Release", leaseName(r.Key), func(l *leaseState, now int64) (expires int64) {
		held = l.release(r, now)
		return l.expires()
	})
	return held && err == nil, err
}

// newFact returns the content for a fact, nil for one without Value.
func newFact(f guard.Fact, now int64) *factState {
	if f.Value == nil {
		return nil
	}
	return &factState{f.Value, now + f.TTL.Milliseconds()}
}

// at returns the fact as a reader sees it, without Value if it has expired.
func (f *factState) at(now int64) guard.Fact {
	if f == nil || f.Until <= now {
		return guard.Fact{}
	}
	return guard.Fact{Value: f.Value, TTL: time.Duration(f.Until-now) * time.Millisecond}
}

func leaseName(key string) string { return "lease:" + key }

// decodeShared reads the content of a row. A new row has none.
func decodeShared(content []byte, into any) error {
	if len(content) == 0 {
		return nil
	}
	if err := json.Unmarshal(content, into); err != nil {
		return &Error{Detail: "has shared state that is not readable"}
	}
	return nil
}
