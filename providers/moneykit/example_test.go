package moneykit_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// Example is a complete flow against the virtual bank: a session, the front end, the exchange and
// a read. With real credentials, leave out BaseURL and Now, and let the front end run Connect.
func Example() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	keys := bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.MoneyKitURL,
		Now:          bank.Now,
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		log.Fatal(err)
	}
	// The virtual bank plays the user, and returns what the front end would post.
	posted, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
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
	for _, a := range accounts.Accounts {
		fmt.Println(a.Name, a.Kind, a.Currency)
	}
	// Output:
	// Everyday Checking checking USD
	// Rainy Day Savings savings USD
	// Travel Card credit_card USD
	// Car Loan loan USD
	// Brokerage investment USD
}

// New sends nothing. Its error names the field.
func ExampleNew() {
	_, err := moneykit.New(moneykit.Config{
		ClientID:     "client-id",
		ClientSecret: bankmux.NewSecret("client-secret"),
	})
	e, _ := errors.AsType[*bankmux.Error](err)
	fmt.Println(e.Kind, e.Field, e.Detail)
	// Output:
	// invalid_request moneykit.Config.Environment is neither sandbox nor production
}

// A session with settings that only MoneyKit has.
func ExampleSessionOptions() {
	s := openSandbox()
	defer s.close()
	_, err := s.client.CreateSession(context.Background(), bankmux.SessionRequest{
		User: "user-1", Country: "GB", RedirectURI: "https://app.example.com/oauth",
		Options: []bankmux.SessionOption{moneykit.SessionOptions{
			Countries: []string{"GB", "US"},
			Features:  moneykit.ConnectFeatures{DuplicateInstitutionWarning: true},
		}},
	})
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleCustomerID() {
	fmt.Println(moneykit.CustomerID("user-1"))
	fmt.Println(moneykit.CustomerID("7")) // MoneyKit refuses ids of less than four characters
	// Output:
	// user-1
	// bankmux-user-eQJpm-Qsio5G-7tFAXJlF-hrIsVqGJ92JabaSQgbJFE
}

// Links of the application name no user, only the reference key that a connection has, too.
func ExampleLinks() {
	s := openSandbox()
	defer s.close()
	for link, err := range moneykit.Links(context.Background(), s.client) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(link.ReferenceKey == s.conn.ReferenceKey, link.CreatedAt.Format(time.DateOnly))
	}
	// Output:
	// true 2026-11-02
}

func ExampleUserLinks() {
	s := openSandbox()
	defer s.close()
	links, err := moneykit.UserLinks(context.Background(), s.client, "user-1")
	if err != nil {
		log.Fatal(err)
	}
	link := links[s.conn.ReferenceKey]
	fmt.Println(link.Institution.Name, link.Status.State)
	// Output:
	// Northwind Bank active
}

func ExampleUserAccounts() {
	s := openSandbox()
	defer s.close()
	accounts, err := moneykit.UserAccounts(context.Background(), s.client, "user-1")
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range accounts[s.conn.ReferenceKey] {
		fmt.Println(a.Name, a.Kind)
	}
	// Output:
	// Everyday Checking checking
	// Rainy Day Savings savings
	// Travel Card credit_card
	// Car Loan loan
	// Brokerage investment
}

// One list has the rows of all links of a user, newest first.
func ExampleUserTransactions() {
	s := openSandbox()
	defer s.close()
	from, to := bankmux.NewDate(2026, time.October, 30), bankmux.NewDate(2026, time.October, 31)
	for row, err := range moneykit.UserTransactions(context.Background(), s.client, "user-1", from, to) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.Date, row.Amount, row.Description)
	}
	// Output:
	// 2026-10-31 -24.59 USD Restaurant
	// 2026-10-31 -6.58 USD Restaurant
	// 2026-10-30 -54.65 USD Groceries
}

func ExampleReadAccount() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	accounts, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: s.conn})
	if err != nil {
		log.Fatal(err)
	}
	one, err := moneykit.ReadAccount(ctx, s.client, s.conn, accounts.Accounts[0].ID)
	fmt.Println(one.Name, one.Kind, err)
	// Output:
	// Everyday Checking checking <nil>
}

