package guard_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestBreaker specifies when the circuit of a provider opens and closes.
func TestBreaker(t *testing.T) {
	t.Parallel()
	t.Run("errors that concern the provider open the circuit", errorsThatConcernTheProviderOpenTheCircuit)
	t.Run("an excluded error is neither success nor failure", anExcludedErrorIsNeitherSuccessNorFailure)
	t.Run("a silent provider opens the circuit although callers give up earlier", aSilentProviderOpensTheCircuit)
	t.Run("ten failures of twenty in a rolling minute open the circuit", tenFailuresOfTwentyOpenTheCircuit)
	t.Run("slow failures in a row open the circuit", slowFailuresInARowOpenTheCircuit)
	t.Run("an open circuit refuses without sending and says for how long", anOpenCircuitRefusesWithoutSending)
	t.Run("a half-open circuit admits three probes and closes after three successes", aHalfOpenCircuitAdmitsThreeProbes)
	t.Run("a probe that hangs ends at its own deadline", aProbeThatHangsEndsAtItsOwnDeadline)
	t.Run("a cancelled probe frees its slot and proves nothing", aCancelledProbeFreesItsSlotAndProvesNothing)
	t.Run("a local operation is refused while open and never counted", aLocalOperationIsRefusedWhileOpenAndNeverCounted)
	t.Run("silence counts at every step, sooner for one of several candidates", silenceCountsAtEveryStep)
	t.Run("an unclassified error counts as a failure", anUnclassifiedErrorCountsAsAFailure)
	t.Run("the change callback may ask for the states", theChangeCallbackMayAskForTheStates)
	t.Run("a disabled breaker passes every call", aDisabledBreakerPassesEveryCall)
	t.Run("32 callers may use a breaker at once", manyCallersMayUseABreaker)
}

// bench is a breaker under test.
type bench struct {
	*guard.Breakers
	chain []bankmux.Interceptor
}

func breakers(opts guard.BreakerOptions) bench {
	b := guard.NewBreakers(opts, nil)
	return bench{b, []bankmux.Interceptor{b.Interceptor()}}
}

func (b bench) call(ctx context.Context, op bankmux.Op, err error) error {
	return chain(b.chain, op, func(context.Context) error { return err })(ctx)
}

func (b bench) trip(t *testing.T, op bankmux.Op) {
	t.Helper()
	for range 6 {
		require.ErrorIs(t, b.call(t.Context(), op, errDown), bankmux.ErrUnavailable)
	}
	require.Equal(t, "open", b.state(op))
}

func (b bench) state(op bankmux.Op) string {
	for _, s := range b.States() {
		if s.Client == op.Client && s.Group == op.Group {
			return s.State
		}
	}
	return ""
}

func errorsThatConcernTheProviderOpenTheCircuit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		open bool // after six in a row
	}{
		{"unavailable", errDown, true},
		{"malformed", &bankmux.Error{Kind: bankmux.ErrMalformed}, true},
		{"no connection", &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, true},
		{"an unclassified error", errors.New("?"), true},
		{"a 4xx", &bankmux.Error{Kind: bankmux.ErrInvalid, Status: 400}, false},
		{"rejected credentials", &bankmux.Error{Kind: bankmux.ErrCredentials, Status: 401}, false},
		{"one bank's outage", &bankmux.Error{Kind: bankmux.ErrInstitution, Status: 502}, false},
		{"one user's lapsed consent", &bankmux.Error{Kind: bankmux.ErrReauth}, false},
		{"a rate limit", errLimit, false},
		{"the caller's cancellation", &bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}, false},
		{
			"an impatient caller's deadline",
			&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.DeadlineExceeded}, false,
		},
		{"refused before it left", &bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breakers(guard.BreakerOptions{})
				for range 6 {
					require.Error(t, b.call(t.Context(), read, c.err))
				}
				assert.Equal(t, c.open, b.state(read) == "open")
			})
		})
	}
}

