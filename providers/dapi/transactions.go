package dapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
)

// The paths of the three lists of transactions; only the first knows cards.
const (
	plainPath       = "/data/transactions/get"
	categorizedPath = "/data/categorizedTransactions/get"
	enrichedPath    = "/data/enrichedTransactions/get"
)

// rowBytes is about how long a row is on the wire, to guess from how many there are.
const rowBytes = 240

func (a *adapter) now() time.Time { return a.clock().UTC().Truncate(time.Millisecond) }

// TransactionPage reads up to a month of one account or card, the newest first. Each row is on one
// page, whatever days the bank selects by. As a rule that is the page that has its day; where the
// bank takes few days a call, or writes days far from those it selects by, it is the page whose
// call had it.
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
	if w, going := pageWindowOf(req.Answers); going { // nothing may be sent before the answer
		page, err := list.read(ctx, &w, a.now())
		if !refusedDays(err) {
			return page, err
		}
		req.Answers = nil
	}
	days, at, err := a.span(ctx, &req)
	if err != nil || at.to.Before(days.low(at.Split)) {
		return bankmux.TransactionPage{}, err // clamped to nothing: nothing is covered
	}
	var refused error
	for asked := false; ; {
		w := list.window(days, at)
		if w.Last.Before(w.First) { // only the day that is left out is wanted
			if days.fewer(w.window) {
				continue
			}
			return list.nothing(days, at, refused)
		}
		page, err := list.read(ctx, &w, a.now())
		req.Answers, refused = nil, err
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
			if days.earliest.After(before) && !at.to.Before(days.low(at.Split)) {
				continue
			}
		}
		if !days.fewer(w.window) {
			return list.nothing(days, at, err)
		}
	}
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
