package bankhttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// oddStore is a store with a few calls that a test replaces.
type oddStore struct {
	bankhttp.Store

	queue      func() error
	connection func() error
	lists      func() error
	lost       string          // the id of a connection that does not open
	opens      bool            // its accounts do
	unnamed    string          // the id of an account that only the user can identify
	lostKey    string          // the key of a transaction that does not open
	lostLink   string          // the id of a session that does not open
	lostSync   string          // the id of a connection whose state of syncs does not open
	query      bankhttp.Query  // the last one
	readers    *sync.WaitGroup // Challenge returns once all of them have read
}

func (s *oddStore) Queue(ctx context.Context, e bankmux.Event) error {
	if s.queue != nil {
		return s.queue()
	}
	return s.Store.Queue(ctx, e)
}

func (s *oddStore) Connection(ctx context.Context, user, id string) (bankmux.Connection, error) {
	if s.connection != nil {
		return bankmux.Connection{}, s.connection()
	}
	if id == s.lost {
		return bankmux.Connection{}, s.sealed()
	}
	return s.Store.Connection(ctx, user, id)
}

func (s *oddStore) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	if conn.ID == s.lostSync {
		return bankmux.SyncState{}, &bankmux.Error{Kind: bankmux.ErrSeal, Detail: planted, NotSent: true}
	}
	return s.Store.SyncState(ctx, conn)
}

// sealed is the error for the row that does not open.
func (s *oddStore) sealed() error {
	return &bankmux.Error{Kind: bankmux.ErrSeal, Connection: s.lost, Detail: planted, NotSent: true}
}

func (s *oddStore) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	if s.lists != nil {
		return nil, s.lists()
	}
	all, err := s.Store.Connections(ctx, user)
	before := len(all)
	all = slices.DeleteFunc(all, func(c bankmux.Connection) bool { return c.ID == s.lost })
	if len(all) < before {
		err = errors.Join(err, s.sealed())
	}
	return all, err
}

// Accounts does not open the accounts of the lost connection either.
func (s *oddStore) Accounts(ctx context.Context, user string, conns ...string) ([]bankhttp.Account, error) {
	all, err := s.Store.Accounts(ctx, user, conns...)
	if s.opens {
		return all, err
	}
	opened := slices.DeleteFunc(slices.Clone(all), func(a bankhttp.Account) bool { return a.Connection == s.lost })
	for range len(all) - len(opened) {
		err = errors.Join(err, s.sealed())
	}
	return opened, err
}

func (s *oddStore) NameAccounts(
	ctx context.Context, conn bankmux.Connection, listed []bankmux.Account,
) (map[string]string, error) {
	names, err := s.Store.NameAccounts(ctx, conn, listed)
	delete(names, s.unnamed)
	return names, err
}

func (s *oddStore) Unnamed(context.Context, string, ...string) ([]bankhttp.Unnamed, error) {
	if s.unnamed == "" {
		return nil, nil
	}
	a := bankmux.Account{ID: s.unnamed, Name: "Account 2", Mask: "0002", Number: planted}
	return []bankhttp.Unnamed{{ID: "opaque", Account: a}}, nil
}

func (s *oddStore) Transactions(ctx context.Context, q bankhttp.Query) (bankhttp.Page, error) {
	s.query = q
	page, err := s.Store.Transactions(ctx, q)
	page.Transactions = slices.DeleteFunc(page.Transactions, func(t bankhttp.Transaction) bool {
		if t.Key != s.lostKey {
			return false
		}
		page.Unreadable = append(page.Unreadable, bankhttp.Unreadable{
			Key: t.Key, Account: t.Account, Err: &bankmux.Error{Kind: bankmux.ErrSeal, Detail: planted},
		})
		return true
	})
	return page, err
}

func (s *oddStore) Sessions(ctx context.Context, user string) ([]bankmux.Session, error) {
	all, err := s.Store.Sessions(ctx, user)
	opened := slices.DeleteFunc(slices.Clone(all), func(one bankmux.Session) bool { return one.ID == s.lostLink })
	if len(opened) < len(all) {
		err = errors.Join(err, &bankmux.Error{Kind: bankmux.ErrSeal, Detail: planted})
	}
	return opened, err
}

func (s *oddStore) Challenge(ctx context.Context, user, id string) (bankmux.Challenge, error) {
	ch, err := s.Store.Challenge(ctx, user, id)
	if s.readers != nil {
		s.readers.Done()
		s.readers.Wait()
	}
	return ch, err
}

