package guard_test

// This file specifies a backend that is slow, and still fast enough for each request.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// slowly are the times that a request takes.
var slowly = []time.Duration{
	20 * time.Millisecond, 60 * time.Millisecond, 80 * time.Millisecond, 85 * time.Millisecond,
	90 * time.Millisecond, 95 * time.Millisecond, 110 * time.Millisecond, 119 * time.Millisecond,
}

func newSlow(delay time.Duration) *backend {
	b := newBackend()
	b.delay.Store(int64(delay))
	return b
}

func TestFleetSlow(t *testing.T) {
	t.Parallel()
	each := func(name string, test func(*testing.T, time.Duration)) {
		for _, delay := range slowly {
			t.Run(name+", at "+delay.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					test(t, delay)
					time.Sleep(2 * time.Hour) // what was started ends
				})
			})
		}
	}
	each("no call waits for a lease whose release waits", manyCalls)
	each("it never counts as failed", func(t *testing.T, delay time.Duration) {
		c := newCaller(t, newSlow(delay), guard.RetryOptions{MaxAttempts: 1})
		for i := range 20 {
			assert.LessOrEqual(t, c.call(t, fmt.Sprint(i)), maxDelay)
			time.Sleep(200 * time.Millisecond)
		}
		stats := c.fleet.Stats()
		assert.Zero(t, stats.Failed)
		assert.Zero(t, stats.Since)
	})
	t.Run("a request that had nearly all the time of a request does not count as failed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newSlow(119 * time.Millisecond)
			p := newProcess(t, b, func(o *guard.Options) {
				o.Retry = guard.RetryOptions{MaxAttempts: 2, Base: 2, Cap: 2}
			})
			calls := 0
			require.NoError(t, p.call(t.Context(), read, func(context.Context) error {
				if calls++; calls > 1 {
					return nil
				}
				b.delay.Store(int64(20 * time.Millisecond)) // of the release
				time.AfterFunc(10*time.Millisecond, func() { b.delay.Store(int64(119 * time.Millisecond)) })
				return errDown
			}))
			assert.EqualValues(t, 1, p.fleet.Stats().Unleased, "111 ms were left")
			assert.Zero(t, p.fleet.Stats().Failed)
			time.Sleep(time.Minute) // what was started ends
		})
	})
}

// manyCalls makes rounds of calls on many connections, two in a process and one in another. Each
// call has two attempts, so nothing is left of its allowance when it ends.
func manyCalls(t *testing.T, delay time.Duration) {
	t.Helper()
	b, retry := newSlow(delay), func(o *guard.Options) {
		o.Retry = guard.RetryOptions{MaxAttempts: 2, Base: 2, Cap: 2}
	}
	first, second := newProcess(t, b, retry), newProcess(t, b, retry)
	var all sync.WaitGroup
	for _, round := range []struct {
		process *process
		limit   time.Duration
	}{
		{first, 3 * time.Second},
		{first, 3 * time.Second}, // a release under way ends soon
		{second, 8 * time.Second},
	} {
		for i := range 200 {
			all.Go(func() {
				op, calls, start := read, 0, time.Now()
				op.Connection = fmt.Sprint(i)
				assert.NoError(t, round.process.call(t.Context(), op, func(context.Context) error {
					time.Sleep(time.Second)
					if calls++; calls == 1 {
						return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: time.Millisecond}
					}
					return nil
				}))
				assert.Less(t, time.Since(start), round.limit)
			})
		}
		all.Wait()
		time.Sleep(100 * time.Millisecond)
	}
}
