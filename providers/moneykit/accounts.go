package moneykit

// This file reads accounts and balances.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// Accounts lists the accounts that the user shared.
func (a *adapter) Accounts(
	ctx context.Context, req bankmux.AccountsRequest,
) (res bankmux.AccountsResult, err error) {
	out, err := a.listed(ctx, &req.Connection, req.Accounts, true)
	if err == nil {
		out.choose(req.Accounts, &res)
	}
	return res, err
}

// accounts reads the requested accounts, on the wire and in the model.
func (a *adapter) accounts(
	ctx context.Context, conn *bankmux.Connection, ids []string, required bool,
) ([]account, bankmux.AccountsResult, error) {
	out, err := a.listed(ctx, conn, ids, required)
	if err != nil {
		return nil, bankmux.AccountsResult{}, err
	}
	var res bankmux.AccountsResult
	rows := out.choose(ids, &res)
	return rows, res, nil
}

// listed reads a list of accounts. The data of other products list accounts, too, so only a caller
// that is about accounts requires that they were fetched.
func (a *adapter) listed(
	ctx context.Context, conn *bankmux.Connection, ids []string, required bool,
) (*accountsResponse, error) {
	out := new(accountsResponse)
	err := dataOf(ctx, a.api, getAccounts, ofLink(conn, filter(ids)), out)
	if err == nil && required && !out.data() {
		err = fetched(out.Link, "accounts")
	}
	return out, err
}

// choose returns the requested accounts, on the wire and in res. The parts of a call are functions
// of their own, so that little is on the stack while it waits for its response.
//
//go:noinline
func (r *accountsResponse) choose(ids []string, res *bankmux.AccountsResult) (rows []account) {
	rows, *res = choose(&r.Accounts, ids)
	res.AsOf = asOf(r.Link, "accounts")
	return rows
}

// choose returns the requested accounts, on the wire and in the model. MoneyKit does not document
// what it does with unknown ids.
func choose(list *wire.List[account], ids []string) ([]account, bankmux.AccountsResult) {
	return wire.Accounts(ids, list, (*account).account)
}

// account returns the account in the model.
func (acc *account) account() bankmux.Account {
	return bankmux.Account{
		ID:           acc.AccountID,
		Kind:         model.AccountKind(acc.AccountType),
		ProviderKind: acc.AccountType,
		Name:         acc.Name,
		Nickname:     acc.Nickname,
		Mask:         acc.AccountMask,
		Currency:     normalize.CurrencyCode(acc.Balances.Currency),
		Closed:       acc.Closed,
		OriginalID:   acc.OriginalID,
	}
}

// Balances reads the balances that come with the accounts.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	list, chosen, err := a.accounts(ctx, &req.Connection, req.Accounts, true)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	res := bankmux.BalancesResult{Failed: chosen.Failed}
	for i := range list {
		list[i].addBalances(&res, chosen.AsOf)
	}
	return res, nil
}

// addBalances adds what can be read. The booked balance of a debt changes its sign, because
// MoneyKit writes what is owed as a positive number.
func (acc *account) addBalances(res *bankmux.BalancesResult, asOf time.Time) {
	b := &acc.Balances
	if at, ok := normalize.Timestamp(b.BalanceDate); ok {
		asOf = at
	}
	read := wire.Values{Currency: b.Currency}
	booked := read.Money
	if model.AccountKind(acc.AccountType).Liability() {
		booked = read.Owed
	}
	read.Balances(res, bankmux.AccountBalances{Account: acc.AccountID, Balances: []bankmux.Balance{
		{Kind: bankmux.BalanceBooked, Money: booked(b.Current)},
		{Kind: bankmux.BalanceAvailable, Money: read.Money(b.Available)},
		{Kind: bankmux.BalanceLimit, Money: read.Money(b.Limit)},
	}}, asOf)
}

// AccountNumbers reads the numbers of the accounts that have any.
func (a *adapter) AccountNumbers(
	ctx context.Context,
	req bankmux.AccountNumbersRequest,
) (bankmux.AccountNumbersResult, error) {
	var out numbersResponse
	if err := dataOf(ctx, a.api, getNumbers, ofLink(&req.Connection, nil), &out); err != nil {
		return bankmux.AccountNumbersResult{}, err
	}
	res := bankmux.AccountNumbersResult{Failed: out.Accounts.Failures("")}
	for i := range out.Accounts.Rows {
		acc := &out.Accounts.Rows[i]
		if acc.AccountID == "" {
			fault := normalize.Unreadable("account numbers without an account")
			res.Failed = append(res.Failed, out.Accounts.Failure(i, "", "", fault))
			continue
		}
		acc.addNumbers(&res)
	}
	return res, nil
}

// addNumbers adds the numbers of one account.
func (acc *accountNumbers) addNumbers(res *bankmux.AccountNumbersResult) {
	for _, scheme := range []struct {
		name bankmux.NumberScheme
		list *wire.List[accountNumber]
	}{
		{bankmux.SchemeACH, &acc.Numbers.ACH},
		{bankmux.SchemeEFT, &acc.Numbers.EFT},
		{bankmux.SchemeBACS, &acc.Numbers.BACS},
		{bankmux.SchemeIBAN, &acc.Numbers.International},
	} {
		before := len(res.Failed)
		wire.CollectNumbers(res, scheme.name, scheme.list, func(n *accountNumber) (string, bankmux.AccountNumber) {
			return acc.AccountID, bankmux.AccountNumber{
				Number: n.Number, Routing: n.Routing, WireRouting: n.WireRouting,
				Institution: n.Institution, Branch: n.Branch, SortCode: n.SortCode, IBAN: n.IBAN, BIC: n.BIC,
			}
		})
		for i := range res.Failed[before:] {
			res.Failed[before+i].Account = acc.AccountID // also of a row that is not an object
		}
	}
}

// Identity reads the owners of each account. Equal owners of several accounts are one owner in the
// result.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	var out identityResponse
	if err := dataOf(ctx, a.api, getIdentity, ofLink(&req.Connection, filter(req.Accounts)), &out); err != nil {
		return bankmux.IdentityResult{}, err
	}
	of := func(acc *accountOwners) (string, *wire.List[Owner]) {
		acc.Owners.Present = true // accounts are listed without owners, too
		return acc.AccountID, &acc.Owners
	}
	return wire.CollectOwners(req.Accounts, &out.Accounts, of, (*Owner).owner), nil
}

// owner returns the owner in the model.
func (o *Owner) owner() bankmux.Owner {
	out := bankmux.Owner{Names: o.Names}
	for _, a := range o.Addresses {
		out.Addresses = append(out.Addresses, bankmux.Address{
			Street: a.Street, City: a.City, Region: a.Region, PostalCode: a.PostalCode, Country: a.Country,
			Primary: a.Primary,
		})
	}
	for _, p := range o.PhoneNumbers {
		out.Phones = append(out.Phones, bankmux.Phone{Number: p.Number, Kind: p.Type, Primary: p.Primary})
	}
	for _, e := range o.Emails {
		out.Emails = append(out.Emails, bankmux.Email(e))
	}
	return out
}
