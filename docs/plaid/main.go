// Command plaid links a bank through Plaid, reads it, renews the login and takes a webhook.
package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// newClient makes the client with what Plaid's dashboard shows.
func newClient(bank *virtualbank.Bank, server *virtualbank.Server) (*bankmux.Client, error) {
	keys := bank.Credentials().Plaid
	return plaid.New(plaid.Config{
		ClientID:    keys.ClientID,
		Secret:      bankmux.NewSecret(keys.Secret), // each environment has one of its own
		Environment: bankmux.Sandbox,
		AppName:     "Example Bookkeeping", // Link shows it to the user
		BaseURL:     server.PlaidURL,       // leave it out for Plaid itself
		Now:         bank.Now,              // leave it out too
	})
}

// link runs a session from its start to the connection.
func link(ctx context.Context, client *bankmux.Client, user func(bankmux.Launch) (bankmux.Secret, error),
	req bankmux.SessionRequest,
) (bankmux.Connection, error) {
	session, err := client.CreateSession(ctx, req)
	if err != nil {
		return bankmux.Connection{}, err
	}
	posted, err := user(session.Launch) // seal and store the session while the user is away
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: posted,
	})
	return linked.Connection, err
}

// newLink asks for transactions, and for debts where the bank has them.
func newLink(user string) bankmux.SessionRequest {
	return bankmux.SessionRequest{
		User: user, Country: "US",
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true}},
		HistoryDays: 365,
		RedirectURI: "https://app.example.com/oauth",
		WebhookURL:  "https://app.example.com/hooks/plaid",
		Options:     []bankmux.SessionOption{plaid.SessionOptions{Optional: []string{"liabilities"}}},
	}
}

// read waits for the first rows, and reads what is specific to Plaid.
func read(ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client, conn bankmux.Connection) error {
	_, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	fmt.Println("right after the link:", bankmux.KindOf(err))
	if err := bank.Refresh(conn.Reference()); err != nil { // Plaid has fetched everything
		return err
	}
	page, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	if err != nil {
		return err
	}
	for _, text := range []string{"In", "Out", "Coin"} {
		at := slices.IndexFunc(page.Added, func(a bankmux.Added) bool { return a.Row.Description == text })
		fmt.Println(text, page.Added[at].Row.Amount)
	}
	debts, err := plaid.ReadLiabilities(ctx, client, conn)
	if err != nil {
		return err
	}
	for _, debt := range debts {
		fmt.Println(debt.Kind, "due:", debt.Due)
	}
	return nil
}

// renew sends the user through update mode. No token is exchanged: the Item itself is read back.
func renew(ctx context.Context, client *bankmux.Client, user func(bankmux.Launch) (bankmux.Secret, error),
	conn bankmux.Connection,
) (bankmux.Connection, error) {
	return link(ctx, client, user, bankmux.SessionRequest{
		User: conn.User, RedirectURI: "https://app.example.com/oauth",
		WebhookURL: "https://app.example.com/hooks/new", // changed by a call of its own
		Reconnect:  &conn,
	})
}

// take verifies a delivery and prints what it announces. Package inbox does so for all providers.
func take(ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client, conn bankmux.Connection) error {
	header, body := bank.Sign(virtualbank.Webhook{
		Provider: plaid.Name, Event: "TRANSACTIONS:SYNC_UPDATES_AVAILABLE", Reference: conn.Reference(),
	})
	got, err := client.ReadWebhook(ctx, bankmux.NewWebhookRequest(header, body))
	if err != nil {
		return err
	}
	event := got.Events[0]
	fmt.Println(event.Name, "is", event.Kind, "of the connection:", event.ReferenceKey == conn.ReferenceKey)

	body = append(body, ' ') // the signature covers the exact bytes
	_, err = client.ReadWebhook(ctx, bankmux.NewWebhookRequest(header, body))
	fmt.Println("one byte more:", bankmux.KindOf(err))
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := newClient(bank, server)
	if err != nil {
		return err
	}
	user := func(launch bankmux.Launch) (bankmux.Secret, error) {
		posted, err := bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: launch.Token.Reveal()})
		return bankmux.NewSecret(posted), err
	}
	conn, err := link(ctx, client, user, newLink("rosa"))
	if err != nil {
		return err
	}
	fmt.Println("linked:", conn.Institution.Name, conn.Status.State)

	if err := spend(bank, conn); err != nil {
		return err
	}
	if err := read(ctx, bank, client, conn); err != nil {
		return err
	}
	if err := take(ctx, bank, client, conn); err != nil {
		return err
	}
	if err := plaid.ResetLogin(ctx, client, conn); err != nil { // the user changed the password
		return err
	}
	lapsed, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return err
	}
	fmt.Println("later:", lapsed.Connection.Status.State, lapsed.Connection.Status.Code)
	renewed, err := renew(ctx, client, user, lapsed.Connection)
	if err != nil {
		return err
	}
	fmt.Println("renewed:", renewed.Status.State)
	fmt.Println("the same token:", renewed.Credential().Equal(conn.Credential()))
	return nil
}

// spend makes three rows that are easy to find.
func spend(bank *virtualbank.Bank, conn bankmux.Connection) error {
	accounts, err := bank.Accounts(conn.Reference())
	if err != nil {
		return err
	}
	for _, row := range []virtualbank.TransactionSpec{
		{Text: "In", Type: "credit", Amount: "12.50"},
		{Text: "Out", Type: "debit", Amount: "12.50"},
		{Text: "Coin", Type: "debit", Amount: "0.1", Currency: "DOGE"},
	} {
		if err := bank.AddTransaction(conn.Reference(), accounts[0].PlaidID, row); err != nil {
			return err
		}
	}
	return nil
}
