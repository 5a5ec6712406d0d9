package moneykit

import (
	"context"
	"net/url"
	"strings"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wire"
	"github.com/bankmux/bankmux/normalize"
)

// The operations of this file, as errors name them.
const (
	opHoldings    = "Holdings"
	opInvestments = "InvestmentTransactions"
)

// holdings is GET /links/{id}/investments/holdings.
func (a *api) holdings(ctx context.Context, link string, ids []string) (holdingsAnswer, error) {
	var answer holdingsAnswer
	err := a.onLink(ctx, opHoldings, link, "/investments/holdings", filter(ids), &answer, "investments")
	return answer, err
}

// investments is GET /links/{id}/investments/transactions.
func (a *api) investments(ctx context.Context, link string, query url.Values) (investmentsAnswer, error) {
	var answer investmentsAnswer
	err := a.onLink(ctx, opInvestments, link, "/investments/transactions", query, &answer, "investments")
	return answer, err
}

// currencies are those of the accounts, in which MoneyKit's investment amounts are.
func currencies(list []account) map[string]string {
	all := make(map[string]string, len(list))
	for _, acc := range list {
		all[acc.AccountID] = acc.Balances.Currency
	}
	return all
}

// amounts reads several amounts of one row and remembers the first fault.
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
	answer, err := a.api.holdings(ctx, req.Connection.Credential().Reveal(), req.Accounts)
	if err != nil {
		return bankmux.HoldingsResult{}, err
	}
	res := bankmux.HoldingsResult{AsOf: asOf(answer.Link, "investments"), Failed: missing(req.Accounts, answer.Accounts)}
	currency := currencies(answer.Accounts)
	for i, h := range answer.Holdings {
		read := amounts{currency: currency[h.AccountID]}
		one := bankmux.Holding{
			Account: h.AccountID, Security: h.SecurityID, Quantity: read.decimal(h.Quantity),
			Price: read.money(h.Price), Value: read.money(h.Value), CostBasis: read.money(h.CostBasis),
		}
		one.PriceAsOf, _ = normalize.Timestamp(h.PriceDatetime)
		if read.fault == nil && h.Quantity.Absent() {
			read.fault = normalize.Unreadable("a position without quantity")
		}
		if read.fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{Account: h.AccountID, Transaction: rowName(h.SecurityID, i), Err: read.fault})
			continue
		}
		res.Holdings = append(res.Holdings, one)
	}
	var failed []bankmux.Failure
	res.Securities, failed = securities(answer.Securities)
	res.Failed = append(res.Failed, failed...)
	return res, nil
}

func securities(list []security) (all []bankmux.Security, failed []bankmux.Failure) {
	for i, s := range list {
		read := amounts{currency: s.Currency}
		one := bankmux.Security{
			ID: s.SecurityID, Name: s.Name, Kind: s.Type, Currency: normalize.CurrencyCode(s.Currency),
			Ticker: s.Ticker, ISIN: s.ISIN, SEDOL: s.SEDOL, ClosePrice: read.money(s.ClosePrice),
		}
		one.CloseDate, _ = normalize.Day(s.CloseDate)
		if read.fault != nil {
			failed = append(failed, bankmux.Failure{Transaction: rowName(s.SecurityID, i), Err: read.fault})
			one.ClosePrice = bankmux.Money{} // the security itself is known
		}
		all = append(all, one)
	}
	return all, failed
}

// InvestmentTransactionPage reads a page, newest first.
func (a *adapter) InvestmentTransactionPage(ctx context.Context, req bankmux.InvestmentTransactionsRequest) (bankmux.InvestmentTransactionPage, error) {
	mark, err := parseMark(req.Page, "InvestmentTransactionsRequest.Page")
	if err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	from, to := req.Days(a.today())
	size := sizeOr(req.PageSize)
	answer, err := a.api.investments(ctx, req.Connection.Credential().Reveal(), window(req.Accounts, from, to, size, mark))
	if err != nil {
		return bankmux.InvestmentTransactionPage{}, err
	}
	page := bankmux.InvestmentTransactionPage{AsOf: asOf(answer.Link, "investments")}
	first, last := req.Limits(a.today())
	currency := currencies(answer.Accounts)
	for i := range answer.Transactions {
		t, fault := investmentOf(&answer.Transactions[i], currency)
		if !t.Date.IsZero() && (t.Date.Before(first) || t.Date.After(last)) {
			page.Outside++
			continue
		}
		if fault != nil {
			page.Failed = append(page.Failed, bankmux.Failure{Account: t.Account, Transaction: rowName(t.ID, i), Err: fault})
			continue
		}
		page.Transactions = append(page.Transactions, t)
	}
	var failed []bankmux.Failure
	page.Securities, failed = securities(answer.Securities)
	page.Failed = append(page.Failed, failed...)
	page.Next, err = mark.next(len(answer.Transactions), size, answer.Total)
	return page, err
}

// investmentOf is a row in the model, or what is wrong with it. MoneyKit writes money out of the account as positive here, and charged
// fees too.
func investmentOf(w *investmentTransaction, currency map[string]string) (bankmux.InvestmentTransaction, *bankmux.Error) {
	kind, _, _ := strings.Cut(w.Type, ".")
	read := amounts{currency: currency[w.AccountID]}
	t := bankmux.InvestmentTransaction{
		ID: w.ID, Account: w.AccountID, Security: w.SecurityID, Kind: kind, ProviderKind: w.Type, Description: w.Description,
		Amount: read.money(w.Amount).Neg(), Fees: read.money(w.Fees).Neg(), Price: read.money(w.Price),
		Quantity: read.decimal(w.Quantity), ForexRate: read.decimal(w.ForexRate),
	}
	t.At, _ = normalize.Timestamp(w.Datetime)
	var ok bool
	switch t.Date, ok = normalize.Day(w.Date); {
	case t.ID == "" || t.Account == "":
		return t, normalize.Unreadable("an investment transaction without id or account")
	case !ok:
		return t, normalize.Unreadable("an investment transaction whose date cannot be read")
	case w.Amount.Absent():
		return t, normalize.Unreadable("an investment transaction without amount")
	}
	return t, read.fault
}
