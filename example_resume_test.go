package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
)

// A bank asks the user for a one-time password while balances are read. The challenge waits as JSON
// until the user answers. Whichever process gets the answer takes the call on, without knowing
// which call it was.
func ExampleClient_Resume() {
	ctx := context.Background()
	client, conn := exampleAsker()

	_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Accounts: []string{"acc-1"}})
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		log.Fatal(err)
	}
	row, err := json.Marshal(e.Challenge) // encrypt it like the connection
	if err != nil {
		log.Fatal(err)
	}

	var ch bankmux.Challenge
	if err := json.Unmarshal(row, &ch); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the bank asks for:", ch.Inputs[0].Kind)
	res, err := client.Resume(ctx, bankmux.ResumeRequest{Connection: conn, Answers: ch.Answer("123456")})
	if err != nil {
		log.Fatal(err)
	}
	switch {
	case res.Balances != nil:
		fmt.Println("store", len(res.Balances.Balances), "balance of", res.Balances.Balances[0].Account)
	case res.Sync != nil:
		fmt.Println("store a page and its cursor", res.Sync.Next)
	}
	// Output:
	// the bank asks for: otp
	// store 1 balance of acc-1
}

// exampleAsker returns a client of a bank that asks the user, and a connection to it.
func exampleAsker() (*bankmux.Client, bankmux.Connection) {
	client := bankmux.NewClient("asker", &asker{fake: fake{provider: "asker", env: bankmux.Sandbox}})
	session, err := client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-1"})
	if err != nil {
		log.Fatal(err)
	}
	linked, err := client.ExchangeToken(context.Background(), bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(goodPayload),
	})
	if err != nil {
		log.Fatal(err)
	}
	return client, linked.Connection
}
