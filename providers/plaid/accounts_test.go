package plaid_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAccounts specifies how accounts, balances and numbers are read.
func TestAccounts(t *testing.T) {
	t.Parallel()
	t.Run("accounts are read in the model's words", accountsAreReadInTheModelsWords)
	t.Run("what is owed is negative", whatIsOwedIsNegative)
	t.Run("one unreadable balance costs itself", oneUnreadableBalanceCostsItself)
	t.Run("stored balances are read unless the bank is to be asked", storedBalancesAreReadUnlessAsked)
	t.Run("what is due comes with the balance of a debt", whatIsDueComesWithTheBalance)
	t.Run("debts are not read without the product", debtsAreNotReadWithoutTheProduct)
	t.Run("debts that cannot be served are a failure of their own", debtsThatCannotBeServedFailAlone)
	t.Run("numbers are read by scheme", numbersAreReadByScheme)
	t.Run("a connection without numbers has an empty result", aConnectionWithoutNumbersIsEmpty)
	t.Run("an account that is not there is named", anAccountThatIsNotThereIsNamed)
}

// account is an account as Plaid writes it, in USD.
func account(id, kind, subtype, balances string) string {
	return `{"account_id":"` + id + `","type":"` + kind + `","subtype":"` + subtype + `","name":"N","mask":"0000",` +
		`"official_name":null,"balances":{"iso_currency_code":"USD","unofficial_currency_code":null,` + balances + `}}`
}

func accounts(all ...string) string {
	return `"accounts":[` + strings.Join(all, ",") + `],"item":{"item_id":"i"},"request_id":"r"`
}

func accountsAreReadInTheModelsWords(t *testing.T) {
	t.Parallel()
	const amount = `"current":1,"available":1,"limit":null`
	s, conn := canned(t, map[string]string{accountsPath: "{" + accounts(
		account("a1", "depository", "checking", amount), account("a2", "credit", "credit card", amount),
		account("a3", "loan", "mortgage", amount), account("a4", "investment", "401k", amount),
		account("a5", "crystal ball", "", amount), `{"account_id":"a6","persistent_account_id":"p6","type":"depository",
			"subtype":"cd","name":"Crypto","balances":{"current":1,"iso_currency_code":null,`+
			`"unofficial_currency_code":"DOGE"}}`,
	) + "}"})
	got, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	kinds := map[string]bankmux.AccountKind{}
	for _, a := range got.Accounts {
		kinds[a.ID] = a.Kind
	}
	assert.Equal(t, map[string]bankmux.AccountKind{
		"a1": bankmux.AccountChecking, "a2": bankmux.AccountCreditCard, "a3": bankmux.AccountMortgage,
		"a4": bankmux.AccountInvestment, "a5": bankmux.AccountUnknown, "a6": bankmux.AccountDeposit,
	}, kinds)
	assert.Equal(t, "credit.credit card", got.Accounts[1].ProviderKind)
	assert.Equal(t, bankmux.Currency("DOGE"), got.Accounts[5].Currency)
	assert.Equal(t, "p6", got.Accounts[5].PersistentID)
}

// texts are the balances of each account: booked, available, limit, due.
func texts(all []bankmux.AccountBalances) map[string]string {
	out := map[string]string{}
	for _, b := range all {
		var amounts []string
		for _, one := range b.Balances {
			amounts = append(amounts, string(one.Kind)+" "+one.Money.String())
		}
		out[b.Account] = strings.Join(amounts, ", ")
	}
	return out
}

func whatIsOwedIsNegative(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{
		accountsPath: "{" + accounts(
			account("a1", "depository", "checking", `"current":1902.55,"available":1841.07,"limit":null`),
			account("a2", "credit", "credit card", `"current":784.6,"available":3215.4,"limit":4000`),
			account("a3", "credit", "paypal", `"current":-15.25,"available":null,"limit":null`),
			account("a4", "loan", "student", `"current":24000,"available":12,"limit":null`),
			account("a5", "investment", "ira", `"current":5000.123456,"available":null,"limit":null`),
		) + "}",
		liabilitiesPath: `{"accounts":[],"liabilities":{"credit":null,"mortgage":null,"student":null}}`,
	})
	got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"a1": "booked 1902.55 USD, available 1841.07 USD",
		"a2": "booked -784.60 USD, available 3215.40 USD, limit 4000.00 USD",
		"a3": "booked 15.25 USD",
		"a4": "booked -24000.00 USD",
		"a5": "booked 5000.123456 USD",
	}, texts(got.Balances))
}

