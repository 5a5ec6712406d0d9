package bankhttp_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAccounts specifies how accounts of several providers stand side by side.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("a provider that is down is named, and the others are read", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		conns := map[string]string{}
		for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
			conns[a.link(t, "user-rosa", provider).ID] = provider
		}
		require.NoError(t, a.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: dapi.Name}))
		read := a.read(t, "user-rosa")
		require.Len(t, read.Failed, 1)
		assert.Equal(t, dapi.Name, conns[read.Failed[0].Connection])
		assert.NotEmpty(t, read.Failed[0].Institution.Name)
		assert.Equal(t, 503, read.Failed[0].Problem.Status)
		seen := map[string]bool{}
		for _, account := range read.Accounts {
			seen[conns[account.Connection]] = true
		}
		assert.Equal(t, map[string]bool{moneykit.Name: true, plaid.Name: true}, seen, "an unread account is not zero")

		a.bank.ClearFaults()
		all := a.read(t, "user-rosa")
		assert.Empty(t, all.Failed)
		require.NoError(t, a.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: dapi.Name}))
		later := a.read(t, "user-rosa")
		assert.Equal(t, all.Accounts, later.Accounts, "the last balances stay")
		assert.Len(t, later.Failed, 1)
	})
	t.Run("an account that failed has no balance, and is named by the application's own id", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		conn := a.harborLink(t, "rosa")
		read := a.read(t, "rosa")
		require.Len(t, read.Accounts, 2)
		assert.Len(t, read.Accounts[0].Balances, 1)
		assert.Empty(t, read.Accounts[1].Balances, "absent is not zero")
		assert.NotContains(t, a.send(t, "rosa", "GET", "/accounts", "").Body.String(), "as_of",
			"the provider does not say when the balance was true")
		require.Len(t, read.Failed, 1)
		assert.Equal(t, conn, read.Failed[0].Connection)
		assert.Equal(t, read.Accounts[1].ID, read.Failed[0].Account)
		assert.Equal(t, bankmux.ErrInstitution, read.Failed[0].Problem.Kind)
	})
	t.Run("an account that the store keeps although its connection was ended", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = &keeping{Store: c.Store} })
		conn := a.harborLink(t, "rosa")
		assert.False(t, a.read(t, "rosa").Accounts[0].Ended)
		before := object[datedAccounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Accounts[0]
		assert.Equal(t, dueDay, before.Due)
		assert.NotZero(t, before.ReadAt)
		assert.Equal(t, 204, a.send(t, "rosa", "DELETE", "/connections/"+conn, "").Code)
		w := a.send(t, "rosa", "GET", "/accounts", "")
		kept := object[accounts](t, w, 200).Accounts
		require.Len(t, kept, 2)
		assert.True(t, kept[0].Ended)
		assert.Empty(t, kept[0].Balances, "a balance that is not read any more is not shown")
		assert.Zero(t, object[datedAccounts](t, w, 200).Accounts[0], "neither is its time")
	})
	t.Run("one connection alone", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		second := a.harborLink(t, "rosa")
		read := object[accounts](t, a.send(t, "rosa", "POST", "/accounts?connection="+second, ""), 200)
		assert.Equal(t, 1, p.count(bankmux.OpAccounts))
		for _, account := range read.Accounts {
			assert.Equal(t, second, account.Connection)
		}
	})
	t.Run("the stored accounts of one connection, also of one that was ended", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *bankhttp.Config) { c.Store = &keeping{Store: c.Store} })
		one, two := a.link(t, "user-rosa", moneykit.Name).ID, a.link(t, "user-rosa", dapi.Name).ID
		all := a.read(t, "user-rosa").Accounts
		assert.Equal(t, 204, a.send(t, "user-rosa", "DELETE", "/connections/"+two, "").Code)
		seen := 0
		for _, conn := range []string{one, two} {
			got := object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts?connection="+conn, ""), 200).Accounts
			require.NotEmpty(t, got)
			for _, account := range got {
				assert.Equal(t, conn, account.Connection)
				assert.Equal(t, conn == two, account.Ended)
			}
			seen += len(got)
		}
		assert.Len(t, all, seen)
	})
	t.Run("another parameter, or a connection that is not the user's, is refused", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		conn := a.harborLink(t, "rosa")
		for _, method := range []string{"GET", "POST"} {
			assert.Equal(t, 404, a.send(t, "rosa", method, "/accounts?connection=nope", "").Code, method)
			assert.Equal(t, 404, a.send(t, "omar", method, "/accounts?connection="+conn, "").Code, method)
			for _, query := range []string{"bank=" + conn, "connection=" + conn + "&connection=x", "connection=%ff"} {
				assert.Equal(t, 400, a.send(t, "rosa", method, "/accounts?"+query, "").Code, method+query)
			}
			assert.Equal(t, 200, a.send(t, "rosa", method, "/accounts?connection="+conn, "").Code, method)
		}
	})
	t.Run("a connection whose bank could not be read when it was linked", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		s := a.start(t, "user-omar", dapi.Name)
		payload := a.connect(t, s.Launch)
		require.NoError(t, a.bank.Inject(virtualbank.Fault{
			Name: "unavailable", Provider: dapi.Name, Operation: "/metadata/accounts/get",
		}))
		made := object[linked](t, a.send(t, "user-omar", "POST", "/sessions/"+s.Session, payload), 200).Connections[0]
		assert.Equal(t, bankmux.StateUnverified, made.State)
		assert.Len(t, a.read(t, "user-omar").Failed, 1)
		a.bank.ClearFaults()
		assert.Empty(t, a.read(t, "user-omar").Failed)
		assert.Equal(t, bankmux.StateActive, a.stored(t, "user-omar", made.ID).Status.State)
		assert.NotEmpty(t, a.stored(t, "user-omar", made.ID).Institution.Name)
	})
	t.Run("a panic in code of the application is a failure of this request", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.during = func(context.Context, string) error { panic(planted) }
		w := a.send(t, "rosa", "POST", "/accounts", "")
		assert.Equal(t, bankmux.ErrApplication, problem(t, w, 500).Kind)
		assert.NotContains(t, w.Body.String(), planted)
	})
	t.Run("a lapsed consent shows in the state, and a reconnect ends it", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		conn := a.link(t, "user-rosa", moneykit.Name)
		require.NoError(t, a.bank.Lapse(a.stored(t, "user-rosa", conn.ID).Reference()))
		read := a.read(t, "user-rosa")
		require.Len(t, read.Failed, 1)
		assert.Equal(t, bankmux.ErrReauth, read.Failed[0].Problem.Kind)
		list := object[linked](t, a.send(t, "user-rosa", "GET", "/connections", ""), 200)
		assert.Equal(t, bankmux.StateReauth, list.Connections[0].State)
		assert.True(t, list.Connections[0].UserMustAct)
		a.reconnect(t, "user-rosa", conn.ID)
		assert.Empty(t, a.read(t, "user-rosa").Failed)
	})
}

