package moneykit

import (
	"context"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// Refresh makes MoneyKit fetch products. MoneyKit allows accounts and transactions once an hour,
// numbers and identity once a day, for each link. More is [bankmux.ErrRateLimited].
func (a *adapter) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	var names []string
	for _, p := range req.Products {
		if !slices.Contains(refreshable, p) {
			return bankmux.RefreshResult{}, normalize.Unsupported(
				"RefreshRequest.Products", "MoneyKit cannot refresh all of them")
		}
		names = append(names, string(p))
	}
	conn := req.Connection
	l, err := refreshProducts.fetch(ctx, a.api, &rest.Request{
		PathParams: byID(conn.Credential().Reveal()), JSON: refreshBody{names},
	})
	if err != nil {
		return bankmux.RefreshResult{}, err
	}
	if err := alive(&l); err != nil {
		return bankmux.RefreshResult{}, err
	}
	return bankmux.RefreshResult{Connection: conn, Products: productStatuses(l.Products)}, nil
}

// refreshable are the products that a refresh can name (MoneyKit's SDK models).
var refreshable = []bankmux.Product{
	bankmux.ProductAccounts, bankmux.ProductAccountNumbers, bankmux.ProductIdentity,
	bankmux.ProductTransactions, bankmux.ProductInvestments, bankmux.ProductEnrichment,
}
