package postgres_test

// This file checks the backend behind PgBouncer, which shares connections between transactions.

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/internal/pgserver"
)

// TestPooler specifies that every promise holds behind a pooler that gives a client another
// connection for each transaction.
func TestPooler(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, address, "set BANKMUX_POSTGRES to the URL of a server, as .ci/postgres does")
	pooler := pgserver.Pooler(t, address)
	s := newDatabase(t)
	direct, err := postgres.Open(t.Context(), s.url, postgres.Options{})
	require.NoError(t, err)
	require.NoError(t, direct.Migrate(t.Context()))
	direct.Close()
	s.movable(t)
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	u.Host = pooler
	open := func(t *testing.T, namespace string) *postgres.Backend {
		t.Helper()
		b, err := postgres.Open(t.Context(), u.String(), postgres.Options{Namespace: namespace})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		require.NoError(t, b.Migrate(t.Context()))
		return b
	}
	fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
		_, err := s.admin.Exec(t.Context(), "UPDATE moved SET ms = 0")
		require.NoError(t, err)
		namespace := rand.Text()
		b := open(t, namespace)
		return fleettest.Fixture{
			Backend: b,
			Second:  func(t *testing.T) guard.Backend { return open(t, namespace) },
			Other:   func(t *testing.T) guard.Backend { return open(t, rand.Text()) },
			Advance: func(d time.Duration) { s.advance(t, d) },
			Seen:    b,
		}
	})
}

// newDatabase makes a database, since a pooler does not pass the search path on.
func newDatabase(t *testing.T) *schema {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	server, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	_, err = server.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Path = "/" + name
	s := &schema{url: u.String()}
	s.connect(t)
	t.Cleanup(func() {
		require.NoError(t, s.admin.Close(context.Background()))
		_, err := server.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, server.Close(context.Background()))
	})
	return s
}
