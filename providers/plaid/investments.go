package plaid

// This file reads holdings and investment transactions.

import (
	"cmp"
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// noInvestments is Plaid's error for a connection without an investment account, which has nothing
// to read.
const noInvestments = "NO_INVESTMENT_ACCOUNTS"

// Holdings reads the positions.
func (a *adapter) Holdings(
	ctx context.Context, req bankmux.HoldingsRequest,
) (res bankmux.HoldingsResult, err error) {
	out, err := readItem[holdingsResponse](ctx, a.api, endpoints.holdings, req.Connection.Credential())
	if hasCode(err, noInvestments) {
		return res, nil
	}
	if err != nil {
		return res, err
	}
	_, chosen := out.choose(req.Accounts)
	res.Failed = slices.Concat(chosen.Failed, out.Holdings.Failures(""))
	for i := range out.Holdings.Rows {
		h := &out.Holdings.Rows[i]
		if !isAsked(req.Accounts, h.AccountID) {
			continue
		}
		one, given, fault := h.holding()
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{
				Account: h.AccountID, Transaction: wire.RowName(h.SecurityID, out.Holdings.Place(i)), Err: fault,
			})
		}
		if given {
			res.Holdings = append(res.Holdings, one)
		}
	}
	var failed []bankmux.Failure
	res.Securities, failed = securities(&out.Securities)
	res.Failed = append(res.Failed, failed...)
	return res, nil
}

// holding returns the position in the model and what cannot be read of it. The result given says
// that an account and a quantity are left, which is enough to return the position.
func (h *holding) holding() (one bankmux.Holding, given bool, fault *bankmux.Error) {
	read := amounts{currency: h.code()}
	one = bankmux.Holding{
		Account: h.AccountID, Security: h.SecurityID, Quantity: read.decimal(h.Quantity),
		Price: read.money(h.Price), Value: read.money(h.Value), CostBasis: read.money(h.CostBasis),
	}
	one.PriceAsOf, _ = normalize.Timestamp(cmp.Or(h.PriceTime, h.PriceDay))
	switch {
	case h.AccountID == "":
		return one, false, normalize.Unreadable("a position without account")
	case h.Quantity.Absent():
		return one, false, normalize.Unreadable("a position without quantity")
	}
	return one, h.Quantity.Present(), read.fault
}

// securities returns all securities of the list. Parts that cannot be read are absent.
func securities(list *wire.List[security]) (all []bankmux.Security, failed []bankmux.Failure) {
	failed = list.Failures("")
	for i := range list.Rows {
		s := &list.Rows[i]
		read := amounts{currency: s.code()}
		all = append(all, bankmux.Security{
			ID: s.SecurityID, Name: s.Name, Kind: s.Type, Currency: normalize.CurrencyCode(s.code()),
			Ticker: s.Ticker, ISIN: s.ISIN, SEDOL: s.SEDOL, CUSIP: s.CUSIP, MIC: s.Market,
			ClosePrice: read.money(s.ClosePrice), CloseDate: read.day(s.CloseDay, "a closing day"),
		})
		if read.fault != nil {
			failed = append(failed, bankmux.Failure{
				Transaction: wire.RowName(s.SecurityID, list.Place(i)), Err: read.fault,
			})
		}
	}
	return all, failed
}

// InvestmentTransactionPage reads a page, newest first.
func (a *adapter) InvestmentTransactionPage(
	ctx context.Context, req bankmux.InvestmentTransactionsRequest,
) (page bankmux.InvestmentTransactionPage, err error) {
	mark, err := parseMark(req.Page, "InvestmentTransactionsRequest.Page")
	if err != nil {
		return page, err
	}
	from, to := req.Days(a.today())
	if to.Before(from) {
		return page, nil
	}
	body := mark.request(req.Connection, from, to, req.PageSize)
	body.Options.Async = true
	var out investmentsResponse
	ids, failed, err := a.onKnown(ctx, req.Connection, req.Accounts, func(ids []string) error {
		body.Options.Accounts, out = ids, investmentsResponse{}
		return a.api.do(ctx, endpoints.investments, body, &out)
	})
	if hasCode(err, noInvestments) {
		return page, nil
	}
	if err != nil {
		return page, err
	}
	if mark.first() {
		page.Failed = failed
	}
	if len(req.Accounts) > 0 && len(ids) == 0 {
		return page, nil
	}
	page.Failed = append(page.Failed, out.Transactions.Failures("")...)
	first, last := req.Limits(a.today())
	for i := range out.Transactions.Rows {
		t, given, fault := out.Transactions.Rows[i].transaction()
		if !isAsked(ids, t.Account) || !t.Date.IsZero() && (t.Date.Before(first) || t.Date.After(last)) {
			page.Outside++
			continue
		}
		if fault != nil {
			page.Failed = append(page.Failed, bankmux.Failure{
				Account: t.Account, Transaction: wire.RowName(t.ID, out.Transactions.Place(i)), Err: fault,
			})
		}
		if given {
			page.Transactions = append(page.Transactions, t)
		}
	}
	page.Securities, failed = securities(&out.Securities)
	page.Failed = append(page.Failed, failed...)
	page.Next, err = mark.next(out.Transactions.Len(), *out.Total.Value)
	return page, err
}

// transaction returns the row in the model and what cannot be read of it. The result given says
// that an id, an account, a day and an amount are left, which is enough to return the row. Plaid
// writes money out of the account, and fees, as positive numbers.
func (w *investment) transaction() (t bankmux.InvestmentTransaction, given bool, fault *bankmux.Error) {
	read := amounts{currency: w.code()}
	t = bankmux.InvestmentTransaction{
		ID: w.ID, Account: w.AccountID, Security: w.SecurityID, Kind: w.Type, ProviderKind: w.Type, Description: w.Name,
		Amount: negative(read.money(w.Amount)), Fees: negative(read.money(w.Fees)), Price: read.money(w.Price),
		Quantity: read.decimal(w.Quantity),
	}
	if w.Subtype != "" {
		t.ProviderKind += "." + w.Subtype
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
