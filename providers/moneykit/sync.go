package moneykit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/reconcile"
)

// mostSync is the largest page of a sync.
const mostSync = 500

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

// Sync reads a page of MoneyKit's own record of changes. What that leaves untold is found with
// Known: which row a pending one became, which row is the same under another id, and, on the last
// page, which rows are gone without a word: pending ones after a refresh, and those of an earlier
// link or provider.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	cursor, err := reconcile.ParseCursor(req.Cursor, req.Connection)
	if err != nil {
		return bankmux.Delta{}, err
	}
	if !cursor.Keeps(req.Accounts) { // the cursor went past the rows of the others
		return bankmux.Delta{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "SyncRequest.Accounts", NotSent: true, Detail: "are others than the cursor was made for: begin again without one; with Known nothing is doubled",
		}
	}
	size := req.PageSize
	if size == 0 || size > mostSync {
		size = mostSync
	}
	query := url.Values{"size": {strconv.Itoa(size)}}
	if cursor.Provider != "" {
		query.Set("cursor", cursor.Provider)
	}
	page := newSyncPage(a, &req)
	var answer syncAnswer
	page.created.fill(&answer.Transactions.Created)
	page.updated.fill(&answer.Transactions.Updated)
	if err := a.api.sync(ctx, page.link, query, &answer); err != nil {
		if e, ok := errors.AsType[*bankmux.Error](err); ok && strings.HasSuffix(e.Field, ".cursor") { // what MoneyKit answers to an invalid one is not documented
			refused := *e
			refused.Field, refused.Detail = "SyncRequest.Cursor", "MoneyKit does not know the cursor any more: begin again without one; with Known nothing is doubled"
			err = &refused
		}
		return bankmux.Delta{}, err
	}
	if req.Cursor == "" {
		if cursor.Carried, err = page.anyKnown(ctx); err != nil {
			return bankmux.Delta{}, err
		}
	}
	removed := page.read(&answer.Transactions.Removed)
	if err := page.compare(ctx, removed, &cursor, answer.HasMore.Value); err != nil {
		return bankmux.Delta{}, err
	}
	next := string(answer.Cursor.Next)
	if answer.HasMore.Value {
		if next == "" || !cursor.Turn(next) {
			return bankmux.Delta{}, &bankmux.Error{
				Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Status: http.StatusOK, Detail: "MoneyKit says that there is more, and shows a page it has shown before or none",
			}
		}
	} else {
		asOf := asOf(answer.Link, "transactions")
		fetchedAt := asOf.UnixMicro()
		if err := page.end(ctx, &cursor, asOf.IsZero() || fetchedAt != cursor.Fetched); err != nil {
			return bankmux.Delta{}, err
		}
		cursor.Fetched, cursor.Pages, cursor.Anchor = fetchedAt, 0, ""
		if next != "" {
			cursor.Provider = next
		}
	}
	page.delta.More, page.delta.Next = answer.HasMore.Value, cursor.String()
	return page.delta, nil
}
