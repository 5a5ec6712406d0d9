package redirect

// This file reads accounts and balances.

import (
	"cmp"
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

var kinds = map[string]bankmux.AccountKind{
	"current": bankmux.AccountChecking, "savings": bankmux.AccountSavings,
	"card": bankmux.AccountCreditCard, "loan": bankmux.AccountLoan,
}

// list reads the accounts of a grant with these ids, or all.
func (a *adapter) list(ctx context.Context, conn *bankmux.Connection, ids []string) (bankmux.AccountsResult, error) {
	out, err := getAccounts.fetchAs(ctx, a, conn, rest.Request{})
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	var all []bankmux.Account
	for _, row := range out.Accounts.Rows {
		all = append(all, bankmux.Account{
			ID: string(row.ID), PersistentID: string(row.Key), Kind: cmp.Or(kinds[row.Kind], bankmux.AccountUnknown),
			ProviderKind: row.Kind, Name: row.Name, Currency: normalize.CurrencyCode(row.Currency),
		})
	}
	return normalize.Accounts(ids, all, out.Accounts.Failures("")), nil
}

// Accounts returns the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return a.list(ctx, &req.Connection, req.Accounts)
}

// Balances returns the balances of one account.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	one := bankmux.AccountBalances{Account: req.Accounts[0]}
	out, err := getBalances.fetchAs(ctx, a, &req.Connection, rest.Request{PathParams: byID(one.Account)})
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	for _, row := range out.Balances.Rows {
		if row.Amount.Absent() {
			continue // absent is not zero
		}
		money, err := amount(row.Amount, row.Currency)
		if err != nil {
			return bankmux.BalancesResult{}, err
		}
		one.Balances = append(one.Balances, bankmux.Balance{Kind: row.Kind, Money: money})
	}
	failed := out.Balances.Failures(one.Account)
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{one}, Failed: failed}, nil
}

// amount returns an exact amount in any currency.
func amount(n wire.Number, currency string) (bankmux.Money, *bankmux.Error) {
	if !n.Present() {
		return bankmux.Money{}, normalize.Unreadable("an amount that is not a number of at most 19 digits")
	}
	return normalize.Amount(n.Value, currency)
}