func oneUnreadableBalanceCostsItself(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{accountsPath: "{" + accounts(
		account("a1", "depository", "checking", `"current":1,"available":{"amount":5}`),
		`{"account_id":"a2","type":"depository","balances":{"current":2,"iso_currency_code":null}}`,
		account("a3", "depository", "checking", `"current":null,"available":null`), `7`,
	) + "}"})
	got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Failed, 3)
	assert.Equal(t, map[string]string{"a1": "booked 1.00 USD", "a3": ""}, texts(got.Balances))
}

func storedBalancesAreReadUnlessAsked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s := start(t, virtualbank.Options{}, func(cfg *plaid.Config) { cfg.Now = func() time.Time { return now } })
	conn := s.connect(request, "")
	text := "{" + accounts(account("a1", "depository", "checking", `"current":1`)) + "}"
	item := `{"item":{"item_id":"` + conn.Reference() +
		`","error":null,"billed_products":[]},"status":{"transactions":` +
		`{"last_successful_update":"2026-11-20T11:30:00Z"}}}`
	responses := map[string]string{accountsPath: text, balancesPath: text, itemPath: item}
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return responses[r.URL.Path] != "" && write(w, http.StatusOK, responses[r.URL.Path])
	})
	updated := now.Add(-30 * time.Minute)
	for name, c := range map[string]struct {
		fresh  bool
		maxAge time.Duration
		oldest string // the oldest balance that the bank may give; "" if the bank is not asked
		asOf   time.Time
	}{
		"the zero request":     {},
		"fresh":                {fresh: true, oldest: "2026-11-19T12:00:00Z", asOf: now},
		"stored are young":     {maxAge: time.Hour, asOf: updated},
		"stored are too old":   {maxAge: time.Minute, oldest: "2026-11-20T11:59:00Z", asOf: now},
		"the maximum age wins": {fresh: true, maxAge: time.Hour, asOf: updated},
	} {
		before := len(s.sent(balancesPath))
		got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{
			Connection: conn, Fresh: c.fresh, MaxAge: c.maxAge,
		})
		require.NoError(t, err, name)
		assert.True(t, c.asOf.Equal(got.Balances[0].Balances[0].AsOf), name)
		assert.Equal(t, c.oldest != "", len(s.sent(balancesPath)) > before, name)
		if c.oldest != "" {
			assert.Equal(t, map[string]any{"min_last_updated_datetime": c.oldest}, s.lastSent(balancesPath)["options"],
				name)
		}
	}
}

// debts is an account of each kind of debt, and what is due on them.
func debts() map[string]string {
	list := accounts(
		account("card", "credit", "credit card", `"current":410`),
		account("house", "loan", "mortgage", `"current":56302.06`),
		account("study", "loan", "student", `"current":65262`),
		account("cash", "depository", "checking", `"current":110`),
	)
	return map[string]string{
		accountsPath: "{" + list + "}",
		liabilitiesPath: "{" + list + `,"liabilities":{
			"credit":[{"account_id":"card","aprs":[{"apr_type":"purchase_apr","apr_percentage":15.24},
				{"apr_type":"cash_apr","apr_percentage":27.95}],"is_overdue":false,"last_payment_amount":168.25,
				"last_payment_date":"2026-10-22","last_statement_balance":1708.77,` +
			`"last_statement_issue_date":"2026-10-28",
				"minimum_payment_amount":20,"next_payment_due_date":"2026-11-28"}],
			"mortgage":[{"account_id":"house","interest_rate":{"percentage":3.99,"type":"fixed"},` +
			`"next_monthly_payment":3141.54,
				"next_payment_due_date":"2026-12-15","past_due_amount":2304}],
			"student":[{"account_id":"study","interest_rate_percentage":5.25,"is_overdue":null,` +
			`"minimum_payment_amount":25,
				"next_payment_due_date":null}]}}`,
	}
}

