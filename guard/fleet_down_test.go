package guard_test

// This file specifies what holds if the backend of a fleet is slow, down or has lost its data.

import (
	"context"
	"errors"
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

// TestFleetDown specifies that a backend never costs a call.
func TestFleetDown(t *testing.T) {
	t.Parallel()
	t.Run("a backend delays an operation by at most 250 ms, however it fails", aBackendDelaysByAtMost250ms)
	t.Run("after a failure no call waits until a probe succeeds", noCallWaitsUntilAProbeSucceeds)
	t.Run("calls of one process still take turns", callsOfOneProcessStillTakeTurns)
	t.Run("a lease that could not be released is released when the backend is back", aLeaseIsReleasedLater)
	t.Run("a lease whose response was lost is given up", aLeaseWhoseResponseWasLostIsGivenUp)
	t.Run("a claim that a stopped backend carries out too late is given up", aLateClaimIsGivenUp)
	t.Run("a hold that could not be shared is shared later", aHoldIsSharedLater)
	t.Run("one failed request is repeated", oneFailedRequestIsRepeated)
	t.Run("a backend that lost its data costs the lease", aBackendThatLostItsData)
	t.Run("a request whose time is over is not repeated", aLateRequestIsNotRepeated)
	t.Run("failures of requests at once are one outage", failuresAtOnceAreOneOutage)
}

func aBackendDelaysByAtMost250ms(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*backend){
		"it hangs":                         func(b *backend) { b.delay.Store(int64(time.Hour)) },
		"it hangs and ignores its context": func(b *backend) { b.delay.Store(int64(time.Minute)); b.deaf.Store(true) },
		"it is slow":                       func(b *backend) { b.delay.Store(int64(119 * time.Millisecond)) },
		"it fails at once":                 func(b *backend) { b.fail(errors.New("no")) },
		"it fails after a while":           func(b *backend) { b.delay.Store(int64(60 * time.Millisecond)); b.fail(errors.New("no")) },
		"it panics":                        func(b *backend) { b.Memory = nil },
	} {
		for attempts, fails := range map[int][]error{1: nil, 3: {errDown, errDown}} {
			t.Run(name+map[int]string{1: "", 3: ", in a call of three attempts"}[attempts], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBackend()
					p := newProcess(t, b, func(o *guard.Options) {
						o.Retry = guard.RetryOptions{MaxAttempts: 3, Base: 2, Cap: 2}
					})
					spoil(b)
					start, calls := time.Now(), 0
					require.NoError(t, p.call(t.Context(), read, answers(&calls, fails...)))
					assert.Equal(t, attempts, calls)
					assert.LessOrEqual(t, time.Since(start), 250*time.Millisecond+10)
					time.Sleep(2 * time.Hour) // what was started ends
				})
			})
		}
	}
}

func noCallWaitsUntilAProbeSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b)
		b.delay.Store(int64(time.Hour))
		require.NoError(t, p.call(t.Context(), read, ok))
		stats := p.fleet.Stats()
		assert.True(t, stats.Down)
		assert.EqualValues(t, 1, stats.Unleased)
		for range 60 { // a minute
			time.Sleep(time.Second)
			start := time.Now()
			require.NoError(t, p.call(t.Context(), read, ok))
			require.Zero(t, time.Since(start))
		}
		assert.EqualValues(t, 61, p.fleet.Stats().Unleased)
		b.delay.Store(0)
		time.Sleep(time.Second)
		require.NoError(t, p.call(t.Context(), read, ok), "it starts the probe")
		synctest.Wait()
		time.Sleep(time.Second)
		require.NoError(t, p.call(t.Context(), read, ok))
		synctest.Wait()
		assert.False(t, p.fleet.Stats().Down)
		unleased := p.fleet.Stats().Unleased
		require.NoError(t, p.call(t.Context(), read, ok))
		assert.Equal(t, unleased, p.fleet.Stats().Unleased, "leases are taken again")
	})
}

func callsOfOneProcessStillTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b)
		b.fail(errors.New("no"))
		var all sync.WaitGroup
		running := 0
		for range 5 {
			all.Go(func() {
				assert.NoError(t, p.call(t.Context(), read, func(context.Context) error {
					running++
					assert.Equal(t, 1, running)
					time.Sleep(time.Second)
					running--
					return nil
				}))
			})
		}
		all.Wait()
		assert.EqualValues(t, 5, p.fleet.Stats().Unleased)
	})
}

func aLeaseIsReleasedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		first, second := newProcess(t, b), newProcess(t, b)
		require.NoError(t, first.call(t.Context(), read, func(context.Context) error {
			b.fail(errors.New("no"))
			return nil
		}))
		b.fail(nil)
		time.Sleep(time.Second)
		other := read
		other.Connection = "other"
		require.NoError(t, first.call(t.Context(), other, ok)) // starts the probe
		synctest.Wait()
		start := time.Now()
		require.NoError(t, second.call(t.Context(), read, ok))
		assert.Zero(t, time.Since(start))
	})
}

// lossy takes leases and loses the responses.
type lossy struct {
	*backend
	lose bool
}

func (l *lossy) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	got, err := l.backend.Acquire(ctx, c)
	if l.lose {
		return guard.Lease{}, errors.New("connection reset")
	}
	return got, err
}

func aLeaseWhoseResponseWasLostIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &lossy{backend: newBackend(), lose: true}
		first, second := newProcess(t, b), newProcess(t, b)
		require.NoError(t, first.call(t.Context(), read, ok))
		b.lose = false
		time.Sleep(time.Second)
		require.NoError(t, first.call(t.Context(), read, ok)) // starts the probe
		synctest.Wait()
		start := time.Now()
		require.NoError(t, second.call(t.Context(), read, ok))
		assert.Zero(t, time.Since(start))
	})
}