// A nil field of the update changes nothing.
func ExampleUpdateLink() {
	s := openSandbox()
	defer s.close()
	webhook := "https://app.example.com/webhooks/moneykit"
	link, err := moneykit.UpdateLink(context.Background(), s.client, s.conn, moneykit.LinkUpdate{Webhook: &webhook})
	fmt.Println(link.Webhook, err)
	// Output:
	// https://app.example.com/webhooks/moneykit <nil>
}

// After a reset the user must log in again, which tests the reconnect of an application.
func ExampleResetLink() {
	s := openSandbox()
	defer s.close()
	link, err := moneykit.ResetLink(context.Background(), s.client, s.conn)
	fmt.Println(link.Status.State, err)
	// Output:
	// reauth_required <nil>
}

// Data of another aggregator become a link, and the link a connection.
func ExampleImportLink() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	balance, err := bankmux.NewMoney("1250.40", "USD")
	if err != nil {
		log.Fatal(err)
	}
	link, err := moneykit.ImportLink(ctx, s.client, moneykit.Import{
		User:        "user-1",
		Institution: "northwind",
		Accounts: []moneykit.ImportAccount{
			{ID: "old-1", Name: "Everyday", Type: "depository.checking", Balance: balance},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := moneykit.Adopt(ctx, s.client, "user-1", link.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.User, conn.Status.State)
	// Output:
	// user-1 reauth_required
}

func ExampleImportTransactions() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	link, err := moneykit.ImportLink(ctx, s.client, moneykit.Import{
		User:        "user-1",
		Institution: "northwind",
		Accounts:    []moneykit.ImportAccount{{ID: "old-1", Name: "Everyday", Type: "depository.checking"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := moneykit.Adopt(ctx, s.client, "user-1", link.ID)
	if err != nil {
		log.Fatal(err)
	}
	spent, err := bankmux.NewMoney("-3.20", "USD")
	if err != nil {
		log.Fatal(err)
	}
	_, err = moneykit.ImportTransactions(ctx, s.client, conn, []moneykit.ImportTransaction{
		{Account: "old-1", ID: "t-1", Amount: spent, Date: bankmux.NewDate(2026, time.October, 30), Description: "Coffee"},
	})
	fmt.Println(err)
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		fmt.Println(row.OriginalID, row.Amount, row.Description, err)
	}
	// Output:
	// <nil>
	// t-1 -3.20 USD Coffee <nil>
}

// MoneyKit returns the corrected transaction and similar ones.
func ExampleCorrectEnrichment() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: s.conn, PageSize: 1}) {
		if err != nil {
			log.Fatal(err)
		}
		rows, err := moneykit.CorrectEnrichment(ctx, s.client, s.conn, moneykit.Correction{
			Transaction: row.ID, Category: "shopping", Subcategory: "other_shopping",
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(rows[0].Enrichment.Category.Name, rows[0].Enrichment.Subcategory.Name)
		break
	}
	// Output:
	// shopping other_shopping
}

// MoneyKit sends the delivery to the webhook of the link.
func ExampleTestWebhook() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	webhook := "https://app.example.com/webhooks/moneykit"
	if _, err := moneykit.UpdateLink(ctx, s.client, s.conn, moneykit.LinkUpdate{Webhook: &webhook}); err != nil {
		log.Fatal(err)
	}
	token, err := moneykit.TestWebhook(ctx, s.client, s.conn, "link.state_changed", "delivery-1")
	fmt.Println(token != "", err)
	// Output:
	// true <nil>
}

func ExampleWebhookKeys() {
	s := openSandbox()
	defer s.close()
	keys, err := moneykit.WebhookKeys(context.Background(), s.client)
	fmt.Println(len(keys), err)
	// Output:
	// 1 <nil>
}

// sandbox is a virtual bank with one link of user-1, for the examples of single functions.
type sandbox struct {
	bank   *virtualbank.Bank
	client *bankmux.Client
	conn   bankmux.Connection
	close  func()
}

func openSandbox() sandbox {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server := must(virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0"))
	keys := bank.Credentials().MoneyKit
	client := must(moneykit.New(moneykit.Config{
		ClientID: keys.ClientID, ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL, Now: bank.Now,
	}))
	ctx := context.Background()
	session := must(client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	}))
	user := virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()}
	linked := must(client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(must(bank.LinkMoneyKit(user))),
	}))
	return sandbox{bank, client, linked.Connection, func() { _ = server.Close() }}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
