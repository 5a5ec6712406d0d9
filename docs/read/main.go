// Command read prints balances and transactions of three users at three providers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// balances prints what is booked on each account.
func balances(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, a := range accounts.Accounts {
		names[a.ID] = a.Name
	}
	res, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Known: accounts.Accounts})
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		log.Print(partial) // names the accounts that failed; the others are in res
	} else if err != nil {
		return err
	}
	for _, b := range res.Balances {
		if booked, ok := b.Of(bankmux.BalanceBooked); ok { // absent is not zero
			fmt.Printf("  %-18s %12s\n", names[b.Account], booked)
		}
	}
	return nil
}

// transactions prints the newest rows of all accounts and counts those of 90 days.
func transactions(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	rows := 0
	for row, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		if failure, ok := errors.AsType[bankmux.Failure](err); ok {
			log.Print(failure) // one row or one account; the loop continues
			continue
		}
		if err != nil {
			return err // the loop has ended
		}
		if rows++; rows <= 3 {
			fmt.Printf("  %s %12s  %s\n", row.Date, row.Amount, row.Description)
		}
	}
	fmt.Println("  rows:", rows)
	return nil
}

// refresh makes a provider that serves stored data fetch it again from the bank.
func refresh(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	started, err := client.Refresh(ctx, bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // Dapi: every read goes to the bank
	}
	if err != nil {
		return err // rate_limited: once an hour at MoneyKit, twice a minute at Plaid
	}
	_, err = client.AwaitRefresh(ctx, started)
	return err
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	registry, err := open(bank)
	if err != nil {
		return err
	}
	for user, country := range users {
		conn, err := link(ctx, bank, registry, user, country)
		if err != nil {
			return err
		}
		client, err := registry.For(conn)
		if err != nil {
			return err
		}
		fmt.Println(user, "at", conn.Institution.Name)
		for _, step := range []func(context.Context, *bankmux.Client, bankmux.Connection) error{
			refresh, balances, transactions,
		} {
			if err := step(ctx, client, conn); err != nil {
				return err
			}
		}
	}
	return nil
}

// users yields three users and their countries.
func users(yield func(user, country string) bool) {
	_ = yield("rosa", "US") && yield("omar", "AE") && yield("lina", "NL")
}

// open makes the clients and the routes.
func open(bank *virtualbank.Bank) (*bankmux.Registry, error) {
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	keys := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL,
		Now: bank.Now, // the bank's day, for this program alone
	})
	if err != nil {
		return nil, err
	}
	// A minute passes at the bank with each call, so that this program need not wait for a refresh.
	mk = mk.With(func(ctx context.Context, _ bankmux.Op, next func(context.Context) error) error {
		defer bank.Advance(time.Minute)
		return next(ctx)
	})
	dp, err := dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: server.DapiURL, Now: bank.Now,
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox, BaseURL: server.PlaidURL, Now: bank.Now,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}},
		{Client: "dapi", Countries: []string{"AE"}},
		{Client: "plaid", Countries: []string{"NL"}},
	})
}

// link makes a connection of a user who logs in at the first bank of the country.
func link(
	ctx context.Context, bank *virtualbank.Bank, registry *bankmux.Registry, user, country string,
) (bankmux.Connection, error) {
	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{
		User: user, Country: country, RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	var payload json.RawMessage
	switch launch := session.Launch; launch.Provider {
	case moneykit.Name:
		payload, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	case plaid.Name:
		payload, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: launch.Token.Reveal()})
	default:
		payload, err = bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: user, Payload: bankmux.NewSecret(payload),
	})
	return linked.Connection, err
}
