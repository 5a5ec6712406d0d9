// Command failover shows what a registry does while providers are down. New sessions go to the next
// provider of the country, and the breaker opens. After its open time the breaker lets a probe
// through, and it closes once the provider is back. The command needs no keys. It exits with status
// 1 if anything differs from what it prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer server.Close()

	registry, err := clients(bank, server, out)
	if err != nil {
		return err
	}
	session := func(country string, want ...string) error {
		s, err := registry.CreateSession(
			ctx,
			bankmux.SessionRequest{User: "user-1", Country: country, RedirectURI: "https://app.example.com/oauth"},
		)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "   session in %s: %s\n", country, s.Client)
		for _, w := range want {
			if s.Client != w {
				return fmt.Errorf("the session went to %s, not %s", s.Client, w)
			}
		}
		return nil
	}

	fmt.Fprintln(out, "All providers are up:")
	if err := session("US", "moneykit"); err != nil {
		return err
	}
	fmt.Fprintln(out, "MoneyKit goes down:")
	if err := bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: "moneykit"}); err != nil {
		return err
	}
	for range 3 {
		if err := session("US", "plaid"); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "Plaid goes down too:")
	if err := bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: "plaid"}); err != nil {
		return err
	}
	if err := session("US", "dapi"); err != nil {
		return err
	}
	fmt.Fprintln(out, "Where no other provider serves the country, the error says what to do:")
	err = session("GB")
	if !errors.Is(err, bankmux.ErrCircuitOpen) {
		return fmt.Errorf("a session in GB ended with %w", err)
	}
	e, _ := errors.AsType[*bankmux.Error](err)
	fmt.Fprintf(out, "   %s: %s\n", e.Kind, e.Remedy())
	fmt.Fprintln(out, "Both are back; after the open time a probe is let through:")
	bank.ClearFaults()
	time.Sleep(300 * time.Millisecond) // a demonstration of time passing
	return session("US", "moneykit")
}

// clients makes a client per provider, and the registry that chooses between them.
func clients(bank *virtualbank.Bank, server *virtualbank.Server, out io.Writer) (*bankmux.Registry, error) {
	// One guard for all clients gives one health page and one listener for changes.
	g := guard.New(guard.Options{
		Retry:   guard.RetryOptions{MaxAttempts: 1},
		Breaker: guard.BreakerOptions{Consecutive: 2, OpenFor: 200 * time.Millisecond, Probes: 1},
		OnStateChange: func(s guard.BreakerState) {
			fmt.Fprintf(out, "   breaker of %s: %s\n", s.Client, s.State)
		},
	})
	creds := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: server.MoneyKitURL, ClientID: creds.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(creds.MoneyKit.ClientSecret), Environment: bankmux.Sandbox, Guard: g,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: server.DapiURL, AppKey: creds.Dapi.AppKey,
		AppSecret: bankmux.NewSecret(creds.Dapi.AppSecret), Environment: bankmux.Sandbox, Guard: g,
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		BaseURL: server.PlaidURL, ClientID: creds.Plaid.ClientID,
		Secret: bankmux.NewSecret(creds.Plaid.Secret), Environment: bankmux.Sandbox, Guard: g,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, pl, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US", "GB"}},
		{Client: "plaid", Countries: []string{"US"}, Priority: 1},
		{Client: "dapi", Countries: []string{"US"}, Priority: 2},
	})
}
