package bankhttp_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// awayStore is a store that goes away while an exchange runs.
type awayStore struct {
	bankhttp.Store

	away   atomic.Bool
	panics atomic.Bool
	stuck  atomic.Pointer[chan struct{}] // the next Exchange waits for it, whatever its context
}

func (s *awayStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	if s.panics.Load() {
		panic(planted)
	}
	if wait := s.stuck.Swap(nil); wait != nil {
		<-*wait
	}
	return s.Store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
		res, err := exchange(ctx)
		if err == nil && s.away.Load() {
			err = errAway
		}
		return res, err
	})
}

func (s *awayStore) Queue(ctx context.Context, event bankmux.Event) error {
	if s.away.Load() {
		return errAway
	}
	return s.Store.Queue(ctx, event)
}

var errAway = errors.New("the database is away: " + planted)

// lateLink is a link whose result the store could not keep.
type lateLink struct {
	*app

	harbor  *harbor
	store   *awayStore
	log     bytes.Buffer
	session string
	path    string
	code    string
	panics  atomic.Bool // Config.Linked does
}

func newLateLink(t *testing.T) *lateLink {
	t.Helper()
	l := &lateLink{harbor: newHarbor(), store: &awayStore{Store: bankhttp.NewMemory()}}
	l.app = newHarborApp(t, l.harbor, func(c *bankhttp.Config) {
		c.Store, c.Logger = l.store, slog.New(slog.NewTextHandler(&l.log, nil))
		c.Linked = func(context.Context, bankmux.Connection) {
			if l.panics.Load() {
				panic(planted)
			}
		}
	})
	l.session = l.harborStart(t, "rosa")
	l.path, l.code = "/sessions/"+l.session, codeOf(l.session, "")
	l.store.away.Store(true)
	l.refused(t)
	return l
}

func (l *lateLink) post(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	return l.send(t, "rosa", "POST", l.path, l.code)
}

func (l *lateLink) remove(t *testing.T, user string) *httptest.ResponseRecorder {
	t.Helper()
	return l.send(t, user, "DELETE", "/user", "")
}

// refused posts, and the response is the problem of the store.
func (l *lateLink) refused(t *testing.T) {
	t.Helper()
	p := problem(t, l.post(t), 503)
	assert.Equal(t, bankhttp.KindStore, p.Kind)
	assert.Positive(t, p.RetryAfter)
}

func (l *lateLink) linked(t *testing.T) int {
	t.Helper()
	all, err := l.store.Connections(t.Context(), "rosa")
	require.NoError(t, err)
	return len(all)
}

// waiting is how long the service may sleep before it tries to store a result again.
const waiting = 6 * time.Second

