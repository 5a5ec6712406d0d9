package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// today is the last day of all rows in these tests.
var today = bankmux.NewDate(2026, 11, 26)

// fixture is what tests and property tests have in common.
type fixture interface {
	require.TestingT
	Helper()
}

// record is a provider that reports the difference between two points of its record. A row that
// came and went in between is in no list. Any change while a round is read spoils the round.
type record struct {
	name     string // of the provider
	accounts []string
	rows     map[string]*recorded
	seq      int
	pages    int                                // requests for pages
	hook     func(r *record, page int)          // before each response
	page     func(*reconcile.FeedPage)          // changes a response
	failed   []bankmux.Failure                  // of the list of accounts
	fails    func(cursor string) *bankmux.Error // instead of a response
	asked    []reconcile.FeedRequest            // all requests
	listed   int                                // requests for the list of stored rows
	hidden   map[string]bool                    // rows that the list of stored rows does not have
}

// recorded is a row and when it came, changed and went.
type recorded struct {
	row                    bankmux.Transaction
	created, changed, gone int
}

func newRecord(accounts ...string) *record {
	return &record{name: "acme", accounts: accounts, rows: map[string]*recorded{}, hidden: map[string]bool{}}
}

// put adds a row, or changes it.
func (r *record) put(row bankmux.Transaction) {
	r.seq++
	if have := r.rows[row.ID]; have != nil && have.gone == 0 {
		have.row, have.changed = row, r.seq
		return
	}
	r.rows[row.ID] = &recorded{row: row, created: r.seq, changed: r.seq}
}

func (r *record) remove(id string) {
	r.seq++
	r.rows[id].gone = r.seq
}

// present returns the ids of the rows that the provider has.
func (r *record) present() (ids []string) {
	for id, have := range r.rows {
		if have.gone == 0 {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}

const mutated = "CHANGED_DURING_PAGINATION"

// read serves a page. A cursor has three parts: where the round started, how many rows were read,
// and the point up to which it reads.
func (r *record) read(_ context.Context, req reconcile.FeedRequest) (page reconcile.FeedPage, err error) {
	r.pages++
	r.asked = append(r.asked, req)
	from, read, upto := 0, 0, r.seq
	if req.Cursor != "" {
		_, err := fmt.Sscanf(req.Cursor, "%d.%d.%d", &from, &read, &upto)
		if err != nil {
			return page, &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "BAD_CURSOR"}
		}
	}
	if r.hook != nil {
		r.hook(r, r.pages)
	}
	if r.fails != nil {
		if e := r.fails(req.Cursor); e != nil {
			return page, e
		}
	}
	switch {
	case read == 0:
		upto = r.seq
	case upto != r.seq:
		return page, &bankmux.Error{Kind: bankmux.ErrInvalid, Status: 400, Code: mutated}
	}
	all := r.since(from)
	size := req.Size
	if size == 0 {
		size = 100
	}
	end := min(read+size, len(all))
	for _, have := range all[read:end] {
		switch {
		case have.gone > 0:
			page.Removed = append(page.Removed, reconcile.FeedRow{ID: have.row.ID, Account: have.row.Account})
		case have.created > from:
			page.Created = append(page.Created, have.row)
		default:
			page.Updated = append(page.Updated, have.row)
		}
	}
	page.More, page.Next = end < len(all), fmt.Sprintf("%d.%d.%d", from, end, upto)
	if !page.More {
		page.Next = fmt.Sprintf("%d.0.%d", upto, upto)
	}
	if r.page != nil {
		r.page(&page)
	}
	return page, nil
}

// since returns the rows that differ from an earlier point, in the order in which they changed.
func (r *record) since(from int) (all []*recorded) {
	for _, have := range r.rows {
		if have.gone > from && have.created <= from || have.gone == 0 && have.changed > from {
			all = append(all, have)
		}
	}
	slices.SortFunc(all, func(a, b *recorded) int { return max(a.changed, a.gone) - max(b.changed, b.gone) })
	return all
}

// list serves stored rows, five per page.
func (r *record) list(_ context.Context, req reconcile.StoredRequest) (page reconcile.StoredPage, err error) {
	r.listed++
	at := 0
	if req.Page != "" {
		_, _ = fmt.Sscan(req.Page, &at)
	}
	var all []bankmux.Transaction
	for _, id := range r.present() {
		row := r.rows[id].row
		wanted := len(req.Accounts) == 0 || slices.Contains(req.Accounts, row.Account)
		if wanted && !r.hidden[id] && !row.Date.Before(req.From) && !row.Date.After(req.To) {
			all = append(all, row)
		}
	}
	end := min(at+5, len(all))
	page.Rows = all[at:end]
	if end < len(all) {
		page.Next = fmt.Sprint(end)
	}
	return page, nil
}

// feed returns the record as an adapter presents it to the engine.
func (r *record) feed() reconcile.Feed {
	return reconcile.Feed{
		Provider: r.name, Page: r.read, Today: func() bankmux.Date { return today }, MaxSize: 100,
		Accounts: func(context.Context, *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			return r.accounts, r.failed, nil
		},
		Restarts:   func(e *bankmux.Error) bool { return e.Code == mutated },
		CursorLost: func(e *bankmux.Error) bool { return e.Code == "BAD_CURSOR" },
	}
}

// believed returns a feed whose pages are stored one by one and whose rows are looked up.
func (r *record) believed() reconcile.Feed {
	f := r.feed()
	f.Stored, f.Restarts = r.list, nil
	return f
}

// paid returns a booked row.
func paid(id, account string, back int, amount, text string) bankmux.Transaction {
	money, err := bankmux.NewMoney(amount, "USD")
	if err != nil {
		panic(err)
	}
	day := today.AddDays(-back)
	return bankmux.Transaction{
		ID:          id,
		Account:     account,
		Date:        day,
		BookingDate: day,
		Status:      bankmux.StatusBooked,
		Amount:      money,
		Description: text,
	}
}

// held returns a pending row.
func held(id, account string, back int, amount, text string) bankmux.Transaction {
	row := paid(id, account, back, amount, text)
	row.Status, row.BookingDate = bankmux.StatusPending, bankmux.Date{}
	return row
}

// replacing returns a booked row that names the pending row it replaces.
func replacing(pending string, row bankmux.Transaction) bankmux.Transaction {
	row.Replaces = pending
	return row
}

// filled returns a record with some rows of two accounts.
func filled(n int) *record {
	r := newRecord("checking", "savings")
	for i := range n {
		r.put(paid(fmt.Sprint("row-", i), r.accounts[i%2], i%20, fmt.Sprintf("-%d.50", i+1), fmt.Sprint("SHOP ", i)))
	}
	return r
}

// refused checks that a request is rejected because of a field.
func refused(t *testing.T, err error, field string) *bankmux.Error {
	t.Helper()
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e := err.(*bankmux.Error) //nolint:errorlint // its own type is the promise
	assert.Equal(t, field, e.Field)
	return e
}
