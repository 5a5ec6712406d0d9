package moneykit

// This file serves holdings and investment transactions.

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// securitiesOf returns the two securities that every investment account holds.
func securitiesOf(currency string) []map[string]any {
	return []map[string]any{
		{
			"security_id": "sec_4JtCx7UyGfEk2MrVpQ9bWn",
			"name":        "World Equity ETF",
			"type":        "etf",
			"currency":    currency,
			"ticker":      "WRLD",
			"isin":        "XS0000000001",
			"sedol":       nil,
			"close_price": "101.2500",
			"close_date":  "2026-11-20",
		},
		{
			"security_id": "sec_RzXhPd6NsBeK3vTq8YwLm2",
			"name":        "Cash",
			"type":        "cash",
			"currency":    currency,
			"ticker":      nil,
			"isin":        nil,
			"sedol":       nil,
			"close_price": nil,
			"close_date":  nil,
		},
	}
}

// invested returns the wanted investment accounts.
func (l *link) invested(c *bank.Call) []*bank.Account {
	return slices.DeleteFunc(l.wanted(c), func(a *bank.Account) bool {
		return a.Kind.MoneyKit != bank.KindInvestment.MoneyKit
	})
}

// serveHoldings serves the holdings of investment accounts.
func (b *Provider) serveHoldings(c *bank.Call) bank.Reply {
	return b.withData(c, "investments", func(l *link) bank.Reply {
		holdings, securities := []map[string]any{}, []map[string]any{}
		at := l.products["investments"].refreshed
		list := l.invested(c)
		for _, a := range list {
			if at.IsZero() {
				break
			}
			securities = securitiesOf(a.Currency)
			holdings = append(
				holdings,
				map[string]any{
					"account_id":     l.accountID(a),
					"security_id":    securities[0]["security_id"],
					"quantity":       "100.5",
					"price":          "101.2500",
					"price_datetime": timestamp(at),
					"value":          "10175.63",
					"cost_basis":     "9000.00",
				},
				map[string]any{
					"account_id":     l.accountID(a),
					"security_id":    securities[1]["security_id"],
					"quantity":       "1824.37",
					"price":          "1",
					"price_datetime": nil,
					"value":          "1824.37",
					"cost_basis":     nil,
				},
			)
		}
		return bank.Reply{
			Status: http.StatusOK,
			Body: map[string]any{
				"holdings":   holdings,
				"securities": securities,
				"accounts":   l.accountList(list),
				"link":       l.wire(),
			},
		}
	})
}

// serveInvestments serves one purchase with a fee and one dividend per month. Money out of the
// account is positive.
func (b *Provider) serveInvestments(c *bank.Call) bank.Reply {
	q, refusal, ok := readPages(c.Request.URL.Query(), bank.DayOf(b.Now()))
	if !ok {
		return refusal
	}
	return b.withData(c, "investments", func(l *link) bank.Reply {
		q = l.withoutDays(q)
		list, securities := []map[string]any{}, []map[string]any{}
		at := l.products["investments"].refreshed
		accounts := l.invested(c)
		for _, a := range accounts {
			if at.IsZero() {
				break
			}
			securities = securitiesOf(a.Currency)
			for d := bank.DayOf(at); d > b.LedgerStart(); d-- {
				if int(d) >= q.from && int(d) <= q.to {
					list = append(list, l.investmentsOn(d, a, securities[0]["security_id"])...)
				}
			}
		}
		page := pageOf(list, q)
		return bank.Reply{Status: http.StatusOK, Body: map[string]any{
			"total":                   len(list),
			"page":                    q.page,
			"size":                    len(page),
			"investment_transactions": page,
			"securities":              securities,
			"accounts":                l.accountList(accounts),
			"link":                    l.wire(),
		}}
	})
}

// investmentsOn returns the transactions of an investment account on a day.
func (l *link) investmentsOn(d bank.Day, a *bank.Account, security any) []map[string]any {
	row := map[string]any{
		"account_id":  l.accountID(a),
		"date":        d.String(),
		"datetime":    nil,
		"forex_rate":  nil,
		"security_id": security,
		"fees":        nil,
		"price":       nil,
		"quantity":    nil,
	}
	switch d.Time().Day() {
	case 15:
		row["type"], row["amount"], row["description"] = "cash.dividend", "-12.40", "Dividend"
	case 3:
		row["type"], row["amount"], row["description"] = "buy", "101.25", "Bought World Equity ETF"
		row["price"], row["quantity"], row["fees"] = "100.25", "1", "1.00"
	default:
		return nil
	}
	kind, _ := row["type"].(string)
	row["investment_transaction_id"] = "it_" + l.bank.Name58(22, l.id, a.Key, strconv.Itoa(int(d)), kind)
	return []map[string]any{row}
}
