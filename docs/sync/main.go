// Command sync keeps a ledger in step with a bank, also when the user links the bank again.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// sync brings the ledger in step.
func (l *ledger) sync(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	res, err := client.SyncAll(ctx, bankmux.SyncAllRequest{
		Connection: conn,
		Ledger:     l, // below
		Progress: func(p bankmux.SyncProgress) { // for a progress bar
			log.Printf("%d of %d accounts, %d rows, the last ones from %s to %s", p.Done, p.Total, p.Rows, p.From, p.To)
		},
	})
	if _, partial := errors.AsType[*bankmux.PartialError](err); partial {
		log.Print(err) // some accounts could not be read; the others are stored
		err = nil
	}
	for _, a := range res.Unnamed {
		log.Print("ask the user which account this is: ", a.ID)
	}
	return err
}

// byPage brings the ledger in step without SyncAll. It names no accounts and stores no failures.
func (l *ledger) byPage(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	for {
		from, err := l.SyncState(ctx, conn)
		if err != nil {
			return err
		}
		page, err := client.Sync(ctx, bankmux.SyncRequest{
			Connection: conn,
			Cursor:     from.Cursor,
			Name:       func(id string) string { return l.names[id] }, // your own id of an account
			Known:      l.Known,
		})
		if _, partial := errors.AsType[*bankmux.PartialError](err); err != nil && !partial {
			return err // nothing of this page is stored; the pages before it are
		}
		for _, failure := range page.Failed {
			log.Print(failure) // an account or a row that could not be read; the rest is good
		}
		to := from
		to.Version, to.Cursor, to.More = from.Version+1, page.Next, page.More
		stored, err := l.StoreDelta(ctx, conn, from, page, to)
		if err != nil {
			return err
		}
		if stored && !page.More {
			return nil
		}
	}
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	client, err := open(bank)
	if err != nil {
		return err
	}
	first, err := link(ctx, bank, client)
	if err != nil {
		return err
	}
	l := newLedger()
	if err := l.sync(ctx, client, first); err != nil {
		return err
	}
	rows := len(l.entries)
	l.entries[0].note = "shared with Ana"
	fmt.Println("more than 500 rows:", rows > 500)

	// A day later the bank has one row more.
	coffee := virtualbank.TransactionSpec{Text: "COFFEE", Amount: "3.20", Type: "debit"}
	account := slices.Sorted(maps.Keys(l.names))[0]
	if err := bank.AddTransaction(first.Reference(), account, coffee); err != nil {
		return err
	}
	if err := bank.Refresh(first.Reference()); err != nil {
		return err
	}
	if err := l.sync(ctx, client, first); err != nil {
		return err
	}
	fmt.Println("new:", len(l.entries)-rows)
	rows = len(l.entries)

	// The user links the same bank once more: every id is another.
	second, err := link(ctx, bank, client)
	if err != nil {
		return err
	}
	if err := l.sync(ctx, client, second); err != nil {
		return err
	}
	if err := l.byPage(ctx, client, second); err != nil {
		return err
	}
	fmt.Println("accounts:", len(l.accounts))
	fmt.Println("doubled:", len(l.entries)-rows)
	fmt.Println("note:", l.entries[0].note)
	_, err = client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: first})
	return err
}

func open(bank *virtualbank.Bank) (*bankmux.Client, error) {
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	keys := bank.Credentials().MoneyKit
	return moneykit.New(moneykit.Config{
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.MoneyKitURL,
	})
}

func link(ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client) (bankmux.Connection, error) {
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "rosa", RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	payload, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "rosa", Payload: bankmux.NewSecret(payload),
	})
	return linked.Connection, err
}
