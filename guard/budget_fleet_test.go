package guard_test

// This file specifies budgets in a guard, and budgets that processes share.

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func (b *backend) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	if err := b.before(ctx); err != nil {
		return guard.Taken{}, err
	}
	b.stored.Store(t.Key, true)
	return b.Memory.Take(ctx, t)
}

// newProcesses starts processes with budgets of their own on one backend.
func newProcesses(t *testing.T, n int, b guard.Backend, budget guard.Budget) (all []*process) {
	t.Helper()
	for range n {
		all = append(all, newProcess(t, b, func(o *guard.Options) {
			o.Budgets, o.OnePerConnection, o.Hold = budgets(t, budget), false, false
			o.Retry.MaxAttempts = 1
		}))
	}
	return all
}

// used lets all processes call in turn until none is allowed, and returns the calls of each.
func used(ctx context.Context, all []*process, op bankmux.Op) (calls []int) {
	calls = make([]int, len(all))
	for left := len(all); left > 0; {
		left = 0
		for i, p := range all {
			if p.call(ctx, op, ok) == nil {
				calls[i]++
				left++
			}
		}
	}
	return calls
}

func sum(calls []int) (n int) {
	for _, c := range calls {
		n += c
	}
	return n
}

func TestBudgetsInAGuard(t *testing.T) {
	t.Parallel()
	onTime := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}
	onTime("a call that a breaker or a hold refuses is not counted", func(t *testing.T) {
		b := budgets(t, guard.Budget{Name: "b", Limit: 9, Window: 24 * time.Hour, Reserve: -1})
		g := guard.New(guard.Options{Budgets: b, Hold: true, Retry: guard.RetryOptions{MaxAttempts: 1}})
		call := func(op bankmux.Op, err error) error {
			return chain(g.Interceptors(), op, func(context.Context) error { return err })(t.Context())
		}
		held := guard.New(guard.Options{Budgets: b, Hold: true}).Interceptors()
		for range 20 { // the first one is sent
			_ = chain(held, pull,
				func(context.Context) error { return &bankmux.Error{Kind: bankmux.ErrReauth} })(t.Context())
		}
		other := pull
		other.Connection = "conn-2"
		for range 6 {
			require.ErrorIs(t, call(other, errDown), bankmux.ErrUnavailable)
		}
		for range 20 {
			require.ErrorIs(t, call(other, nil), bankmux.ErrCircuitOpen)
		}
		time.Sleep(time.Minute) // the circuit is half-open
		require.NoError(t, call(other, nil))
		require.NoError(t, call(other, nil))
		require.ErrorIs(t, call(other, nil), bankmux.ErrRateLimited, "1 + 6 + 2 calls were sent")
	})
	onTime("a refused call opens no circuit", func(t *testing.T) {
		g := guard.New(guard.Options{Budgets: budgets(t, minutely(nil)), Retry: guard.RetryOptions{MaxAttempts: 1}})
		call := chain(g.Interceptors(), pull, ok)
		for range 100 {
			_ = call(t.Context())
		}
		require.ErrorIs(t, call(t.Context()), bankmux.ErrRateLimited)
		time.Sleep(time.Minute)
		require.NoError(t, call(t.Context()))
	})
	onTime("a call that waits for its budget does not use its connection", func(t *testing.T) {
		b := budgets(t, guard.Budget{Name: "b", Limit: 2, Reserve: 1, Window: time.Minute, Per: guard.PerConnection})
		g := guard.New(guard.Options{
			Budgets: b, OnePerConnection: true, Retry: guard.RetryOptions{MaxWait: time.Hour},
		})
		call := chain(g.Interceptors(), pull, ok)
		absent := bankmux.WithoutUser(t.Context())
		require.NoError(t, call(absent))
		var night sync.WaitGroup
		start := time.Now()
		night.Go(func() { assert.NoError(t, call(absent)); assert.Equal(t, time.Minute, time.Since(start)) })
		synctest.Wait()
		require.NoError(t, call(t.Context()))
		assert.Zero(t, time.Since(start), "a user does not wait behind the night")
		night.Wait()
	})
	onTime("a one-shot that a budget refused was not sent, and may be repeated", func(t *testing.T) {
		g := guard.New(guard.Options{Budgets: budgets(t, minutely(nil)), Retry: guard.RetryOptions{MaxWait: time.Hour}})
		sent := 0
		call := chain(g.Interceptors(), oneShot, func(context.Context) error { sent++; return nil })
		for range 3 {
			require.NoError(t, call(t.Context()))
		}
		assert.Equal(t, 3, sent)
	})
}

