package guard_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestBudgetRefuses(t *testing.T) {
	t.Parallel()
	onBudget := func(name string, test func(*testing.T)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}
	onBudget("a refusal says when the call is allowed, and that nothing was sent", func(t *testing.T) {
		hourly := guard.Budget{Name: "hourly", Limit: 2, Window: time.Hour, Reserve: -1}
		in := budgets(t, minutely(nil), hourly).Interceptor()
		time.Sleep(15 * time.Second)
		require.True(t, passes(t.Context(), in, pull))
		require.True(t, passes(t.Context(), in, pull))
		err := in(t.Context(), pull, func(context.Context) error { t.Error("sent"); return nil })
		assert.Equal(t, &bankmux.Error{
			Kind: bankmux.ErrRateLimited, Scope: bankmux.ScopeApp, Code: bankmux.CodeBudget, NotSent: true,
			Detail:     "the budget two allows the next call at 2000-01-01T01:00:00Z",
			RetryAfter: time.Hour - 15*time.Second,
		}, err, "all budgets must allow it")
	})
	onBudget("the time of a refusal is exact, also within a second", func(t *testing.T) {
		in := budgets(t, guard.Budget{Name: "b", Limit: 1, Window: 700 * time.Millisecond}).Interceptor()
		time.Sleep(100 * time.Millisecond)
		require.True(t, passes(t.Context(), in, pull))
		e := bankmux.ErrorOf(in(t.Context(), pull, ok))
		words := strings.Fields(e.Detail)
		at, err := time.Parse(time.RFC3339, words[len(words)-1])
		require.NoError(t, err)
		assert.Equal(t, e.RetryAfter, time.Until(at))
		time.Sleep(time.Until(at))
		assert.True(t, passes(t.Context(), in, pull))
	})
	onBudget("the scope is what the budget counts", func(t *testing.T) {
		for per, want := range map[guard.Per]bankmux.Scope{
			0: bankmux.ScopeApp, guard.PerProduct: bankmux.ScopeApp, guard.PerInstitution: bankmux.ScopeInstitution,
			guard.PerConnection: bankmux.ScopeConnection, guard.PerItem | guard.PerInstitution: bankmux.ScopeConnection,
		} {
			in := budgets(t, minutely(func(b *guard.Budget) { b.Per, b.Limit = per, 1 })).Interceptor()
			require.True(t, passes(t.Context(), in, pull))
			err := in(t.Context(), pull, func(context.Context) error { return nil })
			assert.Equal(t, want, bankmux.ErrorOf(err).Scope, per)
		}
	})
	onBudget("Retry waits if the caller's deadline allows it", waitsWithinTheDeadline)
	onBudget("a call that was not sent is given back", func(t *testing.T) {
		in := budgets(t, minutely(nil)).Interceptor()
		for range 10 {
			err := in(t.Context(), pull, func(context.Context) error {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
			})
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
		}
		failure := errors.New("sent")
		for range 2 {
			require.Equal(t, failure, in(t.Context(), pull, func(context.Context) error { return failure }))
		}
		assert.False(t, passes(t.Context(), in, pull), "those that were sent and failed count")
	})
	onBudget("a call that was not sent in an earlier window changes nothing", func(t *testing.T) {
		in := budgets(t, minutely(nil)).Interceptor()
		_ = in(t.Context(), pull, func(context.Context) error {
			time.Sleep(time.Minute)
			require.True(t, passes(t.Context(), in, pull))
			require.True(t, passes(t.Context(), in, pull))
			return &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
		})
		assert.False(t, passes(t.Context(), in, pull))
	})
	onBudget("a call that one budget refuses takes nothing of the others", func(t *testing.T) {
		b := budgets(t,
			guard.Budget{Name: "app", Limit: 5, Window: time.Minute, Reserve: -1},
			minutely(func(b *guard.Budget) { b.Per = guard.PerConnection }),
		)
		in, other := b.Interceptor(), pull
		other.Connection = "conn-2"
		for range 20 {
			passes(t.Context(), in, pull)
		}
		assert.True(t, passes(t.Context(), in, other))
		assert.True(t, passes(t.Context(), in, other))
	})
	onBudget("the night leaves a reserve to users", keepsTheReserve)
	onBudget("a budget of background calls counts those that the bank takes for them", func(t *testing.T) {
		in := budgets(t, guard.PSD2Budget("")).Interceptor()
		time.Sleep(time.Hour) // the test starts at the end of a day
		present := bankmux.Presence{IP: netip.MustParseAddr("192.0.2.1"), UserAgent: "Browser/1.0"}
		user := bankmux.WithPresence(t.Context(), present)
		for range 4 {
			require.True(t, passes(bankmux.WithoutUser(t.Context()), in, pull))
		}
		assert.False(t, passes(bankmux.WithoutUser(t.Context()), in, pull))
		assert.False(t, passes(t.Context(), in, pull), "a call without the user's address is one")
		for range 10 {
			assert.True(t, passes(user, in, pull))
		}
	})
	onBudget("callers at once get exactly the limit", func(t *testing.T) {
		in := budgets(t, guard.Budget{Name: "b", Limit: 100, Window: time.Minute, Reserve: -1}).Interceptor()
		var passed atomic.Int64
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for range 10 {
					if passes(t.Context(), in, pull) {
						passed.Add(1)
					}
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 100, passed.Load())
	})
}

