package postgres_test

// This file tests settings of the role that differ from PostgreSQL's defaults.

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
)

// TestRole specifies what holds if a role has settings of its own.
func TestRole(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run("a statement that loses against another is sent again, "+level, func(t *testing.T) {
			t.Parallel()
			sendsAgain(t, level)
		})
	}
	t.Run("a connection to a server that refuses to write does not stay in the pool", leavesReadOnly)
}

// role makes a role with a setting, and returns its name and a backend that uses it.
func (s *schema) role(t *testing.T, setting string) (string, *postgres.Backend) {
	t.Helper()
	name := "r_" + strings.ToLower(rand.Text())
	_, err := s.admin.Exec(t.Context(), "CREATE ROLE "+name+" SUPERUSER LOGIN")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := s.admin.Exec(context.Background(), "DROP ROLE "+name)
		assert.NoError(t, err)
	})
	_, err = s.admin.Exec(t.Context(), "ALTER ROLE "+name+" SET "+setting)
	require.NoError(t, err)
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	u.User = url.User(name)
	b, err := postgres.Open(t.Context(), u.String(), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return name, b
}

// sendsAgain lets a Take wait for another transaction, whose commit ends it.
func sendsAgain(t *testing.T, level string) {
	t.Helper()
	s := newSchema(t)
	s.open(t, "")
	_, b := s.role(t, "default_transaction_isolation = '"+level+"'")
	take := guard.Take{Key: "k", N: 1, Limit: 10, Window: time.Hour}
	_, err := b.Take(t.Context(), take)
	require.NoError(t, err)
	other, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, other.Close(t.Context())) }()
	tx, err := other.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "UPDATE bankmux_fleet_counts SET used = used + 1")
	require.NoError(t, err)
	taken := make(chan error, 1)
	go func() {
		_, err := b.Take(t.Context(), take)
		taken <- err
	}()
	require.Eventually(t, func() (waits bool) {
		row := s.admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity"+
			" WHERE $1 = ANY (pg_blocking_pids(pid)))", other.PgConn().PID())
		return row.Scan(&waits) == nil && waits
	}, time.Minute, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-taken)
	used := 0
	require.NoError(t, s.admin.QueryRow(t.Context(), "SELECT used FROM bankmux_fleet_counts").Scan(&used))
	assert.Equal(t, 3, used)
}

// leavesReadOnly makes the server writable again, for new connections alone.
func leavesReadOnly(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.open(t, "")
	name, b := s.role(t, "default_transaction_read_only = on")
	take := guard.Take{Key: "k", N: 1, Limit: 10, Window: time.Hour}
	_, err := b.Take(t.Context(), take)
	require.EqualError(t, err, "postgres: Take: SQLSTATE 25006")
	_, err = s.admin.Exec(t.Context(), "ALTER ROLE "+name+" RESET ALL")
	require.NoError(t, err)
	_, err = b.Take(t.Context(), take)
	require.NoError(t, err)
}
