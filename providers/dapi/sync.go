package dapi

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync reads one account from some days before its last reading up to today, and compares. Dapi has
// no ids, no pending flag and no record of changes, so without Known it reports Added only. A page
// is an account; the first lists them unless the request names them.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return a.byDays(req.Connection, plainPath).Sync(ctx, req)
}

// byDays reads the transactions of a connection by days, from one of the three paths.
func (a *adapter) byDays(conn bankmux.Connection, path string) reconcile.Days {
	reading := &dayCalls{adapter: a, conn: conn, path: path}
	return reconcile.Days{
		Provider: Name,
		Read:     reading.read,
		Refused:  refusedDays,
		Accounts: func(ctx context.Context, answers *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			list, failed, err := a.api.accounts(ctx, accountsPath, conn, answers)
			for _, acc := range list {
				ids = append(ids, acc.ID)
			}
			return ids, failed, err
		},
		Serves: func(ctx context.Context, again bool) (int, error) {
			if again {
				a.ranges.forget(bankOf(conn))
			}
			return a.days(ctx, conn)
		},
		Today: func() bankmux.Date { return a.today(conn) },
	}
}

// refusedDays reports whether the bank does not serve the days of a call.
func refusedDays(e *bankmux.Error) bool { return e.Code == "INVALID_DATE_RANGE" }

// dayCalls are the calls of one reading. All are for one account, whose currency they know
// throughout or not at all.
type dayCalls struct {
	adapter *adapter
	conn    bankmux.Connection
	path    string
	body    *dataBody
}

// read makes one call.
func (c *dayCalls) read(ctx context.Context, days reconcile.DaysRequest) (page reconcile.DaysPage, err error) {
	a := c.adapter
	if c.body == nil {
		body := a.api.rowsOf(&c.conn, days.Account, days.Card)
		c.body = &body
	}
	body := *c.body
	body.FromDate, body.ToDate = days.From.String(), days.To.String()
	page.AsOf = a.now()
	err = a.api.transactions(ctx, c.path, c.conn, days.Answers, body, func(i, left int, read *transaction) {
		if page.Rows == nil {
			page.Rows = make([]bankmux.Transaction, 0, left/rowBytes+1)
		}
		page.Rows = wire.AppendZero(page.Rows)
		row := &page.Rows[len(page.Rows)-1]
		row.Account, row.Card = days.Account, days.Card
		if fault := read.fill(row); fault != nil {
			failure := bankmux.Failure{Account: days.Account, Transaction: wire.RowName("", i+1), Err: fault}
			page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: *row, Failure: failure})
			*row = bankmux.Transaction{}
			page.Rows = page.Rows[:len(page.Rows)-1]
		}
	})
	return page, err
}
