package plaid

// This file syncs transactions.

import (
	"context"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync reads the changes since the cursor, a whole round at once. If the rows change while the
// pages of a round are read, Plaid requires that the round starts again from its first cursor. If
// that fails for days, start without a cursor: Plaid has refused stored ones in this way.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	access := req.Connection.Credential()
	return reconcile.Feed{
		Provider: Name, MaxSize: maxPage, Today: a.today, CursorLost: lostCursor, OneRowPerID: true,
		Restarts: func(e *bankmux.Error) bool { return e.Code == model.CodeMutation },
		Page: func(ctx context.Context, at reconcile.FeedRequest) (reconcile.FeedPage, error) {
			return a.api.syncPage(ctx, access, at)
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			out, err := accountsGet.ofItem(ctx, a.api, &req.Connection)
			_, res := out.choose(nil)
			return normalize.AccountIDs(res.Accounts), res.Failed, err
		},
	}.Sync(ctx, req)
}

// lostCursor reports whether Plaid refuses the cursor. The other members of the request are the
// same in each call.
func lostCursor(e *bankmux.Error) bool {
	return e.Code == "INVALID_FIELD" && (e.Field == "" || strings.HasSuffix(e.Field, "cursor"))
}

// syncPage reads one page of a round. Until Plaid has fetched the transactions, it responds with
// empty lists and an empty cursor, which must not look like an empty account. Rows without a cursor
// are malformed, because each later sync would deliver them again.
func (a *api) syncPage(
	ctx context.Context, access bankmux.Secret, at reconcile.FeedRequest,
) (page reconcile.FeedPage, err error) {
	body := itemRequest{
		AccessToken: access.Reveal(), Cursor: at.Cursor, Count: at.Size, Options: &itemOptions{Original: true},
	}
	var out syncResponse
	added, modified := rowReader("added", true), rowReader("modified", true)
	added.Take(&out.Added)
	modified.Take(&out.Modified)
	if err := transactionsSync.into(ctx, a, body, &out); err != nil {
		return page, err
	}
	if out.Next == "" && out.Added.N+out.Modified.N+out.Removed.Len() > 0 {
		return page, normalize.Unreadable("rows and lacks next_cursor")
	}
	removed, failed := wire.CollectOf("removed", &out.Removed, (*removedRow).read)
	return reconcile.FeedPage{
		Created: added.Rows, Updated: modified.Rows, Removed: removed,
		Failed: slices.Concat(added.Failed, modified.Failed, failed),
		Next:   string(out.Next), More: *out.HasMore.Value, NotReady: out.Status == updateNotReady || out.Next == "",
	}, nil
}

// read names the removed row.
func (r *removedRow) read() wire.Read[reconcile.FeedRow] {
	row := reconcile.FeedRow{ID: r.TransactionID, Account: r.AccountID}
	one := wire.Identified(row, row.ID, "a removed row without id")
	one.Account = row.Account
	return one
}
