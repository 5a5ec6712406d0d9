// The examples of this package run against the virtual bank. The pages of docs have the same calls
// in complete programs.
package bankmux_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// sandbox is what the examples share: a virtual bank, a registry with both providers and a keyring.
type sandbox struct {
	bank     *virtualbank.Bank
	registry *bankmux.Registry
	keyring  *bankmux.Keyring
	close    func()
}

func openSandbox() sandbox {
	bank := virtualbank.New(virtualbank.Options{Seed: 1, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)})
	server := must(virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0"))
	keys := bank.Credentials()
	mk := must(moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL, Now: bank.Now,
	}))
	dp := must(dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: server.DapiURL, Now: bank.Now,
	}))
	registry := must(bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}},
		{Client: "dapi", Countries: []string{"AE"}},
	}))
	key := bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret("an example key, 32 bytes long!!!")}
	return sandbox{bank, registry, must(bankmux.NewKeyring(key)), func() { _ = server.Close() }}
}

// link lets a user link the first bank of a country.
func (s sandbox) link(user, country string) (*bankmux.Client, bankmux.Connection) {
	ctx := context.Background()
	session := must(s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: user, Country: country, RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{
			{Product: bankmux.ProductTransactions, Prefetch: true},
			{Product: bankmux.ProductAccountNumbers, Prefetch: true},
			{Product: bankmux.ProductIdentity, Prefetch: true},
			{Product: bankmux.ProductInvestments, Prefetch: true},
		},
	}))
	linked := must(s.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: user, Payload: s.browser(session.Launch),
	}))
	return must(s.registry.For(linked.Connection)), linked.Connection
}

// browser plays the user on the provider's page, and returns what the page posts.
func (s sandbox) browser(launch bankmux.Launch) bankmux.Secret {
	if launch.Provider == moneykit.Name {
		user := virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()}
		return bankmux.NewSecret(must(s.bank.LinkMoneyKit(user)))
	}
	user := virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries}
	return bankmux.NewSecret(must(s.bank.LinkDapi(user)))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A back end makes a session, the browser runs the provider's page, and the back end exchanges what
// the page posts for a connection.
func Example() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()

	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	if err != nil {
		log.Fatal(err)
	}
	posted := s.browser(session.Launch) // in production: the browser
	linked, err := s.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-omar", Payload: posted,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(linked.Connection.Provider, linked.Connection.Status.State)
	// Output: dapi active
}

func ExampleNewRegistry() {
	secret := bankmux.NewSecret("…")
	us := must(moneykit.New(moneykit.Config{
		Name: "mk-us", ClientID: "us", ClientSecret: secret, Environment: bankmux.Production,
	}))
	gulf := must(dapi.New(dapi.Config{
		Name: "dapi-gulf", AppKey: "key", AppSecret: secret, Environment: bankmux.Production,
	}))
	registry, err := bankmux.NewRegistry([]*bankmux.Client{us, gulf}, []bankmux.Route{
		{Client: "mk-us", Countries: []string{"US"}},
		{Client: "dapi-gulf", Countries: []string{"AE", "SA"}},
		{Client: "dapi-gulf", Countries: []string{"US"}, Priority: 1}, // if MoneyKit is down
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(must(registry.First(bankmux.SessionRequest{User: "user-1", Country: "SA"})).Name())
	// Output: dapi-gulf
}

func ExampleRegistry_Swap() {
	s := openSandbox()
	defer s.close()
	// From now on Dapi gets no new sessions. Its connections continue to work.
	err := s.registry.Swap(s.registry.Clients(), []bankmux.Route{{Client: "moneykit"}})
	fmt.Println(err, must(s.registry.First(bankmux.SessionRequest{User: "user-1", Country: "AE"})).Name())
	// Output: <nil> moneykit
}
