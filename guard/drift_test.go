package guard_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestDrift specifies how often a drift is reported, and what its receiver cannot break.
func TestDrift(t *testing.T) {
	t.Parallel()
	t.Run("each drift is reported once and counted each time", inBubble(eachDriftIsReportedOnce))
	t.Run("a client reports 256 drifts and then that there are more", inBubble(aClientReportsABoundedNumber))
	t.Run("an unlisted code is reported with its operation", inBubble(anUnlistedCodeIsReported))
	t.Run("a receiver that panics, ends its goroutine or hangs does not break the call", aReceiverCannotBreakTheCall)
	t.Run("a response with many drifts waits once, and not after its context ended", manyDriftsWaitOnce)
	t.Run("drift from several goroutines is reported once", inBubble(driftFromSeveralGoroutines))
	t.Run("without a receiver drift is counted", func(t *testing.T) {
		t.Parallel()
		g := guard.New(guard.Options{})
		g.ReportDrift(t.Context(), member("a", 1))
		assert.Equal(t, map[guard.Drift]uint64{member("a", 1): 1}, g.Drift())
	})
}

// inBubble runs a test with virtual time, so that no call stops waiting for a receiver that works.
func inBubble(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	}
}

func member(client string, n int) guard.Drift {
	return guard.Drift{
		Client: client, Provider: "p", Endpoint: "GET /accounts", Kind: guard.DriftMember, Member: fmt.Sprint("m", n),
	}
}

func eachDriftIsReportedOnce(t *testing.T) {
	var got []guard.Drift
	g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) { got = append(got, d) }})
	for range 3 {
		g.ReportDrift(t.Context(), member("a", 1))
		g.ReportDrift(t.Context(), member("b", 1))
	}
	assert.Equal(t, []guard.Drift{member("a", 1), member("b", 1)}, got)
	counted := g.Drift()
	assert.Equal(t, map[guard.Drift]uint64{member("a", 1): 3, member("b", 1): 3}, counted)
	clear(counted)
	assert.Len(t, g.Drift(), 2, "the result is a copy")
}

func aClientReportsABoundedNumber(t *testing.T) {
	var got []guard.Drift
	g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) { got = append(got, d) }})
	for i := range 300 {
		g.ReportDrift(t.Context(), member("a", i))
	}
	g.ReportDrift(t.Context(), member("a", 7))
	g.ReportDrift(t.Context(), member("b", 300))
	more := guard.Drift{Client: "a", Provider: "p", Kind: guard.DriftMore}
	require.Len(t, got, 258)
	assert.Equal(t, more, got[256])
	assert.Equal(t, member("b", 300), got[257], "another client has its own bound")
	counted := g.Drift()
	assert.EqualValues(t, 44, counted[more])
	assert.EqualValues(t, 2, counted[member("a", 7)], "a known one is counted even if there is no room")
}

func anUnlistedCodeIsReported(t *testing.T) {
	var got []guard.Drift
	g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) { got = append(got, d) }})
	op := bankmux.Op{Name: "Accounts", Client: "c", Provider: "p", Effect: bankmux.OneShot}
	for _, e := range []*bankmux.Error{
		{Kind: bankmux.ErrInvalid, Provider: "p", Code: "listed"},
		{Kind: bankmux.ErrInvalid, Provider: "p", Code: "BRAND_NEW", Unlisted: true},
		{Kind: bankmux.ErrInvalid, Provider: "p", Code: "BRAND_NEW", Unlisted: true},
		{Kind: bankmux.ErrInvalid, Provider: "p", Code: "4111111111111111", Unlisted: true},
	} {
		require.Error(t, chain(g.Interceptors(), op, answers(new(int), e))(t.Context()))
	}
	code := guard.Drift{Client: "c", Provider: "p", Operation: "Accounts", Kind: guard.DriftCode, Word: "BRAND_NEW"}
	masked := code
	masked.Word = "*"
	assert.Equal(t, []guard.Drift{code, masked}, got)
}

func aReceiverCannotBreakTheCall(t *testing.T) {
	t.Parallel()
	for name, receive := range map[string]func(){
		"panics":             func() { panic("a planted secret") },
		"ends its goroutine": runtime.Goexit,
		"hangs for a while":  func() { time.Sleep(time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				calls := 0
				g := guard.New(guard.Options{
					Logger:  slog.New(slog.NewTextHandler(&log, nil)),
					OnDrift: func(context.Context, guard.Drift) { calls++; receive() },
				})
				start := time.Now()
				g.ReportDrift(t.Context(), member("a", 1))
				assert.LessOrEqual(t, time.Since(start), 100*time.Millisecond)
				time.Sleep(time.Hour)
				synctest.Wait()
				assert.Equal(t, 1, calls)
				assert.Equal(t, name == "panics", bytes.Contains(log.Bytes(), []byte("OnDrift panicked")))
				assert.NotContains(t, log.String(), "planted")
			})
		})
	}
}

func manyDriftsWaitOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ timeout, waits time.Duration }{
		"without a deadline that matters": {time.Hour, 100 * time.Millisecond},
		"with a deadline":                 {30 * time.Millisecond, 30 * time.Millisecond},
		"with a context that ended":       {0, 0},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			var got []guard.Drift
			g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) {
				time.Sleep(90 * time.Millisecond)
				got = append(got, d)
				runtime.Goexit()
			}})
			var all []guard.Drift
			for i := range 200 {
				all = append(all, member("a", i))
			}
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			start := time.Now()
			g.ReportDrift(ctx, all...)
			assert.Equal(t, c.waits, time.Since(start))
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, all, got, "each is reported, in order")
		}))
	}
}

func driftFromSeveralGoroutines(t *testing.T) {
	var mu sync.Mutex
	got := map[guard.Drift]int{}
	g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) {
		mu.Lock()
		defer mu.Unlock()
		got[d]++
	}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 50 {
				g.ReportDrift(t.Context(), member("a", i))
			}
		})
	}
	all.Wait()
	synctest.Wait()
	assert.Len(t, got, 50)
	for d, n := range got {
		assert.Equal(t, 1, n, d.Member)
		assert.EqualValues(t, 8, g.Drift()[d])
	}
}