// stopped carries out one claim after a while, when its caller has given up.
type stopped struct {
	*backend
	after atomic.Int64 // how long after the claim; 0 means at once
}

func (s *stopped) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	if after := time.Duration(s.after.Swap(0)); after > 0 {
		time.AfterFunc(after, func() { _, _ = s.backend.Acquire(context.Background(), c) })
		<-ctx.Done()
		return guard.Lease{}, ctx.Err()
	}
	return s.backend.Acquire(ctx, c)
}

func aLateClaimIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{time.Second, 5 * time.Second, 20 * time.Second} {
		for name, queued := range map[string]bool{"": false, ", of a call that has a place in the queue": true} {
			t.Run("after "+after.String()+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { lateClaim(t, after, queued) })
			})
		}
	}
}

// lateClaim lets a backend carry out a claim late. Then another process uses the connection.
func lateClaim(t *testing.T, after time.Duration, queued bool) {
	b := &stopped{backend: newBackend()}
	first, second := newProcess(t, b), newProcess(t, b)
	if !queued {
		b.after.Store(int64(after))
		require.NoError(t, first.call(t.Context(), read, ok))
	} else {
		require.NoError(t, second.call(t.Context(), read, func(context.Context) error {
			waited := make(chan error, 1)
			go func() { waited <- first.call(t.Context(), read, ok) }()
			synctest.Wait() // it has a place
			b.after.Store(int64(after))
			return <-waited
		}))
	}
	time.Sleep(600 * time.Millisecond)
	other := read
	other.Connection = "other"
	require.NoError(t, first.call(t.Context(), other, ok)) // starts the probe
	time.Sleep(after)
	start := time.Now()
	require.NoError(t, second.call(t.Context(), read, ok))
	assert.Less(t, time.Since(start), 17*time.Second, "the lease of a dead process would last minutes")
	assert.Zero(t, second.fleet.Stats().Unleased)
}

func aHoldIsSharedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			before bool          // the backend fails before the call
			down   time.Duration // how long it fails
		}{
			"before the call":               {before: true, down: time.Second},
			"during the call":               {down: time.Second},
			"until after the lease's end":   {down: 5 * time.Minute},
			"before, and until after a TTL": {before: true, down: 5 * time.Minute},
		} {
			b := newBackend()
			first, second := newProcess(t, b), newProcess(t, b)
			refused := func(context.Context) error { t.Error("sent", name); return nil }
			if c.before {
				b.fail(errors.New("no"))
			}
			require.Error(t, first.call(t.Context(), data("Accounts", "r", ""), func(context.Context) error {
				b.fail(errors.New("no"))
				asked := asking("x")
				bankmux.ErrorOf(asked).Challenge.ExpiresAt = time.Now().Add(time.Hour)
				return asked
			}))
			if c.before {
				require.Error(t, first.call(t.Context(), data("Balances", "r", ""), refused), "the process knows it")
			}
			time.Sleep(c.down)
			b.fail(nil)
			time.Sleep(time.Second)
			other := data("Accounts", "r", "")
			other.Connection = "other"
			require.NoError(t, first.call(t.Context(), other, ok)) // starts a probe if none was sent
			synctest.Wait()
			for range 2 {
				require.Error(t, first.call(t.Context(), data("Balances", "r", ""), refused))
				synctest.Wait()
			}
			require.Error(t, second.call(t.Context(), data("Balances", "r", ""), refused))
		}
	})
}

// stumbling fails every second request.
type stumbling struct {
	*backend
	calls int
}

func (s *stumbling) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	if s.calls++; s.calls%2 == 1 {
		return guard.Lease{}, errors.New("connection reset")
	}
	return s.backend.Acquire(ctx, c)
}

func oneFailedRequestIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, &stumbling{backend: newBackend()})
		for range 3 {
			require.NoError(t, p.call(t.Context(), read, ok))
		}
		assert.Zero(t, p.fleet.Stats())
	})
}

// claims counts claims.
type claims struct {
	*backend
	n atomic.Int64
}

func (c *claims) Acquire(ctx context.Context, claim guard.Claim) (guard.Lease, error) {
	c.n.Add(1)
	return c.backend.Acquire(ctx, claim)
}

func aLateRequestIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &claims{backend: newBackend()}
		p := newProcess(t, b)
		b.delay.Store(int64(time.Second))
		b.deaf.Store(true)
		b.fail(errors.New("no"))
		require.NoError(t, p.call(t.Context(), read, ok))
		b.delay.Store(0)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1, b.n.Load())
		b.fail(nil)
		time.Sleep(time.Hour) // what was started ends
	})
}

func failuresAtOnceAreOneOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p, other := newProcess(t, b), read
		other.Connection = "other"
		b.fail(errors.New("no"))
		b.delay.Store(int64(10 * time.Millisecond))
		start := time.Now()
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, p.call(t.Context(), read, ok)) })
		time.Sleep(5 * time.Millisecond)
		all.Go(func() { assert.NoError(t, p.call(t.Context(), other, ok)) })
		all.Wait()
		assert.Equal(t, start.Add(20*time.Millisecond), p.fleet.Stats().Since, "each was sent twice")
		assert.EqualValues(t, 2, p.fleet.Stats().Failed)
		b.fail(nil)
		b.delay.Store(0)
		time.Sleep(time.Hour) // what was started ends
	})
}

func aBackendThatLostItsData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		p := newProcess(t, b)
		require.NoError(t, p.call(t.Context(), read, func(context.Context) error {
			*b.Memory = *guard.NewMemory()
			return nil
		}))
		stats := p.fleet.Stats()
		assert.EqualValues(t, 1, stats.Lost)
		assert.False(t, stats.Down)
		require.NoError(t, p.call(t.Context(), read, ok))
	})
}
