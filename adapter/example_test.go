package adapter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// catalogue maps the provider's codes to kinds.
var catalogue = normalize.NewCatalogue(
	normalize.Row{Code: "grant_ended", Kind: bankmux.ErrReauth, Detail: "the grant has ended"},
)

// api is the HTTP side of an adapter.
type api struct {
	rest *rest.Client
	key  bankmux.Secret
}

// get sends one read and decodes its response.
func (a *api) get(ctx context.Context, path string, out any) (*rest.Response, error) {
	res, err := a.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: path, Bearer: a.key.Reveal()})
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		var failed struct {
			Code string `json:"code"`
		}
		_ = res.Decode(&failed) // without a code, the status decides
		return nil, catalogue.Error(
			normalize.Failure{
				Endpoint:   res.Endpoint(),
				Code:       failed.Code,
				Status:     res.Status,
				RetryAfter: res.RetryAfter,
			},
		)
	}
	return res, res.Decode(out)
}

// balances decodes a list in which a row may be unreadable.
func (a *api) balances(ctx context.Context, path string) error {
	var body struct {
		Accounts wire.List[struct {
			ID     string      `json:"id"`
			Amount wire.Number `json:"amount"`
		}] `json:"accounts"`
	}
	res, err := a.get(ctx, path, &body)
	switch {
	case err != nil:
		return err
	case !body.Accounts.Present:
		return res.Lacks("accounts")
	}
	for _, account := range body.Accounts.Rows {
		fmt.Println(account.ID, account.Amount.Value)
	}
	fmt.Println(len(body.Accounts.Bad), "unreadable")
	return nil
}

// An adapter sends through one client and classifies failures with one catalogue. An unreadable row
// does not affect the other rows.
func Example() {
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/accounts":
			fmt.Fprint(w, `{"accounts":[{"id":"a-1","amount":"12.50"},7]}`)
		case "/ended":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"code":"grant_ended"}`)
		default:
			fmt.Fprint(w, `{}`)
		}
	}))
	defer bank.Close()
	a := &api{rest.New(rest.Config{BaseURL: bank.URL}), bankmux.NewSecret("key")}
	for _, path := range []string{"/accounts", "/ended", "/empty"} {
		if err := a.balances(context.Background(), path); err != nil {
			fmt.Println(bankmux.KindOf(err))
		}
	}
	// Output:
	// a-1 12.50
	// 1 unreadable
	// reauth_required
	// malformed_response
}
