package redirect

// This file syncs transactions.

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/reconcile"
)

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
			query := url.Values{"cursor": {at.Cursor}, "limit": {strconv.Itoa(at.Size)}}
			out, err := getChanges.fetchAs(ctx, a, &conn, rest.Request{Query: query})
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
