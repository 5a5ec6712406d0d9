package plaid_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// linked links a bank of the virtual bank in memory.
func linked() (*bankmux.Client, bankmux.Connection) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	keys := bank.Credentials().Plaid
	client, err := plaid.New(plaid.Config{
		ClientID:    keys.ClientID,
		Secret:      bankmux.NewSecret(keys.Secret),
		Environment: bankmux.Sandbox,
		HTTPClient:  &http.Client{Transport: inMemory{bank.Plaid()}},
		Now:         bank.Now,
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.CreateSession(context.Background(), bankmux.SessionRequest{
		User: "user-1", Country: "US",
		Options: []bankmux.SessionOption{plaid.SessionOptions{Optional: []string{"liabilities"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	posted, err := bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	res, err := client.ExchangeToken(context.Background(), bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		log.Fatal(err)
	}
	return client, res.Connection
}

// The old access token no longer works, so the application stores the new connection at once.
func ExampleRotateToken() {
	client, conn := linked()
	ctx := context.Background()
	renewed, err := plaid.RotateToken(ctx, client, conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(renewed.ID == conn.ID)
	_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	fmt.Println(bankmux.KindOf(err))
	_, err = client.Accounts(ctx, bankmux.AccountsRequest{Connection: renewed})
	fmt.Println(err)
	// Output:
	// true
	// not_found
	// <nil>
}

// What is owed is negative. The balances of the account have what is due as well.
func ExampleReadLiabilities() {
	client, conn := linked()
	debts, err := plaid.ReadLiabilities(context.Background(), client, conn)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range debts {
		fmt.Println(d.Kind, d.Due, d.DueDate, d.Overdue)
		for _, rate := range d.Rates {
			fmt.Println(rate.Kind, rate.Percent)
		}
	}
	// Output:
	// credit -25.00 USD 2026-11-27 false
	// purchase_apr 15.24
}
