package postgres_test

// This file measures what docs/scale.md says of leases and counts.

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/pgserver"
	"github.com/bankmux/bankmux/internal/scale"
)

// TestSizes measures rows and the write-ahead log, and compares them with the figures of
// docs/scale.md. With -v it prints them as the file of package scale has them.
func TestSizes(t *testing.T) {
	s := newSchemaAt(t, pgserver.Start(t).URL) // tests write to the log of the other one
	b := s.open(t, "bankmux")
	turn := func(ctx context.Context, i int) {
		key := fmt.Sprintf("connection/heron/%032d", i)
		claim := guard.Claim{Key: key, Holder: "0123456789abcdef", TTL: time.Hour, Place: time.Minute}
		got, err := b.Acquire(ctx, claim)
		require.NoError(t, err)
		_, err = b.Release(ctx, guard.Release{Key: key, Holder: "0123456789abcdef", Fence: got.Fence})
		require.NoError(t, err)
	}
	take := func(ctx context.Context, i int) {
		key := fmt.Sprintf("budget/psd2/24h0m0s/0s/heron/%032d///transactions", i)
		_, err := b.Take(ctx, guard.Take{Key: key, N: 1, Limit: 4, Window: 24 * time.Hour})
		require.NoError(t, err)
	}
	const counts = 2000
	empty := s.countsSize(t)
	for i := range counts {
		take(t.Context(), i)
	}
	again := func(ctx context.Context, i int) { take(ctx, i%15*97) } // rows amid the others
	got := map[string]int{
		"BytesPerCount":    (s.countsSize(t) - empty) / counts,
		"BytesPerTurn":     s.writtenBy(t, "SELECT 1", turn),
		"BytesPerColdTake": s.writtenBy(t, "CHECKPOINT", again),
	}
	for name, page := range map[string]int{
		"BytesPerCount": scale.BytesPerCount, "BytesPerTurn": scale.BytesPerTurn,
		"BytesPerColdTake": scale.BytesPerColdTake,
	} {
		t.Logf("%s = %d", name, got[name])
		assert.InEpsilon(t, page, got[name], 0.2, "%s of internal/scale/size.go", name)
	}
}

// countsSize returns the size of all counts with their indexes.
func (s *schema) countsSize(t *testing.T) (n int) {
	t.Helper()
	_, err := s.admin.Exec(t.Context(), "VACUUM FULL bankmux_fleet_counts")
	require.NoError(t, err)
	row := s.admin.QueryRow(t.Context(), "SELECT pg_total_relation_size('bankmux_fleet_counts')")
	require.NoError(t, row.Scan(&n))
	return n
}

// writtenBy returns how much a call writes to the log, the least of several. Each comes after a
// statement.
func (s *schema) writtenBy(t *testing.T, first string, call func(context.Context, int)) int {
	t.Helper()
	at := func() (n int) {
		row := s.admin.QueryRow(t.Context(), "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
		require.NoError(t, row.Scan(&n))
		return n
	}
	var written []int
	for i := range 15 {
		_, err := s.admin.Exec(t.Context(), first)
		require.NoError(t, err)
		before := at()
		call(t.Context(), 10_000+i)
		written = append(written, at()-before)
	}
	return slices.Min(written)
}
