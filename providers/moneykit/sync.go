package moneykit

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/reconcile"
)

// maxSync is the largest page of a sync.
const maxSync = 500

// syncAnswer: the three lists have no order, and one id may be in several of them.
type syncAnswer struct {
	linked
	Transactions struct {
		Created wire.Rows[transaction] `json:"created"`
		Updated wire.Rows[transaction] `json:"updated"`
		Removed wire.List[string]      `json:"removed"`
	} `json:"transactions"`
	Cursor struct {
		Next wire.Text `json:"next"`
	} `json:"cursor"`
	HasMore wire.Exact[bool] `json:"has_more"` // taken for false, rows of later pages would seem to be gone
}

// sync is GET /links/{id}/transactions/sync.
func (a *api) sync(ctx context.Context, link string, query url.Values, answer *syncAnswer) error {
	return a.onLink(ctx, link, "/transactions/sync", query, answer, "transactions")
}

// Sync reads a page of MoneyKit's record of changes. The record does not report every row that is
// gone or got another id, so known rows are looked up in the list of stored rows.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	link := req.Connection.Credential().Reveal()
	return reconcile.Feed{
		Provider: Name, MaxSize: maxSync, Today: a.today, CursorLost: lostCursor,
		Page: func(ctx context.Context, at reconcile.FeedRequest) (reconcile.FeedPage, error) {
			return a.api.syncPage(ctx, link, at)
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			return a.api.syncAccounts(ctx, link)
		},
		Stored: func(ctx context.Context, days reconcile.StoredRequest) (reconcile.StoredPage, error) {
			return a.api.storedPage(ctx, link, days)
		},
	}.Sync(ctx, req)
}

// lostCursor reports whether MoneyKit refuses the cursor. What it answers to an invalid one is not
// documented.
func lostCursor(e *bankmux.Error) bool { return strings.HasSuffix(e.Field, ".cursor") }

// syncPage reads one page of the record.
func (a *api) syncPage(
	ctx context.Context,
	link string,
	at reconcile.FeedRequest,
) (page reconcile.FeedPage, err error) {
	query := url.Values{"size": {strconv.Itoa(at.Size)}}
	if at.Cursor != "" {
		query.Set("cursor", at.Cursor)
	}
	var answer syncAnswer
	list := &answer.Transactions
	created, updated := syncRows{name: "created"}, syncRows{name: "updated"}
	created.fill(&list.Created)
	updated.fill(&list.Updated)
	if err := a.sync(ctx, link, query, &answer); err != nil {
		return page, err
	}
	page.Created, page.Updated = created.rows, updated.rows
	removed, failed := removedRows(&list.Removed)
	page.Removed, page.Failed = removed, slices.Concat(created.failed, updated.failed, failed)
	page.Next, page.More, page.AsOf = string(
		answer.Cursor.Next,
	), answer.HasMore.Value, asOf(
		answer.Link,
		"transactions",
	)
	return page, nil
}

// syncAccounts lists the accounts of a link.
func (a *api) syncAccounts(ctx context.Context, link string) (ids []string, failed []bankmux.Failure, err error) {
	answer, err := a.accounts(ctx, link, nil)
	if err != nil {
		return nil, nil, err
	}
	list, failed := named(&answer.Accounts)
	for _, acc := range list {
		ids = append(ids, acc.AccountID)
	}
	return ids, failed, nil
}

// storedPage reads one page of the stored rows of some days.
func (a *api) storedPage(
	ctx context.Context,
	link string,
	days reconcile.StoredRequest,
) (page reconcile.StoredPage, err error) {
	mark, err := parseMark(days.Page, "SyncRequest.Cursor")
	if err != nil {
		return page, err
	}
	var answer transactionsAnswer
	// it says nothing of any row
	answer.Transactions.Bad = func(int) { page.Unreadable = append(page.Unreadable, bankmux.Transaction{}) }
	answer.Transactions.Each = func(_ int, w *transaction) {
		var row bankmux.Transaction
		if w.stored(&row) {
			page.Rows = append(page.Rows, row)
		} else {
			page.Unreadable = append(page.Unreadable, row)
		}
	}
	if err := a.transactions(
		ctx,
		link,
		window(days.Accounts, days.From, days.To, pageSize, mark),
		&answer,
	); err != nil {
		return page, err
	}
	if page.Next, err = mark.next(answer.Transactions.N, pageSize, answer.Total); err != nil {
		return page, err
	}
	page.Moved = page.Next == "" && mark.moved(answer.Total)
	return page, nil
}
