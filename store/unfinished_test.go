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

// unfinishedOf returns all that Unfinished lists.
func unfinishedOf(t *testing.T, s *store.Store) (all []store.Unfinished) {
	t.Helper()
	for after := ""; ; {
		page, next, err := s.Unfinished(t.Context(), after)
		require.NoError(t, err)
		all = append(all, page...)
		if after = next; after == "" {
			return all
		}
		assert.Len(t, page, 100)
	}
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
	onEach(t, "pages of a hundred list all, the oldest first", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		var want []string
		for i := range 201 {
			want = append(want, fmt.Sprintf("user %d", 300-i)) // not the order of the names
			dies(t, s, startLink(t, s, want[i]))
			c.advance(time.Millisecond)
		}
		c.advance(lease)
		var got []string
		for _, one := range unfinishedOf(t, s) {
			got = append(got, one.User)
		}
		assert.Equal(t, want, got)
		j := newJobs()
		stop := j.start(t, s)
		connection(t, s, "rosa", "2")
		j.wait() // it has looked
		stop()
		assert.Contains(t, j.log.String(), "see Store.Unfinished\" count=201")
	})
	onEach(t, "those of one moment are on one page each, also if some are closed meanwhile",
		func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			for range 250 {
				dies(t, s, startLink(t, s, "rosa"))
			}
			c.advance(lease)
			first, next, err := s.Unfinished(t.Context(), "")
			require.NoError(t, err)
			for _, one := range first[50:] {
				require.NoError(t, s.CloseUnfinished(t.Context(), one))
			}
			seen := map[string]bool{}
			for all := first; ; {
				for _, one := range all {
					assert.False(t, seen[one.Session])
					seen[one.Session] = true
				}
				if next == "" {
					break
				}
				all, next, err = s.Unfinished(t.Context(), next)
				require.NoError(t, err)
			}
			assert.Len(t, seen, 250)
		})
	onEach(t, "a page that is not there is refused", func(t *testing.T, db *database) {
		s := db.open(t)
		for _, after := range []string{"x", "eA", "MSAA", "eCB5"} { // "x", "1 \x00", "x y"
			_, _, err := s.Unfinished(t.Context(), after)
			require.ErrorIs(t, err, bankmux.ErrInvalid, after)
		}
	})
}

// TestCloseUnfinished specifies that an exchange that was closed sends nothing any more, and is not
// listed again.
func TestCloseUnfinished(t *testing.T) {
	const lease = 30 * time.Second
	closes := func(t *testing.T, s *store.Store, l *links) {
		t.Helper()
		one := store.Unfinished{User: l.session.User, Session: l.session.ID}
		for range 2 {
			require.NoError(t, s.CloseUnfinished(t.Context(), one))
		}
		assert.Empty(t, unfinishedOf(t, s))
	}
	sendsNothing := func(context.Context) (bankmux.ExchangeResult, error) {
		t.Error("nothing may be sent")
		return bankmux.ExchangeResult{}, nil
	}
	for name, start := range map[string]func(*testing.T, *store.Store, *clock, *links){
		"whose process died": func(t *testing.T, s *store.Store, c *clock, l *links) {
			t.Helper()
			dies(t, s, l)
			c.advance(lease)
		},
		"whose outcome the provider did not say": func(t *testing.T, s *store.Store, _ *clock, l *links) {
			t.Helper()
			lost := endsWith(&bankmux.Error{Kind: bankmux.ErrOutcomeUnknown})
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), lost)
			require.Error(t, err)
		},
		"that found a login spent": func(t *testing.T, s *store.Store, c *clock, l *links) {
			t.Helper()
			dies(t, s, l)
			c.advance(lease)
			spent := endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent})
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), spent)
			require.Error(t, err)
		},
	} {
		onEach(t, "a payload "+name+" is spent", func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			l := startLink(t, s, "rosa")
			start(t, s, c, l)
			require.Len(t, unfinishedOf(t, s), 1)
			closes(t, s, l)
			for _, other := range []*store.Store{s, db.open(t, store.WithNow(c.now))} {
				for _, posted := range []string{"1", "2"} { // a webhook may post another payload
					_, err := other.Exchange(t.Context(), l.session.Ref(), payload(posted), sendsNothing)
					require.ErrorIs(t, err, bankmux.ErrTokenSpent)
				}
				_, err := other.Session(t.Context(), l.session.Ref())
				require.ErrorIs(t, err, bankmux.ErrTokenSpent)
			}
			c.advance(lease)
			assert.Empty(t, unfinishedOf(t, s))
		})
	}
	onEach(t, "a payload that has linked one of two banks finds it", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		unknown := attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrOutcomeUnknown}}
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(unknown))
		require.NoError(t, err)
		closes(t, s, l)
		again, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), sendsNothing)
		require.NoError(t, err)
		assert.Equal(t, l.session.ConnectionID+"A", again.Connection.ID)
		assert.Empty(t, again.Failed, "a repeat cannot link it")
		assert.Empty(t, unfinishedOf(t, s))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", again.Connection.ID))
		_, err = s.Exchange(t.Context(), l.session.Ref(), payload("1"), sendsNothing)
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	})
	onEach(t, "a session without such an exchange goes on", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		closes(t, s, l)
		_, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		closes(t, s, l)
		_, err = l.finish(t.Context(), s, "2")
		require.NoError(t, err)
	})
	onEach(t, "a process that lives after all gets that nothing is stored", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				c.advance(lease)
				closes(t, s, l)
				return exchange(ctx, l.session, "1")
			})
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		assert.NotEmpty(t, res.Connection.ID, "to end its access")
		assert.Empty(t, unfinishedOf(t, s))
		_, err = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) { return res, nil })
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
		assert.Empty(t, unfinishedOf(t, s))
	})
	onEach(t, "a process that lives after all, and links a further bank, is listed again",
		func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			l := startLink(t, s, "rosa")
			limited := attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrRateLimited}}
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(limited))
			require.NoError(t, err)
			_, err = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(ctx context.Context) (bankmux.ExchangeResult, error) {
					c.advance(lease)
					closes(t, s, l)
					return l.gets(attempt{made: "B", spent: 1})(ctx)
				})
			require.NoError(t, err)
			assert.Len(t, unfinishedOf(t, s), 1, "nothing stores the second access")
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
