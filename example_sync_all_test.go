package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
)

// A bank asks for a one-time password while transactions are read. The question is stored in the
// ledger, and another process sends the user's answer.
func ExampleClient_SyncAll() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.RequireInput(conn.Reference(), "", []string{"otp"})
	ledger := bankmux.NewMemoryLedger() // an application has a database, such as that of package store

	req := bankmux.SyncAllRequest{Connection: conn, Ledger: ledger}
	_, err := client.SyncAll(ctx, req)
	fmt.Println("the bank asks:", errors.Is(err, bankmux.ErrUserAction))

	// A timer may call meanwhile. Nothing is sent.
	state := must(ledger.SyncState(ctx, conn))
	_, err = client.SyncAll(bankmux.WithoutUser(ctx), req)
	fmt.Println("it still asks for:", bankmux.ErrorOf(err).Challenge.Inputs[0].Kind)

	req.Answers = state.Challenge.Answer("123456")
	res, err := client.SyncAll(ctx, req)
	if err != nil {
		log.Fatal(err) // perhaps with the next challenge
	}
	for name, account := range ledger.Accounts(conn) {
		fmt.Println(account.Kind, "has rows:", len(ledger.Rows(name)) > 0)
	}
	fmt.Println("complete:", !res.State.More)
	// Unordered output:
	// the bank asks: true
	// it still asks for: otp
	// checking has rows: true
	// savings has rows: true
	// credit_card has rows: true
	// complete: true
}