// keeping is a store that keeps accounts after their connection was deleted.
type keeping struct {
	bankhttp.Store

	deleted string
}

// datedAccounts is what accounts have of days and times.
type datedAccounts struct {
	Accounts []struct {
		Due    bankmux.Date
		ReadAt time.Time `json:"read_at"`
	}
}

// dueDay is when the balances of all accounts of a keeping store are due.
var dueDay = bankmux.NewDate(2026, time.December, 1)

func (k *keeping) Accounts(ctx context.Context, user string, connections ...string) ([]bankhttp.Account, error) {
	all, err := k.Store.Accounts(ctx, user, connections...)
	for i := range all {
		all[i].Due = dueDay
	}
	return all, err
}

func (k *keeping) DeleteConnection(_ context.Context, _, id string) error {
	k.deleted = id
	return nil
}

func (k *keeping) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	all, err := k.Store.Connections(ctx, user)
	return slices.DeleteFunc(all, func(c bankmux.Connection) bool { return c.ID == k.deleted }), err
}

// reconnect renews a connection.
func (a *app) reconnect(t *testing.T, user, conn string) {
	t.Helper()
	s := object[started](t, a.send(t, user, "POST", "/connections/"+conn+"/sessions", ""), 200)
	renewed := object[linked](t, a.send(t, user, "POST", "/sessions/"+s.Session, a.connect(t, s.Launch)), 200)
	assert.Equal(t, conn, renewed.Connections[0].ID)
	assert.Equal(t, bankmux.StateActive, renewed.Connections[0].State)
}

