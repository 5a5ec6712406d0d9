package guard_test

// This file specifies a backend that is slow, and still fast enough for each request.

import (
	"context"
	"fmt"
	"log/slog"
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
	each("processes together keep their budgets", keptBudgets)
	t.Run("calls that are judged alone are counted, and logged once a minute", judgedAlone)
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

// keptBudgets lets four processes call until nothing is left of a budget that they share. Each call
// is on a connection of its own and so needs three parts of budgets at first.
func keptBudgets(t *testing.T, delay time.Duration) {
	t.Helper()
	b, sent := newSlow(delay), 0
	var all []*process
	for range 4 {
		all = append(all, newProcess(t, b, func(o *guard.Options) {
			o.Budgets = budgets(t,
				guard.Budget{Name: "bank", Limit: 4, Window: 24 * time.Hour, Per: guard.PerConnection},
				guard.Budget{Name: "item", Limit: 1000, Window: time.Hour, Per: guard.PerConnection},
				guard.Budget{Name: "app", Limit: 100, Window: time.Hour, Reserve: -1})
		}))
	}
	for i := range 60 {
		for j, p := range all {
			op := read
			op.Connection = fmt.Sprint(i, "-", j)
			_ = p.call(t.Context(), op, func(context.Context) error { sent++; return nil })
		}
	}
	assert.Equal(t, 100, sent)
	for _, p := range all {
		assert.Zero(t, p.fleet.Stats())
	}
}

func judgedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, log := newSlow(70*time.Millisecond), &records{}
		f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{
			Logger: slog.New(log), MaxDelay: 100 * time.Millisecond, // 48 ms for a request
		})
		require.NoError(t, err)
		b.delay.Store(int64(40 * time.Millisecond))
		in := guard.New(guard.Options{
			OnePerConnection: true, Fleet: f, Retry: guard.RetryOptions{MaxAttempts: 3, Base: 2, Cap: 2},
			Budgets: budgets(t, guard.Budget{Name: "b", Limit: 20, Window: time.Hour, Reserve: -1}),
		}).Interceptors()
		for range 2 { // the lease and the budget take 80 ms of the first attempt, and 20 ms are left
			calls := 0
			require.NoError(t, chain(in, read, answers(&calls, errDown))(t.Context()))
			time.Sleep(time.Second)
		}
		stats := f.Stats()
		assert.False(t, stats.Down)
		assert.EqualValues(t, 2, stats.Uncounted, "of the second attempts")
		assert.EqualValues(t, 2, stats.Unleased)
		assert.Equal(t, []string{
			"WARN bankmux: the shared state is too slow, and this process judged a call alone" +
				" unleased_calls=1 uncounted_calls=0",
		}, log.all)
		time.Sleep(time.Hour)
	})
}
