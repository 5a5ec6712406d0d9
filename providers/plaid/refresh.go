package plaid

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// refreshes are the endpoints that refresh a product.
var refreshes = map[bankmux.Product]endpoint[doneResponse]{
	bankmux.ProductTransactions: transactionsRefresh,
	bankmux.ProductEnrichment:   transactionsRefresh,
	bankmux.ProductInvestments:  investmentsRefresh,
}

// Refresh makes Plaid fetch transactions or investments. Each is a call of its own that Plaid
// bills, so a request names one of them. Plaid does not say whether it has finished: the time of
// the last update then moves, even if nothing is new.
func (a *adapter) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	var at endpoint[doneResponse]
	for _, p := range req.Products {
		one := refreshes[p]
		if one.path == "" || at.path != "" && at != one {
			return bankmux.RefreshResult{}, normalize.Unsupported(
				"RefreshRequest.Products", "Plaid refreshes transactions or investments, each in a call of its own")
		}
		at = one
	}
	before, err := a.item(ctx, &req.Connection)
	if err != nil {
		return bankmux.RefreshResult{}, normalize.Unsent(err)
	}
	if _, err := at.ofItem(ctx, a.api, &req.Connection); err != nil {
		return bankmux.RefreshResult{}, err
	}
	return bankmux.RefreshResult{Connection: req.Connection, Products: before.productStatuses()}, nil
}
