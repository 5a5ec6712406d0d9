package moneykit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// MoneyKit filters by account ids. Where an answer has other accounts all the same, they are left
// out: the caller may not be meant to see them.
func TestAccountsThatWereNotAskedForAreLeftOut(t *testing.T) {
	t.Parallel()
	page := `[` + goodRow + `,{"transaction_id":"t2","account_id":"a2","amount":"5","type":"debit","currency":"USD","date":"2026-11-20"},
		{"transaction_id":"t3","account_id":"a2","amount":"1,234.56","type":"debit","currency":"USD","date":"2026-11-20"}]`
	const both = `"accounts":[{"account_id":"a1","balances":{"currency":"USD","current":1}},{"account_id":"a2","balances":{"currency":"USD","current":"NA"}}],`
	client, conn := canned(t, map[string]string{
		"/transactions": `{"total":3,"transactions":` + page + `,` + both + freshLink + `}`,
		"/sync":         `{"transactions":{"created":` + page + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink + `}`,
		"/accounts":     `{` + both + freshLink + `}`,
		"/identity":     `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"]}]},{"account_id":"a2","owners":[{"names":["Tom"]},5]}],` + freshLink + `}`,
		"/holdings": `{` + both + `"holdings":[{"account_id":"a1","security_id":"s","quantity":"1"},{"account_id":"a2","security_id":"s","quantity":"2"},
			{"account_id":"a2","security_id":"s"}],"securities":[],` + freshLink + `}`,
		"/investments/transactions": `{"total":2,` + both + `"securities":[],"investment_transactions":[
			{"investment_transaction_id":"i1","account_id":"a1","amount":"1","date":"2026-11-01","type":"buy"},
			{"investment_transaction_id":"i2","account_id":"a2","amount":"x","date":"2026-11-01","type":"buy"}],` + freshLink + `}`,
	})
	ctx, ids := t.Context(), []string{"a1"}
	t.Run("in a list of transactions, which counts them", func(t *testing.T) {
		t.Parallel()
		for page, err := range client.TransactionPages(ctx, bankmux.TransactionsRequest{Connection: conn, Accounts: ids}) {
			require.NoError(t, err)
			require.Len(t, page.Transactions, 1)
			assert.Equal(t, "a1", page.Transactions[0].Account)
			assert.Empty(t, page.Failed)
			assert.Equal(t, 2, page.Outside)
			assert.Len(t, page.Covered, 1, "nothing speaks against these days")
		}
	})
	t.Run("in a sync", func(t *testing.T) {
		t.Parallel()
		delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, delta.Added, 1)
		assert.Empty(t, delta.Failed)
	})
	t.Run("in accounts and balances", func(t *testing.T) {
		t.Parallel()
		accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, accounts.Accounts, 1)
		balances, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, balances.Balances, 1)
	})
	t.Run("in owners", func(t *testing.T) {
		t.Parallel()
		who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Equal(t, []bankmux.Owner{{Accounts: ids, Names: []string{"Rosa"}}}, who.Owners)
	})
	t.Run("in investments", func(t *testing.T) {
		t.Parallel()
		holdings, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, holdings.Holdings, 1)
		var rows []string
		for row, err := range client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: conn, Accounts: ids}) {
			require.NoError(t, err)
			rows = append(rows, row.ID)
		}
		assert.Equal(t, []string{"i1"}, rows)
	})
	t.Run("and are there where all are asked for", func(t *testing.T) {
		t.Parallel()
		accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Len(t, accounts.Accounts, 2)
	})
}
