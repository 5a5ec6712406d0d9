package postgres_test

// This file tests that each value ends at its time, not before, and that its row is then deleted.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
)

// cleaned is a backend of a schema in which each call but Acquire deletes what has ended.
type cleaned struct {
	*testing.T
	*postgres.Backend

	schema *schema
}

func newCleaned(t *testing.T) *cleaned {
	t.Helper()
	s := newSchema(t)
	b := s.open(t, "a")
	s.cleaning(t)
	s.movable(t)
	return &cleaned{t, b, s}
}

// left advances the clock, deletes what has ended, and returns the number of rows by table.
func (c *cleaned) left(advance time.Duration) map[string]int {
	c.Helper()
	c.schema.advance(c.T, advance)
	_, err := c.schema.admin.Exec(c.Context(), "SELECT bankmux_fleet_clean(bankmux_fleet_now())")
	require.NoError(c, err)
	left := map[string]int{}
	for _, table := range tables {
		n := 0
		row := c.schema.admin.QueryRow(c.Context(), "SELECT count(*) FROM bankmux_fleet_"+table)
		require.NoError(c, row.Scan(&n))
		if n > 0 {
			left[table] = n
		}
	}
	return left
}

// acquire claims the lease of the key "k". Its TTL is an hour, and that of a place ten minutes.
func (c *cleaned) acquire(holder string) guard.Lease {
	c.Helper()
	got, err := c.Acquire(c.Context(), guard.Claim{Key: "k", Holder: holder, TTL: time.Hour, Place: 10 * time.Minute})
	require.NoError(c, err)
	return got
}

func (c *cleaned) release(holder string, fence int64, fact *guard.Fact) {
	c.Helper()
	held, err := c.Release(c.Context(), guard.Release{Key: "k", Holder: holder, Fence: fence, Fact: fact})
	require.NoError(c, err)
	require.True(c, held)
}

// leave leaves a fact with the lease of the key "k", for ten hours.
func (c *cleaned) leave() {
	c.Helper()
	c.release("a", c.acquire("a").Fence, &guard.Fact{Value: []byte("x"), TTL: 10 * time.Hour})
}

// TestExpiry specifies how long the rows of values stay.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*cleaned){
		"a lease and a place": func(c *cleaned) {
			require.Positive(c, c.acquire("a").Fence)
			require.Zero(c, c.acquire("b").Fence)
			assert.Equal(c, map[string]int{"leases": 1, "places": 1}, c.left(9*time.Minute))
			assert.Equal(c, map[string]int{"leases": 1}, c.left(2*time.Minute))
			assert.Equal(c, map[string]int{"leases": 1}, c.left(48*time.Minute))
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a lease that was released": func(c *cleaned) {
			c.release("a", c.acquire("a").Fence, nil)
			assert.Empty(c, c.left(0))
		},
		"a lease whose fact was removed": func(c *cleaned) {
			c.leave()
			c.release("a", c.acquire("a").Fence, &guard.Fact{})
			assert.Empty(c, c.left(0))
		},
		"a free lease for which others wait": func(c *cleaned) {
			held := c.acquire("a")
			require.Zero(c, c.acquire("b").Fence)
			c.release("a", held.Fence, nil)
			require.Zero(c, c.acquire("c").Fence, "b is in front")
			assert.Equal(c, 2, c.left(9 * time.Minute)["places"])
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a fact that was left with a lease": func(c *cleaned) {
			c.leave()
			assert.Equal(c, map[string]int{"leases": 1}, c.left(9*time.Hour+59*time.Minute))
			assert.Equal(c, "x", string(c.acquire("b").Fact.Value))
			assert.Empty(c, c.left(2*time.Hour))
		},
		"a fact of a free lease": func(c *cleaned) {
			c.leave()
			c.left(9*time.Hour + 59*time.Minute)
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a fact of a lease whose holder died": func(c *cleaned) {
			c.leave()
			require.Positive(c, c.acquire("a").Fence)
			assert.Equal(c, map[string]int{"leases": 1}, c.left(9*time.Hour+59*time.Minute))
			assert.Equal(c, "x", string(c.acquire("b").Fact.Value))
		},
		"a fact of a lease whose holder prolonged it and died": func(c *cleaned) {
			c.leave()
			fence := c.acquire("a").Fence
			require.Equal(c, fence, c.acquire("a").Fence)
			assert.Equal(c, map[string]int{"leases": 1}, c.left(9*time.Hour+59*time.Minute))
			assert.Equal(c, "x", string(c.acquire("b").Fact.Value))
		},
		"a lease that is held for longer than its fact": func(c *cleaned) {
			c.leave()
			c.left(9*time.Hour + 59*time.Minute)
			fence := c.acquire("a").Fence
			assert.Equal(c, map[string]int{"leases": 1}, c.left(30*time.Minute))
			require.Equal(c, fence, c.acquire("a").Fence)
			assert.Equal(c, map[string]int{"leases": 1}, c.left(59*time.Minute))
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a fact for all": func(c *cleaned) {
			require.NoError(c, c.PutFact(c.Context(), "n", guard.Fact{Value: []byte("x"), TTL: time.Hour}))
			assert.Equal(c, map[string]int{"facts": 1}, c.left(59*time.Minute))
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a count, which stays for another window": func(c *cleaned) {
			take := guard.Take{Key: "k", N: 1, Limit: 9, Window: time.Hour}
			got, err := c.Take(c.Context(), take)
			require.NoError(c, err)
			assert.Equal(c, map[string]int{"counts": 1}, c.left(got.Ends+59*time.Minute))
			assert.Empty(c, c.left(2*time.Minute))
		},
		"a delivery": func(c *cleaned) {
			require.NoError(c, c.Mark(c.Context(), "d"))
			assert.Equal(c, map[string]int{"seen": 1}, c.left(47*time.Hour+59*time.Minute))
			assert.Empty(c, c.left(2*time.Minute))
		},
	} {
		t.Run("the row of "+name+" is deleted after its end, not before", func(t *testing.T) {
			t.Parallel()
			test(newCleaned(t))
		})
	}
	t.Run("some call in a few hundred deletes what has ended", func(t *testing.T) {
		t.Parallel()
		s := newSchema(t)
		b := s.open(t, "a")
		s.store(t, "ended", 0)
		ended := len(tables)
		for calls := 0; ended > 0; calls++ {
			require.Less(t, calls, 3000, "nothing is deleted") // one in a hundred is
			require.NoError(t, b.Mark(t.Context(), "d"))
			row := s.admin.QueryRow(t.Context(), "SELECT count(*) FROM bankmux_fleet_leases WHERE expires_at = 0")
			require.NoError(t, row.Scan(&ended))
		}
	})
}
