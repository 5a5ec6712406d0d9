package guard_test

// This file specifies budgets that must hold at the provider, whose clock and whose windows differ.

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// callsAtMidnight makes calls at random times around every second midnight, in one of two processes
// each. So the budget of the day before is unused. A call takes a minute. It returns the most calls
// that the bank counted in a day by its own clock.
func callsAtMidnight(t *testing.T, budget guard.Budget, seed uint64, ahead time.Duration) (most int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	both := newProcesses(t, 2, newBackend(), budget)
	perDay := map[string]int{}
	for range 40 {
		day := time.Now().Truncate(24 * time.Hour).Add(48 * time.Hour)
		time.Sleep(time.Until(day.Add(-10 * time.Minute)))
		for time.Now().Before(day.Add(10 * time.Minute)) {
			time.Sleep(upTo(2 * time.Minute))
			_ = both[random.IntN(2)].call(t.Context(), pull, func(context.Context) error {
				travels := upTo(time.Minute)
				time.Sleep(travels)
				perDay[time.Now().Add(ahead).UTC().Format(time.DateOnly)]++
				time.Sleep(time.Minute - travels)
				return nil
			})
		}
	}
	for _, n := range perDay {
		most = max(most, n)
	}
	return most
}

// TestBudgetMargin specifies [guard.Budget.Margin].
func TestBudgetMargin(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{
		"as the process's": 0, "a minute ahead": time.Minute, "a minute behind": -time.Minute,
	} {
		t.Run("no day of a bank has more than four calls if its clock is "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, 4, callsAtMidnight(t, guard.PSD2Budget(""), 1, ahead))
				without := guard.PSD2Budget("")
				without.Margin = 0
				assert.Greater(t, callsAtMidnight(t, without, 1, ahead), 4, "the calls of the test do not test it")
			})
		})
	}
	t.Run("a refusal names the first time at which a call is allowed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := budgets(t, guard.PSD2Budget(""))
			in, midnight := b.Interceptor(), time.Now().Truncate(24*time.Hour).Add(24*time.Hour)
			for _, c := range []struct{ at, allowed time.Duration }{
				{-2*time.Minute - 1, -2*time.Minute - 1},
				{-2 * time.Minute, 2 * time.Minute},
				{-time.Millisecond, 2 * time.Minute},
				{0, 2 * time.Minute},
				{2*time.Minute - time.Millisecond, 2 * time.Minute},
				{2 * time.Minute, 2 * time.Minute},
			} {
				time.Sleep(time.Until(midnight.Add(c.at)))
				assert.Equal(t, c.allowed, b.NextAllowed(t.Context(), pull).Sub(midnight), c.at)
				err := in(t.Context(), pull, func(context.Context) error { return nil })
				if c.at == c.allowed {
					require.NoError(t, err, c.at)
					continue
				}
				require.ErrorIs(t, err, bankmux.ErrRateLimited, c.at)
				assert.Equal(t, bankmux.CodeBudget, bankmux.ErrorOf(err).Code)
				assert.Equal(t, c.allowed-c.at, bankmux.ErrorOf(err).RetryAfter)
			}
			for range 3 {
				require.NoError(t, in(t.Context(), pull, func(context.Context) error { return nil }))
			}
			assert.Equal(t, 24*time.Hour+2*time.Minute, b.NextAllowed(t.Context(), pull).Sub(midnight), "it is used up")
		})
	})
	t.Run("a refusal by another budget names a time outside of it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := budgets(t, minutely(func(b *guard.Budget) { b.Limit, b.Name = 1, "app" }), guard.PSD2Budget(""))
			in, midnight := b.Interceptor(), time.Now().Truncate(24*time.Hour).Add(24*time.Hour)
			time.Sleep(time.Until(midnight.Add(-150 * time.Second)))
			require.NoError(t, in(t.Context(), pull, ok))
			assert.Equal(t, 2*time.Minute, b.NextAllowed(t.Context(), pull).Sub(midnight))
			err := in(t.Context(), pull, ok)
			require.ErrorIs(t, err, bankmux.ErrRateLimited)
			assert.Equal(t, 270*time.Second, bankmux.ErrorOf(err).RetryAfter)
			assert.Contains(t, bankmux.ErrorOf(err).Detail, "T00:02:00Z")
			time.Sleep(bankmux.ErrorOf(err).RetryAfter)
			require.NoError(t, in(t.Context(), pull, ok))
		})
	})
	t.Run("a paced budget has none", func(t *testing.T) {
		t.Parallel()
		b := guard.Budget{Name: "b", Limit: 100, Window: time.Hour, Margin: 10 * time.Minute}
		assert.Zero(t, b.Paced(time.Minute).Margin)
	})
	t.Run("a process that knows that the fleet has nothing left names a time outside of it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			one := guard.Budget{Name: "b", Limit: 2, Reserve: -1, Window: time.Hour, Margin: 10 * time.Minute}
			mine, b := budgets(t, one), newBackend()
			p := newProcess(t, b, func(o *guard.Options) { o.Budgets = mine })
			time.Sleep(20 * time.Minute)
			require.Equal(t, 2, sum(used(t.Context(), newProcesses(t, 1, b, one), pull)))
			require.ErrorIs(t, p.call(t.Context(), pull, ok), bankmux.ErrRateLimited)
			assert.Equal(t, 50*time.Minute, time.Until(mine.NextAllowed(t.Context(), pull)))
		})
	})
	t.Run("a call for which the fleet responds only within it is not sent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{MaxDelay: 5 * time.Second})
			require.NoError(t, err)
			in := guard.New(guard.Options{
				Fleet: f, Retry: guard.RetryOptions{MaxAttempts: 1}, Budgets: budgets(t, guard.Budget{
					Name: "b", Limit: 2, Reserve: -1, Window: time.Hour, Margin: 10 * time.Minute,
				}),
			}).Interceptors()
			send := func(context.Context) error { assert.Equal(t, 30, time.Now().Minute()); return nil }
			b.delay.Store(int64(2 * time.Second))
			time.Sleep(50*time.Minute - time.Second)
			err = chain(in, pull, send)(t.Context())
			require.ErrorIs(t, err, bankmux.ErrRateLimited)
			assert.Equal(t, 19*time.Minute+59*time.Second, bankmux.ErrorOf(err).RetryAfter)
			time.Sleep(40 * time.Minute)
			for range 2 {
				require.NoError(t, chain(in, pull, send)(t.Context()))
			}
			require.ErrorIs(t, chain(in, pull, send)(t.Context()), bankmux.ErrRateLimited)
			time.Sleep(time.Minute) // what was started ends
		})
	})
	t.Run("a rolling budget has it at the ends of both windows", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := budgets(t, guard.Budget{
				Name: "b", Limit: 9, Window: time.Hour, Margin: 10 * time.Minute, Rolling: true,
			})
			time.Sleep(55 * time.Minute)
			for range 3 {
				next := b.NextAllowed(t.Context(), pull)
				assert.Equal(t, 15*time.Minute, time.Until(next))
				time.Sleep(time.Until(next))
				assert.True(t, passes(t.Context(), b.Interceptor(), pull))
				time.Sleep(45 * time.Minute)
			}
		})
	})
}
