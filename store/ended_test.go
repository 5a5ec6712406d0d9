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

// lose runs an exchange whose end the database does not get, and returns its error.
func (f *fault) lose(
	t *testing.T, s *store.Store, l *links, ends func(context.Context) (bankmux.ExchangeResult, error),
) error {
	t.Helper()
	_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
		func(ctx context.Context) (bankmux.ExchangeResult, error) {
			defer f.arm(1)
			return ends(ctx)
		})
	require.True(t, f.reached())
	return err
}

// TestExchangeUnfinished specifies what a further post gets while an exchange has no outcome in the
// database.
func TestExchangeUnfinished(t *testing.T) {
	onBubbles(t, "a database that is slow at the end is a failure of the store", func(t *testing.T, db *database) {
		healthy, f := db.open(t, store.WithNow(time.Now)), &fault{}
		s := db.faulty(t, f, store.WithNow(time.Now))
		f.before = func() error {
			time.Sleep(11 * time.Second) // longer than the store tries
			return nil
		}
		l := startLink(t, healthy, "rosa")
		made, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				defer f.arm(1)
				return exchange(ctx, l.session, "1")
			})
		checkFault(t, err)
		require.NotEmpty(t, made.Connection.ID)
		_, err = healthy.Connection(t.Context(), "rosa", made.Connection.ID)
		require.ErrorIs(t, err, bankmux.ErrNotFound)

		short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = l.finish(short, healthy, "1")
		require.ErrorIs(t, err, bankmux.ErrNotReady, "another process does not send the token")
		assert.Positive(t, bankmux.ErrorOf(err).RetryAfter)

		again := time.Now()
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) { return made, nil })
		require.NoError(t, err)
		assert.Equal(t, made.Connection.ID, res.Connection.ID)
		assert.Less(t, time.Since(again), time.Second, "this process does not wait for the lease")
		_, err = l.finish(t.Context(), healthy, "1")
		require.NoError(t, err)
		assert.Zero(t, l.calls.Load())
	})
	onBubbles(t, "a failed exchange whose end is lost may be posted again at once", func(t *testing.T, db *database) {
		healthy, f := db.open(t, store.WithNow(time.Now)), &fault{err: errFault, forever: true}
		s := db.faulty(t, f, store.WithNow(time.Now))
		l := startLink(t, healthy, "rosa")
		err := f.lose(t, s, l, endsWith(&bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}))
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		again := time.Now()
		_, err = l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		assert.Less(t, time.Since(again), time.Second)
	})
	for name, c := range map[string]struct {
		ends   func(*links) func(context.Context) (bankmux.ExchangeResult, error)
		listed int
	}{
		"an unknown outcome": {func(*links) func(context.Context) (bankmux.ExchangeResult, error) {
			return endsWith(&bankmux.Error{Kind: bankmux.ErrOutcomeUnknown})
		}, 1},
		"a refusal": {func(*links) func(context.Context) (bankmux.ExchangeResult, error) {
			return endsWith(&bankmux.Error{Kind: bankmux.ErrUserAction})
		}, 0},
		"a result with a known failure": {func(l *links) func(context.Context) (bankmux.ExchangeResult, error) {
			return l.withFailures(bankmux.ErrUserAction)
		}, 0},
	} {
		onBubbles(t, "a repeat lists only what was in doubt when its end was lost: "+name,
			func(t *testing.T, db *database) {
				healthy, f := db.open(t, store.WithNow(time.Now)), &fault{err: errFault, forever: true}
				s := db.faulty(t, f, store.WithNow(time.Now))
				l := startLink(t, healthy, "rosa")
				require.Error(t, f.lose(t, s, l, c.ends(l)))
				_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					endsWith(&bankmux.Error{Kind: bankmux.ErrTokenSpent}))
				require.ErrorIs(t, err, bankmux.ErrTokenSpent)
				assert.Len(t, unfinishedOf(t, healthy), c.listed)
			})
	}
	onBubbles(t, "a token that is spent after the lease of another process may still be stored",
		func(t *testing.T, db *database) {
			slow, other := db.open(t, store.WithNow(time.Now)), db.open(t, store.WithNow(time.Now))
			l := startLink(t, slow, "rosa")
			assert.Panics(t, func() {
				_, _ = slow.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(context.Context) (bankmux.ExchangeResult, error) { panic("the process dies") })
			})
			time.Sleep(31 * time.Second)
			post := func() error {
				_, err := other.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(context.Context) (bankmux.ExchangeResult, error) {
						l.calls.Add(1)
						return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrTokenSpent}
					})
				return err
			}
			err := post()
			assert.Equal(t, bankmux.ErrNotReady, bankmux.KindOf(err))
			assert.Positive(t, bankmux.ErrorOf(err).RetryAfter)
			require.ErrorIs(t, post(), bankmux.ErrTokenSpent, "the other process had its time")
			assert.EqualValues(t, 2, l.calls.Load())
		})
}
