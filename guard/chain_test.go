package guard_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestChain specifies which interceptors a guard puts together, and in which order.
func TestChain(t *testing.T) {
	t.Parallel()
	t.Run("a guard is one interceptor", aGuardIsOneInterceptor)
	t.Run("the order of the interceptors matters", theOrderOfTheInterceptorsMatters)
	t.Run("an adapter fills in only what the application left zero", anAdapterFillsInOnlyWhatTheApplicationLeftZero)
	t.Run("a shared value is made once", aSharedValueIsMadeOnce)
	t.Run("only unlisted codes are counted", onlyUnlistedCodesAreCounted)
	t.Run("the number of unlisted codes is bounded", theNumberOfUnlistedCodesIsBounded)
}

func aGuardIsOneInterceptor(t *testing.T) {
	t.Parallel()
	assert.Len(t, guard.New(guard.Options{}).Interceptors(), 1)
}

// Each of these tests fails in another order.
func theOrderOfTheInterceptorsMatters(t *testing.T) {
	t.Parallel()
	t.Run("a call that waits for its turn takes no time of an attempt, and no slot of a probe", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := guard.New(guard.Options{OnePerConnection: true, Deadline: guard.DeadlineOptions{Link: time.Minute}})
			in := g.Interceptors()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					assert.NoError(
						t,
						chain(
							in,
							read,
							func(context.Context) error { time.Sleep(50 * time.Second); return nil },
						)(
							t.Context(),
						),
					)
				})
			}
			all.Wait()
		})
	})
	t.Run("what waited in the queue sees the challenge that the call before it left", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			in := guard.New(guard.Options{OnePerConnection: true, Hold: true}).Interceptors()
			sent := 0
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					err := chain(
						in,
						data("Accounts", "r", ""),
						func(context.Context) error { sent++; time.Sleep(time.Second); return asking("x") },
					)(
						t.Context(),
					)
					assert.ErrorIs(t, err, bankmux.ErrUserAction)
				})
			}
			all.Wait()
			assert.Equal(t, 1, sent)
		})
	})
	t.Run("each attempt passes the breaker and has its own time, and the trace sees the whole", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			g := guard.New(
				guard.Options{
					Logger:   slog.New(slog.NewTextHandler(&out, nil)),
					Deadline: guard.DeadlineOptions{Link: 10 * time.Second},
				},
			)
			err := chain(g.Interceptors(), read, hang)(t.Context())
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.EqualValues(t, 3, g.Breakers()[0].Failures)
			assert.Equal(t, 1, strings.Count(out.String(), "\n"))
			assert.Contains(t, out.String(), "attempts=3")
		})
	})
	t.Run("a bank's circuit refuses before the provider's counts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBanks(t, guard.Options{})
			b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
			for range 20 {
				_ = b.call("bank", "c1")
			}
			assert.EqualValues(t, 5, b.guard.Breakers()[0].Requests)
		})
	})
}

func onlyUnlistedCodesAreCounted(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	call := func(err error) {
		assert.Equal(t, err, chain(g.Interceptors(), read, func(context.Context) error { return err })(t.Context()))
	}
	listed := &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: "p", Code: "listed"}
	call(listed)
	call(errors.New("?"))
	call(nil)
	assert.Empty(t, g.UnlistedCodes())
	code := func(name string) error {
		return &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: "p", Code: name, Unlisted: true}
	}
	for range 3 {
		call(code("first"))
	}
	for i := range 300 {
		call(code("more-" + strings.Repeat("x", i)))
	}
	call(code("first"))
	got := g.UnlistedCodes()
	assert.EqualValues(t, 4, got["p first"], "a known code is counted even if there is no room")
	assert.Len(t, got, 256)
	got["p first"] = 0
	assert.EqualValues(t, 4, g.UnlistedCodes()["p first"], "the result is a copy")
}

func anAdapterFillsInOnlyWhatTheApplicationLeftZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(
			guard.Options{
				Deadline: guard.DeadlineOptions{Link: 2 * time.Second},
				Retry:    guard.RetryOptions{MaxAttempts: 1},
			},
		)
		adapt := func(o *guard.Options) {
			if o.Deadline.Link == 0 {
				o.Deadline.Link = time.Hour
			}
			o.Deadline.Data = 3 * time.Second
		}
		start := time.Now()
		require.Error(t, chain(g.Interceptors(adapt), read, hang)(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(start))
		data := read
		data.Group = bankmux.GroupData
		start = time.Now()
		require.Error(t, chain(g.Interceptors(adapt), data, hang)(t.Context()))
		assert.Equal(t, 3*time.Second, time.Since(start))
		start = time.Now()
		require.Error(t, chain(g.Interceptors(), data, hang)(t.Context()))
		assert.Equal(t, time.Minute, time.Since(start), "another adapter's settings stay its own")
	})
}

func aSharedValueIsMadeOnce(t *testing.T) {
	t.Parallel()
	type key struct{ name string }
	g := guard.New(guard.Options{})
	made := 0
	get := func(name string) *int {
		return g.Shared(key{name}, func() any { made++; return new(int) }).(*int)
	}
	first := get("a")
	assert.Same(t, first, get("a"))
	assert.NotSame(t, get("a"), get("b"))
	assert.Equal(t, 2, made)
	assert.NotSame(t, get("a"), guard.New(guard.Options{}).Shared(key{"a"}, func() any { return new(int) }))
}

func theNumberOfUnlistedCodesIsBounded(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	for i := range 300 {
		e := &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: "p", Code: fmt.Sprint("c", i), Unlisted: true}
		require.Error(t, chain(g.Interceptors(), read, answers(new(int), e))(t.Context()))
	}
	assert.Len(t, g.UnlistedCodes(), 256)
}
