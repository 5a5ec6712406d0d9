package guard_test

// This file specifies the limits of a fleet: of its delays, of what it stores and of where a stored
// value counts.

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestFleetLimits specifies the limits of a fleet.
func TestFleetLimits(t *testing.T) {
	t.Parallel()
	t.Run("MaxDelay limits an operation, and 12/25 of it a request", maxDelayLimits)
	t.Run("other processes know of a rejected login for 30 days", aRejectedLoginIsKnownFor30Days)
	t.Run("a stored value counts only at its own place", aValueCountsAtItsPlace)
}

func maxDelayLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, want time.Duration }{
		"the default is 250 ms":          {0, 250 * time.Millisecond},
		"a negative one is the default":  {-time.Second, 250 * time.Millisecond},
		"a longer one waits longer":      {5 * time.Second, 5 * time.Second},
		"a shorter one gives up earlier": {50 * time.Millisecond, 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				request := c.want / 25 * 12
				for delay, leased := range map[time.Duration]bool{
					request - time.Millisecond: true, request + time.Millisecond: false, time.Hour: false,
				} {
					b := newBackend()
					f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{MaxDelay: c.set})
					require.NoError(t, err)
					in := guard.New(guard.Options{OnePerConnection: true, Fleet: f}).Interceptors()
					b.delay.Store(int64(delay))
					start := time.Now()
					require.NoError(t, chain(in, read, ok)(t.Context()))
					took := time.Since(start)
					if leased { // it is taken and released
						assert.Equal(t, 2*delay, took)
						assert.Zero(t, f.Stats().Unleased)
					} else {
						assert.Equal(t, request, took)
						assert.EqualValues(t, 1, f.Stats().Unleased)
					}
					time.Sleep(2 * time.Hour) // what was started ends
				}
			})
		})
	}
	t.Run("all attempts of an operation together", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBackend()
			f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{MaxDelay: 5 * time.Second})
			require.NoError(t, err)
			in := guard.New(guard.Options{
				OnePerConnection: true, Fleet: f, Retry: guard.RetryOptions{MaxAttempts: 3, Base: 2, Cap: 2},
			}).Interceptors()
			b.delay.Store(int64(2 * time.Second))
			start, calls := time.Now(), 0
			require.NoError(t, chain(in, read, answers(&calls, errDown, errDown))(t.Context()))
			assert.Equal(t, 3, calls)
			assert.InDelta(t, 5*time.Second, time.Since(start), 10)
			time.Sleep(time.Hour) // what was started ends
		})
	})
}

func aRejectedLoginIsKnownFor30Days(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		rejected := &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}
		require.Error(t, newProcess(t, b).call(t.Context(), data("Accounts", "r", ""),
			func(context.Context) error { return rejected }))
		time.Sleep(30*24*time.Hour - time.Second)
		require.ErrorIs(t, newProcess(t, b).call(t.Context(), data("Accounts", "r", ""), ok), bankmux.ErrReauth)
		time.Sleep(time.Second)
		require.NoError(t, newProcess(t, b).call(t.Context(), data("Accounts", "r", ""), ok))
	})
}

// moved is a backend whose values an intruder moves to other places.
type moved struct {
	*backend

	mu   sync.Mutex
	last guard.Release // that left a fact
}

func (m *moved) Release(ctx context.Context, r guard.Release) (bool, error) {
	if r.Fact != nil {
		m.mu.Lock()
		m.last = r
		m.mu.Unlock()
	}
	return m.backend.Release(ctx, r)
}

// move stores the fact that was left last under the key of another release.
func (m *moved) move(t *testing.T, key string, fact *guard.Fact) {
	t.Helper()
	got, err := m.Memory.Acquire(t.Context(), guard.Claim{Key: key, Holder: "intruder", TTL: time.Minute})
	require.NoError(t, err)
	held, err := m.Memory.Release(t.Context(),
		guard.Release{Key: key, Holder: "intruder", Fence: got.Fence, Fact: fact})
	require.NoError(t, err)
	require.True(t, held)
}

func aValueCountsAtItsPlace(t *testing.T) {
	t.Parallel()
	t.Run("a hold of another connection", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := &moved{backend: newBackend()}
			p := newProcess(t, b)
			reject := func(context.Context) error { return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "X"} }
			here, there := data("Accounts", "r", ""), data("Accounts", "r", "") // the same login
			there.Connection = "another"
			require.Error(t, p.call(t.Context(), there, reject))
			key := b.last.Key
			require.Error(t, p.call(t.Context(), here, reject))
			b.move(t, key, b.last.Fact)

			other := newProcess(t, b)
			require.NoError(t, other.call(t.Context(), there, ok))
			assert.EqualValues(t, 1, other.fleet.Stats().Unread)
			require.ErrorIs(t, other.call(t.Context(), here, ok), bankmux.ErrReauth, "it counts at its own place")
		})
	})
	t.Run("a token of another name", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := &moved{backend: newBackend()}
			f := newProcess(t, b).fleet
			get := func(name, made string) string {
				value, _, err := f.Once(t.Context(), name, time.Second,
					func([]byte, time.Duration) bool { return true },
					func(context.Context) ([]byte, time.Duration, error) { return []byte(made), time.Hour, nil })
				require.NoError(t, err)
				synctest.Wait() // it is stored
				return string(value)
			}
			require.Equal(t, "first", get("a", "first"))
			fact := b.last.Fact
			require.Equal(t, "second", get("b", "second"))
			b.move(t, b.last.Key, fact)
			assert.Equal(t, "third", get("b", "third"))
			assert.Equal(t, "first", get("a", "fourth"))
		})
	})
}
