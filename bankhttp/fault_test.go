package bankhttp_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// faulty is a store one of whose calls fails. The call may have no effect, or its response is lost.
type faulty struct {
	bankhttp.Store

	mu    sync.Mutex
	left  int  // calls until the one that fails, 0 if none does
	late  bool // the call has its effect before it fails
	slow  bool // the call waits until its context ends
	kind  bool // the error of a slow call has a kind, as that of package store
	done  bool
	named string
}

// arm makes the n-th call from now on fail.
func (f *faulty) arm(n int, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.late, f.done = n, late, false
}

// fired reports whether the call came.
func (f *faulty) fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// next returns whether this call fails.
func (f *faulty) next(name string) (fails, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return false, false
	}
	if f.left--; f.left > 0 {
		return false, false
	}
	f.done, f.named = true, name
	return true, f.late
}

// attempt makes a call that may fail.
func attempt[T any](ctx context.Context, f *faulty, name string, call func() (T, error)) (T, error) {
	var none T
	fails, late := f.next(name)
	if fails && f.slow {
		<-ctx.Done()
		if f.kind {
			return none, &bankmux.Error{Kind: bankmux.ErrContextDone, Detail: planted, Err: ctx.Err()}
		}
		return none, ctx.Err()
	}
	if fails && !late {
		return none, errors.New("disk is full: " + planted)
	}
	out, err := call()
	if fails {
		return none, errors.New("connection reset: " + planted)
	}
	return out, err
}

func attemptErr(ctx context.Context, f *faulty, name string, call func() error) error {
	_, err := attempt(ctx, f, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

func (f *faulty) SaveSession(ctx context.Context, s bankmux.Session) error {
	return attemptErr(ctx, f, "SaveSession", func() error { return f.Store.SaveSession(ctx, s) })
}

func (f *faulty) Session(ctx context.Context, ref bankmux.SessionRef) (bankmux.Session, error) {
	return attempt(ctx, f, "Session", func() (bankmux.Session, error) { return f.Store.Session(ctx, ref) })
}

func (f *faulty) Sessions(ctx context.Context, user string) ([]bankmux.Session, error) {
	return attempt(ctx, f, "Sessions", func() ([]bankmux.Session, error) { return f.Store.Sessions(ctx, user) })
}

func (f *faulty) FindSession(ctx context.Context, id string) (bankmux.Session, error) {
	return attempt(ctx, f, "FindSession", func() (bankmux.Session, error) { return f.Store.FindSession(ctx, id) })
}

// Exchange fails before the exchange, or after it: then it has stored nothing if late is false.
func (f *faulty) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	return attempt(ctx, f, "Exchange", func() (bankmux.ExchangeResult, error) {
		return f.Store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
			res, err := exchange(ctx)
			if err == nil {
				err = attemptErr(ctx, f, "Exchange's commit", func() error { return nil })
			}
			return res, err
		})
	})
}

func (f *faulty) Connection(ctx context.Context, user, id string) (bankmux.Connection, error) {
	return attempt(ctx, f, "Connection",
		func() (bankmux.Connection, error) { return f.Store.Connection(ctx, user, id) })
}

func (f *faulty) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	return attempt(ctx, f, "Connections",
		func() ([]bankmux.Connection, error) { return f.Store.Connections(ctx, user) })
}

func (f *faulty) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	return attemptErr(ctx, f, "Update", func() error { return f.Store.Update(ctx, conn, change) })
}

func (f *faulty) DeleteConnection(ctx context.Context, user, id string) error {
	return attemptErr(ctx, f, "DeleteConnection", func() error { return f.Store.DeleteConnection(ctx, user, id) })
}

func (f *faulty) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) ([]bankhttp.Unfinished, error) {
	return attempt(ctx, f, "DeleteUser",
		func() ([]bankhttp.Unfinished, error) { return f.Store.DeleteUser(ctx, user, disconnect) })
}

func (f *faulty) ForgetExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) error {
	return attemptErr(ctx, f, "ForgetExchange", func() error { return f.Store.ForgetExchange(ctx, ref, payload) })
}

func (f *faulty) HoldExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) (time.Duration, error) {
	return attempt(ctx, f, "HoldExchange",
		func() (time.Duration, error) { return f.Store.HoldExchange(ctx, ref, payload) })
}

func (f *faulty) Unnamed(ctx context.Context, user string, conns ...string) ([]bankhttp.Unnamed, error) {
	return attempt(ctx, f, "Unnamed",
		func() ([]bankhttp.Unnamed, error) { return f.Store.Unnamed(ctx, user, conns...) })
}

func (f *faulty) IdentifyAccount(ctx context.Context, user, id, account string) (bankmux.Connection, string, error) {
	var conn bankmux.Connection
	name, err := attempt(ctx, f, "IdentifyAccount", func() (name string, err error) {
		conn, name, err = f.Store.IdentifyAccount(ctx, user, id, account)
		return name, err
	})
	return conn, name, err
}

