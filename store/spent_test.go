package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// attempt is what one call gets for the banks of a run.
type attempt struct {
	made   string         // a letter for each connection
	failed []bankmux.Kind // of the other banks
	spent  int            // banks whose tokens are spent
	err    bankmux.Kind   // the call fails
	dies   bool           // its process dies
}

// gets returns an exchange that has the result of an attempt.
func (l *links) gets(a attempt) func(context.Context) (bankmux.ExchangeResult, error) {
	return func(ctx context.Context) (res bankmux.ExchangeResult, err error) {
		if a.err != "" {
			return res, &bankmux.Error{Kind: a.err}
		}
		for i, bank := range a.made {
			one, err := exchange(ctx, l.session, "token of "+string(bank))
			if err != nil {
				return res, err
			}
			one.Connection.ID = l.session.ConnectionID + string(bank)
			if i == 0 {
				res.Connection = one.Connection
			} else {
				res.More = append(res.More, one.Connection)
			}
		}
		for _, kind := range a.failed {
			res.Failed = append(res.Failed, bankmux.Failure{Err: &bankmux.Error{Kind: kind}})
		}
		res.Spent = a.spent
		return res, nil
	}
}

// TestSpent specifies that each access of a run has a connection, or its exchange is listed.
func TestSpent(t *testing.T) {
	const unknown, limited = bankmux.ErrOutcomeUnknown, bankmux.ErrRateLimited
	for name, c := range map[string]struct {
		attempts []attempt
		listed   int
	}{
		"a process dies after the first bank, and the next one links the second": {
			[]attempt{{dies: true}, {made: "B", spent: 1}}, 1,
		},
		"the first response is lost, and a repeat links the second bank": {
			[]attempt{{err: unknown}, {made: "B", spent: 1}}, 1,
		},
		"a bank certainly failed, and a repeat links it": {
			[]attempt{{made: "A", failed: []bankmux.Kind{limited}}, {made: "B", spent: 1}}, 0,
		},
		"a process dies between two results": {
			[]attempt{{made: "A", failed: []bankmux.Kind{limited}}, {dies: true}, {made: "B", spent: 1}}, 0,
		},
		"a process dies between two results, and spends the rest": {
			[]attempt{
				{made: "A", failed: []bankmux.Kind{limited, limited}}, {dies: true}, {made: "B", spent: 2},
			}, 1,
		},
		"an unknown bank was not linked, and a repeat links it": {
			[]attempt{{made: "A", failed: []bankmux.Kind{unknown}}, {made: "B", spent: 1}}, 0,
		},
		"an unknown bank was linked, and two repeats link the others": {
			[]attempt{
				{made: "A", failed: []bankmux.Kind{unknown, limited, limited}},
				{made: "D", failed: []bankmux.Kind{limited}, spent: 2},
				{made: "C", spent: 3},
			}, 1,
		},
		"an unknown bank was linked, and the provider does not count what is spent": {
			[]attempt{
				{made: "A", failed: []bankmux.Kind{unknown, limited, limited}},
				{made: "D", failed: []bankmux.Kind{limited}},
				{made: "C"},
			}, 1,
		},
		"a connection that a repeat returns again is not one that was owed": {
			[]attempt{{made: "A", failed: []bankmux.Kind{unknown}}, {made: "A"}}, 1,
		},
		"a connection that a repeat returns again is not one whose token is spent": {
			[]attempt{{made: "A", failed: []bankmux.Kind{limited}}, {made: "A", spent: 1}}, 1,
		},
		"repeats fail in between, and the last one links the rest": {
			[]attempt{
				{made: "A", failed: []bankmux.Kind{unknown, limited}},
				{err: limited},
				{made: "B", failed: []bankmux.Kind{limited}, spent: 1},
				{err: limited},
				{made: "C", spent: 2},
			}, 0,
		},
	} {
		onEach(t, name, func(t *testing.T, db *database) {
			clk := newClock()
			s := db.open(t, store.WithNow(clk.now))
			l := startLink(t, s, "rosa")
			for _, one := range c.attempts {
				if one.dies {
					dies(t, s, l)
					clk.advance(31 * time.Second)
					continue
				}
				res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(one))
				if err == nil && one.err != "" { // an earlier call has linked a bank
					err = res.Failed[0].Err
				}
				assert.Equal(t, one.err, bankmux.KindOf(err))
			}
			assert.Len(t, unfinishedOf(t, s), c.listed)
		})
	}
}

// TestSpentElsewhere specifies that another payload of the session may have spent a token.
func TestSpentElsewhere(t *testing.T) {
	post := func(t *testing.T, s *store.Store, l *links, digits string, a attempt) {
		t.Helper()
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload(digits), l.gets(a))
		require.NoError(t, err)
	}
	onEach(t, "nothing is lost if the browser links what the webhook could not", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		post(t, s, l, "1", attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrRateLimited}})
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", l.session.ConnectionID+"A"))
		post(t, s, l, "2", attempt{made: "B", spent: 1})
		assert.Empty(t, unfinishedOf(t, s), "a connection that was deleted since is not lost")
		other := startLink(t, s, "rosa")
		post(t, s, other, "2", attempt{made: "B", spent: 1})
		assert.Len(t, unfinishedOf(t, s), 1, "another session is not counted")
	})
	for name, c := range map[string]struct {
		outer  attempt
		listed int
	}{
		"and each links one bank":        {attempt{made: "A", spent: 1}, 0},
		"and a third access is lost":     {attempt{made: "A", spent: 2}, 2},
		"and a third bank has failed":    {attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrRateLimited}, spent: 1}, 1},
		"and a third outcome is unknown": {attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrUnavailable}, spent: 1}, 2},
	} {
		onEach(t, "two payloads run at the same time, "+name, func(t *testing.T, db *database) {
			s := db.open(t)
			l := startLink(t, s, "rosa")
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(ctx context.Context) (bankmux.ExchangeResult, error) {
					post(t, s, l, "2", attempt{made: "B", spent: 1})
					assert.Len(t, unfinishedOf(t, s), 1, "the first one to end does not see the other")
					return l.gets(c.outer)(ctx)
				})
			require.NoError(t, err)
			assert.Len(t, unfinishedOf(t, s), c.listed)
		})
	}
	onEach(t, "two processes end at the same time, and each links one bank", func(t *testing.T, db *database) {
		one, two := db.open(t), db.open(t)
		for range 10 {
			l := startLink(t, one, "rosa")
			var running, ended sync.WaitGroup
			running.Add(2)
			for s, post := range map[*store.Store]attempt{one: {made: "A", spent: 1}, two: {made: "B", spent: 1}} {
				ended.Go(func() {
					_, err := s.Exchange(t.Context(), l.session.Ref(), payload(post.made),
						func(ctx context.Context) (bankmux.ExchangeResult, error) {
							running.Done()
							running.Wait()
							return l.gets(post)(ctx)
						})
					assert.NoError(t, err)
				})
			}
			ended.Wait()
			assert.Empty(t, unfinishedOf(t, one))
		}
	})
	onEach(t, "an exchange whose own outcome is unknown stays listed", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		post(t, s, l, "1", attempt{made: "A", failed: []bankmux.Kind{bankmux.ErrOutcomeUnknown}})
		post(t, s, l, "2", attempt{made: "B", spent: 1})
		assert.Len(t, unfinishedOf(t, s), 1)
	})
}
