package moneykit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAccounts specifies how accounts and balances are read.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("the documented examples are read", theDocumentedExamplesAreRead)
	t.Run("one unreadable balance costs itself", oneUnreadableBalanceCostsItself)
	t.Run("an account is found for each form of its id", anAccountIsFoundForEachFormOfItsId)
	t.Run("a product that a link lacks has its kind", aProductThatALinkLacksHasItsKind)
	t.Run("accounts that were not requested are left out", accountsThatWereNotRequestedAreLeftOut)
	t.Run("a missing account is named and not covered", aMissingAccountIsNamedAndNotCovered)
	t.Run("an empty list of accounts is refused and does not mean all", anEmptyListOfAccountsIsRefusedAndDoesNotMeanAll)
	t.Run("named cards are not all accounts", namedCardsAreNotAllAccounts)
}

func theDocumentedExamplesAreRead(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[
		{"account_id":"a1","account_type":"depository.checking","name":"Everyday","account_mask":"4410",
		 "balances":{"currency":"USD","available":1841.07,"current":1902.55,"limit":null,` +
		`"balance_date":"2026-11-20T14:03:00"}},
		{"account_id":"a2","account_type":"liability.credit_card","name":"Card",
		 "balances":{"currency":"usd","available":3215.4,"current":784.6,"limit":4000,"balance_date":null}},
		{"account_id":"a3","account_type":"credit_card","name":"Overpaid","balances":{"currency":"USD","current":-15.25}},
		{"account_id":"a4","account_type":"loan.mortgage","name":"House","balances":{"currency":"USD","current":"240000.00"}},
		{"account_id":"a5","account_type":"crystal.ball","name":"New kind","balances":{"currency":"USD","available":null,"current":null,"limit":null}},
		{"account_id":"a6","account_type":"depository.savings","name":"No currency","balances":{"currency":null,"current":5}},
		{"account_id":"a7","account_type":"depository.savings","name":"Strange","balances":{"currency":"USD","current":{"amount":5}}}],` + freshLink + `}`})
	got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 2)
	assert.Equal(t, "a6", partial.Failed[0].Account)
	assert.Equal(t, "a7", partial.Failed[1].Account)
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	text := map[string]string{}
	for _, b := range got.Balances {
		for _, kind := range []bankmux.BalanceKind{
			bankmux.BalanceBooked, bankmux.BalanceAvailable, bankmux.BalanceLimit,
		} {
			if m, ok := b.Of(kind); ok {
				text[b.Account] += m.String() + " "
			}
		}
	}
	assert.Equal(t, map[string]string{
		"a1": "1902.55 USD 1841.07 USD ",
		"a2": "-784.60 USD 3215.40 USD 4000.00 USD ",
		"a3": "15.25 USD ",
		"a4": "-240000.00 USD ",
	}, text)
	assert.Len(t, got.Balances, 5, "an account without any balance is in the result")
	assert.Equal(
		t,
		time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC),
		got.Balances[0].Balances[0].AsOf,
		"no zone means UTC",
	)
	assert.Equal(
		t,
		time.Date(2026, 11, 20, 14, 3, 27, 418502000, time.UTC),
		got.Balances[1].Balances[0].AsOf,
		"otherwise the time of the fetch",
	)

	accounts, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	var kinds []bankmux.AccountKind
	for _, a := range accounts.Accounts {
		kinds = append(kinds, a.Kind)
	}
	assert.Equal(t, []bankmux.AccountKind{
		bankmux.AccountChecking,
		bankmux.AccountCreditCard,
		bankmux.AccountCreditCard,
		bankmux.AccountMortgage,
		bankmux.AccountUnknown,
		bankmux.AccountSavings,
		bankmux.AccountSavings,
	}, kinds)
	assert.Equal(t, "crystal.ball", accounts.Accounts[4].ProviderKind, "an unknown word is kept")
}

func oneUnreadableBalanceCostsItself(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[
		{"account_id":"a1","account_type":"liability.credit_card","balances":{"currency":"USD","current":"NA","available":7500,"limit":{}}},
		{"account_id":"a2","account_type":"depository.checking","balances":{"currency":"USD","current":"NA"}}],` + freshLink + `}`})
	got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 2)
	assert.Equal(t, []string{"a1", "a2"}, []string{partial.Failed[0].Account, partial.Failed[1].Account})
	require.Len(t, got.Balances, 1, "an unreadable account is only in Failed")
	available, ok := got.Balances[0].Of(bankmux.BalanceAvailable)
	require.True(t, ok)
	assert.Equal(t, "7500.00 USD", available.String())
	_, ok = got.Balances[0].Of(bankmux.BalanceBooked)
	assert.False(t, ok)
}

