package guard

// This file limits and measures what a count of a connection takes, since a process keeps millions.

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// generous is a backend whose budgets have no limit.
type generous struct{ Backend }

func (generous) Take(_ context.Context, t Take) (Taken, error) {
	return Taken{N: t.N, Ends: t.Window}, nil
}

// counting counts calls without a user in the budget of PSD2, in two products per connection.
func counting(t testing.TB, connections int) *budgetCount {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	fleet, err := NewFleet(generous{}, keys, FleetOptions{})
	require.NoError(t, err)
	budget := PSD2Budget("")
	budget.Margin = 0 // the time of the day does not matter
	b, err := NewBudgets(budget)
	require.NoError(t, err)
	count, ctx := b.any[0], bankmux.WithoutUser(t.Context())
	for i := range connections {
		for _, product := range []bankmux.Product{bankmux.ProductAccounts, bankmux.ProductTransactions} {
			op := bankmux.Op{Client: "c", Connection: strconv.Itoa(i), Product: string(product)}
			call, ok := count.take(&op, b.callerOf(ctx), time.Now())
			require.True(t, ok)
			require.Nil(t, fleet.count(ctx, []countedCall{call}, &op, b.callerOf(ctx)))
		}
	}
	return count
}

func TestBudgetSize(t *testing.T) {
	t.Parallel()
	t.Run("a count is small, and only one that waits has a channel", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			count := counting(t, 100)
			require.Len(t, count.chunks, 200)
			for _, chunk := range count.chunks {
				assert.Nil(t, chunk.asking)
				assert.Zero(t, chunk.waiting)
			}
			assert.LessOrEqual(t, unsafe.Sizeof(budgetChunk{}), uintptr(48))
		})
	})
}

// BenchmarkBudgetSize measures the bytes that a process keeps per connection with two products.
func BenchmarkBudgetSize(b *testing.B) {
	const connections = 200_000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		count := counting(b, connections)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/connections, "B/connection")
		runtime.KeepAlive(count)
	}
}
