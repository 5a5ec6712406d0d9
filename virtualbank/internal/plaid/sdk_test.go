package plaid_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestSDK(t *testing.T) {
	t.Parallel()
	t.Run("the requests of the Node SDK are served", sdkRequests)
	t.Run("responses have every member that Plaid's description requires", requiredMembers)
}

// sdkRequests makes requests as Plaid's Node SDK 47.0.0 was recorded to send them. It sends
// credentials in headers or in the body, and leaves members out that the application does not set.
func sdkRequests(t *testing.T) {
	t.Parallel()
	for name, inBody := range map[string]bool{"with credentials in headers": false, "in the body": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
			creds := c.Bank.Credentials().Plaid
			header := http.Header{
				"Accept":          {"application/json, text/plain, */*"},
				"Content-Type":    {"application/json"},
				"User-Agent":      {"Plaid Node v47.0.0"},
				"Plaid-Version":   {"2020-09-14"},
				"Accept-Encoding": {"gzip, compress, deflate, br"},
			}
			send := func(path, body string) object {
				t.Helper()
				if inBody {
					body = strings.TrimSuffix(body, "}") + `,"client_id":"` + creds.ClientID + `","secret":"` +
						creds.Secret + `"}`
				} else {
					header.Set("Plaid-Client-Id", creds.ClientID)
					header.Set("Plaid-Secret", creds.Secret)
				}
				a := c.Raw(c.Bank.Plaid(), http.MethodPost, path, header, body)
				require.Equal(t, http.StatusOK, a.Status, a.Body)
				return a.Body
			}
			token := send("/link/token/create", `{"client_name":"App","language":"en","country_codes":["US"],`+
				`"user":{"client_user_id":"user-1"},"products":["transactions"],"transactions":{"days_requested":90}}`)
			out := play(t, c, virtualbank.PlaidLink{LinkToken: token["link_token"].(string)})
			body := send("/item/public_token/exchange", `{"public_token":"`+*out.Token+`"}`)
			access := `"access_token":"` + body["access_token"].(string) + `"`
			require.NoError(t, c.Bank.Refresh(body["item_id"].(string)))
			assert.Len(t, send("/accounts/get", "{"+access+"}")["accounts"], 5)
			page := send("/transactions/sync", "{"+access+`,"count":5}`)
			assert.Len(t, page["added"], 5)
			assert.Equal(t, true, page["has_more"])
			send("/item/webhook/update", "{"+access+`,"webhook":null}`)
			send("/transactions/refresh", "{"+access+"}")
			send("/item/remove", "{"+access+"}")
		})
	}
}

// required are the members that Plaid's OpenAPI description 1.697.4 requires, by object.
var required = map[string]string{
	"account":  "account_id balances mask name official_name type subtype",
	"balances": "available current limit iso_currency_code unofficial_currency_code",
	"item":     "item_id webhook error available_products billed_products consent_expiration_time update_type",
	"transaction": "transaction_id pending date unofficial_currency_code iso_currency_code amount account_id " +
		"account_owner pending_transaction_id payment_channel payment_meta name location authorized_date " +
		"authorized_datetime datetime transaction_code",
	"holding": "account_id security_id institution_price institution_value cost_basis quantity iso_currency_code " +
		"unofficial_currency_code",
	"security": "cusip sedol isin institution_security_id institution_id proxy_security_id name ticker_symbol " +
		"is_cash_equivalent close_price close_price_as_of iso_currency_code unofficial_currency_code security_id " +
		"type " +
		"market_identifier_code sector industry cfi_code option_contract fixed_income",
	"investment": "investment_transaction_id account_id security_id date name quantity amount price fees type subtype " +
		"iso_currency_code unofficial_currency_code",
	"credit": "account_id aprs is_overdue last_payment_amount last_payment_date last_statement_issue_date " +
		"last_statement_balance minimum_payment_amount next_payment_due_date",
	"mortgage": "account_id account_number current_late_fee escrow_balance has_pmi has_prepayment_penalty " +
		"interest_rate last_payment_amount last_payment_date loan_type_description loan_term maturity_date " +
		"next_monthly_payment next_payment_due_date origination_date origination_principal_amount past_due_amount " +
		"property_address ytd_interest_paid ytd_principal_paid",
	"student": "account_id account_number disbursement_dates expected_payoff_date guarantor interest_rate_percentage " +
		"is_overdue last_payment_amount last_payment_date last_statement_issue_date loan_name loan_status " +
		"minimum_payment_amount next_payment_due_date origination_date origination_principal_amount " +
		"outstanding_interest_amount payment_reference_number pslf_status repayment_plan sequence_number " +
		"servicer_address ytd_interest_paid ytd_principal_paid",
	"institution": "institution_id name products country_codes routing_numbers oauth",
	"sync":        "accounts added modified removed next_cursor has_more request_id transactions_update_status",
	"session":     "link_session_id",
	"results": "item_add_results cra_item_add_results cra_update_results bank_income_results payroll_income_results " +
		"document_income_results",
	"metadata": "initial_products webhook country_codes language redirect_uri client_name",
	"key":      "alg kid kty crv x y use created_at expired_at",
}

