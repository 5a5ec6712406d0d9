package guard

// This file has the limits that providers and regulators publish, as budgets.

import (
	"time"

	"github.com/bankmux/bankmux"
)

// PlaidBudgets returns the limits that Plaid documents for production, as of March 2026
// (https://plaid.com/docs/errors/rate-limit-exceeded/). They count per Item and per application,
// each in a minute. Plaid may have agreed on others with you. Change the list as needed:
//
//	budgets := guard.PlaidBudgets()
//	budgets[0] = budgets[0].Paced(time.Second)
//
// Plaid limits requests, and a budget counts attempts. Sync sends a request for each page of a
// round, at most 500 rows each. Whether Plaid counts fixed or rolling minutes is not documented.
// Plaid documents two limits for the list of institutions, and the lower one is used. No limits are
// published for link tokens, the exchange, and searches for institutions.
//
// The budgets of the application come first, in the order of the operations.
func PlaidBudgets() []Budget {
	var application, items []Budget
	for _, p := range []struct {
		op                 string
		product            bankmux.Product
		client, connection int // calls in a minute
	}{
		{bankmux.OpSync, "", 2_500, 50},
		{bankmux.OpTransactions, "", 20_000, 30},
		{bankmux.OpAccounts, "", 15_000, 15},
		{bankmux.OpBalances, "", 1_200, 5},
		{bankmux.OpAccountNumbers, "", 12_000, 15},
		{bankmux.OpIdentity, "", 2_000, 15},
		{bankmux.OpHoldings, "", 2_000, 15},
		{bankmux.OpInvestmentTransactions, "", 20_000, 30},
		{"PlaidLiabilities", "", 1_000, 15},
		{bankmux.OpRefresh, bankmux.ProductTransactions, 100, 2},
		{bankmux.OpRefresh, bankmux.ProductInvestments, 100, 1},
		{bankmux.OpConnectionStatus, "", 5_000, 15},
		{bankmux.OpDisconnect, "", 2_000, 30},
		{bankmux.OpInstitution, "", 400, 0},
		{bankmux.OpInstitutions, "", 25, 0},
	} {
		b := Budget{
			Name: "plaid " + p.op, Provider: "plaid", Ops: []string{p.op}, Product: p.product,
			Limit: p.client, Window: time.Minute,
		}
		if p.product != "" {
			b.Name += " " + string(p.product)
		}
		application = append(application, b)
		if p.connection > 0 {
			b.Name, b.Per, b.Limit = b.Name+" per item", PerItem, p.connection
			items = append(items, b)
		}
	}
	return append(application, items...)
}

// MoneyKitBudgets returns the limits that MoneyKit documents for refreshes of a link, in the
// description of POST /links/{id}/products of its API. Accounts and transactions may be refreshed
// once an hour, account numbers and identity once a day. Limits for investments and for other calls
// are not documented.
//
// The spans are taken as rolling, since MoneyKit does not say when an hour or a day starts. So a
// refresh may be refused for up to twice that time. A refresh of several products counts under the
// first of them.
func MoneyKitBudgets() []Budget {
	var all []Budget
	for _, p := range []struct {
		product bankmux.Product
		window  time.Duration
	}{
		{bankmux.ProductAccounts, time.Hour},
		{bankmux.ProductTransactions, time.Hour},
		{bankmux.ProductAccountNumbers, 24 * time.Hour},
		{bankmux.ProductIdentity, 24 * time.Hour},
	} {
		all = append(all, Budget{
			Name: "moneykit refresh " + string(p.product), Provider: "moneykit",
			Ops: []string{bankmux.OpRefresh}, Product: p.product, Per: PerItem,
			Limit: 1, Window: p.window, Rolling: true,
		})
	}
	return all
}

// PSD2Budget returns the limit of the European Union for an account information service. It may
// access an account four times in 24 hours without the user, unless the bank agreed on more. The
// source is article 36(5)(b) of Commission Delegated Regulation (EU) 2018/389. The budget counts
// background calls, per connection and product.
//
// The regulation does not say when the 24 hours start. The budget counts days of UTC. Set Offset
// for the day of the bank, or Rolling if the bank counts any 24 hours. Margin is two minutes: one
// for a call, which is the default deadline, and one for the difference of the clocks. So a call
// that starts before midnight does not count in the bank's next day.
//
// client is the registered name of a client whose banks are subject to the limit, "" for all.
func PSD2Budget(client string) Budget {
	name := "psd2"
	if client != "" {
		name += " " + client
	}
	return Budget{
		Name: name, Client: client, Group: bankmux.GroupData, Background: true,
		Per: PerConnection | PerProduct, Limit: 4, Window: 24 * time.Hour, Margin: 2 * time.Minute,
	}
}