func TestSharedBudget(t *testing.T) {
	t.Parallel()
	onTime := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}
	thousand := guard.Budget{Name: "b", Limit: 1000, Window: time.Minute}
	onTime("a window that ends while the fleet responds holds up no call", func(t *testing.T) {
		b := newBackend()
		p := newProcesses(t, 1, b, guard.Budget{Name: "b", Limit: 10, Window: 100 * time.Millisecond})[0]
		time.Sleep(50 * time.Millisecond)
		b.delay.Store(int64(80 * time.Millisecond))
		require.NoError(t, p.call(t.Context(), pull, ok))
		require.NoError(t, p.call(t.Context(), pull, ok))
	})
	onTime("processes together get the limit, and users the reserve", func(t *testing.T) {
		b := newBackend()
		all := newProcesses(t, 4, b, thousand)
		night := used(bankmux.WithoutUser(t.Context()), all, pull)
		assert.Equal(t, 900, sum(night))
		for _, calls := range night {
			assert.InDelta(t, 225, calls, 25, "no process is left out")
		}
		assert.Less(t, b.requests.Load(), int64(80), "processes take chunks")
		require.NoError(t, all[0].call(t.Context(), pull, ok))
		for _, p := range all {
			require.Error(t, p.call(bankmux.WithoutUser(t.Context()), pull, ok),
				"a process keeps for users what it took for them")
		}
		assert.Equal(t, 99, sum(used(t.Context(), all, pull)))
		time.Sleep(time.Minute)
		assert.Equal(t, 1000, sum(used(t.Context(), all, pull)))
	})
	onTime("a small budget of each connection is exact", func(t *testing.T) {
		b := newBackend()
		all := newProcesses(t, 3, b,
			guard.Budget{Name: "psd2", Limit: 4, Window: 24 * time.Hour, Per: guard.PerConnection})
		assert.Equal(t, 4, sum(used(t.Context(), all, pull)))
		synctest.Wait() // for the first reading of the board
		before := b.requests.Load()
		assert.Zero(t, sum(used(t.Context(), all, pull)))
		assert.Equal(t, before, b.requests.Load(), "a process that knows that nothing is left does not ask")
		other := pull
		other.Connection = "conn-2"
		assert.Equal(t, 4, sum(used(t.Context(), all, other)))
	})
	onTime("what one budget refuses stays in the others", func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b, func(o *guard.Options) {
			o.Budgets = budgets(t,
				guard.Budget{Name: "app", Limit: 10, Window: time.Minute, Reserve: -1},
				guard.Budget{Name: "connection", Limit: 2, Window: time.Minute, Reserve: -1, Per: guard.PerConnection},
			)
			o.Retry.MaxAttempts = 1
		})
		for range 50 {
			_ = p.call(t.Context(), pull, ok)
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			other := pull
			other.Connection = id
			assert.Equal(t, 2, sum(used(t.Context(), []*process{p}, other)), id)
		}
	})
	onTime("callers at once do not take more chunks than they need", func(t *testing.T) {
		b := newBackend()
		b.delay.Store(int64(10 * time.Millisecond))
		p := newProcesses(t, 1, b, thousand)[0]
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { assert.NoError(t, p.call(t.Context(), pull, ok)) })
		}
		all.Wait()
		assert.LessOrEqual(t, b.requests.Load(), int64(7), "100 calls, in chunks of 18")
	})
	onTime("without the backend each process judges alone, and keeps its own count", func(t *testing.T) {
		b := newBackend()
		all := newProcesses(t, 2, b, thousand)
		require.Equal(t, 10, func() (n int) {
			for range 10 {
				require.NoError(t, all[0].call(t.Context(), pull, ok))
				n++
			}
			return n
		}())
		b.fail(errors.New("away"))
		start := time.Now()
		assert.Equal(t, []int{990, 1000}, used(t.Context(), all, pull))
		assert.LessOrEqual(t, time.Since(start), 250*time.Millisecond)
		synctest.Wait()
	})
	onTime("users of all processes share the reserve", usersShareTheReserve)
	onTime("a process that dies costs the others a fiftieth", func(t *testing.T) {
		b := newBackend()
		all := newProcesses(t, 3, b, thousand)
		absent := bankmux.WithoutUser(t.Context())
		require.NoError(t, all[0].call(absent, pull, ok))
		assert.Equal(t, 900-18, sum(used(absent, all[1:], pull)))
		time.Sleep(time.Minute)
		assert.Equal(t, 900, sum(used(absent, all[1:], pull)))
	})
	onTime("callers at once wait for two requests at most", func(t *testing.T) {
		for _, limit := range []int{111, 200, 1000} {
			b := newBackend()
			b.delay.Store(int64(100 * time.Millisecond))
			p := newProcesses(t, 1, b, guard.Budget{Name: "b", Limit: limit, Window: time.Hour})[0]
			start := time.Now()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { assert.NoError(t, p.call(t.Context(), pull, ok)) })
			}
			all.Wait()
			assert.Equal(t, 200*time.Millisecond, time.Since(start), limit)
			assert.Zero(t, p.fleet.Stats().Failed)
		}
	})
	onTime("callers of different connections do not wait for each other", func(t *testing.T) {
		b := newBackend()
		b.delay.Store(int64(100 * time.Millisecond))
		p := newProcesses(t, 1, b, guard.Budget{Name: "b", Limit: 1000, Window: time.Hour, Per: guard.PerConnection})[0]
		start := time.Now()
		var all sync.WaitGroup
		for i := range 100 {
			other := pull
			other.Connection = strconv.Itoa(i)
			all.Go(func() { assert.NoError(t, p.call(t.Context(), other, ok)) })
		}
		all.Wait()
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
	})
	onTime("a call that the process judged alone gives nothing back to the others", func(t *testing.T) {
		givesNothingBack(t, func(b *backend) { b.fail(errors.New("away")) }, func(b *backend, p *process) {
			b.fail(nil)
			time.Sleep(time.Second)
			notCounted := pull
			notCounted.Abandon = true
			require.NoError(t, p.call(t.Context(), notCounted, ok), "it starts the probe")
			synctest.Wait()
			require.False(t, p.fleet.Stats().Down)
		})
	})
	onTime("what a user's call gives back is for calls without a user too, unless it was of the reserve",
		givesBackWhatItTook)
	onTime("a call of an earlier window gives nothing back to this one", func(t *testing.T) {
		givesNothingBack(t, func(*backend) {}, func(*backend, *process) { time.Sleep(time.Minute) })
	})
	onTime("budgets whose names are alike have counts of their own", func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b, func(o *guard.Options) {
			o.Budgets = budgets(t,
				guard.Budget{Name: "b", Limit: 5, Window: time.Minute, Rolling: true},
				guard.Budget{Name: "b even", Limit: 5, Window: time.Hour},
				guard.Budget{Name: `b""c`, Limit: 5, Window: time.Hour, Per: guard.PerConnection},
			)
		})
		for _, id := range []string{"x:y", "x", ":y", `x"`, `"x`} {
			odd := pull
			odd.Connection = id
			require.NoError(t, p.call(t.Context(), odd, ok))
		}
		names := 0
		b.stored.Range(func(any, any) bool { names++; return true })
		assert.Equal(t, 2+1+5, names)
	})
	onTime("processes of two versions, with different windows, do not disturb each other's counts", func(t *testing.T) {
		b := newBackend()
		before := newProcesses(t, 2, b, guard.Budget{Name: "b", Limit: 4, Window: time.Hour, Reserve: -1})
		after := newProcesses(t, 2, b, guard.Budget{Name: "b", Limit: 4, Window: time.Minute, Reserve: -1})
		calls := used(t.Context(), []*process{before[0], after[0], before[1], after[1]}, pull)
		assert.Equal(t, []int{4, 4}, []int{calls[0] + calls[2], calls[1] + calls[3]})
	})
	onTime("a name in the backend has no secret", func(t *testing.T) {
		b := newBackend()
		secret := pull
		secret.Reference = bankmux.NewSecret("access-token-4711")
		all := newProcesses(t, 1, b, guard.Budget{Name: "i", Limit: 2, Window: time.Minute, Per: guard.PerItem})
		require.NoError(t, all[0].call(t.Context(), secret, ok))
		names := 0
		b.stored.Range(func(name, _ any) bool {
			names++
			assert.NotContains(t, name, "4711")
			return true
		})
		assert.Equal(t, 1, names)
	})
	onTime("NextAllowed knows what the processes have used together", func(t *testing.T) {
		b := newBackend()
		mine := budgets(t, minutely(nil))
		p := newProcess(t, b, func(o *guard.Options) { o.Budgets = mine; o.Retry.MaxAttempts = 1 })
		other := newProcesses(t, 1, b, minutely(nil))
		time.Sleep(10 * time.Second)
		require.Equal(t, 2, sum(used(t.Context(), other, pull)))
		assert.Equal(t, time.Now(), mine.NextAllowed(t.Context(), pull), "this process has not asked yet")
		err := p.call(t.Context(), pull, ok)
		require.ErrorIs(t, err, bankmux.ErrRateLimited)
		assert.Equal(t, 50*time.Second, bankmux.ErrorOf(err).RetryAfter)
		assert.Equal(t, time.Now().Add(50*time.Second), mine.NextAllowed(t.Context(), pull))
	})
}

