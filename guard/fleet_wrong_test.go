package guard_test

// This file specifies that a backend which returns nonsense costs no call.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// nonsense changes what a backend returns.
type nonsense struct {
	*backend
	lease func(guard.Lease) guard.Lease
	taken func(guard.Taken) guard.Taken
	fact  func(guard.Fact) guard.Fact
}

func (n *nonsense) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	got, err := n.backend.Acquire(ctx, c)
	if n.lease != nil {
		got = n.lease(got)
	}
	return got, err
}

func (n *nonsense) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	got, err := n.Memory.Take(ctx, t)
	if n.taken != nil {
		got = n.taken(got)
	}
	return got, err
}

func (n *nonsense) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	all, err := n.backend.Facts(ctx)
	if n.fact != nil {
		all = map[string]guard.Fact{"": n.fact(guard.Fact{}), "x": n.fact(guard.Fact{})}
	}
	return all, err
}

func TestFleetWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nonsense

		down bool // it counts as a failure
	}{
		"a window that has ended": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.Ends = 0; return got },
		}, true},
		"a window that ended long ago": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.Ends = -1 << 62; return got },
		}, true},
		"a window that ends after the next one": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.Ends = 2*time.Hour + 1; return got },
		}, true},
		"a window that goes on because the clock was put back": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.Ends = 2 * time.Hour; return got },
		}, false},
		"more than was asked for": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.N++; return got },
		}, true},
		"less than nothing": {nonsense{
			taken: func(got guard.Taken) guard.Taken { got.N = -1; return got },
		}, true},
		"a fact of a key that is not sealed": {nonsense{
			lease: func(got guard.Lease) guard.Lease { got.Fact.Value = []byte("x"); return got },
		}, false},
		"a fact of all that is not sealed": {nonsense{
			fact: func(guard.Fact) guard.Fact { return guard.Fact{Value: []byte("x"), TTL: -1} },
		}, false},
		"a fact without a value": {nonsense{
			fact: func(guard.Fact) guard.Fact { return guard.Fact{TTL: 1 << 62} },
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := c.nonsense
				b.backend = newBackend()
				p := newProcess(t, &b, func(o *guard.Options) {
					o.Budgets = budgets(t, guard.Budget{Name: "b", Limit: 100, Window: time.Hour})
				})
				for range 4 { // less than half a second, after which it is asked again
					start := time.Now()
					require.NoError(t, p.call(t.Context(), read, ok))
					assert.LessOrEqual(t, time.Since(start), maxDelay)
					time.Sleep(100 * time.Millisecond)
				}
				assert.Equal(t, c.down, p.fleet.Stats().Down)
				time.Sleep(time.Hour) // what was started ends
			})
		})
	}
}
