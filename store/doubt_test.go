package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// endsWith returns an exchange that fails.
func endsWith(err *bankmux.Error) func(context.Context) (bankmux.ExchangeResult, error) {
	return func(context.Context) (bankmux.ExchangeResult, error) { return bankmux.ExchangeResult{}, err }
}

// TestDeleteUserInDoubt specifies that the deletion of a user loses no exchange that may have
// opened an access.
func TestDeleteUserInDoubt(t *testing.T) {
	const lease = 30 * time.Second
	for name, start := range map[string]func(t *testing.T, s *store.Store, c *clock, l *links){
		"whose process died": func(t *testing.T, s *store.Store, c *clock, l *links) {
			t.Helper()
			dies(t, s, l)
			c.advance(lease)
		},
		"whose process has just died": func(t *testing.T, s *store.Store, _ *clock, l *links) {
			t.Helper()
			dies(t, s, l)
		},
		"whose process died and whose token is spent": func(t *testing.T, s *store.Store, c *clock, l *links) {
			t.Helper()
			dies(t, s, l)
			c.advance(lease)
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent}))
			require.Error(t, err)
		},
		"whose outcome the provider did not say": func(t *testing.T, s *store.Store, _ *clock, l *links) {
			t.Helper()
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				endsWith(&bankmux.Error{Kind: bankmux.ErrOutcomeUnknown}))
			require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
		},
	} {
		onEach(t, "it names an exchange "+name+", which stays listed", func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			l, other := startLink(t, s, "rosa"), startLink(t, s, "omar")
			want := []store.Unfinished{
				{User: "rosa", Session: l.session.ID, Since: c.now().Truncate(time.Millisecond).UTC()},
			}
			start(t, s, c, l)
			dies(t, s, other)
			for range 2 {
				left, err := s.DeleteUser(t.Context(), "rosa", nil)
				require.NoError(t, err)
				assert.Equal(t, want, left, "a repeat names it again")
			}
			assert.Zero(t, count(t, s, "bankmux_sessions WHERE user_id = 'rosa'"))
			_, err := l.finish(t.Context(), s, "1")
			require.ErrorIs(t, err, bankmux.ErrNotFound)
			assert.Zero(t, l.calls.Load(), "nothing is sent for a user who is gone")
			c.advance(lease)
			require.NoError(t, s.CloseUnfinished(t.Context(), unfinishedOf(t, s)[0]))
			require.NoError(t, s.CloseUnfinished(t.Context(), want[0]))
			require.NoError(t, only(s.DeleteUser(t.Context(), "omar", nil)))
			left, err := s.DeleteUser(t.Context(), "rosa", nil)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
	onEach(t, "an exchange that ended is not named", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("2"),
			endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent}))
		require.Error(t, err)
		_, err = l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		require.NoError(t,
			deleteUser(t, s, "rosa", func(context.Context, bankmux.Connection) error { return nil }))
		assert.Zero(t, count(t, s, "bankmux_exchanges"))
	})
	onEach(t, "it stays until the process that lives has ended the access", func(t *testing.T, db *database) {
		s := db.open(t)
		l, other := startLink(t, s, "rosa"), startLink(t, s, "rosa")
		dies(t, s, other)
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				left, err := s.DeleteUser(ctx, "rosa", nil)
				assert.NoError(t, err)
				assert.Len(t, left, 2)
				return exchange(ctx, l.session, "1")
			})
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		require.NotEmpty(t, res.Connection.ID)
		assert.Equal(t, 2, count(t, s, "bankmux_exchanges"))
		for range 2 {
			require.NoError(t, s.ForgetExchange(t.Context(), l.session.Ref(), payload("1")))
		}
		left, err := s.DeleteUser(t.Context(), "rosa", nil)
		require.NoError(t, err)
		require.Len(t, left, 1)
		assert.Equal(t, other.session.ID, left[0].Session)
	})
	onEach(t, "an exchange that fails meanwhile is forgotten, unless its outcome is not known",
		func(t *testing.T, db *database) {
			s := db.open(t)
			for kind, want := range map[bankmux.Kind]int{bankmux.ErrTokenSpent: 0, bankmux.ErrOutcomeUnknown: 1} {
				l := startLink(t, s, "rosa")
				_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(ctx context.Context) (bankmux.ExchangeResult, error) {
						assert.NoError(t, only(s.DeleteUser(ctx, "rosa", nil)))
						return bankmux.ExchangeResult{}, &bankmux.Error{Kind: kind}
					})
				require.ErrorIs(t, err, kind)
				assert.Equal(t, want, count(t, s, "bankmux_exchanges"), kind)
				_, err = s.DB().ExecContext(t.Context(), "DELETE FROM bankmux_exchanges")
				require.NoError(t, err)
			}
		})
	onEach(t, "an exchange that another process took over meanwhile stays", func(t *testing.T, db *database) {
		c := newClock()
		late, other := db.open(t, store.WithNow(c.now)), db.open(t, store.WithNow(c.now))
		l := startLink(t, other, "rosa")
		_, err := late.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				c.advance(lease)
				dies(t, other, l)
				assert.NoError(t, only(other.DeleteUser(ctx, "rosa", nil)))
				return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrUserAction}
			})
		require.ErrorIs(t, err, bankmux.ErrUserAction)
		assert.Equal(t, 1, count(t, late, "bankmux_exchanges"))
	})
	onEach(t, "it names what is left in the end, also if a provider fails", func(t *testing.T, db *database) {
		s := db.open(t)
		connection(t, s, "rosa", "2")
		l := startLink(t, s, "rosa")
		dies(t, s, l)
		left, err := s.DeleteUser(t.Context(), "rosa",
			func(context.Context, bankmux.Connection) error { return errFault })
		require.ErrorIs(t, err, errFault)
		assert.Len(t, left, 1)
		other := bankmux.SessionRef{User: "omar", ID: l.session.ID}
		require.NoError(t, s.ForgetExchange(t.Context(), other, payload("1")), "that is not his")
		left, err = s.DeleteUser(t.Context(), "rosa", func(ctx context.Context, _ bankmux.Connection) error {
			assert.Equal(t, 1, count(t, s, "bankmux_exchanges"))
			return s.ForgetExchange(ctx, l.session.Ref(), payload("1"))
		})
		require.NoError(t, err)
		assert.Empty(t, left)
	})
	onEach(t, "an exchange of a user who is not deleted is not forgotten", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		dies(t, s, l)
		c.advance(lease)
		require.NoError(t, s.ForgetExchange(t.Context(), l.session.Ref(), payload("1")))
		assert.Len(t, unfinishedOf(t, s), 1)
	})
}