// has checks that an object has every required member.
func has(t *testing.T, kind string, list ...object) {
	t.Helper()
	require.NotEmpty(t, list, kind)
	for _, o := range list {
		for name := range strings.FieldsSeq(required[kind]) {
			require.Contains(t, o, name, kind)
		}
	}
}

func requiredMembers(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token := linkToken(c, object{
		"required_if_supported_products": []string{"auth", "identity", "investments", "liabilities"},
	})
	out := play(t, c, virtualbank.PlaidLink{LinkToken: token, InstitutionID: "ins_109508"})
	got := c.PlaidOK("/link/token/get", object{"link_token": token})
	has(t, "metadata", got["metadata"].(object))
	has(t, "session", banktest.List(got, "link_sessions")...)
	has(t, "results", banktest.List(got, "link_sessions")[0]["results"].(object))
	body := c.PlaidOK("/item/public_token/exchange", object{"public_token": *out.Token})
	require.NoError(t, c.Bank.Refresh(body["item_id"].(string)))
	access := object{"access_token": body["access_token"]}
	days := banktest.With(access, object{"start_date": "2026-09-01", "end_date": "2026-11-23"})

	has(t, "item", c.PlaidOK("/item/get", access)["item"].(object))
	for path, body := range map[string]object{
		"/accounts/get": access, "/accounts/balance/get": access, "/auth/get": access, "/identity/get": access,
		"/transactions/get": days, "/investments/holdings/get": access, "/investments/transactions/get": days,
		"/liabilities/get": access,
	} {
		got := c.PlaidOK(path, body)
		has(t, "item", got["item"].(object))
		has(t, "account", banktest.List(got, "accounts")...)
		for _, a := range banktest.List(got, "accounts") {
			has(t, "balances", a["balances"].(object))
			if strings.HasPrefix(path, "/investments") {
				assert.Contains(t, a["balances"], "margin_loan_amount")
			}
		}
	}
	sync := c.PlaidOK("/transactions/sync", access)
	has(t, "sync", sync)
	has(t, "transaction", banktest.List(sync, "added")...)
	has(t, "transaction", banktest.List(c.PlaidOK("/transactions/get", days), "transactions")...)
	held := c.PlaidOK("/investments/holdings/get", access)
	has(t, "holding", banktest.List(held, "holdings")...)
	has(t, "security", banktest.List(held, "securities")...)
	has(t, "investment", banktest.List(c.PlaidOK("/investments/transactions/get", days), "investment_transactions")...)
	owed := c.PlaidOK("/liabilities/get", access)["liabilities"].(object)
	for _, kind := range []string{"credit", "mortgage", "student"} {
		has(t, kind, banktest.List(owed, kind)...)
	}
	numbers := c.PlaidOK("/auth/get", access)["numbers"].(object)
	for _, scheme := range []string{"ach", "eft", "bacs", "international"} {
		assert.Contains(t, numbers, scheme)
	}
	has(t, "institution", banktest.List(c.PlaidOK("/institutions/get", object{
		"count": 500, "offset": 0, "country_codes": []string{"US", "CA", "GB", "NL", "DE"},
	}), "institutions")...)
}
