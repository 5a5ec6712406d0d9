package bankhttp_test

// This file tests what is logged of accesses that no connection has.

import (
	"bytes"
	"context"
	"log/slog"
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

// TestRefusedAccess specifies that the log names a refused access that the adapter could not end.
func TestRefusedAccess(t *testing.T) {
	t.Parallel()
	const text = "a refused access stays open"
	for name, c := range map[string]struct {
		err    *bankmux.Error
		logged int
	}{
		"of another bank, which stays open":     {plantedError(bankmux.ErrInvalid), 1},
		"of a bank without code, which stays":   {&bankmux.Error{Kind: bankmux.ErrInvalid, Err: errAway}, 1},
		"of another bank, which has ended":      {&bankmux.Error{Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherBank}, 0},
		"of a payload that nothing was sent of": {&bankmux.Error{Kind: bankmux.ErrInvalid, Err: errAway, NotSent: true}, 0},
		"of an outage":                          {plantedError(bankmux.ErrUnavailable), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			p := newHarbor()
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			session := a.harborStart(t, "rosa")
			p.fail[bankmux.OpExchangeToken] = c.err
			w := a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, ""))
			assert.GreaterOrEqual(t, w.Code, 400)
			assert.Equal(t, c.logged, strings.Count(log.String(), text))
		})
	}
}

// firstStore is a store that had the result of another process before.
type firstStore struct {
	bankhttp.Store

	first *bankmux.Connection
	ended bool // the user has ended that one since
}

func (s *firstStore) Exchange(
	ctx context.Context, _ bankmux.SessionRef, _ []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	res, err := exchange(ctx)
	switch {
	case err != nil:
	case s.ended:
		res, err = bankmux.ExchangeResult{}, bankmux.ErrTokenSpent
	case s.first != nil:
		res = bankmux.ExchangeResult{Connection: *s.first}
	}
	return res, err
}

// TestDropped specifies that the log names an access that is dropped for the result of another
// process.
func TestDropped(t *testing.T) {
	t.Parallel()
	const text = "an access was dropped"
	post := func(t *testing.T, store *firstStore, status int) (a *app, log *bytes.Buffer) {
		t.Helper()
		log = new(bytes.Buffer)
		store.Store = bankhttp.NewMemory()
		a = newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(log, nil))
		})
		session := a.harborStart(t, "rosa")
		w := a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, ""))
		require.Equal(t, status, w.Code)
		return a, log
	}
	t.Run("another access is stored", func(t *testing.T) {
		t.Parallel()
		_, log := post(t, &firstStore{first: &bankmux.Connection{ID: "first", User: "rosa"}}, 200)
		assert.Equal(t, 1, strings.Count(log.String(), text))
	})
	t.Run("another access was stored, and the user has ended it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, log := post(t, &firstStore{ended: true}, 409)
			assert.Equal(t, 1, strings.Count(log.String(), text))
			time.Sleep(2 * time.Hour)
			require.NoError(t, a.service.Close(t.Context()))
			assert.NotContains(t, log.String(), "stays open", "it is not held any more")
		})
	})
	t.Run("the access itself is stored", func(t *testing.T) {
		t.Parallel()
		_, log := post(t, &firstStore{}, 200)
		assert.NotContains(t, log.String(), text)
	})
}

// TestHeldTooMany specifies that the log names an access that is neither stored nor held.
func TestHeldTooMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := &awayStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(&log, nil))
		})
		store.away.Store(true)
		link := func() {
			session := a.harborStart(t, "rosa")
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
		}
		for range 1000 {
			link()
		}
		assert.NotContains(t, log.String(), "stays open")
		link()
		assert.Equal(t, 1, strings.Count(log.String(), "an access that nothing stores stays open"))
		store.away.Store(false)
		time.Sleep(waiting)
		all, err := store.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Len(t, all, 1000)
	})
}

// closedStore is a store that goes away while an exchange runs. Then its operator closes that.
type closedStore struct {
	bankhttp.Store

	calls atomic.Int32 // before 0, it works
}

func (s *closedStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	n := s.calls.Add(1)
	if n <= 0 {
		return s.Store.Exchange(ctx, ref, payload, exchange)
	}
	if n > 1 {
		return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrTokenSpent, NotSent: true}
	}
	if _, err := exchange(ctx); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	return bankmux.ExchangeResult{}, errAway
}

// TestClosed specifies that a result that the store will never take does not stay open, and is not
// held any more.
func TestClosed(t *testing.T) {
	t.Parallel()
	const text = "an access that nothing stores stays open"
	open := func(t *testing.T) (a *app, p *harbor, store *closedStore, log *bytes.Buffer) {
		t.Helper()
		p, store, log = newHarbor(), &closedStore{Store: bankhttp.NewMemory()}, new(bytes.Buffer)
		a = newHarborApp(t, p, func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(log, nil))
		})
		return a, p, store, log
	}
	t.Run("the access of a new link ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, p, _, log := open(t)
			session := a.harborStart(t, "rosa")
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
			time.Sleep(waiting)
			assert.Equal(t, 1, p.endings())
			time.Sleep(2 * time.Hour)
			require.NoError(t, a.service.Close(t.Context()))
			assert.NotContains(t, log.String(), text)
		})
	})
	t.Run("that of a reconnect is logged, and the connection keeps its own", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a, p, store, log := open(t)
			store.calls.Store(-1)
			conn := a.harborLink(t, "rosa")
			path := "/connections/" + conn + "/sessions"
			session := object[started](t, a.send(t, "rosa", "POST", path, ""), 200).Session
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
			time.Sleep(waiting)
			synctest.Wait() // for what is logged beside the request
			assert.Zero(t, p.endings())
			assert.Equal(t, 1, strings.Count(log.String(), text+`" session=`+session))
			require.NoError(t, a.service.Close(t.Context()))
		})
	})
}
