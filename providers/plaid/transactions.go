package plaid

// This file reads pages of transactions.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// maxPage is the largest page that Plaid serves.
const maxPage = 500

// TransactionPage reads a page, newest first.
func (a *adapter) TransactionPage(
	ctx context.Context, req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, req, false)
}

// EnrichedTransactionPage reads the same list, which Plaid enriches in any case.
func (a *adapter) EnrichedTransactionPage(
	ctx context.Context, req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, req, true)
}

func (a *adapter) transactionPage(
	ctx context.Context, req bankmux.TransactionsRequest, enrich bool,
) (page bankmux.TransactionPage, err error) {
	mark, err := parseMark(req.Page, "TransactionsRequest.Page")
	if err != nil {
		return page, err
	}
	from, to := req.Days(a.today())
	if to.Before(from) {
		return page, nil // no day that exists yet was requested, so none is covered
	}
	body := mark.request(req.Connection, from, to, req.PageSize)
	body.Options.Original = true
	var out transactionsResponse
	var rows rowReader
	ids, failed, err := a.onKnown(ctx, req.Connection, req.Accounts, func(ids []string) error {
		body.Options.Accounts, out, rows = ids, transactionsResponse{}, rowReader{enrich: enrich}
		rows.fill(&out.Transactions)
		return a.api.do(ctx, endpoints.transactions, body, &out)
	})
	if err != nil {
		return page, err
	}
	if mark.first() {
		page.Failed = failed
	}
	if len(req.Accounts) > 0 && len(ids) == 0 {
		return page, nil
	}
	first, last := req.Limits(a.today())
	page.Transactions = slices.DeleteFunc(rows.rows, func(t bankmux.Transaction) bool {
		strange := !isAsked(ids, t.Account) || t.Date.Before(first) || t.Date.After(last)
		if strange {
			page.Outside++
		}
		return strange
	})
	page.Failed = append(page.Failed, rows.failed...)
	if page.Next, err = mark.next(out.Transactions.N, *out.Total.Value); err != nil {
		return page, err
	}
	if page.Next == "" && !mark.moved && page.Outside == 0 && a.complete(ctx, req.Connection) {
		page.Covered = covered(ids, from, to)
	}
	return page, nil
}

// today is the last day that a transaction can have in any country served. A list accepts any day.
func (a *adapter) today() bankmux.Date { return bankmux.DateOf(a.clock().UTC().Add(3 * time.Hour)) }

// complete reports whether Plaid has fetched the whole history of a connection. Before, a list has
// the last days alone, and only a sync says so. The cursor "now" reads no rows.
func (a *adapter) complete(ctx context.Context, conn bankmux.Connection) bool {
	body := syncRequest{AccessToken: conn.Credential().Reveal(), Cursor: "now", Count: 1}
	var out syncResponse
	new(rowReader).fill(&out.Added)
	new(rowReader).fill(&out.Modified)
	return a.api.do(ctx, endpoints.transactionsSync, body, &out) == nil && out.Status == updateComplete
}

// covered is what a complete list covers.
func covered(ids []string, from, to bankmux.Date) (all []bankmux.Covered) {
	if len(ids) == 0 {
		return []bankmux.Covered{{From: from, To: to}}
	}
	for _, id := range ids {
		all = append(all, bankmux.Covered{Account: id, From: from, To: to})
	}
	return all
}

// onKnown calls read with the ids of a request. Plaid refuses a request with an unknown id as a
// whole. Then it lists the accounts, calls read again with those that exist, and returns failures
// for the others. If none exists, it does not call read again.
func (a *adapter) onKnown(
	ctx context.Context, conn bankmux.Connection, ids []string, read func(ids []string) error,
) (known []string, failed []bankmux.Failure, err error) {
	err = read(ids)
	if len(ids) == 0 || !hasCode(err, "INVALID_ACCOUNT_ID") {
		return ids, nil, err
	}
	out, err := readItem[accountsResponse](ctx, a.api, endpoints.accounts, conn.Credential())
	if err != nil {
		return nil, nil, err
	}
	list, res := out.choose(ids)
	for _, acc := range list {
		known = append(known, acc.AccountID)
	}
	if len(known) == 0 {
		return nil, res.Failed, nil
	}
	return known, res.Failed, read(known)
}

// pageMark is the position in a list that is newest first and shifts while it is read. New rows
// repeat some that were read, which the reader recognizes. If rows were removed, the reading goes
// back by their number. One removed row and one new row between two pages are not noticed.
type pageMark struct {
	offset int
	total  int  // rows when the page before was read; -1 at the start
	shrunk int  // how often the list had fewer rows than before
	moved  bool // the total changed, so that the list is not proved to be complete
}

// maxShrunk is how often a list may shrink while it is read.
const maxShrunk = 10

const markForm = "%d.%d.%d.%t"

// parseMark reads the Next of a page. field names it in the error.
func parseMark(s, field string) (pageMark, error) {
	m := pageMark{total: -1}
	if s == "" {
		return m, nil
	}
	n, err := fmt.Sscanf(s, markForm, &m.offset, &m.total, &m.shrunk, &m.moved)
	if n != 4 || err != nil || m.offset < 0 || m.total < 0 || s != m.String() {
		return m, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: field, Detail: "is not the Next of a page", NotSent: true,
		}
	}
	return m, nil
}

func (m pageMark) String() string { return fmt.Sprintf(markForm, m.offset, m.total, m.shrunk, m.moved) }

// first reports whether nothing was read before.
func (m pageMark) first() bool { return m.total < 0 }

