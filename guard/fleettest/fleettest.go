// Package fleettest checks implementations of [guard.Backend].
//
// A test of an implementation is one call of [Run]:
//
//	func TestBackend(t *testing.T) {
//		fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
//			server := open(t)
//			return fleettest.Fixture{Backend: server.Backend(t, "a"), Advance: server.Advance}
//		})
//	}
//
// The checks cover the documentation of [guard.Backend], but for a few promises. These are the
// number of round trips, freed space, the exact millisecond, a deadline that passes during a call,
// and the texts of errors.
package fleettest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/inbox"
)

// Fixture is an empty backend, and what the checks need beside it.
type Fixture struct {
	Backend guard.Backend
	// Second opens the same namespace once more, as another process does. If it is nil, the checks
	// use Backend for both.
	Second func(t *testing.T) guard.Backend
	// Other opens another namespace of the same server. If it is nil, namespaces are not checked.
	Other func(t *testing.T) guard.Backend
	// Advance moves the clock of the backend, so that what expires within d has expired.
	Advance func(d time.Duration)
	// PutBack puts the clock of the backend back by d. If it is nil, that is not checked.
	PutBack func(d time.Duration)
	// Seen is the memory of webhook deliveries of the same server. If it is nil, it is not checked.
	Seen inbox.Seen
}

// Check is one promise of a backend.
type Check struct {
	Name string
	// Test checks a new and empty backend.
	Test func(*testing.T, Fixture)
}

// Run checks that a backend keeps its promises. It calls open for each check. Open must return a
// new and empty backend each time, and close it by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { c.Test(t, open(t)) })
	}
}

// Checks returns all checks, for tests that run them in another way than [Run]. A backend that
// lives in this process can be checked in a bubble of [testing/synctest], where Advance sleeps.
func Checks() []Check {
	var all []Check
	for _, group := range [][]check{leases, queues, handovers, facts, counters, common} {
		for _, c := range group {
			all = append(all, Check{c.name, func(t *testing.T, f Fixture) {
				require.NotNil(t, f.Backend, "Fixture.Backend")
				require.NotNil(t, f.Advance, "Fixture.Advance")
				second := f.Backend
				if f.Second != nil {
					second = f.Second(t)
				}
				c.test(&bench{T: t, Fixture: f, first: f.Backend, second: second})
			}})
		}
	}
	return all
}

type check struct {
	name string
	test func(*bench)
}

// bench is a backend under test, as two processes see it.
type bench struct {
	*testing.T
	Fixture
	first, second guard.Backend
	offset        *time.Duration // of a day, nil before the first one
}

// The times of most checks. They are long, so that the real time of a check does not matter.
const (
	ttl    = 2 * time.Hour
	place  = time.Hour
	nearly = 59 * time.Minute // less than an hour
	rest   = 2 * time.Minute
)

// acquire claims a lease of the key "k".
func (b *bench) acquire(at guard.Backend, holder string) guard.Lease {
	b.Helper()
	got, err := at.Acquire(b.Context(), guard.Claim{Key: "k", Holder: holder, TTL: ttl, Place: place})
	require.NoError(b, err)
	return got
}

// take requires that a claim is successful and returns the fence.
func (b *bench) take(at guard.Backend, holder string) int64 {
	b.Helper()
	got := b.acquire(at, holder)
	require.Positive(b, got.Fence, "the lease is free for %s", holder)
	return got.Fence
}

// wait requires that a claim is not successful.
func (b *bench) wait(at guard.Backend, holder string) {
	b.Helper()
	require.Zero(b, b.acquire(at, holder).Fence, "the lease is not free for %s", holder)
}

// release ends a lease of the key "k".
func (b *bench) release(at guard.Backend, holder string, fence int64, fact *guard.Fact) bool {
	b.Helper()
	held, err := at.Release(b.Context(), guard.Release{Key: "k", Holder: holder, Fence: fence, Fact: fact})
	require.NoError(b, err)
	return held
}
