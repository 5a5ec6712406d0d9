package bankhttp_test

// This file tests banks and providers that do not respond.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// line is the way to a provider, on which calls hang.
type line struct {
	banktest.InProcess

	hung *sync.Map
}

func (a *app) line(provider http.Handler) line {
	return line{banktest.InProcess{Handler: provider}, &a.hung}
}

// hang makes the calls hang whose paths start with path.
func (a *app) hang(path string) { a.hung.Store(path, true) }

func (l line) RoundTrip(r *http.Request) (*http.Response, error) {
	hangs := false
	l.hung.Range(func(path, _ any) bool {
		hangs = hangs || strings.HasPrefix(r.URL.Path, path.(string))
		return true
	})
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return l.InProcess.RoundTrip(r)
}

// within sends a request and checks that it takes no longer than a request may.
func (a *app) within(t *testing.T, user, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	asked := time.Now()
	w := a.send(t, user, method, path, body)
	assert.LessOrEqual(t, time.Since(asked), 30*time.Second, path)
	return w
}

// TestBankHangs specifies that a bank that hangs takes neither the time of others nor that of the
// store.
func TestBankHangs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"ReadAccounts names it, and reads the others":        hangingRead,
		"no handler blames the store for it":                 hangingHandlers,
		"a link that was stored late is announced":           lateLinked,
		"ReadAccounts reads side by side":                    sideBySide,
		"many connections take no time of another client":    manyOfAnotherClient,
		"many connections take no time of the same client's": manyOfTheSameClient,
		"DeleteUser ends the access to the others":           hangingEnd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
	for provider, path := range map[string]string{dapi.Name: "/v2/metadata/accounts/get", plaid.Name: "/item/get"} {
		t.Run("a link whose second call hangs succeeds, at "+provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { hangingLink(t, provider, path) })
		})
	}
}

func hangingRead(t *testing.T) {
	a := newApp(t)
	conns := map[string]string{}
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		conns[a.link(t, "user-rosa", provider).ID] = provider
	}
	a.hang("/v2/data/")
	for range 2 {
		read := object[accounts](t, a.within(t, "user-rosa", "POST", "/accounts", ""), 200)
		require.Len(t, read.Failed, 1)
		assert.Equal(t, dapi.Name, conns[read.Failed[0].Connection])
		p := read.Failed[0].Problem
		assert.Equal(t, bankmux.ErrContextDone, p.Kind)
		assert.Positive(t, p.RetryAfter)
		seen := map[string]bool{}
		for _, account := range read.Accounts {
			seen[conns[account.Connection]] = len(account.Balances) > 0
		}
		assert.Equal(t, map[string]bool{moneykit.Name: true, plaid.Name: true}, seen)
	}
}

// hangingLink hangs the call that follows the exchange of the token.
func hangingLink(t *testing.T, provider, path string) {
	var announced []bankmux.State
	a := newApp(t, func(c *bankhttp.Config) {
		c.Linked = func(ctx context.Context, conn bankmux.Connection) {
			assert.NoError(t, ctx.Err())
			announced = append(announced, conn.Status.State)
		}
	})
	s := a.start(t, "user-rosa", provider)
	payload := a.connect(t, s.Launch)
	a.hang(path)
	made := object[linked](t, a.within(t, "user-rosa", "POST", "/sessions/"+s.Session, payload), 200)
	require.Len(t, made.Connections, 1)
	assert.Equal(t, []bankmux.State{bankmux.StateUnverified}, announced)
	event, conn, err := a.store.(*bankhttp.Memory).Dequeue(t.Context())
	require.NoError(t, err)
	assert.Equal(t, bankmux.EventTransactionsAvailable, event.Kind, "its first sync is queued")
	assert.Equal(t, made.Connections[0].ID, conn.ID)
}

// lateLinked stores a link when the time of the request is over.
func lateLinked(t *testing.T) {
	called := 0
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
		c.Store = lateStore{c.Store}
		c.Linked = func(context.Context, bankmux.Connection) { called++ }
	})
	assert.NotEmpty(t, a.harborLink(t, "rosa"))
	assert.Equal(t, 1, called)
}

// lateStore is a store that stores links as late as it can.
type lateStore struct{ bankhttp.Store }

func (s lateStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	res, err := s.Store.Exchange(ctx, ref, payload, exchange)
	<-ctx.Done()
	return res, err
}

// sideBySide lets all readings hang.
func sideBySide(t *testing.T) {
	a := newApp(t)
	for range 2 {
		a.link(t, "user-rosa", dapi.Name)
	}
	a.hang("/v2/data/")
	asked := time.Now()
	read := object[accounts](t, a.within(t, "user-rosa", "POST", "/accounts", ""), 200)
	assert.Len(t, read.Failed, 2)
	assert.Equal(t, 25*time.Second, time.Since(asked), "both end together")
}

// manyOfAnotherClient lets more connections of one client hang than are read at a time.
func manyOfAnotherClient(t *testing.T) {
	c := newCrowd(t)
	hung := c.link(t, "US", 20, time.Hour)
	c.link(t, "CA", 2, 10*time.Second)
	c.assertUnread(t, hung)
}

