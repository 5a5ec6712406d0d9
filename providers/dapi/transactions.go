package dapi

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wire"
)

// opTransactions is the operation of this file, as errors name it.
const opTransactions = "Transactions"

// The paths of the three lists of transactions; only the first knows cards.
const (
	plainPath       = "/data/transactions/get"
	categorizedPath = "/data/categorizedTransactions/get"
	enrichedPath    = "/data/enrichedTransactions/get"
)

// rowBytes is about how long a row is on the wire, to guess from how many there are.
const rowBytes = 240

func (a *adapter) now() time.Time { return a.clock().UTC().Truncate(time.Millisecond) }

// TransactionPage reads up to a month of one account or card, the newest first. Each row is on the page
// that has its day, whatever days the bank selects by.
func (a *adapter) TransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	return a.transactionPage(ctx, plainPath, req)
}

// EnrichedTransactionPage adds category and brand. Dapi has them for accounts only.
func (a *adapter) EnrichedTransactionPage(ctx context.Context, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	if len(req.Cards) > 0 {
		return bankmux.TransactionPage{}, &bankmux.Error{Kind: bankmux.ErrUnsupported, Field: "TransactionsRequest.Enrich", Detail: "Dapi does not enrich the transactions of cards", NotSent: true}
	}
	return a.transactionPage(ctx, enrichedPath, req)
}

func (a *adapter) transactionPage(ctx context.Context, path string, req bankmux.TransactionsRequest) (bankmux.TransactionPage, error) {
	if len(req.Accounts)+len(req.Cards) != 1 {
		return bankmux.TransactionPage{}, &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "TransactionsRequest", Detail: "does not name exactly one account or card", NotSent: true}
	}
	list := &listing{api: a.api, path: path, req: &req}
	if w, going := windowOf(req.Answers); going { // nothing may be sent before the answer
		page, err := list.read(ctx, w, a.now())
		if !refusedDays(err) {
			return page, err
		}
		req.Answers = nil
	}
	days, at, err := a.span(ctx, &req)
	if err != nil || at.to.Before(days.first) {
		return bankmux.TransactionPage{}, err // clamped to nothing: nothing is covered
	}
	for asked := false; ; {
		w := list.window(days, at)
		page, err := list.read(ctx, w, a.now())
		req.Answers = nil
		if !refusedDays(err) {
			return page, err
		}
		if !asked { // the bank may serve fewer days than it said an hour ago
			asked = true
			before := days.earliest
			n, unread := a.daysAfterRefusal(ctx, req.Connection)
			if unread == nil {
				unread = days.serve(n, &req)
			}
			if unread != nil {
				return bankmux.TransactionPage{}, unread
			}
			if days.earliest.After(before) && !at.to.Before(days.first) {
				continue
			}
		}
		if !days.fewer(w) {
			return list.nothing(days, at, err)
		}
	}
}

// listing reads a page of a list.
type listing struct {
	api     *api
	path    string
	req     *bankmux.TransactionsRequest
	account bankmux.Transaction // what all rows have in common
}

// window is what the page asks for, with where the next begins.
func (l *listing) window(days *windows, at pageAt) window {
	w := days.next(at.to)
	w.Drifted = at.drifted
	if w.First.After(days.first) {
		next := pageAt{to: w.First.AddDays(-1), size: days.size, drifted: at.drifted}
		w.Next = next.String()
	}
	if _, last := l.req.Limits(days.last); l.req.Page == "" {
		w.Last = later(w.Last, last) // a day of value may be one that has not come
	}
	return w
}

// read makes the call of a window and returns its page.
func (l *listing) read(ctx context.Context, w window, now time.Time) (bankmux.TransactionPage, error) {
	page := bankmux.TransactionPage{AsOf: now}
	l.account = bankmux.Transaction{Card: len(l.req.Cards) == 1, Account: slices.Concat(l.req.Accounts, l.req.Cards)[0]}
	body := l.api.rowsOf(&l.req.Connection, l.account.Account, l.account.Card)
	body.FromDate, body.ToDate = w.From.String(), w.To.String()
	drifted := w.Drifted
	err := l.api.transactions(ctx, opTransactions, l.path, l.req.Connection, l.req.Answers, body, func(i, left int, read *transaction) {
		if page.Transactions == nil {
			page.Transactions = make([]bankmux.Transaction, 0, left/rowBytes+1)
		}
		page.Transactions = append(page.Transactions, l.account)
		last := len(page.Transactions) - 1
		row := &page.Transactions[last]
		fault := read.fill(row)
		dated, own := !row.Date.IsZero(), w.has(row.Date)
		if dated && !w.asked(row.Date) {
			drifted = true
			if !own {
				page.Outside++
			}
		}
		switch {
		case dated && !own: // another page has it, or nobody asked for it
		case fault != nil:
			page.Failed = append(page.Failed, bankmux.Failure{Account: l.account.Account, Transaction: wire.RowName("", i+1), Err: fault})
		default:
			return
		}
		page.Transactions = page.Transactions[:last]
	})
	if err != nil {
		return bankmux.TransactionPage{}, interrupted(err, w)
	}
	covered := bankmux.Covered{Account: l.account.Account, Card: l.account.Card, From: w.First, To: earlier(w.Last, w.To)}
	page.Next = w.Next
	if drifted { // what was selected before the days asked for may have been written on the first of them
		covered.From = later(covered.From, w.From.AddDays(maxSlack))
		if page.Next != "" && !w.Drifted {
			page.Next += drift
		}
	}
	if !covered.From.After(covered.To) {
		page.Covered = []bankmux.Covered{covered}
	}
	return page, nil
}

// nothing is the page of days that the bank refuses one by one.
func (l *listing) nothing(days *windows, at pageAt, refused error) (bankmux.TransactionPage, error) {
	if l.req.Page == "" || refusesGaps(l.req) {
		return bankmux.TransactionPage{}, refused
	}
	gap := bankmux.Covered{Account: l.account.Account, Card: l.account.Card, From: days.first, To: at.to}
	return bankmux.TransactionPage{Gaps: []bankmux.Covered{gap}}, nil
}

// interrupted keeps with a challenge what the adapter needs to go on.
func interrupted(err error, state any) error {
	e := asError(err)
	if e == nil || e.Challenge == nil {
		return err
	}
	raw, marshalErr := json.Marshal(state)
	if marshalErr != nil {
		return err // days and texts: cannot fail
	}
	kept, ch := *e, *e.Challenge
	ch.State = raw
	kept.Challenge = &ch
	return &kept
}
