package virtualbank

import (
	"net/http"
	"slices"
	"strconv"
)

// The two securities that every investment account holds.
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

func (l *link) invested(c *call) []*account {
	return slices.DeleteFunc(l.wanted(c), func(a *account) bool { return a.kind.moneykit != kindInvestment.moneykit })
}

func (b *mkProvider) mkHoldings(c *call) reply {
	return b.mkWithData(c, "investments", func(l *link) reply {
		holdings, securities := []map[string]any{}, []map[string]any{}
		at := l.products["investments"].refreshed
		list := l.invested(c)
		for _, a := range list {
			if at.IsZero() {
				break
			}
			securities = securitiesOf(a.currency)
			holdings = append(
				holdings,
				map[string]any{
					"account_id":     l.accountID(a),
					"security_id":    securities[0]["security_id"],
					"quantity":       "100.5",
					"price":          "101.2500",
					"price_datetime": mkTime(at),
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
		return reply{
			status: http.StatusOK,
			body: map[string]any{
				"holdings":   holdings,
				"securities": securities,
				"accounts":   l.accountList(list),
				"link":       l.wire(),
			},
		}
	})
}

// mkInvestments serves a purchase, with a fee, and a dividend a month. Money out of the account is
// positive here.
func (b *mkProvider) mkInvestments(c *call) reply {
	q, refusal, ok := readPages(c.r.URL.Query(), dayOf(b.Now()))
	if !ok {
		return refusal
	}
	return b.mkWithData(c, "investments", func(l *link) reply {
		q = l.ignores(q)
		list, securities := []map[string]any{}, []map[string]any{}
		at := l.products["investments"].refreshed
		accounts := l.invested(c)
		for _, a := range accounts {
			if at.IsZero() {
				break
			}
			securities = securitiesOf(a.currency)
			for d := dayOf(at); d > b.ledgerBegins(); d-- {
				add := func(kind, amount, text string, price, quantity, fees any) {
					list = append(list, map[string]any{
						"investment_transaction_id": "it_" + b.name58(
							22,
							l.id,
							a.key,
							strconv.Itoa(int(d)),
							kind,
						),
						"account_id":  l.accountID(a),
						"amount":      amount,
						"date":        d.String(),
						"datetime":    nil,
						"description": text,
						"type":        kind,
						"fees":        fees,
						"forex_rate":  nil,
						"price":       price,
						"quantity":    quantity,
						"security_id": securities[0]["security_id"],
					})
				}
				if int(d) < q.from || int(d) > q.to {
					continue
				}
				switch d.time().Day() {
				case 15:
					add("cash.dividend", "-12.40", "Dividend", nil, nil, nil)
				case 3:
					add("buy", "101.25", "Bought World Equity ETF", "100.25", "1", "1.00")
				}
			}
		}
		page := pageOf(list, q)
		return reply{status: http.StatusOK, body: map[string]any{
			"total": len(
				list,
			),
			"page":                    q.page,
			"size":                    len(page),
			"investment_transactions": page,
			"securities":              securities,
			"accounts":                l.accountList(accounts),
			"link":                    l.wire(),
		}}
	})
}
