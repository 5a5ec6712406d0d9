package bankhttp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// deletedStore is a store whose user is deleted while an exchange runs.
type deletedStore struct {
	bankhttp.Store

	deleted bool
	kept    bool // the connections were stored before
}

func (s *deletedStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	none := bankmux.ExchangeResult{}
	if s.deleted {
		return none, bankmux.ErrNotFound
	}
	res, err := s.Store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
		res, err := exchange(ctx)
		if err == nil && s.deleted && !s.kept {
			return none, bankmux.ErrNotFound
		}
		return res, err
	})
	if s.deleted && s.kept {
		return none, bankmux.ErrNotFound
	}
	return res, err
}

// TestDeletedInExchange specifies that no access stays open at the provider that nothing stores.
func TestDeletedInExchange(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (a *app, p *harbor, store *deletedStore, path, code string) {
		t.Helper()
		p, store = newHarbor(), &deletedStore{Store: bankhttp.NewMemory()}
		a = newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
		p.during = func(_ context.Context, op string) error {
			store.deleted = store.deleted || op == bankmux.OpExchangeToken
			return nil
		}
		session := a.harborStart(t, "rosa")
		return a, p, store, "/sessions/" + session, codeOf(session, "")
	}
	t.Run("the access that the exchange opened ends, and the session does not exist", func(t *testing.T) {
		t.Parallel()
		a, p, _, path, code := open(t)
		for range 2 {
			assert.Equal(t, bankmux.ErrNotFound, problem(t, a.send(t, "rosa", "POST", path, code), 404).Kind)
			assert.Len(t, p.ended, 1)
			assert.Equal(t, 1, p.count(bankmux.OpDisconnect))
		}
	})
	t.Run("while the provider is down it stays open, and posting again ends it", func(t *testing.T) {
		t.Parallel()
		a, p, _, path, code := open(t)
		p.failing(bankmux.OpDisconnect, bankmux.ErrUnavailable)
		assert.Equal(t, bankmux.ErrUnavailable, problem(t, a.send(t, "rosa", "POST", path, code), 503).Kind)
		assert.Empty(t, p.ended)
		p.failing(bankmux.OpDisconnect, "")
		assert.Equal(t, 404, a.send(t, "rosa", "POST", path, code).Code)
		assert.Len(t, p.ended, 1)
	})
	t.Run("a connection that is stored keeps its access", func(t *testing.T) {
		t.Parallel()
		a, p, store, path, code := open(t)
		store.kept = true
		assert.Equal(t, 404, a.send(t, "rosa", "POST", path, code).Code)
		assert.Equal(t, 1, p.links)
		assert.Zero(t, p.count(bankmux.OpDisconnect))
	})
}
