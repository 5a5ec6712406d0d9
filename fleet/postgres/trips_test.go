package postgres_test

// This file counts round trips and measures what a turn costs.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
)

// TestTrips specifies that each method is one round trip, and a guarded call two.
func TestTrips(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.open(t, "")
	cable, address := newCable(t, s)
	b, err := postgres.Open(t.Context(), address, postgres.Options{Conns: 1})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	ctx := t.Context()
	var lease guard.Lease
	do := map[string]func() error{
		"Facts": func() error { _, err := b.Facts(ctx, "b"); return err },
		"PutFact": func() error {
			return b.PutFact(ctx, "b", "n", guard.Fact{Value: []byte("x"), TTL: time.Hour})
		},
		"Take": func() error {
			_, err := b.Take(ctx, guard.Take{Key: "k", N: 1, Limit: 9, Window: time.Hour})
			return err
		},
		"Seen": func() error { _, err := b.Seen(ctx, "d"); return err },
		"Mark": func() error { return b.Mark(ctx, "d") },
		"Acquire": func() (err error) {
			lease, err = b.Acquire(ctx, guard.Claim{Key: "k", Holder: "h", TTL: time.Hour})
			return err
		},
		"Release": func() error {
			_, err := b.Release(ctx, guard.Release{Key: "k", Holder: "h", Fence: lease.Fence})
			return err
		},
	}
	require.NoError(t, do["Facts"]()) // connects
	for _, name := range []string{"Facts", "PutFact", "Take", "Seen", "Mark", "Acquire", "Release"} {
		before := cable.count()
		require.NoError(t, do[name]())
		assert.Equal(t, 1, cable.count()-before, name)
	}

	fleet, err := guard.NewFleet(b, keyring(), patient)
	require.NoError(t, err)
	a := linked(t, fleet)
	require.Eventually(t, func() bool { // once in a second the board is read, beside the call
		before := cable.count()
		require.NoError(t, a.read())
		return cable.count()-before == 2
	}, time.Minute, time.Millisecond, "a guarded call")
}

// count returns the round trips so far.
func (c *cable) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

// read makes a guarded call.
func (a *application) read() error {
	_, err := a.client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: a.conn})
	return err
}

// BenchmarkTurn measures a guarded call whose provider responds at once: a lease and its release.
func BenchmarkTurn(b *testing.B) {
	s := newSchema(b)
	shared := s.open(b, "")
	fleet, err := guard.NewFleet(shared, keyring(), patient)
	require.NoError(b, err)
	a := linked(b, fleet)
	for b.Loop() {
		require.NoError(b, a.read())
	}
	require.Zero(b, fleet.Stats())
}