func (f *faulty) SaveChallenge(ctx context.Context, user string, ch bankmux.Challenge) (string, error) {
	return attempt(ctx, f, "SaveChallenge", func() (string, error) { return f.Store.SaveChallenge(ctx, user, ch) })
}

func (f *faulty) Challenge(ctx context.Context, user, id string) (bankmux.Challenge, error) {
	return attempt(ctx, f, "Challenge", func() (bankmux.Challenge, error) { return f.Store.Challenge(ctx, user, id) })
}

func (f *faulty) CloseChallenge(ctx context.Context, user, id string) error {
	return attemptErr(ctx, f, "CloseChallenge", func() error { return f.Store.CloseChallenge(ctx, user, id) })
}

func (f *faulty) Accounts(ctx context.Context, user string, conns ...string) ([]bankhttp.Account, error) {
	return attempt(ctx, f, "Accounts",
		func() ([]bankhttp.Account, error) { return f.Store.Accounts(ctx, user, conns...) })
}

func (f *faulty) SaveBalances(ctx context.Context, conn bankmux.Connection, b []bankmux.AccountBalances) error {
	return attemptErr(ctx, f, "SaveBalances", func() error { return f.Store.SaveBalances(ctx, conn, b) })
}

func (f *faulty) Transactions(ctx context.Context, q bankhttp.Query) (bankhttp.Page, error) {
	return attempt(ctx, f, "Transactions", func() (bankhttp.Page, error) { return f.Store.Transactions(ctx, q) })
}

func (f *faulty) Queue(ctx context.Context, e bankmux.Event) error {
	return attemptErr(ctx, f, "Queue", func() error { return f.Store.Queue(ctx, e) })
}

func (f *faulty) Seen(ctx context.Context, key string) (bool, error) {
	return attempt(ctx, f, "Seen", func() (bool, error) { return f.Store.Seen(ctx, key) })
}

func (f *faulty) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	return attempt(ctx, f, "SyncState", func() (bankmux.SyncState, error) { return f.Store.SyncState(ctx, conn) })
}

func (f *faulty) NameAccounts(
	ctx context.Context, conn bankmux.Connection, all []bankmux.Account,
) (map[string]string, error) {
	return attempt(ctx, f, "NameAccounts", func() (map[string]string, error) {
		return f.Store.NameAccounts(ctx, conn, all)
	})
}

func (f *faulty) Known(ctx context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	if fails, _ := f.next("Known"); fails {
		return func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, errors.New("disk: "+planted)) }
	}
	return f.Store.Known(ctx, account, from, to)
}

func (f *faulty) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, d bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	return attempt(ctx, f, "StoreDelta", func() (bool, error) { return f.Store.StoreDelta(ctx, conn, from, d, to) })
}

func (f *faulty) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	return attempt(ctx, f, "StoreSyncState",
		func() (bool, error) { return f.Store.StoreSyncState(ctx, conn, from, to) })
}

// TestStoreFails specifies what a failure of the store at any one call costs: a repeated request.
// The response is 503, nothing is lost, and nothing is linked twice.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(provider,
				map[bool]string{false: ", no effect", true: ", lost response"}[late]), func(t *testing.T) {
				t.Parallel()
				names := map[string]bool{}
				for n := 1; ; n++ {
					store := &faulty{Store: bankhttp.NewMemory()}
					a := newApp(t, func(c *bankhttp.Config) { c.Store = store })
					store.arm(n, late)
					a.life(t, store, provider)
					if !store.fired() {
						break
					}
					names[store.named] = true
				}
				for _, name := range []string{
					"SaveSession", "Session", "Exchange", "Exchange's commit", "Queue", "Connections", "NameAccounts",
					"SaveBalances", "Accounts", "SyncState", "StoreDelta", "Transactions", "Connection",
					"DeleteConnection",
					"DeleteUser", "Unnamed",
				} {
					assert.True(t, names[name], "%s failed once", name)
				}
			})
		}
	}
}

// insist repeats a request until it succeeds. The failure must be a clear one, and come once.
func (a *app) insist(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := a.send(t, "user-rosa", method, path, body)
	if w.Code < 400 {
		return w
	}
	p := problem(t, w, http.StatusServiceUnavailable)
	assert.Equal(t, bankhttp.KindStore, p.Kind)
	assert.Positive(t, p.RetryAfter)
	assert.NotContains(t, w.Body.String(), planted)
	w = a.send(t, "user-rosa", method, path, body)
	require.Less(t, w.Code, 400, w.Body.String())
	return w
}