func waitsWithinTheDeadline(t *testing.T) {
	g := guard.New(guard.Options{Budgets: budgets(t, minutely(nil)), Retry: guard.RetryOptions{MaxWait: time.Hour}})
	call := chain(g.Interceptors(), pull, func(context.Context) error { return nil })
	time.Sleep(20 * time.Second)
	require.NoError(t, call(t.Context()))
	require.NoError(t, call(t.Context()))
	start := time.Now()
	for seconds, ctx := range map[int]context.Context{39: t.Context(), 3600: guard.Interactive(t.Context())} {
		short, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		err := call(short)
		cancel()
		require.ErrorIs(t, err, bankmux.ErrRateLimited)
		assert.Equal(t, 40*time.Second, bankmux.ErrorOf(err).RetryAfter)
		assert.Zero(t, time.Since(start), "it is refused at once")
	}
	long, cancel := context.WithTimeout(t.Context(), 41*time.Second)
	defer cancel()
	require.NoError(t, call(long))
	assert.Equal(t, 40*time.Second, time.Since(start))
}

func keepsTheReserve(t *testing.T) {
	for reserve, night := range map[int]int{-1: 50, 0: 45, 20: 30} {
		b := budgets(t, guard.Budget{Name: "b", Limit: 50, Window: time.Minute, Reserve: reserve})
		in, absent := b.Interceptor(), bankmux.WithoutUser(t.Context())
		count := func(ctx context.Context) (n int) {
			for passes(ctx, in, pull) {
				n++
			}
			return n
		}
		assert.Equal(t, night, count(absent), reserve)
		assert.Greater(t, b.NextAllowed(absent, pull), time.Now())
		assert.Equal(t, 50-night, count(t.Context()), reserve)
		time.Sleep(time.Minute)
		assert.Equal(t, 50, count(t.Context()), "users may use all of it")
		assert.Zero(t, count(absent))
		time.Sleep(time.Minute)
	}
}

// published are Plaid's figures per minute for the application and for an Item, of March 2026.
var published = map[string][2]int{
	"Sync": {2500, 50}, "Transactions": {20000, 30}, "Accounts": {15000, 15}, "Balances": {1200, 5},
	"AccountNumbers": {12000, 15}, "Identity": {2000, 15}, "Holdings": {2000, 15},
	"InvestmentTransactions": {20000, 30}, "PlaidLiabilities": {1000, 15}, "Refresh transactions": {100, 2},
	"Refresh investments": {100, 1}, "ConnectionStatus": {5000, 15}, "Disconnect": {2000, 30},
	"Institution": {400, 0}, "Institutions": {25, 0},
}
