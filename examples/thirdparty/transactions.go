package pelican

// This file reads transactions.

import (
	"context"
	"net/url"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/reconcile"
)

// TransactionPage returns up to a month of one account.
func (a *adapter) TransactionPage(
	ctx context.Context, req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.days(req.Connection).TransactionPage(ctx, req)
}

// rows reads the rows of an account. An unreadable row fails alone.
func (a *adapter) rows(
	ctx context.Context, conn bankmux.Connection, at reconcile.DaysRequest,
) (page reconcile.DaysPage, err error) {
	req := rest.Request{
		PathParams: map[string]string{"id": at.Account},
		Query:      url.Values{"from": {at.From.String()}, "to": {at.To.String()}},
	}
	out, err := getRows.fetch(ctx, a, req, &conn)
	if err != nil {
		return page, err
	}
	for _, failed := range out.Rows.Failures(at.Account) {
		row := bankmux.Transaction{Account: at.Account}
		page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: row, Failure: failed})
	}
	for i := range out.Rows.Rows {
		r := &out.Rows.Rows[i]
		t, fault := r.transaction(at.Account)
		if fault != nil {
			name := wire.RowName(r.ID, out.Rows.Place(i))
			failed := bankmux.Failure{Account: at.Account, Transaction: name, Err: fault}
			page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: t, Failure: failed})
			continue
		}
		page.Rows = append(page.Rows, t)
	}
	return page, nil
}

// transaction translates a row. Of an unreadable row it returns what is certain.
func (r *row) transaction(account string) (bankmux.Transaction, *bankmux.Error) {
	t := bankmux.Transaction{
		ID: r.ID, Account: account, Status: r.Pending.Status(), Description: r.Text, RawDescription: r.Text,
	}
	var fault *bankmux.Error
	if t.Date, fault = normalize.RowDay(r.Date); fault != nil {
		return t, fault
	}
	if !r.Amount.Present() {
		return t, normalize.Unreadable("a row without amount")
	}
	t.Amount, fault = normalize.Signed(r.Amount.Value, normalize.DirectionOf(r.Direction), r.Currency)
	return t, fault
}
