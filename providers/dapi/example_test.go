package dapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// Example is a complete flow against the virtual bank: a session, the front end, the exchange and
// a read. With real credentials, leave out BaseURL and Now, and let the front end open Connect.
func Example() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	keys := bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
		Now:         bank.Now,
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "AE"})
	if err != nil {
		log.Fatal(err)
	}
	// The virtual bank plays the user, and returns what the front end would post.
	posted, err := bank.LinkDapi(virtualbank.DapiLink{
		AppKey: session.Launch.AppKey, Countries: session.Launch.Countries,
	})
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
	// Everyday Checking checking AED
	// Rainy Day Savings savings AED
}

// New sends nothing. Its error names the field.
func ExampleNew() {
	_, err := dapi.New(dapi.Config{AppKey: "app-key", AppSecret: bankmux.NewSecret("app-secret")})
	e, _ := errors.AsType[*bankmux.Error](err)
	fmt.Println(e.Kind, e.Field, e.Detail)
	// Output:
	// invalid_request dapi.Config.Environment is neither sandbox nor production
}

// A session with settings that only Dapi has. They reach the front end in Launch.
func ExampleSessionOptions() {
	s := openSandbox()
	defer s.close()
	session, err := s.client.CreateSession(context.Background(), bankmux.SessionRequest{
		User: "user-1",
		Options: []bankmux.SessionOption{dapi.SessionOptions{
			Countries: []string{"AE", "SA"}, Experimental: true,
		}},
	})
	fmt.Println(session.Launch.Countries, session.Launch.Parameters, err)
	// Output:
	// [AE SA] map[isExperimental:true] <nil>
}

func ExampleBankMetadata() {
	s := openSandbox()
	defer s.close()
	bank, err := dapi.BankMetadata(context.Background(), s.client, s.conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bank.Institution.Name, bank.TransactionDays, "days of transactions")
	fmt.Println("smallest local transfer:", bank.Smallest["local"])
	// Output:
	// Emirates NBD Bank PJSC 90 days of transactions
	// smallest local transfer: 1.00 AED
}

// One call reads accounts and balances, where balances alone cost a call per account.
func ExampleCompleteAccounts() {
	s := openSandbox()
	defer s.close()
	accounts, balances, err := dapi.CompleteAccounts(context.Background(), s.client, s.conn, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(accounts), "accounts,", len(balances.Balances), "balances")
	// Output:
	// 2 accounts, 2 balances
}

func ExampleCategorizedTransactions() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	accounts, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: s.conn})
	if err != nil {
		log.Fatal(err)
	}
	page, err := dapi.CategorizedTransactions(ctx, s.client, bankmux.TransactionsRequest{
		Connection: s.conn,
		Accounts:   []string{accounts.Accounts[0].ID},
		From:       bankmux.NewDate(2026, time.October, 28),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range page.Transactions {
		if row.Enrichment != nil {
			fmt.Println(row.Date, row.Amount, row.Enrichment.Category.Name)
		}
	}
	// Output:
	// 2026-11-02 -3.78 AED food_and_drink
	// 2026-11-01 -1200.00 AED mortgage_and_rent
	// 2026-11-01 -7.79 AED food_and_drink
}

// The operation of a challenge can be read while the user answers.
func ExampleReadOperation() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	if err := s.bank.RequireInput(s.conn.Reference(), "", []string{"otp"}); err != nil {
		log.Fatal(err)
	}
	_, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: s.conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		log.Fatal(err)
	}
	operation, err := dapi.ReadOperation(ctx, s.client, s.conn, e.Challenge.ID)
	fmt.Println(operation.Status, operation.Path, err)
	// Output:
	// user_input_required /v2/data/accounts/get <nil>
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
	keys := bank.Credentials().Dapi
	client := must(dapi.New(dapi.Config{
		AppKey: keys.AppKey, AppSecret: bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: server.DapiURL, Now: bank.Now,
	}))
	ctx := context.Background()
	session := must(client.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "AE"}))
	user := virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: session.Launch.Countries}
	linked := must(client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(must(bank.LinkDapi(user))),
	}))
	return sandbox{bank, client, linked.Connection, func() { _ = server.Close() }}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
