package providertest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// accounts lists the promises about accounts and balances.
var accounts = []promise{
	{"accounts have an id, a kind and the provider's word for it", needs(bankmux.CapAccounts), accountsAreWhole},
	{
		"an account has the currency that the bank says",
		needs(bankmux.CapAccounts),
		currenciesAreRead,
	},
	{
		"a new connection comes with an account that has rows",
		needs(bankmux.CapAccounts, bankmux.CapTransactions),
		comesWithRows,
	},
	{
		"an unknown account is not found, and the others are read",
		needs(bankmux.CapAccounts, bankmux.CapBalances),
		unknownAccount,
	},
	{
		"balances are exact to the digit, and a missing balance is absent",
		needs(bankmux.CapAccounts, bankmux.CapBalances),
		balancesAreExact,
	},
	{
		"what is owed is negative, and an overpaid debt positive",
		needs(bankmux.CapAccounts, bankmux.CapBalances),
		debtsAreNegative,
	},
	{
		"another client's connection is refused, and a lapsed one returns ErrReauth",
		needs(bankmux.CapTransactions, bankmux.CapAccounts),
		foreignAndLapsed,
	},
	{"a bank's challenge is answered, also from another process", needs(bankmux.CapBalances), challengeIsAnswered},
	{"a wrong, a late and an abandoned answer return different errors", needs(bankmux.CapAccounts), wrongAnswers},
}

func accountsAreWhole(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	got, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, got.Accounts)
	seen := map[string]bool{}
	for _, a := range got.Accounts {
		assert.NotEmpty(t, a.ID)
		assert.False(t, seen[a.ID], "an id twice")
		assert.NotEmpty(t, a.Kind)
		assert.NotEmpty(t, a.ProviderKind)
		seen[a.ID] = true
	}
	one, err := b.client.Accounts(
		t.Context(),
		bankmux.AccountsRequest{Connection: conn, Accounts: []string{got.Accounts[0].ID}},
	)
	require.NoError(t, err)
	assert.Equal(t, got.Accounts[:1], one.Accounts)
}

// currenciesAreRead adds accounts in two currencies. A provider may leave the currency out.
func currenciesAreRead(t *testing.T, b *bench) {
	if b.lacks("Harness.Data", b.Data == nil, "the currency of an account") {
		return
	}
	conn := b.connect(t.Context())
	want := map[string]bankmux.Currency{}
	for _, currency := range []string{"USD", "KWD"} {
		want[b.account(conn, bankmux.AccountChecking, currency)] = bankmux.Currency(currency)
	}
	b.refetch(conn)
	got, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	for _, a := range got.Accounts {
		if currency, added := want[a.ID]; added && a.Currency != "" {
			assert.Equal(t, currency, a.Currency, "Account.Currency is that of the bank")
		}
	}
}

// comesWithRows checks a precondition of other tests, so that a harness without it fails with a
// clear message.
func comesWithRows(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	got, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	const want = "a new connection must come with an account that has rows: " +
		"it is what the harness's backend gives to each link"
	require.NotEmpty(t, got.Accounts, want)
	rows, failed := b.read(bankmux.TransactionsRequest{Connection: conn})
	require.Empty(t, failed)
	require.NotEmpty(t, rows, want)
}

func unknownAccount(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	all, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	known := all.Accounts[0].ID
	accounts, err := b.client.Accounts(
		t.Context(),
		bankmux.AccountsRequest{Connection: conn, Accounts: []string{known, "unknown"}},
	)
	b.partial(err, "unknown", bankmux.ErrNotFound)
	assert.Len(t, accounts.Accounts, 1)
	balances, err := b.client.Balances(
		t.Context(),
		bankmux.BalancesRequest{Connection: conn, Accounts: []string{"unknown", known}},
	)
	b.partial(err, "unknown", bankmux.ErrNotFound)
	require.Len(t, balances.Balances, 1)
	assert.Equal(t, known, balances.Balances[0].Account)
	_, err = b.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: []string{known, known}})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	if !b.client.Has(bankmux.CapTransactions) {
		return
	}
	_, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"unknown"}})
	require.Len(t, failed, 1, "rows of an unknown account")
	assert.ErrorIs(t, failed[0], bankmux.ErrNotFound, "rows of an unknown account")
}

// partial checks that an error names exactly one account as failed.
func (b *bench) partial(err error, account string, kind bankmux.Kind) {
	b.t.Helper()
	b.show(err)
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(b.t, ok, "an error must name the account that failed, beside the results of the others: %v", err)
	require.Len(b.t, partial.Failed, 1)
	assert.Equal(b.t, account, partial.Failed[0].Account)
	assert.ErrorIs(b.t, err, kind)
	assert.Equal(b.t, b.client.Name(), partial.Failed[0].Err.Client)
}

