package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/bankmux/bankmux"
)

// A bank asks the user for a one-time password while balances are read. The challenge waits as JSON
// until the user answers. Any process can resume the call, without knowing which call it was.
func ExampleClient_Resume() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.RequireInput(conn.Reference(), "", []string{"otp"})

	_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		log.Fatal(err)
	}
	row := must(json.Marshal(e.Challenge)) // encrypt it like the connection

	var ch bankmux.Challenge
	if err := json.Unmarshal(row, &ch); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the bank asks for:", ch.Inputs[0].Kind)
	res, err := client.Resume(ctx, bankmux.ResumeRequest{Connection: conn, Answers: ch.Answer("123456")})
	if err != nil {
		log.Fatal(err) // perhaps with the next challenge
	}
	switch {
	case res.Balances != nil:
		fmt.Println("store the balances of", len(res.Balances.Balances), "accounts")
	case res.Sync != nil:
		fmt.Println("store a page and its cursor", res.Sync.Next)
	}
	// Output:
	// the bank asks for: otp
	// store the balances of 2 accounts
}

func ExampleClient_AwaitRefresh() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-rosa", "US")
	s.bank.Advance(2 * time.Hour) // MoneyKit allows one refresh per hour
	started := must(client.Refresh(ctx, bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	}))
	s.bank.Advance(time.Minute) // the bank takes a while
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	res, err := client.AwaitRefresh(ctx, started)
	for _, product := range res.Products {
		if product.Product == bankmux.ProductTransactions {
			fmt.Println(product.Product, product.RefreshedAt.UTC().Format(time.DateTime), err)
		}
	}
	// Output: transactions 2026-11-02 11:00:10 <nil>
}

func ExampleClient_Capabilities() {
	s := openSandbox()
	defer s.close()
	for _, client := range s.registry.Clients() {
		fmt.Println(client.Name(), client.Has(bankmux.CapCards), client.Has(bankmux.CapHoldings),
			len(client.Capabilities()) > 5)
	}
	// Output:
	// dapi true false true
	// moneykit false true true
}
