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

// withFailures returns an exchange that links one bank and fails at others.
func (l *links) withFailures(kinds ...bankmux.Kind) func(context.Context) (bankmux.ExchangeResult, error) {
	return func(ctx context.Context) (bankmux.ExchangeResult, error) {
		res, err := exchange(ctx, l.session, "1")
		for _, kind := range kinds {
			res.Failed = append(res.Failed, bankmux.Failure{Err: &bankmux.Error{Kind: kind}})
		}
		return res, err
	}
}

// ends is a disconnect that succeeds.
func ends(context.Context, bankmux.Connection) error { return nil }

// TestPartialDoubt specifies what stays listed of a run of several banks, some of which failed.
func TestPartialDoubt(t *testing.T) {
	run := func(t *testing.T, s *store.Store, l *links, kinds ...bankmux.Kind) {
		t.Helper()
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.withFailures(kinds...))
		require.NoError(t, err)
		require.Len(t, res.Failed, len(kinds))
		_, err = s.Connection(t.Context(), "rosa", res.Connection.ID)
		require.NoError(t, err, "its connection is stored")
	}
	for _, kind := range []bankmux.Kind{bankmux.ErrOutcomeUnknown, bankmux.ErrUnavailable} {
		onEach(t, "a bank whose outcome is unknown stays listed and is named: "+string(kind),
			func(t *testing.T, db *database) {
				c := newClock()
				s := db.open(t, store.WithNow(c.now))
				l := startLink(t, s, "rosa")
				run(t, s, l, bankmux.ErrUserAction, kind)
				c.advance(time.Hour)
				assert.Len(t, unfinishedOf(t, s), 1)
				res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent}))
				require.NoError(t, err)
				require.Len(t, res.Failed, 2)
				assert.Equal(t, bankmux.ErrTokenSpent, res.Failed[0].Err.Kind)
				assert.Len(t, unfinishedOf(t, s), 1, "posting again did not find it")
				left, err := s.DeleteUser(t.Context(), "rosa", ends)
				require.NoError(t, err)
				assert.Len(t, left, 1)
				assert.Zero(t, count(t, s, "bankmux_exchanges WHERE sealed IS NOT NULL"), "only the ids stay")
			})
	}
	onEach(t, "a bank that certainly failed is not listed", func(t *testing.T, db *database) {
		s := db.open(t)
		run(t, s, startLink(t, s, "rosa"), bankmux.ErrUserAction)
		assert.Empty(t, unfinishedOf(t, s))
		left, err := s.DeleteUser(t.Context(), "rosa", ends)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
	onEach(t, "a repeat that links as many banks as failed ends it", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		run(t, s, l, bankmux.ErrOutcomeUnknown)
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(attempt{made: "B"}))
		require.NoError(t, err)
		assert.Empty(t, unfinishedOf(t, s))
	})
	onEach(t, "a repeat that links fewer banks than failed does not", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		run(t, s, l, bankmux.ErrOutcomeUnknown, bankmux.ErrUserAction)
		_, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		assert.Len(t, unfinishedOf(t, s), 1)
		run(t, s, startLink(t, s, "rosa"), bankmux.ErrUserAction)
	})
	onEach(t, "a repeat that fails in a part of its own does not", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		run(t, s, l, bankmux.ErrOutcomeUnknown)
		run(t, s, l, bankmux.ErrUserAction)
		assert.Len(t, unfinishedOf(t, s), 1)
	})
}

