package plaid

// This file reads accounts, balances, numbers and owners.

import (
	"cmp"
	"context"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// Accounts lists the accounts that the user shared.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	out, err := accountsGet.ofItem(ctx, a.api, &req.Connection)
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	_, res := out.choose(req.Accounts)
	return res, nil
}

// choose returns the accounts that were asked for, on the wire and in the model. Plaid refuses a
// request with an unknown id as a whole, so the adapter reads all accounts and selects.
func (r *accountsResponse) choose(ids []string) ([]account, bankmux.AccountsResult) {
	return wire.Accounts(ids, &r.Accounts, (*account).account)
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
	debts, failed, err := a.debtsOf(ctx, req.Connection, list)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	res := bankmux.BalancesResult{Failed: append(chosen.Failed, failed...)}
	for i := range list {
		list[i].addBalances(&res, asOf, debts[list[i].AccountID])
	}
	return res, nil
}

// balances reads the balances of all accounts and when they were true, if that is known. A maximum
// age costs a call that reads when Plaid last asked the bank.
func (a *adapter) balances(
	ctx context.Context, req bankmux.BalancesRequest,
) (out *accountsResponse, asOf time.Time, err error) {
	ask := req.Fresh
	if req.MaxAge > 0 {
		item, err := a.item(ctx, &req.Connection)
		if err != nil {
			return out, asOf, err
		}
		asOf, _ = normalize.Timestamp(item.Status.Transactions.Succeeded)
		ask = asOf.Before(a.cfg.Now().Add(-req.MaxAge))
	}
	if !ask {
		out, err = accountsGet.ofItem(ctx, a.api, &req.Connection)
		return out, asOf, err
	}
	now := a.cfg.Now()
	oldest := now.Add(-cmp.Or(req.MaxAge, freshAge)).UTC().Format(time.RFC3339)
	body := itemRequest{AccessToken: req.Connection.Credential().Reveal(), Options: &itemOptions{Oldest: oldest}}
	out = new(accountsResponse)
	err = accountsBalanceGet.into(ctx, a.api, body, out)
	return out, bankmux.Moment(now), err
}

// freshAge is how old a balance of Capital One may be if the request does not say. That bank
// updates some balances once a day.
const freshAge = 24 * time.Hour

// addBalances adds what can be read. What is owed changes its sign, because Plaid writes it as a
// positive number. Plaid does not say what the available amount of a loan means, so it is left out.
func (acc *account) addBalances(res *bankmux.BalancesResult, asOf time.Time, debt liability) {
	b := acc.Balances.Value
	if at, ok := normalize.Timestamp(b.UpdatedAt); ok {
		asOf = at
	}
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
	read.Balances(res, bankmux.AccountBalances{
		Account: acc.AccountID, Due: read.Day(debt.DueDay, "a due day"),
		Balances: []bankmux.Balance{
			{Kind: bankmux.BalanceBooked, Money: booked(b.Current)},
			{Kind: bankmux.BalanceAvailable, Money: read.Money(b.Available)},
			{Kind: bankmux.BalanceLimit, Money: read.Money(b.Limit)},
			{Kind: bankmux.BalanceDue, Money: read.Owed(debt.due())},
		},
	}, asOf)
}

// AccountNumbers reads the numbers of the accounts that have any. Plaid's error for a connection
// without such an account is an empty result.
func (a *adapter) AccountNumbers(
	ctx context.Context, req bankmux.AccountNumbersRequest,
) (res bankmux.AccountNumbersResult, err error) {
	out, err := authGet.ofItem(ctx, a.api, &req.Connection)
	if err != nil {
		return res, normalize.Except(err, "NO_AUTH_ACCOUNTS", "no-depository-accounts")
	}
	wire.CollectNumbers(&res, bankmux.SchemeACH, &out.Numbers.ACH, (*accountNumber).number)
	wire.CollectNumbers(&res, bankmux.SchemeEFT, &out.Numbers.EFT, (*accountNumber).number)
	wire.CollectNumbers(&res, bankmux.SchemeBACS, &out.Numbers.BACS, (*accountNumber).number)
	wire.CollectNumbers(&res, bankmux.SchemeIBAN, &out.Numbers.International, (*accountNumber).number)
	return res, nil
}

// number returns the number in the model, and its account.
func (n *accountNumber) number() (account string, number bankmux.AccountNumber) {
	return n.AccountID, bankmux.AccountNumber{
		Number: n.Account, Routing: n.Routing, WireRouting: n.WireRouting, Institution: n.Institution,
		Branch: n.Branch, SortCode: n.SortCode, IBAN: n.IBAN, BIC: n.BIC,
	}
}

// Identity reads the owners. Plaid repeats an owner for each account, so equal owners are merged.
// It refuses a request with an unknown account as a whole, so the adapter reads all and selects.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	out, err := identityGet.ofItem(ctx, a.api, &req.Connection)
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	of := func(acc *accountOwners) (string, *wire.List[owner]) { return acc.AccountID, &acc.Owners }
	return wire.CollectOwners(req.Accounts, &out.Accounts, of, (*owner).owner), nil
}

// owner returns the owner in the model.
func (o *owner) owner() bankmux.Owner {
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
