package bankhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// relinked links a bank, lets its access lapse, and links it again. Its accounts have nothing that
// identifies them. It returns the new connection, and the accounts before.
func relinked(t *testing.T, configure ...func(*bankhttp.Config)) (a *app, p *harbor, conn string, before accounts) {
	t.Helper()
	p = newHarbor()
	p.plain = true
	a = newHarborApp(t, p, configure...)
	old := a.harborLink(t, "rosa")
	before = a.read(t, "rosa")
	require.Len(t, before.Accounts, 2)
	require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+old+"/sync", "").Code)
	if _, ok := a.store.(*bankhttp.Memory); ok {
		a.worked(t)
	}
	p.failing(bankmux.OpAccounts, bankmux.ErrReauth)
	a.read(t, "rosa")
	p.failing(bankmux.OpAccounts, "")
	conn = a.harborLink(t, "rosa")
	return a, p, conn, before
}

// worked does what waits in the queue.
func (a *app) worked(t *testing.T) {
	t.Helper()
	memory, ok := a.store.(*bankhttp.Memory)
	require.True(t, ok)
	for {
		event, conn, err := memory.Dequeue(t.Context())
		if err != nil {
			require.ErrorIs(t, err, bankmux.ErrNotFound)
			return
		}
		require.NoError(t, a.service.Follow(t.Context(), event, conn))
	}
}

