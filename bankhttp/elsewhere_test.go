package bankhttp_test

// This file tests a spent payload that another session of the user may have exchanged.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// tabStore is a store that counts the sessions with which a payload is tried.
type tabStore struct {
	bankhttp.Store

	posted string // the session at which the payload was posted
	others int    // the tries with other sessions
	result func() (bankmux.ExchangeResult, error)
}

func (s *tabStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	if ref.ID == s.posted {
		return s.Store.Exchange(ctx, ref, payload, exchange)
	}
	if s.others++; s.result != nil {
		return s.result()
	}
	return s.Store.Exchange(ctx, ref, payload, exchange)
}

// TestSpentElsewhere specifies what a spent payload gets that another session may have exchanged.
func TestSpentElsewhere(t *testing.T) {
	t.Parallel()
	made := func() (bankmux.ExchangeResult, error) {
		return bankmux.ExchangeResult{Connection: bankmux.Connection{ID: "made", User: "rosa"}}, nil
	}
	fails := func(err error) func() (bankmux.ExchangeResult, error) {
		return func() (bankmux.ExchangeResult, error) { return bankmux.ExchangeResult{}, err }
	}
	for name, c := range map[string]struct {
		result func() (bankmux.ExchangeResult, error)
		status int
		kind   bankmux.Kind
		tries  int
	}{
		"the connection that it made":                           {made, 200, "", 1},
		"the failure of the store, which may have one":          {fails(errAway), 503, bankhttp.KindStore, 1},
		"that the other exchange runs, and to post again":       {fails(bankmux.ErrNotReady), 503, bankmux.ErrNotReady, 1},
		"that it is spent, after eight of ten others have none": {nil, 409, bankmux.ErrTokenSpent, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, store := newHarbor(), &tabStore{Store: bankhttp.NewMemory(), result: c.result}
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			store.posted = a.harborStart(t, "rosa")
			for range 10 {
				a.harborStart(t, "rosa")
			}
			p.spent["spent"] = true
			w := a.send(t, "rosa", "POST", "/sessions/"+store.posted, codeOf(store.posted, "spent"))
			assert.Equal(t, c.tries, store.others)
			assert.Equal(t, 1, p.count(bankmux.OpExchangeToken), "nothing is sent for the others")
			if c.status == 200 {
				require.Equal(t, 200, w.Code)
				assert.Contains(t, w.Body.String(), `"made"`)
				return
			}
			assert.Equal(t, c.kind, problem(t, w, c.status).Kind)
		})
	}
}

// TestLinkedInPart specifies that a user sees what was linked, although another bank of the run
// failed and cannot be linked any more.
func TestLinkedInPart(t *testing.T) {
	t.Parallel()
	link := func(t *testing.T) (a *app, p *harbor, sessions [2]string) {
		t.Helper()
		p = newHarbor()
		a = newHarborApp(t, p)
		for i := range sessions {
			sessions[i] = a.harborStart(t, "rosa")
		}
		down := bankmux.Failure{Err: plantedError(bankmux.ErrInstitution)}
		p.lost = []bankmux.Failure{down, down}
		made := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+sessions[0], codeOf(sessions[0], "")), 200)
		require.Len(t, made.Connections, 1)
		require.Len(t, made.Failed, 2)
		return a, p, sessions
	}
	for name, c := range map[string]struct {
		tab  int // in which the payload is posted again
		kind bankmux.Kind
	}{
		"in the tab of the run": {0, bankmux.ErrTokenSpent},
		"in another tab":        {1, bankmux.ErrInstitution},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p, sessions := link(t)
			p.failing(bankmux.OpExchangeToken, bankmux.ErrTokenSpent)
			for range 2 {
				w := a.send(t, "rosa", "POST", "/sessions/"+sessions[c.tab], codeOf(sessions[0], ""))
				got := object[linked](t, w, 200)
				require.Len(t, got.Connections, 1)
				require.Len(t, got.Failed, 2)
				assert.Equal(t, c.kind, got.Failed[0].Kind)
				assert.NotContains(t, w.Body.String(), planted)
			}
			p.failing(bankmux.OpExchangeToken, "")
			p.lost, p.twin, p.free = nil, true, true
			w := a.send(t, "rosa", "POST", "/sessions/"+sessions[0], codeOf(sessions[0], ""))
			got := object[linked](t, w, 200)
			assert.Len(t, got.Connections, 2, "a repeat may still link the others")
			assert.Empty(t, got.Failed)
			again := a.send(t, "rosa", "POST", "/sessions/"+sessions[0], codeOf(sessions[0], ""))
			assert.Equal(t, got, object[linked](t, again, 200))
		})
	}
	t.Run("if the connection was ended since, the payload is spent", func(t *testing.T) {
		t.Parallel()
		a, p, sessions := link(t)
		all, err := a.store.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		require.Equal(t, 204, a.send(t, "rosa", "DELETE", "/connections/"+all[0].ID, "").Code)
		p.failing(bankmux.OpExchangeToken, bankmux.ErrTokenSpent)
		problem(t, a.send(t, "rosa", "POST", "/sessions/"+sessions[0], codeOf(sessions[0], "")), 409)
	})
}

// TestHeldElsewhere specifies that a payload that is posted in another tab stores a result that the
// store could not keep before.
func TestHeldElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newHarbor(), &awayStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
		one, two := a.harborStart(t, "rosa"), a.harborStart(t, "rosa")
		store.away.Store(true)
		problem(t, a.send(t, "rosa", "POST", "/sessions/"+one, codeOf(one, "")), 503)
		store.away.Store(false)
		p.failing(bankmux.OpExchangeToken, bankmux.ErrTokenSpent)
		got := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+two, codeOf(one, "")), 200)
		require.Len(t, got.Connections, 1)
		assert.NotEmpty(t, a.stored(t, "rosa", got.Connections[0].ID).ID)
		time.Sleep(waiting)
		assert.Zero(t, p.endings())
	})
}
