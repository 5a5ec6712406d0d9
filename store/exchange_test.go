package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// links counts the exchanges of a session.
type links struct {
	session bankmux.Session
	calls   atomic.Int32
}

func startLink(t *testing.T, s *store.Store, user string) *links {
	t.Helper()
	l := &links{session: session(t, user)}
	require.NoError(t, s.SaveSession(t.Context(), l.session))
	return l
}

// finish posts a payload.
func (l *links) finish(ctx context.Context, s *store.Store, token string) (bankmux.ExchangeResult, error) {
	return s.Exchange(ctx, l.session.Ref(), payload(token), func(ctx context.Context) (bankmux.ExchangeResult, error) {
		l.calls.Add(1)
		return exchange(ctx, l.session, token)
	})
}

func TestExchange(t *testing.T) {
	onEach(t, "a payload that is posted again finds the connection", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		first, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		stored, err := s.Connection(t.Context(), "rosa", first.Connection.ID)
		require.NoError(t, err)
		assert.Equal(t, first.Connection, stored)
		again, err := l.finish(t.Context(), db.open(t), "1")
		require.NoError(t, err)
		assert.Equal(t, first, again)
		assert.EqualValues(t, 1, l.calls.Load())
	})
	onEach(t, "two processes at once make one connection", func(t *testing.T, db *database) {
		first, second := db.open(t), db.open(t)
		l := startLink(t, first, "rosa")
		ids := make(chan string, 16)
		var wg sync.WaitGroup
		for i := range cap(ids) {
			s := []*store.Store{first, second}[i%2]
			wg.Go(func() {
				res, err := l.finish(t.Context(), s, "1")
				assert.NoError(t, err)
				ids <- res.Connection.ID
			})
		}
		wg.Wait()
		close(ids)
		for id := range ids {
			assert.Equal(t, l.session.ConnectionID, id)
		}
		assert.EqualValues(t, 1, l.calls.Load(), "one exchange is sent")
		all, err := first.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Len(t, all, 1)
	})
	onEach(t, "a payload with other spacing is the same", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		first, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		again, err := s.Exchange(t.Context(), l.session.Ref(), []byte("\n{ \"token\" : \"1\" }\t"),
			func(context.Context) (bankmux.ExchangeResult, error) {
				t.Error("it must not be called")
				return bankmux.ExchangeResult{}, nil
			})
		require.NoError(t, err)
		assert.Equal(t, first, again)
	})
	onEach(t, "another payload of the session is another exchange", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		for _, token := range []string{"1", "2", "1"} {
			_, err := l.finish(t.Context(), s, token)
			require.NoError(t, err)
		}
		assert.EqualValues(t, 2, l.calls.Load())
	})
	onEach(t, "the session must be the user's", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		for _, ref := range []bankmux.SessionRef{
			{User: "omar", ID: l.session.ID}, {User: "rosa", ID: "unknown"}, {User: "rosa"}, {},
		} {
			_, err := s.Exchange(t.Context(), ref, payload("1"), func(context.Context) (bankmux.ExchangeResult, error) {
				t.Error("it must not be called")
				return bankmux.ExchangeResult{}, nil
			})
			require.ErrorIs(t, err, bankmux.ErrNotFound)
		}
		_, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		_, err = s.Exchange(t.Context(), bankmux.SessionRef{User: "omar", ID: l.session.ID}, payload("1"), nil)
		require.ErrorIs(t, err, bankmux.ErrNotFound, "a result is for its user alone")
	})
	onEach(t, "the result outlives the session by a day", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		_, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		c.advance(20 * time.Hour)
		require.NoError(t, s.SaveSession(t.Context(), session(t, "omar")))
		_, err = l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		assert.EqualValues(t, 1, l.calls.Load())
		c.advance(20 * time.Hour)
		require.NoError(t, s.SaveSession(t.Context(), session(t, "omar")))
		_, err = l.finish(t.Context(), s, "1")
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "a payload whose connection was deleted since is spent", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		res, err := l.finish(t.Context(), s, "1")
		require.NoError(t, err)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", res.Connection.ID))
		_, err = l.finish(t.Context(), s, "1")
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
		assert.EqualValues(t, 1, l.calls.Load())
	})
	onEach(t, "the other connections of a run are left", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		post := func() (bankmux.ExchangeResult, error) {
			return s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(ctx context.Context) (bankmux.ExchangeResult, error) {
					res, err := exchange(ctx, session(t, "rosa"), "1")
					require.NoError(t, err)
					more, err := exchange(ctx, session(t, "rosa"), "2")
					res.More = []bankmux.Connection{more.Connection}
					return res, err
				})
		}
		made, err := post()
		require.NoError(t, err)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", made.Connection.ID))
		left, err := post()
		require.NoError(t, err)
		assert.Equal(t, made.More[0].ID, left.Connection.ID)
		assert.Empty(t, left.More)
	})
}

