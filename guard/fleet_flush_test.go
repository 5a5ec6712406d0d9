package guard_test

// This file specifies how long a process looks for a backend that is down, and how it ends.

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// leaseTime is the lease of a call that reads: its deadline and ProviderLimit.
const leaseTime = 30*time.Second + 4*time.Minute

// leave makes a call during which the backend fails, so that its lease is not released.
func (p *process) leave(t *testing.T, b *backend) {
	t.Helper()
	require.NoError(t, p.call(t.Context(), read, func(context.Context) error {
		b.fail(errors.New("no"))
		return nil
	}))
}

// isFree requires that a new process gets the connection at once.
func isFree(t *testing.T, b guard.Backend) {
	t.Helper()
	start := time.Now()
	require.NoError(t, newProcess(t, b).call(t.Context(), read, ok))
	assert.Zero(t, time.Since(start))
}

// standby is a backend that can be read only.
type standby struct{ *backend }

func (standby) Release(context.Context, guard.Release) (bool, error) {
	return false, errors.New("cannot write")
}

// TestFleetWake specifies the probes of a process that makes no further call.
func TestFleetWake(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, b *backend, p *process){
		"a long outage does not delay the release": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			time.Sleep(4 * time.Minute)
			b.fail(nil)
			time.Sleep(time.Second)
			isFree(t, b)
		},
		"nor does an earlier outage": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			time.Sleep(20*time.Second + 100*time.Millisecond)
			b.fail(nil)
			time.Sleep(time.Second)
			other := read
			other.Connection = "other"
			require.NoError(t, p.call(t.Context(), other, ok)) // it starts a probe if none was sent
			synctest.Wait()
			require.False(t, p.fleet.Stats().Down)
			time.Sleep(5 * time.Second)
			p.leave(t, b)
			b.fail(nil)
			time.Sleep(time.Second)
			isFree(t, b)
		},
		"the probes end with the lease": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			time.Sleep(leaseTime - time.Second)
			before := b.requests.Load()
			time.Sleep(2 * time.Second)
			last := b.requests.Load()
			assert.Greater(t, last, before)
			time.Sleep(time.Hour)
			assert.Equal(t, last, b.requests.Load())
		},
		"a probe that hangs and ignores its context is not the last one": func(t *testing.T, b *backend, p *process) {
			require.NoError(t, p.call(t.Context(), read, func(context.Context) error {
				b.delay.Store(int64(time.Hour))
				b.deaf.Store(true)
				return nil
			}))
			time.Sleep(time.Second) // it hangs
			b.delay.Store(0)
			time.Sleep(5 * time.Second)
			assert.False(t, p.fleet.Stats().Down)
			isFree(t, b)
			time.Sleep(time.Hour) // it ends
		},
		"a backend that ignores contexts keeps ten probes at most": func(t *testing.T, b *backend, p *process) {
			b.delay.Store(int64(100 * time.Hour))
			b.deaf.Store(true)
			for range 1000 {
				require.NoError(t, p.call(t.Context(), read, ok))
				time.Sleep(time.Minute)
			}
			assert.EqualValues(t, 1+10, b.requests.Load(), "and the claim that hung first")
			b.delay.Store(0)
			time.Sleep(100 * time.Hour) // those that hung end, or the bubble would not
			require.NoError(t, p.call(t.Context(), read, ok))
			synctest.Wait()
			assert.False(t, p.fleet.Stats().Down)
		},
		"it is back in about as much time as it had ignored contexts": func(t *testing.T, b *backend, p *process) {
			b.delay.Store(int64(100 * time.Hour))
			b.deaf.Store(true)
			for range 60 {
				require.NoError(t, p.call(t.Context(), read, ok))
				time.Sleep(time.Second)
			}
			b.delay.Store(0)
			for range 75 {
				require.NoError(t, p.call(t.Context(), read, ok))
				time.Sleep(time.Second)
			}
			assert.False(t, p.fleet.Stats().Down)
			time.Sleep(101 * time.Hour) // what was started ends
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				test(t, b, newProcess(t, b, func(o *guard.Options) { o.Breaker.Consecutive = 1 }))
			})
		})
	}
	t.Run("the log of a process on a server that cannot be written to ends with the lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			log := &records{}
			f, err := guard.NewFleet(standby{newBackend()}, keyring(t), guard.FleetOptions{Logger: slog.New(log)})
			require.NoError(t, err)
			in := guard.New(guard.Options{
				OnePerConnection: true, Fleet: f, ProviderLimit: 4 * time.Minute,
			}).Interceptors()
			require.NoError(t, chain(in, read, ok)(t.Context()))
			time.Sleep(leaseTime + time.Minute)
			synctest.Wait()
			records := len(log.all)
			assert.NotZero(t, records)
			time.Sleep(time.Hour)
			synctest.Wait()
			assert.Len(t, log.all, records)
		})
	})
}

