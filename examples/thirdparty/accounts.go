package pelican

// This file reads accounts and balances.

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// kinds are Pelican's words for kinds of accounts.
var kinds = map[string]bankmux.AccountKind{
	"current": bankmux.AccountChecking, "savings": bankmux.AccountSavings,
	"card": bankmux.AccountCreditCard, "loan": bankmux.AccountLoan,
}

func kindOf(word string) bankmux.AccountKind {
	if kind, ok := kinds[word]; ok {
		return kind
	}
	return bankmux.AccountUnknown
}

// list reads all accounts. An account without id is a failure beside the others.
func (a *adapter) list(
	ctx context.Context, conn bankmux.Connection,
) (accounts []account, failed []bankmux.Failure, err error) {
	out, err := getAccounts.fetch(ctx, a, rest.Request{}, &conn)
	if err != nil {
		return nil, nil, err
	}
	failed = out.Accounts.Failures("")
	for i, one := range out.Accounts.Rows {
		if one.ID == "" {
			place, fault := wire.RowName("", out.Accounts.Place(i)), normalize.Unreadable("an account without id")
			failed = append(failed, bankmux.Failure{Transaction: place, Err: fault})
			continue
		}
		accounts = append(accounts, one)
	}
	return accounts, failed, nil
}

// Accounts returns the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	all, failed, err := a.list(ctx, req.Connection)
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	accounts := make([]bankmux.Account, len(all))
	for i, one := range all {
		accounts[i] = bankmux.Account{
			ID: one.ID, Kind: kindOf(one.Kind), ProviderKind: one.Kind, Name: one.Name, Mask: one.Mask,
			Currency: normalize.CurrencyCode(one.Currency),
		}
	}
	return normalize.Accounts(req.Accounts, accounts, failed), nil
}

// Balances returns the balance of one account. A balance that Pelican leaves out is absent, not
// zero.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	if len(req.Accounts) != 1 || len(req.Cards) != 0 {
		return bankmux.BalancesResult{}, normalize.Invalid("BalancesRequest", "does not name exactly one account")
	}
	id := req.Accounts[0]
	at := rest.Request{PathParams: map[string]string{"id": id}}
	out, err := getBalance.fetch(ctx, a, at, &req.Connection)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	one := bankmux.AccountBalances{Account: id}
	switch {
	case out.Booked.Bad():
		return bankmux.BalancesResult{}, normalize.Unreadable("a balance")
	case out.Booked.Present():
		amount := out.Booked.Value
		if kindOf(out.Kind).Liability() { // a debt is negative in the model
			amount = amount.Neg()
		}
		money, fault := normalize.Amount(amount, out.Currency)
		if fault != nil {
			return bankmux.BalancesResult{}, fault
		}
		one.Balances = []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: money}}
	}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{one}}, nil
}
