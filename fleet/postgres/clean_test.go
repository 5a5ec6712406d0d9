package postgres_test

// This file tests that what has ended is deleted beside other calls. Each call deletes it here.

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// cleaning lets each call delete what has ended, which otherwise one of a hundred does.
func (s *schema) cleaning(t testing.TB) {
	t.Helper()
	var text string
	row := s.admin.QueryRow(t.Context(), "SELECT pg_get_functiondef('bankmux_fleet_clean'::regproc)")
	require.NoError(t, row.Scan(&text))
	const chance = "random() >= 0.01"
	require.Contains(t, text, chance)
	_, err := s.admin.Exec(t.Context(), strings.Replace(text, chance, "FALSE", 1))
	require.NoError(t, err)
}

// TestClean specifies what the deletion of ended rows leaves alone.
func TestClean(t *testing.T) {
	t.Parallel()
	t.Run("a call that waits keeps no rows of other names, so no two wait for each other", waitsWithoutOthers)
	t.Run("a fact that lives longer than a lease stays when the lease has ended", keepsFacts)
	t.Run("a busy lease does not keep a fact that has ended", freesTheRow)
	t.Run("a budget whose last window has ended long ago is counted", func(t *testing.T) {
		t.Parallel()
		s := newSchema(t)
		b := s.open(t, "")
		s.cleaning(t)
		s.movable(t)
		take := guard.Take{Key: "k", N: 6, Limit: 10, Window: time.Hour}
		for range 2 {
			for _, want := range []int64{6, 4, 0} {
				got, err := b.Take(t.Context(), take)
				require.NoError(t, err)
				assert.Equal(t, want, got.N)
			}
			s.advance(t, 24*time.Hour)
		}
	})
}

// keepsFacts claims a lease whose fact lives longer than each of its leases.
func keepsFacts(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	b := s.open(t, "")
	s.cleaning(t)
	s.movable(t)
	claim := guard.Claim{Key: "k", Holder: "a", TTL: time.Hour}
	got, err := b.Acquire(t.Context(), claim)
	require.NoError(t, err)
	fact := guard.Fact{Value: []byte("x"), TTL: 24 * time.Hour}
	_, err = b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: got.Fence, Fact: &fact})
	require.NoError(t, err)
	for _, claims := range []int{1, 2, 1} { // the second of two prolongs the lease
		for range claims {
			got, err = b.Acquire(t.Context(), claim)
			require.NoError(t, err)
			assert.Equal(t, "x", string(got.Fact.Value))
		}
		s.advance(t, 2*time.Hour)
		require.NoError(t, b.PutFact(t.Context(), "other", fact))
	}
}

// freesTheRow uses a lease again after its fact has ended. Few calls delete what has ended, so this
// one must.
func freesTheRow(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	b := s.open(t, "")
	s.movable(t)
	for _, fact := range []*guard.Fact{{Value: []byte("x"), TTL: time.Hour}, nil} {
		got, err := b.Acquire(t.Context(), guard.Claim{Key: "k", Holder: "a", TTL: time.Hour})
		require.NoError(t, err)
		assert.Nil(t, got.Fact.Value)
		_, err = b.Release(t.Context(), guard.Release{Key: "k", Holder: "a", Fence: got.Fence, Fact: fact})
		require.NoError(t, err)
		s.advance(t, 2*time.Hour)
	}
	var rows int
	require.NoError(t, s.admin.QueryRow(t.Context(), "SELECT count(*) FROM bankmux_fleet_leases").Scan(&rows))
	assert.Zero(t, rows)
}

// waitsWithoutOthers lets each call wait for a row of its own name. Meanwhile it must not keep rows
// of other names, for which calls may wait that it waits for.
func waitsWithoutOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ call, waits string }{
		"PutFact":                       {"put('', 'own', '', 1000)", "facts SET name = name WHERE name"},
		"Mark":                          {"mark('', 'own', 1000)", "seen SET key = key WHERE key"},
		"Take":                          {"take('', 'own', 1, 10, 1000, 0)", "counts SET key = key WHERE key"},
		"Acquire":                       {"acquire('', 'own', 'b', 1000, 1000)", "leases SET key = key WHERE key"},
		"Acquire with a place":          {"acquire('', 'own', 'b', 1000, 1000)", "places SET key = key WHERE key"},
		"Release":                       {"release('', 'own', 'a', 1, '', 1000)", "leases SET key = key WHERE key"},
		"Release that gives up a place": {"release('', 'own', 'b', 0, '', 1000)", "places SET key = key WHERE key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSchema(t)
			s.open(t, "")
			s.cleaning(t)
			s.store(t, "ended", 0)
			s.store(t, "own", time.Hour)
			blocker, err := s.admin.Begin(t.Context())
			require.NoError(t, err)
			_, err = blocker.Exec(t.Context(), "UPDATE bankmux_fleet_"+c.waits+" = 'own'")
			require.NoError(t, err)
			caller, other := s.session(t), s.session(t)
			called := make(chan error, 1)
			go func() {
				_, err := caller.Exec(context.WithoutCancel(t.Context()), "SELECT bankmux_fleet_"+c.call)
				called <- err
			}()
			pid := caller.PgConn().PID()
			require.Eventually(t, func() (waits bool) {
				row := other.QueryRow(t.Context(), "SELECT cardinality(pg_blocking_pids($1)) > 0", pid)
				return row.Scan(&waits) == nil && waits
			}, time.Minute, time.Millisecond)
			for _, table := range tables {
				const ended = " WHERE expires_at = 0 FOR UPDATE NOWAIT"
				_, err := other.Exec(t.Context(), "SELECT FROM bankmux_fleet_"+table+ended)
				assert.NoError(t, err, table)
			}
			require.NoError(t, blocker.Rollback(t.Context()))
			require.NoError(t, <-called)
			for _, table := range tables {
				row := other.QueryRow(t.Context(), "SELECT count(*) FROM bankmux_fleet_"+table+" WHERE expires_at = 0")
				ended := 0
				require.NoError(t, row.Scan(&ended))
				assert.Equal(t, strings.HasPrefix(name, "Acquire"), ended > 0, "others delete it at their end")
			}
		})
	}
}

// store stores a row of a name in each table. A lease has the holder a, and b waits for it.
func (s *schema) store(t *testing.T, name string, ttl time.Duration) {
	t.Helper()
	until := int64(0)
	if ttl > 0 {
		until = time.Now().Add(ttl).UnixMilli()
	}
	for _, values := range []string{
		"leases VALUES ('', $1, 'a', 1, $2, NULL, 0, $2)", "places VALUES ('', $1, 'b', 2, $2)",
		"facts VALUES ('', $1, '', $2)", "counts VALUES ('', $1, 0, 0, $2)", "seen VALUES ('', $1, $2)",
	} {
		_, err := s.admin.Exec(t.Context(), "INSERT INTO bankmux_fleet_"+values, name, until)
		require.NoError(t, err)
	}
}

// session returns a connection of its own.
func (s *schema) session(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}
