package e2e_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
)

// TestSyncAccounts specifies a sync of several accounts.
func TestSyncAccounts(t *testing.T) {
	t.Parallel()
	t.Run("an account that fails keeps the pages of the others", anAccountThatFailsKeepsThePagesOfTheOthers)
	t.Run("accounts without a name of their own are refused", accountsWithoutANameOfTheirOwnAreRefused)
	t.Run("a cursor of other accounts is refused", aCursorOfOtherAccountsIsRefused)
}

func anAccountThatFailsKeepsThePagesOfTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "dapi")
		accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
		require.NoError(t, err)
		req := bankmux.SyncRequest{
			Connection: s.Conn,
			Accounts:   []string{"unknown", accounts.Accounts[0].ID},
			Known:      s.Known,
		}
		first, err := s.Client.Sync(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		require.Len(t, first.Failed, 1)
		require.ErrorIs(t, first.Failed[0].Err, bankmux.ErrNotFound)
		assert.Equal(t, "unknown", first.Failed[0].Account)
		assert.True(t, first.More)
		req.Cursor = first.Next
		second, err := s.Client.Sync(t.Context(), req)
		require.NoError(t, err)
		assert.NotEmpty(t, second.Added)
		assert.False(t, second.More)
	})
}

func accountsWithoutANameOfTheirOwnAreRefused(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi", "plaid"} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, provider)
			s.Fetch(t)
			for _, name := range []func(string) string{
				func(string) string { return "" }, func(string) string { return "the same" },
			} {
				_, err := s.Client.Sync(
					t.Context(),
					bankmux.SyncRequest{Connection: s.Conn, Known: s.Known, Name: name},
				)
				require.ErrorIs(t, err, bankmux.ErrInvalid)
				require.ErrorContains(t, err, "SyncRequest.Name")
			}
		})
	}
}

func aCursorOfOtherAccountsIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "moneykit")
		s.Fetch(t)
		accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
		require.NoError(t, err)
		one := bankmux.SyncRequest{Connection: s.Conn, Known: s.Known, Accounts: []string{accounts.Accounts[0].ID}}
		d, err := s.Client.Sync(t.Context(), one)
		require.NoError(t, err)
		one.Cursor = d.Next
		_, err = s.Client.Sync(t.Context(), one)
		require.NoError(t, err)
		one.Accounts = nil
		_, err = s.Client.Sync(t.Context(), one)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.ErrorContains(t, err, "SyncRequest.Accounts")
	})
}
