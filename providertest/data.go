package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// data are the promises of what is read after linking.
var data = []promise{
	{
		"accounts have an id, a kind and the provider's word for it",
		[]bankmux.Capability{bankmux.CapAccounts},
		accountsAreWhole,
	},
	{
		"a new connection comes with an account that has rows",
		[]bankmux.Capability{bankmux.CapAccounts, bankmux.CapTransactions},
		comesWithRows,
	},
	{
		"an account nobody knows is not found, and the others are read",
		[]bankmux.Capability{bankmux.CapAccounts, bankmux.CapBalances},
		unknownAccount,
	},
	{
		"balances are exact to the digit, and one nobody told is absent",
		[]bankmux.Capability{bankmux.CapAccounts, bankmux.CapBalances},
		balancesAreExact,
	},
	{
		"what is owed is negative, and an overpaid debt positive",
		[]bankmux.Capability{bankmux.CapAccounts, bankmux.CapBalances},
		debtsAreNegative,
	},
	{
		"money in is positive and money out negative, whatever the account",
		[]bankmux.Capability{bankmux.CapTransactions},
		signs,
	},
	{"amounts of transactions are exact to the digit", []bankmux.Capability{bankmux.CapTransactions}, amountsAreExact},
	{"a row that cannot be read costs itself and nothing else", []bankmux.Capability{bankmux.CapTransactions}, badRows},
	{"equal rows are as many rows", []bankmux.Capability{bankmux.CapTransactions}, equalRows},
	{
		"days are those asked for, and a range that cannot be is refused",
		[]bankmux.Capability{bankmux.CapTransactions},
		windows,
	},
	{"pages end, repeat nothing, and are not read in advance", []bankmux.Capability{bankmux.CapTransactions}, pagesEnd},
	{
		"a list whose rows move between its pages has each once",
		[]bankmux.Capability{bankmux.CapTransactions},
		pagesWhileMoving,
	},
	{
		"another client's connection is refused, and one that lapsed says so",
		[]bankmux.Capability{bankmux.CapTransactions, bankmux.CapAccounts},
		foreignAndLapsed,
	},
	{"a bank that asks is answered, perhaps from another process", []bankmux.Capability{bankmux.CapBalances}, asked},
	{"a wrong, a late and an abandoned answer are told apart", []bankmux.Capability{bankmux.CapAccounts}, wrongAnswers},
	{
		"owners and numbers are read",
		[]bankmux.Capability{bankmux.CapIdentity, bankmux.CapAccountNumbers},
		ownersAndNumbers,
	},
	{
		"securities of positions are told",
		[]bankmux.Capability{bankmux.CapHoldings, bankmux.CapInvestmentTransactions},
		investments,
	},
	{
		"a refresh ends, and one too soon is refused",
		[]bankmux.Capability{bankmux.CapRefresh, bankmux.CapStatus},
		refreshes,
	},
	{
		"a sync tells every row once, and later what is new",
		[]bankmux.Capability{bankmux.CapSync, bankmux.CapAccounts},
		syncsFromTheBeginning,
	},
	{
		"a sync that was not stored comes again, and one begun anew doubles nothing",
		[]bankmux.Capability{bankmux.CapSync},
		syncsAgain,
	},
	{"a sync takes equal rows for as many, whenever they come", []bankmux.Capability{bankmux.CapSync}, syncsEqualRows},
	{
		"a sync refuses cursors that are not its own, and sends nothing",
		[]bankmux.Capability{bankmux.CapSync},
		syncRefuses,
	},
	{"a sync survives an application that fails or lies", []bankmux.Capability{bankmux.CapSync}, syncKnownFailsAndLies},
	{"a sync without what is known tells rows", []bankmux.Capability{bankmux.CapSync}, syncBlind},
	{"a sync through every fault loses nothing", []bankmux.Capability{bankmux.CapSync}, syncThroughFaults},
	{"a sync may be made by many", []bankmux.Capability{bankmux.CapSync}, syncByMany},
	{"a sync has only the accounts that are asked for", []bankmux.Capability{bankmux.CapSync}, syncFilters},
	{"a sync reports a row that the bank corrects", []bankmux.Capability{bankmux.CapSync}, syncSeesChanges},
	{"a sync reports a row that the bank removes", []bankmux.Capability{bankmux.CapSync}, syncSeesRemovals},
	{
		"a sync reports a pending row, and its posting is no second row",
		[]bankmux.Capability{bankmux.CapSync},
		syncSeesPosting,
	},
	{
		"a sync agrees with a bank whose rows change between its pages",
		[]bankmux.Capability{bankmux.CapSync},
		syncWhileMoving,
	},
	{
		"a sync agrees with a bank whose rows change while it reads",
		[]bankmux.Capability{bankmux.CapSync},
		syncWhileReading,
	},
	{
		"a sync names a row that cannot be read, and reads the others",
		[]bankmux.Capability{bankmux.CapSync},
		syncNamesUnreadable,
	},
	{
		"a posted row names the pending row that it replaces",
		[]bankmux.Capability{bankmux.CapTransactions},
		pendingIsNamed,
	},
	{
		"a sync goes on after a reconnect",
		[]bankmux.Capability{bankmux.CapSync, bankmux.CapStatus, bankmux.CapAccounts},
		syncAfterReconnect,
	},
	{
		"a sync of a new link doubles no row",
		[]bankmux.Capability{bankmux.CapSync, bankmux.CapAccounts},
		syncOverNewLink,
	},
	{"a pending row differs from a booked one", []bankmux.Capability{bankmux.CapTransactions}, pendingIsRead},
	{"banks are found by name and by id", []bankmux.Capability{bankmux.CapInstitutions}, institutions},
}

