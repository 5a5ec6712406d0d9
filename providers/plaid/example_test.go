package plaid_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// Example is a complete flow against the virtual bank: a session, Link, the exchange and the
// status. With real credentials, leave out BaseURL and Now, and let the front end open Link.
func Example() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	keys := bank.Credentials().Plaid
	client, err := plaid.New(plaid.Config{
		ClientID:    keys.ClientID,
		Secret:      bankmux.NewSecret(keys.Secret),
		Environment: bankmux.Sandbox,
		AppName:     "Example Bookkeeping",
		BaseURL:     server.PlaidURL,
		Now:         bank.Now,
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{
			{Product: bankmux.ProductTransactions, Required: true}, {Product: bankmux.ProductIdentity},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	// The virtual bank plays the user, and returns what the front end would post.
	posted, err := bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		log.Fatal(err)
	}
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: linked.Connection})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(linked.Connection.Institution.Name, linked.Connection.Products)
	for _, a := range accounts.Accounts {
		fmt.Println(a.Name, a.Kind, a.Currency)
	}
	// Output:
	// Northwind Bank [accounts enrichment identity transactions]
	// Everyday Checking checking USD
	// Rainy Day Savings savings USD
	// Travel Card credit_card USD
	// Car Loan loan USD
	// Brokerage investment USD
}

func ExampleNew() {
	client, err := plaid.New(plaid.Config{
		ClientID:    "5f0c1d2e3a4b5c6d7e8f9a0b",
		Secret:      bankmux.NewSecret("the secret of the environment"),
		Environment: "development",
	})
	fmt.Println(client, errors.Is(err, bankmux.ErrInvalid))
	// Output: <nil> true
}

func ExampleSessionOptions() {
	req := bankmux.SessionRequest{
		User: "user-1", Country: "US",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true}},
		Options: []bankmux.SessionOption{plaid.SessionOptions{
			Optional: []string{"liabilities"}, // debts then have the amount that is due
			Hosted:   &plaid.HostedLink{CompletionRedirectURI: "https://app.example.com/linked"},
		}},
	}
	fmt.Println(len(req.Options))
	// Output: 1
}

func ExampleClientUserID() {
	fmt.Println(plaid.ClientUserID("user-1"))
	fmt.Println(plaid.ClientUserID("ada@example.com")) // Plaid refuses an e-mail address
	// Output:
	// user-1
	// bankmux-user-tfyF5VdV-eDQMKEKtEKbaylEhV-aDWAHf-gyvsvEHXI
}

// A user may link several banks in one run. Each is a connection.
func ExampleCreateUser() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	keys := bank.Credentials().Plaid
	client, err := plaid.New(plaid.Config{
		ClientID:    keys.ClientID,
		Secret:      bankmux.NewSecret(keys.Secret),
		Environment: bankmux.Sandbox,
		HTTPClient:  &http.Client{Transport: inMemory{bank.Plaid()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	user, err := plaid.CreateUser(ctx, client, "user-1")
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: "US",
		Options: []bankmux.SessionOption{plaid.SessionOptions{UserID: user, MultiItem: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for i, bankID := range []string{"ins_109508", "ins_900101"} { // the user links two banks
		_, err := bank.LinkPlaid(virtualbank.PlaidLink{
			LinkToken: session.Launch.Token.Reveal(), InstitutionID: bankID, More: i == 0,
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret("{}"), // Link gives the page no token
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, conn := range linked.All() {
		fmt.Println(conn.Institution.Name)
	}
	// Output:
	// First Platypus Bank
	// Northwind Bank
}
