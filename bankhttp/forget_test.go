package bankhttp_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// goneStore is a store with doubtful exchanges whose database may be away altogether.
type goneStore struct {
	*awayStore

	doubt  *doubtStore
	deaf   atomic.Bool // ForgetExchange alone fails
	forgot atomic.Int64
}

func newGoneStore() *goneStore {
	away := &awayStore{Store: bankhttp.NewMemory()}
	return &goneStore{awayStore: away, doubt: &doubtStore{Store: away}}
}

func (s *goneStore) Connection(ctx context.Context, user, id string) (bankmux.Connection, error) {
	if s.away.Load() {
		return bankmux.Connection{}, errAway
	}
	return s.awayStore.Connection(ctx, user, id)
}

func (s *goneStore) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) ([]bankhttp.Unfinished, error) {
	if s.away.Load() {
		return nil, errAway
	}
	return s.doubt.DeleteUser(ctx, user, disconnect)
}

func (s *goneStore) ForgetExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) error {
	if s.away.Load() || s.deaf.Load() {
		return errAway
	}
	s.forgot.Add(1)
	return s.doubt.ForgetExchange(ctx, ref, payload)
}

// heldLink links a bank whose result the store, which is away then, does not keep.
func heldLink(t *testing.T, p *harbor, store *goneStore) *app {
	t.Helper()
	a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
	session := a.harborStart(t, "rosa")
	store.away.Store(true)
	problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
	store.doubt.leave(bankhttp.Unfinished{User: "rosa", Session: session})
	return a
}

// TestForget specifies that an exchange whose access this process has ended is forgotten, also if
// the store is away when it ends.
func TestForget(t *testing.T) {
	t.Parallel()
	t.Run("a store that is away altogether forgets it in a repeat", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			for range 2 {
				problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			}
			assert.Len(t, p.ended, 1, "the access ends without the store, once")
			store.away.Store(false)
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
			assert.Empty(t, store.doubt.left())
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
			assert.EqualValues(t, 1, store.forgot.Load(), "it is done with")
		})
	})
	t.Run("it stays named until the store has forgotten it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			store.deaf.Store(true)
			assert.Equal(t, 200, a.send(t, "rosa", "DELETE", "/user", "").Code)
			store.deaf.Store(false)
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
		})
	})
	t.Run("the background work forgets it later if its user was deleted meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			session := a.harborStart(t, "rosa")
			store.deaf.Store(true)
			p.during = func(ctx context.Context, op string) error {
				if op == bankmux.OpExchangeToken {
					store.doubt.leave(bankhttp.Unfinished{User: "rosa", Session: session})
					_, err := store.DeleteUser(ctx, "rosa", nil)
					assert.NoError(t, err)
				}
				return nil
			}
			problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 404)
			synctest.Wait()
			require.Len(t, store.doubt.left(), 1)
			store.deaf.Store(false)
			time.Sleep(waiting)
			synctest.Wait()
			assert.Empty(t, store.doubt.left())
			require.NoError(t, a.service.Close(t.Context()))
		})
	})
	t.Run("another user's deletion forgets nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			a.send(t, "omar", "DELETE", "/user", "")
			assert.Zero(t, store.forgot.Load())
		})
	})
}