func TestExchangeFails(t *testing.T) {
	unavailable := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
	lost := &bankmux.Error{Kind: bankmux.ErrOutcomeUnknown}
	for name, c := range map[string]struct {
		err    error
		shared bool // with the call that waits
	}{
		"one that was not sent":     {unavailable, false},
		"one whose outcome is lost": {lost, true},
		"one without a kind":        {errors.New("secret-detail"), true},
	} {
		onEach(t, name+" may be posted again", func(t *testing.T, db *database) {
			s := db.open(t)
			l := startLink(t, s, "rosa")
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) { return bankmux.ExchangeResult{}, c.err })
			assert.Equal(t, c.err, err)
			res, err := l.finish(t.Context(), s, "1")
			require.NoError(t, err)
			assert.Equal(t, l.session.ConnectionID, res.Connection.ID)
		})
		onEach(t, name+" and the call that waits for it", func(t *testing.T, db *database) {
			s := db.open(t)
			running, waits := make(chan struct{}), make(chan error, 1)
			other := db.openOnly(t, whenItWaits(waits, time.Now))
			l := startLink(t, s, "rosa")
			go func() {
				<-running
				_, err := l.finish(t.Context(), other, "1")
				waits <- err
			}()
			_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) {
					close(running)
					assert.NoError(t, <-waits, "the other call has seen this one")
					return bankmux.ExchangeResult{}, c.err
				})
			assert.Equal(t, c.err, err)
			err = <-waits
			if !c.shared {
				require.NoError(t, err)
				assert.EqualValues(t, 1, l.calls.Load())
				return
			}
			assert.Equal(t, bankmux.KindOf(c.err), bankmux.KindOf(err))
			assert.Zero(t, l.calls.Load(), "it is not sent twice")
			assert.NotContains(t, err.Error(), "secret-detail")
		})
	}
	onEach(t, "a result with failed logins is kept, and the payload exchanges the rest",
		func(t *testing.T, db *database) {
			s := db.open(t)
			l := startLink(t, s, "rosa")
			for call := range 2 {
				res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(ctx context.Context) (bankmux.ExchangeResult, error) {
						l.calls.Add(1)
						res, err := exchange(ctx, l.session, "1")
						if call == 0 {
							res.Failed = []bankmux.Failure{{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}}}
						}
						return res, err
					})
				require.NoError(t, err)
				assert.Len(t, res.Failed, 1-call)
				_, err = s.Connection(t.Context(), "rosa", res.Connection.ID)
				require.NoError(t, err)
			}
			_, err := l.finish(t.Context(), s, "1")
			require.NoError(t, err)
			assert.EqualValues(t, 2, l.calls.Load())
		})
	onEach(t, "a browser that hangs up loses nothing", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		ctx, hangUp := context.WithCancel(t.Context())
		res, err := s.Exchange(ctx, l.session.Ref(), payload("1"),
			func(context.Context) (bankmux.ExchangeResult, error) {
				hangUp()
				return exchange(t.Context(), l.session, "1")
			})
		require.NoError(t, err)
		_, err = s.Connection(t.Context(), "rosa", res.Connection.ID)
		require.NoError(t, err)
	})
	onEach(t, "a process that dies is replaced after its lease", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		l := startLink(t, s, "rosa")
		assert.Panics(t, func() { // nothing after the panic runs, as if the process were gone
			_, _ = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) { panic("the process dies") })
		})
		waits := make(chan error, 1)
		other := db.openOnly(t, whenItWaits(waits, c.now))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := l.finish(t.Context(), other, "1")
			assert.NoError(t, err)
		}()
		require.NoError(t, <-waits, "it waits for the lease")
		assert.Zero(t, l.calls.Load())
		unfinished, _, err := s.Unfinished(t.Context(), "")
		require.NoError(t, err)
		assert.Empty(t, unfinished, "the process may live")
		c.advance(31 * time.Second)
		<-done
		assert.EqualValues(t, 1, l.calls.Load())
	})
	onEach(t, "an exchange whose process died is unfinished until it is posted again",
		func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			l := startLink(t, s, "rosa")
			started := c.now()
			assert.Panics(t, func() {
				_, _ = s.Exchange(t.Context(), l.session.Ref(), payload("1"),
					func(context.Context) (bankmux.ExchangeResult, error) { panic("the process dies") })
			})
			c.advance(31 * time.Second)
			all, _, err := s.Unfinished(t.Context(), "")
			require.NoError(t, err)
			assert.Equal(t, []store.Unfinished{
				{User: "rosa", Session: l.session.ID, Since: started.Truncate(time.Millisecond).UTC()},
			}, all)
			j := newJobs()
			stop := j.start(t, s)
			connection(t, s, "rosa", "2")
			j.wait() // it has looked
			stop()
			assert.Contains(t, j.log.String(), "outcomes of exchanges are not stored: see Store.Unfinished\" count=1")

			_, err = l.finish(t.Context(), s, "1")
			require.NoError(t, err)
			all, _, err = s.Unfinished(t.Context(), "")
			require.NoError(t, err)
			assert.Empty(t, all)
		})
	onEach(t, "a call that waits ends with its context", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		_, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				waits := make(chan error, 1)
				short, cancel := context.WithCancel(ctx)
				go func() {
					assert.NoError(t, <-waits)
					cancel()
				}()
				_, err := l.finish(short, db.openOnly(t, whenItWaits(waits, time.Now)), "1")
				assert.ErrorIs(t, err, bankmux.ErrContextDone)
				assert.ErrorIs(t, err, context.Canceled)
				return exchange(ctx, l.session, "1")
			})
		require.NoError(t, err)
	})
	onEach(t, "a user who was deleted meanwhile gets no connection", func(t *testing.T, db *database) {
		s := db.open(t)
		l := startLink(t, s, "rosa")
		res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				assert.NoError(t, only(s.DeleteUser(ctx, "rosa", nil)))
				return exchange(ctx, l.session, "1")
			})
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		assert.Equal(t, l.session.ConnectionID, res.Connection.ID, "so that the caller can end the access")
		all, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Empty(t, all)
	})
}

// whenItWaits returns a clock that reports its first reading. A call of Exchange takes it when it
// has seen that another one runs.
func whenItWaits(waits chan<- error, now func() time.Time) store.Option {
	var once sync.Once
	return store.WithNow(func() time.Time {
		once.Do(func() { waits <- nil })
		return now()
	})
}
