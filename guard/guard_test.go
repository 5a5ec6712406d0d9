package guard_test

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

var (
	read     = bankmux.Op{Name: "Read", Client: "c", Provider: "p", Group: bankmux.GroupLink, Effect: bankmux.Read, Connection: "conn-1"}
	oneShot  = bankmux.Op{Name: "Exchange", Client: "c", Provider: "p", Group: bankmux.GroupLink, Effect: bankmux.OneShot}
	local    = bankmux.Op{Name: "Create", Client: "c", Provider: "p", Group: bankmux.GroupLink, Effect: bankmux.Local}
	errDown  = &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
	errLimit = &bankmux.Error{Kind: bankmux.ErrRateLimited, Code: "slow", Status: 429}
)

// chain joins interceptors, outermost first.
func chain(in []bankmux.Interceptor, op bankmux.Op, call func(context.Context) error) func(context.Context) error {
	for i := len(in) - 1; i >= 0; i-- {
		next, interceptor := call, in[i]
		call = func(ctx context.Context) error { return interceptor(ctx, op, next) }
	}
	return call
}

// answers returns a call that fails with each error in turn, then succeeds.
func answers(calls *int, errs ...error) func(context.Context) error {
	return func(context.Context) error {
		*calls++
		if *calls <= len(errs) {
			return errs[*calls-1]
		}
		return nil
	}
}

func succeed(context.Context) error { return nil }

func hang(ctx context.Context) error {
	<-ctx.Done()
	return &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
}

// asError returns err as the *Error it must be.
func asError(t *testing.T, err error) *bankmux.Error {
	t.Helper()
	e, ok := err.(*bankmux.Error) //nolint:errorlint // exactly this type is promised
	require.Truef(t, ok, "%T is no *Error", err)
	return e
}

func TestAdapterFillsOnlyWhatTheApplicationLeftOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ops := map[string]time.Duration{"Other": time.Second}
		g := guard.New(guard.Options{Deadline: guard.DeadlineOptions{Link: 2 * time.Second, Ops: ops}, Retry: guard.RetryOptions{MaxAttempts: 1}})
		ops["Read"] = time.Nanosecond // too late: the guard has its own copy
		adapt := func(o *guard.Options) {
			if o.Deadline.Link == 0 {
				o.Deadline.Link = time.Hour
			}
			o.Deadline.Data = 3 * time.Second
			o.Deadline.Ops["Slow"] = 4 * time.Second
		}
		lasts := func(in []bankmux.Interceptor, op bankmux.Op) time.Duration {
			began := time.Now()
			require.ErrorIs(t, chain(in, op, hang)(t.Context()), bankmux.ErrUnavailable)
			return time.Since(began)
		}
		data, slow := read, read
		data.Group, slow.Name = bankmux.GroupData, "Slow"
		assert.Equal(t, 2*time.Second, lasts(g.Interceptors(adapt), read))
		assert.Equal(t, 3*time.Second, lasts(g.Interceptors(adapt), data))
		assert.Equal(t, 4*time.Second, lasts(g.Interceptors(adapt), slow))
		assert.Equal(t, time.Minute, lasts(g.Interceptors(), data), "another adapter's settings stay its own")
		assert.Equal(t, 2*time.Second, lasts(g.Interceptors(), slow), "also those by operation")
	})
}

func TestAllChainsOfAGuardShareBreakersAndQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{OnePerConnection: true, Retry: guard.RetryOptions{MaxAttempts: 1}})
		var wg sync.WaitGroup
		for range 2 { // an old and a new client of the same name, while one replaces the other
			wg.Go(func() {
				assert.NoError(t, chain(g.Interceptors(), read, func(context.Context) error { time.Sleep(time.Second); return nil })(t.Context()))
			})
		}
		began := time.Now()
		wg.Wait()
		assert.Equal(t, 2*time.Second, time.Since(began), "one after the other")
		for range 6 {
			require.ErrorIs(t, chain(g.Interceptors(), read, answers(new(int), errDown))(t.Context()), bankmux.ErrUnavailable)
		}
		require.ErrorIs(t, chain(g.Interceptors(), read, succeed)(t.Context()), bankmux.ErrCircuitOpen)
	})
}

func TestUnlistedCodesAreCountedOnceAnOperationAndBounded(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	fail := func(op bankmux.Op, code string) {
		e := &bankmux.Error{Kind: bankmux.ErrUnavailable, Provider: "p", Code: code, Unlisted: true}
		calls := 0
		require.ErrorIs(t, chain(g.Interceptors(), op, answers(&calls, e))(t.Context()), bankmux.ErrUnavailable)
		require.Equal(t, 1, calls, "and never repeated")
	}
	for i := range 300 {
		op := read
		op.Client = fmt.Sprint("client ", i) // each has its own breaker
		fail(op, fmt.Sprint("c", i))
	}
	fail(oneShot, "c0")
	require.Error(t, chain(g.Interceptors(), read, answers(new(int), &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "listed"}))(t.Context()))
	codes := g.UnlistedCodes()
	assert.Len(t, codes, 256)
	assert.EqualValues(t, 2, codes["p c0"])
	codes["p c0"] = 99
	assert.EqualValues(t, 2, g.UnlistedCodes()["p c0"], "the map is a copy")
}

func TestThirtyTwoCallersAtOnceOnOneGuard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told sync.Map
		var g *guard.Guard
		g = guard.New(guard.Options{
			OnePerConnection: true,
			OnStateChange:    func(s guard.BreakerState) { told.Store(s.State, true); g.Breakers() },
		})
		in := g.Interceptors()
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				op := read
				op.Connection = fmt.Sprint("conn-", i%4)
				for j := range 50 {
					ctx, record := guard.WithRecord(t.Context())
					_ = chain(in, op, func(context.Context) error {
						time.Sleep(time.Millisecond)
						return []error{nil, errDown, errLimit, context.Canceled}[(i+j)%4]
					})(ctx)
					record.Attempts()
					g.UnlistedCodes()
				}
			})
		}
		wg.Wait()
		states := g.Breakers()
		require.Len(t, states, 1)
		_, opened := told.Load("open")
		assert.True(t, opened, "half of them failed")
	})
}