// TestFlush specifies [guard.Fleet.Flush].
func TestFlush(t *testing.T) {
	t.Parallel()
	other := read
	other.Connection = "other"
	for name, test := range map[string]func(t *testing.T, b *backend, p *process){
		"it does not wait for a lease that has ended": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			start := time.Now()
			require.NoError(t, p.fleet.Flush(ctx))
			assert.InDelta(t, leaseTime.Seconds(), time.Since(start).Seconds(), 1)
		},
		"it asks nothing if nothing waits": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			time.Sleep(time.Hour)
			require.True(t, p.fleet.Stats().Down)
			before := b.requests.Load()
			require.NoError(t, p.fleet.Flush(t.Context()))
			synctest.Wait()
			assert.Equal(t, before, b.requests.Load())
		},
		"it waits for a probe that is under way": func(t *testing.T, b *backend, p *process) {
			p.leave(t, b)
			time.Sleep(time.Hour)
			b.fail(nil)
			b.delay.Store(int64(900 * time.Millisecond))
			require.NoError(t, p.call(t.Context(), other, ok))
			start := time.Now()
			require.NoError(t, p.fleet.Flush(t.Context()))
			assert.InDelta(t, 0.9, time.Since(start).Seconds(), 0.1)
			assert.False(t, p.fleet.Stats().Down)
		},
		"it waits until a circuit that the last call opened is announced": func(t *testing.T, b *backend, p *process) {
			b.delay.Store(int64(20 * time.Millisecond))
			require.Error(t, p.call(t.Context(), read, func(context.Context) error { return errDown }))
			require.NoError(t, p.fleet.Flush(t.Context()))
			facts, err := b.Memory.Facts(t.Context())
			require.NoError(t, err)
			assert.Len(t, facts, 1)
			before := b.requests.Load()
			b.fail(errors.New("it is closed"))
			time.Sleep(time.Hour)
			assert.Equal(t, before, b.requests.Load())
			assert.False(t, p.fleet.Stats().Down)
		},
		"it waits until the others know that a challenge has ended": func(t *testing.T, b *backend, p *process) {
			asks := func(context.Context) error { return asking("x") }
			require.Error(t, p.call(t.Context(), data("Accounts", "r", ""), asks))
			b.fail(errors.New("no"))
			require.NoError(t, p.call(t.Context(), data("Accounts", "r", "x"), ok))
			time.Sleep(10 * time.Second)
			b.fail(nil)
			require.NoError(t, p.fleet.Flush(t.Context()))
			require.NoError(t, newProcess(t, b).call(t.Context(), data("Balances", "r", ""), ok))
		},
		"it gives up a challenge that ended long ago": func(t *testing.T, b *backend, p *process) {
			asks := func(context.Context) error { return asking("x") }
			require.Error(t, p.call(t.Context(), data("Accounts", "r", ""), asks))
			b.fail(errors.New("no"))
			require.NoError(t, p.call(t.Context(), data("Accounts", "r", "x"), ok))
			start := time.Now()
			require.NoError(t, p.fleet.Flush(t.Context()))
			assert.InDelta(t, 10*time.Minute.Seconds(), time.Since(start).Seconds(), 2)
		},
		"it waits until the circuits of others are read": func(t *testing.T, b *backend, p *process) {
			require.NoError(t, p.call(t.Context(), read, func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			}))
			synctest.Wait()
			b.delay.Store(int64(20 * time.Millisecond))
			local := read
			local.Connection = "" // without a lease
			require.NoError(t, p.call(t.Context(), local, ok))
			require.NoError(t, p.fleet.Flush(t.Context()))
			b.fail(errors.New("it is closed"))
			time.Sleep(time.Hour)
			assert.False(t, p.fleet.Stats().Down)
		},
		"nothing from before is sent after it": func(t *testing.T, b *backend, p *process) {
			for _, flush := range []bool{true, false, true} {
				b.fail(errors.New("no"))
				require.NoError(t, p.call(t.Context(), other, ok)) // its claim may be carried out later
				b.fail(nil)
				time.Sleep(time.Second)
				if flush {
					require.NoError(t, p.fleet.Flush(t.Context()))
				}
				before := b.requests.Load()
				time.Sleep(time.Minute)
				assert.Equal(t, flush, b.requests.Load() == before, "or it is given up again and again")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				test(t, b, newProcess(t, b, func(o *guard.Options) { o.Breaker.Consecutive = 1 }))
			})
		})
	}
}
