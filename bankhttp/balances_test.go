package bankhttp_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestReadBalances specifies the reading of balances without a user.
func TestReadBalances(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (*app, *harbor, bankmux.Connection) {
		t.Helper()
		p := newHarbor()
		a := newHarborApp(t, p)
		id := a.harborLink(t, "rosa")
		require.Equal(t, 200, a.send(t, "rosa", "POST", "/connections/"+id+"/sync", "").Code)
		return a, p, a.stored(t, "rosa", id)
	}
	t.Run("they are stored, and the bank learns that no user waits", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		for range 2 {
			err := a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{})
			require.NoError(t, err, "an account that fails is logged")
		}
		assert.Equal(t, 2, p.count(bankmux.OpBalances))
		assert.True(t, p.presences[len(p.presences)-1].Absent)
		stored, err := a.store.Accounts(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Len(t, stored[0].Balances, 1)
		assert.NotZero(t, stored[0].ReadAt)
		assert.Empty(t, stored[1].Balances, "absent is not zero")
	})
	t.Run("a bank that asks is not called", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		p.ask(bankmux.OpAccounts, otp)
		a.asked(t, "rosa")
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
		assert.Zero(t, p.count(bankmux.OpBalances))
	})
	t.Run("an open question of a sync is not ended", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		p.ask(bankmux.OpSync, otp)
		problem(t, a.send(t, "rosa", "POST", "/connections/"+conn.ID+"/sync", ""), 409)
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
		assert.Zero(t, p.count(bankmux.OpBalances))
	})
	for name, state := range map[string]bankmux.SyncState{
		"a bank that asked in an earlier sync is not called": {AskedAt: time.Now()},
		"a question without a time is one too":               {Challenge: &bankmux.Challenge{ID: "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, p, conn := open(t)
			from, err := a.store.SyncState(t.Context(), conn)
			require.NoError(t, err)
			state.Version = from.Version + 1
			stored, err := a.store.StoreSyncState(t.Context(), conn, from, state)
			require.NoError(t, err)
			require.True(t, stored)
			require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
			assert.Zero(t, p.count(bankmux.OpBalances))
		})
	}
	t.Run("what only the user can resolve is in the state, and an outage is an error", func(t *testing.T) {
		t.Parallel()
		a, p, conn := open(t)
		p.failing(bankmux.OpBalances, bankmux.ErrReauth)
		require.NoError(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}))
		assert.Equal(t, bankmux.StateReauth, a.stored(t, "rosa", conn.ID).Status.State)
		p.failing(bankmux.OpBalances, bankmux.ErrUnavailable)
		require.ErrorIs(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}), bankmux.ErrUnavailable)
		conn.ID = "gone"
		require.ErrorIs(t, a.service.ReadBalances(t.Context(), conn, bankmux.SyncAllResult{}), bankmux.ErrNotFound)
	})
}
