package moneykit

// This file syncs transactions from MoneyKit's record of changes.

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync reads a page of MoneyKit's record of changes. The record does not report every row that was
// removed or got another id. So known rows are looked up in the list of stored rows.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	conn := req.Connection
	return reconcile.Feed{
		Provider: Name, MaxSize: maxSync, Today: a.today, CursorLost: lostCursor,
		Page: func(ctx context.Context, at reconcile.FeedRequest) (reconcile.FeedPage, error) {
			return a.api.syncPage(ctx, conn, at)
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			_, res, err := a.accounts(ctx, &conn, nil, false)
			return normalize.AccountIDs(res.Accounts), res.Failed, err
		},
		Stored: func(ctx context.Context, days reconcile.StoredRequest) (reconcile.StoredPage, error) {
			return a.api.storedPage(ctx, conn, days)
		},
	}.Sync(ctx, req)
}

// maxSync is the largest page of a sync.
const maxSync = 500

// lostCursor reports whether MoneyKit refuses the cursor. Its error for an invalid one is not
// documented.
func lostCursor(e *bankmux.Error) bool { return strings.HasSuffix(e.Field, ".cursor") }

// syncPage reads one page of the record.
func (a *api) syncPage(
	ctx context.Context,
	conn bankmux.Connection,
	at reconcile.FeedRequest,
) (page reconcile.FeedPage, err error) {
	query := url.Values{"size": {strconv.Itoa(at.Size)}}
	if at.Cursor != "" {
		query.Set("cursor", at.Cursor)
	}
	var out syncResponse
	list := &out.Transactions
	created, updated := syncRows("created"), syncRows("updated")
	created.Take(&list.Created)
	updated.Take(&list.Updated)
	if err := dataOf(ctx, a, syncTransactions, ofLink(&conn, query), &out); err != nil {
		return page, err
	}
	page.Created, page.Updated = created.Rows, updated.Rows
	removed, failed := wire.CollectOf("removed", &list.Removed, removedRow)
	page.Removed, page.Failed = removed, slices.Concat(created.Failed, updated.Failed, failed)
	page.Next, page.More = string(out.Cursor.Next), out.HasMore.Value
	page.AsOf = asOf(out.Link, out.product())
	return page, nil
}

// storedPage reads one page of the stored rows of some days.
func (a *api) storedPage(
	ctx context.Context,
	conn bankmux.Connection,
	days reconcile.StoredRequest,
) (page reconcile.StoredPage, err error) {
	mark, err := parseMark(days.Page, "SyncRequest.Cursor")
	if err != nil {
		return page, err
	}
	var out transactionsResponse
	// such an element could be any row
	out.Transactions.Bad = func(int) { page.Unreadable = append(page.Unreadable, bankmux.Transaction{}) }
	out.Transactions.Each = func(_ int, w *transaction) {
		var row bankmux.Transaction
		if w.stored(&row) {
			page.Rows = append(page.Rows, row)
		} else {
			page.Unreadable = append(page.Unreadable, row)
		}
	}
	query := window(days.Accounts, days.From, days.To, pageSize, mark)
	if err := dataOf(ctx, a, getTransactions, ofLink(&conn, query), &out); err != nil {
		return page, err
	}
	if page.Next, err = mark.next(out.Transactions.N, pageSize, out.Total); err != nil {
		return page, err
	}
	page.Moved = page.Next == "" && mark.moved(out.Total)
	return page, nil
}

// syncRows returns what takes the rows of one of the lists of a response.
func syncRows(list string) *wire.Transactions[transaction] {
	return &wire.Transactions[transaction]{
		List: list, Bytes: rowBytes,
		Fill: func(w *transaction, t *bankmux.Transaction) *bankmux.Error { return w.fill(t, true) },
	}
}

// removedRow names a removed row.
func removedRow(id *string) wire.Read[reconcile.FeedRow] {
	return wire.Identified(reconcile.FeedRow{ID: *id}, *id, "a removed row without id")
}

// stored reads a row of the list of stored rows, or as much of it as possible. It reports whether
// it read the whole row.
func (w *transaction) stored(row *bankmux.Transaction) bool {
	if w.TransactionID != "" {
		return w.fill(row, false) == nil
	}
	rest := *w
	rest.TransactionID, rest.AccountID = "none", "none" // so that the rest is read
	_ = rest.fill(row, false)
	row.ID, row.Account = "", w.AccountID
	return false
}
