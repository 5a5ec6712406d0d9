package dapi

// This file reads accounts, balances and cards.

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// accounts reads the requested accounts, on the wire and in the model.
func (a *adapter) accounts(
	ctx context.Context, at endpoint[accountsResponse], call *dataCall, ids []string, res *bankmux.AccountsResult,
) ([]account, error) {
	out := new(accountsResponse)
	if err := dataInto(ctx, a.api, at, call, out); err != nil {
		return nil, err
	}
	return a.choose(call.conn, out, ids, res), nil
}

// choose returns the requested accounts, on the wire and in the model. It remembers the currencies
// of all.
func (a *adapter) choose(
	conn *bankmux.Connection, out *accountsResponse, ids []string, res *bankmux.AccountsResult,
) (list []account) {
	for i := range out.Accounts.Rows {
		acc := &out.Accounts.Rows[i]
		a.currencies.note(conn, acc.ID, acc.Currency.Code)
	}
	list, *res = wire.Accounts(ids, &out.Accounts, (*account).account)
	return list
}

// Accounts lists the accounts at the bank.
func (a *adapter) Accounts(
	ctx context.Context, req bankmux.AccountsRequest,
) (res bankmux.AccountsResult, err error) {
	call := dataCall{conn: &req.Connection, answers: req.Answers}
	_, err = a.accounts(ctx, getAccounts, &call, req.Accounts, &res)
	return res, err
}

// account returns the account in the model.
func (acc *account) account() bankmux.Account {
	return bankmux.Account{
		ID: acc.ID, Kind: model.AccountKind(acc.Type), ProviderKind: acc.Type, Name: acc.Name,
		Number: acc.Number, IBAN: acc.IBAN, Currency: normalize.CurrencyCode(acc.Currency.Code),
	}
}

// Balances reads the balance of one account or card.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	if len(req.Accounts)+len(req.Cards) != 1 {
		err := normalize.Invalid("BalancesRequest", "does not name exactly one account or card")
		return bankmux.BalancesResult{}, err
	}
	one := bankmux.AccountBalances{Card: len(req.Cards) == 1}
	body := dataBody{}
	if one.Card {
		one.Account, body.CardID = req.Cards[0], req.Cards[0]
	} else {
		one.Account, body.AccountID = req.Accounts[0], req.Accounts[0]
	}
	out, err := data(ctx, a.api, getBalance, &dataCall{&req.Connection, req.Answers, &body})
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	kind := bankmux.AccountUnknown
	for _, known := range req.Known {
		if known.ID == one.Account {
			kind = known.Kind
		}
	}
	var res bankmux.BalancesResult
	out.Balance.read(&res, one, kind, a.now())
	return res, nil
}

// read adds what can be read of a balance. What is outstanding or due of a card is owed. No source
// says how Dapi signs a debt of an account. A loan counts as owed whatever its sign. A positive
// balance of a credit account counts as owed.
func (b *balance) read(
	res *bankmux.BalancesResult, one bankmux.AccountBalances, kind bankmux.AccountKind, at time.Time,
) {
	read := wire.Values{Currency: b.Currency.Code}
	booked := b.Amount
	switch {
	case one.Card:
		booked = b.Outstanding
		booked.Value = booked.Value.Neg()
	case kind == bankmux.AccountLoan:
		booked.Value = booked.Value.Abs().Neg()
	case kind == bankmux.AccountCreditCard:
		booked.Value = booked.Value.Neg()
	}
	one.Balances = []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: read.Money(booked)}}
	if one.Card {
		one.Balances = append(one.Balances,
			bankmux.Balance{Kind: bankmux.BalanceAvailable, Money: read.Money(b.Available)},
			bankmux.Balance{Kind: bankmux.BalanceDue, Money: read.Owed(b.AmountDue)})
		one.Due = read.Day(b.DueDate, "a due day")
	}
	read.Balances(res, one, at)
}

// money makes money of a number. An absent number stays absent.
func money(n wire.Number, c currency) (bankmux.Money, *bankmux.Error) {
	read := wire.Values{Currency: c.Code}
	return read.Money(n), read.Fault
}