// usersShareTheReserve requires that a user of any process gets a part of the reserve, after the
// night has used all that it may.
func usersShareTheReserve(t *testing.T) {
	t.Helper()
	b := newBackend()
	all := newProcesses(t, 20, b, guard.Budget{Name: "b", Limit: 1000, Window: time.Minute})
	require.Equal(t, 900, sum(used(bankmux.WithoutUser(t.Context()), all, pull)))
	calls := used(t.Context(), all, pull)
	assert.Equal(t, 100, sum(calls))
	for i, n := range calls {
		assert.GreaterOrEqual(t, n, 4, "process %d", i)
	}
}

// givesBackWhatItTook lets a user's call take of what is for all calls, and another one of the
// reserve. Neither is sent.
func givesBackWhatItTook(t *testing.T) {
	p := newProcesses(t, 1, newBackend(), guard.Budget{Name: "b", Limit: 4, Window: time.Minute, Reserve: 2})[0]
	absent := bankmux.WithoutUser(t.Context())
	notSent := func(context.Context) error { return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true} }
	require.NoError(t, p.call(absent, pull, ok))
	require.ErrorIs(t, p.call(t.Context(), pull, notSent), bankmux.ErrUnavailable)
	require.NoError(t, p.call(absent, pull, ok), "the user's call was not sent")
	require.ErrorIs(t, p.call(t.Context(), pull, notSent), bankmux.ErrUnavailable)
	require.ErrorIs(t, p.call(absent, pull, ok), bankmux.ErrRateLimited, "that was the reserve")
	assert.Equal(t, 2, sum(used(t.Context(), []*process{p}, pull)))
}

// givesNothingBack makes a call that is not sent in the end. Between its start and its end, the
// backend recovers or a new window starts. The processes then must not send more than the limit.
func givesNothingBack(t *testing.T, before func(*backend), between func(*backend, *process)) {
	t.Helper()
	b := newBackend()
	all := newProcesses(t, 2, b, guard.Budget{Name: "b", Limit: 4, Window: time.Minute, Reserve: -1})
	before(b)
	ended := make(chan struct{})
	var slow sync.WaitGroup
	slow.Go(func() {
		err := all[0].call(t.Context(), pull, func(context.Context) error {
			<-ended
			return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
		})
		assert.ErrorIs(t, err, bankmux.ErrUnavailable)
	})
	synctest.Wait()
	between(b, all[0])
	require.NoError(t, all[0].call(t.Context(), pull, ok))
	close(ended)
	slow.Wait()
	assert.Equal(t, 3, sum(used(t.Context(), all, pull)))
}
