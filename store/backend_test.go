package store_test

import (
	"database/sql"
	"fmt"
	"math"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/store"
)

// TestBackend checks the state that processes share.
func TestBackend(t *testing.T) {
	for _, dialect := range dialects() {
		t.Run(dialect.String()+", on the application's clock", func(t *testing.T) {
			fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
				c, db := newClock(), newDatabase(t, dialect)
				s := db.open(t, store.WithNow(c.now))
				return fleettest.Fixture{
					Backend: s.Backend(),
					Second:  func(t *testing.T) guard.Backend { return db.openOnly(t, store.WithNow(c.now)).Backend() },
					Other: func(t *testing.T) guard.Backend {
						return newDatabase(t, dialect).open(t, store.WithNow(c.now)).Backend()
					},
					Advance: c.advance,
					PutBack: func(d time.Duration) { c.advance(-d) },
					Seen:    s,
				}
			})
		})
	}
	onEach(t, "a burst of calls takes turns on the connections", func(t *testing.T, db *database) {
		s := db.open(t)
		pooled, ok := s.Backend().(guard.Pooled)
		require.True(t, ok, "otherwise a call that waits for a connection counts as a backend that is down")
		for limit, want := range map[int]int{20: 20, 3: 3, 0: math.MaxInt32} {
			s.DB().SetMaxOpenConns(limit)
			if db.dialect == store.SQLite {
				want = 1 // the writers wait for each other
			}
			assert.Equal(t, want, pooled.Conns())
		}
	})
	if serverURL == "" {
		return
	}
	t.Run("postgres, on the server's clock", func(t *testing.T) {
		fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
			db := newDatabase(t, store.Postgres)
			advance := db.moveServerClock(t)
			return fleettest.Fixture{
				Backend: db.open(t).Backend(), Advance: advance, PutBack: func(d time.Duration) { advance(-d) },
			}
		})
	})
}

// moveServerClock puts a clock in front of the server's, and returns what moves it.
func (db *database) moveServerClock(t *testing.T) func(time.Duration) {
	t.Helper()
	u, err := url.Parse(db.address)
	require.NoError(t, err)
	query := u.Query()
	schema := query.Get("search_path")
	query.Set("search_path", schema+",pg_catalog") // the functions of the schema come first
	u.RawQuery = query.Encode()
	db.address = u.String()
	server, err := sql.Open("pgx", db.address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	for _, statement := range []string{
		"CREATE TABLE moved (by BIGINT NOT NULL)",
		"INSERT INTO moved VALUES (0)",
		"CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS" +
			" 'SELECT pg_catalog.clock_timestamp() + by * interval ''1 microsecond'' FROM moved'",
	} {
		_, err := server.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return func(d time.Duration) {
		_, err := server.ExecContext(t.Context(), "UPDATE moved SET by = by + $1", d.Microseconds())
		require.NoError(t, err)
	}
}

// TestBackendRows specifies what the shared state leaves in the database.
func TestBackendRows(t *testing.T) {
	onEach(t, "rows are deleted some time after they expired", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		b := s.Backend()
		for n := range 50 {
			key := fmt.Sprint(n)
			got, err := b.Acquire(t.Context(), guard.Claim{Key: key, Holder: "a", TTL: time.Minute})
			require.NoError(t, err)
			_, err = b.Release(t.Context(), guard.Release{Key: key, Holder: "a", Fence: got.Fence})
			require.NoError(t, err)
			require.NoError(t, b.PutFact(t.Context(), key, guard.Fact{Value: []byte{1}, TTL: time.Minute}))
			_, err = b.Take(t.Context(), guard.Take{Key: key, N: 1, Limit: 1, Window: time.Minute})
			require.NoError(t, err)
			c.advance(time.Hour)
		}
		assert.LessOrEqual(t, len(dump(t, s)["bankmux_shared"]), 9)
	})
	onEach(t, "it needs no connection while a lease is held", func(t *testing.T, db *database) {
		s := db.open(t)
		s.DB().SetMaxOpenConns(1)
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				key := fmt.Sprint(n)
				got, err := s.Backend().Acquire(t.Context(), guard.Claim{Key: key, Holder: "a", TTL: time.Minute})
				assert.NoError(t, err)
				assert.Positive(t, got.Fence)
				_, err = s.Connections(t.Context(), "rosa")
				assert.NoError(t, err)
			})
		}
		all.Wait()
	})
	onEach(t, "its transactions are its own", func(t *testing.T, db *database) {
		s := db.open(t)
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		b := s.In(tx).Backend()
		require.NoError(t, tx.Rollback())
		got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Minute})
		require.NoError(t, err)
		assert.Positive(t, got.Fence)
	})
	onEach(t, "a failure is the store's and shows nothing", func(t *testing.T, db *database) {
		db.open(t)
		f := &fault{err: errFault, forever: true}
		b := db.faulty(t, f).Backend()
		f.arm(1)
		_, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Minute})
		checkFault(t, err)
		_, err = b.Release(t.Context(), guard.Release{Key: "k", Holder: "a"})
		checkFault(t, err)
		checkFault(t, b.PutFact(t.Context(), "n", guard.Fact{Value: []byte{1}, TTL: time.Minute}))
		_, err = b.Facts(t.Context())
		checkFault(t, err)
		_, err = b.Take(t.Context(), guard.Take{Key: "k", N: 1, Limit: 1, Window: time.Minute})
		checkFault(t, err)
	})
}
