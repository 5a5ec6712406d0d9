package moneykit

import (
	"context"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// refreshable are the products a refresh can name (MoneyKit's SDK models).
var refreshable = []bankmux.Product{
	bankmux.ProductAccounts, bankmux.ProductAccountNumbers, bankmux.ProductIdentity,
	bankmux.ProductTransactions, bankmux.ProductInvestments, bankmux.ProductEnrichment,
}

// refresh is POST /links/{id}/products: 202, and the work goes on.
func (a *api) refresh(ctx context.Context, link string, products []string) (linkData, error) {
	var answer linkData
	res, err := a.do(ctx, rest.Request{
		Method:     http.MethodPost,
		Path:       "/links/{id}/products",
		PathParams: map[string]string{"id": link},
		JSON:       refreshBody{products},
	}, &answer)
	if err == nil && (answer.LinkID == "" || answer.State == "") {
		err = res.Lacks("link_id or state")
	}
	return answer, err
}

// Refresh makes MoneyKit fetch products: accounts and transactions once an hour, numbers and
// identity once a day for each link; more is [bankmux.ErrRateLimited].
func (a *adapter) Refresh(ctx context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	var names []string
	for _, p := range req.Products {
		if !slices.Contains(refreshable, p) {
			return bankmux.RefreshResult{}, &bankmux.Error{
				Kind:    bankmux.ErrUnsupported,
				Field:   "RefreshRequest.Products",
				Detail:  "MoneyKit cannot refresh all of them",
				NotSent: true,
			}
		}
		names = append(names, string(p))
	}
	conn := req.Connection
	l, err := a.api.refresh(ctx, conn.Credential().Reveal(), names)
	if err != nil {
		return bankmux.RefreshResult{}, err
	}
	if err := alive(&l); err != nil {
		return bankmux.RefreshResult{}, err
	}
	return bankmux.RefreshResult{Connection: conn, Products: productStatuses(l.Products)}, nil
}
