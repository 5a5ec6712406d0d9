package moneykit

// This file reads pages of transactions.

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// Page sizes of lists with page numbers. MoneyKit raised its limit from 100 to 1000 over the years.
// It has always allowed 100, and today it serves larger requests with its own limit.
const (
	pageSize    = 500
	maxPageSize = 1000
)

// window is the query of a page of a list with page numbers.
func window(ids []string, from, to bankmux.Date, size int, at pageMark) url.Values {
	query := url.Values{"page": {strconv.Itoa(at.page)}, "size": {strconv.Itoa(at.ask(size))}}
	for name, day := range map[string]bankmux.Date{"start_date": from, "end_date": to} {
		if !day.IsZero() {
			query[name] = []string{day.String()}
		}
	}
	if len(ids) > 0 {
		query["account_ids"] = ids
	}
	return query
}

// pageMark is the position of a reading in a list with page numbers. The lists are newest first and
// shift while they are read. New rows repeat some that were read, which the reader recognizes.
// Removed rows pull others onto pages already read. So the mark records by position what was read.
//
// If the total changes, rows may have moved at either end. What was read in either case stays read,
// and the rest is read again. One removed row and one new row between two pages leave the total
// unchanged, so they are not noticed.
type pageMark struct {
	page  int // the page to read now
	total int // rows when the page before was read; -1 at the start
	seen  int // all rows before this position were read
	from  int // so were the rows from this position, after a gap
	to    int // to this one
	far   int // the furthest page read
	stuck int // pages in a row that were not the furthest
	size  int // rows per page, if the provider serves fewer than requested; 0 if it does not
	moves int // how often the total changed, or rows had days that were not requested
}

// ask is how many rows to request.
func (m pageMark) ask(size int) int {
	if m.size > 0 {
		return m.size
	}
	return size
}

// maxStuck is how many pages a shrinking list may keep the reading from advancing.
const maxStuck = 10

const markForm = "%d.%d.%d.%d.%d.%d.%d.%d.%d"

// parseMark reads the Next of a page. field names it in the error.
func parseMark(s, field string) (pageMark, error) {
	m := pageMark{page: 1, total: -1}
	if s == "" {
		return m, nil
	}
	n, err := fmt.Sscanf(s, markForm, &m.page, &m.total, &m.seen, &m.from, &m.to, &m.far, &m.stuck, &m.size, &m.moves)
	if n != 9 || err != nil || m.page < 1 || s != m.String() {
		return m, normalize.Invalid(field, "is not the Next of a page")
	}
	return m, nil
}

func (m pageMark) String() string {
	return fmt.Sprintf(markForm, m.page, m.total, m.seen, m.from, m.to, m.far, m.stuck, m.size, m.moves)
}

// first reports whether nothing was read before.
func (m pageMark) first() bool { return m.far == 0 }

// moved reports whether the total changed during the reading, or rows had days that were not
// requested. Then a row that was not read may still exist.
func (m pageMark) moved(total int) bool { return m.moves > 0 || (m.total >= 0 && m.total != total) }

// next returns where to continue after a page of n rows out of total, "" at the end. The total does
// not end the reading: a full page is followed by another one.
func (m pageMark) next(n, size, total int) (string, error) {
	if m.total >= 0 {
		more, fewer := max(0, total-m.total), max(0, m.total-total)
		m.seen, m.from, m.to = max(0, m.seen-fewer), m.from+more, m.to-fewer
		if m.from >= m.to {
			m.from, m.to = 0, 0
		}
		if more+fewer > 0 {
			m.moves++
		}
	}
	m.total = total
	if m.size == 0 && m.page == 1 && n > 0 && n < size && n < total {
		m.size = n // the limit was 100 for years, and what a larger request gets is not documented
	}
	size = m.ask(size)
	start := (m.page - 1) * size
	switch {
	case start > m.seen && n > 0: // a gap, read later
		m.from, m.to = start, start+n
	case start <= m.seen:
		if n == 0 || (n < size && start+n >= total) {
			return "", nil
		}
		m.seen = max(m.seen, start+size)
		if m.seen >= m.from {
			m.seen = max(m.seen, m.to)
		}
	}
	if m.stuck++; m.page > m.far {
		m.far, m.stuck = m.page, 0
	}
	if m.stuck > maxStuck {
		return "", &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Scope:  bankmux.ScopeCall,
			Status: http.StatusOK,
			Detail: "the list kept shrinking while it was read",
		}
	}
	m.page = m.seen/size + 1
	return m.String(), nil
}

