package dapi

// This file syncs the transactions of accounts.

import (
	"context"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
	"github.com/bankmux/bankmux/reconcile"
)

// Sync reads one account from some days before its last reading up to today, and compares. Dapi has
// no ids, no pending flag and no record of changes, so without Known it reports Added only. A page
// is an account. The first page lists the accounts unless the request names them.
func (a *adapter) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return a.byDays(req.Connection, getTransactions).Sync(ctx, req)
}

// byDays reads the transactions of a connection by days, from one of the three endpoints.
func (a *adapter) byDays(conn bankmux.Connection, from endpoint[transactionsResponse]) reconcile.Days {
	reading := &dayCalls{adapter: a, conn: conn, from: from}
	return reconcile.Days{
		Provider: Name,
		Read:     reading.read,
		Refused:  refusedDays,
		Accounts: func(ctx context.Context, answers *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			var res bankmux.AccountsResult
			_, err := a.accounts(ctx, getAccounts, &dataCall{conn: &conn, answers: answers}, nil, &res)
			return normalize.AccountIDs(res.Accounts), res.Failed, err
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

// dayCalls are the calls of one reading, all for one account. Either all of them know its currency,
// or none does.
type dayCalls struct {
	adapter *adapter
	conn    bankmux.Connection
	from    endpoint[transactionsResponse]
	body    *dataBody
}

// read makes one call.
func (c *dayCalls) read(ctx context.Context, days reconcile.DaysRequest) (page reconcile.DaysPage, err error) {
	a := c.adapter
	if c.body == nil {
		body := a.rowsOf(&c.conn, days.Account, days.Card)
		c.body = &body
	}
	body := *c.body
	body.FromDate, body.ToDate = days.From.String(), days.To.String()
	page.AsOf = a.now()
	var out transactionsResponse
	list := &out.Transactions
	add := func(i int, read *transaction) {
		if page.Rows == nil {
			page.Rows = make([]bankmux.Transaction, 0, list.Room(rowBytes))
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
	}
	list.Bad = func(i int) { add(i, &transaction{unreadable: true}) }
	list.Each = func(i int, row *transaction) {
		row.listed, row.card = body.currency, body.CardID != ""
		add(i, row)
	}
	err = dataInto(ctx, a.api, c.from, &dataCall{&c.conn, days.Answers, &body}, &out)
	return page, err
}

// rowsOf returns the body of calls for the rows of an account or card. It is made once per reading,
// so that all calls know the same currency.
func (a *adapter) rowsOf(conn *bankmux.Connection, account string, card bool) dataBody {
	body := dataBody{currency: a.currencies.of(conn, account)}
	if card {
		body.CardID = account
	} else {
		body.AccountID = account
	}
	return body
}

// today is the last day that a transaction can have at the connection's bank. If the country is not
// known, it is the day in Dubai, the easternmost place that Dapi serves.
func (a *adapter) today(conn bankmux.Connection) bankmux.Date {
	at := a.clock()
	day, ok := normalize.BankDay(conn.Institution.Country, at)
	if !ok {
		day, _ = normalize.BankDay("AE", at)
	}
	return day
}

// days is how many days back the bank serves transactions, 0 if it does not say.
func (a *adapter) days(ctx context.Context, conn bankmux.Connection) (int, error) {
	bank := bankOf(conn)
	if days, ok := a.ranges.get(bank, a.now()); ok {
		return days, nil
	}
	to, err := allowed(&conn)
	if err != nil {
		return 0, err
	}
	got, err := a.metadata(ctx, to)
	if err != nil {
		return 0, err
	}
	served := got.Metadata.TransactionRange
	days, _ := model.Days(served.Value.Value, served.Unit)
	a.ranges.set(bank, days, a.now())
	return days, nil
}

// bankOf returns a name of the connection's bank, or of the connection if the bank is not known.
func bankOf(conn bankmux.Connection) string {
	if conn.Institution.ID != "" {
		return conn.Institution.ID
	}
	return conn.Reference()
}

// ranges remembers how many days each bank serves, because asking costs a call. The zero value is
// ready.
type ranges struct {
	mu    sync.Mutex
	known map[string]rangeOf
}

type rangeOf struct {
	days  int
	until time.Time
}

const (
	rangeTTL  = time.Hour
	maxRanges = 1000
)

func (r *ranges) get(bank string, now time.Time) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.known[bank]
	return known.days, ok && now.Before(known.until)
}

func (r *ranges) set(bank string, days int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRanges {
		r.known = map[string]rangeOf{}
	}
	r.known[bank] = rangeOf{days, now.Add(rangeTTL)}
}

func (r *ranges) forget(bank string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, bank)
}