// TestUnnamed specifies accounts that only the user can identify.
func TestUnnamed(t *testing.T) {
	t.Parallel()
	t.Run("they are listed with an id for the browser, and the sync has ended", func(t *testing.T) {
		t.Parallel()
		a, _, conn, before := relinked(t)
		w := a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "")
		state := object[syncState](t, w, 200)
		assert.NotZero(t, state.SyncedAt, "the round had nothing to read")
		require.Len(t, state.Unnamed, 2)
		assert.Equal(t, "Account 1", state.Unnamed[0].Name)
		assert.Equal(t, "0001", state.Unnamed[0].Mask)
		assert.Equal(t, conn, state.Unnamed[0].Connection)
		assert.Equal(t, []string{before.Accounts[0].ID}, state.Unnamed[0].MayBe)
		assert.NotContains(t, w.Body.String(), planted)
		later := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200)
		assert.Equal(t, state.Unnamed, later.Unnamed)
		for path, n := range map[string]int{
			"": 2, "?connection=" + conn: 2, "?connection=" + before.Accounts[0].Connection: 0,
		} {
			w := a.send(t, "rosa", "GET", "/accounts"+path, "")
			assert.Len(t, object[accounts](t, w, 200).Unnamed, n, path)
			assert.NotContains(t, w.Body.String(), planted)
		}
		assert.Empty(t, object[accounts](t, a.send(t, "omar", "GET", "/accounts", ""), 200).Unnamed)
	})
	t.Run("the user names them, and their first sync follows", func(t *testing.T) {
		t.Parallel()
		a, _, conn, before := relinked(t)
		a.worked(t)
		state := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200)
		require.Len(t, state.Unnamed, 2)
		for i, body := range []string{fmt.Sprintf(`{"account":%q}`, before.Accounts[0].ID), `{"new":true}`} {
			path := "/unnamed/" + state.Unnamed[i].ID
			var names [2]string
			for again := range names {
				w := a.send(t, "rosa", "POST", path, body)
				got := object[struct{ Account, Connection string }](t, w, 200)
				assert.Equal(t, conn, got.Connection)
				assert.NotContains(t, w.Body.String(), planted)
				names[again] = got.Account
			}
			assert.Equal(t, names[0], names[1], "posting again is safe")
			assert.Equal(t, i == 0, names[0] == before.Accounts[0].ID)
			other := []string{`{"new":true}`, fmt.Sprintf(`{"account":%q}`, before.Accounts[1].ID)}[i]
			for _, body := range []string{`{"account":"other"}`, other} {
				w := a.send(t, "rosa", "POST", path, body)
				assert.Equal(t, bankmux.ErrInvalid, problem(t, w, 400).Kind, "another decision: "+body)
			}
		}
		rows := len(memoryRows(t, a))
		a.worked(t)
		after := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200)
		assert.Empty(t, after.Unnamed)
		assert.True(t, after.SyncedAt.After(state.SyncedAt) || after.SyncedAt.Equal(state.SyncedAt))
		assert.Len(t, memoryRows(t, a), rows, "the rows of the account are those of before")
		read := object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200)
		assert.Len(t, read.Accounts, 3)
		assert.Empty(t, read.Unnamed)
		for _, account := range read.Accounts {
			if account.ID == before.Accounts[0].ID {
				assert.Equal(t, conn, account.Connection)
			}
		}
	})
	t.Run("two accounts of a connection are not one", func(t *testing.T) {
		t.Parallel()
		a, _, conn, before := relinked(t)
		a.worked(t)
		all := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200).Unnamed
		body := fmt.Sprintf(`{"account":%q}`, before.Accounts[0].ID)
		assert.Equal(t, 200, a.send(t, "rosa", "POST", "/unnamed/"+all[0].ID, body).Code)
		assert.Equal(t, bankmux.ErrInvalid,
			problem(t, a.send(t, "rosa", "POST", "/unnamed/"+all[1].ID, body), 400).Kind)
	})
	t.Run("an account that it cannot be is refused", func(t *testing.T) {
		t.Parallel()
		a, _, first, before := relinked(t)
		second := a.harborLink(t, "rosa")
		a.worked(t)
		var ids []string // of the account with the first mask, at each connection
		for _, conn := range []string{first, second} {
			w := a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", "")
			one := object[syncState](t, w, 200).Unnamed[0]
			require.Equal(t, []string{before.Accounts[0].ID}, one.MayBe)
			ids = append(ids, one.ID)
		}
		name := func(id, account string, status int) *httptest.ResponseRecorder {
			w := a.send(t, "rosa", "POST", "/unnamed/"+id, fmt.Sprintf(`{"account":%q}`, account))
			require.Equal(t, status, w.Code, w.Body)
			return w
		}
		refused := name(ids[0], before.Accounts[1].ID, 400)
		assert.Equal(t, bankmux.ErrInvalid, problem(t, refused, 400).Kind, "its mask is another one")
		name(ids[0], before.Accounts[0].ID, 200)
		refused = name(ids[1], before.Accounts[0].ID, 400)
		assert.Equal(t, bankmux.ErrInvalid, problem(t, refused, 400).Kind, "an active connection has it by now")
		after := object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Accounts
		places := map[string]string{}
		for _, one := range after {
			places[one.ID] = one.Connection
		}
		assert.Equal(t, first, places[before.Accounts[0].ID], "nothing moved")
	})
	t.Run("its first sync follows although the browser leaves", func(t *testing.T) {
		t.Parallel()
		store := &leftStore{Store: bankhttp.NewMemory()}
		a, _, conn, _ := relinked(t, func(c *bankhttp.Config) { c.Store = store })
		w := a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "")
		id := object[syncState](t, w, 200).Unnamed[0].ID
		ctx, leave := context.WithCancel(t.Context())
		store.leave = leave
		r := newRequest(t, "rosa", "POST", "/bank/unnamed/"+id, `{"new":true}`).WithContext(ctx)
		assert.Equal(t, 200, serve(t, a.handler, r).Code)
		require.Error(t, ctx.Err(), "the browser has left")
		assert.NoError(t, store.queued)
	})
	t.Run("each of them has its own event", func(t *testing.T) {
		t.Parallel()
		store := &eventKeys{Store: bankhttp.NewMemory()}
		a, _, conn, _ := relinked(t, func(c *bankhttp.Config) { c.Store = store })
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "").Code)
		all := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200).Unnamed
		store.keys = nil
		for _, i := range []int{0, 1, 1} {
			require.Equal(t, 200, a.send(t, "rosa", "POST", "/unnamed/"+all[i].ID, `{"new":true}`).Code)
		}
		require.Len(t, store.keys, 3)
		assert.NotEqual(t, store.keys[0], store.keys[1], "a queue that has one takes the other")
		assert.Equal(t, store.keys[1], store.keys[2], "posting again is the same event")
	})
	t.Run("they go with the connection", func(t *testing.T) {
		t.Parallel()
		a, _, conn, _ := relinked(t)
		a.worked(t)
		require.Len(t, object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Unnamed, 2)
		require.Equal(t, 204, a.send(t, "rosa", "DELETE", "/connections/"+conn, "").Code)
		assert.Empty(t, object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Unnamed)
	})
	t.Run("those of another user do not exist", func(t *testing.T) {
		t.Parallel()
		a, _, conn, _ := relinked(t)
		a.worked(t)
		all := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200).Unnamed
		absent := a.send(t, "omar", "POST", "/unnamed/x", `{"new":true}`)
		foreign := a.send(t, "omar", "POST", "/unnamed/"+all[0].ID, `{"new":true}`)
		assert.Equal(t, 404, foreign.Code)
		assert.Equal(t, absent.Body.String(), foreign.Body.String())
		a.harborLink(t, "omar")
		others := a.read(t, "omar").Accounts
		require.NotEmpty(t, others)
		for _, name := range []string{"account 99", others[0].ID} {
			other := a.send(t, "rosa", "POST", "/unnamed/"+all[0].ID, fmt.Sprintf(`{"account":%q}`, name))
			assert.Equal(t, bankmux.ErrNotFound, problem(t, other, 404).Kind, name)
		}
	})
	t.Run("a store that fails at any call costs a repeated request", func(t *testing.T) {
		t.Parallel()
		for n, fired := 2, true; fired; n++ {
			memory := bankhttp.NewMemory()
			store := &faulty{Store: memory}
			a, _, conn, _ := relinked(t, func(c *bankhttp.Config) { c.Store = store })
			require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "").Code)
			all := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200).Unnamed
			store.arm(n/2, n%2 == 1) // each call fails before and after its work
			path := "/unnamed/" + all[0].ID
			if w := a.send(t, "rosa", "POST", path, `{"new":true}`); w.Code != http.StatusOK {
				assert.Equal(t, bankhttp.KindStore, problem(t, w, 503).Kind)
				assert.NotContains(t, w.Body.String(), planted)
				assert.Equal(t, 200, a.send(t, "rosa", "POST", path, `{"new":true}`).Code)
			}
			fired = store.fired()
			store.arm(0, false)
			got := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200)
			assert.Len(t, got.Unnamed, 1)
			assert.Contains(t, queued(t, memory), "named", "its first sync follows")
		}
	})
}

