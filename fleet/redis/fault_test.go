package redis_test

// This file specifies what holds if the server hangs, or crashes and loses its data.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// soon is more than anything here takes, and less than the waits of go-redis that are turned off.
const soon = 9 * time.Second

func newKeyring() (*bankmux.Keyring, error) {
	return bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
}

func keyring(t testing.TB) *bankmux.Keyring {
	t.Helper()
	keys, err := newKeyring()
	require.NoError(t, err)
	return keys
}

// process is one process of an application, with a call on a connection.
type process struct {
	fleet *guard.Fleet
	call  func(ctx context.Context, connection string, do func(context.Context) error) error
}

func newProcess(t testing.TB, b guard.Backend, opts guard.FleetOptions) *process {
	t.Helper()
	f, err := guard.NewFleet(b, keyring(t), opts)
	require.NoError(t, err)
	in := guard.New(guard.Options{
		OnePerConnection: true, Fleet: f, Retry: guard.RetryOptions{MaxAttempts: 1},
	}).Interceptors()
	return &process{fleet: f, call: func(ctx context.Context, connection string, do func(context.Context) error) error {
		op := bankmux.Op{Name: "Accounts", Client: "c", Provider: "p", Connection: connection, Effect: bankmux.Read}
		next := do
		for _, around := range slices.Backward(in) {
			inner := next
			next = func(ctx context.Context) error { return around(ctx, op, inner) }
		}
		return next(ctx)
	}}
}

func ok(context.Context) error { return nil }

// leased reports whether the next call has a lease.
func (p *process) leased(t testing.TB) bool {
	t.Helper()
	before := p.fleet.Stats().Unleased
	require.NoError(t, p.call(t.Context(), "of its own", ok))
	return p.fleet.Stats().Unleased == before
}

func TestHungServer(t *testing.T) {
	t.Parallel()
	t.Run("a method ends with its context", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b := s.open(t, "a")
		require.NoError(t, b.Check(t.Context()))
		s.suspend(t)
		slow := make(chan struct{})
		go func() { // it ends after a second
			defer close(slow)
			assert.Error(t, b.Check(t.Context()))
		}()
		for range 3 { // the last ones have a new connection
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err := b.Facts(ctx, "b")
			cancel()
			require.Error(t, err)
			select {
			case <-slow:
				t.Error("it took as long as without a deadline")
			default:
			}
		}
		<-slow
	})
	t.Run("a method without a deadline ends too", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b := s.open(t, "a")
		require.NoError(t, b.Check(t.Context()))
		s.suspend(t)
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		_, err := b.Facts(ctx, "b")
		require.Error(t, err)
		require.NoError(t, ctx.Err())
		require.Error(t, b.Check(ctx), "with a new connection")
		require.NoError(t, ctx.Err())
	})
	t.Run("no response is taken for that of another request", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b := s.open(t, "a")
		for i := range 50 {
			name := fmt.Sprint(i)
			require.NoError(t, b.PutFact(t.Context(), name, name, guard.Fact{Value: []byte(name), TTL: time.Hour}))
		}
		s.suspend(t)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				_, err := b.Facts(ctx, fmt.Sprint(i))
				assert.Error(t, err)
			})
		}
		all.Wait()
		s.resume(t)
		for i := range 50 {
			name := fmt.Sprint(i)
			got, err := b.Facts(t.Context(), name)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, name, string(got[name].Value))
		}
	})
	t.Run("calls go on without leases, and have them again afterwards", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		p := newProcess(t, s.open(t, "a"), guard.FleetOptions{})
		require.Eventually(t, func() bool { return p.leased(t) }, soon, time.Millisecond)
		s.suspend(t)
		require.False(t, p.leased(t))
		assert.True(t, p.fleet.Stats().Down)
		s.resume(t)
		require.Eventually(t, func() bool { return p.leased(t) }, soon, time.Millisecond)
		assert.False(t, p.fleet.Stats().Down)
	})
}

func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run("a server that crashes under load and restarts empty fails no call", aCrashFailsNoCall)
	t.Run("a call during which the data is lost has lost its lease, and changes nothing", aLostLeaseChangesNothing)
}

func aCrashFailsNoCall(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	processes := []*process{newProcess(t, s.open(t, "a"), patient), newProcess(t, s.open(t, "a"), patient)}
	var running [8]atomic.Int64
	var calls, overlaps atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 32 {
		p, at := processes[i%2], i%8
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				assert.NoError(t, p.call(t.Context(), fmt.Sprint(at), func(context.Context) error {
					if running[at].Add(1) > 1 {
						overlaps.Add(1)
					}
					running[at].Add(-1)
					calls.Add(1)
					return nil
				}))
			}
		})
	}
	// reach waits for more calls.
	reach := func(more int64) {
		goal := calls.Load() + more
		require.Eventually(t, func() bool { return calls.Load() >= goal }, time.Minute, time.Millisecond)
	}
	reach(500)
	assert.Zero(t, overlaps.Load())
	s.kill(t)
	reach(500)
	s.start(t)
	for _, p := range processes {
		require.Eventually(t, func() bool { return p.leased(t) }, soon, time.Millisecond)
	}
	// What started without a lease is over once each connection had a call with one.
	reach(500)
	overlaps.Store(0)
	reach(500)
	close(stop)
	all.Wait()
	for _, p := range processes {
		stats := p.fleet.Stats()
		assert.False(t, stats.Down)
		assert.Positive(t, stats.Unleased, "and it is counted")
	}
	assert.Zero(t, overlaps.Load())
}

func aLostLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	late, other := s.open(t, "a"), s.open(t, "a")
	lost, err := late.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "late", TTL: time.Hour})
	require.NoError(t, err)
	s.kill(t)
	s.start(t)
	require.Eventually(t, func() bool { return other.Check(t.Context()) == nil && late.Check(t.Context()) == nil },
		soon, time.Millisecond)
	got, err := other.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "other", TTL: time.Hour})
	require.NoError(t, err)
	assert.Greater(t, got.Fence, lost.Fence)
	fact := guard.Fact{Value: []byte("late"), TTL: time.Hour}
	held, err := late.Release(t.Context(), guard.Release{Key: "k", Holder: "late", Fence: lost.Fence, Fact: &fact})
	require.NoError(t, err)
	assert.False(t, held)
	held, err = other.Release(t.Context(), guard.Release{Key: "k", Holder: "other", Fence: got.Fence})
	require.NoError(t, err)
	assert.True(t, held)
	facts, err := other.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "next", TTL: time.Hour})
	require.NoError(t, err)
	assert.Nil(t, facts.Fact.Value)
}