// AccountNumbers reads the numbers that come with the accounts. The BIC is that of the connection's
// bank.
func (a *adapter) AccountNumbers(
	ctx context.Context,
	req bankmux.AccountNumbersRequest,
) (bankmux.AccountNumbersResult, error) {
	call := &dataCall{conn: &req.Connection, answers: req.Answers}
	var chosen bankmux.AccountsResult
	list, err := a.accounts(ctx, getAccounts, call, nil, &chosen)
	if err != nil {
		return bankmux.AccountNumbersResult{}, err
	}
	res := bankmux.AccountNumbersResult{Failed: chosen.Failed}
	for _, acc := range list {
		one := bankmux.AccountNumbers{Account: acc.ID}
		if acc.IBAN != "" {
			one.Numbers = append(one.Numbers, bankmux.AccountNumber{
				Scheme: bankmux.SchemeIBAN, IBAN: acc.IBAN, BIC: req.Connection.Institution.BIC,
			})
		}
		if acc.Number != "" {
			one.Numbers = append(one.Numbers, bankmux.AccountNumber{Scheme: bankmux.SchemeLocal, Number: acc.Number})
		}
		if len(one.Numbers) > 0 {
			res.Accounts = append(res.Accounts, one)
		}
	}
	return res, nil
}

// Identity reads the one person that Dapi knows for a connection. The bank does not say which
// account the person owns.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	out, err := data(ctx, a.api, getIdentity, &dataCall{conn: &req.Connection, answers: req.Answers})
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	who := out.Identity
	res := bankmux.IdentityResult{
		Failed: slices.Concat(
			who.Numbers.Failures(""),
			who.Identification.Failures(""),
			who.Identifications.Failures(""),
		),
	}
	owner, fault := who.owner()
	if fault != nil {
		res.Failed = append(res.Failed, bankmux.Failure{Product: bankmux.ProductIdentity, Err: fault})
	}
	if owner = wire.StatedOwner(owner); !reflect.ValueOf(owner).IsZero() {
		res.Owners = []bankmux.Owner{owner}
	}
	return res, nil
}

// owner returns the person in the model, and what cannot be read.
func (who *person) owner() (owner bankmux.Owner, fault *bankmux.Error) {
	owner.Nationality = who.Nationality
	owner.BirthDate, fault = normalize.OptionalDay(who.DateOfBirth, "a day of birth")
	owner.Names, owner.Emails = []string{who.Name}, []bankmux.Email{{Address: who.EmailAddress}}
	for _, n := range who.Numbers.Rows {
		owner.Phones = append(owner.Phones, bankmux.Phone{Number: n.Value, Kind: n.Type})
	}
	for _, d := range slices.Concat(who.Identification.Rows, who.Identifications.Rows) {
		owner.Documents = append(owner.Documents, bankmux.Document{Kind: d.Type, Number: d.Value})
	}
	if at := who.Address; at != nil {
		owner.Addresses = []bankmux.Address{{
			Full: at.Full, Building: string(at.Building), Flat: string(at.Flat), Area: at.Area, POBox: string(at.POBox),
			City: at.City, Region: at.State, Country: at.Country,
		}}
	}
	return owner, fault
}

// Cards lists the cards at the bank.
func (a *adapter) Cards(ctx context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	out, err := data(ctx, a.api, getCards, &dataCall{conn: &req.Connection, answers: req.Answers})
	if err != nil {
		return bankmux.CardsResult{}, err
	}
	list := &out.Cards
	for _, c := range list.Rows {
		a.currencies.note(&req.Connection, c.ID, c.Currency.Code)
	}
	res := bankmux.CardsResult{Failed: list.Failures("")}
	for i, c := range list.Rows {
		if c.ID == "" {
			res.Failed = append(res.Failed, list.Failure(i, "", "", normalize.Unreadable("a card without id")))
			continue
		}
		one := bankmux.Card{
			ID:       c.ID,
			Name:     c.Name,
			Number:   c.CardNumber,
			Kind:     c.Type,
			Status:   c.Status,
			Currency: normalize.CurrencyCode(c.Currency.Code),
		}
		var limit, expires *bankmux.Error
		one.Limit, limit = money(c.CreditLimit, c.Currency)
		one.Expires, expires = normalize.OptionalDay(c.ExpiryDate, "a day of expiry")
		for _, fault := range []*bankmux.Error{limit, expires} {
			if fault != nil {
				res.Failed = append(res.Failed, bankmux.Failure{Account: c.ID, Err: fault})
			}
		}
		res.Cards = append(res.Cards, one)
	}
	return res, nil
}
