package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// ledger is a bank that is read by account and days, without ids.
type ledger struct {
	rows     map[string][]bankmux.Transaction // by account
	today    bankmux.Date
	says     int                                        // days that it says it serves
	refuses  func(from, to bankmux.Date) bool           // days that it refuses
	selects  func(bankmux.Transaction) bankmux.Date     // the day that it selects rows by
	ids      bool                                       // its rows have ids
	ignores  bool                                       // it serves all it has
	unread   []bankmux.Transaction                      // rows that cannot be read
	fails    map[string]*bankmux.Error                  // by account
	asks     func(reconcile.DaysRequest) *bankmux.Error // instead of a response
	requests []reconcile.DaysRequest
	calls    int // for accounts and served days
	renewed  int
}

func newLedger(accounts ...string) *ledger {
	l := &ledger{
		rows:    map[string][]bankmux.Transaction{},
		today:   today,
		selects: func(t bankmux.Transaction) bankmux.Date { return t.Date },
	}
	for _, id := range accounts {
		l.rows[id] = nil
	}
	return l
}

// put adds a row, some days back.
func (l *ledger) put(account string, back int, amount, text string) {
	row := paid("", account, back, amount, text)
	row.Status, row.BookingDate = "", bankmux.Date{}
	l.rows[account] = append(l.rows[account], row)
}

// drop removes the rows of a text.
func (l *ledger) drop(account, text string) {
	l.rows[account] = slices.DeleteFunc(
		l.rows[account],
		func(t bankmux.Transaction) bool { return t.Description == text },
	)
}

var errDays = &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "BAD_DAYS", Status: 400}

func (l *ledger) read(_ context.Context, req reconcile.DaysRequest) (page reconcile.DaysPage, err error) {
	l.requests = append(l.requests, req)
	if l.asks != nil {
		if e := l.asks(req); e != nil {
			return page, e
		}
	}
	if e := l.fails[req.Account]; e != nil {
		return page, e
	}
	if l.refuses != nil && l.refuses(req.From, req.To) {
		return page, errDays
	}
	within := func(t bankmux.Transaction) bool {
		day := l.selects(t)
		return l.ignores || (!day.Before(req.From) && !day.After(req.To))
	}
	for i, row := range l.rows[req.Account] {
		if l.ids {
			row.ID = fmt.Sprint(req.Account, "-", i)
		}
		if within(row) {
			page.Rows = append(page.Rows, row)
		}
	}
	for i, row := range l.unread {
		if row.Account == req.Account && within(row) {
			failure := bankmux.Failure{
				Account:     req.Account,
				Transaction: fmt.Sprint("row ", i+1),
				Err:         &bankmux.Error{Kind: bankmux.ErrMalformed},
			}
			page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: row, Failure: failure})
		}
	}
	return page, nil
}

func (l *ledger) days() reconcile.Days {
	return reconcile.Days{
		Provider: "acme", Read: l.read, Today: func() bankmux.Date { return l.today },
		Accounts: func(context.Context, *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			l.calls++
			for id := range l.rows {
				ids = append(ids, id)
			}
			sort.Strings(ids)
			return ids, nil, nil
		},
		Serves: func(_ context.Context, again bool) (int, error) {
			l.calls++
			if again {
				l.renewed++
			}
			return l.says, nil
		},
		Refused: func(e *bankmux.Error) bool { return e.Code == "BAD_DAYS" },
	}
}

// said returns the content of rows, sorted.
func said(rows []bankmux.Transaction) (all []string) {
	for _, t := range rows {
		all = append(all, t.Date.String()+" "+t.Amount.String()+" "+t.Description)
	}
	sort.Strings(all)
	return all
}

// agree checks that the store has what the bank has.
func (l *ledger) agree(t fixture, s *store) {
	t.Helper()
	var have, want []string
	for _, k := range s.rows {
		have = append(have, k.Account+" "+k.Date.String()+" "+k.Amount.String()+" "+strings.ToUpper(k.Text))
	}
	for account, rows := range l.rows {
		for _, one := range said(rows) {
			want = append(want, account+" "+one)
		}
	}
	sort.Strings(have)
	sort.Strings(want)
	require.Equal(t, want, have)
	if l.ids {
		require.Len(t, slices.Compact(s.ids()), len(want), "each row has its own id")
	}
}

// month returns a ledger with a row every third day, and two pairs of equal rows.
func month(days int) *ledger {
	l := newLedger("checking", "savings")
	for back := 0; back < days; back += 3 {
		l.put("checking", back, fmt.Sprintf("-%d.50", 1+back), fmt.Sprint("SHOP ", back))
	}
	for _, back := range []int{2, 2, 31, 31} {
		l.put("checking", back, "-3.00", "COFFEE")
	}
	return l
}

func earlierOf(a, b bankmux.Date) bankmux.Date {
	if b.Before(a) {
		return b
	}
	return a
}
