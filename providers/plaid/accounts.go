package plaid

// This file reads accounts and balances.

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/govalues/decimal"

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
	for _, acc := range r.Accounts.Rows {
		all = append(all, acc.account())
		if acc.AccountID != "" && isAsked(ids, acc.AccountID) {
			list = append(list, acc)
		}
	}
	return list, normalize.Accounts(ids, all, r.Accounts.Failures(""))
}

// isAsked reports whether a request with these ids covers an account. A row without an account may
// belong to any.
func isAsked(ids []string, account string) bool {
	return len(ids) == 0 || account == "" || slices.Contains(ids, account)
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
		Mask: acc.Mask, Currency: normalize.CurrencyCode(acc.Balances.code()), PersistentID: acc.PersistentID,
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
	body := balancesRequest{AccessToken: access.Reveal()}
	body.Options.Oldest = now.Add(-cmp.Or(req.MaxAge, freshAge)).UTC().Format(time.RFC3339)
	out, err = fetch[accountsResponse](ctx, a.api, endpoints.balances, body)
	return out, bankmux.Moment(now), err
}

// freshAge is how old a balance of Capital One may be if the request does not say. That bank
// updates some balances once a day.
const freshAge = 24 * time.Hour

// balances returns what can be read and what cannot. What is owed changes its sign, because Plaid
// writes it as a positive number. Plaid does not say what the available amount of a loan means, so
// it is left out.
func (acc *account) balances(asOf time.Time, debt *liability) (out bankmux.AccountBalances, fault *bankmux.Error) {
	out.Account = acc.AccountID
	if at, ok := normalize.Timestamp(acc.Balances.UpdatedAt); ok {
		asOf = at
	}
	b := &acc.Balances
	read := amounts{currency: b.code()}
	booked, available := read.money(b.Current), read.money(b.Available)
	if model.AccountKind(acc.Type, acc.Subtype).Liability() {
		booked = negative(booked)
	}
	if acc.Type == "loan" {
		available = bankmux.Money{}
	}
	var due bankmux.Money
	if debt != nil {
		due = negative(read.money(debt.due()))
		out.Due = read.day(debt.DueDay, "a due day")
	}
	for _, one := range []bankmux.Balance{
		{Kind: bankmux.BalanceBooked, Money: booked},
		{Kind: bankmux.BalanceAvailable, Money: available},
		{Kind: bankmux.BalanceLimit, Money: read.money(b.Limit)},
		{Kind: bankmux.BalanceDue, Money: due},
	} {
		if one.AsOf = asOf; !one.Money.IsZero() {
			out.Balances = append(out.Balances, one)
		}
	}
	return out, read.fault
}

// amounts reads several amounts and days of one row and remembers the first fault. What cannot be
// read is absent.
type amounts struct {
	currency string
	fault    *bankmux.Error
}

func (a *amounts) note(fault *bankmux.Error) {
	if a.fault == nil {
		a.fault = fault
	}
}

// money makes money of a number. An absent number stays absent.
func (a *amounts) money(n wire.Number) bankmux.Money {
	if !n.Present() {
		a.decimal(n)
		return bankmux.Money{}
	}
	m, fault := normalize.Amount(n.Value, a.currency)
	a.note(fault)
	return m
}

func (a *amounts) decimal(n wire.Number) decimal.Decimal {
	if n.Bad() {
		a.note(normalize.Unreadable("an amount that cannot be read exactly"))
	}
	return n.Value
}

func (a *amounts) day(s, what string) bankmux.Date {
	d, fault := normalize.OptionalDay(s, what)
	a.note(fault)
	return d
}

// negative changes the sign. An absent amount stays absent.
func negative(m bankmux.Money) bankmux.Money {
	if m.IsZero() {
		return m
	}
	return m.Neg()
}

// AccountNumbers reads the numbers of the accounts that have any. Plaid's error for a connection
// without such an account is an empty result.
func (a *adapter) AccountNumbers(
	ctx context.Context, req bankmux.AccountNumbersRequest,
) (res bankmux.AccountNumbersResult, err error) {
	out, err := readItem[numbersResponse](ctx, a.api, endpoints.numbers, req.Connection.Credential())
	if hasCode(err, "NO_AUTH_ACCOUNTS", "no-depository-accounts") {
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
			if n.AccountID == "" {
				res.Failed = append(res.Failed, bankmux.Failure{
					Transaction: wire.RowName("", scheme.list.Place(i)),
					Err:         normalize.Unreadable("account numbers without an account"),
				})
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
