package bankhttp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// TestUnsynced specifies that the user sees what the last sync could not read.
func TestUnsynced(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (*app, *harbor, string) {
		t.Helper()
		p := newHarbor()
		a := newHarborApp(t, p)
		return a, p, a.harborLink(t, "rosa")
	}
	t.Run("accounts and single rows are failures of the sync and of the accounts", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		p.unread = []bankmux.Failure{
			{Account: planted + "2", Err: plantedError(bankmux.ErrInstitution)},
			{Account: planted + "1", Transaction: planted, Err: plantedError(bankmux.ErrMalformed)},
			{Account: planted + "1", Transaction: planted + "3", Err: plantedError(bankmux.ErrMalformed)},
		}
		w := a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "")
		state := object[syncState](t, w, 200)
		assert.NotContains(t, w.Body.String(), planted)
		require.Len(t, state.Failed, 2)
		assert.Equal(t, "account 2", state.Failed[0].Account)
		assert.Equal(t, bankmux.ErrInstitution, state.Failed[0].Problem.Kind)
		assert.Zero(t, state.Failed[0].Rows, "all of the account")
		assert.Equal(t, "account 1", state.Failed[1].Account)
		assert.Equal(t, bankmux.ErrMalformed, state.Failed[1].Problem.Kind)
		assert.Equal(t, 4, state.Failed[1].Rows, "two rows on each of two pages")
		later := object[syncState](t, a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""), 200)
		assert.Equal(t, state.Failed, later.Failed)

		for _, query := range []string{"", "?connection=" + conn} {
			w = a.send(t, "rosa", "GET", "/accounts"+query, "")
			assert.NotContains(t, w.Body.String(), planted)
			got := object[accounts](t, w, 200).Failed
			require.Len(t, got, 2)
			for i := range got {
				assert.True(t, got[i].Sync)
				assert.Equal(t, conn, got[i].Connection)
				assert.Equal(t, "Harbor Bank", got[i].Institution.Name)
				assert.Equal(t, state.Failed[i].Account, got[i].Account)
				assert.Equal(t, state.Failed[i].Problem, got[i].Problem)
				assert.Equal(t, state.Failed[i].Rows, got[i].Rows)
			}
		}
		assert.Empty(t, object[accounts](t, a.send(t, "omar", "GET", "/accounts", ""), 200).Failed)

		p.unread = nil
		state = object[syncState](t, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", ""), 200)
		assert.Empty(t, state.Failed, "the next round could read all")
		assert.Empty(t, object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Failed)
	})
	t.Run("a reading has its own failures beside those of the sync", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		p.unread = []bankmux.Failure{{Account: planted + "1", Err: plantedError(bankmux.ErrInstitution)}}
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", "").Code)
		failed := a.read(t, "rosa").Failed
		require.Len(t, failed, 2)
		assert.Equal(t, []bool{false, true}, []bool{failed[0].Sync, failed[1].Sync})
		assert.Equal(t, []string{"account 2", "account 1"}, []string{failed[0].Account, failed[1].Account})
	})
	t.Run("a state that does not open is one failure, and the accounts are listed", func(t *testing.T) {
		t.Parallel()
		store := &sealedState{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		conn := a.harborLink(t, "rosa")
		a.read(t, "rosa")
		store.lost = true
		got := object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200)
		assert.Len(t, got.Accounts, 2)
		require.Len(t, got.Failed, 1)
		assert.Equal(t, conn, got.Failed[0].Connection)
		assert.Equal(t, bankmux.ErrSeal, got.Failed[0].Problem.Kind)
	})
	t.Run("a connection that is deleted meanwhile has no failure", func(t *testing.T) {
		t.Parallel()
		store := &sealedState{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		a.harborLink(t, "rosa")
		store.gone = true
		assert.Empty(t, object[accounts](t, a.send(t, "rosa", "GET", "/accounts", ""), 200).Failed)
	})
}

// sealedState is a store whose states of syncs do not open, or are gone.
type sealedState struct {
	bankhttp.Store

	lost, gone bool
}

func (s *sealedState) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	switch {
	case s.lost:
		return bankmux.SyncState{}, &bankmux.Error{Kind: bankmux.ErrSeal, Detail: planted}
	case s.gone:
		return bankmux.SyncState{}, &bankmux.Error{Kind: bankmux.ErrGone}
	}
	return s.Store.SyncState(ctx, conn)
}