// request is the body for the page at the mark.
func (m pageMark) request(conn bankmux.Connection, from, to bankmux.Date, size int) listRequest {
	return listRequest{
		AccessToken: conn.Credential().Reveal(), From: from.String(), To: to.String(),
		Options: listOptions{Count: min(cmp.Or(size, maxPage), maxPage), Offset: m.offset},
	}
}

// next returns where to continue after a page of n rows out of total, "" at the end.
func (m *pageMark) next(n, total int) (string, error) {
	at := *m
	at.offset += n
	if at.total >= 0 && at.total != total {
		at.moved = true
	}
	if gone := at.total - total; gone > 0 {
		at.offset = max(0, m.offset-gone)
		at.shrunk++
	}
	at.total = total
	at.moved = at.moved || n == 0 && at.offset < total // Plaid announced more rows than it has
	m.moved = at.moved
	switch {
	case at.shrunk > maxShrunk:
		return "", &bankmux.Error{
			Kind: bankmux.ErrMalformed, Scope: bankmux.ScopeCall, Detail: "the list kept shrinking while it was read",
		}
	case at.offset >= total, n == 0 && at.offset >= m.offset:
		return "", nil
	}
	return at.String(), nil
}

// rowReader takes the rows of a list, and failures for those that cannot be read.
type rowReader struct {
	list   string // the list's name, if the response has several
	enrich bool
	rows   []bankmux.Transaction
	failed []bankmux.Failure
}

// rowBytes is about the length of a short row on the wire. The number of rows is estimated from it.
const rowBytes = 512

// fill makes this take the rows of a list.
func (r *rowReader) fill(from *wire.Rows[transaction]) {
	from.Bad = func(i int) { r.fail("", r.place("", i), wire.RowError()) }
	from.Each = func(i int, w *transaction) {
		if i == 0 {
			r.rows = make([]bankmux.Transaction, 0, from.Room(rowBytes))
		}
		r.rows = wire.AppendZero(r.rows)
		last := len(r.rows) - 1
		if fault := w.fill(&r.rows[last], r.enrich); fault != nil {
			r.fail(w.AccountID, r.place(w.TransactionID, i), fault)
			r.rows[last] = bankmux.Transaction{}
			r.rows = r.rows[:last]
		}
	}
}

// place names row i by its id, or else by the list and the row's number.
func (r *rowReader) place(id string, i int) string {
	if id != "" || r.list == "" {
		return wire.RowName(id, i+1)
	}
	return r.list + " " + wire.RowName("", i+1)
}

func (r *rowReader) fail(account, row string, fault *bankmux.Error) {
	r.failed = append(r.failed, bankmux.Failure{Account: account, Transaction: row, Err: fault})
}

// fill writes the row into the model and returns what is wrong with it. A positive amount is money
// out of the account, so its sign changes.
func (w *transaction) fill(t *bankmux.Transaction, enrich bool) (fault *bankmux.Error) {
	t.ID, t.Account, t.Replaces = w.TransactionID, w.AccountID, w.PendingID
	t.Description, t.RawDescription = cmp.Or(w.MerchantName, w.Name), cmp.Or(w.Original, w.Name)
	t.Reference = w.PaymentMeta.Reference
	if t.ID == "" || t.Account == "" {
		return normalize.Unreadable("a transaction without id or account")
	}
	if t.Date, fault = normalize.RowDay(w.Date); fault != nil {
		return fault
	}
	switch w.Pending {
	case wire.FlagTrue:
		t.Status = bankmux.StatusPending
	case wire.FlagFalse:
		t.Status, t.BookingDate = bankmux.StatusBooked, t.Date
	case wire.FlagAbsent, wire.FlagUnreadable: // the status is not known
	}
	if w.Datetime != "" && !strings.Contains(w.Datetime, "T00:00:00") { // midnight stands for a day alone
		t.At, _ = normalize.Timestamp(w.Datetime)
	}
	if !w.Amount.Present() {
		return normalize.Unreadable("a transaction without an amount that can be read exactly")
	}
	if t.Amount, fault = normalize.Amount(w.Amount.Value.Neg(), w.code()); fault != nil {
		return fault
	}
	other := w.PaymentMeta.Payee
	if t.Amount.Sign() > 0 {
		other = w.PaymentMeta.Payer
	}
	if other != "" {
		t.Counterparty = &bankmux.Counterparty{Name: other}
	}
	if enrich {
		t.Enrichment = w.enrichment()
	}
	return nil
}

// enrichment returns what Plaid concluded about the row, nil if there is nothing.
func (w *transaction) enrichment() *bankmux.Enrichment {
	e := bankmux.Enrichment{
		Category:    bankmux.Category{Name: w.Category.Primary, Confidence: percent(w.Category.Confidence)},
		Subcategory: bankmux.Category{Name: w.Category.Detailed, Confidence: percent(w.Category.Confidence)},
		Merchant:    bankmux.Merchant{ID: w.MerchantID, Name: w.MerchantName, LogoURL: w.LogoURL},
	}
	for _, p := range w.Parties {
		switch p.Type {
		case "merchant":
			if p.ID == w.MerchantID || p.Name == w.MerchantName {
				e.Merchant.Confidence = percent(p.Confidence)
			}
		case "payment_app", "payment_terminal", "marketplace":
			if e.Processor == (bankmux.Merchant{}) {
				e.Processor = bankmux.Merchant{
					ID: p.ID, Name: p.Name, LogoURL: p.LogoURL, Confidence: percent(p.Confidence),
				}
			}
		}
	}
	if e == (bankmux.Enrichment{}) {
		return nil
	}
	return &e
}

// percent returns a level of confidence as a number. Plaid publishes one for the two highest alone.
func percent(level string) int {
	switch level {
	case "VERY_HIGH":
		return 99 // more than 98 %
	case "HIGH":
		return 95 // more than 90 %
	}
	return 0
}
