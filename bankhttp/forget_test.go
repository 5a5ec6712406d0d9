package bankhttp_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
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

	doubt   *doubtStore
	deaf    atomic.Bool // ForgetExchange alone fails
	forgot  atomic.Int64
	mu      sync.Mutex
	running map[string]bool // sessions whose exchange has no end in the database
	calls   int             // of Exchange
	refusal error           // of Exchange, while the rest of the store works
}

func newGoneStore() *goneStore {
	away := &awayStore{Store: bankhttp.NewMemory()}
	return &goneStore{awayStore: away, doubt: &doubtStore{Store: away}, running: map[string]bool{}}
}

func (s *goneStore) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	res, err := s.awayStore.Exchange(ctx, ref, payload, exchange)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.refusal != nil {
		return bankmux.ExchangeResult{}, s.refusal
	}
	if s.running[ref.ID] = s.away.Load(); s.running[ref.ID] {
		err = errAway
	}
	return res, err
}

// refuse makes Exchange fail, and returns how often it was called before.
func (s *goneStore) refuse(err error) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
	return s.calls
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
func heldLink(t *testing.T, p *harbor, store *goneStore, configure ...func(*bankhttp.Config)) *app {
	t.Helper()
	a := newHarborApp(t, p, append(configure, func(c *bankhttp.Config) { c.Store = store })...)
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
	for name, refusal := range map[string]error{
		"a store that does not end its claim":          errAway,
		"another process that may still run its claim": bankmux.ErrNotReady,
	} {
		t.Run("it stays named because of "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newHarbor(), newGoneStore()
				a := heldLink(t, p, store)
				problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
				store.away.Store(false)
				store.refuse(refusal)
				assert.Equal(t, 200, a.send(t, "rosa", "DELETE", "/user", "").Code)
				assert.Zero(t, store.forgot.Load())
				store.refuse(nil)
				time.Sleep(waiting)
				assert.EqualValues(t, 1, store.forgot.Load())
			})
		})
	}
	t.Run("a store that cannot be used is asked about one exchange alone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			sessions := []string{a.harborStart(t, "rosa"), a.harborStart(t, "rosa")}
			store.away.Store(true)
			for _, session := range sessions {
				problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
			}
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			require.Equal(t, 2, p.endings())
			store.away.Store(false)
			before := store.refuse(errAway)
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
			assert.Equal(t, before+1, store.refuse(nil))
			time.Sleep(waiting)
			assert.EqualValues(t, 2, store.forgot.Load(), "both are forgotten later")
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
			time.Sleep(time.Minute)
			store.deaf.Store(false)
			time.Sleep(waiting)
			synctest.Wait()
			assert.Empty(t, store.doubt.left())
			assert.Equal(t, 1, p.count(bankmux.OpDisconnect), "the access ends once")
			require.NoError(t, a.service.Close(t.Context()))
		})
	})
	t.Run("after an hour it is left to the list, and nothing says that its access stays open", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store, func(c *bankhttp.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			store.deaf.Store(true)
			time.Sleep(time.Hour + waiting)
			synctest.Wait()
			assert.Contains(t, log.String(), "an exchange whose access has ended stays listed")
			assert.NotContains(t, log.String(), "an access that nothing stores stays open")
			store.deaf.Store(false)
			time.Sleep(waiting)
			assert.Zero(t, store.forgot.Load())
		})
	})
	t.Run("the background work ends its claim if the user does not repeat the deletion", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			time.Sleep(waiting)
			synctest.Wait()
			assert.Empty(t, store.doubt.left())
			for session, runs := range store.running {
				assert.False(t, runs, session)
			}
			assert.Equal(t, 1, p.count(bankmux.OpDisconnect))
			assert.Equal(t, 1, p.count(bankmux.OpExchangeToken))
		})
	})
	t.Run("Close forgets it too", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			require.NoError(t, a.service.Close(t.Context()))
			assert.Empty(t, store.doubt.left())
		})
	})
	t.Run("a result that is held during the deletion ends with it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			session := a.harborStart(t, "rosa")
			store.doubt.during = func() {
				store.doubt.during = nil
				store.away.Store(true)
				problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
				store.away.Store(false)
			}
			assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/user", "").Code)
			assert.Equal(t, 1, p.endings())
		})
	})
	for kind, want := range map[bankmux.Kind]int{bankmux.ErrOutcomeUnknown: 200, bankmux.ErrRateLimited: 204} {
		t.Run("a result that may lack an access stays named: "+string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newHarbor(), newGoneStore()
				p.lost = []bankmux.Failure{
					{Err: &bankmux.Error{Kind: bankmux.ErrUserAction}}, {Err: &bankmux.Error{Kind: kind}},
				}
				a := heldLink(t, p, store)
				problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
				assert.Len(t, p.ended, 1, "what it has ends")
				store.away.Store(false)
				for range 2 {
					assert.Equal(t, want, a.send(t, "rosa", "DELETE", "/user", "").Code)
				}
				time.Sleep(waiting) // the background work ends
			})
		})
	}
	t.Run("another user's deletion forgets nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), newGoneStore()
			a := heldLink(t, p, store)
			problem(t, a.send(t, "rosa", "DELETE", "/user", ""), 503)
			store.away.Store(false)
			a.send(t, "omar", "DELETE", "/user", "")
			assert.Zero(t, store.forgot.Load())
			time.Sleep(waiting) // the background work ends
		})
	})
}
