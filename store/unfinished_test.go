package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// dies starts an exchange whose process dies.
func dies(t *testing.T, s *store.Store, l *links) {
	t.Helper()
	assert.Panics(t, func() { // nothing after the panic runs, as if the process were gone
		_, _ = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) { panic("the process dies") })
	})
}

// unfinishedOf returns what Unfinished lists.
func unfinishedOf(t *testing.T, s *store.Store) []store.Unfinished {
	t.Helper()
	all, err := s.Unfinished(t.Context())
	require.NoError(t, err)
	return all
}

// TestUnfinished specifies how long an exchange whose process died is listed.
func TestUnfinished(t *testing.T) {
	const lease = 30 * time.Second
	for name, failure := range map[string]*bankmux.Error{
		"the token is spent": {Kind: bankmux.ErrTokenSpent},
		"nothing was sent":   {Kind: bankmux.ErrCircuitOpen, NotSent: true},
	} {
		onEach(t, "it stays listed if it is posted again and "+name, func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			l := startLink(t, s, "rosa")
			dies(t, s, l)
			c.advance(lease)
			require.Len(t, unfinishedOf(t, s), 1)
			for range 3 {
				_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(context.Context) (bankmux.ExchangeResult, error) { return bankmux.ExchangeResult{}, failure })
				require.Error(t, err)
				assert.Len(t, unfinishedOf(t, s), 1)
			}
			_, err := l.finish(t.Context(), s, "1")
			require.NoError(t, err)
			assert.Empty(t, unfinishedOf(t, s), "its connection is stored")
		})
	}
	onEach(t, "it stays listed without its session, until it is closed", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l, other := startLink(t, s, "rosa"), startLink(t, s, "rosa")
		dies(t, s, l)
		dies(t, s, other)
		c.advance(lease)
		require.NoError(t, s.DeleteSession(t.Context(), l.session.Ref()))
		c.advance(30 * 24 * time.Hour)
		startLink(t, s, "omar") // deletes what has expired
		all := unfinishedOf(t, s)
		require.Len(t, all, 2)
		for range 2 {
			require.NoError(t, s.CloseUnfinished(t.Context(),
				store.Unfinished{User: "omar", Session: other.session.ID}), "that is not his")
			require.NoError(t, s.CloseUnfinished(t.Context(), store.Unfinished{User: "rosa", Session: l.session.ID}))
		}
		all = unfinishedOf(t, s)
		require.Len(t, all, 1)
		assert.Equal(t, other.session.ID, all[0].Session)
	})
	onEach(t, "a worker reports it one lease after its start", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		dies(t, s, startLink(t, s, "rosa"))
		j := newJobs()
		stop := j.start(t, s)
		connection(t, s, "rosa", "2")
		j.wait() // it has looked
		c.advance(lease)
		connection(t, s, "rosa", "3")
		j.wait()
		stop()
		assert.Contains(t, j.log.String(), "see Store.Unfinished\" count=1")
	})
	onBubbles(t, "a worker reports it again each hour", func(t *testing.T, db *database) {
		s := db.open(t, store.WithNow(time.Now))
		dies(t, s, startLink(t, s, "rosa"))
		start := time.Now()
		j := newJobs()
		j.poll = 10 * time.Second
		stop := j.start(t, s)
		time.Sleep(3*time.Hour + lease - time.Second)
		stop()
		var after []time.Duration
		for line := range strings.Lines(j.log.String()) {
			at, err := time.Parse("time="+time.RFC3339Nano, strings.Fields(line)[0])
			require.NoError(t, err, line)
			after = append(after, at.Sub(start).Round(time.Minute))
		}
		want := []time.Duration{lease.Round(time.Minute), time.Hour + time.Minute, 2*time.Hour + time.Minute}
		assert.Equal(t, want, after)
	})
	onEach(t, "an exchange that runs is neither listed nor closed", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				assert.Empty(t, unfinishedOf(t, s))
				err := s.CloseUnfinished(ctx, store.Unfinished{User: "rosa", Session: l.session.ID})
				assert.ErrorIs(t, err, bankmux.ErrNotReady)
				assert.Equal(t, lease, bankmux.ErrorOf(err).RetryAfter)
				return exchange(ctx, l.session, "1")
			})
		require.NoError(t, err)
	})
	onEach(t, "the oldest hundred are listed, the oldest first", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		for i := range 101 {
			dies(t, s, startLink(t, s, fmt.Sprintf("user %d", 200-i))) // not the order of the names
			c.advance(time.Millisecond)
		}
		c.advance(lease)
		all := unfinishedOf(t, s)
		require.Len(t, all, 100)
		for i, one := range all {
			assert.Equal(t, fmt.Sprintf("user %d", 200-i), one.User)
		}
	})
}

// TestUnfinishedPlan specifies that the hourly look does not read every exchange.
func TestUnfinishedPlan(t *testing.T) {
	onEach(t, "it uses an index", func(t *testing.T, db *database) {
		s := db.open(t)
		explain := "EXPLAIN QUERY PLAN "
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { assert.NoError(t, tx.Rollback()) }()
		if db.dialect == store.Postgres {
			explain = "EXPLAIN "
			_, err = tx.ExecContext(t.Context(), "SET LOCAL enable_seqscan = off") // the table is empty
			require.NoError(t, err)
		}
		rows, err := tx.QueryContext(t.Context(),
			explain+"SELECT id FROM bankmux_exchanges WHERE "+store.UnfinishedCondition, 0)
		require.NoError(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		require.NoError(t, err)
		var plan strings.Builder
		for rows.Next() {
			into := make([]any, len(columns))
			for i := range into {
				into[i] = new(any)
			}
			require.NoError(t, rows.Scan(into...))
			detail, ok := (*into[len(into)-1].(*any)).(string)
			require.True(t, ok)
			plan.WriteString(detail + "\n")
		}
		require.NoError(t, rows.Err())
		assert.Contains(t, plan.String(), "bankmux_exchanges_state")
	})
}
