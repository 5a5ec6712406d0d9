package guard_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// pull is a call on a connection, with everything that a budget can count by.
var pull = bankmux.Op{
	Name: bankmux.OpSync, Group: bankmux.GroupData, Effect: bankmux.Read,
	Client: "c", Provider: "p", Product: "transactions",
	Connection: "conn-1", Reference: bankmux.NewSecret("item-1"), Institution: "bank-1",
}

func budgets(t testing.TB, all ...guard.Budget) *guard.Budgets {
	t.Helper()
	b, err := guard.NewBudgets(all...)
	require.NoError(t, err)
	return b
}

// passes makes a call and reports whether the budgets allowed it.
func passes(ctx context.Context, in bankmux.Interceptor, op bankmux.Op) bool {
	return in(ctx, op, func(context.Context) error { return nil }) == nil
}

// minutely is a budget of two calls in a minute.
func minutely(change func(*guard.Budget)) guard.Budget {
	b := guard.Budget{Name: "two", Limit: 2, Window: time.Minute, Reserve: -1}
	if change != nil {
		change(&b)
	}
	return b
}

func TestBudgetCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget  func(*guard.Budget)
		second  func(*bankmux.Op)
		counted bool
	}{
		"every call of a client, without any selection": {nil, func(o *bankmux.Op) {
			o.Name, o.Group, o.Connection, o.Product = "X", bankmux.GroupPay, "", ""
		}, true},
		"not those of another client, which has its own count": {nil, func(o *bankmux.Op) { o.Client = "d" }, false},
		"not those that send nothing":                          {nil, func(o *bankmux.Op) { o.Effect = bankmux.Local }, false},
		"not those that give up a challenge":                   {nil, func(o *bankmux.Op) { o.Abandon = true }, false},
		"one client":                                           {func(b *guard.Budget) { b.Client = "c" }, func(o *bankmux.Op) { o.Client = "d" }, false},
		"one provider":                                         {func(b *guard.Budget) { b.Provider = "p" }, func(o *bankmux.Op) { o.Provider = "q" }, false},
		"some operations": {
			func(b *guard.Budget) { b.Ops = []string{"A", bankmux.OpSync} },
			func(o *bankmux.Op) { o.Name = "B" }, false,
		},
		"one group": {
			func(b *guard.Budget) { b.Group = bankmux.GroupData },
			func(o *bankmux.Op) { o.Group = bankmux.GroupLink }, false,
		},
		"one product": {
			func(b *guard.Budget) { b.Product = "transactions" },
			func(o *bankmux.Op) { o.Product = "identity" }, false,
		},
		"each connection": {
			func(b *guard.Budget) { b.Per = guard.PerConnection },
			func(o *bankmux.Op) { o.Connection = "conn-2" }, false,
		},
		"each connection, whatever is called": {
			func(b *guard.Budget) { b.Per = guard.PerConnection },
			func(o *bankmux.Op) { o.Product = "identity" }, true,
		},
		"each item": {
			func(b *guard.Budget) { b.Per = guard.PerItem },
			func(o *bankmux.Op) { o.Reference = bankmux.NewSecret("item-2") }, false,
		},
		"each item, whichever connection has it": {
			func(b *guard.Budget) { b.Per = guard.PerItem },
			func(o *bankmux.Op) { o.Connection = "conn-2" }, true,
		},
		"each institution": {
			func(b *guard.Budget) { b.Per = guard.PerInstitution },
			func(o *bankmux.Op) { o.Institution = "bank-2" }, false,
		},
		"each product": {
			func(b *guard.Budget) { b.Per = guard.PerProduct },
			func(o *bankmux.Op) { o.Product = "identity" }, false,
		},
		"each product of each connection, so not another product": {
			func(b *guard.Budget) { b.Per = guard.PerConnection | guard.PerProduct },
			func(o *bankmux.Op) { o.Product = "identity" }, false,
		},
		"each product of each connection, so not another connection": {
			func(b *guard.Budget) { b.Per = guard.PerConnection | guard.PerProduct },
			func(o *bankmux.Op) { o.Connection = "conn-2" }, false,
		},
		"not a call without a connection, where each connection has": {
			func(b *guard.Budget) { b.Per = guard.PerConnection },
			func(o *bankmux.Op) { o.Connection = "" }, false,
		},
		"not a call without an item, where each item has": {
			func(b *guard.Budget) { b.Per = guard.PerItem },
			func(o *bankmux.Op) { o.Reference = bankmux.Secret{} }, false,
		},
		"not a call without an institution, where each one has": {
			func(b *guard.Budget) { b.Per = guard.PerInstitution },
			func(o *bankmux.Op) { o.Institution = "" }, false,
		},
		"not a call without a product, where each product has": {
			func(b *guard.Budget) { b.Per = guard.PerProduct },
			func(o *bankmux.Op) { o.Product = "" }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := budgets(t, minutely(c.budget)).Interceptor()
				require.True(t, passes(t.Context(), in, pull))
				require.True(t, passes(t.Context(), in, pull))
				require.False(t, passes(t.Context(), in, pull), "the budget is used")
				second := pull
				c.second(&second)
				assert.Equal(t, c.counted, !passes(t.Context(), in, second))
			})
		})
	}
}

