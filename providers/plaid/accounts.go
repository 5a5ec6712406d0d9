package plaid

// This file reads accounts, balances, numbers and owners.

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// Accounts lists the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	out, err := readItem[accountsResponse](ctx, a.api, endpoints.accounts, req.Connection.Credential())
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	_, res := out.choose(req.Accounts)
	return res, nil
}

// choose returns the accounts that were asked for, on the wire and in the model. Plaid refuses a
// request with an unknown id as a whole, so the adapter reads all accounts and selects.
func (r *accountsResponse) choose(ids []string) (list []account, res bankmux.AccountsResult) {
	var all []bankmux.Account
	first := map[string]account{}
	for _, acc := range r.Accounts.Rows {
		all = append(all, acc.account())
		if _, known := first[acc.AccountID]; !known {
			first[acc.AccountID] = acc
		}
	}
	res = normalize.Accounts(ids, all, r.Accounts.Failures(""))
	for _, acc := range res.Accounts {
		list = append(list, first[acc.ID])
	}
	return list, res
}

// code returns the one code that is set. An unofficial one is kept as it is.
func (c currencies) code() string { return cmp.Or(c.ISO, c.Unofficial) }

// account returns the account in the model.
func (acc *account) account() bankmux.Account {
	kind := acc.Type
	if acc.Subtype != "" {
		kind += "." + acc.Subtype
	}
	return bankmux.Account{
		ID: acc.AccountID, Kind: model.AccountKind(acc.Type, acc.Subtype), ProviderKind: kind, Name: acc.Name,
		Mask: acc.Mask, Currency: normalize.CurrencyCode(acc.Balances.Value.code()), PersistentID: acc.PersistentID,
	}
}

// Balances reads the stored balances, or asks the bank. If the user granted the product
// "liabilities", debts also have the amount that is due.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	out, asOf, err := a.balances(ctx, req)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	list, chosen := out.choose(req.Accounts)
	res := bankmux.BalancesResult{Failed: chosen.Failed}
	debts, failed, err := a.debtsOf(ctx, req.Connection, list)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	res.Failed = append(res.Failed, failed...)
	for i := range list {
		acc := &list[i]
		one, fault := acc.balances(asOf, debts[acc.AccountID])
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{Account: acc.AccountID, Err: fault})
		}
		if fault == nil || len(one.Balances) > 0 {
			res.Balances = append(res.Balances, one)
		}
	}
	return res, nil
}

// balances reads the balances of all accounts and when they were true, if that is known. A maximum
// age costs a call that reads when Plaid last asked the bank.
func (a *adapter) balances(
	ctx context.Context, req bankmux.BalancesRequest,
) (out accountsResponse, asOf time.Time, err error) {
	access := req.Connection.Credential()
	ask := req.Fresh
	if req.MaxAge > 0 {
		item, err := a.api.item(ctx, access)
		if err != nil {
			return out, asOf, err
		}
		if updates := item.Status.Transactions; updates != nil {
			asOf, _ = normalize.Timestamp(updates.Succeeded)
		}
		ask = asOf.Before(a.clock().Add(-req.MaxAge))
	}
	if !ask {
		out, err = readItem[accountsResponse](ctx, a.api, endpoints.accounts, access)
		return out, asOf, err
	}
	now := a.clock()
	oldest := now.Add(-cmp.Or(req.MaxAge, freshAge)).UTC().Format(time.RFC3339)
	body := itemRequest{AccessToken: access.Reveal(), Options: &itemOptions{Oldest: oldest}}
	out, err = fetch[accountsResponse](ctx, a.api, endpoints.balances, body)
	return out, bankmux.Moment(now), err
}

// freshAge is how old a balance of Capital One may be if the request does not say. That bank
// updates some balances once a day.
const freshAge = 24 * time.Hour

// balances returns what can be read and what cannot. What is owed changes its sign, because Plaid
// writes it as a positive number. Plaid does not say what the available amount of a loan means, so
// it is left out.
func (acc *account) balances(asOf time.Time, debt liability) (out bankmux.AccountBalances, fault *bankmux.Error) {
	out.Account = acc.AccountID
	if at, ok := normalize.Timestamp(acc.Balances.Value.UpdatedAt); ok {
		asOf = at
	}
	b := &acc.Balances.Value
	read := wire.Values{Currency: b.code()}
	if !acc.Balances.Present {
		read.Note(normalize.Unreadable("an account without balances"))
	}
	booked := read.Money
	if model.AccountKind(acc.Type, acc.Subtype).Liability() {
		booked = read.Owed
	}
	if acc.Type == "loan" {
		b.Available = wire.Number{}
	}
	out.Due = read.Day(debt.DueDay, "a due day")
	for _, one := range []bankmux.Balance{
		{Kind: bankmux.BalanceBooked, Money: booked(b.Current)},
		{Kind: bankmux.BalanceAvailable, Money: read.Money(b.Available)},
		{Kind: bankmux.BalanceLimit, Money: read.Money(b.Limit)},
		{Kind: bankmux.BalanceDue, Money: read.Owed(debt.due())},
	} {
		if one.AsOf = asOf; !one.Money.IsZero() {
			out.Balances = append(out.Balances, one)
		}
	}
	return out, read.Fault
}

