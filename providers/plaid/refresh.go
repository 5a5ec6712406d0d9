package plaid

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Refresh makes Plaid fetch transactions or investments. Each is a call of its own that Plaid
// bills, so a request names one of them. Plaid does not say whether it has finished: the time of
// the last update then moves, even if nothing is new.
func (a *adapter) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	var at endpoint
	for _, p := range req.Products {
		one := endpoint{}
		switch p {
		case bankmux.ProductTransactions, bankmux.ProductEnrichment:
			one = endpoints.refreshTransactions
		case bankmux.ProductInvestments:
			one = endpoints.refreshInvestments
		}
		if one == (endpoint{}) || at != (endpoint{}) && at != one {
			return bankmux.RefreshResult{}, normalize.Unsupported(
				"RefreshRequest.Products", "Plaid refreshes transactions or investments, each in a call of its own")
		}
		at = one
	}
	access := req.Connection.Credential()
	before, err := a.api.item(ctx, access)
	if err != nil {
		return bankmux.RefreshResult{}, normalize.Unsent(err)
	}
	if _, err := readItem[doneResponse](ctx, a.api, at, access); err != nil {
		return bankmux.RefreshResult{}, err
	}
	return bankmux.RefreshResult{Connection: req.Connection, Products: before.productStatuses()}, nil
}
