package dapi

import (
	"context"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wire"
	"github.com/bankmux/bankmux/normalize"
)

// The operations of this file, as errors name them.
const (
	opAccounts = "Accounts"
	opBalances = "Balances"
	opNumbers  = "AccountNumbers"
	opIdentity = "Identity"
	opCards    = "Cards"
)

// accounts is POST /data/accounts/get.
func (a *api) accounts(ctx context.Context, op string, conn bankmux.Connection, answers *bankmux.Answers) ([]account, error) {
	var out accountsAnswer
	res, err := a.data(ctx, op, "/data/accounts/get", conn, answers, dataBody{}, &out)
	switch {
	case err != nil:
		return nil, err
	case out.Accounts == nil:
		return nil, res.Lacks("accounts")
	}
	return *out.Accounts, nil
}

// balance is POST /data/balance/get, about an account or a card.
func (a *api) balance(ctx context.Context, conn bankmux.Connection, answers *bankmux.Answers, body dataBody) (*balance, error) {
	var out balanceAnswer
	res, err := a.data(ctx, opBalances, "/data/balance/get", conn, answers, body, &out)
	if err == nil && out.Balance == nil {
		err = res.Lacks("balance")
	}
	return out.Balance, err
}

// identity is POST /data/identity/get.
func (a *api) identity(ctx context.Context, conn bankmux.Connection, answers *bankmux.Answers) (identityAnswer, error) {
	var out identityAnswer
	res, err := a.data(ctx, opIdentity, "/data/identity/get", conn, answers, dataBody{}, &out)
	if err == nil && out.Identity == nil {
		err = res.Lacks("identity")
	}
	return out, err
}

// cards is POST /data/cards/get.
func (a *api) cards(ctx context.Context, conn bankmux.Connection, answers *bankmux.Answers) ([]card, error) {
	var out cardsAnswer
	res, err := a.data(ctx, opCards, "/data/cards/get", conn, answers, dataBody{}, &out)
	switch {
	case err != nil:
		return nil, err
	case out.Cards == nil:
		return nil, res.Lacks("cards")
	}
	return *out.Cards, nil
}

// Accounts lists the accounts at the bank.
func (a *adapter) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	list, err := a.api.accounts(ctx, opAccounts, req.Connection, req.Answers)
	if err != nil {
		return bankmux.AccountsResult{}, err
	}
	var res bankmux.AccountsResult
	wanted := map[string]bool{}
	for _, id := range req.Accounts {
		wanted[id] = true
	}
	for _, acc := range list {
		if acc.ID == "" {
			res.Failed = append(res.Failed, bankmux.Failure{Err: normalize.Unreadable("an account without id")})
			continue
		}
		if len(req.Accounts) > 0 && !wanted[acc.ID] {
			continue
		}
		delete(wanted, acc.ID)
		res.Accounts = append(res.Accounts, acc.account())
	}
	for _, id := range req.Accounts {
		if wanted[id] {
			res.Failed = append(res.Failed, bankmux.Failure{Account: id, Err: &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "the connection has no such account"}})
		}
	}
	return res, nil
}

// account is an account in the model.
func (acc account) account() bankmux.Account {
	return bankmux.Account{
		ID: acc.ID, Kind: normalize.DapiAccountKind(acc.Type), ProviderKind: acc.Type, Name: acc.Name,
		Number: acc.Number, IBAN: acc.IBAN, Currency: normalize.CurrencyCode(acc.Currency.Code),
	}
}

// Balances reads the balance of one account or card.
func (a *adapter) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	if len(req.Accounts)+len(req.Cards) != 1 {
		return bankmux.BalancesResult{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "BalancesRequest", Detail: "names not exactly one account or card", NotSent: true}
	}
	one := bankmux.AccountBalances{Card: len(req.Cards) == 1}
	body := dataBody{}
	if one.Card {
		one.Account, body.CardID = req.Cards[0], req.Cards[0]
	} else {
		one.Account, body.AccountID = req.Accounts[0], req.Accounts[0]
	}
	b, err := a.api.balance(ctx, req.Connection, req.Answers, body)
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	kind := bankmux.AccountUnknown
	for _, known := range req.Known {
		if known.ID == one.Account {
			kind = known.Kind
		}
	}
	var fault *bankmux.Error
	if one.Card {
		fault = b.card(&one, a.now())
	} else {
		fault = b.account(&one, kind, a.now())
	}
	if fault != nil {
		return bankmux.BalancesResult{Failed: []bankmux.Failure{{Account: one.Account, Err: fault}}}, nil //nolint:nilerr // it is told in Failed
	}
	return bankmux.BalancesResult{Balances: []bankmux.AccountBalances{one}}, nil
}