func anExcludedErrorIsNeitherSuccessNorFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for _, excluded := range []error{
			errLimit, &bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true},
			&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled},
		} {
			require.Error(t, b.call(t.Context(), read, errDown))
			require.Error(t, b.call(t.Context(), read, excluded))
			require.Error(t, b.call(t.Context(), read, errDown))
		}
		assert.Equal(t, "open", b.state(read), "six failures in a row, whatever lies between")
	})
}

func aSilentProviderOpensTheCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			require.Error(t, chain(b.chain, read, hang)(ctx))
			cancel()
		}
		assert.Equal(t, "open", b.state(read))
	})
}

func tenFailuresOfTwentyOpenTheCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for i := range 19 {
			err := b.call(t.Context(), read, []error{errDown, nil}[i%2])
			assert.Equal(t, i%2 == 0, err != nil)
		}
		assert.Equal(t, "closed", b.state(read))
		time.Sleep(61 * time.Second)
		require.Error(t, b.call(t.Context(), read, errDown))
		assert.Equal(t, "closed", b.state(read), "the window has rolled on")
		for i := range 20 {
			_ = b.call(t.Context(), read, []error{nil, errDown}[i%2])
		}
		assert.Equal(t, "open", b.state(read))
	})
}

func anOpenCircuitRefusesWithoutSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		b.trip(t, read)
		time.Sleep(10 * time.Second)
		err := chain(b.chain, read, func(context.Context) error { t.Error("sent"); return nil })(t.Context())
		require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent)
		assert.Equal(t, 20*time.Second, e.RetryAfter)

		data, other := read, read
		data.Group, other.Client = bankmux.GroupData, "d"
		require.NoError(t, b.call(t.Context(), data, nil), "another group is not concerned")
		require.NoError(t, b.call(t.Context(), other, nil), "another client is not concerned")
	})
}

func aHalfOpenCircuitAdmitsThreeProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		b.trip(t, read)
		time.Sleep(30*time.Second + time.Millisecond)
		var wg sync.WaitGroup
		release := make(chan struct{})
		for range 3 {
			wg.Go(func() {
				assert.NoError(
					t,
					chain(b.chain, read, func(context.Context) error { <-release; return nil })(t.Context()),
				)
			})
		}
		synctest.Wait()
		assert.Equal(t, "half-open", b.state(read))
		require.ErrorIs(t, b.call(t.Context(), read, nil), bankmux.ErrCircuitOpen, "the fourth")
		require.NoError(t, b.call(t.Context(), local, nil), "a local operation takes no slot")
		close(release)
		wg.Wait()
		assert.Equal(t, "closed", b.state(read))
	})
}

func aProbeThatHangsEndsAtItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		b.trip(t, read)
		time.Sleep(31 * time.Second)
		start := time.Now()
		err := chain(b.chain, read, hang)(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, 15*time.Second, time.Since(start))
		assert.Equal(t, "open", b.state(read))
	})
}

func aCancelledProbeFreesItsSlotAndProvesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{Probes: 1})
		b.trip(t, read)
		time.Sleep(31 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, chain(b.chain, read, hang)(ctx), bankmux.ErrContextDone)
		assert.Equal(t, "half-open", b.state(read))
		require.NoError(t, b.call(t.Context(), read, nil))
		assert.Equal(t, "closed", b.state(read))
	})
}

func aLocalOperationIsRefusedWhileOpenAndNeverCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for range 5 {
			require.Error(t, b.call(t.Context(), read, errDown))
			require.NoError(t, b.call(t.Context(), local, nil), "resets nothing")
			require.Equal(
				t,
				error(errBankDown),
				b.call(t.Context(), local, errBankDown),
				"the result is returned unchanged",
			)
		}
		require.Error(t, b.call(t.Context(), read, errDown))
		assert.Equal(t, "open", b.state(read))
		require.ErrorIs(t, b.call(t.Context(), local, nil), bankmux.ErrCircuitOpen)
	})
}

func theChangeCallbackMayAskForTheStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g *guard.Guard
		var seen []string
		g = guard.New(guard.Options{
			Retry:         guard.RetryOptions{MaxAttempts: 1},
			OnStateChange: func(s guard.BreakerState) { seen = append(seen, s.State); g.Breakers() },
		})
		for range 6 {
			require.Error(t, chain(g.Interceptors(), read, func(context.Context) error { return errDown })(t.Context()))
		}
		time.Sleep(31 * time.Second)
		for range 3 {
			require.NoError(t, chain(g.Interceptors(), read, func(context.Context) error { return nil })(t.Context()))
		}
		assert.Equal(t, []string{"open", "half-open", "closed"}, seen)
		states := g.Breakers()
		require.Len(t, states, 1)
		assert.Equal(t, "c", states[0].Client)
		assert.Equal(t, bankmux.GroupLink, states[0].Group)
	})
}

func aDisabledBreakerPassesEveryCall(t *testing.T) {
	t.Parallel()
	b := breakers(guard.BreakerOptions{Disabled: true})
	for range 20 {
		require.ErrorIs(t, b.call(t.Context(), read, errDown), bankmux.ErrUnavailable)
	}
}

func manyCallersMayUseABreaker(t *testing.T) {
	t.Parallel()
	b := breakers(guard.BreakerOptions{})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 100 {
				_ = b.call(t.Context(), read, []error{nil, errDown}[(i+j)%2])
				b.States()
			}
		})
	}
	wg.Wait()
	assert.Len(t, b.States(), 1)
}

func slowFailuresInARowOpenTheCircuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for i := range 6 {
			time.Sleep(50 * time.Second) // gobreaker has forgotten the one before last by then
			assert.NotEqual(t, "open", b.state(read), i)
			require.Error(t, b.call(t.Context(), read, errDown))
		}
		require.ErrorIs(
			t,
			b.call(t.Context(), read, nil),
			bankmux.ErrCircuitOpen,
			"six in a row, whatever the time between them",
		)
	})
	synctest.Test(t, func(t *testing.T) {
		b := breakers(guard.BreakerOptions{})
		for range 20 {
			for range 5 {
				require.Error(t, b.call(t.Context(), read, errDown))
			}
			require.NoError(t, b.call(t.Context(), read, nil))
			time.Sleep(2 * time.Minute)
		}
		assert.Equal(t, "closed", b.state(read), "a success in between restarts the count")
	})
}

func silenceCountsAtEveryStep(t *testing.T) {
	t.Parallel()
	once := read
	once.Once = true
	for name, c := range map[string]struct {
		op   bankmux.Op
		wait time.Duration
		sent bool
		open bool
	}{
		"a token that does not come":     {read, 6 * time.Second, false, true},
		"a share of the caller's time":   {once, 2 * time.Second, true, true},
		"a share too short to count":     {once, 500 * time.Millisecond, true, false},
		"an impatient caller":            {read, 2 * time.Second, true, false},
		"a patient caller that gives up": {read, 6 * time.Second, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breakers(guard.BreakerOptions{})
				for range 6 {
					ctx, cancel := context.WithTimeout(t.Context(), c.wait)
					err := chain(b.chain, c.op, func(ctx context.Context) error {
						<-ctx.Done()
						return &bankmux.Error{Kind: bankmux.ErrContextDone, NotSent: !c.sent, Err: ctx.Err()}
					})(ctx)
					cancel()
					require.Error(t, err)
				}
				assert.Equal(t, c.open, b.state(c.op) == "open")
			})
		})
	}
}

func anUnclassifiedErrorCountsAsAFailure(t *testing.T) {
	t.Parallel()
	b := guard.NewBreakers(guard.BreakerOptions{}, nil)
	client := bankmux.NewClient("c", raw{}, b.Interceptor())
	var err error
	for range 7 {
		_, err = client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u"})
	}
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen)
}

// raw is an adapter that classifies nothing.
type raw struct{ bankmux.Provider }

func (raw) CreateSession(context.Context, bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.Session{}, errors.New("broken pipe")
}