// dubai is four hours ahead of UTC.
const dubai = -4 * time.Hour

func TestBudgetWindow(t *testing.T) {
	t.Parallel()
	day := guard.Budget{Name: "daily", Limit: 1, Window: 24 * time.Hour}
	east := day
	east.Offset = dubai
	rolling := day
	rolling.Rolling = true
	for name, c := range map[string]struct {
		budget guard.Budget
		start  time.Duration // after midnight UTC
		next   time.Duration // after start
	}{
		"a day is one of UTC":                       {day, 20 * time.Hour, 4 * time.Hour},
		"a day starts with the clocks of a bank":    {east, 19 * time.Hour, time.Hour},
		"a day of a bank lasts 24 hours":            {east, 20 * time.Hour, 24 * time.Hour},
		"a window starts on its first millisecond":  {day, 24*time.Hour - time.Millisecond, time.Millisecond},
		"a rolling day is at least 24 hours":        {rolling, 20 * time.Hour, 28 * time.Hour},
		"a rolling day is less than 48 hours":       {rolling, time.Millisecond, 48*time.Hour - time.Millisecond},
		"a limit of a second starts with the clock": {guard.Budget{Name: "s", Limit: 1, Window: time.Second}, 300 * time.Millisecond, 700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := budgets(t, c.budget)
				in := b.Interceptor()
				time.Sleep(c.start)
				start := time.Now()
				require.Equal(t, start, b.NextAllowed(t.Context(), pull))
				require.True(t, passes(t.Context(), in, pull))
				next := b.NextAllowed(t.Context(), pull)
				assert.Equal(t, c.next, next.Sub(start))
				time.Sleep(time.Until(next) - time.Millisecond)
				require.False(t, passes(t.Context(), in, pull))
				time.Sleep(time.Millisecond)
				require.True(t, passes(t.Context(), in, pull))
			})
		})
	}
	t.Run("any span of a rolling window has at most the limit", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(r *rapid.T) {
			limit := rapid.IntRange(1, 5).Draw(r, "limit")
			pauses := rapid.SliceOfN(rapid.Int64Range(0, int64(40*time.Second)), 10, 60).Draw(r, "pauses")
			var sent []time.Time
			synctest.Test(t, func(t *testing.T) {
				rolling := guard.Budget{Name: "r", Limit: limit, Window: time.Minute, Rolling: true, Reserve: -1}
				in := budgets(t, rolling).Interceptor()
				for _, pause := range pauses {
					time.Sleep(time.Duration(pause))
					if passes(t.Context(), in, pull) {
						sent = append(sent, time.Now())
					}
				}
			})
			require.NotEmpty(r, sent)
			for i := limit; i < len(sent); i++ {
				require.GreaterOrEqual(r, sent[i].Sub(sent[i-limit]), time.Minute)
			}
		})
	})
	t.Run("NextAllowed is exact", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(r *rapid.T) {
			all := rapid.SliceOfN(rapid.Custom(anyBudget), 1, 4).Draw(r, "budgets")
			for i := range all {
				all[i].Name = strconv.Itoa(i)
			}
			calls := rapid.SliceOfN(rapid.Custom(anyCall), 1, 40).Draw(r, "calls")
			synctest.Test(t, func(t *testing.T) { nextIsExact(t, budgets(t, all...), calls) })
		})
	})
	t.Run("a paced budget has the same rate in shorter windows", func(t *testing.T) {
		t.Parallel()
		b := guard.Budget{Name: "b", Limit: 2_500, Window: time.Minute}
		paced := b.Paced(time.Second)
		assert.Equal(t, guard.Budget{Name: "b", Limit: 41, Window: time.Second, Reserve: 4}, paced)
		assert.Equal(t, b, b.Paced(time.Minute))
		assert.Equal(t, b, b.Paced(0))
		small := guard.Budget{Name: "b", Limit: 50, Window: time.Minute}.Paced(time.Second)
		paced = guard.Budget{Name: "b", Limit: 1, Window: 1200 * time.Millisecond, Reserve: -1}
		assert.Equal(t, paced, small, "not 60 a minute")
		reserved := guard.Budget{Name: "b", Limit: 119, Window: time.Minute, Reserve: 60}.Paced(time.Second)
		_, err := guard.NewBudgets(reserved)
		require.NoError(t, err)
	})
}

