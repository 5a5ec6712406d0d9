package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// link returns a bank in this process, a client of it, and a connection of one user.
func link(t *testing.T) (*virtualbank.Bank, *bankmux.Client, bankmux.Connection) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	servers, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = servers.Close() })
	client, err := connect(servers.MoneyKitURL, bank.Credentials().MoneyKit, bank.Now)
	if err != nil {
		t.Fatal(err)
	}
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{
		User: "user-rosa", Country: "US", RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	posted, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	linked, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		t.Fatal(err)
	}
	return bank, client, linked.Connection
}

func TestBalances(t *testing.T) {
	t.Run("an amount keeps its digits and its currency", func(t *testing.T) {
		bank, client, conn := link(t)
		accounts, err := bank.Accounts(conn.Reference())
		if err != nil {
			t.Fatal(err)
		}
		spec := virtualbank.BalanceSpec{Current: "12.50"}
		if err := bank.SetBalance(conn.Reference(), accounts[0].MoneyKitID, spec); err != nil {
			t.Fatal(err)
		}
		got, err := balances(t.Context(), client, conn)
		if err != nil || got[accounts[0].Name] != "12.50 USD" {
			t.Fatal(got, err)
		}
	})

	t.Run("a rate limit is an error with the time to wait", func(t *testing.T) {
		bank, client, conn := link(t)
		if err := bank.Inject(virtualbank.Fault{Name: "rate_limited_seconds", Times: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the provider asks for 7 s
		defer cancel()
		_, err := balances(ctx, client, conn)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || e.Kind != bankmux.ErrRateLimited || e.RetryAfter != 7*time.Second {
			t.Fatal(err)
		}
	})

	t.Run("a consent that ended is a reconnect", func(t *testing.T) {
		bank, client, conn := link(t)
		if err := bank.Lapse(conn.Reference()); err != nil {
			t.Fatal(err)
		}
		now, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		if err != nil || now.Connection.Status.State != bankmux.StateReauth {
			t.Fatal(now.Connection.Status, err)
		}
	})
}

// follow reads all pages from a cursor. It returns how many rows were removed, and the next cursor.
func follow(t *testing.T, client *bankmux.Client, conn bankmux.Connection, cursor string) (removed int, next string) {
	t.Helper()
	for {
		page, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		removed, cursor = removed+len(page.Removed), page.Next
		if !page.More {
			return removed, cursor
		}
	}
}

func TestSync(t *testing.T) {
	t.Run("a row that the bank withdraws is removed", func(t *testing.T) {
		bank, client, conn := link(t)
		_, cursor := follow(t, client, conn, "")
		if err := bank.Stage(conn.Reference(), virtualbank.Withdrawn); err != nil {
			t.Fatal(err)
		}
		bank.Advance(24 * time.Hour) // the bank's clock, which the client follows
		if err := bank.Refresh(conn.Reference()); err != nil {
			t.Fatal(err)
		}
		if removed, _ := follow(t, client, conn, cursor); removed != 1 {
			t.Fatal(removed, "rows were removed")
		}
	})
}
