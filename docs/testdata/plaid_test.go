// This file is added to the program of the page on linking, together with the change that the page
// on Plaid shows. It links a user at each provider with the code of the application.
package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestThirdProvider(t *testing.T) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	a, err := newApp(server, bank.Credentials())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /link", a.start)
	mux.HandleFunc("POST /link/{session}", a.finish)
	for country, provider := range map[string]string{"US": "moneykit", "AE": "dapi", "NL": plaid.Name} {
		b := browser{bank, mux, "user-" + country}
		started := b.post("/link?country="+country, nil)
		if started.Launch.Provider != provider {
			t.Fatalf("%s: the session is of %q", country, started.Launch.Provider)
		}
		var posted json.RawMessage
		if provider == plaid.Name {
			posted, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: started.Launch.Token.Reveal()})
		} else {
			posted = b.connect(started.Launch)
		}
		if err != nil {
			t.Fatal(err)
		}
		linked := b.post("/link/"+started.Session, posted)
		if linked.State != bankmux.StateActive || linked.Institution.Country != country {
			t.Fatalf("%s: %+v", country, linked)
		}
		conn, err := a.load(bankmux.Ref{Provider: provider, Environment: bankmux.Sandbox, User: b.user, ID: linked.ID})
		if err != nil {
			t.Fatal(err)
		}
		client, err := a.registry.For(conn)
		if err != nil {
			t.Fatal(err)
		}
		read, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		if err != nil || len(read.Accounts) == 0 {
			t.Fatal(country, len(read.Accounts), err)
		}
	}
}
