package guard_test

// This file has the example of drift.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
)

// OnDrift gets the name of what a provider adds, once and without its value.
func ExampleOptions_onDrift() {
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"accounts":[{"id":"a-1","overdraft":"250.00"}]}`)
	}))
	defer provider.Close()
	g := guard.New(guard.Options{OnDrift: func(_ context.Context, d guard.Drift) {
		fmt.Printf("%s sends a new %s at %s: %s\n", d.Client, d.Kind, d.Endpoint, d.Member)
	}})

	// The constructor of an adapter takes the guard and does this.
	client := rest.New(rest.Config{
		BaseURL: provider.URL,
		Drift:   rest.Drift{Guard: g, Client: "acme", Provider: "acme"},
	})
	for range 3 {
		res, err := client.Do(context.Background(), rest.Request{Method: http.MethodGet, Path: "/accounts"})
		if err != nil {
			fmt.Println(err)
			return
		}
		var body struct {
			Accounts []struct {
				ID string `json:"id"`
			} `json:"accounts"`
		}
		if err := res.Decode(&body); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// acme sends a new member at GET /accounts: accounts[].overdraft
}