// manyOfTheSameClient lets twice as many connections hang as are read at a time, before those of
// banks that respond.
func manyOfTheSameClient(t *testing.T) {
	c := newCrowd(t)
	hung := c.link(t, "US", 33, time.Hour)
	c.link(t, "US", 7, 2*time.Second)
	c.assertUnread(t, hung)
}

// crowd is a user with many connections, each of which responds after its own time.
type crowd struct {
	*app

	after map[string]time.Duration // by connection
}

// newCrowd makes an application with two clients: "near" serves US, and "far" serves CA.
func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{after: map[string]time.Duration{}}
	p := newHarbor()
	wait := func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		select {
		case <-time.After(c.after[op.StoredConnection()]):
			return next(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	registry, err := bankmux.NewRegistry(
		[]*bankmux.Client{bankmux.NewClient("near", p, wait), bankmux.NewClient("far", p, wait)},
		[]bankmux.Route{{Client: "near", Countries: []string{"US"}}, {Client: "far", Countries: []string{"CA"}}})
	require.NoError(t, err)
	c.app = newHarborApp(t, p, func(config *bankhttp.Config) { config.Registry = registry })
	return c
}

// link links n connections in a country, which then respond after the given time. It returns their
// ids.
func (c *crowd) link(t *testing.T, country string, n int, after time.Duration) (ids []string) {
	t.Helper()
	for range n {
		w := c.send(t, "rosa", "POST", "/sessions", `{"country":"`+country+`"}`)
		session := object[started](t, w, 200).Session
		w = c.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, ""))
		id := object[linked](t, w, 200).Connections[0].ID
		c.after[id] = after
		ids = append(ids, id)
	}
	return ids
}

// assertUnread reads all connections, and checks which ones are named as unread.
func (c *crowd) assertUnread(t *testing.T, want []string) {
	t.Helper()
	var unread []string
	for _, f := range object[accounts](t, c.within(t, "rosa", "POST", "/accounts", ""), 200).Failed {
		if f.Account == "" {
			unread = append(unread, f.Connection)
			assert.Equal(t, bankmux.ErrContextDone, f.Problem.Kind)
		}
	}
	assert.ElementsMatch(t, want, unread)
}

// hangingEnd hangs the disconnects of one provider.
func hangingEnd(t *testing.T) {
	a := newApp(t)
	stays := a.link(t, "user-rosa", dapi.Name).ID
	for _, provider := range []string{moneykit.Name, plaid.Name, moneykit.Name} {
		a.link(t, "user-rosa", provider)
	}
	a.hang("/v2/users/DelinkUser")
	for range 2 {
		w := a.within(t, "user-rosa", "DELETE", "/user", "")
		got := object[left](t, w, 504)
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Len(t, got.Failed, 1)
		assert.Equal(t, stays, got.Failed[0].Connection)
		assert.Equal(t, bankmux.ErrContextDone, got.Failed[0].Problem.Kind)
		conns := object[linked](t, a.send(t, "user-rosa", "GET", "/connections", ""), 200).Connections
		require.Len(t, conns, 1)
		assert.Equal(t, stays, conns[0].ID)
	}
	a.hung.Clear()
	assert.Equal(t, 204, a.send(t, "user-rosa", "DELETE", "/user", "").Code)
}

// hangingHandlers hangs each operation of a provider during the requests that use it.
func hangingHandlers(t *testing.T) {
	for _, tt := range []struct {
		op, method, path string
	}{
		{bankmux.OpCreateSession, "POST", "/sessions"},
		{bankmux.OpCreateSession, "POST", "/connections/{connection}/sessions"},
		{bankmux.OpExchangeToken, "POST", "/sessions/{session}"},
		{bankmux.OpAccounts, "POST", "/accounts"},
		{bankmux.OpBalances, "POST", "/accounts"},
		{bankmux.OpAccounts, "POST", "/connections/{connection}/sync"},
		{bankmux.OpSync, "POST", "/connections/{connection}/sync"},
		{bankmux.OpAccounts, "POST", "/challenges/{challenge}"},
		{bankmux.OpBalances, "POST", "/challenges/{challenge}"},
		{bankmux.OpDisconnect, "DELETE", "/connections/{connection}"},
		{bankmux.OpDisconnect, "DELETE", "/user"},
	} {
		p := newHarbor()
		a := newHarborApp(t, p)
		conn, session := a.harborLink(t, "rosa"), a.harborStart(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		challenge := a.asked(t, "rosa").ID
		p.during = func(ctx context.Context, op string) error {
			if op == tt.op {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		ids := strings.NewReplacer("{connection}", conn, "{session}", session, "{challenge}", challenge)
		body := ""
		switch tt.path {
		case "/sessions/{session}":
			body = codeOf(session, "")
		case "/challenges/{challenge}":
			body = `{"answers":["1"]}`
		}
		w := a.within(t, "rosa", tt.method, ids.Replace(tt.path), body)
		assert.NotContains(t, w.Body.String(), bankhttp.KindStore, tt.path)
		if w.Code != 200 {
			assert.Equal(t, bankmux.ErrContextDone, problem(t, w, 504).Kind, tt.path)
			assert.NotEmpty(t, w.Header().Get("Retry-After"), tt.path)
		}
		p.during = nil
		a.read(t, "rosa")
	}
}
