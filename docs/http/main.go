// Command http serves "connect your bank" over HTTP, and plays a browser that uses it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// newService makes the handlers.
func newService(registry *bankmux.Registry, breakers *guard.Guard, store bankhttp.Store) (*bankhttp.Service, error) {
	return bankhttp.New(bankhttp.Config{
		Registry: registry,
		Store:    store,
		User:     loggedIn,
		Session: bankmux.SessionRequest{ // of every link; country and bank come from the browser
			Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
		},
		PublicURL: "https://app.example.com/bank",
		ReturnTo:  "/banks", // your page
		Breakers:  breakers.Breakers,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// loggedIn returns the id of the user, and "" if no user is logged in. Here a header stands for
// your login session.
func loggedIn(r *http.Request) (string, error) { return r.Header.Get("User"), nil }

// routes are those of the application.
func routes(service *bankhttp.Service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/bank/", service.Handler())
	return mux
}

// work does what the events in the queue ask for. In production it runs all the time.
func work(ctx context.Context, service *bankhttp.Service, store *bankhttp.Memory) error {
	for {
		event, conn, err := store.Dequeue(ctx)
		if errors.Is(err, bankmux.ErrNotFound) {
			return nil // nothing waits
		}
		if err != nil {
			return err
		}
		if err := service.Follow(ctx, event, conn); err != nil {
			return errors.Join(err, store.Queue(ctx, event)) // later
		}
	}
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run plays a user who links two banks.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	breakers := guard.New(guard.Options{})
	registry, err := clients(bank.Credentials(), server, breakers)
	if err != nil {
		return err
	}
	store := bankhttp.NewMemory()
	service, err := newService(registry, breakers, store)
	if err != nil {
		return err
	}
	b := browser{routes(service), "user-rosa"}

	for _, country := range []string{"US", "AE"} {
		if err := b.link(bank, country); err != nil {
			return err
		}
	}
	if err := work(ctx, service, store); err != nil {
		return err
	}
	if err := b.look(); err != nil {
		return err
	}
	if err := b.linkAgain(bank); err != nil {
		return err
	}
	if err := work(ctx, service, store); err != nil {
		return err
	}
	b.decide()
	return work(ctx, service, store)
}

// link links a bank, and posts the form twice.
func (b browser) link(bank *virtualbank.Bank, country string) error {
	var started struct {
		Session string
		Launch  bankmux.Launch
	}
	b.send("POST", "/sessions", map[string]string{"country": country}, &started)
	payload, err := connect(bank, started.Launch)
	if err != nil {
		return err
	}
	var made struct{ Connections []bankmux.ConnectionView }
	status := b.send("POST", "/sessions/"+started.Session, payload, &made)
	fmt.Println(started.Launch.Provider, status, made.Connections[0].State)
	status = b.send("POST", "/sessions/"+started.Session, payload, &made)
	fmt.Println("posted again:", status, len(made.Connections))
	return nil
}

// linkAgain lets the access to a bank lapse. The user does not renew it, but links the bank again.
func (b browser) linkAgain(bank *virtualbank.Bank) error {
	for _, linked := range bank.Links() {
		if linked.Provider != moneykit.Name {
			continue
		}
		if err := bank.Lapse(linked.ID); err != nil {
			return err
		}
	}
	var read struct{ Failed []any }
	b.send("POST", "/accounts", nil, &read)
	fmt.Println("lapsed:", len(read.Failed))
	return b.link(bank, "US")
}

// decide says that each account of the new link is the one before.
func (b browser) decide() {
	var stored struct {
		Unnamed []struct {
			ID    string
			MayBe []string `json:"may_be"`
		}
	}
	b.send("GET", "/accounts", nil, &stored)
	for _, one := range stored.Unnamed {
		var named struct{ Account string }
		status := b.send("POST", "/unnamed/"+one.ID, map[string]string{"account": one.MayBe[0]}, &named)
		fmt.Println("named:", status, named.Account == one.MayBe[0])
	}
}

// look shows accounts, transactions and a problem.
func (b browser) look() error {
	var read struct {
		Accounts []struct{ Balances []bankmux.Balance }
		Failed   []any
	}
	status := b.send("POST", "/accounts", nil, &read)
	fmt.Println("accounts:", status, len(read.Accounts), "failed:", len(read.Failed))
	var rows struct{ Transactions []any }
	status = b.send("GET", "/transactions?q=coffee&limit=5", nil, &rows)
	fmt.Println("transactions:", status, len(rows.Transactions))

	var problem bankhttp.Problem
	status = b.send("POST", "/sessions", map[string]string{"country": "FR"}, &problem)
	fmt.Println("no provider:", status, problem.Kind, "-", problem.Detail)
	stranger := browser{b.app, ""}
	status = stranger.send("GET", "/connections", nil, &problem)
	fmt.Println("no user:", status, problem.Kind, "-", problem.Detail)
	return nil
}

// browser plays the page of a user.
type browser struct {
	app  http.Handler
	user string
}

// send sends a request, reads the response and returns its status.
func (b browser) send(method, path string, body, into any) int {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			log.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, "https://app.example.com/bank"+path, &sent)
	r.Header.Set("User", b.user)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		log.Fatal(err)
	}
	return w.Code
}

// connect plays the user on the provider's page.
func connect(bank *virtualbank.Bank, launch bankmux.Launch) (json.RawMessage, error) {
	if launch.Provider == moneykit.Name {
		return bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	}
	return bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
}

func clients(
	keys virtualbank.Credentials, server *virtualbank.Server, breakers *guard.Guard,
) (*bankmux.Registry, error) {
	mk, err := moneykit.New(moneykit.Config{
		ClientID:     keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.MoneyKitURL,
		Guard:        breakers,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		AppKey:      keys.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
		Guard:       breakers,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}},
		{Client: "dapi", Countries: []string{"AE"}},
	})
}