// TestPartialRepeat specifies that a repeat that fails does not hide what was linked before.
func TestPartialRepeat(t *testing.T) {
	const lease = 30 * time.Second
	limited := []bankmux.Kind{bankmux.ErrRateLimited, bankmux.ErrRateLimited}
	start := func(t *testing.T, db *database) (*store.Store, *clock, *links) {
		t.Helper()
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(attempt{made: "A", failed: limited}))
		require.NoError(t, err)
		return s, c, l
	}
	repeat := func(t *testing.T, s *store.Store, l *links, a attempt) bankmux.ExchangeResult {
		t.Helper()
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(a))
		require.NoError(t, err)
		return res
	}
	letters := func(l *links, res bankmux.ExchangeResult) (all string) {
		for _, conn := range res.All() {
			all += strings.TrimPrefix(conn.ID, l.session.ConnectionID)
		}
		return all
	}
	kinds := func(res bankmux.ExchangeResult) (all []bankmux.Kind) {
		for _, f := range res.Failed {
			all = append(all, f.Err.Kind)
		}
		return all
	}
	onEach(t, "the result has what is stored, and what the provider said last", func(t *testing.T, db *database) {
		s, _, l := start(t, db)
		for range 2 {
			res := repeat(t, s, l, attempt{err: bankmux.ErrTokenSpent})
			assert.Equal(t, "A", letters(l, res))
			assert.Equal(t, []bankmux.Kind{bankmux.ErrTokenSpent, bankmux.ErrTokenSpent}, kinds(res))
		}
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			endsWith(&bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true}))
		require.NoError(t, err)
		spent := []bankmux.Kind{bankmux.ErrTokenSpent, bankmux.ErrTokenSpent}
		assert.Equal(t, spent, kinds(res), "that says nothing of it")
		assert.Empty(t, unfinishedOf(t, s))
	})
	onEach(t, "the result of a repeat has the connections of all calls", func(t *testing.T, db *database) {
		s, _, l := start(t, db)
		res := repeat(t, s, l, attempt{made: "B", failed: limited[:1], spent: 1})
		assert.Equal(t, "AB", letters(l, res))
		assert.Equal(t, 1, res.Spent)
		assert.Equal(t, limited[:1], kinds(res))
		assert.Equal(t, "AB", letters(l, repeat(t, s, l, attempt{err: bankmux.ErrRateLimited})))
		for range 2 {
			res = repeat(t, s, l, attempt{made: "C", spent: 2})
			assert.Equal(t, "ABC", letters(l, res))
			assert.Empty(t, res.Failed)
		}
	})
	onEach(t, "an outcome that is not known is listed", func(t *testing.T, db *database) {
		s, _, l := start(t, db)
		res := repeat(t, s, l, attempt{err: bankmux.ErrOutcomeUnknown})
		assert.Equal(t, "A", letters(l, res))
		assert.Len(t, unfinishedOf(t, s), 1)
		repeat(t, s, l, attempt{err: bankmux.ErrTokenSpent})
		assert.Len(t, unfinishedOf(t, s), 1)
	})
	onEach(t, "a process that died during a repeat may still store what it got", func(t *testing.T, db *database) {
		s, c, l := start(t, db)
		dies(t, s, l)
		c.advance(lease)
		res := repeat(t, s, l, attempt{err: bankmux.ErrTokenSpent})
		assert.Equal(t, "A", letters(l, res))
		assert.Equal(t, []bankmux.Kind{bankmux.ErrNotReady, bankmux.ErrNotReady}, kinds(res))
		assert.Len(t, unfinishedOf(t, s), 1)
	})
	onEach(t, "a process that is late with an error changes no result", func(t *testing.T, db *database) {
		s, c, l := start(t, db)
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) {
				c.advance(lease)
				repeat(t, s, l, attempt{made: "BC", spent: 1})
				return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrTokenSpent}
			})
		require.NoError(t, err)
		res := repeat(t, s, l, attempt{err: bankmux.ErrUnknown})
		assert.Equal(t, "ABC", letters(l, res))
		assert.Empty(t, res.Failed)
	})
	onEach(t, "if the user has ended the access since, the repeat fails", func(t *testing.T, db *database) {
		s, _, l := start(t, db)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", l.session.ConnectionID+"A"))
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), l.gets(attempt{err: bankmux.ErrRateLimited}))
		require.ErrorIs(t, err, bankmux.ErrRateLimited)
	})
}

