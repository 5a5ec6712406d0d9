package redirect

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/reconcile"
)

const (
	pageSize   = 100
	pagePrefix = "osprey1:" // marks what is the Next of a page
)

// today is the last day that a row can have. Osprey writes days in UTC.
func today() bankmux.Date { return bankmux.DateOf(time.Now().UTC()) }

// TransactionPage reads one page of one account.
func (a *adapter) TransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	var page bankmux.TransactionPage
	at, ok := strings.CutPrefix(req.Page, pagePrefix)
	if req.Page != "" && !ok {
		return page, invalid("TransactionsRequest.Page", "is not the Next of a page")
	}
	account := req.Accounts[0]
	from, to := req.Days(today())
	query := url.Values{"from": {from.String()}, "to": {to.String()}, "limit": {strconv.Itoa(cmp.Or(req.PageSize, pageSize))}}
	if at != "" {
		query.Set("page", at)
	}
	var out struct {
		Rows wire.List[movement] `json:"transactions"`
		Next string              `json:"next"`
	}
	res, err := a.read(ctx, &req.Connection, "/accounts/{id}/transactions", account, query, &out)
	switch {
	case err != nil:
		return page, err
	case !out.Rows.Present:
		return page, res.Lacks("the transactions")
	}
	page.Failed = out.Rows.Failures(account)
	first, last := req.Limits(today())
	for _, row := range out.Rows.Rows {
		t, fault := row.transaction(account)
		switch {
		case fault != nil:
			page.Failed = append(page.Failed, bankmux.Failure{Account: account, Transaction: t.ID, Err: fault})
		case t.Date.Before(first) || t.Date.After(last):
			page.Outside++
		default:
			page.Transactions = append(page.Transactions, t)
		}
	}
	if out.Next != "" {
		page.Next = pagePrefix + out.Next
	} else {
		page.Covered = []bankmux.Covered{{Account: account, From: from, To: to}}
	}
	return page, nil
}

// transaction translates a row. One that cannot be read keeps what is certain, without a day or an
// amount.
func (m *movement) transaction(account string) (bankmux.Transaction, *bankmux.Error) {
	t := bankmux.Transaction{
		ID: string(m.ID), Account: cmp.Or(string(m.Account), account), Replaces: string(m.PendingID),
		Status: bankmux.StatusBooked, Description: m.Text, RawDescription: m.Text,
	}
	switch m.Pending {
	case wire.FlagTrue:
		t.Status = bankmux.StatusPending
	case wire.FlagFalse:
	default:
		t.Status = ""
	}
	if m.Counterparty != "" || m.IBAN != "" {
		t.Counterparty = &bankmux.Counterparty{Name: m.Counterparty, IBAN: m.IBAN}
	}
	var fault *bankmux.Error
	if t.ValueDate, fault = normalize.OptionalDay(m.ValueDay, "a value date"); fault != nil {
		return t, fault
	}
	if t.Date, fault = normalize.RowDay(m.Day); fault != nil {
		return t, fault
	}
	t.Amount, fault = amount(m.Amount, m.Currency)
	return t, fault
}

// Sync reads Osprey's record of changes.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	conn := req.Connection // gets the token that was used last
	return reconcile.Feed{
		Provider: Name,
		Page: func(ctx context.Context, at reconcile.FeedRequest) (reconcile.FeedPage, error) {
			return a.changes(ctx, &conn, at)
		},
		BeginsAgain: func(e *bankmux.Error) bool { return e.Code == codeMoved },
		Lost:        func(e *bankmux.Error) bool { return e.Code == codeCursorUnknown },
		Accounts: func(ctx context.Context, _ *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			all, err := a.list(ctx, &conn)
			for _, row := range all.Rows {
				ids = append(ids, string(row.ID))
			}
			return ids, all.Failures(""), err
		},
		MaxSize: pageSize,
	}.Sync(ctx, req)
}

// changes reads one page of the record.
func (a *adapter) changes(ctx context.Context, conn *bankmux.Connection, at reconcile.FeedRequest) (page reconcile.FeedPage, err error) {
	var out changesAnswer
	query := url.Values{"cursor": {at.Cursor}, "limit": {strconv.Itoa(at.Size)}}
	res, err := a.read(ctx, conn, "/changes", "", query, &out)
	switch {
	case err != nil:
		return page, err
	case !out.Created.Present || !out.Updated.Present || !out.Removed.Present || out.Next == "":
		return page, res.Lacks("a list of changes or the cursor")
	}
	take := func(list wire.List[movement]) (rows []bankmux.Transaction) {
		for _, row := range list.Rows {
			t, fault := row.transaction("")
			if fault != nil {
				page.Failed = append(page.Failed, bankmux.Failure{Account: t.Account, Transaction: t.ID, Err: fault})
				continue
			}
			rows = append(rows, t)
		}
		page.Failed = append(page.Failed, list.Failures("")...)
		return rows
	}
	page.Created, page.Updated = take(out.Created), take(out.Updated)
	for _, row := range out.Removed.Rows {
		page.Removed = append(page.Removed, reconcile.FeedRow{ID: string(row.ID), Account: string(row.Account)})
	}
	page.Failed = append(page.Failed, out.Removed.Failures("")...)
	page.Next, page.More = out.Next, out.More.Value
	return page, nil
}