// TestUnfinishedOutcome specifies that an exchange is listed if its provider did not say what
// happened.
func TestUnfinishedOutcome(t *testing.T) {
	onEach(t, "it is listed until the payload gets its connection", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		for _, kind := range []bankmux.Kind{bankmux.ErrOutcomeUnknown, bankmux.ErrUnavailable} {
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), endsWith(&bankmux.Error{Kind: kind}))
			require.ErrorIs(t, err, kind)
			assert.Len(t, unfinishedOf(t, s), 1)
		}
		_, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		assert.Empty(t, unfinishedOf(t, s))
	})
	spent := endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent})
	for name, ends := range map[string]func(*links) func(context.Context) (bankmux.ExchangeResult, error){
		"an error": func(*links) func(context.Context) (bankmux.ExchangeResult, error) { return spent },
		"a result": func(l *links) func(context.Context) (bankmux.ExchangeResult, error) { return l.withFailures() },
	} {
		onBubbles(t, "it stays listed if the process that took it over lost its end, which was "+name,
			func(t *testing.T, db *database) {
				f := &fault{err: errFault, forever: true}
				healthy := db.open(t, store.WithNow(time.Now))
				s := db.faulty(t, f, store.WithNow(time.Now))
				l := startLink(t, healthy, "rosa")
				dies(t, healthy, l)
				time.Sleep(31 * time.Second)
				require.Error(t, f.lose(t, s, l, ends(l)))
				_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"), spent)
				require.ErrorIs(t, err, bankmux.ErrTokenSpent)
				assert.Len(t, unfinishedOf(t, healthy), 1)
			})
	}
}

