package moneykit

// This file reads holdings and investment transactions.

import (
	"context"
	"strings"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// currencies are the currencies of accounts. Amounts of investments are in the account's.
func currencies(list []account) map[string]string {
	all := make(map[string]string, len(list))
	for _, acc := range list {
		all[acc.AccountID] = acc.Balances.Currency
	}
	return all
}

// amounts reads several amounts of one row and remembers the first fault. An amount that cannot be
// read is absent.
type amounts struct {
	currency string
	fault    *bankmux.Error
}

func (a *amounts) money(n wire.Number) bankmux.Money {
	m, fault := number(n, n.Value, a.currency)
	if fault != nil && a.fault == nil {
		a.fault = fault
	}
	return m
}

func (a *amounts) decimal(n wire.Number) decimal.Decimal {
	if n.Bad() && a.fault == nil {
		a.fault = normalize.Unreadable("a number that cannot be read exactly")
	}
	return n.Value
}

// Holdings reads the positions.
func (a *adapter) Holdings(ctx context.Context, req bankmux.HoldingsRequest) (bankmux.HoldingsResult, error) {
	out, err := a.api.holdings(ctx, req.Connection.Credential().Reveal(), req.Accounts)
	if err != nil {
		return bankmux.HoldingsResult{}, err
	}
	accounts, failed := named(&out.Accounts.List)
	res := bankmux.HoldingsResult{
		AsOf:   asOf(out.Link, out.product()),
		Failed: append(missing(req.Accounts, accounts), failed...),
	}
	res.Failed = append(res.Failed, out.Holdings.Failures("")...)
	currency := currencies(accounts)
	for i := range out.Holdings.Rows {
		h := &out.Holdings.Rows[i]
		if !isAsked(req.Accounts, h.AccountID) {
			continue
		}
		one, given, fault := h.holding(currency[h.AccountID])
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{
				Account:     h.AccountID,
				Transaction: wire.RowName(h.SecurityID, out.Holdings.Place(i)),
				Err:         fault,
			})
		}
		if given {
			res.Holdings = append(res.Holdings, one)
		}
	}
	res.Securities, failed = securities(&out.Securities.List)
	res.Failed = append(res.Failed, failed...)
	return res, nil
}

// holding returns the position in the model and what cannot be read of it. The result given says
// that an account and a quantity are left, which is enough to return the position.
func (h *holding) holding(currency string) (one bankmux.Holding, given bool, fault *bankmux.Error) {
	read := amounts{currency: currency}
	one = bankmux.Holding{
		Account: h.AccountID, Security: h.SecurityID, Quantity: read.decimal(h.Quantity),
		Price: read.money(h.Price), Value: read.money(h.Value), CostBasis: read.money(h.CostBasis),
	}
	one.PriceAsOf, _ = normalize.Timestamp(h.PriceDatetime)
	switch {
	case h.AccountID == "":
		return one, false, normalize.Unreadable("a position without account")
	case h.Quantity.Absent():
		return one, false, normalize.Unreadable("a position without quantity")
	}
	return one, !h.Quantity.Bad(), read.fault
}

// securities returns all securities of the list. Parts that cannot be read are absent.
func securities(list *wire.List[security]) (all []bankmux.Security, failed []bankmux.Failure) {
	failed = list.Failures("")
	for i := range list.Rows {
		s := &list.Rows[i]
		read := amounts{currency: s.Currency}
		one := bankmux.Security{
			ID: s.SecurityID, Name: s.Name, Kind: s.Type, Currency: normalize.CurrencyCode(s.Currency),
			Ticker: s.Ticker, ISIN: s.ISIN, SEDOL: s.SEDOL, ClosePrice: read.money(s.ClosePrice),
		}
		var fault *bankmux.Error
		if one.CloseDate, fault = normalize.OptionalDay(s.CloseDate, "a closing day"); fault != nil {
			read.fault = fault
		}
		if read.fault != nil {
			failed = append(failed, bankmux.Failure{
				Transaction: wire.RowName(s.SecurityID, list.Place(i)), Err: read.fault,
			})
		}
		all = append(all, one)
	}
	return all, failed
}

// InvestmentTransactionPage reads a page, newest first.
func (a *adapter) InvestmentTransactionPage(
	ctx context.Context,
	req bankmux.InvestmentTransactionsRequest,
) (bankmux.InvestmentTransactionPage, error) {
	mark, err := parseMark(req.Page, "InvestmentTransactionsRequest.Page")
	if err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	from, to := req.Days(a.today())
	size := sizeOr(req.PageSize)
	query := window(req.Accounts, from, to, size, mark)
	out, err := a.api.investments(ctx, req.Connection.Credential().Reveal(), query)
	if err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	accounts, failed := named(&out.Accounts.List)
	page := bankmux.InvestmentTransactionPage{
		AsOf: asOf(out.Link, out.product()), Failed: append(out.Transactions.Failures(""), failed...),
	}
	first, last := req.Limits(a.today())
	currency := currencies(accounts)
	for i := range out.Transactions.Rows {
		w := &out.Transactions.Rows[i]
		t, given, fault := w.transaction(currency[w.AccountID])
		if !isAsked(req.Accounts, t.Account) || (!t.Date.IsZero() && (t.Date.Before(first) || t.Date.After(last))) {
			page.Outside++
			continue
		}
		if fault != nil {
			page.Failed = append(page.Failed, bankmux.Failure{
				Account:     t.Account,
				Transaction: wire.RowName(t.ID, out.Transactions.Place(i)),
				Err:         fault,
			})
		}
		if given {
			page.Transactions = append(page.Transactions, t)
		}
	}
	page.Securities, failed = securities(&out.Securities.List)
	page.Failed = append(page.Failed, failed...)
	page.Next, err = mark.next(out.Transactions.Len(), size, out.Total)
	return page, err
}

// transaction returns the row in the model and what cannot be read of it. The result given says
// that an id, an account, a day and an amount are left, which is enough to return the row. MoneyKit
// writes money out of the account, and fees, as positive numbers here.
func (w *investmentTransaction) transaction(
	currency string,
) (t bankmux.InvestmentTransaction, given bool, fault *bankmux.Error) {
	kind, _, _ := strings.Cut(w.Type, ".")
	read := amounts{currency: currency}
	t = bankmux.InvestmentTransaction{
		ID:           w.ID,
		Account:      w.AccountID,
		Security:     w.SecurityID,
		Kind:         kind,
		ProviderKind: w.Type,
		Description:  w.Description,
		Amount:       read.money(w.Amount).Neg(),
		Fees:         read.money(w.Fees).Neg(),
		Price:        read.money(w.Price),
		Quantity:     read.decimal(w.Quantity),
		ForexRate:    read.decimal(w.ForexRate),
	}
	t.At, _ = normalize.Timestamp(w.Datetime)
	if t.ID == "" || t.Account == "" {
		return t, false, normalize.Unreadable("an investment transaction without id or account")
	}
	if t.Date, fault = normalize.RowDay(w.Date); fault != nil {
		return t, false, fault
	}
	if w.Amount.Absent() {
		return t, false, normalize.Unreadable("an investment transaction without amount")
	}
	return t, !t.Amount.IsZero(), read.fault
}
