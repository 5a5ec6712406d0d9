package redis_test

// This file specifies what holds if the server hangs, or crashes and loses its data.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
)

// patience is longer than anything here takes, also on a machine that is busy.
const patience = 3 * time.Minute

func keyring(t testing.TB) *bankmux.Keyring {
	t.Helper()
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	return keys
}

// process is one process of an application, with a call on a connection.
type process struct {
	fleet *guard.Fleet
	call  func(ctx context.Context, connection string, do func(context.Context) error) error
}

func newProcess(t testing.TB, b guard.Backend) *process {
	t.Helper()
	f, err := guard.NewFleet(b, keyring(t), guard.FleetOptions{})
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
		b := s.open(t, "a") // whose own limits would not end it
		require.NoError(t, b.Check(t.Context()))
		s.suspend(t)
		for range 3 { // the last ones have a new connection
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err := b.Facts(ctx)
			cancel()
			require.Error(t, err)
		}
		s.resume(t) // Close says goodbye to the server
	})
	t.Run("a method without a deadline ends too", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, time.Second, redis.LongestWait("redis://h"))
		s := newServer(t)
		b, err := redis.Open(s.url, redis.Options{})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		require.Eventually(t, func() bool { return b.Check(t.Context()) == nil }, patience, time.Millisecond)
		s.suspend(t)
		_, err = b.Facts(t.Context())
		require.Error(t, err)
		require.Error(t, b.Check(t.Context()), "with a new connection")
	})
	t.Run("no response is taken for that of another request", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		b := s.open(t, "a")
		claim := func(ctx context.Context, name string) (guard.Lease, error) {
			return b.Acquire(ctx, guard.Claim{Key: name, Holder: name, TTL: time.Hour, Place: time.Hour})
		}
		for i := range 50 {
			name := fmt.Sprint(i)
			got, err := claim(t.Context(), name)
			require.NoError(t, err)
			_, err = b.Release(t.Context(), guard.Release{
				Key: name, Holder: name, Fence: got.Fence, Fact: &guard.Fact{Value: []byte(name), TTL: time.Hour},
			})
			require.NoError(t, err)
		}
		s.suspend(t)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer cancel()
				_, err := claim(ctx, fmt.Sprint(i))
				assert.Error(t, err)
			})
		}
		all.Wait()
		s.resume(t)
		for i := range 50 {
			name := fmt.Sprint(i)
			var got guard.Lease
			require.Eventually(t, func() (responds bool) { // it may still work on the claims before
				var err error
				got, err = claim(t.Context(), name)
				return err == nil
			}, patience, time.Millisecond)
			require.Equal(t, name, string(got.Fact.Value))
		}
	})
	t.Run("calls go on without leases, and have them again afterwards", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		p := newProcess(t, s.open(t, "a"))
		require.Eventually(t, func() bool { return p.leased(t) }, patience, time.Millisecond)
		s.suspend(t)
		require.False(t, p.leased(t))
		assert.True(t, p.fleet.Stats().Down)
		s.resume(t)
		require.Eventually(t, func() bool { return p.leased(t) }, patience, time.Millisecond)
		assert.False(t, p.fleet.Stats().Down)
	})
}

func TestCrash(t *testing.T) {
	t.Parallel()
	t.Run("a call during which Redis restarts empty has lost its lease, and changes nothing", aLostLeaseChangesNothing)
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
		patience, time.Millisecond)
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