// anyBudget draws a budget with short windows.
func anyBudget(t *rapid.T) guard.Budget {
	b := guard.Budget{
		Limit:   rapid.IntRange(1, 12).Draw(t, "limit"),
		Window:  time.Duration(rapid.Int64Range(1, 100_000).Draw(t, "window")) * time.Millisecond,
		Offset:  time.Duration(rapid.Int64Range(-200_000, 200_000).Draw(t, "offset")) * time.Millisecond,
		Rolling: rapid.Bool().Draw(t, "rolling"),
		Per:     guard.Per(rapid.IntRange(0, 15).Draw(t, "per")),
	}
	b.Reserve = rapid.IntRange(-1, b.Limit-1).Draw(t, "reserve")
	b.Background = rapid.Bool().Draw(t, "background")
	return b
}

// budgetCall is a call after a pause.
type budgetCall struct {
	pause      time.Duration
	absent     bool
	connection string
}

func anyCall(t *rapid.T) budgetCall {
	return budgetCall{
		time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")), rapid.Bool().Draw(t, "absent"),
		rapid.SampledFrom([]string{"conn-1", "conn-2"}).Draw(t, "connection"),
	}
}

// nextIsExact requires that a refused call is refused until the time of NextAllowed, and then
// passes.
func nextIsExact(t *testing.T, b *guard.Budgets, calls []budgetCall) {
	t.Helper()
	in := b.Interceptor()
	for _, c := range calls {
		time.Sleep(c.pause)
		ctx, op := t.Context(), pull
		if c.absent {
			ctx = bankmux.WithoutUser(ctx)
		}
		op.Connection = c.connection
		next := b.NextAllowed(ctx, op)
		if next.After(time.Now()) {
			require.False(t, passes(ctx, in, op))
			time.Sleep(time.Until(next) - time.Nanosecond)
			require.False(t, passes(ctx, in, op))
			time.Sleep(time.Nanosecond)
		}
		require.True(t, passes(ctx, in, op))
	}
}

func TestPublishedBudgets(t *testing.T) {
	t.Parallel()
	t.Run("Plaid's limits are per minute, of the application and of an Item", func(t *testing.T) {
		t.Parallel()
		got := map[string][2]int{}
		for _, b := range guard.PlaidBudgets() {
			name, item := strings.CutSuffix(strings.TrimPrefix(b.Name, "plaid "), " per item")
			both := got[name]
			both[map[bool]int{true: 1}[item]] = b.Limit
			got[name] = both
			assert.Equal(t, time.Minute, b.Window, name)
			assert.Equal(t, map[bool]guard.Per{true: guard.PerItem}[item], b.Per, name)
			assert.Equal(t, "plaid", b.Provider, name)
			assert.Equal(t, strings.Fields(name)[:1], b.Ops, name)
			assert.Equal(t, strings.Join(strings.Fields(name)[1:], ""), string(b.Product), name)
		}
		assert.Equal(t, published, got)
	})
	t.Run("a link of MoneyKit's is refreshed once an hour or a day, by product", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			in := budgets(t, guard.MoneyKitBudgets()...).Interceptor()
			refresh := bankmux.Op{
				Name: bankmux.OpRefresh, Provider: "moneykit", Effect: bankmux.OneShot, Reference: pull.Reference,
			}
			count := map[bankmux.Product]int{}
			for range 4 * 24 * 6 { // four days
				for _, product := range []bankmux.Product{"accounts", "transactions", "account_numbers", "identity"} {
					refresh.Product = string(product)
					if passes(t.Context(), in, refresh) {
						count[product]++
					}
				}
				time.Sleep(10 * time.Minute)
			}
			assert.Equal(t, map[bankmux.Product]int{
				"accounts": 48, "transactions": 48, "account_numbers": 2, "identity": 2,
			}, count)
			refresh.Product = "investments"
			assert.True(t, passes(t.Context(), in, refresh), "no limit is published")
			assert.True(t, passes(t.Context(), in, refresh))
		})
	})
	t.Run("a budget of background calls has no reserve", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			in := budgets(t, guard.Budget{Name: "b", Background: true, Limit: 20, Window: time.Hour}).Interceptor()
			for range 20 {
				require.True(t, passes(bankmux.WithoutUser(t.Context()), in, pull))
			}
			assert.False(t, passes(bankmux.WithoutUser(t.Context()), in, pull))
		})
	})
}