// exact has amounts that lose digits in careless code.
var exact = []struct{ amount, currency, want string }{
	{"1500", "JPY", "1500"},
	{"12.345", "KWD", "12.345"},
	{"0.001", "BHD", "0.001"},
	{"250.750", "IQD", "250.75"},
	{"42.90", "USD", "42.9"},
	{"0.1", "USD", "0.1"},
	{"9999999999999999.999", "KWD", "9999999999999999.999"},
	{"9007199254740993", "USD", "9007199254740993"},
	{"10450.750000000002", "AED", "10450.750000000002"},
	{"1e3", "USD", "1000"},
	{"1.25E-1", "USD", "0.125"},
	{"0", "USD", "0"},
	{"0.00012345", "USDT", "0.00012345"}, // not in ISO 4217
}

func balancesAreExact(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	ids := make([]string, len(exact))
	for i, c := range exact {
		ids[i] = b.account(conn, bankmux.AccountChecking, c.currency)
		require.NoError(t, b.Data.SetBalance(conn, ids[i], c.amount))
	}
	silent, broken := b.account(conn, bankmux.AccountChecking, "USD"), b.account(conn, bankmux.AccountChecking, "USD")
	require.NoError(t, b.Data.SetBalance(conn, silent, ""))
	require.NoError(t, b.Data.SetBalance(conn, broken, "12345678901234567890.12"))
	b.refetch(conn)
	got, err := b.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	b.partial(err, broken, bankmux.ErrMalformed)
	found := map[string]bankmux.AccountBalances{}
	for _, one := range got.Balances {
		found[one.Account] = one
		b.show(one)
	}
	for i, c := range exact {
		booked, ok := found[ids[i]].Of(bankmux.BalanceBooked)
		require.True(t, ok, c.amount)
		want, err := bankmux.NewMoney(c.want, bankmux.Currency(c.currency))
		require.NoError(t, err)
		assert.True(t, want.Equal(booked), "%s became %s", c.amount, booked)
	}
	require.Contains(t, found, silent)
	_, told := found[silent].Of(bankmux.BalanceBooked)
	assert.False(t, told, "a missing balance has no amount")
	assert.NotContains(t, found, broken)
}

func debtsAreNegative(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	loan, overdrawn := b.account(conn, bankmux.AccountLoan, "USD"), b.account(conn, bankmux.AccountChecking, "USD")
	want := map[string]string{loan: "-24000.5", overdrawn: "-120"}
	for id, amount := range want {
		require.NoError(t, b.Data.SetBalance(conn, id, amount))
	}
	req := bankmux.BalancesRequest{Connection: conn, Accounts: []string{loan, overdrawn}}
	owed := b.account(conn, bankmux.AccountCreditCard, "USD")
	overpaid := b.account(conn, bankmux.AccountCreditCard, "USD")
	require.NoError(t, b.Data.SetBalance(conn, owed, "-784.60"))
	require.NoError(t, b.Data.SetBalance(conn, overpaid, "15.25"))
	want[owed], want[overpaid] = "-784.60", "15.25"
	if b.client.Has(bankmux.CapCards) {
		req.Cards = []string{owed, overpaid}
	} else {
		req.Accounts = append(req.Accounts, owed, overpaid)
	}
	b.refetch(conn)
	got, err := b.client.Balances(t.Context(), req)
	require.NoError(t, err)
	require.Len(t, got.Balances, len(want))
	for _, one := range got.Balances {
		booked, ok := one.Of(bankmux.BalanceBooked)
		require.True(t, ok)
		amount, err := bankmux.NewMoney(want[one.Account], "USD")
		require.NoError(t, err)
		assert.True(t, amount.Equal(booked), "%s became %s", want[one.Account], booked)
	}
}

func foreignAndLapsed(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	foreign := conn
	foreign.Client = "another"
	sent := b.reached()
	_, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: foreign})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, failed := b.read(bankmux.TransactionsRequest{Connection: foreign})
	require.Len(t, failed, 1)
	require.ErrorIs(t, failed[0], bankmux.ErrInvalid)
	assert.Equal(t, sent, b.reached())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, sent, b.reached())

	require.NoError(t, b.Lapse(conn))
	_, err = b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrReauth)
	assert.Equal(t, bankmux.StateReauth, conn.Status.After(err).State)
	_, failed = b.read(bankmux.TransactionsRequest{Connection: conn})
	require.Len(t, failed, 1, "the sequence ends after the error")
	require.ErrorIs(t, failed[0], bankmux.ErrReauth)
}