// prepared is a connection whose stored data are current.
func (b *bench) prepared(ctx context.Context) bankmux.Connection {
	b.t.Helper()
	conn := b.connect(ctx)
	b.refetch(conn)
	return conn
}

func (b *bench) refetch(conn bankmux.Connection) {
	b.t.Helper()
	if b.Data != nil && b.Data.Refetch != nil {
		require.NoError(b.t, b.Data.Refetch(conn))
	}
}

// account adds an account and returns its id.
func (b *bench) account(conn bankmux.Connection, kind bankmux.AccountKind, currency string) string {
	b.t.Helper()
	id, err := b.Data.AddAccount(conn, kind, currency)
	require.NoError(b.t, err)
	return id
}

// row adds a transaction of today.
func (b *bench) row(conn bankmux.Connection, account string, r Row) {
	b.t.Helper()
	if r.Date.IsZero() {
		r.Date = bankmux.DateOf(time.Now().UTC())
	}
	require.NoError(b.t, b.Data.AddTransaction(conn, account, r))
}

// read collects the rows of one account and the errors among them.
func (b *bench) read(req bankmux.TransactionsRequest) (rows []bankmux.Transaction, failed []error) {
	b.t.Helper()
	for row, err := range b.client.Transactions(b.t.Context(), req) {
		if err != nil {
			b.show(err)
			failed = append(failed, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, failed
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

// comesWithRows checks what other tests take for granted, so that a harness without it gets to
// know.
func comesWithRows(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	got, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	const want = "a new connection must come with an account that has rows: it is what the harness's backend gives to each link"
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
		bankmux.AccountsRequest{Connection: conn, Accounts: []string{known, "nobody"}},
	)
	b.partial(err, "nobody", bankmux.ErrNotFound)
	assert.Len(t, accounts.Accounts, 1)
	balances, err := b.client.Balances(
		t.Context(),
		bankmux.BalancesRequest{Connection: conn, Accounts: []string{"nobody", known}},
	)
	b.partial(err, "nobody", bankmux.ErrNotFound)
	require.Len(t, balances.Balances, 1)
	assert.Equal(t, known, balances.Balances[0].Account)
	_, err = b.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: []string{known, known}})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	if !b.client.Has(bankmux.CapTransactions) {
		return
	}
	_, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"nobody"}})
	require.Len(t, failed, 1, "rows of an account nobody knows")
	assert.ErrorIs(t, failed[0], bankmux.ErrNotFound, "rows of an account nobody knows")
}

