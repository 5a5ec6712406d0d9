package postgres_test

// This file stops PostgreSQL while processes make calls.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/internal/fleetproof"
	"github.com/bankmux/bankmux/internal/pgserver"
)

// TestOutage specifies that calls go on while PostgreSQL is away, and after it has lost its data.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]struct {
		fail, restore func(*pgserver.Server, testing.TB)
	}{
		"calls go on while PostgreSQL hangs":   {(*pgserver.Server).Suspend, (*pgserver.Server).Resume},
		"calls go on while PostgreSQL is down": {(*pgserver.Server).Kill, (*pgserver.Server).Start},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := migrated(t)
			fleetproof.Outage(t, s.URL,
				func(t testing.TB) { fails.fail(s, t) }, func(t testing.TB) { fails.restore(s, t) })
		})
	}
	t.Run("calls go on while PostgreSQL loses its data", func(t *testing.T) {
		t.Parallel()
		s := newSchema(t)
		s.open(t, "")
		fleetproof.DataLoss(t, s.url, func(t testing.TB) {
			for _, table := range tables { // one lock at a time
				_, err := s.admin.Exec(t.Context(), "TRUNCATE bankmux_fleet_"+table)
				require.NoError(t, err)
			}
		})
	})
}

// migrated starts a server of its own, with the schema.
func migrated(t *testing.T) *pgserver.Server {
	t.Helper()
	s := pgserver.Start(t)
	b, err := postgres.Open(t.Context(), s.URL, postgres.Options{})
	require.NoError(t, err)
	require.NoError(t, b.Migrate(context.Background()))
	b.Close()
	return s
}