// TestSync specifies what a page learns about a sync.
func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("the progress of a round that runs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			p.wait = make(chan struct{})
			a := newHarborApp(t, p)
			path := "/connections/" + a.harborLink(t, "rosa") + "/sync"
			done := make(chan int)
			go func() { done <- a.send(t, "rosa", "POST", path, "").Code }()
			synctest.Wait()
			state := object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200)
			require.NotNil(t, state.Progress)
			assert.Equal(t, 1, state.Progress.Rows)
			close(p.wait)
			assert.Equal(t, 200, <-done)
			state = object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200)
			assert.Nil(t, state.Progress)
			assert.NotZero(t, state.SyncedAt)
		})
	})
	t.Run("a round that takes longer than a request goes on with the next", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			p.wait = make(chan struct{})
			a := newHarborApp(t, p)
			path := "/connections/" + a.harborLink(t, "rosa") + "/sync"
			assert.True(t, object[syncState](t, a.send(t, "rosa", "POST", path, ""), 200).More)
			close(p.wait)
			state := object[syncState](t, a.send(t, "rosa", "POST", path, ""), 200)
			assert.False(t, state.More)
			assert.Equal(t, 2, a.pages(t, "rosa", ""))
		})
	})
	t.Run("accounts that could not be read, and those that only the user can identify", func(t *testing.T) {
		t.Parallel()
		p, store := newHarbor(), &oddStore{Store: bankhttp.NewMemory(), unnamed: planted + "2"}
		p.unread = []bankmux.Failure{{Account: planted + "1", Err: plantedError(bankmux.ErrInstitution)}}
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
		path := "/connections/" + a.harborLink(t, "rosa") + "/sync"
		w := a.send(t, "rosa", "POST", path, "")
		state := object[syncState](t, w, 200)
		require.Len(t, state.Unnamed, 1)
		assert.Equal(t, "Account 2", state.Unnamed[0].Name)
		assert.Equal(t, "0002", state.Unnamed[0].Mask)
		require.Len(t, state.Failed, 1)
		assert.Equal(t, "account 1", state.Failed[0].Account, "by the application's own id")
		assert.Equal(t, bankmux.ErrInstitution, state.Failed[0].Problem.Kind)
		assert.NotContains(t, w.Body.String(), planted)
		later := object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200)
		assert.Equal(t, state.Failed, later.Failed)
	})
	t.Run("a question that the bank has closed is not shown", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			a := newHarborApp(t, p)
			path := "/connections/" + a.harborLink(t, "rosa") + "/sync"
			p.ask(bankmux.OpSync, otp)
			problem(t, a.send(t, "rosa", "POST", path, ""), 409)
			assert.NotNil(t, object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200).Problem.Challenge)
			time.Sleep(5 * time.Minute)
			assert.Nil(t, object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200).Problem.Challenge)
		})
	})
	t.Run("after a failure it waits, and a reconnect ends the wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			a := newHarborApp(t, p)
			conn := a.harborLink(t, "rosa")
			path := "/connections/" + conn + "/sync"
			p.failing(bankmux.OpAccounts, bankmux.ErrUnavailable)
			assert.Equal(t, bankmux.ErrUnavailable, problem(t, a.send(t, "rosa", "POST", path, ""), 503).Kind)
			p.failing(bankmux.OpAccounts, "")
			assert.Positive(t, problem(t, a.send(t, "rosa", "POST", path, ""), 503).RetryAfter)
			state := object[syncState](t, a.send(t, "rosa", "GET", path, ""), 200)
			assert.Equal(t, 1, state.Attempts)
			require.NotNil(t, state.Problem)
			assert.Equal(t, bankmux.ErrUnavailable, state.Problem.Kind)

			time.Sleep(time.Second) // the user takes a while
			s := object[started](t, a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", ""), 200)
			assert.Equal(t, 200, a.send(t, "rosa", "POST", "/sessions/"+s.Session, codeOf(s.Session, "")).Code)
			assert.Zero(t, object[syncState](t, a.send(t, "rosa", "POST", path, ""), 200).Attempts)
		})
	})
}

// TestTransactions specifies the search.
func TestTransactions(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor())
	conn := a.harborLink(t, "rosa")
	a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "")
	account := a.read(t, "rosa").Accounts[0].ID
	for query, rows := range map[string]int{
		"": 2, "limit=1": 2, "q=COFFEE": 2, "q=coffee+1": 1, "q=cafe": 2, "q=tea": 0, "from=2026-11-22": 0, "to=2026-11-21": 2,
		"from=2026-11-21&to=2026-11-21": 2, "account=" + url.QueryEscape(account): 2, "account=x": 0, "q=": 2,
	} {
		assert.Equal(t, rows, a.pages(t, "rosa", query), query)
	}
	assert.Zero(t, a.pages(t, "omar", ""))
	t.Run("a page has 50 rows by default, and 500 at most", func(t *testing.T) {
		t.Parallel()
		store := &oddStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		for query, rows := range map[string]int{
			"": 50, "limit=7": 7, "limit=500": 500, "limit=501": 500, "limit=99999999999999999999": 500,
		} {
			a.pages(t, "rosa", query)
			assert.Equal(t, rows, store.query.Limit, query)
		}
	})
}

// TestHealth specifies what the health page has.
func TestHealth(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.link(t, "user-rosa", moneykit.Name)
	type page struct {
		Status, Store string
		Clients       []struct{ Name, Provider string }
		Breakers      []guard.BreakerState
	}
	got := object[page](t, a.send(t, "", "GET", "/health", ""), 200)
	assert.Equal(t, "ok", got.Status)
	assert.Len(t, got.Clients, 3)
	require.NotEmpty(t, got.Breakers)
	assert.Equal(t, "closed", got.Breakers[0].State)

	require.NoError(t, a.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: moneykit.Name}))
	for range 20 {
		a.read(t, "user-rosa")
	}
	got = object[page](t, a.send(t, "", "GET", "/health", ""), 200)
	states := map[string]string{}
	for _, b := range got.Breakers {
		states[b.Client+" "+string(b.Group)] = b.State
	}
	assert.Equal(t, "open", states["moneykit data"], states)
	assert.WithinDuration(t, time.Now(), got.Breakers[0].Since, time.Minute)

	public := serve(t, a.service.Handler(), newRequest(t, "user-rosa", "GET", "/bank/health", ""))
	assert.Equal(t, bankhttp.KindNoPath, problem(t, public, 404).Kind, "the public does not see it")
}
