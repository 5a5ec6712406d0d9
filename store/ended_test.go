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
		healthy, f := db.open(t, store.WithNow(time.Now)), &fault{err: errFault}
		s := db.faulty(t, f, store.WithNow(time.Now))
		l := startLink(t, healthy, "rosa")
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) {
				f.arm(1)
				return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
			})
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		again := time.Now()
		_, err = l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		assert.Less(t, time.Since(again), time.Second)
	})
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