func whatIsDueComesWithTheBalance(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, debts())
	got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"card": "booked -410.00 USD, due -20.00 USD", "house": "booked -56302.06 USD, due -3141.54 USD",
		"study": "booked -65262.00 USD, due -25.00 USD", "cash": "booked 110.00 USD",
	}, texts(got.Balances))
	assert.Equal(t, "2026-11-28", got.Balances[0].Due.String())
	assert.True(t, got.Balances[2].Due.IsZero())

	_, err = s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: []string{"cash"}})
	require.NoError(t, err)
	assert.Len(t, s.sent(liabilitiesPath), 1, "no debt was asked for")
}

func debtsAreNotReadWithoutTheProduct(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	assert.NotEmpty(t, got.Balances)
	assert.Empty(t, s.sent(liabilitiesPath), "it is billed")
}

func debtsThatCannotBeServedFailAlone(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		kind string
		want bankmux.Kind
		rest bool // the balances are there
	}{
		"ADDITIONAL_CONSENT_REQUIRED": {"INVALID_INPUT", bankmux.ErrConsent, true},
		"PRODUCTS_NOT_SUPPORTED":      {"ITEM_ERROR", bankmux.ErrUnsupported, true},
		"NO_LIABILITY_ACCOUNTS":       {"ITEM_ERROR", "", true},
		"ITEM_LOGIN_REQUIRED":         {"ITEM_ERROR", bankmux.ErrReauth, false},
	} {
		s, conn := canned(t, nil)
		s.answers(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == liabilitiesPath {
				return write(w, http.StatusBadRequest, plaidError(c.kind, code))
			}
			return r.URL.Path == accountsPath && write(w, http.StatusOK, debts()[accountsPath])
		})
		got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		assert.Equal(t, c.want, bankmux.KindOf(err), code)
		assert.Equal(t, c.rest, len(got.Balances) == 4, code)
	}
}

func numbersAreReadByScheme(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{numbersPath: `{"accounts":[],"numbers":{
		"ach":[{"account_id":"a1","account":"1111222233330000","routing":"011401533","wire_routing":"021000021"}],
		"eft":[{"account_id":"a2","account":"111122223333","institution":"021","branch":"01140"}],
		"bacs":[{"account_id":"a3","account":"31926819","sort_code":"601613"},{"account":"1"}],
		"international":[{"account_id":"a3","iban":"GB29NWBK60161331926819","bic":"NWBKGB21"}]}}`})
	got, err := s.client.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial, "numbers without an account cannot be placed")
	require.Len(t, got.Accounts, 3)
	assert.Equal(t, bankmux.AccountNumber{
		Scheme: bankmux.SchemeACH, Number: "1111222233330000", Routing: "011401533", WireRouting: "021000021",
	}, got.Accounts[0].Numbers[0])
	assert.Equal(t, bankmux.AccountNumber{
		Scheme: bankmux.SchemeEFT, Number: "111122223333", Institution: "021", Branch: "01140",
	}, got.Accounts[1].Numbers[0])
	assert.Equal(t, []bankmux.AccountNumber{
		{Scheme: bankmux.SchemeBACS, Number: "31926819", SortCode: "601613"},
		{Scheme: bankmux.SchemeIBAN, IBAN: "GB29NWBK60161331926819", BIC: "NWBKGB21"},
	}, got.Accounts[2].Numbers)
}

func aConnectionWithoutNumbersIsEmpty(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.errorWith(numbersPath, "ITEM_ERROR", "NO_AUTH_ACCOUNTS")
	got, err := s.client.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
	require.NoError(t, err)
	assert.Empty(t, got.Accounts)
}

func anAccountThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, debts())
	got, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{
		Connection: conn, Accounts: []string{"card", "gone"},
	})
	require.ErrorIs(t, err, bankmux.ErrNotFound)
	require.Len(t, got.Accounts, 1)
	assert.Equal(t, "card", got.Accounts[0].ID)
	assert.Equal(t, "gone", got.Failed[0].Account)
}
