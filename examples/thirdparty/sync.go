package pelican

// This file syncs transactions.

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync returns the changes of one account.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return a.days(req.Connection).Sync(ctx, req)
}

// days reads a connection by account and days, because Pelican has no record of changes.
func (a *adapter) days(conn bankmux.Connection) reconcile.Days {
	return reconcile.Days{
		Provider: Name,
		Read: func(ctx context.Context, at reconcile.DaysRequest) (reconcile.DaysPage, error) {
			return a.rows(ctx, conn, at)
		},
		Accounts: func(ctx context.Context, _ *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			all, failed, err := a.list(ctx, conn)
			for _, one := range all {
				ids = append(ids, one.ID)
			}
			return ids, failed, err
		},
		Today: func() bankmux.Date { return bankmux.DateOf(a.now()) },
	}
}
