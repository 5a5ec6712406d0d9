package bankhttp_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// TestFlow specifies what a user does at each provider, from the first link to the end.
func TestFlow(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			conn := a.link(t, "user-rosa", provider)
			assert.Equal(t, bankmux.StateActive, conn.State)
			if provider == plaid.Name { // Plaid itself takes a while for the first rows
				require.NoError(t, a.bank.Refresh(a.stored(t, "user-rosa", conn.ID).Reference()))
			}

			read := a.read(t, "user-rosa")
			assert.Empty(t, read.Failed)
			require.NotEmpty(t, read.Accounts)
			for _, account := range read.Accounts {
				assert.NotEmpty(t, account.Balances, account.Name)
				assert.Equal(t, conn.ID, account.Connection)
			}
			assert.Equal(t, read, object[accounts](t, a.send(t, "user-rosa", "GET", "/accounts", ""), 200))

			synced := object[syncState](t, a.send(t, "user-rosa", "POST", "/connections/"+conn.ID+"/sync", ""), 200)
			assert.NotZero(t, synced.SyncedAt)
			assert.Nil(t, synced.Problem)
			assert.Equal(t, a.booked(t, a.stored(t, "user-rosa", conn.ID)), a.pages(t, "user-rosa", "limit=7"))

			again := object[started](t, a.send(t, "user-rosa", "POST", "/connections/"+conn.ID+"/sessions", ""), 200)
			assert.Equal(t, bankmux.ModeRelink, again.Launch.Mode)
			if provider == dapi.Name { // an id of the provider that its widget needs
				assert.Equal(t, a.stored(t, "user-rosa", conn.ID).Institution.ID, again.Launch.Institution)
			}
			renewed := a.send(t, "user-rosa", "POST", "/sessions/"+again.Session, a.connect(t, again.Launch))
			assert.Equal(t, conn.ID, object[linked](t, renewed, 200).Connections[0].ID)

			path := "/connections/" + conn.ID
			assert.Equal(t, http.StatusNoContent, a.send(t, "user-rosa", "DELETE", path, "").Code)
			assert.Equal(t, http.StatusNoContent, a.send(t, "user-rosa", "DELETE", path, "").Code, "it may be repeated")
			assert.Empty(t, a.read(t, "user-rosa").Accounts, "the store in memory keeps none for a later link")
		})
	}
}

// TestDisconnect specifies that a connection ends at the provider before it is forgotten.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	path := "/connections/" + a.harborLink(t, "rosa")
	p.failing(bankmux.OpDisconnect, bankmux.ErrUnavailable)
	assert.Equal(t, bankmux.ErrUnavailable, problem(t, a.send(t, "rosa", "DELETE", path, ""), 503).Kind)
	assert.Len(t, object[linked](t, a.send(t, "rosa", "GET", "/connections", ""), 200).Connections, 1)
	p.failing(bankmux.OpDisconnect, "")
	assert.Equal(t, http.StatusNoContent, a.send(t, "rosa", "DELETE", path, "").Code)
	assert.Len(t, p.ended, 1)
	assert.Empty(t, object[linked](t, a.send(t, "rosa", "GET", "/connections", ""), 200).Connections)
}

// pages counts the rows of all pages of a query.
func (a *app) pages(t *testing.T, user, query string) (rows int) {
	t.Helper()
	seen := map[string]bool{}
	for after := ""; ; {
		page := object[transactions](t,
			a.send(t, user, "GET", "/transactions?"+query+"&after="+url.QueryEscape(after), ""), 200)
		for _, row := range page.Transactions {
			assert.False(t, seen[row.ID+row.Account], "a row comes once")
			seen[row.ID+row.Account] = true
		}
		rows += len(page.Transactions)
		if after = page.Next; after == "" {
			return rows
		}
	}
}

// booked counts the rows of a connection at the bank.
func (a *app) booked(t *testing.T, conn bankmux.Connection) int {
	t.Helper()
	rows, err := a.bank.Transactions(conn.Reference())
	require.NoError(t, err)
	return len(rows)
}
