package redirect

// This file reads transactions.

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/paging"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// TransactionPage returns one page of one account, newest first. Osprey's days are in UTC, and it
// counts rows. Where the list changed while it was read, no day is proved to be complete.
func (a *adapter) TransactionPage(ctx context.Context, r bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	var page bankmux.TransactionPage
	mark, err := paging.ParseOffset(r.Page, "TransactionsRequest.Page")
	if err != nil {
		return page, err
	}
	account, today := r.Accounts[0], bankmux.DateOf(a.now())
	from, to := r.Days(today)
	query := url.Values{
		"from": {from.String()}, "to": {to.String()},
		"limit": {strconv.Itoa(cmp.Or(r.PageSize, 100))}, "offset": {strconv.Itoa(mark.Start())},
	}
	out, err := getTransactions.fetchAs(ctx, a, &r.Connection, rest.Request{PathParams: byID(account), Query: query})
	if err != nil {
		return page, err
	}
	if page.Next, err = mark.Next(out.Transactions.Len(), *out.Total.Value); err != nil {
		return page, err
	}
	first, last := r.Limits(today)
	rows, failed := translate(&out.Transactions, account)
	page.Failed, page.Outside = failed, len(rows)
	page.Transactions = slices.DeleteFunc(rows, func(t bankmux.Transaction) bool {
		return t.Date.Before(first) || t.Date.After(last)
	})
	page.Outside -= len(page.Transactions)
	if page.Next == "" && !mark.Moved() {
		page.Covered = []bankmux.Covered{{Account: account, From: from, To: to}}
	}
	return page, nil
}

// translate translates rows. A row that names no account is of this account.
func translate(list *wire.List[movement], account string) (rows []bankmux.Transaction, failed []bankmux.Failure) {
	for i, m := range list.Rows {
		t, fault := m.transaction(account)
		if fault != nil {
			name := wire.RowName(t.ID, list.Place(i))
			failed = append(failed, bankmux.Failure{Account: t.Account, Transaction: name, Err: fault})
			continue
		}
		rows = append(rows, t)
	}
	return rows, append(failed, list.Failures(account)...)
}

func (m *movement) transaction(account string) (bankmux.Transaction, *bankmux.Error) {
	t := bankmux.Transaction{
		ID: string(m.ID), Account: cmp.Or(string(m.Account), account), Replaces: string(m.PendingID),
		Status: m.Pending.Status(), Description: m.Text, RawDescription: m.Text, Counterparty: m.Counterparty,
	}
	var faults [3]*bankmux.Error
	t.ValueDate, faults[0] = normalize.OptionalDay(m.ValueDay, "a value date")
	t.Date, faults[1] = normalize.RowDay(m.Day)
	t.Amount, faults[2] = amount(m.Amount, m.Currency)
	return t, cmp.Or(faults[:]...)
}
