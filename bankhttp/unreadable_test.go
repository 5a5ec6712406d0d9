package bankhttp_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestUnreadable specifies what a stored connection costs that does not open, because its key is
// lost.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	type listed struct {
		linked

		Failed []struct {
			Connection string
			Problem    bankhttp.Problem
		} `json:"failed"`
	}
	open := func(t *testing.T, log io.Writer) (a *app, store *oddStore, lost, other string) {
		t.Helper()
		store = &oddStore{Store: bankhttp.NewMemory()}
		a = newApp(t, func(c *bankhttp.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(log, nil))
		})
		lost, other = a.link(t, "user-rosa", moneykit.Name).ID, a.link(t, "user-rosa", dapi.Name).ID
		a.read(t, "user-rosa")
		store.lost = lost
		return a, store, lost, other
	}
	t.Run("it is named among the failures, and the others are listed", func(t *testing.T) {
		t.Parallel()
		a, _, lost, other := open(t, io.Discard)
		got := object[listed](t, a.send(t, "user-rosa", "GET", "/connections", ""), 200)
		require.Len(t, got.Connections, 1)
		assert.Equal(t, other, got.Connections[0].ID)
		require.Len(t, got.Failed, 1)
		assert.Equal(t, lost, got.Failed[0].Connection)
		assert.Equal(t, bankmux.ErrSeal, got.Failed[0].Problem.Kind)
	})
	t.Run("accounts of the others are shown and read, and it fails once", func(t *testing.T) {
		t.Parallel()
		for _, method := range []string{"GET", "POST"} {
			var log strings.Builder
			a, _, lost, other := open(t, &log)
			w := a.send(t, "user-rosa", method, "/accounts", "")
			got := object[accounts](t, w, 200)
			require.NotEmpty(t, got.Accounts)
			for _, account := range got.Accounts {
				assert.Equal(t, other, account.Connection)
				assert.False(t, account.Ended)
			}
			require.Len(t, got.Failed, 1)
			assert.Equal(t, lost, got.Failed[0].Connection)
			assert.Equal(t, bankmux.ErrSeal, got.Failed[0].Problem.Kind)
			assert.NotContains(t, w.Body.String(), planted)
			assert.Equal(t, 1, strings.Count(log.String(), "stored rows do not open"))

			alone := object[accounts](t, a.send(t, "user-rosa", "POST", "/accounts?connection="+other, ""), 200)
			assert.Empty(t, alone.Failed, "a reading of another connection does not name it")
		}
	})
	t.Run("its accounts that open have not ended", func(t *testing.T) {
		t.Parallel()
		a, store, _, _ := open(t, io.Discard)
		store.opens = true
		got := object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts", ""), 200)
		banks := map[string]bool{}
		for _, account := range got.Accounts {
			banks[account.Connection] = true
			assert.False(t, account.Ended)
		}
		assert.Len(t, banks, 2)
		assert.Len(t, got.Failed, 1)
	})
	t.Run("it is not disconnected, and the response says so", func(t *testing.T) {
		t.Parallel()
		a, _, lost, _ := open(t, io.Discard)
		got := problem(t, a.send(t, "user-rosa", "DELETE", "/connections/"+lost, ""), 500)
		assert.Equal(t, bankmux.ErrSeal, got.Kind)
		assert.Len(t, a.bank.Links(), 2)
		assert.Equal(t, 500, a.send(t, "user-rosa", "GET", "/connections/"+lost+"/sync", "").Code)
	})
	t.Run("a state of syncs is a problem that the user resolves by a reconnect", func(t *testing.T) {
		t.Parallel()
		store := &oddStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		store.lostSync = a.harborLink(t, "rosa")
		var seen []bankhttp.Problem
		for _, method := range []string{"GET", "POST"} {
			w := a.send(t, "rosa", method, "/connections/"+store.lostSync+"/sync", "")
			assert.NotContains(t, w.Body.String(), planted)
			state := object[syncState](t, w, 200)
			require.NotNil(t, state.Problem, method)
			seen = append(seen, *state.Problem)
		}
		got := object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200)
		require.Len(t, got.Failed, 1)
		assert.True(t, got.Failed[0].Sync)
		for _, p := range append(seen, got.Failed[0].Problem) {
			assert.Equal(t, bankmux.ErrSeal, p.Kind)
			assert.True(t, p.UserMustAct)
			assert.Contains(t, p.Detail, "renew the access")
			assert.Contains(t, p.Remedy, "reconnect")
		}
	})
	t.Run("a transaction is named among the failures, and the others are listed", func(t *testing.T) {
		t.Parallel()
		store := &oddStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		conn := a.harborLink(t, "rosa")
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "").Code)
		store.lostKey = "key1"
		w := a.send(t, "rosa", "GET", "/transactions", "")
		got := object[struct {
			transactions

			Failed []struct {
				ID, Account string
				Problem     bankhttp.Problem
			}
		}](t, w, 200)
		require.Len(t, got.Transactions, 1)
		assert.Equal(t, "key2", got.Transactions[0].ID)
		require.Len(t, got.Failed, 1)
		assert.Equal(t, "key1", got.Failed[0].ID)
		assert.Equal(t, got.Transactions[0].Account, got.Failed[0].Account)
		assert.Equal(t, bankmux.ErrSeal, got.Failed[0].Problem.Kind)
		assert.NotContains(t, w.Body.String(), planted)
	})
	t.Run("a session does not keep a payload from that of the other tab", func(t *testing.T) {
		t.Parallel()
		store := &oddStore{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		store.lostLink = a.harborStart(t, "rosa")
		mine, other := a.harborStart(t, "rosa"), a.harborStart(t, "rosa")
		posted := a.send(t, "rosa", "POST", "/sessions/"+mine, codeOf(other, ""))
		assert.Len(t, object[linked](t, posted, 200).Connections, 1)
	})
}
