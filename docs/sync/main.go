// Command sync keeps a ledger in step with a bank, also when the user links the bank again.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/reconcile"
	"github.com/bankmux/bankmux/virtualbank"
)

// start names the accounts of a new connection and fills the ledger.
func (l *ledger) start(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		return err
	}
	l.carry(nil, accounts.Accounts) // below; here every account is new
	return l.sync(ctx, client, conn)
}

// sync brings the ledger in step. Call it after a webhook, and once a day without one.
func (l *ledger) sync(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	for {
		from := l.position(conn)
		page, err := client.Sync(ctx, bankmux.SyncRequest{
			Connection: conn,
			Cursor:     from.cursor,
			Name:       l.account, // your own id of an account, which survives a new link
			Known:      l.between, // your rows of an account between two days
		})
		if _, partial := errors.AsType[*bankmux.PartialError](err); err != nil && !partial {
			return err // nothing of this page is stored; the pages before it are
		}
		for _, failure := range page.Failed {
			log.Print(failure) // an account or a row that could not be read; the rest is good
		}
		if !l.store(conn, from, page) {
			continue // another sync of the connection was faster: read on from where it is
		}
		if !page.More {
			return nil
		}
	}
}

// carry gives the accounts of a new link, or of another provider, the names they had. Only the user
// can decide about those that it returns.
func (l *ledger) carry(before, after []bankmux.Account) (unsure []reconcile.Pair, ambiguous []reconcile.Ambiguity) {
	m := reconcile.Match(before, after)
	for _, p := range m.Pairs {
		if p.Confidence < reconcile.Likely {
			unsure = append(unsure, p)
			continue
		}
		l.names[p.New.ID] = l.names[p.Old.ID]
	}
	for _, a := range m.OnlyNew {
		l.names[a.ID] = "account " + a.ID // a new account: a name of your own
	}
	return unsure, m.Ambiguous
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
	if err := l.start(ctx, client, first); err != nil {
		return err
	}
	before, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: first})
	if err != nil {
		return err
	}
	rows := len(l.entries)
	l.entries[0].note = "shared with Ana"
	fmt.Println("more than 500 rows:", rows > 500)

	// A day later the bank has one row more.
	coffee := virtualbank.TransactionSpec{Text: "COFFEE", Amount: "3.20", Type: "debit"}
	if err := bank.AddTransaction(first.Reference(), before.Accounts[0].ID, coffee); err != nil {
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
	after, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: second})
	if err != nil {
		return err
	}
	unsure, ambiguous := l.carry(before.Accounts, after.Accounts)
	fmt.Println("to ask the user:", len(unsure)+len(ambiguous))
	if err := l.sync(ctx, client, second); err != nil {
		return err
	}
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
