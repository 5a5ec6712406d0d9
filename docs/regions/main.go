// Command regions routes new users among four clients, and around one that is down.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// clients makes a client for each region.
func clients(server *virtualbank.Server, keys virtualbank.Credentials) ([]*bankmux.Client, error) {
	shared := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}}) // so that this program ends soon
	var all []*bankmux.Client
	for _, name := range []string{"mk-us", "mk-uk"} {
		client, err := moneykit.New(moneykit.Config{
			Name:         name,
			ClientID:     keys.MoneyKit.ClientID, // in production each has credentials of its own
			ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
			Environment:  bankmux.Sandbox,
			BaseURL:      server.MoneyKitURL,
			Guard:        shared,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, client)
	}
	gulf, err := dapi.New(dapi.Config{
		Name:        "dapi-gulf",
		AppKey:      keys.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
		Guard:       shared,
	})
	if err != nil {
		return nil, err
	}
	second, err := plaid.New(plaid.Config{
		Name:        "plaid-us",
		ClientID:    keys.Plaid.ClientID,
		Secret:      bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.PlaidURL,
		Guard:       shared,
	})
	return append(all, gulf, second), err
}

// routes says who gets new users, by country.
func routes() []bankmux.Route {
	return []bankmux.Route{
		{Client: "mk-us", Countries: []string{"US"}, Weight: 9},
		{Client: "plaid-us", Countries: []string{"US"}, Weight: 1}, // a tenth of new users, always the same ones
		{Client: "mk-uk", Countries: []string{"GB"}},
		{Client: "dapi-gulf", Countries: []string{"AE", "SA"}},
	}
}

// drain gives new users to one client alone. Connections that were made continue to work.
func drain(registry *bankmux.Registry, name string) error {
	return registry.Swap(registry.Clients(), []bankmux.Route{{Client: name}})
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	all, err := clients(server, bank.Credentials())
	if err != nil {
		return err
	}
	registry, err := bankmux.NewRegistry(all, routes())
	if err != nil {
		return err
	}
	for _, country := range []string{"GB", "AE", "FR"} {
		first, err := registry.First(bankmux.SessionRequest{User: "ana", Country: country})
		if err != nil {
			fmt.Printf("%s: %s\n", country, bankmux.KindOf(err))
			continue
		}
		fmt.Printf("%s: %s\n", country, first.Name())
	}
	count := map[string]int{}
	for i := range 1000 {
		first, err := registry.First(bankmux.SessionRequest{User: fmt.Sprint("user-", i), Country: "US"})
		if err != nil {
			return err
		}
		count[first.Name()]++
	}
	fmt.Println("of 1000 users in the US:", count)

	request := bankmux.SessionRequest{User: "ana", Country: "US", RedirectURI: "https://app.example.com/oauth"}
	for _, down := range []bool{false, true} {
		if down {
			if err := bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: "moneykit"}); err != nil {
				return err
			}
		}
		session, err := registry.CreateSession(ctx, request)
		if err != nil {
			return err
		}
		fmt.Printf("MoneyKit is down: %t, the session is of %s\n", down, session.Client)
	}
	if err := drain(registry, "mk-uk"); err != nil {
		return err
	}
	first, err := registry.First(bankmux.SessionRequest{User: "omar", Country: "AE"})
	if err != nil {
		return err
	}
	fmt.Println("after the change, AE:", first.Name())
	return nil
}
