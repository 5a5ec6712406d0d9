// Command quick links a bank, syncs its transactions and ends the access.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	ctx := context.Background()
	bank := virtualbank.New(virtualbank.Options{Seed: 1}) // plays Dapi and the user
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	check(err)
	keys := bank.Credentials().Dapi

	client, err := dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
	})
	check(err)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "dapi"}})
	check(err)

	// Your back end makes a session. Its Launch goes to the browser.
	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", Country: "AE"})
	check(err)

	// The browser runs the provider's page and posts what comes out.
	payload, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey})
	check(err)

	// Your back end exchanges it for a connection.
	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(payload),
	})
	check(err)
	conn := linked.Connection
	fmt.Println(conn.Institution.Name, "is", conn.Status.State)

	// Your back end syncs its data, with the client that issued the connection.
	ledger := bankmux.NewMemoryLedger() // package store has one in a database
	_, err = client.SyncAll(ctx, bankmux.SyncAllRequest{Connection: conn, Ledger: ledger})
	check(err)
	for id := range ledger.Accounts(conn) {
		fmt.Println("an account with transactions:", len(ledger.Rows(id)) > 0)
	}

	// The user leaves.
	ended, err := client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
	check(err)
	fmt.Println(ended.Connection.Status.State)
}

func check(err error) {
	if err != nil {
		log.Fatal(err) // one line that says what to do
	}
}