// TestOwed specifies that a run of several banks owes what failed, whatever a repeat gets.
func TestOwed(t *testing.T) {
	failed := func(err *bankmux.Error) func(*testing.T, *store.Store, *clock, *links) {
		return func(t *testing.T, s *store.Store, _ *clock, l *links) {
			t.Helper()
			res, got := s.Exchange(t.Context(), l.session.Ref(), payload("1"), endsWith(err))
			require.NoError(t, got)
			assert.Len(t, res.Failed, 2)
		}
	}
	for name, repeat := range map[string]func(*testing.T, *store.Store, *clock, *links){
		"finds the provider down": failed(&bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true}),
		"sends nothing, as for a payload of another session": failed(
			&bankmux.Error{Kind: bankmux.ErrTokenSpent, NotSent: true}),
		"ends with its process": func(t *testing.T, s *store.Store, c *clock, l *links) {
			t.Helper()
			dies(t, s, l)
			c.advance(31 * time.Second)
		},
	} {
		for _, both := range []bool{false, true} {
			onEach(t, fmt.Sprintf("a repeat %s, and the next one links all: %t", name, both),
				func(t *testing.T, db *database) {
					c := newClock()
					s := db.open(t, store.WithNow(c.now))
					l := startLink(t, s, "rosa")
					_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
						l.withFailures(bankmux.ErrOutcomeUnknown, bankmux.ErrOutcomeUnknown))
					require.NoError(t, err)
					for range 2 {
						repeat(t, s, c, l)
					}
					_, err = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
						l.gets(attempt{made: map[bool]string{false: "B", true: "BC"}[both]}))
					require.NoError(t, err)
					listed := 1
					if both {
						listed = 0
					}
					assert.Len(t, unfinishedOf(t, s), listed)
				})
		}
	}
}

// TestRefusedAccess specifies that a refused access is listed if the adapter could not end it.
func TestRefusedAccess(t *testing.T) {
	for name, c := range map[string]struct {
		refusal bankmux.Error
		listed  int
	}{
		"which has ended":          {bankmux.Error{Kind: bankmux.ErrInvalid}, 0},
		"which stays open":         {bankmux.Error{Kind: bankmux.ErrInvalid, Err: bankmux.ErrUnavailable}, 1},
		"which was not opened yet": {bankmux.Error{Kind: bankmux.ErrInvalid, Err: errFault, NotSent: true}, 0},
	} {
		onEach(t, "an access "+name, func(t *testing.T, db *database) {
			s := db.open(t)
			l := startLink(t, s, "rosa")
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), endsWith(&c.refusal))
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.Len(t, unfinishedOf(t, s), c.listed)
		})
	}
}