// TestStoredLater specifies what happens to a result that the store could not keep.
func TestStoredLater(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, *lateLink){
		"it is stored and announced when the store is back, without another post": func(t *testing.T, l *lateLink) {
			time.Sleep(time.Minute)
			assert.Zero(t, l.linked(t))
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Equal(t, 1, l.linked(t))
			event, _, err := l.store.Store.(*bankhttp.Memory).Dequeue(t.Context())
			require.NoError(t, err)
			assert.Equal(t, bankmux.EventTransactionsAvailable, event.Kind)
			assert.Equal(t, 200, l.post(t).Code)
			assert.Equal(t, 1, l.harbor.count(bankmux.OpExchangeToken))
		},
		"posting again stores it at once": func(t *testing.T, l *lateLink) {
			l.store.away.Store(false)
			assert.Equal(t, 200, l.post(t).Code)
			assert.Equal(t, 1, l.harbor.count(bankmux.OpExchangeToken))
		},
		"the deletion of its user ends the access": func(t *testing.T, l *lateLink) {
			assert.Equal(t, 204, l.remove(t, "rosa").Code)
			assert.Equal(t, 1, l.harbor.endings())
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Zero(t, l.linked(t))
			problem(t, l.post(t), 404)
		},
		"the deletion of its user stores it first, once the store is back": func(t *testing.T, l *lateLink) {
			l.store.away.Store(false)
			assert.Equal(t, 204, l.remove(t, "rosa").Code)
			assert.Equal(t, 1, l.harbor.endings())
			assert.Zero(t, l.linked(t))
		},
		"the deletion of its user is not done while the provider is down too": func(t *testing.T, l *lateLink) {
			l.harbor.failing(bankmux.OpDisconnect, bankmux.ErrUnavailable)
			for range 2 {
				assert.Equal(t, bankmux.ErrUnavailable, problem(t, l.remove(t, "rosa"), 503).Kind)
			}
			assert.Equal(t, 200, l.send(t, "rosa", "GET", l.path, "").Code, "the session is not deleted yet")
			l.harbor.failing(bankmux.OpDisconnect, "")
			assert.Equal(t, 204, l.remove(t, "rosa").Code)
			assert.Equal(t, 1, l.harbor.endings())
		},
		"a provider that is down for it keeps no other access of its user open": func(t *testing.T, l *lateLink) {
			l.store.away.Store(false)
			conn := l.harborLink(t, "rosa")
			l.store.away.Store(true)
			l.harbor.during = func(ctx context.Context, op string) error {
				if op == bankmux.OpDisconnect && l.harbor.calls[op] == 1 {
					<-ctx.Done()
				}
				return ctx.Err()
			}
			got := object[left](t, l.remove(t, "rosa"), 504)
			require.Len(t, got.Failed, 1)
			assert.NotEqual(t, conn, got.Failed[0].Connection)
			assert.Zero(t, l.linked(t))
			assert.Equal(t, 200, l.send(t, "rosa", "GET", l.path, "").Code, "the session is not deleted yet")
			assert.Equal(t, 204, l.remove(t, "rosa").Code)
		},
		"the deletion of another user leaves it": func(t *testing.T, l *lateLink) {
			assert.Equal(t, 204, l.remove(t, "omar").Code)
			assert.Zero(t, l.harbor.endings())
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Equal(t, 1, l.linked(t))
		},
		"its access ends if another process has deleted the user": func(t *testing.T, l *lateLink) {
			_, err := l.store.DeleteUser(t.Context(), "rosa", nil)
			require.NoError(t, err)
			l.harbor.failing(bankmux.OpDisconnect, bankmux.ErrUnavailable)
			l.store.away.Store(false)
			time.Sleep(time.Minute)
			assert.Zero(t, l.harbor.endings())
			l.harbor.failing(bankmux.OpDisconnect, "")
			time.Sleep(waiting)
			assert.Equal(t, 1, l.harbor.endings())
			assert.Zero(t, l.linked(t))
		},
		"it is given up after an hour": func(t *testing.T, l *lateLink) {
			time.Sleep(time.Hour + waiting)
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Zero(t, l.linked(t))
			require.NoError(t, l.service.Close(t.Context()), "nothing is held")
		},
		"a Linked that panics is logged, and ends nothing": func(t *testing.T, l *lateLink) {
			l.panics.Store(true)
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Equal(t, 1, l.linked(t))
			require.NoError(t, l.service.Close(t.Context()))
			assert.Contains(t, l.log.String(), "Config.Linked panicked")
			assert.Equal(t, 200, l.post(t).Code)
		},
		"a store that panics is tried again": func(t *testing.T, l *lateLink) {
			l.store.panics.Store(true)
			time.Sleep(waiting)
			l.store.panics.Store(false)
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Equal(t, 1, l.linked(t))
		},
		"Close stores it": func(t *testing.T, l *lateLink) {
			l.store.away.Store(false)
			require.NoError(t, l.service.Close(t.Context()))
			assert.Equal(t, 1, l.linked(t))
		},
		"Close waits for an attempt to store it": func(t *testing.T, l *lateLink) {
			closesAfterAttempt(t, l, func() { l.store.away.Store(false) })
		},
		"Close waits for an attempt that a post has made needless": func(t *testing.T, l *lateLink) {
			closesAfterAttempt(t, l, func() {
				l.store.away.Store(false)
				assert.Equal(t, 200, l.post(t).Code)
			})
		},
		"Close says that it is lost, names it in the log, and ends the work": func(t *testing.T, l *lateLink) {
			require.ErrorIs(t, l.service.Close(t.Context()), bankhttp.KindStore)
			text := `msg="bankhttp: an access that nothing stores stays open" session=` + l.session
			assert.Equal(t, 1, strings.Count(l.log.String(), text))
			l.store.away.Store(false)
			time.Sleep(waiting)
			assert.Zero(t, l.linked(t))
			assert.Equal(t, 200, l.post(t).Code, "a post that comes nevertheless")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newLateLink(t)) })
		})
	}
}

// closesAfterAttempt closes the service while an attempt to store runs. before is called when it
// does.
func closesAfterAttempt(t *testing.T, l *lateLink, before func()) {
	t.Helper()
	attempt := make(chan struct{})
	l.store.stuck.Store(&attempt)
	time.Sleep(waiting)
	require.Nil(t, l.store.stuck.Load(), "the attempt runs")
	before()
	closed := make(chan error, 1)
	go func() { closed <- l.service.Close(t.Context()) }()
	time.Sleep(time.Minute)
	assert.Empty(t, closed, "the attempt still runs")
	close(attempt)
	require.NoError(t, <-closed)
	assert.Equal(t, 1, l.linked(t))
	assert.Equal(t, 1, l.harbor.count(bankmux.OpExchangeToken))
}
