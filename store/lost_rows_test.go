package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// lose makes a sealed value unreadable, as a lost key does.
func lose(t *testing.T, s *store.Store, table, where string, args ...any) {
	t.Helper()
	res, err := s.DB().ExecContext(t.Context(), "UPDATE "+table+" SET sealed = '1' WHERE "+where, args...)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.Positive(t, n)
}

// TestLostRows specifies that a row that does not open, because its key is lost, does not hide
// the others.
func TestLostRows(t *testing.T) {
	onEach(t, "the other sessions are listed", func(t *testing.T, db *database) {
		s := db.open(t)
		lost, kept := session(t, "rosa"), session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), lost))
		require.NoError(t, s.SaveSession(t.Context(), kept))
		lose(t, s, "bankmux_sessions", "id = $1", lost.ID)
		all, err := s.Sessions(t.Context(), "rosa")
		require.ErrorIs(t, err, bankmux.ErrSeal)
		require.Len(t, all, 1)
		assert.Equal(t, kept.ID, all[0].ID)
	})
	onEach(t, "a balance that cannot be read hides no other one and no account", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"), checking("b", "2222"))
		booked := func(amount string, day int) bankmux.Balance {
			at := time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)
			return bankmux.Balance{Kind: bankmux.BalanceBooked, Money: usd(amount), AsOf: at}
		}
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{
			{Account: "a", Balances: []bankmux.Balance{booked("1", 1), booked("2", 2)}},
			{Account: "b", Balances: []bankmux.Balance{booked("3", 2)}},
		}))
		change := func(statement, account string) {
			_, err := s.DB().ExecContext(t.Context(), statement, account)
			require.NoError(t, err)
		}
		change("UPDATE bankmux_balances SET amount = '' WHERE account = $1 AND day = '2026-01-01'", a[0])
		change("UPDATE bankmux_accounts SET due = 'soon' WHERE id = $1", a[1])
		all, err := s.Accounts(t.Context(), "rosa")
		lost, ok := err.(interface{ Unwrap() []error })
		require.True(t, ok)
		require.Len(t, lost.Unwrap(), 2)
		for _, one := range lost.Unwrap() {
			require.ErrorIs(t, one, bankmux.ErrSeal)
			assert.Equal(t, conn.ID, bankmux.ErrorOf(one).Connection)
		}
		require.Len(t, all, 2)
		for _, account := range all {
			assert.Len(t, account.Balances, 1)
			assert.True(t, account.Due.IsZero())
		}
		days, err := s.BalanceHistory(t.Context(),
			store.HistoryQuery{User: "rosa", Account: a[0], Kind: bankmux.BalanceBooked})
		require.ErrorIs(t, err, bankmux.ErrSeal)
		require.Len(t, days, 1)
		assert.Equal(t, "2", days[0].Money.Amount())
	})
	onEach(t, "the other transactions are on the page, and the lost one is named", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1"))[0]
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{
			movement(a, "1", "2026-01-02", "-5", "Tea"),
			movement(a, "2", "2026-01-03", "-6", "Cake"),
			movement(a, "3", "2026-01-04", "-7", "Milk"),
		}})
		lose(t, s, "bankmux_transactions", "key = $1", "2")
		q := query("rosa")
		q.Limit = 2
		first, err := s.Transactions(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, first.Transactions, 1)
		assert.Equal(t, "3", first.Transactions[0].Key)
		require.Len(t, first.Unreadable, 1, "it takes its place on the page")
		assert.Equal(t, "2", first.Unreadable[0].Key)
		assert.Equal(t, a, first.Unreadable[0].Account)
		require.ErrorIs(t, first.Unreadable[0].Err, bankmux.ErrSeal)
		q.After = first.Next
		second, err := s.Transactions(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, second.Transactions, 1)
		assert.Equal(t, "1", second.Transactions[0].Key)
		assert.Empty(t, second.Unreadable)
		assert.Empty(t, second.Next)
	})
	onEach(t, "the other accounts of a new link keep their names", func(t *testing.T, db *database) {
		s := db.open(t)
		old := connection(t, s, "rosa", "1")
		names := name(t, s, old, checking("a", "11112222"), checking("b", "33334444"))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", old.ID))
		lose(t, s, "bankmux_accounts", "id = $1", names[0])

		linked := connection(t, s, "rosa", "2")
		again := name(t, s, linked, checking("new-b", "33334444"), checking("new-a", "11112222"))
		assert.Equal(t, []string{names[1], ""}, again, "only the user can say whether the other is the lost one")
		all, err := s.Accounts(t.Context(), "rosa")
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Len(t, all, 1)
	})
	onEach(t, "DeleteUser still ends the access to the other banks", func(t *testing.T, db *database) {
		s := db.open(t)
		lost, other := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
		lose(t, s, "bankmux_connections", "id = $1", lost.ID)
		var ended []string
		end := func(_ context.Context, conn bankmux.Connection) error {
			ended = append(ended, conn.ID)
			return nil
		}
		err := deleteUser(t, s, "rosa", end)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Equal(t, lost.ID, bankmux.ErrorOf(err).Connection, "it names what is left")
		assert.Equal(t, []string{other.ID}, ended)
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", lost.ID))
		require.NoError(t, deleteUser(t, s, "rosa", end))
	})
	onEach(t, "a state of syncs blocks them until the connection is linked again", func(t *testing.T, db *database) {
		s := db.open(t)
		conn, other := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
		for _, one := range []bankmux.Connection{conn, other} {
			stored, err := s.StoreSyncState(t.Context(), one, bankmux.SyncState{}, bankmux.SyncState{Cursor: "here"})
			require.NoError(t, err)
			require.True(t, stored)
		}
		lose(t, s, "bankmux_syncs", "id = $1", conn.ID)
		_, err := s.SyncState(t.Context(), conn)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		for _, one := range []bankmux.Connection{conn, other} {
			require.NoError(t, s.SaveConnection(t.Context(), one))
		}
		state, err := s.SyncState(t.Context(), conn)
		require.NoError(t, err)
		assert.Zero(t, state)
		stored, err := s.StoreSyncState(t.Context(), conn, state, bankmux.SyncState{Cursor: "again"})
		require.NoError(t, err)
		assert.True(t, stored)
		state, err = s.SyncState(t.Context(), other)
		require.NoError(t, err)
		assert.Equal(t, "here", state.Cursor, "one that opens stays")
	})
	onEach(t, "a challenge does not hinder the next one", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		ch := bankmux.Challenge{
			ID: "1", Op: bankmux.OpAccounts, Connection: conn.ID, ExpiresAt: time.Now().Add(time.Hour),
		}
		first, err := s.SaveChallenge(t.Context(), "rosa", ch)
		require.NoError(t, err)
		lose(t, s, "bankmux_challenges", "id = $1", first)
		second, err := s.SaveChallenge(t.Context(), "rosa", ch)
		require.NoError(t, err)
		assert.NotEqual(t, first, second)
		got, err := s.Challenge(t.Context(), "rosa", second)
		require.NoError(t, err)
		assert.Equal(t, "1", got.ID)
		assert.Equal(t, 1, count(t, s, "bankmux_challenges"))
	})
	onEach(t, "an account that is listed under its id opens again", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "11112222"))
		lose(t, s, "bankmux_accounts", "id = $1", a[0])
		assert.Equal(t, a, name(t, s, conn, checking("a", "11112222")))
		all, err := s.Accounts(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Len(t, all, 1)
	})
	onEach(t, "a lost account of another bank, or one that another connection has, asks nothing",
		func(t *testing.T, db *database) {
			s := db.open(t)
			active := connection(t, s, "rosa", "1")
			lost := name(t, s, active, checking("a", "11112222"))
			lose(t, s, "bankmux_accounts", "id = $1", lost[0])
			second := connection(t, s, "rosa", "2")
			assert.NotEmpty(t, name(t, s, second, checking("b", "55556666"))[0])
			require.NoError(t, s.DeleteConnection(t.Context(), "rosa", active.ID))

			linked, err := exchange(t.Context(), session(t, "rosa"), "3")
			require.NoError(t, err)
			third := linked.Connection
			third.Institution = bankmux.Institution{ID: "other", Name: "Other Bank"}
			require.NoError(t, s.SaveConnection(t.Context(), third))
			assert.NotEmpty(t, name(t, s, third, checking("c", "77778888"))[0])
		})
}