func anAccountIsFoundForEachFormOfItsId(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{
		"/transactions": `{"total":0,"transactions":[],"accounts":[{"account_id":7}],` + freshLink + `}`,
		"/accounts/7":   `{"account":{"account_id":7,"account_mask":4410},` + freshLink + `}`,
	})
	for row, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"7"}}) {
		require.Fail(t, "there are none", "%v %v", row, err)
	}
	failed := 0
	for _, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"8"}}) {
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		failed++
	}
	assert.Equal(t, 1, failed)
	got, err := moneykit.ReadAccount(t.Context(), client, conn, "7")
	require.NoError(t, err)
	assert.Equal(t, bankmux.Account{ID: "7", Mask: "4410"}, bankmux.Account{ID: got.ID, Mask: got.Mask})
}

func aProductThatALinkLacksHasItsKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   bankmux.Kind
	}{
		"deleted":               {410, `{"error_code":"link_error.deleted"}`, bankmux.ErrGone},
		"deleted long ago":      {404, `{"error_code":"link_error.not_found"}`, bankmux.ErrGone},
		"lapsed":                {422, `{"error_code":"link_error.bad_state","link_error_code":"auth_expired"}`, bankmux.ErrReauth},
		"the bank is failing":   {422, `{"error_code":"link_error.bad_state","link_error_code":"institution_error"}`, bankmux.ErrInstitution},
		"not permitted":         {403, `{"error_code":"link_error.forbidden_action"}`, bankmux.ErrConsent},
		"another application's": {401, `{"error_code":"link_error.unauthorized_access"}`, bankmux.ErrNotFound},
		"too often":             {429, `{"error_code":"api_error.rate_limit_exceeded"}`, bankmux.ErrRateLimited},
		"a malformed query": {
			422,
			`{"error_code":"api_error.request.validation_failed","validation_errors":[{"location":["query","size"]}]}`,
			bankmux.ErrInvalid,
		},
	} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/links/") && write(w, c.status, "application/json", c.body)
		})
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, c.kind, name)
		_, err = client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		require.ErrorIs(t, err, c.kind, name)
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			require.ErrorIs(t, err, c.kind, name)
		}
	}
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Disable(conn.Reference(), "identity"))
	_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrConsent)
}