// TestRefusedEnd specifies that the end of an exchange that failed is stored like that of a result.
func TestRefusedEnd(t *testing.T) {
	refused := &bankmux.Error{Kind: bankmux.ErrUserAction, Code: bankmux.CodeCancelled, NotSent: true}
	for _, broken := range []int{1, 2, 3, 4} {
		onEach(t, "a refusal is not in doubt if one statement fails at its end", func(t *testing.T, db *database) {
			c, f := newClock(), &fault{err: errFault}
			healthy := db.open(t, store.WithNow(c.now))
			s := db.faulty(t, f, store.WithNow(c.now))
			l := startLink(t, healthy, "rosa")
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) {
					f.arm(broken)
					return bankmux.ExchangeResult{}, refused
				})
			require.ErrorIs(t, err, bankmux.ErrUserAction)
			c.advance(31 * time.Second)
			assert.Empty(t, unfinishedOf(t, healthy))
			left, err := healthy.DeleteUser(t.Context(), "rosa", nil)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// TestTwoResults specifies what two processes get that both exchange a payload in the end.
func TestTwoResults(t *testing.T) {
	for name, c := range map[string]struct {
		token      string // of the second access
		disconnect bool   // the user disconnects meanwhile
		listed     int
	}{
		"the same access":               {"second", false, 0},
		"another access":                {"first", false, 1},
		"an access that the user ended": {"first", true, 1},
	} {
		onEach(t, "the later one gets the stored result, and lists an access that it lacks: "+name,
			func(t *testing.T, db *database) {
				clk := newClock()
				late, other := db.open(t, store.WithNow(clk.now)), db.open(t, store.WithNow(clk.now))
				l := startLink(t, other, "rosa")
				var stored bankmux.Connection
				res, err := late.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(ctx context.Context) (bankmux.ExchangeResult, error) {
						clk.advance(31 * time.Second)
						got, err := other.Exchange(ctx, l.session.Ref(), payload("1"),
							func(ctx context.Context) (bankmux.ExchangeResult, error) {
								return exchange(ctx, l.session, "second")
							})
						assert.NoError(t, err)
						stored = got.Connection
						if c.disconnect {
							assert.NoError(t, other.DeleteConnection(ctx, "rosa", stored.ID))
						}
						return exchange(ctx, l.session, c.token)
					})
				if c.disconnect {
					require.ErrorIs(t, err, bankmux.ErrTokenSpent)
				} else {
					require.NoError(t, err)
					assert.Equal(t, stored, res.Connection)
					again, err := l.finish(t.Context(), other, "1")
					require.NoError(t, err)
					assert.Equal(t, stored, again.Connection, "posting again finds it")
				}
				assert.Zero(t, l.calls.Load())
				assert.Len(t, unfinishedOf(t, late), c.listed)
				left, err := late.DeleteUser(t.Context(), "rosa", ends)
				require.NoError(t, err)
				assert.Len(t, left, c.listed)
			})
	}
	onEach(t, "an error changes nothing of a result that another call stored", func(t *testing.T, db *database) {
		clk := newClock()
		late, other := db.open(t, store.WithNow(clk.now)), db.open(t, store.WithNow(clk.now))
		l := startLink(t, other, "rosa")
		_, err := late.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				clk.advance(31 * time.Second)
				_, err := l.finish(ctx, other, "1")
				assert.NoError(t, err)
				return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrOutcomeUnknown}
			})
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
		assert.Empty(t, unfinishedOf(t, other))
		_, err = l.finish(t.Context(), other, "1")
		require.NoError(t, err)
		assert.EqualValues(t, 1, l.calls.Load())
	})
}

// TestCloseWithinLease specifies that an exchange whose process may live is not closed silently.
func TestCloseWithinLease(t *testing.T) {
	const lease = 30 * time.Second
	onEach(t, "a process that lives after all gets no connection", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				c.advance(lease)
				assert.NoError(t, s.CloseUnfinished(ctx, unfinishedOf(t, s)[0]))
				return exchange(ctx, l.session, "1")
			})
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		assert.NotEmpty(t, res.Connection.ID, "so that the caller can end the access")
		all, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Empty(t, all)
		assert.Zero(t, count(t, s, "bankmux_exchanges"))
	})
	onEach(t, "the error says when, also after the deletion of the user", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		dies(t, s, startLink(t, s, "rosa"))
		c.advance(10 * time.Second)
		left, err := s.DeleteUser(t.Context(), "rosa", nil)
		require.NoError(t, err)
		require.Len(t, left, 1)
		err = s.CloseUnfinished(t.Context(), left[0])
		require.ErrorIs(t, err, bankmux.ErrNotReady)
		assert.Equal(t, lease-10*time.Second, bankmux.ErrorOf(err).RetryAfter)
		c.advance(lease - 10*time.Second)
		require.NoError(t, s.CloseUnfinished(t.Context(), left[0]))
		assert.Zero(t, count(t, s, "bankmux_exchanges"))
	})
}