// life is what a user does from the link to the end, with a store one of whose calls fails.
func (a *app) life(t *testing.T, store *faulty, provider string) {
	t.Helper()
	s := object[started](t, a.insist(t, "POST", "/sessions", `{"country":"`+country[provider]+`"}`), 200)
	payload := a.connect(t, s.Launch)
	made := object[linked](t, a.insist(t, "POST", "/sessions/"+s.Session, payload), 200)
	again := object[linked](t, a.insist(t, "POST", "/sessions/"+s.Session, payload), 200)
	assert.Equal(t, made.Connections[0].ID, again.Connections[0].ID, "a form that is posted again finds the connection")
	all, err := store.Store.Connections(t.Context(), "user-rosa")
	require.NoError(t, err)
	require.Len(t, all, 1, "nothing is linked twice")
	event, found, err := store.Store.(*bankhttp.Memory).Dequeue(t.Context())
	require.NoError(t, err, "the first sync waits in the queue")
	assert.Equal(t, bankmux.EventTransactionsAvailable, event.Kind)
	assert.Equal(t, made.Connections[0].ID, found.ID)

	read := object[accounts](t, a.insist(t, "POST", "/accounts", ""), 200)
	require.NotEmpty(t, read.Accounts)
	assert.Empty(t, read.Failed)
	for _, account := range read.Accounts {
		assert.NotEmpty(t, account.Balances, account.Name)
	}
	path := "/connections/" + made.Connections[0].ID
	if provider == plaid.Name {
		require.NoError(t, a.bank.Refresh(found.Reference()))
	}
	state := object[syncState](t, a.insist(t, "POST", path+"/sync", ""), 200)
	assert.NotZero(t, state.SyncedAt)
	first := object[transactions](t, a.insist(t, "GET", "/transactions?limit=500", ""), 200)
	assert.Len(t, first.Transactions, a.booked(t, found), "each row is there once")
	a.insist(t, "DELETE", path, "")
	a.insist(t, "DELETE", "/user", "")
	left, err := store.Store.Connections(t.Context(), "user-rosa")
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestStoreSlow specifies that a store that does not respond costs no more than the time of the
// request. The response names the store as the reason.
func TestStoreSlow(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]bool{"a plain error": false, "an error with a kind": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { slowStore(t, kind) })
		})
	}
}

// slowStore is a store whose time ends. kind says that its error has a kind.
func slowStore(t *testing.T, kind bool) {
	store := &faulty{Store: bankhttp.NewMemory(), slow: true, kind: kind}
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store, c.HandleFor = store, 7*time.Second })
	conn := a.harborLink(t, "rosa")
	session := a.harborStart(t, "rosa")
	for _, c := range [][3]string{
		{"GET", "/connections"},
		{"GET", "/sessions/" + session},
		{"POST", "/sessions/" + session, codeOf(session, "")},
		{"GET", "/connections/" + conn + "/sync"},
		{"DELETE", "/user"},
	} {
		store.arm(1, false)
		asked := time.Now()
		p := problem(t, a.send(t, "rosa", c[0], c[1], c[2]), 503)
		assert.Equal(t, bankhttp.KindStore, p.Kind, c[1])
		assert.Positive(t, p.RetryAfter, c[1])
		assert.Equal(t, 7*time.Second, time.Since(asked), c[1])
	}
	store.arm(1, false)
	asked := time.Now()
	assert.Equal(t, 503, a.send(t, "", "GET", "/health", "").Code)
	assert.Equal(t, 2*time.Second, time.Since(asked))
	assert.Equal(t, 200, a.send(t, "", "GET", "/health", "").Code)
}

// TestBrowserLeaves specifies that an exchange goes on if the browser hangs up.
func TestBrowserLeaves(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	session := a.harborStart(t, "rosa")
	ctx, leave := context.WithCancel(t.Context())
	p.during = func(ctx context.Context, op string) error {
		if op == bankmux.OpExchangeToken {
			leave()
		}
		return ctx.Err()
	}
	r := newRequest(t, "rosa", "POST", "/bank/sessions/"+session, codeOf(session, "")).WithContext(ctx)
	assert.Equal(t, 200, serve(t, a.handler, r).Code)
	require.Error(t, ctx.Err())
	all, err := a.store.Connections(t.Context(), "rosa")
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

// TestBrowserLeavesLater specifies that the end of a connection and an answer go on as well.
func TestBrowserLeavesLater(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	conn := a.harborLink(t, "rosa")
	p.ask(bankmux.OpAccounts, otp)
	id := a.asked(t, "rosa").ID
	for _, c := range [][3]string{
		{"POST", "/challenges/" + id, `{"answers":["1"]}`},
		{"DELETE", "/connections/" + conn, ""},
	} {
		ctx, leave := context.WithCancel(t.Context())
		p.during = func(ctx context.Context, _ string) error {
			leave()
			return ctx.Err()
		}
		r := newRequest(t, "rosa", c[0], "/bank"+c[1], c[2]).WithContext(ctx)
		assert.Less(t, serve(t, a.handler, r).Code, 300, c[1])
		require.Error(t, ctx.Err())
	}
	assert.Equal(t, []string{"1"}, p.given)
	assert.Len(t, p.ended, 1)
}
