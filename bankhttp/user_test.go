package bankhttp_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// left is the problem of a user who could not be deleted.
type left struct {
	bankhttp.Problem

	Failed []struct {
		Connection  string
		Institution bankmux.InstitutionView
		Problem     bankhttp.Problem
	}
}

// TestDeleteUser specifies how a user deletes themselves.
func TestDeleteUser(t *testing.T) {
	t.Parallel()
	remove := func(t *testing.T, a *app, user string) *httptest.ResponseRecorder {
		t.Helper()
		return a.send(t, user, "DELETE", "/user", "")
	}
	t.Run("the access ends first, then every row goes, and it may be repeated", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		conn, other := a.harborLink(t, "rosa"), a.harborLink(t, "omar")
		for user, id := range map[string]string{"rosa": conn, "omar": other} {
			a.read(t, user)
			require.Equal(t, 200, a.send(t, user, "POST", "/connections/"+id+"/sync", "").Code)
		}
		session := a.harborStart(t, "rosa")
		p.during = func(ctx context.Context, op string) error {
			if op == bankmux.OpDisconnect {
				_, err := a.store.Connection(ctx, "rosa", conn)
				assert.NoError(t, err, "the row is there until the provider has ended the access")
			}
			return nil
		}
		for range 2 {
			w := remove(t, a, "rosa")
			assert.Equal(t, 204, w.Code)
			assert.Empty(t, w.Body.String())
		}
		assert.Equal(t, 1, p.count(bankmux.OpDisconnect))
		assert.Empty(t, object[linked](t, a.send(t, "rosa", "GET", "/connections", ""), 200).Connections)
		assert.Empty(t, object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Accounts)
		assert.Empty(t, object[transactions](t, a.send(t, "rosa", "GET", "/transactions", ""), 200).Transactions)
		assert.Equal(t, 404, a.send(t, "rosa", "GET", "/sessions/"+session, "").Code)

		assert.Len(t, object[linked](t, a.send(t, "omar", "GET", "/connections", ""), 200).Connections, 1)
		assert.Len(t, object[accounts](t, a.send(t, "omar", "GET", "/accounts", ""), 200).Accounts, 2)
		assert.Len(t, object[transactions](t, a.send(t, "omar", "GET", "/transactions", ""), 200).Transactions, 2)
	})
	t.Run("a provider that fails: the problem says what is left, and a repeat finishes it", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		first, second := a.harborLink(t, "rosa"), a.harborLink(t, "rosa")
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+first+"/sync", "").Code)
		calls := 0
		p.during = func(_ context.Context, op string) error {
			if calls++; op == bankmux.OpDisconnect && calls == 1 {
				return plantedError(bankmux.ErrUnavailable)
			}
			return nil
		}
		w := remove(t, a, "rosa")
		got := object[left](t, w, 503)
		assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		assert.Equal(t, "10", w.Header().Get("Retry-After"))
		assert.Equal(t, bankmux.ErrUnavailable, got.Kind)
		require.Len(t, got.Failed, 1)
		assert.Equal(t, first, got.Failed[0].Connection)
		assert.Equal(t, "Harbor Bank", got.Failed[0].Institution.Name)
		assert.Equal(t, bankmux.ErrUnavailable, got.Failed[0].Problem.Kind)
		assert.NotContains(t, w.Body.String(), planted)
		all := object[linked](t, a.send(t, "rosa", "GET", "/connections", ""), 200).Connections
		require.Len(t, all, 1, "the access to the other bank has ended")
		assert.NotEqual(t, second, all[0].ID)
		assert.NotEmpty(t, object[transactions](t, a.send(t, "rosa", "GET", "/transactions", ""), 200).Transactions)

		assert.Equal(t, 204, remove(t, a, "rosa").Code)
		assert.Len(t, p.ended, 2)
		assert.Empty(t, object[transactions](t, a.send(t, "rosa", "GET", "/transactions", ""), 200).Transactions)
	})
	t.Run("each provider gets a share of the time", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.HandleFor = time.Hour })
		for range 3 {
			a.harborLink(t, "rosa")
		}
		shares := 4 // one is for the store
		p.during = func(ctx context.Context, _ string) error {
			ends, _ := ctx.Deadline()
			assert.LessOrEqual(t, time.Until(ends), time.Hour/time.Duration(shares))
			shares--
			return nil
		}
		assert.Equal(t, 204, remove(t, a, "rosa").Code)
		assert.Equal(t, 1, shares)
	})
	t.Run("a connection that does not open is left, and named", func(t *testing.T) {
		t.Parallel()
		store := &lostUser{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		w := remove(t, a, "rosa")
		got := object[left](t, w, 500)
		assert.Equal(t, bankmux.ErrSeal, got.Kind)
		require.Len(t, got.Failed, 1)
		assert.Equal(t, "lost", got.Failed[0].Connection)
		assert.NotContains(t, w.Body.String(), planted)
	})
	t.Run("a link that is finished meanwhile leaves no access", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		p.during = func(_ context.Context, op string) error {
			if op == bankmux.OpExchangeToken {
				_, err := a.store.DeleteUser(t.Context(), "rosa", nil)
				assert.NoError(t, err)
			}
			return nil
		}
		problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 404)
		assert.Equal(t, 1, p.links)
		assert.Len(t, p.ended, 1)
		assert.Empty(t, object[linked](t, a.send(t, "rosa", "GET", "/connections", ""), 200).Connections)
	})
	t.Run("no user is logged in, or another method", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		assert.Equal(t, bankhttp.KindNoUser, problem(t, remove(t, a, ""), 401).Kind)
		assert.Equal(t, 405, a.send(t, "rosa", "GET", "/user", "").Code)
		assert.Equal(t, 204, remove(t, a, "rosa").Code, "a user of whom nothing is stored")
	})
	t.Run("it goes on if the browser leaves", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		ctx, leave := context.WithCancel(t.Context())
		p.during = func(ctx context.Context, _ string) error {
			leave()
			return ctx.Err()
		}
		r := newRequest(t, "rosa", "DELETE", "/bank/user", "").WithContext(ctx)
		assert.Equal(t, 204, serve(t, a.handler, r).Code)
		assert.Len(t, p.ended, 1)
	})
}

// lostUser is a store with a connection of the user that does not open.
type lostUser struct{ bankhttp.Store }

func (s *lostUser) DeleteUser(
	context.Context, string, func(context.Context, bankmux.Connection) error,
) ([]bankhttp.Unfinished, error) {
	return nil, errors.Join(&bankmux.Error{Kind: bankmux.ErrSeal, Connection: "lost", Detail: planted})
}