// leftStore is a store whose browser leaves when the user has identified an account.
type leftStore struct {
	bankhttp.Store

	leave  context.CancelFunc
	queued error // why the context of Queue has ended
}

func (s *leftStore) IdentifyAccount(
	ctx context.Context, user, id, account string,
) (bankmux.Connection, string, error) {
	conn, name, err := s.Store.IdentifyAccount(ctx, user, id, account)
	s.leave()
	return conn, name, err
}

func (s *leftStore) Queue(ctx context.Context, event bankmux.Event) error {
	s.queued = ctx.Err()
	return s.Store.Queue(ctx, event)
}

// eventKeys is a store that records the keys of queued events.
type eventKeys struct {
	bankhttp.Store

	keys []string
}

func (s *eventKeys) Queue(ctx context.Context, event bankmux.Event) error {
	s.keys = append(s.keys, event.Key)
	return s.Store.Queue(ctx, event)
}

// queued returns the names of the events that wait in the queue.
func queued(t *testing.T, memory *bankhttp.Memory) (names []string) {
	t.Helper()
	for {
		event, _, err := memory.Dequeue(t.Context())
		if err != nil {
			require.ErrorIs(t, err, bankmux.ErrNotFound)
			return names
		}
		names = append(names, event.Name)
	}
}
