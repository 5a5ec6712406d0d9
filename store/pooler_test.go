//go:build linux

package store_test

// This file checks a store behind PgBouncer, which shares connections between transactions.

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/internal/pgserver"
	"github.com/bankmux/bankmux/ledgertest"
	"github.com/bankmux/bankmux/store"
)

// TestPooler specifies that the promises hold behind a pooler that gives a client another
// connection for each transaction.
func TestPooler(t *testing.T) {
	t.Run("a lost prepared statement is explained", func(t *testing.T) {
		for _, code := range []string{"42P05", "26000"} {
			db := newDatabase(t, store.SQLite) // the error is that of PostgreSQL's driver
			db.open(t)
			f := &fault{err: &pgconn.PgError{Code: code}}
			s := db.faulty(t, f)
			f.arm(1)
			_, err := s.Connections(t.Context(), "rosa")
			require.ErrorContains(t, err, "default_query_exec_mode=exec")
		}
	})
	if serverURL == "" {
		return
	}
	pooler := pgserver.Pooler(t, serverURL)
	t.Run("the ledger", func(t *testing.T) {
		ledgertest.Run(t, func(t *testing.T) ledgertest.Fixture {
			db := newPooled(t, pooler)
			s := db.open(t)
			return ledgertest.Fixture{
				Ledger: s, Save: s.SaveConnection,
				Second: func(t *testing.T) bankmux.Ledger { return db.open(t) },
				Delete: func(ctx context.Context, conn bankmux.Connection) error {
					return s.DeleteConnection(ctx, conn.User, conn.ID)
				},
			}
		})
	})
	t.Run("the state that processes share", func(t *testing.T) {
		fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
			c, db := newClock(), newPooled(t, pooler)
			s := db.open(t, store.WithNow(c.now))
			return fleettest.Fixture{
				Backend: s.Backend(),
				Second:  func(t *testing.T) guard.Backend { return db.open(t, store.WithNow(c.now)).Backend() },
				Advance: c.advance,
				Seen:    s,
			}
		})
	})
	t.Run("several processes start, link, queue and read at once", func(t *testing.T) {
		db := newPooled(t, pooler)
		processes := make([]*store.Store, 4)
		var all sync.WaitGroup
		for i := range processes {
			processes[i] = db.openOnly(t)
			all.Go(func() { assert.NoError(t, processes[i].Migrate(t.Context())) })
		}
		all.Wait()
		const posts = 10
		for i, s := range processes {
			all.Go(func() {
				for n := range posts {
					linkAndRead(t, s, fmt.Sprint("user ", i), fmt.Sprint(i, "/", n))
				}
			})
		}
		all.Wait()
		for i := range processes {
			conns, err := processes[0].Connections(t.Context(), fmt.Sprint("user ", i))
			require.NoError(t, err)
			assert.Len(t, conns, posts)
		}
	})
}

// linkAndRead links a bank for a user, twice with one payload, and handles the event of the link.
func linkAndRead(t *testing.T, s *store.Store, user, token string) {
	t.Helper()
	made := session(t, user)
	if !assert.NoError(t, s.SaveSession(t.Context(), made)) {
		return
	}
	for range 2 {
		_, err := s.Exchange(t.Context(), made.Ref(), payload(token),
			func(ctx context.Context) (bankmux.ExchangeResult, error) { return exchange(ctx, made, token) })
		assert.NoError(t, err)
	}
	assert.NoError(t, s.Queue(t.Context(), bankmux.Event{
		Kind: bankmux.EventConnectionStateChanged, Client: made.Client, Provider: made.Provider, Key: token,
	}))
	events, err := s.Dequeue(t.Context(), 1)
	assert.NoError(t, err)
	for _, q := range events {
		assert.NoError(t, s.Done(t.Context(), q))
	}
	_, err = s.Accounts(t.Context(), user)
	assert.NoError(t, err)
	_, err = s.Transactions(t.Context(), query(user))
	assert.NoError(t, err)
}

// newPooled makes an empty database behind a pooler, which does not pass a search path on.
func newPooled(t *testing.T, pooler string) *database {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	server, err := sql.Open("pgx", serverURL)
	require.NoError(t, err)
	_, err = server.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := server.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, server.Close())
	})
	u, err := url.Parse(serverURL)
	require.NoError(t, err)
	u.Host, u.Path = pooler, "/"+name
	return &database{dialect: store.Postgres, address: u.String(), keys: ring(t, key("2026"))}
}
