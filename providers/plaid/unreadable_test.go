package plaid_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestUnreadable specifies that no part of a response is dropped or invented in silence.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	t.Run("a bank whose result cannot be read is a failure beside the others", anUnreadableBankIsAFailure)
	t.Run("results that cannot be read are not an unfinished session", unreadableResultsAreMalformed)
	t.Run("a debt without account is a failure", aDebtWithoutAccountIsAFailure)
	t.Run("a new kind of debt is ignored whatever its type", aNewKindOfDebtIsIgnored)
	t.Run("a list of debts that is not one is malformed", aListOfDebtsThatIsNotOneIsMalformed)
	t.Run("numbers without a number are a failure", numbersWithoutANumberAreAFailure)
	t.Run("a second account with an id is a failure", aSecondAccountWithAnIDIsAFailure)
}

// readsResults replaces text in the results of a session.
func (s *setup) readsResults(pattern, by string) {
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != readPath {
			return false
		}
		got := httptest.NewRecorder()
		s.bank.Plaid().ServeHTTP(got, r)
		body, _ := io.ReadAll(got.Body)
		return write(w, got.Code, regexp.MustCompile(pattern).ReplaceAllString(string(body), by))
	})
}

func anUnreadableBankIsAFailure(t *testing.T) {
	t.Parallel()
	for _, result := range []string{`5`, `{}`, `null`, `{"public_token":null}`, `{"public_token":"a b"}`} {
		s := start(t, virtualbank.Options{}, nil)
		session := s.several("ins_109508", "ins_900101")
		s.readsResults(`"item_add_results":\[`, `"item_add_results":[`+result+`,`)
		got, err := s.client.ExchangeToken(t.Context(), posted(session, `{}`))
		require.NoError(t, err, result)
		assert.Len(t, got.All(), 2, result)
		require.Len(t, got.Failed, 1, result)
		require.ErrorIs(t, got.Failed[0], bankmux.ErrMalformed, result)
	}
}

func unreadableResultsAreMalformed(t *testing.T) {
	t.Parallel()
	for pattern, by := range map[string]string{
		`"results":`:                `"results":[],"was":`,
		`"item_add_results":`:       `"was":`,
		`"item_add_results":\[`:     `"item_add_results":7,"was":[`,
		`"item_add_results":\[.*?}`: `"item_add_results":[5,{}`,
		`"link_sessions":\[`:        `"link_sessions":[7,`,
	} {
		s := start(t, virtualbank.Options{}, nil)
		session := s.several("ins_109508")
		s.readsResults(pattern, by)
		_, err := s.client.ExchangeToken(t.Context(), posted(session, `{}`))
		require.ErrorIs(t, err, bankmux.ErrMalformed, by)
		assert.True(t, bankmux.OutcomeKnown(err), by)
		assert.Empty(t, s.sent(exchangePath), by)
		s.answers(nil)
		s.connectPost(posted(session, `{}`))
	}
}

func aDebtWithoutAccountIsAFailure(t *testing.T) {
	t.Parallel()
	texts := debts()
	texts[liabilitiesPath] = strings.Replace(texts[liabilitiesPath], `"account_id":"study","interest`,
		`"account_id":null,"interest`, 1)
	s, conn := canned(t, texts)
	reasons := func(err error) (all []string) {
		var partial *bankmux.PartialError
		require.ErrorAs(t, err, &partial)
		for _, f := range partial.Failed {
			all = append(all, f.Err.Detail)
		}
		return all
	}
	got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	assert.Len(t, got.Balances, 4)
	want := reasons(err)
	require.Len(t, want, 1)
	assert.Contains(t, want[0], "a debt without account")
	list, err := plaid.ReadLiabilities(t.Context(), s.client, conn)
	assert.Equal(t, want, reasons(err))
	assert.Len(t, list, 2, "a debt of no account is not returned")
}

func aNewKindOfDebtIsIgnored(t *testing.T) {
	t.Parallel()
	all := []string{"credit", "mortgage", "student"}
	for name, c := range map[string]struct {
		before, after string
		kinds         []string
	}{
		"a text":                 {`{`, `{"as_of":"2026-11-26",`, all},
		"a number":               {`{`, `{"count":4,`, all},
		"true":                   {`{`, `{"complete":true,`, all},
		"null":                   {`{`, `{"auto":null,`, all},
		"an object":              {`{`, `{"summary":{"a":1,"b":2},`, all},
		"an array of other rows": {`{`, `{"auto":[5,{"account_id":"card"}],`, all},
		"beside a kind of none":  {`{"credit":`, `{"credit":null,"new":`, all[1:]},
	} {
		texts := debts()
		list := strings.ReplaceAll(texts[liabilitiesPath], "\n", "")
		list = strings.ReplaceAll(list, "\t", "")
		texts[liabilitiesPath] = strings.Replace(list, `"liabilities":`+c.before, `"liabilities":`+c.after, 1)
		require.NotEqual(t, list, texts[liabilitiesPath], name)
		s, conn := canned(t, texts)
		got, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		require.NoError(t, err, name)
		require.Len(t, got.Balances, 4, name)
		assert.Equal(t, "2026-12-15", got.Balances[1].Due.String(), name)
		debts, err := plaid.ReadLiabilities(t.Context(), s.client, conn)
		require.NoError(t, err, name)
		var kinds []string
		for _, debt := range debts {
			kinds = append(kinds, debt.Kind)
		}
		assert.Equal(t, c.kinds, kinds, name)
	}
}

func aListOfDebtsThatIsNotOneIsMalformed(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"credit", "mortgage", "student"} {
		texts := debts()
		texts[liabilitiesPath] = strings.Replace(texts[liabilitiesPath], `"`+kind+`":[`, `"`+kind+`":"none","was":[`, 1)
		s, conn := canned(t, texts)
		_, err := plaid.ReadLiabilities(t.Context(), s.client, conn)
		require.ErrorIs(t, err, bankmux.ErrMalformed, kind)
	}
}

func numbersWithoutANumberAreAFailure(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{numbersPath: `{"accounts":[],"numbers":{
		"ach":[{"account_id":"a1"},{"account_id":"a2","account":"1","routing":"011401533"}],
		"eft":[{"account_id":"a1","account":null,"institution":"021"}],"bacs":[{"account_id":"a1","account":""}],
		"international":[{"account_id":"a1","bic":"NWBKGB21"}]}}`})
	got, err := s.client.AccountNumbers(t.Context(), bankmux.AccountNumbersRequest{Connection: conn})
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial)
	require.Len(t, partial.Failed, 4)
	for _, f := range partial.Failed {
		require.ErrorIs(t, f, bankmux.ErrMalformed)
		assert.Equal(t, "a1", f.Account)
	}
	require.Len(t, got.Accounts, 1)
	assert.Equal(t, "a2", got.Accounts[0].Account)
}

func aSecondAccountWithAnIDIsAFailure(t *testing.T) {
	t.Parallel()
	list := "{" + accounts(
		account("a1", "depository", "checking", `"current":1,"available":null,"limit":null`),
		account("a1", "credit", "credit card", `"current":2,"available":null,"limit":null`),
	) + "}"
	s, conn := canned(t, map[string]string{accountsPath: list})
	for _, ids := range [][]string{nil, {"a1"}} {
		got, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Accounts: ids})
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		require.Len(t, got.Accounts, 1)
		assert.Equal(t, bankmux.AccountChecking, got.Accounts[0].Kind)
		balances, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: ids})
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		assert.Equal(t, map[string]string{"a1": "booked 1.00 USD"}, texts(balances.Balances))
	}
}
