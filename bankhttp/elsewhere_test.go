package bankhttp_test

// This file tests a spent payload that another session of the user may have exchanged.

import (
	"context"
	"testing"

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
