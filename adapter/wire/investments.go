package wire

// This file decides which positions and investment transactions are returned.

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Holding returns a position whose values v has read. An account and a quantity are enough for it.
// quantity is what its Quantity was read from.
func (v *Values) Holding(row bankmux.Holding, quantity Number) Read[bankmux.Holding] {
	one := Read[bankmux.Holding]{Row: row, Account: row.Account, ID: row.Security, Fault: v.Fault}
	switch {
	case row.Account == "":
		one.Fault = normalize.Unreadable("a position without account")
	case quantity.Absent():
		one.Fault = normalize.Unreadable("a position without quantity")
	default:
		one.Given = quantity.Present()
	}
	return one
}

// CollectHoldings adds the positions of a list, and leaves out those of accounts that the request
// does not ask for.
func CollectHoldings[T any](
	res *bankmux.HoldingsResult, l *List[T], ids []string, read func(row *T) Read[bankmux.Holding],
) {
	rows, failed := Collect(l, func(row *T) Read[bankmux.Holding] {
		one := read(row)
		if !normalize.IsAsked(ids, one.Account) {
			return Read[bankmux.Holding]{}
		}
		return one
	})
	res.Holdings = append(res.Holdings, rows...)
	res.Failed = append(res.Failed, failed...)
}

// InvestmentTransaction returns a row whose values v has read, and reads its day. An id, an
// account, a day and an amount are enough for it. amount is what its Amount was read from.
func (v *Values) InvestmentTransaction(
	row bankmux.InvestmentTransaction, day string, amount Number,
) Read[bankmux.InvestmentTransaction] {
	one := Read[bankmux.InvestmentTransaction]{Row: row, Account: row.Account, ID: row.ID}
	var fault *bankmux.Error
	one.Row.Date, fault = normalize.RowDay(day)
	switch {
	case row.ID == "" || row.Account == "":
		one.Fault = normalize.Unreadable("an investment transaction without id or account")
	case fault != nil:
		one.Fault = fault
	case amount.Absent():
		one.Fault = normalize.Unreadable("an investment transaction without amount")
	default:
		one.Given, one.Fault = !row.Amount.IsZero(), v.Fault
	}
	return one
}

// CollectInvestments adds the rows of a list to a page. It leaves out rows of accounts or days that
// the request does not ask for, and counts them in Outside.
func CollectInvestments[T any](
	page *bankmux.InvestmentTransactionPage, l *List[T],
	req *bankmux.InvestmentTransactionsRequest, today bankmux.Date,
	read func(row *T) Read[bankmux.InvestmentTransaction],
) {
	first, last := req.Limits(today)
	rows, failed := Collect(l, func(row *T) Read[bankmux.InvestmentTransaction] {
		one := read(row)
		day := one.Row.Date
		if !normalize.IsAsked(req.Accounts, one.Account) || !day.IsZero() && (day.Before(first) || day.After(last)) {
			page.Outside++
			return Read[bankmux.InvestmentTransaction]{}
		}
		return one
	})
	page.Transactions = append(page.Transactions, rows...)
	page.Failed = append(page.Failed, failed...)
}