// TransactionPage reads a page of the stored transactions, newest first.
func (a *adapter) TransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, req, false)
}

// EnrichedTransactionPage is the same list, which MoneyKit enriches in any case.
func (a *adapter) EnrichedTransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, req, true)
}

func (a *adapter) transactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
	enrich bool,
) (bankmux.TransactionPage, error) {
	mark, err := parseMark(req.Page, "TransactionsRequest.Page")
	if err != nil {
		return bankmux.TransactionPage{}, err
	}
	from, to := req.Days(a.today())
	if to.Before(from) {
		return bankmux.TransactionPage{}, nil // no day that exists yet was requested, so none is covered
	}
	size := min(cmp.Or(req.PageSize, pageSize), maxPageSize)
	var out transactionsResponse
	page := pageOf(&out.Transactions, enrich)
	page.first, page.last = req.Limits(a.today())
	page.accounts = req.Accounts
	query := window(req.Accounts, from, to, size, mark)
	if err = dataOf(ctx, a.api, getTransactions, ofLink(&req.Connection, query), &out); err != nil {
		return bankmux.TransactionPage{}, err
	}
	page.AsOf = asOf(out.Link, out.product())
	if page.Outside > 0 {
		mark.moves++ // MoneyKit selects rows by other days than they have, so completeness is not proved
	}
	if page.Next, err = mark.next(out.Transactions.N, size, out.Total); err != nil {
		return bankmux.TransactionPage{}, err
	}
	page.Outside += page.strange
	there, failed := out.split(req.Accounts, page)
	if mark.first() {
		page.Failed = append(page.Failed, failed...)
	}
	if page.Next == "" && !mark.moved(out.Total) && (len(there) > 0 || len(req.Accounts) == 0) {
		page.Covered = normalize.Covered(there, from, to)
	}
	return page.TransactionPage, nil
}

// split divides the requested accounts into those of the link and the others. MoneyKit does not
// document what it does with an unknown id. If a response names accounts but not this one, and has
// no row of it, the link does not have it.
func (r *transactionsResponse) split(ids []string, page *listPage) (there []string, failed []bankmux.Failure) {
	if !r.Accounts.Present || len(r.Accounts.Bad) > 0 ||
		slices.Contains(r.Accounts.Rows, accountName{}) {
		return ids, nil // an account that cannot be read may be any of them
	}
	for _, id := range ids {
		if slices.Contains(r.Accounts.Rows, accountName{wire.Text(id)}) || page.others[id] ||
			slices.ContainsFunc(page.Transactions, func(t bankmux.Transaction) bool { return t.Account == id }) {
			there = append(there, id)
			continue
		}
		failed = append(failed, normalize.Accounts([]string{id}, nil, nil).Failed...)
	}
	return there, failed
}

// rowBytes is about the length of a short row on the wire. The number of rows is estimated from it.
const rowBytes = 512

// lastDay is after the day of any row.
var lastDay = bankmux.NewDate(9999, time.December, 31)

// listPage is a page that takes the rows of some accounts between two days, and counts the others.
type listPage struct {
	bankmux.TransactionPage
	accounts    []string // none means all
	first, last bankmux.Date
	strange     int             // rows of accounts that were not requested
	others      map[string]bool // accounts of rows that were not taken
}

