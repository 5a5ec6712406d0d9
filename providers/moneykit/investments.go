package moneykit

// This file reads holdings and investment transactions.

import (
	"context"
	"slices"
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
	out, err := a.api.holdings(ctx, req.Connection.Credential().Reveal(), req.Accounts)
	if err != nil {
		return bankmux.HoldingsResult{}, err
	}
	accounts, failed := named(&out.Accounts.List)
	res := bankmux.HoldingsResult{
		AsOf:   asOf(out.Link, out.product()),
		Failed: append(missing(req.Accounts, accounts), failed...),
	}
	currency := currencies(accounts)
	var odd []bankmux.Failure
	res.Holdings, failed = wire.Collect(&out.Holdings, func(h *holding) wire.Read[bankmux.Holding] {
		if !normalize.IsAsked(req.Accounts, h.AccountID) {
			return wire.Read[bankmux.Holding]{}
		}
		return h.read(currency[h.AccountID])
	})
	res.Securities, odd = wire.Collect(&out.Securities.List, (*security).read)
	res.Failed = slices.Concat(res.Failed, failed, odd)
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
	size := sizeOr(req.PageSize)
	query := window(req.Accounts, from, to, size, mark)
	out, err := a.api.investments(ctx, req.Connection.Credential().Reveal(), query)
	if err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	accounts, failed := named(&out.Accounts.List)
	page := bankmux.InvestmentTransactionPage{
		AsOf: asOf(out.Link, out.product()), Failed: failed,
	}
	currency := currencies(accounts)
	read := func(w *investmentTransaction) wire.Read[bankmux.InvestmentTransaction] {
		return w.read(currency[w.AccountID])
	}
	wire.CollectInvestments(&page, &out.Transactions, &req, a.today(), read)
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