// AccountNumbers reads the numbers of the accounts that have any. Plaid's error for a connection
// without such an account is an empty result.
func (a *adapter) AccountNumbers(
	ctx context.Context, req bankmux.AccountNumbersRequest,
) (res bankmux.AccountNumbersResult, err error) {
	out, err := readItem[numbersResponse](ctx, a.api, endpoints.numbers, req.Connection.Credential())
	if normalize.HasCode(err, "NO_AUTH_ACCOUNTS", "no-depository-accounts") {
		return res, nil
	}
	if err != nil {
		return res, err
	}
	for _, scheme := range []struct {
		name bankmux.NumberScheme
		list *wire.List[accountNumber]
	}{
		{bankmux.SchemeACH, &out.Numbers.ACH},
		{bankmux.SchemeEFT, &out.Numbers.EFT},
		{bankmux.SchemeBACS, &out.Numbers.BACS},
		{bankmux.SchemeIBAN, &out.Numbers.International},
	} {
		res.Failed = append(res.Failed, scheme.list.Failures("")...)
		for i, n := range scheme.list.Rows {
			if n.AccountID == "" || n.Account+n.IBAN == "" {
				fault := normalize.Unreadable("an account number without its account or number")
				res.Failed = append(res.Failed, scheme.list.Failure(i, n.AccountID, "", fault))
				continue
			}
			addNumber(&res, n.AccountID, bankmux.AccountNumber{
				Scheme: scheme.name, Number: n.Account, Routing: n.Routing, WireRouting: n.WireRouting,
				Institution: n.Institution, Branch: n.Branch, SortCode: n.SortCode, IBAN: n.IBAN, BIC: n.BIC,
			})
		}
	}
	return res, nil
}

// addNumber adds a number to its account.
func addNumber(res *bankmux.AccountNumbersResult, account string, n bankmux.AccountNumber) {
	i := slices.IndexFunc(res.Accounts, func(known bankmux.AccountNumbers) bool { return known.Account == account })
	if i < 0 {
		i = len(res.Accounts)
		res.Accounts = append(res.Accounts, bankmux.AccountNumbers{Account: account})
	}
	res.Accounts[i].Numbers = append(res.Accounts[i].Numbers, n)
}

// Identity reads the owners. Plaid repeats an owner for each account, so equal owners are merged.
// It refuses a request with an unknown account as a whole, so the adapter reads all and selects.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	access := req.Connection.Credential()
	out, err := readItem[identityResponse](ctx, a.api, endpoints.identity, access)
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	var listed []bankmux.Account
	for _, account := range out.Accounts.Rows {
		listed = append(listed, bankmux.Account{ID: account.AccountID})
	}
	res := bankmux.IdentityResult{Failed: normalize.Accounts(req.Accounts, listed, out.Accounts.Failures("")).Failed}
	for _, account := range out.Accounts.Rows {
		if account.AccountID == "" || !normalize.IsAsked(req.Accounts, account.AccountID) {
			continue
		}
		if !account.Owners.Present {
			res.Failed = append(res.Failed, bankmux.Failure{
				Account: account.AccountID, Err: normalize.Unreadable("an account without owners"),
			})
		}
		for _, o := range account.Owners.Rows {
			res.Owners = normalize.AddOwner(res.Owners, account.AccountID, o.owner())
		}
		res.Failed = append(res.Failed, account.Owners.Failures(account.AccountID)...)
	}
	return res, nil
}

// owner returns the owner in the model.
func (o owner) owner() bankmux.Owner {
	out := bankmux.Owner{Names: o.Names}
	for _, at := range o.Addresses {
		out.Addresses = append(out.Addresses, bankmux.Address{
			Street: at.Data.Street, City: at.Data.City, Region: at.Data.Region, PostalCode: at.Data.PostalCode,
			Country: at.Data.Country, Primary: at.Primary,
		})
	}
	for _, p := range o.Phones {
		out.Phones = append(out.Phones, bankmux.Phone{Number: p.Number, Kind: p.Type, Primary: p.Primary})
	}
	for _, m := range o.Emails {
		out.Emails = append(out.Emails, bankmux.Email{Address: m.Address, Primary: m.Primary})
	}
	return out
}