// TestHoldExchange specifies that a process that holds a result keeps its exchange.
func TestHoldExchange(t *testing.T) {
	const lease = 30 * time.Second
	onBubbles(t, "another process neither runs the exchange nor lists it, until the lease ends",
		func(t *testing.T, db *database) {
			f := &fault{err: errFault, forever: true}
			other := db.open(t, store.WithNow(time.Now))
			s := db.faulty(t, f, store.WithNow(time.Now))
			l := startLink(t, other, "rosa")
			made, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(ctx context.Context) (bankmux.ExchangeResult, error) {
					defer f.arm(1)
					return exchange(ctx, l.session, "1")
				})
			require.Error(t, err)
			f.reached()
			for range 10 {
				again, err := s.HoldExchange(t.Context(), l.session.Ref(), payload("1"))
				require.NoError(t, err)
				assert.Equal(t, lease/3, again)
				time.Sleep(lease - 2*time.Second)
				assert.Empty(t, unfinishedOf(t, other))
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err = l.finish(short, other, "1")
				cancel()
				require.ErrorIs(t, err, bankmux.ErrNotReady)
			}
			assert.Zero(t, l.calls.Load(), "the token is not sent again")
			next := startLink(t, other, "rosa") // whose end is lost too
			_, err = s.Exchange(t.Context(), next.session.Ref(), payload("2"),
				func(context.Context) (bankmux.ExchangeResult, error) {
					f.arm(1)
					return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrTokenSpent}
				})
			require.Error(t, err)
			f.reached()
			before := time.Now()
			res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) { return made, nil })
			require.NoError(t, err)
			assert.Less(t, time.Since(before), time.Second, "this process does not wait for its own lease")
			assert.Equal(t, made.Connection.ID, res.Connection.ID)
		})
	onBubbles(t, "an outage that lasts longer than a lease makes it forget nothing", func(t *testing.T, db *database) {
		f := &fault{err: errFault, forever: true}
		other := db.open(t, store.WithNow(time.Now))
		s := db.faulty(t, f, store.WithNow(time.Now))
		l := startLink(t, other, "rosa")
		require.Error(t, f.lose(t, s, l, l.withFailures()))
		time.Sleep(lease)
		require.Error(t, f.lose(t, s, startLink(t, other, "omar"), l.withFailures()))
		_, err := s.HoldExchange(t.Context(), l.session.Ref(), payload("1"))
		require.NoError(t, err)
		time.Sleep(lease - time.Second)
		for _, one := range unfinishedOf(t, other) {
			assert.NotEqual(t, "rosa", one.User)
		}
	})
	onBubbles(t, "it holds neither another user's exchange nor one that another process took over",
		func(t *testing.T, db *database) {
			f := &fault{err: errFault, forever: true}
			other := db.open(t, store.WithNow(time.Now))
			s := db.faulty(t, f, store.WithNow(time.Now))
			l := startLink(t, other, "rosa")
			require.Error(t, f.lose(t, s, l, l.withFailures()))
			time.Sleep(lease / 2)
			_, err := s.HoldExchange(t.Context(), bankmux.SessionRef{User: "omar", ID: l.session.ID}, payload("1"))
			require.NoError(t, err)
			time.Sleep(lease / 2)
			assert.Len(t, unfinishedOf(t, other), 1)
			dies(t, other, l)
			time.Sleep(lease - time.Second)
			_, err = s.HoldExchange(t.Context(), l.session.Ref(), payload("1"))
			require.NoError(t, err)
			time.Sleep(time.Second)
			assert.Len(t, unfinishedOf(t, other), 1)
		})
	onEach(t, "what this process does not hold is left as it is", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		dies(t, s, l)
		c.advance(lease - time.Second)
		_, err := s.HoldExchange(t.Context(), l.session.Ref(), payload("1"))
		require.NoError(t, err)
		c.advance(time.Second)
		assert.Len(t, unfinishedOf(t, s), 1)
	})
}
