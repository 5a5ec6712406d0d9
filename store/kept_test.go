package store_test

// This file tests that no state of a sync outlives its connection.

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// TestKept specifies both orders of a stored state and a deletion on PostgreSQL. SQLite runs one
// transaction at a time.
func TestKept(t *testing.T) {
	if serverURL == "" {
		return // TestGate insists on a server
	}
	for _, version := range []int64{0, 1} {
		t.Run(fmt.Sprint("a state after version ", version, " keeps its connection until the commit"),
			func(t *testing.T) { keepsConnection(t, version) })
		t.Run(fmt.Sprint("a state after version ", version, " waits for a deletion, and is not stored"),
			func(t *testing.T) { waitsForDeletion(t, version) })
	}
}

// stateAfter returns a connection with a state of a version.
func stateAfter(t *testing.T, s *store.Store, version int64) (bankmux.Connection, bankmux.SyncState) {
	t.Helper()
	conn := connection(t, s, "rosa", "1")
	for v := range version {
		stored, err := s.StoreSyncState(t.Context(), conn, bankmux.SyncState{Version: v}, bankmux.SyncState{})
		require.NoError(t, err)
		require.True(t, stored)
	}
	return conn, bankmux.SyncState{Version: version}
}

func keepsConnection(t *testing.T, version int64) {
	db := newDatabase(t, store.Postgres)
	s := db.open(t)
	conn, from := stateAfter(t, s, version)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	stored, err := s.In(tx).StoreDelta(t.Context(), conn, from, bankmux.Delta{}, bankmux.SyncState{})
	require.NoError(t, err)
	require.True(t, stored)
	const lock = "SELECT 1 FROM bankmux_connections WHERE id = $1 FOR UPDATE NOWAIT"
	_, err = s.DB().ExecContext(t.Context(), lock, conn.ID)
	require.ErrorContains(t, err, "55P03", "the row is locked") // lock_not_available
	require.NoError(t, tx.Commit())
	_, err = s.DB().ExecContext(t.Context(), lock, conn.ID)
	require.NoError(t, err)
}

func waitsForDeletion(t *testing.T, version int64) {
	db := newDatabase(t, store.Postgres)
	s := db.open(t)
	conn, from := stateAfter(t, s, version)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, s.In(tx).DeleteConnection(t.Context(), conn.User, conn.ID))
	failure := make(chan error)
	go func() {
		stored, err := s.StoreDelta(t.Context(), conn, from, bankmux.Delta{}, bankmux.SyncState{})
		assert.False(t, stored)
		failure <- err
	}()
	require.Eventually(t, func() bool {
		var waiting int
		err := s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity"+
			" WHERE wait_event_type = 'Lock' AND query LIKE '%bankmux_connections%'"+
			" AND pg_blocking_pids(pid) && ARRAY(SELECT pid FROM pg_locks"+
			" WHERE relation = 'bankmux_connections'::regclass AND granted)").Scan(&waiting)
		return err == nil && waiting > 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, <-failure, bankmux.ErrGone)
	for _, table := range []string{"bankmux_connections", "bankmux_syncs"} {
		assert.Empty(t, dumpTable(t, s.DB(), table), table)
	}
}
