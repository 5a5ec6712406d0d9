package guard

// This file specifies budgets when the clock of the machine is set, and the rate of paced ones.

import (
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
)

// TestBudgetClock specifies what holds if the clock is put back. A bubble's clock cannot be put
// back, so the test passes the time.
func TestBudgetClock(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		window time.Duration
		second time.Duration // the clock at the second call, after noon
		passes bool
		next   time.Duration // when the first window lets a call pass again
	}{
		"a clock that is put back within a window changes nothing":   {time.Hour, time.Minute, false, time.Hour},
		"a clock that is put back across midnight starts no new day": {12 * time.Hour, -time.Minute, false, 12 * time.Hour},
		"a clock that is put back by a window starts no new one":     {time.Second, -time.Second, false, time.Second},
		"a clock that is put back by more starts a window, of which nothing is used": {
			time.Second, -2 * time.Second, true, -2 * time.Second,
		},
		"a clock that is put forward starts a window": {time.Second, time.Hour, true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := newBudgetCount(Budget{Name: "b", Limit: 1, Window: c.window, Reserve: -1})
			op := &bankmux.Op{Name: bankmux.OpSync, Client: "c"}
			_, ok := count.take(op, caller{}, noon)
			require.True(t, ok)
			at := noon.Add(c.second)
			assert.True(t, noon.Add(c.next).Equal(count.next(op, caller{}, at)))
			_, ok = count.take(op, caller{}, at)
			assert.Equal(t, c.passes, ok)
			_, ok = count.take(op, caller{}, noon.Add(2*time.Hour+c.window))
			assert.True(t, ok, "the clock goes on")
		})
	}
}

// TestBudgetNext specifies the time at which a refused call is allowed.
func TestBudgetNext(t *testing.T) {
	t.Parallel()
	t.Run("at the time that is named all budgets allow the call, and not before", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			var all []Budget
			for i := range rapid.IntRange(1, 3).Draw(t, "budgets") {
				window := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "window")
				margin := time.Duration(rapid.Int64Range(0, int64(window/8)).Draw(t, "margin"))
				all = append(all, Budget{
					Name: strconv.Itoa(i), Window: window, Limit: rapid.IntRange(1, 3).Draw(t, "limit"),
					Margin:  margin.Truncate(time.Millisecond),
					Rolling: rapid.Bool().Draw(t, "rolling"),
				})
			}
			b, err := NewBudgets(all...)
			require.NoError(t, err)
			op, now := &bankmux.Op{Name: bankmux.OpSync, Client: "c"}, time.Date(2026, 3, 4, 23, 50, 0, 0, time.UTC)
			for range 20 {
				at := b.next(op, caller{}, now)
				require.False(t, at.Before(now))
				if before := at.Add(-time.Millisecond); !before.Before(now) {
					require.True(t, b.next(op, caller{}, before).Equal(at))
				}
				for _, c := range b.of(op) {
					_, ok := c.take(op, caller{}, at)
					require.True(t, ok, "budget %s at %s", c.Name, at)
				}
				now = at.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pause")))
			}
		})
	})
	t.Run("the search ends for budgets that never allow a call together", func(t *testing.T) {
		t.Parallel()
		one := Budget{Name: "one", Limit: 1, Window: time.Hour, Margin: 15 * time.Minute}
		other := Budget{Name: "other", Limit: 1, Window: time.Hour, Margin: 15 * time.Minute, Offset: 30 * time.Minute}
		b, err := NewBudgets(one, other)
		require.NoError(t, err)
		now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		assert.True(t, b.next(&bankmux.Op{Name: bankmux.OpSync, Client: "c"}, caller{}, now).After(now))
	})
}

// TestPacedRate specifies the rate of a budget with a shorter window.
func TestPacedRate(t *testing.T) {
	t.Parallel()
	t.Run("a paced budget can be kept, and allows neither more nor a call less than before", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			b := Budget{
				Name: "b", Limit: rapid.IntRange(1, maxLimit).Draw(t, "limit"),
				Window: time.Duration(rapid.Int64Range(1, maxWindow.Milliseconds()).Draw(t, "window")) *
					time.Millisecond,
			}
			b.Reserve = rapid.IntRange(-1, b.Limit-1).Draw(t, "reserve")
			p := b.Paced(time.Duration(rapid.Int64Range(1, int64(maxWindow)).Draw(t, "paced")))
			_, err := NewBudgets(p)
			require.NoError(t, err)
			// The rates without their common divisor: one limit times the other window.
			before := product(b.Limit, p.Window)
			require.LessOrEqual(t, product(p.Limit, b.Window).Cmp(before), 0, "%v became %v", b, p)
			require.Positive(t, product(p.Limit+1, b.Window).Cmp(before), "%v became %v", b, p)
			require.LessOrEqual(t, product(p.reserve(), b.Window).Cmp(product(b.reserve(), p.Window)), 0)
		})
	})
}

func product(n int, d time.Duration) *big.Int {
	return new(big.Int).Mul(big.NewInt(int64(n)), big.NewInt(int64(d)))
}
