// Command replicas runs an application as two processes that share one fleet. Both are played in
// this process; they share nothing but the backend.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// server stands for the server that all processes use.
type server struct {
	backend guard.Backend // shared, err := postgres.Open(ctx, url, postgres.Options{})
	seen    inbox.Seen    // shared is this as well
}

// process is what each process has of its own.
type process struct {
	client *bankmux.Client
	fleet  *guard.Fleet
	hooks  http.Handler
	events int
}

// newProcess starts a process: its fleet, its guard and its client.
func newProcess(s server, servers *virtualbank.Server, bank *virtualbank.Bank) (*process, error) {
	// All processes have the same key: see "Go live".
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	if err != nil {
		return nil, err
	}
	fleet, err := guard.NewFleet(s.backend, keys, guard.FleetOptions{})
	if err != nil {
		return nil, err
	}
	credentials := bank.Credentials().Dapi
	secrets, _, _ := bank.WebhookSecrets()
	client, err := dapi.New(dapi.Config{
		AppKey:      credentials.AppKey,
		AppSecret:   bankmux.NewSecret(credentials.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     servers.DapiURL, // leave it out for the real provider
		Webhook:     dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}},
		Guard:       guard.New(guard.Options{Fleet: fleet}),
	})
	if err != nil {
		return nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: dapi.Name}})
	if err != nil {
		return nil, err
	}
	p := &process{client: client, fleet: fleet}
	p.hooks = inbox.New(registry, func(context.Context, bankmux.Event) error {
		p.events++
		return nil
	}, inbox.WithSeen(s.seen))
	return p, nil
}

// accounts reads accounts. If the bank asks the user, it returns the challenge.
func (p *process) accounts(
	ctx context.Context, conn bankmux.Connection, answers *bankmux.Answers,
) (int, *bankmux.Challenge, error) {
	got, err := p.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: answers})
	if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Challenge != nil {
		return 0, e.Challenge, nil
	}
	return len(got.Accounts), nil, err
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run starts two processes and one user.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	servers, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer servers.Close()
	shared := server{backend: guard.NewMemory(), seen: inbox.NewMemory(0, 0)}
	first, err := newProcess(shared, servers, bank)
	if err != nil {
		return err
	}
	second, err := newProcess(shared, servers, bank)
	if err != nil {
		return err
	}

	conn, err := link(ctx, bank, first, second)
	if err != nil {
		return err
	}

	var all sync.WaitGroup
	for i := range 60 {
		p := []*process{first, second}[i%2]
		all.Go(func() {
			if n, asked, err := p.accounts(ctx, conn, nil); err != nil || asked != nil || n == 0 {
				log.Fatal(n, asked, err)
			}
		})
	}
	all.Wait()
	fmt.Println("60 reads at once in two processes, one after the other")

	if err := bank.RequireInput(conn.Reference(), "", []string{"otp"}); err != nil {
		return err
	}
	_, asked, err := first.accounts(ctx, conn, nil)
	if err != nil {
		return err
	}
	fmt.Println("first process: the bank asks:", asked.Inputs[0].Kind)
	_, same, err := second.accounts(ctx, conn, nil)
	if err != nil {
		return err
	}
	fmt.Println("second process: the same question, and nothing is sent:", same.ID == asked.ID)
	n, _, err := second.accounts(ctx, conn, same.Answer("123456"))
	fmt.Println("second process, with the answer:", n, "accounts", err)
	n, _, err = first.accounts(ctx, conn, nil)
	fmt.Println("first process:", n, "accounts", err)

	delivery := virtualbank.Webhook{Provider: "dapi", Event: "x", Reference: conn.Reference(), Key: "delivery-1"}
	for _, p := range []*process{first, second} {
		p.hooks.ServeHTTP(httptest.NewRecorder(), bank.Delivery("/hooks/dapi", delivery))
	}
	fmt.Println("a delivery that came to both processes:", first.events+second.events, "event")
	fmt.Println("calls without a lease:", first.fleet.Stats().Unleased+second.fleet.Stats().Unleased)
	return errors.Join(first.fleet.Flush(ctx), second.fleet.Flush(ctx)) // before you close the backend
}

// link starts in one process and finishes in another. Store the session sealed in between.
func link(ctx context.Context, bank *virtualbank.Bank, first, second *process) (bankmux.Connection, error) {
	session, err := first.client.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	if err != nil {
		return bankmux.Connection{}, err
	}
	posted, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"AE"}})
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := second.client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	return linked.Connection, err
}
