package plaid

// This file serves holdings and investment transactions.

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The one security that every investment account holds beside cash: its price, and how much of it.
const (
	sharePrice = 10125 // minor units
	shares     = 40
)

// cashOf is the cash of an account that is worth so much: what the shares leave of it.
func cashOf(worth int64, currency string) int64 {
	return worth - shares*sharePrice*bank.UnitOf(currency)/100
}

// The ids of the securities, the same for every Item.
const (
	shareID = "JDdP7XPMklt5vwPmDN45t3KAoWAPmjtpaW7DP"
	cashID  = "d6ePmbPxgWCWmMVv66q9iPV94n91vMtov5Are"
)

// securities are those that an account holds.
func securities(currency string, today bank.Day) []map[string]any {
	iso, unofficial := currencyPair(currency)
	security := func(own map[string]any) map[string]any {
		all := map[string]any{
			"subtype": nil, "close_price_as_of": today.String(), "update_datetime": nil,
			"iso_currency_code": iso, "unofficial_currency_code": unofficial, "isin": nil, "cusip": nil, "sedol": nil,
			"institution_security_id": nil, "institution_id": nil, "proxy_security_id": nil,
			"market_identifier_code": nil, "sector": nil, "industry": nil, "cfi_code": nil, "option_contract": nil,
			"fixed_income": nil,
		}
		maps.Copy(all, own)
		return all
	}
	return []map[string]any{
		security(map[string]any{
			"security_id": shareID, "name": "World Equity ETF", "type": "etf", "is_cash_equivalent": false,
			"ticker_symbol": "WRLD", "close_price": json.RawMessage("101.25"),
		}),
		security(map[string]any{
			"security_id": cashID, "name": "Cash", "type": "cash", "is_cash_equivalent": true, "ticker_symbol": nil,
			"close_price": json.RawMessage("1"),
		}),
	}
}

// invested are the investment accounts of some.
func invested(list []*bank.Account) []*bank.Account {
	return slices.DeleteFunc(slices.Clone(list), func(a *bank.Account) bool {
		kind, _ := kindOf(a)
		return kind != "investment"
	})
}

// withMargin are accounts as calls about investments have them: with the loan on margin.
func (it *item) withMargin(list []*bank.Account) []map[string]any {
	out := []map[string]any{}
	for _, a := range list {
		body, held := it.accountBody(a, it.cachedAt()), it.balances(a, it.cachedAt())
		held.Margin = json.RawMessage("null")
		body["balances"] = held
		out = append(out, body)
	}
	return out
}

// refuseInvestments answers for an Item without investment accounts.
func refuseInvestments() bank.Reply {
	return refuse(noInvestments, "There are no valid investment account(s) associated with this Item")
}

// serveHoldings serves shares and cash, which make up the balance of the account.
func (b *Provider) serveHoldings(r request) bank.Reply {
	return r.read("investments", func(it *item, list []*bank.Account) bank.Reply {
		if len(invested(it.accounts())) == 0 {
			return refuseInvestments()
		}
		holdings, known := []map[string]any{}, []map[string]any{}
		today := bank.DayOf(it.investedAt)
		for _, a := range invested(list) {
			worth, _ := it.book.State(a, it.investedAt)
			cash := cashOf(worth, a.Currency)
			iso, unofficial := currencyPair(a.Currency)
			holding := func(id string, quantity, price, value, basis any) {
				holdings = append(holdings, map[string]any{
					"account_id": it.AccountID(a), "security_id": id, "quantity": quantity, "institution_price": price,
					"institution_value": value, "cost_basis": basis, "institution_price_as_of": today.String(),
					"institution_price_datetime": nil, "iso_currency_code": iso, "unofficial_currency_code": unofficial,
					"vested_quantity": nil, "vested_value": nil,
				})
			}
			price, paid := json.RawMessage("101.25"), json.RawMessage("3800.5")
			holding(shareID, shares, price, bank.Number(worth-cash, a.Currency), paid)
			holding(cashID, bank.Number(cash, a.Currency), 1, bank.Number(cash, a.Currency), nil)
			known = securities(a.Currency, today)
		}
		return ok(map[string]any{
			"accounts": it.withMargin(list), "holdings": holdings, "securities": known, "item": it.body(),
			"is_investments_fallback_item": false,
		})
	})
}

