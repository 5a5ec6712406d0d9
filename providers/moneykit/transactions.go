package moneykit

import (
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

// Page sizes of lists with page numbers. MoneyKit raised its limit from 100 to 1000 over the years;
// 100 always worked, and what is asked for above it is served by today's.
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

func sizeOr(asked int) int {
	if asked == 0 {
		return pageSize
	}
	return min(asked, maxPageSize)
}

// pageMark is where a reading of a list with page numbers goes on. The lists are newest first and
// shift while they are read: rows that come repeat some, which the reader knows again; rows that go
// pull others onto pages already read. So it is known by position what was seen. As the total
// moves, it is unknown at which end: what was seen wherever it moved stays seen, and the rest is
// read again. One row that goes while another comes moves no total, and is not noticed.
type pageMark struct {
	page  int // to read now
	total int // when the page before was read; -1 at the beginning
	seen  int // all rows before this position were read
	from  int // and those from here
	to    int // to here, where there is a gap in between
	far   int // the furthest page read
	stuck int // pages in a row that were not the furthest
	size  int // rows a page, where the provider serves fewer than were asked for; 0 if it does not
	moves int // how often the total moved, or rows said days that were not asked for
}

// ask is how many rows to ask for.
func (m pageMark) ask(size int) int {
	if m.size > 0 {
		return m.size
	}
	return size
}

// maxStuck is how long a list may go on shrinking without letting the reading on.
const maxStuck = 10

const markForm = "%d.%d.%d.%d.%d.%d.%d.%d.%d"

func parseMark(s, field string) (pageMark, error) {
	m := pageMark{page: 1, total: -1}
	if s == "" {
		return m, nil
	}
	n, err := fmt.Sscanf(s, markForm, &m.page, &m.total, &m.seen, &m.from, &m.to, &m.far, &m.stuck, &m.size, &m.moves)
	if n != 9 || err != nil || m.page < 1 || s != m.String() {
		return m, &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   field,
			Detail:  "is not the Next of a page",
			NotSent: true,
		}
	}
	return m, nil
}

func (m pageMark) String() string {
	return fmt.Sprintf(markForm, m.page, m.total, m.seen, m.from, m.to, m.far, m.stuck, m.size, m.moves)
}

// first reports whether nothing was read before.
func (m pageMark) first() bool { return m.far == 0 }

// moved reports whether the total, now this, moved since the reading began, or rows said other days
// than were asked for. Then a row that was not read may be there all the same.
func (m pageMark) moved(total int) bool { return m.moves > 0 || (m.total >= 0 && m.total != total) }

// next says where to go on after a page of n rows out of total, "" at the end. The total is not
// trusted to end the reading: a full page is followed by another.
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
		m.size = n // MoneyKit's limit was 100 for years, and nobody says what becomes of more
	}
	size = m.ask(size)
	begin := (m.page - 1) * size
	switch {
	case begin > m.seen && n > 0: // a gap, read later
		m.from, m.to = begin, begin+n
	case begin <= m.seen:
		if n == 0 || (n < size && begin+n >= total) {
			return "", nil
		}
		m.seen = max(m.seen, begin+size)
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
			Detail: "the list went on shrinking while it was read",
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

// EnrichedTransactionPage is the same list; MoneyKit enriches it anyway.
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
		return bankmux.TransactionPage{}, nil // tomorrow, somewhere: there is nothing yet, and nothing is covered
	}
	size := sizeOr(req.PageSize)
	var out transactionsResponse
	page := out.page(enrich)
	page.first, page.last = req.Limits(a.today())
	page.accounts = req.Accounts
	query := window(req.Accounts, from, to, size, mark)
	if err = a.api.transactions(ctx, req.Connection.Credential().Reveal(), query, &out); err != nil {
		return bankmux.TransactionPage{}, err
	}
	page.AsOf = asOf(out.Link, out.product())
	if page.Outside > 0 {
		mark.moves++ // rows are selected by other days than they say, so nothing is proved to be complete
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
		page.Covered = covered(there, from, to)
	}
	return page.TransactionPage, nil
}

