package plaid_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize/plaid"
)

func Example() {
	status := plaid.Status("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")
	fmt.Println(status.State, status.Code)
	fmt.Println(plaid.Event("ITEM", "PENDING_EXPIRATION"))
	fmt.Println(plaid.Products([]string{"auth", "transactions"}))
	// Output:
	// reauth_required ITEM_LOGIN_REQUIRED
	// consent_expiring
	// [account_numbers accounts enrichment transactions]
}

// TestStatus specifies the state of an Item.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		class, code string
		want        bankmux.State
	}{
		{"", "", bankmux.StateActive},
		{"ITEM_ERROR", "ITEM_LOCKED", bankmux.StateReauth},
		{"ITEM_ERROR", "ITEM_NOT_FOUND", bankmux.StateGone},
		{"INVALID_INPUT", "USER_PERMISSION_REVOKED", bankmux.StateGone},
		{"INVALID_INPUT", "ADDITIONAL_CONSENT_REQUIRED", bankmux.StateReauth},
		{"ITEM_ERROR", "BRAND_NEW", bankmux.StateReauth},
		{"INSTITUTION_ERROR", "INSTITUTION_DOWN", bankmux.StateDegraded},
		{"API_ERROR", "INTERNAL_SERVER_ERROR", bankmux.StateDegraded},
		{"BRAND_NEW", "BRAND_NEW", bankmux.StateDegraded},
		{"BRAND_NEW", "", bankmux.StateDegraded},
	} {
		got := plaid.Status(c.class, c.code)
		assert.Equal(t, c.want, got.State, c.code)
		assert.False(t, got.At.IsZero())
		if c.code != "" {
			assert.Equal(t, c.code, got.Code)
		}
	}
	assert.Equal(t, "unreadable", plaid.Status("ITEM_ERROR", "a planted text").Code)
}

// TestProducts specifies the names of products.
func TestProducts(t *testing.T) {
	t.Parallel()
	for p, want := range map[bankmux.Product]string{
		bankmux.ProductAccounts: "", bankmux.ProductAccountNumbers: "auth", bankmux.ProductIdentity: "identity",
		bankmux.ProductTransactions: "transactions", bankmux.ProductEnrichment: "transactions",
		bankmux.ProductInvestments: "investments",
	} {
		wire, ok := plaid.Product(p)
		assert.True(t, ok, p)
		assert.Equal(t, want, wire, p)
	}
	for _, p := range []bankmux.Product{bankmux.ProductCards, bankmux.ProductPayments, "brand_new"} {
		_, ok := plaid.Product(p)
		assert.False(t, ok, p)
	}
	assert.Equal(t, []bankmux.Product{bankmux.ProductAccounts}, plaid.Products(nil))
	assert.Equal(t, []bankmux.Product{
		bankmux.ProductAccounts, bankmux.ProductIdentity, bankmux.ProductInvestments, "liabilities",
	}, plaid.Products([]string{"investments", "liabilities", "identity", "identity", ""}))
}

// TestAccountKind specifies the kinds of accounts.
func TestAccountKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, subtype string
		want          bankmux.AccountKind
	}{
		{"depository", "checking", bankmux.AccountChecking},
		{"depository", "cash management", bankmux.AccountChecking},
		{"depository", "limited purpose checking", bankmux.AccountChecking},
		{"depository", "paypal", bankmux.AccountChecking},
		{"depository", "", bankmux.AccountChecking},
		{"depository", "savings", bankmux.AccountSavings},
		{"depository", "money market", bankmux.AccountSavings},
		{"depository", "hsa", bankmux.AccountSavings},
		{"depository", "cd", bankmux.AccountDeposit},
		{"depository", "prepaid", bankmux.AccountPrepaid},
		{"depository", "ebt", bankmux.AccountPrepaid},
		{"credit", "credit card", bankmux.AccountCreditCard},
		{"credit", "paypal", bankmux.AccountCreditCard},
		{"loan", "mortgage", bankmux.AccountMortgage},
		{"loan", "home equity", bankmux.AccountMortgage},
		{"loan", "line of credit", bankmux.AccountLiability},
		{"loan", "overdraft", bankmux.AccountLiability},
		{"loan", "student", bankmux.AccountLoan},
		{"loan", "auto", bankmux.AccountLoan},
		{"investment", "401k", bankmux.AccountInvestment},
		{"brokerage", "ira", bankmux.AccountInvestment},
		{"other", "other", bankmux.AccountOther},
		{"payroll", "payroll", bankmux.AccountUnknown},
		{"", "", bankmux.AccountUnknown},
	} {
		assert.Equal(t, c.want, plaid.AccountKind(c.kind, c.subtype), c.kind+" "+c.subtype)
	}
}

// TestEvent specifies what webhooks mean.
func TestEvent(t *testing.T) {
	t.Parallel()
	for webhook, want := range map[[2]string]bankmux.EventKind{
		{"ITEM", "ERROR"}:                          bankmux.EventConnectionStateChanged,
		{"ITEM", "LOGIN_REPAIRED"}:                 bankmux.EventConnectionStateChanged,
		{"ITEM", "USER_PERMISSION_REVOKED"}:        bankmux.EventConnectionDeleted,
		{"ITEM", "PENDING_EXPIRATION"}:             bankmux.EventConsentExpiring,
		{"ITEM", "PENDING_DISCONNECT"}:             bankmux.EventConsentExpiring,
		{"TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"}: bankmux.EventTransactionsAvailable,
		{"LINK", "SESSION_FINISHED"}:               bankmux.EventLinkFinished,
		{"LINK", "ITEM_ADD_RESULT"}:                bankmux.EventUnknown,
		{"LIABILITIES", "DEFAULT_UPDATE"}:          bankmux.EventProductRefreshed,
		{"ITEM", "DEFAULT_UPDATE"}:                 bankmux.EventUnknown,
		{"", ""}:                                   bankmux.EventUnknown,
	} {
		assert.Equal(t, want, plaid.Event(webhook[0], webhook[1]), webhook)
	}
	for webhookType, want := range map[string]bankmux.Product{
		"TRANSACTIONS": bankmux.ProductTransactions, "HOLDINGS": bankmux.ProductInvestments,
		"INVESTMENTS_TRANSACTIONS": bankmux.ProductInvestments, "AUTH": bankmux.ProductAccountNumbers,
		"IDENTITY": bankmux.ProductIdentity, "LIABILITIES": bankmux.ProductAccounts, "ITEM": bankmux.ProductAccounts,
	} {
		assert.Equal(t, want, plaid.EventProduct(webhookType), webhookType)
	}
}

// TestWords specifies countries, languages and levels of confidence.
func TestWords(t *testing.T) {
	t.Parallel()
	assert.Len(t, plaid.Countries(), 20)
	plaid.Countries()[0] = "XX"
	assert.Equal(t, "US", plaid.Countries()[0], "the result is a copy")
	for tag, want := range map[string]string{
		"": "en", "en-GB": "en", "NL": "nl", "pt-BR": "pt", "nb": "no", "nn-NO": "no", "ar": "en",
	} {
		assert.Equal(t, want, plaid.Language(tag), tag)
	}
	for level, want := range map[string]int{"VERY_HIGH": 99, "HIGH": 95, "MEDIUM": 0, "LOW": 0, "": 0} {
		assert.Equal(t, want, plaid.Confidence(level), level)
	}
}
