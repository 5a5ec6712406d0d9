package plaid

// This file reads holdings and investment transactions.

import (
	"cmp"
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/paging"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// noInvestments is Plaid's error for a connection without an investment account, which has nothing
// to read.
const noInvestments = "NO_INVESTMENT_ACCOUNTS"

// Holdings reads the positions.
func (a *adapter) Holdings(ctx context.Context, req bankmux.HoldingsRequest) (res bankmux.HoldingsResult, err error) {
	out, err := investmentsHoldingsGet.ofItem(ctx, a.api, &req.Connection)
	if err != nil {
		return res, normalize.Except(err, noInvestments)
	}
	_, chosen := out.choose(req.Accounts)
	res.Failed = chosen.Failed
	wire.CollectHoldings(&res, &out.Holdings, req.Accounts, (*holding).read)
	var failed []bankmux.Failure
	res.Securities, failed = wire.Collect(&out.Securities, (*security).read)
	res.Failed = append(res.Failed, failed...)
	return res, nil
}

// read returns the position in the model.
func (h *holding) read() wire.Read[bankmux.Holding] {
	read := wire.Values{Currency: h.code()}
	row := bankmux.Holding{
		Account: h.AccountID, Security: h.SecurityID, Quantity: read.Decimal(h.Quantity),
		Price: read.Money(h.Price), Value: read.Money(h.Value), CostBasis: read.Money(h.CostBasis),
	}
	row.PriceAsOf, _ = normalize.Timestamp(cmp.Or(h.PriceTime, h.PriceDay))
	return read.Holding(row, h.Quantity)
}

// read returns the security in the model. Parts that cannot be read are absent.
func (s *security) read() wire.Read[bankmux.Security] {
	read := wire.Values{Currency: s.code()}
	one := bankmux.Security{
		ID: s.SecurityID, Name: s.Name, Kind: s.Type, Currency: normalize.CurrencyCode(s.code()),
		Ticker: s.Ticker, ISIN: s.ISIN, SEDOL: s.SEDOL, CUSIP: s.CUSIP, MIC: s.Market,
		ClosePrice: read.Money(s.ClosePrice), CloseDate: read.Day(s.CloseDay, "a closing day"),
	}
	return wire.Read[bankmux.Security]{Row: one, Given: true, ID: s.SecurityID, Fault: read.Fault}
}

// InvestmentTransactionPage reads a page, newest first.
func (a *adapter) InvestmentTransactionPage(
	ctx context.Context, req bankmux.InvestmentTransactionsRequest,
) (page bankmux.InvestmentTransactionPage, err error) {
	mark, err := paging.ParseOffset(req.Page, "InvestmentTransactionsRequest.Page")
	if err != nil {
		return page, err
	}
	from, to := req.Days(a.today())
	if to.Before(from) {
		return page, nil
	}
	body := listRequest(mark, req.Connection, from, to, req.PageSize)
	body.Options.Async = true
	var out investmentsResponse
	ids, failed, err := a.onKnown(ctx, req.Connection, req.Accounts, func(ids []string) error {
		body.Options.Accounts, out = ids, investmentsResponse{}
		return investmentsTransactionsGet.into(ctx, a.api, body, &out)
	})
	if mark.First() {
		page.Failed = failed
	}
	if err != nil || out.Total.Value == nil { // there is nothing to read
		return page, normalize.Except(err, noInvestments)
	}
	req.Accounts = ids
	wire.CollectInvestments(&page, &out.Transactions, &req, a.today(), (*investment).read)
	page.Securities, failed = wire.Collect(&out.Securities, (*security).read)
	page.Failed = append(page.Failed, failed...)
	page.Next, err = mark.Next(out.Transactions.Len(), *out.Total.Value)
	return page, err
}

// read returns the row in the model. Plaid writes money out of the account, and fees, as positive
// numbers.
func (w *investment) read() wire.Read[bankmux.InvestmentTransaction] {
	read := wire.Values{Currency: w.code()}
	row := bankmux.InvestmentTransaction{
		ID: w.ID, Account: w.AccountID, Security: w.SecurityID, Kind: w.Type, ProviderKind: w.Type, Description: w.Name,
		Amount: read.Owed(w.Amount), Fees: read.Owed(w.Fees), Price: read.Money(w.Price),
		Quantity: read.Decimal(w.Quantity),
	}
	if w.Subtype != "" {
		row.ProviderKind += "." + w.Subtype
	}
	row.At, _ = normalize.Timestamp(w.Datetime)
	return read.InvestmentTransaction(row, w.Date, w.Amount)
}