// pageOf returns the page that takes the rows of a list.
func pageOf(list *wire.Rows[transaction], enrich bool) *listPage {
	page := &listPage{last: lastDay, others: map[string]bool{}}
	list.Bad = func(i int) { page.Failed = append(page.Failed, wire.RowFailure("", i+1)) }
	list.Each = func(i int, w *transaction) {
		if i == 0 {
			page.Transactions = make([]bankmux.Transaction, 0, list.Room(rowBytes))
		}
		page.Transactions = wire.AppendZero(page.Transactions)
		last := len(page.Transactions) - 1
		row := &page.Transactions[last]
		fault := w.fill(row, enrich)
		switch {
		case !normalize.IsAsked(page.accounts, row.Account):
			page.strange++
		case !row.Date.IsZero() && (row.Date.Before(page.first) || row.Date.After(page.last)):
			page.Outside++
			page.others[row.Account] = true
		case fault != nil:
			page.Failed = append(page.Failed, bankmux.Failure{
				Account: w.AccountID, Transaction: wire.RowName(w.TransactionID, i+1), Err: fault,
			})
		default:
			return
		}
		*row = bankmux.Transaction{}
		page.Transactions = page.Transactions[:last]
	}
	return page
}

// today is the last day that a transaction can have in any country served. MoneyKit's dates are
// local to the bank. A list of stored rows accepts any day, so the day of the easternmost country
// fits all.
func (a *adapter) today() bankmux.Date { return bankmux.DateOf(a.clock().UTC().Add(time.Hour)) }

// fill writes the row into the model and returns what is wrong with it.
func (w *transaction) fill(t *bankmux.Transaction, enrich bool) *bankmux.Error {
	t.ID, t.Account, t.OriginalID = w.TransactionID, w.AccountID, w.OriginalID
	t.Description, t.RawDescription = w.Description, w.RawDescription
	if t.ID == "" || t.Account == "" {
		return normalize.Unreadable("a transaction without id or account")
	}
	day, fault := normalize.RowDay(w.Date)
	if fault != nil {
		return fault
	}
	t.Date = day
	if t.Status = w.Pending.Status(); t.Status == bankmux.StatusBooked {
		t.BookingDate = day // the date is the posting date, or that of initiation while pending
	}
	if w.Datetime != "" {
		t.At, _ = normalize.Timestamp(w.Datetime)
	}
	if w.Amount.Absent() || w.Amount.Bad() {
		return normalize.Unreadable("an amount that cannot be read exactly")
	}
	amount, fault := normalize.Signed(w.Amount.Value, normalize.DirectionOf(w.Type), w.Currency)
	if fault != nil {
		return fault
	}
	t.Amount = amount
	if enrich {
		t.Enrichment = w.enrichment()
	}
	return nil
}

// enrichment returns MoneyKit's enrichment, or the older category if there is none.
func (w *transaction) enrichment() *bankmux.Enrichment {
	e := &w.Enrichment
	switch {
	case e.Category.Value == "" && w.Category == "":
		return nil
	case e.Category.Value == "":
		return &bankmux.Enrichment{Category: bankmux.Category{Name: w.Category}}
	}
	next, _ := normalize.Day(e.Recurrence.Next)
	return &bankmux.Enrichment{
		Category:    bankmux.Category{Name: e.Category.Value, Confidence: e.Category.Confidence},
		Subcategory: bankmux.Category{Name: e.Subcategory.Value, Confidence: e.Subcategory.Confidence},
		Merchant:    e.Merchant.merchant(),
		Processor:   e.Processor.merchant(),
		Recurrence:  bankmux.Recurrence{Frequency: e.Recurrence.Frequency, Next: next},
	}
}

func (p party) merchant() bankmux.Merchant {
	return bankmux.Merchant{ID: p.ID, Name: p.Name, LogoURL: p.Logo, Confidence: p.Confidence}
}
