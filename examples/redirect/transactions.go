package redirect

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/reconcile"
)

// TransactionPage reads one page of one account. Osprey's days are of UTC, and it numbers pages.
func (a *adapter) TransactionPage(ctx context.Context, r bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	var page bankmux.TransactionPage
	if _, odd := strconv.Atoi(cmp.Or(r.Page, "0")); odd != nil {
		return page, invalid("TransactionsRequest.Page", "is not the Next of a page")
	}
	account, today := r.Accounts[0], bankmux.DateOf(time.Now().UTC())
	from, to := r.Days(today)
	limit := strconv.Itoa(cmp.Or(r.PageSize, 100))
	query := url.Values{"from": {from.String()}, "to": {to.String()}, "limit": {limit}, "page": {r.Page}}
	var out struct {
		Rows wire.List[movement] `json:"transactions"`
		Next string              `json:"next"`
	}
	res, err := a.read(ctx, &r.Connection, "/accounts/{id}/transactions", account, query, &out)
	if err == nil && !out.Rows.Present {
		err = res.Lacks("the transactions")
	}
	if err != nil {
		return page, err
	}
	first, last := r.Limits(today)
	rows, failed := translate(&out.Rows, account)
	page.Failed, page.Next, page.Outside = failed, out.Next, len(rows)
	page.Transactions = slices.DeleteFunc(rows, func(t bankmux.Transaction) bool {
		return t.Date.Before(first) || t.Date.After(last)
	})
	page.Outside -= len(page.Transactions)
	if page.Next == "" {
		page.Covered = []bankmux.Covered{{Account: account, From: from, To: to}}
	}
	return page, nil
}

// translate reads rows, of the account where they name none.
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

// statuses are by the flag that a row is pending. What Osprey does not say stays "".
var statuses = map[wire.Flag]bankmux.TransactionStatus{
	wire.FlagTrue: bankmux.StatusPending, wire.FlagFalse: bankmux.StatusBooked,
}

func (m *movement) transaction(account string) (bankmux.Transaction, *bankmux.Error) {
	t := bankmux.Transaction{
		ID: string(m.ID), Account: cmp.Or(string(m.Account), account), Replaces: string(m.PendingID),
		Status: statuses[m.Pending], Description: m.Text, RawDescription: m.Text, Counterparty: m.Counterparty,
	}
	var faults [3]*bankmux.Error
	t.ValueDate, faults[0] = normalize.OptionalDay(m.ValueDay, "a value date")
	t.Date, faults[1] = normalize.RowDay(m.Day)
	t.Amount, faults[2] = amount(m.Amount, m.Currency)
	return t, cmp.Or(faults[:]...)
}

// Sync reads Osprey's record of changes.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	conn := req.Connection // gets the token that was used last
	return reconcile.Feed{
		Provider: Name, MaxSize: 100,
		Restarts:   func(e *bankmux.Error) bool { return e.Code == "changed" },
		CursorLost: func(e *bankmux.Error) bool { return e.Code == "cursor_unknown" },
		Accounts: func(ctx context.Context, _ *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			all, err := a.list(ctx, &conn, nil)
			for _, one := range all.Accounts {
				ids = append(ids, one.ID)
			}
			return ids, all.Failed, err
		},
		Page: func(ctx context.Context, at reconcile.FeedRequest) (page reconcile.FeedPage, err error) {
			var out changesAnswer
			query := url.Values{"cursor": {at.Cursor}, "limit": {strconv.Itoa(at.Size)}}
			res, err := a.read(ctx, &conn, "/changes", "", query, &out)
			if err == nil && (!out.Created.Present || !out.Updated.Present || !out.Removed.Present || out.Next == "") {
				err = res.Lacks("a list of changes or the cursor")
			}
			created, failed := translate(&out.Created, "")
			updated, more := translate(&out.Updated, "")
			for _, m := range out.Removed.Rows {
				page.Removed = append(page.Removed, reconcile.FeedRow{ID: string(m.ID), Account: string(m.Account)})
			}
			page.Created, page.Updated, page.Next, page.More = created, updated, out.Next, out.More.Value
			page.Failed = slices.Concat(failed, more, out.Removed.Failures(""))
			return page, err
		},
	}.Sync(ctx, req)
}
