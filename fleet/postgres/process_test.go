package postgres_test

// This file proves with processes of their own what an application shares through PostgreSQL.

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/internal/fleetproof"
)

// openShared opens the backend in a process that a test started.
func openShared(ctx context.Context, url string, patient bool) (fleetproof.Shared, error) {
	if patient {
		if strings.Contains(url, "?") {
			url += "&connect_timeout=3600"
		} else {
			url += "?connect_timeout=3600"
		}
	}
	return postgres.Open(ctx, url, postgres.Options{})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	fleetproof.Run(t, func(t *testing.T) *fleetproof.Server {
		s := newSchema(t)
		own := s.open(t, "")
		s.movable(t)
		return &fleetproof.Server{
			URL: s.url, Own: own, Advance: s.advance, Turn: s.turn, Waiting: s.waiting, Stored: s.stored,
		}
	})
}

// turn returns the only lease.
func (s *schema) turn(t *testing.T) (turn fleetproof.Turn) {
	t.Helper()
	row := s.admin.QueryRow(t.Context(), "SELECT key, holder, fence, fact FROM bankmux_fleet_leases"+
		" WHERE held_until > bankmux_fleet_now()")
	require.NoError(t, row.Scan(&turn.Key, &turn.Holder, &turn.Fence, &turn.Fact))
	return turn
}

// waiting returns how many places all queues have.
func (s *schema) waiting() (n int) {
	_ = s.admin.QueryRow(context.Background(), "SELECT count(*) FROM bankmux_fleet_places").Scan(&n)
	return n
}

// stored returns all rows as text, with the letters of their values.
func (s *schema) stored(t *testing.T) (all []string) {
	t.Helper()
	_, err := s.admin.Exec(t.Context(), "SET bytea_output = 'escape'")
	require.NoError(t, err)
	for _, table := range tables {
		rows, err := s.admin.Query(t.Context(), "SELECT r::text FROM bankmux_fleet_"+table+" r")
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all = append(all, texts...)
	}
	return all
}
