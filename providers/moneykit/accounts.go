package moneykit

// This file reads accounts and balances.

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// Accounts lists the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	list, link, failed, err := a.read(ctx, req.Connection, req.Accounts)
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	res := bankmux.AccountsResult{Failed: failed, AsOf: asOf(link, "accounts")}
	for _, acc := range list {
		res.Accounts = append(res.Accounts, acc.account())
	}
	return res, nil
}

// read reads the requested accounts. It returns failures for those that are missing or cannot be
// read.
func (a *adapter) read(
	ctx context.Context,
	conn bankmux.Connection,
	ids []string,
) ([]account, *linkData, []bankmux.Failure, error) {
	out, err := a.api.accounts(ctx, conn.Credential().Reveal(), ids)
	if err == nil && !out.data() {
		err = fetched(out.Link, "accounts")
	}
	if err != nil {
		return nil, nil, nil, err
	}
	list, failed := named(&out.Accounts)
	list = slices.DeleteFunc(list, func(acc account) bool { return !normalize.IsAsked(ids, acc.AccountID) })
	return list, out.Link, append(missing(ids, list), failed...), nil
}

// named returns the accounts that have an id, and failures for the others.
func named(list *wire.List[account]) (all []account, failed []bankmux.Failure) {
	failed = list.Failures("")
	for i, acc := range list.Rows {
		if acc.AccountID == "" {
			failed = append(failed, list.Failure(i, "", "", normalize.Unreadable("an account without id")))
			continue
		}
		all = append(all, acc)
	}
	return all, failed
}

// missing returns failures for the requested accounts that did not come. MoneyKit does not document
// what it does with unknown ids.
func missing(ids []string, got []account) []bankmux.Failure {
	var failed []bankmux.Failure
	for _, id := range ids {
		if !slices.ContainsFunc(got, func(a account) bool { return a.AccountID == id }) {
			failed = append(failed, noAccount(id))
		}
	}
	return failed
}

func noAccount(id string) bankmux.Failure {
	return bankmux.Failure{
		Account: id,
		Err:     &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "the connection has no such account"},
	}
}

// account returns the account in the model.
func (acc account) account() bankmux.Account {
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
	list, link, failed, err := a.read(ctx, req.Connection, req.Accounts)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	res := bankmux.BalancesResult{Failed: failed}
	fetchedAt := asOf(link, "accounts")
	for _, acc := range list {
		one, fault := accountBalances(acc, fetchedAt)
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{Account: acc.AccountID, Err: fault})
		}
		if fault == nil || len(one.Balances) > 0 {
			res.Balances = append(res.Balances, one)
		}
	}
	return res, nil
}

// accountBalances returns what can be read and what cannot. The booked balance of a debt changes
// its sign, because MoneyKit writes what is owed as a positive number.
func accountBalances(acc account, fetchedAt time.Time) (out bankmux.AccountBalances, fault *bankmux.Error) {
	out.Account = acc.AccountID
	at, ok := normalize.Timestamp(acc.Balances.BalanceDate)
	if !ok {
		at = fetchedAt
	}
	read := wire.Values{Currency: acc.Balances.Currency}
	booked := read.Money
	if model.AccountKind(acc.AccountType).Liability() {
		booked = read.Owed
	}
	for _, one := range []bankmux.Balance{
		{Kind: bankmux.BalanceBooked, Money: booked(acc.Balances.Current)},
		{Kind: bankmux.BalanceAvailable, Money: read.Money(acc.Balances.Available)},
		{Kind: bankmux.BalanceLimit, Money: read.Money(acc.Balances.Limit)},
	} {
		if one.AsOf = at; !one.Money.IsZero() {
			out.Balances = append(out.Balances, one)
		}
	}
	return out, read.Fault
}

// AccountNumbers reads the numbers of the accounts that have any.
func (a *adapter) AccountNumbers(
	ctx context.Context,
	req bankmux.AccountNumbersRequest,
) (bankmux.AccountNumbersResult, error) {
	out, err := a.api.numbers(ctx, req.Connection.Credential().Reveal())
	if err != nil {
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
		one, failed := acc.numbers()
		res.Failed = append(res.Failed, failed...)
		if len(one.Numbers) > 0 {
			res.Accounts = append(res.Accounts, one)
		}
	}
	return res, nil
}

// numbers returns the numbers of one account in the model.
func (acc *accountNumbers) numbers() (one bankmux.AccountNumbers, failed []bankmux.Failure) {
	one.Account = acc.AccountID
	for _, scheme := range []struct {
		name bankmux.NumberScheme
		list *wire.List[accountNumber]
	}{
		{bankmux.SchemeACH, &acc.Numbers.ACH},
		{bankmux.SchemeEFT, &acc.Numbers.EFT},
		{bankmux.SchemeBACS, &acc.Numbers.BACS},
		{bankmux.SchemeIBAN, &acc.Numbers.International},
	} {
		failed = append(failed, scheme.list.Failures(acc.AccountID)...)
		for _, n := range scheme.list.Rows {
			one.Numbers = append(one.Numbers, bankmux.AccountNumber{
				Scheme: scheme.name, Number: n.Number, Routing: n.Routing, WireRouting: n.WireRouting,
				Institution: n.Institution, Branch: n.Branch, SortCode: n.SortCode, IBAN: n.IBAN, BIC: n.BIC,
			})
		}
	}
	return one, failed
}

// Identity reads the owners of each account. Equal owners of several accounts are one owner in the
// result.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	out, err := a.api.identity(ctx, req.Connection.Credential().Reveal(), req.Accounts)
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	res := bankmux.IdentityResult{Failed: out.Accounts.Failures("")}
	var got []account
	for i := range out.Accounts.Rows {
		acc := &out.Accounts.Rows[i]
		if acc.AccountID == "" {
			fault := normalize.Unreadable("owners without an account")
			res.Failed = append(res.Failed, out.Accounts.Failure(i, "", "", fault))
			continue
		}
		if !normalize.IsAsked(req.Accounts, acc.AccountID) {
			continue
		}
		got = append(got, account{AccountID: acc.AccountID})
		res.Failed = append(res.Failed, acc.Owners.Failures(acc.AccountID)...)
		for _, o := range acc.Owners.Rows {
			owner := o.owner()
			if reflect.ValueOf(owner).IsZero() {
				continue // it is empty
			}
			res.Owners = normalize.AddOwner(res.Owners, acc.AccountID, owner)
		}
	}
	res.Failed = append(res.Failed, missing(req.Accounts, got)...)
	return res, nil
}

// owner returns the owner in the model. Empty parts are left out.
func (o Owner) owner() (out bankmux.Owner) {
	for _, name := range o.Names {
		if name != "" {
			out.Names = append(out.Names, name)
		}
	}
	for _, a := range o.Addresses {
		one := bankmux.Address{
			Street:     a.Street,
			City:       a.City,
			Region:     a.Region,
			PostalCode: a.PostalCode,
			Country:    a.Country,
			Primary:    a.Primary,
		}
		if one != (bankmux.Address{Primary: a.Primary}) {
			out.Addresses = append(out.Addresses, one)
		}
	}
	for _, p := range o.PhoneNumbers {
		if p.Number != "" {
			out.Phones = append(out.Phones, bankmux.Phone{Number: p.Number, Kind: p.Type, Primary: p.Primary})
		}
	}
	for _, e := range o.Emails {
		if e.Address != "" {
			out.Emails = append(out.Emails, bankmux.Email(e))
		}
	}
	return out
}