// account reads the balance of an account. No source says how Dapi signs a debt: what a loan is worth is taken for owed whatever its
// sign, what a credit account has for owed if positive.
func (b *balance) account(out *bankmux.AccountBalances, kind bankmux.AccountKind, at time.Time) *bankmux.Error {
	n := b.Amount
	switch kind {
	case bankmux.AccountLoan:
		n.Value = n.Value.Abs().Neg()
	case bankmux.AccountCreditCard:
		n.Value = n.Value.Neg()
	}
	return b.add(out, bankmux.BalanceBooked, n, at)
}

// card reads the balances of a card: what is outstanding or due is owed.
func (b *balance) card(out *bankmux.AccountBalances, at time.Time) *bankmux.Error {
	outstanding, due := b.Outstanding, b.AmountDue
	outstanding.Value, due.Value = outstanding.Value.Neg(), due.Value.Neg()
	out.Due, _ = normalize.Day(b.DueDate)
	for kind, n := range map[bankmux.BalanceKind]wire.Number{
		bankmux.BalanceBooked: outstanding, bankmux.BalanceAvailable: b.Available, bankmux.BalanceDue: due,
	} {
		if fault := b.add(out, kind, n, at); fault != nil {
			return fault
		}
	}
	return nil
}

func (b *balance) add(out *bankmux.AccountBalances, kind bankmux.BalanceKind, n wire.Number, at time.Time) *bankmux.Error {
	m, fault := money(n, b.Currency)
	if fault == nil && !m.IsZero() {
		out.Balances = append(out.Balances, bankmux.Balance{Kind: kind, Money: m, AsOf: at})
	}
	return fault
}

// money makes money of a number that was read; none stays none.
func money(n wire.Number, c currency) (bankmux.Money, *bankmux.Error) {
	switch {
	case n.Absent():
		return bankmux.Money{}, nil
	case n.Bad():
		return bankmux.Money{}, normalize.Unreadable("an amount that cannot be read exactly")
	}
	return normalize.Amount(n.Value, c.Code)
}

// AccountNumbers reads the numbers that come with the accounts. The BIC is that of the connection's bank.
func (a *adapter) AccountNumbers(ctx context.Context, req bankmux.AccountNumbersRequest) (bankmux.AccountNumbersResult, error) {
	list, err := a.api.accounts(ctx, opNumbers, req.Connection, req.Answers)
	if err != nil {
		return bankmux.AccountNumbersResult{}, err
	}
	var res bankmux.AccountNumbersResult
	for _, acc := range list {
		one := bankmux.AccountNumbers{Account: acc.ID}
		if acc.IBAN != "" {
			one.Numbers = append(one.Numbers, bankmux.AccountNumber{Scheme: bankmux.SchemeIBAN, IBAN: acc.IBAN, BIC: req.Connection.Institution.BIC})
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

// Identity reads the one person Dapi knows of a connection; the bank does not say of which account.
func (a *adapter) Identity(ctx context.Context, req bankmux.IdentityRequest) (bankmux.IdentityResult, error) {
	out, err := a.api.identity(ctx, req.Connection, req.Answers)
	if err != nil {
		return bankmux.IdentityResult{}, err
	}
	who := out.Identity
	owner := bankmux.Owner{Nationality: who.Nationality}
	owner.BirthDate, _ = normalize.Day(who.DateOfBirth)
	if who.Name != "" {
		owner.Names = []string{who.Name}
	}
	if who.EmailAddress != "" {
		owner.Emails = []bankmux.Email{{Address: who.EmailAddress}}
	}
	for _, n := range who.Numbers {
		owner.Phones = append(owner.Phones, bankmux.Phone{Number: n.Value, Kind: n.Type})
	}
	for _, d := range append(who.Identification, who.Identifications...) {
		owner.Documents = append(owner.Documents, bankmux.Document{Kind: d.Type, Number: d.Value})
	}
	if at := who.Address; at != nil {
		owner.Addresses = []bankmux.Address{{
			Full: at.Full, Building: at.Building, Flat: at.Flat, Area: at.Area, POBox: at.POBox,
			City: at.City, Region: at.State, Country: at.Country,
		}}
	}
	return bankmux.IdentityResult{Owners: []bankmux.Owner{owner}}, nil
}

// Cards lists the cards at the bank.
func (a *adapter) Cards(ctx context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	list, err := a.api.cards(ctx, req.Connection, req.Answers)
	if err != nil {
		return bankmux.CardsResult{}, err
	}
	var res bankmux.CardsResult
	for _, c := range list {
		limit, fault := money(c.CreditLimit, c.Currency)
		if c.ID == "" {
			fault = normalize.Unreadable("a card without id")
		}
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{Account: c.ID, Err: fault})
			continue
		}
		one := bankmux.Card{
			ID: c.ID, Name: c.Name, Number: c.CardNumber, Kind: c.Type, Status: c.Status,
			Limit: limit, Currency: normalize.CurrencyCode(c.Currency.Code),
		}
		one.Expires, _ = normalize.Day(c.ExpiryDate)
		res.Cards = append(res.Cards, one)
	}
	return res, nil
}
