package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
)

func ExampleClient_Accounts() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	res, err := client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range res.Accounts {
		fmt.Println(a.Name, a.Kind, a.Currency)
	}
	// Output:
	// Everyday Checking checking AED
	// Rainy Day Savings savings AED
}

func ExampleClient_Balances() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	res, err := client.Balances(context.Background(), bankmux.BalancesRequest{Connection: conn})
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		log.Print(partial) // names the accounts that failed; the others are in res
	} else if err != nil {
		log.Fatal(err)
	}
	for _, b := range res.Balances {
		if booked, ok := b.Of(bankmux.BalanceBooked); ok { // absent is not zero
			fmt.Println(booked)
		}
	}
	// Output:
	// 20697.57 AED
	// 12934.18 AED
}

func ExampleClient_Transactions() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	req := bankmux.TransactionsRequest{Connection: conn}
	for row, err := range client.Transactions(context.Background(), req) {
		if failure, ok := errors.AsType[bankmux.Failure](err); ok {
			log.Print(failure) // one row or one account; the loop continues
			continue
		}
		if err != nil {
			log.Fatal(err) // the loop has ended
		}
		fmt.Println(row.Date, row.Amount, row.Description)
		break
	}
	// Output: 2026-11-02 -3.78 AED HARBOR COFFEE #464
}

// A bank may ask the user in the middle of a call. The same call with the answers continues.
func ExampleChallenge_Answer() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.RequireInput(conn.Reference(), "", []string{"otp"})

	req := bankmux.AccountsRequest{Connection: conn}
	_, err := client.Accounts(ctx, req)
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		log.Fatal(err)
	}
	fmt.Println(e.Kind, e.Challenge.Inputs[0].Kind)
	req.Answers = e.Challenge.Answer("123456") // from the user
	res, err := client.Accounts(ctx, req)
	fmt.Println(len(res.Accounts), err)
	// Output:
	// user_action_required otp
	// 2 <nil>
}