// MoneyKit filters by account ids. Other accounts in a response are left out, because the caller
// may not be allowed to see them.
func accountsThatWereNotRequestedAreLeftOut(t *testing.T) {
	t.Parallel()
	page := `[` + goodRow +
		`,{"transaction_id":"t2","account_id":"a2","amount":"5","type":"debit","currency":"USD","date":"2026-11-20"},
		{"transaction_id":"t3","account_id":"a2","amount":"1,234.56","type":"debit","currency":"USD","date":"2026-11-20"}]`
	const both = `"accounts":[{"account_id":"a1","balances":{"currency":"USD","current":1}},` +
		`{"account_id":"a2","balances":{"currency":"USD","current":"NA"}}],`
	client, conn := canned(t, map[string]string{
		"/transactions": `{"total":3,"transactions":` + page + `,` + both + freshLink + `}`,
		"/sync":         `{"transactions":{"created":` + page + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink + `}`,
		"/accounts":     `{` + both + freshLink + `}`,
		"/identity": `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"]}]},{"account_id":"a2","owners":[{"names":["Tom"]},5]}],` + freshLink +
			`}`,
		"/holdings": `{` + both + `"holdings":[{"account_id":"a1","security_id":"s","quantity":"1"},{"account_id":"a2","security_id":"s","quantity":"2"},
			{"account_id":"a2","security_id":"s"}],"securities":[],` + freshLink + `}`,
		"/investments/transactions": `{"total":2,` + both + `"securities":[],"investment_transactions":[
			{"investment_transaction_id":"i1","account_id":"a1","amount":"1","date":"2026-11-01","type":"buy"},
			{"investment_transaction_id":"i2","account_id":"a2","amount":"x","date":"2026-11-01","type":"buy"}],` + freshLink + `}`,
	})
	ctx, ids := t.Context(), []string{"a1"}
	t.Run("a list of transactions leaves out and counts the rows of other accounts", func(t *testing.T) {
		t.Parallel()
		for page, err := range client.TransactionPages(ctx,
			bankmux.TransactionsRequest{Connection: conn, Accounts: ids}) {
			require.NoError(t, err)
			require.Len(t, page.Transactions, 1)
			assert.Equal(t, "a1", page.Transactions[0].Account)
			assert.Empty(t, page.Failed)
			assert.Equal(t, 2, page.Outside)
			assert.Len(t, page.Covered, 1, "these days are complete")
		}
	})
	t.Run("a sync leaves out the rows of other accounts", func(t *testing.T) {
		t.Parallel()
		delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, delta.Added, 1)
		assert.Empty(t, delta.Failed)
	})
	t.Run("accounts and balances leave out other accounts", func(t *testing.T) {
		t.Parallel()
		accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, accounts.Accounts, 1)
		balances, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, balances.Balances, 1)
	})
	t.Run("owners leave out the owners of other accounts", func(t *testing.T) {
		t.Parallel()
		who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Equal(t, []bankmux.Owner{{Accounts: ids, Names: []string{"Rosa"}}}, who.Owners)
	})
	t.Run("investments leave out the rows of other accounts", func(t *testing.T) {
		t.Parallel()
		holdings, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn, Accounts: ids})
		require.NoError(t, err)
		assert.Len(t, holdings.Holdings, 1)
		var rows []string
		for row, err := range client.InvestmentTransactions(ctx,
			bankmux.InvestmentTransactionsRequest{Connection: conn, Accounts: ids}) {
			require.NoError(t, err)
			rows = append(rows, row.ID)
		}
		assert.Equal(t, []string{"i1"}, rows)
	})
	t.Run("the list of all accounts has every account", func(t *testing.T) {
		t.Parallel()
		accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Len(t, accounts.Accounts, 2)
	})
}

func aMissingAccountIsNamedAndNotCovered(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	for _, ids := range [][]string{{"unknown's", all.Accounts[0].ID}, {"unknown's"}} {
		rows, unknown := 0, 0
		for page, err := range s.client.TransactionPages(t.Context(),
			bankmux.TransactionsRequest{Connection: conn, Accounts: ids, PageSize: 10}) {
			require.NoError(t, err)
			rows += len(page.Transactions)
			for _, f := range page.Failed {
				require.ErrorIs(t, f, bankmux.ErrNotFound)
				assert.Equal(t, "unknown's", f.Account)
				unknown++
			}
			for _, c := range page.Covered {
				assert.Equal(t, ids[1], c.Account)
			}
		}
		assert.Equal(t, 1, unknown, "once, on the first page")
		assert.Equal(t, len(ids) > 1, rows > 10)
	}
}

func anEmptyListOfAccountsIsRefusedAndDoesNotMeanAll(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn, none := s.connect(request), []string{}
	sent := len(s.bank.Requests())
	for name, call := range map[string]func() error{
		"Accounts": func() error {
			_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Accounts: none})
			return err
		},
		"Balances": func() error {
			_, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: none})
			return err
		},
		"Identity": func() error {
			_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn, Accounts: none})
			return err
		},
		"Holdings": func() error {
			_, err := s.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn, Accounts: none})
			return err
		},
		"Sync": func() error {
			_, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: none})
			return err
		},
		"Transactions": func() (last error) {
			for _, last = range s.client.Transactions(t.Context(),
				bankmux.TransactionsRequest{Connection: conn, Accounts: none}) {
			}
			return last
		},
	} {
		e, _ := errors.AsType[*bankmux.Error](call())
		require.NotNil(t, e, name)
		assert.Equal(t, bankmux.ErrInvalid, e.Kind, name)
		assert.Contains(t, e.Detail, "nil means all", name)
	}
	assert.Len(t, s.bank.Requests(), sent)
}

// MoneyKit lists cards as accounts, so a request cannot name a card.
func namedCardsAreNotAllAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	t.Run("in a list", func(t *testing.T) {
		for _, err := range s.client.Transactions(t.Context(),
			bankmux.TransactionsRequest{Connection: conn, Cards: []string{"card-1"}}) {
			require.ErrorIs(t, err, bankmux.ErrUnsupported)
		}
	})
	t.Run("in a sync", func(t *testing.T) {
		_, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Cards: []string{"card-1"}})
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
	})
}
