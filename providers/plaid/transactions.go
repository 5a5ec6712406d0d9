package plaid

// This file reads pages of transactions.

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/paging"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
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
	place, since, _ := strings.Cut(req.Page, pageCursor)
	mark, err := paging.ParseOffset(place, "TransactionsRequest.Page")
	if err != nil {
		return page, err
	}
	from, to := req.Days(a.today())
	if to.Before(from) {
		return page, nil // no day that exists yet was requested, so none is covered
	}
	if mark.First() {
		if since, err = a.unchanged(ctx, req.Connection, "now"); err != nil {
			return page, err
		}
	}
	body := listRequest(mark, req.Connection, from, to, req.PageSize)
	body.Options.Original = true
	var out transactionsResponse
	var rows *wire.Transactions[transaction]
	ids, failed, err := a.onKnown(ctx, req.Connection, req.Accounts, func(ids []string) error {
		body.Options.Accounts, out, rows = ids, transactionsResponse{}, rowReader("", enrich)
		rows.Accounts = ids
		rows.First, rows.Last = req.Limits(a.today())
		rows.Take(&out.Transactions)
		return transactionsGet.into(ctx, a.api, body, &out)
	})
	first := mark.First()
	if first {
		page.Failed = failed
	}
	if err != nil || out.Total.Value == nil { // no account exists
		return page, err
	}
	page.Transactions, page.Outside = rows.Rows, rows.Outside
	page.Failed = append(page.Failed, rows.Failed...)
	if page.Next, err = mark.Next(out.Transactions.N, *out.Total.Value); err != nil {
		return page, err
	}
	switch {
	case since == "" || mark.Moved() || page.Outside > 0: // no day is covered
	case page.Next != "":
		page.Next += pageCursor + since
	case first || a.stayed(ctx, req.Connection, since):
		page.Covered = normalize.Covered(ids, from, to)
	}
	return page, nil
}

// today is the last day that a transaction can have in any country served. A list accepts any day.
func (a *adapter) today() bankmux.Date { return bankmux.DateOf(a.cfg.Now().UTC().Add(3 * time.Hour)) }

// pageCursor separates the place in a list from the cursor that the reading started at.
const pageCursor = "@"

// stayed reports whether it is proved that no row changed since a cursor.
func (a *adapter) stayed(ctx context.Context, conn bankmux.Connection, since string) bool {
	now, err := a.unchanged(ctx, conn, since)
	return err == nil && now != ""
}

// unchanged returns the present cursor of a connection if no row changed since another one, and ""
// otherwise. The cursor "now" has no rows. The result is "" until Plaid has fetched the whole
// history. A list has the last days alone until then, and only a sync says so.
func (a *adapter) unchanged(ctx context.Context, conn bankmux.Connection, since string) (string, error) {
	body := itemRequest{AccessToken: conn.Credential().Reveal(), Cursor: since, Count: 1}
	var out syncResponse
	rowReader("", false).Take(&out.Added)
	rowReader("", false).Take(&out.Modified)
	err := transactionsSync.into(ctx, a.api, body, &out)
	if out.Status != updateComplete || out.Added.N+out.Modified.N+out.Removed.Len() > 0 {
		return "", err
	}
	return string(out.Next), err
}

// onKnown calls read with the ids of a request. Plaid refuses a request with an unknown id as a
// whole. Then it lists the accounts, calls read again with those that exist, and returns failures
// for the others. If none exists, it does not call read again.
func (a *adapter) onKnown(
	ctx context.Context, conn bankmux.Connection, ids []string, read func(ids []string) error,
) (known []string, failed []bankmux.Failure, err error) {
	err = read(ids)
	if len(ids) == 0 || !normalize.HasCode(err, "INVALID_ACCOUNT_ID") {
		return ids, nil, err
	}
	out, err := accountsGet.ofItem(ctx, a.api, &conn)
	if err != nil {
		return nil, nil, err
	}
	_, res := out.choose(ids)
	known = normalize.AccountIDs(res.Accounts)
	if len(known) == 0 {
		return nil, res.Failed, nil
	}
	return known, res.Failed, read(known)
}

// listRequest is the body for a page of a list between two days.
func listRequest(at paging.Offset, conn bankmux.Connection, from, to bankmux.Date, size int) itemRequest {
	return itemRequest{
		AccessToken: conn.Credential().Reveal(), From: from.String(), To: to.String(),
		Options: &itemOptions{Count: min(cmp.Or(size, maxPage), maxPage), Offset: at.Start()},
	}
}

// rowReader returns what takes the rows of a list. name is the list's, if the response has several.
func rowReader(name string, enrich bool) *wire.Transactions[transaction] {
	const rowBytes = 512 // about the length of a short row
	return &wire.Transactions[transaction]{
		List: name, Bytes: rowBytes,
		Fill: func(w *transaction, t *bankmux.Transaction) *bankmux.Error { return w.fill(t, enrich) },
	}
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
	if t.Status = w.Pending.Status(); t.Status == bankmux.StatusBooked {
		t.BookingDate = t.Date
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
		Category:    bankmux.Category{Name: w.Category.Primary, Confidence: model.Confidence(w.Category.Confidence)},
		Subcategory: bankmux.Category{Name: w.Category.Detailed, Confidence: model.Confidence(w.Category.Confidence)},
		Merchant:    bankmux.Merchant{ID: w.MerchantID, Name: w.MerchantName, LogoURL: w.LogoURL},
	}
	for _, p := range w.Parties {
		switch p.Type {
		case "merchant":
			if p.ID == w.MerchantID || p.Name == w.MerchantName {
				e.Merchant.Confidence = model.Confidence(p.Confidence)
			}
		case "payment_app", "payment_terminal", "marketplace":
			e.Processor = cmp.Or(e.Processor, p.merchant()) // the first one counts
		}
	}
	if e == (bankmux.Enrichment{}) {
		return nil
	}
	return &e
}

func (p party) merchant() bankmux.Merchant {
	return bankmux.Merchant{ID: p.ID, Name: p.Name, LogoURL: p.LogoURL, Confidence: model.Confidence(p.Confidence)}
}