// TestOddStore specifies what depends on the order and on the kind of errors of a store.
func TestOddStore(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (*app, *harbor, *oddStore) {
		t.Helper()
		p, store := newHarbor(), &oddStore{Store: bankhttp.NewMemory()}
		return newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store }), p, store
	}
	t.Run("a link whose first sync cannot be queued is not done yet", func(t *testing.T) {
		t.Parallel()
		a, _, store := open(t)
		session := a.harborStart(t, "rosa")
		store.queue = func() error { return errors.New("full") }
		got := problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 503)
		assert.Equal(t, bankhttp.KindStore, got.Kind)
	})
	t.Run("two answers that read the question at once: one is sent", func(t *testing.T) {
		t.Parallel()
		a, p, store := open(t)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		path := "/challenges/" + a.asked(t, "rosa").ID
		store.readers = &sync.WaitGroup{}
		store.readers.Add(2)
		codes := make(chan int, 2)
		for range 2 {
			go func() { codes <- a.send(t, "rosa", "POST", path, `{"answers":["1"]}`).Code }()
		}
		assert.ElementsMatch(t, []int{200, 409}, []int{<-codes, <-codes})
		assert.Equal(t, []string{"1"}, p.given)
	})
	t.Run("a row that does not open and is of another user does not exist", func(t *testing.T) {
		t.Parallel()
		a, _, store := open(t)
		store.lost = a.harborLink(t, "rosa")
		for method, path := range map[string]string{"GET": "/sync", "DELETE": ""} {
			absent := a.send(t, "omar", method, "/connections/x"+path, "")
			sealed := a.send(t, "omar", method, "/connections/"+store.lost+path, "")
			assert.Equal(t, absent.Code, sealed.Code)
			assert.Equal(t, absent.Body.String(), sealed.Body.String())
		}
	})
	t.Run("a list that does not open is a failure of the request", func(t *testing.T) {
		t.Parallel()
		a, _, store := open(t)
		conn := a.harborLink(t, "rosa")
		store.lists = func() error { return &bankmux.Error{Kind: bankmux.ErrSeal, Detail: planted} }
		assert.Equal(t, bankmux.ErrSeal, problem(t, a.send(t, "rosa", "GET", "/connections", ""), 500).Kind)
		store.connection = store.lists
		assert.Equal(t, bankmux.ErrSeal, problem(t, a.send(t, "rosa", "DELETE", "/connections/"+conn, ""), 500).Kind)
	})
	t.Run("a reconnect renews the row as it is now", func(t *testing.T) {
		t.Parallel()
		a, _, store := open(t)
		conn := a.harborLink(t, "rosa")
		s := object[started](t, a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", ""), 200)
		require.NoError(t, store.Update(t.Context(), a.stored(t, "rosa", conn),
			func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				stored.Products = []bankmux.Product{bankmux.ProductIdentity}
				return stored, nil
			}))
		assert.Equal(t, 200, a.send(t, "rosa", "POST", "/sessions/"+s.Session, codeOf(s.Session, "")).Code)
		assert.Equal(t, []bankmux.Product{bankmux.ProductIdentity}, a.stored(t, "rosa", conn).Products)
	})
	t.Run("a webhook of a run of several banks, one of which failed, is delivered again", func(t *testing.T) {
		t.Parallel()
		a, p, _ := open(t)
		session := a.harborStart(t, "rosa")
		p.lost = []bankmux.Failure{{Err: plantedError(bankmux.ErrInstitution)}}
		body := fmt.Sprintf(`{"kind":"link_finished","session":%q,"payload":%q}`, session, codeOf(session, ""))
		assert.Equal(t, 500, a.hook(t, body).Code)
	})
	t.Run("a cookie of a session that is gone", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		p.hosted = true
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.ReturnTo = "/banks?open=tab" })
		session := a.harborStart(t, "rosa")
		cookies := []*http.Cookie{{Name: "bankmux_session", Value: "gone"}}
		to := a.returned(t, "rosa", "session="+session+"&code=1", cookies)
		assert.Equal(t, session, to.Get("session"))
		assert.NotEmpty(t, to.Get("connection"))
	})
	t.Run("a refusal before the end of the body closes the connection", func(t *testing.T) {
		t.Parallel()
		a, _, _ := open(t)
		w := a.send(t, "", "POST", "/sessions", `{"country":"US"}`)
		assert.Equal(t, 401, w.Code)
		assert.Equal(t, "close", w.Header().Get("Connection"))
	})
}