// partial checks that an error names one account as the only thing that failed.
func (b *bench) partial(err error, account string, kind bankmux.Kind) {
	b.t.Helper()
	b.show(err)
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(b.t, ok, "an error must name the account that failed beside those that were read: %v", err)
	require.Len(b.t, partial.Failed, 1)
	assert.Equal(b.t, account, partial.Failed[0].Account)
	assert.ErrorIs(b.t, err, kind)
	assert.Equal(b.t, b.client.Name(), partial.Failed[0].Err.Client)
}

// exact are amounts that lose digits where anybody is careless.
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
	{"0.00012345", "USDT", "0.00012345"}, // not of ISO 4217
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
	assert.False(t, told, "nobody told it")
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
	owed, overpaid := b.account(
		conn,
		bankmux.AccountCreditCard,
		"USD",
	), b.account(
		conn,
		bankmux.AccountCreditCard,
		"USD",
	)
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
	foreign.Client = "somebody else's"
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
	require.Len(t, failed, 1, "the reading ends")
	require.ErrorIs(t, failed[0], bankmux.ErrReauth)
}

func ownersAndNumbers(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	who, err := b.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, who.Owners)
	assert.NotEmpty(t, who.Owners[0].Names)
	numbers, err := b.client.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, numbers.Accounts)
	for _, a := range numbers.Accounts {
		assert.NotEmpty(t, a.Account)
		for _, n := range a.Numbers {
			assert.NotEmpty(t, n.Scheme)
			assert.NotEmpty(t, n.Number+n.IBAN)
		}
	}
}

func investments(t *testing.T, b *bench) {
	conn := b.prepared(t.Context())
	got, err := b.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
	require.NoError(t, err)
	require.NotEmpty(t, got.Holdings)
	known := map[string]bool{}
	for _, s := range got.Securities {
		known[s.ID] = true
	}
	for _, h := range got.Holdings {
		assert.True(t, known[h.Security])
		assert.False(t, h.Quantity.IsZero())
	}
	n := 0
	for row, err := range b.client.InvestmentTransactions(t.Context(), bankmux.InvestmentTransactionsRequest{Connection: conn, PageSize: 2}) {
		require.NoError(t, err)
		n++
		switch row.Kind {
		case "buy":
			assert.Negative(t, row.Amount.Sign(), "a purchase takes money out")
			assert.Negative(t, row.Fees.Sign(), "a fee is charged")
		case "cash":
			assert.Positive(t, row.Amount.Sign(), "a dividend comes in")
		}
	}
	assert.Greater(t, n, 2)
}

func refreshes(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.conn = conn
	req := bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{b.Refresh.Product}}
	started, err := b.client.Refresh(t.Context(), req)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done, err := b.client.AwaitRefresh(ctx, started)
	require.NoError(t, err)
	assert.NotEmpty(t, done.Products)
	_, err = b.client.Refresh(t.Context(), req)
	if b.Refresh.Every > 0 {
		require.ErrorIs(t, err, bankmux.ErrRateLimited, "Harness.Refresh allows one every %s", b.Refresh.Every)
		time.Sleep(b.Refresh.Every + time.Minute)
		require.NoError(t, b.awake(t.Context()))
		_, err = b.client.Refresh(t.Context(), req)
	}
	require.NoError(t, err, "a refresh that is allowed")
	for _, p := range []bankmux.RefreshRequest{{Connection: conn}, {Connection: conn, Products: []bankmux.Product{""}}} {
		_, err = b.client.Refresh(t.Context(), p)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	}
}

func institutions(t *testing.T, b *bench) {
	var first bankmux.InstitutionListing
	n := 0
	for i, err := range b.client.Institutions(t.Context(), bankmux.InstitutionsRequest{PageSize: 2}) {
		require.NoError(t, err)
		assert.NotEmpty(t, i.ID)
		assert.NotEmpty(t, i.Name)
		if n == 0 {
			first = i
		}
		n++
	}
	require.Positive(t, n)
	found := 0
	for i, err := range b.client.Institutions(t.Context(), bankmux.InstitutionsRequest{Name: first.Name, Country: first.Country}) {
		require.NoError(t, err)
		assert.Equal(t, first.Country, i.Country)
		found++
	}
	assert.Positive(t, found)
	one, err := b.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: first.ID})
	require.NoError(t, err)
	assert.Equal(t, first, one)
	_, err = b.client.Institution(t.Context(), bankmux.InstitutionRequest{ID: "nobody"})
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
}