// split parts the accounts that were asked for into those that the link has and the others. What
// MoneyKit does about an unknown id is not documented; an answer that names accounts, but not this
// one, and has no row of it, does not know it.
func (r *transactionsResponse) split(ids []string, page *listPage) (there []string, failed []bankmux.Failure) {
	if !r.Accounts.Present || len(r.Accounts.Bad) > 0 ||
		slices.Contains(r.Accounts.Rows, accountName{}) {
		return ids, nil // one that cannot be read may be any of them
	}
	for _, id := range ids {
		if slices.Contains(r.Accounts.Rows, accountName{wire.Text(id)}) || page.others[id] ||
			slices.ContainsFunc(page.Transactions, func(t bankmux.Transaction) bool { return t.Account == id }) {
			there = append(there, id)
			continue
		}
		failed = append(failed, noAccount(id))
	}
	return there, failed
}

// rowBytes is about how long a short row is on the wire, to guess from how many there are.
const rowBytes = 512

// lastDay is the day of no row.
var lastDay = bankmux.NewDate(9999, time.December, 31)

// listPage is a page that takes the rows of some accounts between two days and counts the others.
type listPage struct {
	bankmux.TransactionPage
	accounts    []string // none means all
	first, last bankmux.Date
	strange     int             // rows of accounts that were not asked for
	others      map[string]bool // accounts of rows that were not taken
}

// page returns the page that the answer's rows will go to.
func (r *transactionsResponse) page(enrich bool) *listPage {
	page := &listPage{last: lastDay, others: map[string]bool{}}
	r.Transactions.Bad = func(i int) { page.Failed = append(page.Failed, wire.RowFailure("", i+1)) }
	r.Transactions.Each = func(i int, w *transaction) {
		if i == 0 {
			page.Transactions = make([]bankmux.Transaction, 0, r.Transactions.Room(rowBytes))
		}
		page.Transactions = wire.AppendZero(page.Transactions)
		last := len(page.Transactions) - 1
		row := &page.Transactions[last]
		fault := w.fill(row, enrich)
		switch {
		case !isAsked(page.accounts, row.Account):
			page.strange++
		case !row.Date.IsZero() && (row.Date.Before(page.first) || row.Date.After(page.last)):
			page.Outside++
			page.others[row.Account] = true
		case fault != nil:
			page.Failed = append(
				page.Failed,
				bankmux.Failure{Account: w.AccountID, Transaction: wire.RowName(w.TransactionID, i+1), Err: fault},
			)
		default:
			return
		}
		*row = bankmux.Transaction{}
		page.Transactions = page.Transactions[:last]
	}
	return page
}

// today is the last day a transaction can have in any country served. MoneyKit's dates are local to
// the bank, and a list of stored rows refuses no day, so the day of the easternmost country does
// for all.
func (a *adapter) today() bankmux.Date { return bankmux.DateOf(a.clock().UTC().Add(time.Hour)) }

func covered(ids []string, from, to bankmux.Date) []bankmux.Covered {
	if len(ids) == 0 {
		return []bankmux.Covered{{From: from, To: to}}
	}
	var all []bankmux.Covered
	for _, id := range ids {
		all = append(all, bankmux.Covered{Account: id, From: from, To: to})
	}
	return all
}

// fill writes the row into the model, or says what is wrong with it.
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
	switch w.Pending {
	case wire.FlagTrue:
		t.Status = bankmux.StatusPending
	case wire.FlagFalse, wire.FlagAbsent:
		t.Status = bankmux.StatusBooked
		t.BookingDate = day // MoneyKit's date is the posting date, and while pending the day of initiation
	case wire.FlagUnreadable: // the status is not known
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

// enrichment is what MoneyKit concluded, or the older category where there is nothing newer.
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
