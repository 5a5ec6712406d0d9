package redirect

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// kinds are the words for an account.
var kinds = map[string]bankmux.AccountKind{
	"current": bankmux.AccountChecking, "savings": bankmux.AccountSavings, "card": bankmux.AccountCreditCard, "loan": bankmux.AccountLoan,
}

// list reads all accounts of a grant.
func (a *adapter) list(ctx context.Context, conn *bankmux.Connection) (wire.List[accountRow], error) {
	var out struct {
		Accounts wire.List[accountRow] `json:"accounts"`
	}
	res, err := a.read(ctx, conn, "/accounts", "", nil, &out)
	if err == nil && !out.Accounts.Present {
		err = res.Lacks("the accounts")
	}
	return out.Accounts, err
}

// Accounts lists the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (res bankmux.AccountsResult, err error) {
	all, err := a.list(ctx, &req.Connection)
	if err != nil {
		return res, err
	}
	res.Failed = all.Failures("")
	for _, row := range all.Rows {
		if id := string(row.ID); len(req.Accounts) == 0 || slices.Contains(req.Accounts, id) {
			kind, known := kinds[row.Kind]
			if !known {
				kind = bankmux.AccountUnknown
			}
			res.Accounts = append(res.Accounts, bankmux.Account{
				ID: id, Kind: kind, ProviderKind: row.Kind, Name: row.Name, Currency: normalize.CurrencyCode(row.Currency), PersistentID: string(row.Key),
			})
		}
	}
	for _, id := range req.Accounts {
		if !slices.ContainsFunc(all.Rows, func(row accountRow) bool { return string(row.ID) == id }) {
			res.Failed = append(res.Failed, bankmux.Failure{
				Account: id, Err: &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "the grant has no such account"},
			})
		}
	}
	return res, nil
}

// Balances reads the balances of one account.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	one := bankmux.AccountBalances{Account: req.Accounts[0]}
	var out struct {
		Balances wire.List[balanceRow] `json:"balances"`
		At       string                `json:"at"`
	}
	res, err := a.read(ctx, &req.Connection, "/accounts/{id}/balances", one.Account, nil, &out)
	switch {
	case err != nil:
		return bankmux.BalancesResult{}, err
	case !out.Balances.Present:
		return bankmux.BalancesResult{}, res.Lacks("the balances")
	case len(out.Balances.Bad) > 0:
		return bankmux.BalancesResult{}, normalize.Unreadable("a balance that cannot be read")
	}
	at, _ := normalize.Timestamp(out.At)
	for _, row := range out.Balances.Rows {
		if row.Amount.Absent() {
			continue // not told
		}
		money, err := amount(row.Amount, row.Currency)
		if err != nil {
			return bankmux.BalancesResult{}, err
		}
		one.Balances = append(one.Balances, bankmux.Balance{Kind: row.Kind, Money: money, AsOf: at})
	}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{one}}, nil
}

// amount is exact, in any currency that Osprey names.
func amount(n wire.Number, currency string) (bankmux.Money, *bankmux.Error) {
	if !n.Present() {
		return bankmux.Money{}, normalize.Unreadable("an amount that is not a number of at most 19 digits")
	}
	return normalize.Amount(n.Value, currency)
}
