package dapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestExtras specifies the functions of Dapi alone.
func TestExtras(t *testing.T) {
	t.Parallel()
	t.Run("each function calls its endpoint", eachFunctionCallsItsEndpoint)
}

func eachFunctionCallsItsEndpoint(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	bank, err := dapi.BankMetadata(ctx, s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, conn.Institution, bank.Institution)
	assert.Equal(t, 90, bank.TransactionDays)
	assert.Equal(t, 24*time.Hour, bank.CoolDown)
	assert.Equal(t, "1.00 AED", bank.Smallest["local"].String())
	assert.True(t, bank.CreateBeneficiaryFirst && bank.ShownInCoolDown)
	assert.Contains(t, bank.Rules["createTransfer"]["same"]["remarks"], `"length":35`)

	accounts, balances, err := dapi.CompleteAccounts(ctx, s.client, conn, nil)
	require.NoError(t, err)
	each, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err)
	require.Len(t, balances.Balances, len(accounts))
	for i := range balances.Balances {
		one, _ := balances.Balances[i].Of(bankmux.BalanceBooked)
		other, _ := each.Balances[i].Of(bankmux.BalanceBooked)
		assert.Equal(t, other, one)
	}
	page, err := dapi.CategorizedTransactions(
		ctx,
		s.client,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}},
	)
	require.NoError(t, err)
	categories := 0
	for _, row := range page.Transactions {
		if row.Enrichment != nil {
			categories++
			assert.Empty(t, row.Enrichment.Merchant.Name)
		}
	}
	assert.Positive(t, categories)
	brands := 0
	for row, err := range s.client.Transactions(ctx,
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{accounts[0].ID}, Enrich: true}) {
		require.NoError(t, err)
		if row.Enrichment != nil && row.Enrichment.Merchant.Name != "" {
			brands++
		}
	}
	assert.Positive(t, brands)

	require.NoError(t, s.bank.RequireInput(conn.Reference(), "", []string{"captcha", "multiple_choice"}))
	_, err = s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.NotEmpty(t, e.Challenge.Inputs[0].Image)
	assert.Equal(t, []string{"Text message", "Phone call"}, e.Challenge.Inputs[1].Options)
	raw, err := json.Marshal(e.Challenge)
	require.NoError(t, err)
	var back bankmux.Challenge
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, *e.Challenge, back)
	_, err = s.client.Accounts(
		ctx,
		bankmux.AccountsRequest{Connection: conn, Answers: e.Challenge.Answer("BANK7", "0")},
	)
	require.NoError(t, err)
}

func rulesOfTheBankInAnotherShapeNeverCostALink(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"a version among the validators": `"validators":{"version":2,"createTransfer":{"version":3,"same":{"remarks":{"length":35},"note":"x"},"local":7}}`,
		"validators as a list":           `"validators":[1,2]`,
		"members of another " +
			"shape": `"transferBounds":"none","address":"Dubai","beneficiaryCoolDownPeriod":24,"isCreateBeneficiaryEndpointRequired":"yes","branchName":7`,
		"a repeated key is refused": `"country":{"code":"SA"}`,
		"bounds that repeat a key": `"transferBounds":[{"minimum":1,"minimum":2,"type":"same",` + aed + `},` +
			`{"minimum":1,"type":"intl","currency":{"code":"AED","code":"USD"}},{"minimum":1,"type":"local",` + aed +
			`}]`,
		"repeated rules, refused": `"validators":{"createTransfer":{"same":{"remarks":"a","remarks":"b"}}}`,
		"bounds of another shape": `"transferBounds":[7,{"minimum":1,"type":"local",` + aed + `},{"minimum":{},"type":"same"}],"transactionRange":"90 days"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			conn := s.connect()
			body := `{` + done + `,"accountsMetadata":{"swiftCode":"EBILAEAD","bankName":"Emirates NBD",` +
				`"country":{"code":"AE","name":5},` + members + `}}`
			client := s.another(func(cfg *dapi.Config) {
				cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if strings.HasSuffix(r.URL.Path, "/metadata/accounts/get") {
						w := httptest.NewRecorder()
						w.Header().Set("Content-Type", "application/json")
						_, _ = w.WriteString(body)
						return w.Result(), nil
					}
					return http.DefaultTransport.RoundTrip(r)
				})}
			})
			if strings.Contains(name, "refused") {
				_, err := dapi.BankMetadata(t.Context(), client, conn)
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				return
			}
			bank, err := dapi.BankMetadata(t.Context(), client, conn)
			require.Equal(t, map[string][]string{
				"members of another shape": {"transferBounds row 1"},
				"bounds of another shape":  {"transferBounds row 1", "same"},
				"bounds that repeat a key": {"transferBounds row 1", "transferBounds row 2"},
			}[name], unreadable(t, err))
			if strings.Contains(members, `"local",`) {
				assert.Equal(t, "1.00 AED", bank.Smallest["local"].String())
			}
			assert.Equal(t, "AE", bank.Institution.Country)
			if strings.Contains(members, "version") {
				assert.Equal(t, map[string]map[string]map[string]string{
					"version":        {},
					"createTransfer": {"version": {}, "same": {"remarks": `{"length":35}`, "note": `"x"`}, "local": {}},
				}, bank.Rules)
			}
			s.client = client
			fresh := s.connect()
			assert.Equal(t, bankmux.StateActive, fresh.Status.State, "a new link is verified")
		})
	}
}

// unreadable returns what cannot be read of a result, by name.
func unreadable(t *testing.T, err error) (names []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	for _, f := range partial.Failed {
		require.ErrorIs(t, f, bankmux.ErrMalformed)
		names = append(names, f.Transaction)
	}
	return names
}
