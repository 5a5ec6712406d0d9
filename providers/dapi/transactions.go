package dapi

import (
	"context"
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

// TransactionPage reads up to a month of one account or card, the newest first.
func (a *adapter) TransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	return a.byDays(req.Connection, plainPath).TransactionPage(ctx, req)
}

// EnrichedTransactionPage adds category and brand. Dapi has them for accounts only.
func (a *adapter) EnrichedTransactionPage(
	ctx context.Context,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	if len(req.Cards) > 0 {
		return bankmux.TransactionPage{}, &bankmux.Error{
			Kind:    bankmux.ErrUnsupported,
			Field:   "TransactionsRequest.Enrich",
			Detail:  "Dapi does not enrich the transactions of cards",
			NotSent: true,
		}
	}
	return a.byDays(req.Connection, enrichedPath).TransactionPage(ctx, req)
}
