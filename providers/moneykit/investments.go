package moneykit

// This file reads holdings and investment transactions.

import (
	"cmp"
	"context"
	"strings"

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

// Holdings reads the positions.
func (a *adapter) Holdings(ctx context.Context, req bankmux.HoldingsRequest) (bankmux.HoldingsResult, error) {
	var out holdingsResponse
	if err := dataOf(ctx, a.api, getHoldings, ofLink(&req.Connection, filter(req.Accounts)), &out); err != nil {
		return bankmux.HoldingsResult{}, err
	}
	accounts, chosen := choose(&out.Accounts.List, req.Accounts)
	res := bankmux.HoldingsResult{AsOf: asOf(out.Link, out.product()), Failed: chosen.Failed}
	currency := currencies(accounts)
	wire.CollectHoldings(&res, &out.Holdings, req.Accounts, func(h *holding) wire.Read[bankmux.Holding] {
		return h.read(currency[h.AccountID])
	})
	var failed []bankmux.Failure
	res.Securities, failed = wire.Collect(&out.Securities.List, (*security).read)
	res.Failed = append(res.Failed, failed...)
	return res, nil
}

// read returns the position in the model.
func (h *holding) read(currency string) wire.Read[bankmux.Holding] {
	read := wire.Values{Currency: currency}
	row := bankmux.Holding{
		Account: h.AccountID, Security: h.SecurityID, Quantity: read.Decimal(h.Quantity),
		Price: read.Money(h.Price), Value: read.Money(h.Value), CostBasis: read.Money(h.CostBasis),
	}
	row.PriceAsOf, _ = normalize.Timestamp(h.PriceDatetime)
	return read.Holding(row, h.Quantity)
}

// read returns the security in the model. Parts that cannot be read are absent.
func (s *security) read() wire.Read[bankmux.Security] {
	read := wire.Values{Currency: s.Currency}
	one := bankmux.Security{
		ID: s.SecurityID, Name: s.Name, Kind: s.Type, Currency: normalize.CurrencyCode(s.Currency),
		Ticker: s.Ticker, ISIN: s.ISIN, SEDOL: s.SEDOL,
		ClosePrice: read.Money(s.ClosePrice), CloseDate: read.Day(s.CloseDate, "a closing day"),
	}
	return wire.Read[bankmux.Security]{Row: one, Given: true, ID: s.SecurityID, Fault: read.Fault}
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
	size := min(cmp.Or(req.PageSize, pageSize), maxPageSize)
	query := window(req.Accounts, from, to, size, mark)
	var out investmentsResponse
	if err := dataOf(ctx, a.api, getInvestments, ofLink(&req.Connection, query), &out); err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	accounts, chosen := choose(&out.Accounts.List, nil)
	page := bankmux.InvestmentTransactionPage{AsOf: asOf(out.Link, out.product()), Failed: chosen.Failed}
	currency := currencies(accounts)
	read := func(w *investmentTransaction) wire.Read[bankmux.InvestmentTransaction] {
		return w.read(currency[w.AccountID])
	}
	wire.CollectInvestments(&page, &out.Transactions, &req, a.today(), read)
	var failed []bankmux.Failure
	page.Securities, failed = wire.Collect(&out.Securities.List, (*security).read)
	page.Failed = append(page.Failed, failed...)
	page.Next, err = mark.next(out.Transactions.Len(), size, out.Total)
	return page, err
}

// read returns the row in the model. MoneyKit writes money out of the account, and fees, as
// positive numbers here.
func (w *investmentTransaction) read(currency string) wire.Read[bankmux.InvestmentTransaction] {
	kind, _, _ := strings.Cut(w.Type, ".")
	read := wire.Values{Currency: currency}
	row := bankmux.InvestmentTransaction{
		ID:           w.ID,
		Account:      w.AccountID,
		Security:     w.SecurityID,
		Kind:         kind,
		ProviderKind: w.Type,
		Description:  w.Description,
		Amount:       read.Owed(w.Amount),
		Fees:         read.Owed(w.Fees),
		Price:        read.Money(w.Price),
		Quantity:     read.Decimal(w.Quantity),
		ForexRate:    read.Decimal(w.ForexRate),
	}
	row.At, _ = normalize.Timestamp(w.Datetime)
	return read.InvestmentTransaction(row, w.Date, w.Amount)
}
