package guard_test

// This file specifies that a release of a fleet is sent until the backend receives it.

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// unreleased fails the first release and its repeat at once, and does not respond to the third.
type unreleased struct {
	*backend
	releases atomic.Int64
}

func (u *unreleased) Release(ctx context.Context, r guard.Release) (bool, error) {
	switch u.releases.Add(1) {
	case 1, 2:
		return false, errors.New("connection reset")
	case 3:
		<-ctx.Done()
		return false, ctx.Err()
	}
	return u.backend.Release(ctx, r)
}

// newPatient returns a process whose fleet has a MaxDelay.
func newPatient(t *testing.T, b guard.Backend, maxDelay time.Duration) *process {
	t.Helper()
	f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{MaxDelay: maxDelay})
	require.NoError(t, err)
	g := guard.New(guard.Options{OnePerConnection: true, Fleet: f})
	return &process{fleet: f, guard: g, in: g.Interceptors()}
}

// TestFleetRelease specifies releases for which no call waits.
func TestFleetRelease(t *testing.T) {
	t.Parallel()
	other := read
	other.Connection = "other"
	for _, maxDelay := range []time.Duration{
		50 * time.Millisecond, 250 * time.Millisecond, 5 * time.Second, time.Minute,
	} {
		t.Run("one that failed twice is sent again if MaxDelay is "+maxDelay.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &unreleased{backend: newBackend()}
				first := newPatient(t, b, maxDelay)
				require.NoError(t, first.call(t.Context(), read, ok))
				for range 2 { // the first probe leads to the second failure
					time.Sleep(time.Second)
					require.NoError(t, first.call(t.Context(), other, ok)) // starts a probe
					time.Sleep(time.Minute)
				}
				assert.EqualValues(t, 2, first.fleet.Stats().Failed)
				second := newProcess(t, b)
				start := time.Now()
				require.NoError(t, second.call(t.Context(), read, ok))
				assert.Zero(t, time.Since(start))
				assert.Zero(t, second.fleet.Stats())
			})
		})
	}
	t.Run("a probe and a release may take as long as MaxDelay allows a request", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			first := newPatient(t, b, 5*time.Second)
			require.NoError(t, first.call(t.Context(), read, func(context.Context) error {
				b.fail(errors.New("no"))
				return nil
			}))
			b.fail(nil)
			b.delay.Store(int64(2 * time.Second))
			time.Sleep(time.Second)
			require.NoError(t, first.call(t.Context(), other, ok)) // starts the probe
			time.Sleep(10 * time.Second)
			assert.False(t, first.fleet.Stats().Down)
			b.delay.Store(0)
			start := time.Now()
			require.NoError(t, newProcess(t, b).call(t.Context(), read, ok))
			assert.Zero(t, time.Since(start))
		})
	})
	t.Run("a process that makes no further call releases its lease when the backend is back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			idle := newProcess(t, b)
			require.NoError(t, idle.call(t.Context(), read, func(context.Context) error {
				b.fail(errors.New("no"))
				return nil
			}))
			time.Sleep(time.Minute)
			b.fail(nil)
			time.Sleep(4 * time.Second)
			start := time.Now()
			require.NoError(t, newProcess(t, b).call(t.Context(), read, ok))
			assert.Zero(t, time.Since(start))
			assert.NoError(t, idle.fleet.Flush(t.Context()))
		})
	})
	t.Run("a process waits for its releases before it ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			ends := newProcess(t, b)
			require.NoError(t, ends.fleet.Flush(t.Context()), "nothing waits")
			require.NoError(t, ends.call(t.Context(), read, func(context.Context) error {
				b.fail(errors.New("no"))
				return nil
			}))
			short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := ends.fleet.Flush(short)
			require.ErrorIs(t, err, bankmux.ErrContextDone)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			b.fail(nil)
			b.delay.Store(int64(900 * time.Millisecond))
			require.NoError(t, ends.fleet.Flush(t.Context()))
			b.delay.Store(0)
			start := time.Now()
			require.NoError(t, newProcess(t, b).call(t.Context(), read, ok))
			assert.Zero(t, time.Since(start))
		})
	})
}