func TestNewBudgets(t *testing.T) {
	t.Parallel()
	good := guard.Budget{Name: "b", Limit: 10, Window: time.Second}
	for detail, change := range map[string]func(*guard.Budget){
		`Budget "": Name is empty`:                        func(b *guard.Budget) { b.Name = "" },
		`Budget "b": Limit is not in 1 to 1,000,000,000`:  func(b *guard.Budget) { b.Limit = 0 },
		`Budget "b": Window is not in 1 ms to 366 days`:   func(b *guard.Budget) { b.Window = 0 },
		`Budget "b": Window is not in whole milliseconds`: func(b *guard.Budget) { b.Window += time.Microsecond },
		`Budget "b": Offset is not in whole milliseconds`: func(b *guard.Budget) { b.Offset = 1 },
		`Budget "b": Reserve is not in -1 to Limit - 1`:   func(b *guard.Budget) { b.Reserve = 10 },
		`Budget "b": Per has an unknown part`:             func(b *guard.Budget) { b.Per = 64 },
	} {
		t.Run(detail, func(t *testing.T) {
			t.Parallel()
			bad := good
			change(&bad)
			_, err := guard.NewBudgets(bad)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.Contains(t, err.Error(), detail)
		})
	}
	t.Run("two budgets do not have the same name", func(t *testing.T) {
		t.Parallel()
		_, err := guard.NewBudgets(good, good)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	})
	t.Run("published limits are budgets that can be kept", func(t *testing.T) {
		t.Parallel()
		psd2 := []guard.Budget{guard.PSD2Budget(""), guard.PSD2Budget("c")}
		all := slices.Concat(guard.PlaidBudgets(), guard.MoneyKitBudgets(), psd2)
		_, err := guard.NewBudgets(all...)
		require.NoError(t, err)
	})
}

// wide returns the published budgets, with limits that no test reaches. Three of them count a sync
// at Plaid.
func wide(t testing.TB) bankmux.Interceptor {
	t.Helper()
	all := slices.Concat(guard.PlaidBudgets(), guard.MoneyKitBudgets(), []guard.Budget{guard.PSD2Budget("")})
	for i := range all {
		all[i].Limit = 1_000_000_000
	}
	return budgets(t, all...).Interceptor()
}

func TestBudgetCost(t *testing.T) {
	in, op, ctx := wide(t), pull, bankmux.WithoutUser(t.Context())
	op.Provider = "plaid"
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if !passes(ctx, in, op) {
			t.Error("refused")
		}
	}))
}

// BenchmarkBudgets decides about calls of a thousand connections by all published budgets.
func BenchmarkBudgets(b *testing.B) {
	in := wide(b)
	ops := make([]bankmux.Op, 1000)
	for i := range ops {
		ops[i] = pull
		ops[i].Provider, ops[i].Connection = "plaid", strconv.Itoa(i)
		ops[i].Reference = bankmux.NewSecret("item-" + strconv.Itoa(i))
	}
	ctx, next := bankmux.WithoutUser(b.Context()), func(context.Context) error { return nil }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := in(ctx, ops[i%len(ops)], next); err != nil {
			b.Fatal(err)
		}
	}
}
