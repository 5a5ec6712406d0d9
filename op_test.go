package bankmux_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

func TestOperationNames(t *testing.T) {
	t.Parallel()
	// Challenges, logs and metrics contain them.
	for name, stored := range map[string]string{
		bankmux.OpCreateSession: "CreateSession", bankmux.OpExchangeToken: "ExchangeToken",
		bankmux.OpConnectionStatus: "ConnectionStatus",
		bankmux.OpDisconnect:       "Disconnect", bankmux.OpCheckCredentials: "CheckCredentials",
		bankmux.OpInstitutions: "Institutions",
		bankmux.OpInstitution:  "Institution", bankmux.OpReadWebhook: "ReadWebhook", bankmux.OpAccounts: "Accounts",
		bankmux.OpBalances: "Balances", bankmux.OpAccountNumbers: "AccountNumbers", bankmux.OpIdentity: "Identity",
		bankmux.OpCards: "Cards", bankmux.OpTransactions: "Transactions", bankmux.OpSync: "Sync",
		bankmux.OpHoldings:               "Holdings",
		bankmux.OpInvestmentTransactions: "InvestmentTransactions", bankmux.OpRefresh: "Refresh",
		bankmux.OpAwaitRefresh: "AwaitRefresh",
		bankmux.OpSyncAll:      "SyncAll",
	} {
		assert.Equal(t, stored, name)
	}
}