// serveInvestments serves a purchase, with a fee, and a dividend a month, the newest first. Money
// out of the account is positive.
func (b *Provider) serveInvestments(r request) bank.Reply {
	access, ids, options := r.selection()
	from := r.day("start_date")
	to := r.day("end_date")
	count := options.integer("count", false, 100, 1, 500)
	offset := options.integer("offset", false, 0, 0, 1<<30)
	async, _ := options.flag("async_update")
	if from > to {
		r.invalid("start_date", "must not be after end_date")
	}
	return r.reading(access, ids, "investments", func(it *item, list []*bank.Account) bank.Reply {
		if len(invested(it.accounts())) == 0 {
			return refuseInvestments()
		}
		fresh := b.Now().Before(it.investedFrom)
		if r.call.Fault == faultNotReady || (async && fresh) {
			return refuse(notReady, "the requested product is not yet ready")
		}
		rows, known := []map[string]any{}, []map[string]any{}
		today := bank.DayOf(it.investedAt)
		first := max(from, today-maxDays, b.LedgerStart())
		for d := min(to, today); d >= first; d-- {
			for _, a := range invested(list) {
				known = securities(a.Currency, today)
				rows = append(rows, it.investmentsOn(d, a)...)
			}
		}
		page := rows[min(offset, len(rows)):min(offset+count, len(rows))]
		return ok(map[string]any{
			"accounts": it.withMargin(list), "investment_transactions": page, "securities": known, "item": it.body(),
			"total_investment_transactions": len(rows), "is_investments_fallback_item": false,
		})
	})
}

// investmentsOn is what happens in an investment account on a day.
func (it *item) investmentsOn(d bank.Day, a *bank.Account) []map[string]any {
	iso, unofficial := currencyPair(a.Currency)
	row := map[string]any{
		"account_id": it.AccountID(a), "date": d.String(), "iso_currency_code": iso, "transaction_datetime": nil,
		"unofficial_currency_code": unofficial, "cancel_transaction_id": nil,
	}
	switch d.Time().Day() {
	case 15:
		row["name"], row["type"], row["subtype"] = "Dividend", "cash", "dividend"
		row["security_id"], row["amount"], row["fees"] = shareID, json.RawMessage("-12.4"), nil
		row["price"], row["quantity"] = 0, 0
	case 3:
		row["name"], row["type"], row["subtype"] = "Bought World Equity ETF", "buy", "buy"
		row["security_id"], row["amount"], row["fees"] = shareID, json.RawMessage("101.25"), 1
		row["price"], row["quantity"] = json.RawMessage("100.25"), 1
	default:
		return nil
	}
	row["investment_transaction_id"] = it.bank.Name58(37, it.id, a.Key, "investment", strconv.Itoa(int(d)))
	return []map[string]any{row}
}

// looksEvery is how often Plaid looks at investments and liabilities.
const looksEvery = 24 * time.Hour

// settleProducts lets Plaid look at investments and liabilities once a day, and announces that
// there may be something new.
func (it *item) settleProducts(now time.Time) {
	passed := now.Sub(it.investedAt).Truncate(looksEvery)
	if it.connected.IsZero() || it.err.name != "" || passed <= 0 || it.bank.Outages[it.institution.Name] {
		return
	}
	before := bank.DayOf(it.investedAt)
	it.investedAt = it.investedAt.Add(passed)
	it.announceProducts(it.investedAt, before)
}

// announceProducts announces a look at investments and liabilities. before is the day of the last
// one.
func (it *item) announceProducts(at time.Time, before bank.Day) {
	if slices.Contains(it.products, "investments") && len(invested(it.accounts())) > 0 {
		accounts := invested(it.accounts())
		held := len(accounts) * len(securities("", 0))
		it.announce(at, "HOLDINGS", "DEFAULT_UPDATE", map[string]any{"updated_holdings": held})
		added := 0
		for d := before + 1; d <= bank.DayOf(at); d++ {
			for _, a := range accounts {
				added += len(it.investmentsOn(d, a))
			}
		}
		if added > 0 {
			it.announce(at, "INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE",
				map[string]any{"new_investments_transactions": added})
		}
	}
	if slices.Contains(it.products, "liabilities") {
		updated := map[string]any{}
		for _, a := range it.accounts() {
			if _, subtype := kindOf(a); subtype == "credit card" {
				updated[it.AccountID(a)] = []string{"balance_subject_to_apr"}
			}
		}
		it.announce(at, "LIABILITIES", "DEFAULT_UPDATE",
			map[string]any{"account_ids_with_updated_liabilities": updated})
	}
}

func (b *Provider) refreshInvestments(r request) bank.Reply {
	it, p, found := r.dataOf(r.text("access_token", true, false), "")
	switch {
	case !found:
		return p
	case !slices.Contains(it.products, "investments"):
		return refuse(notSupported, "the Item does not have the product investments")
	}
	if p, down := it.unreachable(); down {
		return p
	}
	before := bank.DayOf(it.investedAt)
	it.investedAt = b.Now()
	it.announceProducts(it.investedAt, before)
	return ok(map[string]any{})
}
