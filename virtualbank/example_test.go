package virtualbank_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// New opens a bank, and Start serves it. The client of an adapter uses one of the two addresses.
func Example() {
	bank := virtualbank.New(virtualbank.Options{})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0") // port 0 selects a free port
	if err != nil {
		panic(err)
	}
	defer server.Close()
	keys := bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		BaseURL:      server.MoneyKitURL,
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		Now:          bank.Now, // the bank's clock
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		panic(err)
	}

	// The application opens a session. The bank plays the user in Connect.
	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-rosa", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		panic(err)
	}
	posted, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	if err != nil {
		panic(err)
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(linked.Connection.Institution.Name)

	// The user's consent ends. The client reports it.
	if err := bank.Lapse(linked.Connection.Reference()); err != nil {
		panic(err)
	}
	_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: linked.Connection})
	fmt.Println(errors.Is(err, bankmux.ErrReauth))

	// Output:
	// Northwind Bank
	// true
}

// A Refusal is the error of an action that the bank cannot carry out.
func ExampleRefusal() {
	bank := virtualbank.New(virtualbank.Options{})
	appKey := bank.Credentials().Dapi.AppKey
	_, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: appKey, Password: "wrong"})
	refusal, ok := errors.AsType[*virtualbank.Refusal](err)
	fmt.Println(ok, refusal.Status, refusal.Reason)
	// Output: true 422 wrong username or password at Emirates NBD
}

// Advance moves the bank's clock, so that nothing has to wait.
func ExampleBank_Advance() {
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	bank := virtualbank.New(virtualbank.Options{Start: start})
	bank.Advance(90 * 24 * time.Hour)
	fmt.Println(bank.Now().Format(time.DateOnly))
	// Output: 2027-02-21
}

// Inject makes requests fail. A fault with Times applies to as many requests.
func ExampleBank_Inject() {
	bank := virtualbank.New(virtualbank.Options{})
	fault := virtualbank.Fault{Name: "unavailable", Operation: "GET /.well-known/jwks.json", Times: 1}
	if err := bank.Inject(fault); err != nil {
		panic(err)
	}
	for range 2 {
		w := httptest.NewRecorder()
		bank.MoneyKit().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil))
		fmt.Println(w.Code)
	}
	for _, request := range bank.Requests() {
		fmt.Printf("%s: fault %q\n", request.Operation, request.Fault)
	}
	// Output:
	// 503
	// 200
	// GET /.well-known/jwks.json: fault "unavailable"
	// GET /.well-known/jwks.json: fault ""
}

// Stage makes a situation happen: here a pending row is posted a day later with a tip.
func ExampleBank_Stage() {
	bank := virtualbank.New(virtualbank.Options{})
	raw, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: bank.Credentials().Dapi.AppKey})
	if err != nil {
		panic(err)
	}
	var login struct{ ConnectionID string }
	if err := json.Unmarshal(raw, &login); err != nil {
		panic(err)
	}
	if err := bank.Stage(login.ConnectionID, virtualbank.Tip); err != nil {
		panic(err)
	}
	for range 2 {
		rows, err := bank.Transactions(login.ConnectionID)
		if err != nil {
			panic(err)
		}
		for _, row := range rows {
			if len(row.Text) > 6 && row.Text[:6] == "Staged" {
				fmt.Println(row.Amount, "pending:", row.Pending)
			}
		}
		bank.Advance(24 * time.Hour)
	}
	// Output:
	// -50.00 pending: true
	// -59.00 pending: false
}

// Deliver sends the webhooks that are due to the address of the application.
func ExampleBank_Deliver() {
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("received a delivery with a signature:", r.Header.Get("Svix-Signature") != "")
	}))
	defer app.Close()
	bank := virtualbank.New(virtualbank.Options{})
	bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: app.URL})
	err := bank.Announce("", virtualbank.Webhook{
		Provider: "dapi", Event: "connection.state_changed", Reference: "connection-1",
	})
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tally, err := bank.Deliver(context.Background(), client)
	fmt.Println(tally.Sent, tally.Accepted, err)
	// Output:
	// received a delivery with a signature: true
	// 1 1 <nil>
}

// Delivery and Forge return requests for the handler of an application. A valid delivery verifies,
// a forged one does not.
func ExampleBank_Forge() {
	bank := virtualbank.New(virtualbank.Options{})
	keys := bank.Credentials().Dapi
	secrets, _, _ := bank.WebhookSecrets()
	client, err := dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		Now:         bank.Now,
		Webhook:     dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}},
	})
	if err != nil {
		panic(err)
	}
	webhook := virtualbank.Webhook{Provider: "dapi", Event: "connection.deleted", Reference: "connection-1"}
	header, body := bank.Sign(webhook)
	_, err = client.ReadWebhook(context.Background(), bankmux.NewWebhookRequest(header, body))
	fmt.Println("valid:", err)

	forged, err := bank.Forge("wrong_key", "/hooks/dapi", webhook)
	if err != nil {
		panic(err)
	}
	body, err = io.ReadAll(forged.Body)
	if err != nil {
		panic(err)
	}
	_, err = client.ReadWebhook(context.Background(), bankmux.NewWebhookRequest(forged.Header, body))
	fmt.Println("forged:", errors.Is(err, bankmux.ErrSignature))
	// Output:
	// valid: <nil>
	// forged: true
}

// RemoteClock follows the clock of a bank in another process.
func ExampleRemoteClock() {
	bank := virtualbank.New(virtualbank.Options{Start: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer server.Close()
	now, err := virtualbank.RemoteClock(server.MoneyKitURL) // Now in the configuration of an adapter
	if err != nil {
		panic(err)
	}
	bank.Advance(24 * time.Hour)
	fmt.Println(now().Format(time.DateOnly))
	// Output: 2026-11-23
}
