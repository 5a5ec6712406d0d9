package moneykit_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestAnOddListBesideAnAnswerCostsItself(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`{}`, `"none"`, `7`, `{"a":1,"a":2}`} {
		t.Run("securities that are "+odd, func(t *testing.T) {
			t.Parallel()
			const accounts = `"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}]`
			client, conn := canned(t, map[string]string{
				"/holdings":                 `{` + accounts + `,"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2"}],"securities":` + odd + `,` + freshLink + `}`,
				"/investments/transactions": `{"total":1,` + accounts + `,"securities":` + odd + `,"investment_transactions":[{"investment_transaction_id":"i1","account_id":"a1","amount":"-4","date":"2026-11-01"}],` + freshLink + `}`,
			})
			for range 7 { // one more than opens a circuit
				got, err := client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
				partly(t, err)
				require.Len(t, got.Failed, 1)
				assert.Equal(t, "row 1", got.Failed[0].Transaction)
				assert.Len(t, got.Holdings, 1)
				rows := 0
				for _, err := range client.InvestmentTransactions(t.Context(), bankmux.InvestmentTransactionsRequest{Connection: conn}) {
					if err == nil {
						rows++
					}
				}
				assert.Equal(t, 1, rows)
			}
		})
		t.Run("accounts that are "+odd, func(t *testing.T) {
			t.Parallel()
			client, conn := canned(t, map[string]string{
				"/holdings":     `{"accounts":` + odd + `,"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2"}],"securities":[],` + freshLink + `}`,
				"/transactions": `{"total":0,"transactions":[],"accounts":` + odd + `,` + freshLink + `}`,
			})
			for range 7 {
				got, err := client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
				partly(t, err)
				require.Len(t, got.Failed, 1)
				assert.Len(t, got.Holdings, 1, "a position needs no currency")
				for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}}) {
					require.NoError(t, err)
				}
			}
		})
		t.Run("a user's accounts that are "+odd, func(t *testing.T) {
			t.Parallel()
			client, _ := canned(
				t,
				map[string]string{
					"/accounts": `{"links":{"mk_1":{"accounts":` + odd + `},"mk_2":{"accounts":[{"account_id":"a1"}]},"mk_3":7}}`,
				},
			)
			accounts, err := moneykit.UserAccounts(t.Context(), client, "user-1")
			partial, ok := errors.AsType[*bankmux.PartialError](err)
			require.True(t, ok, err)
			assert.Len(t, partial.Failed, 2)
			assert.Len(t, accounts[client.ReferenceKey(bankmux.NewSecret("mk_2"))], 1)
		})
	}
}

func TestAnObjectOfAnotherShapeIsAbsent(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`"NA"`, `7`, `[]`, `true`, `null`, `{}`} {
		t.Run("an account and a link that are "+odd, func(t *testing.T) {
			t.Parallel()
			client, conn := canned(t, map[string]string{
				"/accounts":    `{"accounts":[{"account_id":"a1","name":"A","balances":{"current":1,"currency":"USD"}}],"link":` + odd + `}`,
				"/accounts/a1": `{"account":` + odd + `,` + freshLink + `}`,
				"/identity":    `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa",{},7],"addresses":[` + odd + `],"emails":[` + odd + `],"phone_numbers":[` + odd + `]},{"names":"Rosa"},{}]}],"link":` + odd + `}`,
			})
			_, err := moneykit.ReadAccount(t.Context(), client, conn, "a1")
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
			require.NoError(t, err)
			assert.Len(t, got.Balances, 1)
			who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, []bankmux.Owner{{Names: []string{"Rosa", "7"}, Accounts: []string{"a1"}}}, who.Owners)
		})
	}
}

func TestAnAccountIsFoundHoweverItsIDIsWritten(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{
		"/transactions": `{"total":0,"transactions":[],"accounts":[{"account_id":7}],` + freshLink + `}`,
		"/accounts/7":   `{"account":{"account_id":7,"account_mask":4410},` + freshLink + `}`,
	})
	for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"7"}}) {
		require.NoError(t, err)
	}
	failed := 0
	for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"8"}}) {
		require.ErrorIs(t, err, bankmux.ErrNotFound)
		failed++
	}
	assert.Equal(t, 1, failed)
	got, err := moneykit.ReadAccount(t.Context(), client, conn, "7")
	require.NoError(t, err)
	assert.Equal(t, bankmux.Account{ID: "7", Mask: "4410"}, bankmux.Account{ID: got.ID, Mask: got.Mask})
}

func TestAKeyThatRepeatsInWhatIsOnlyShownNeverDecides(t *testing.T) {
	t.Parallel()
	const code = `"error_code":"link_error.bad_state","link_error_code":"auth_expired"`
	for name, c := range map[string]struct {
		members string
		kind    bankmux.Kind
	}{
		"within an address":               {`"documentation_url":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"an address twice":                {`"documentation_url":"a","documentation_url":"b",` + code, bankmux.ErrReauth},
		"within a message":                {`"error_message":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"a message twice":                 {`"error_message":"a","error_message":"b",` + code, bankmux.ErrReauth},
		"within the faults":               {`"validation_errors":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"the faults twice":                {`"validation_errors":[],"validation_errors":7,` + code, bankmux.ErrReauth},
		"a code twice: it decides":        {`"error_code":"x",` + code, bankmux.ErrCredentials},
		"a link's code twice: it decides": {`"link_error_code":"x",` + code, bankmux.ErrCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, virtualbank.Options{}, nil)
			conn := s.connect(request)
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				return r.Method == http.MethodGet && r.URL.Path != "/auth/token" &&
					write(w, http.StatusUnauthorized, "application/json", `{`+c.members+`}`)
			})
			_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			assert.Equal(t, c.kind, bankmux.KindOf(err))
		})
	}
}
