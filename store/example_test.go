package store_test

// This file is the program that docs/store.md shows.

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/sqlite"
)

// The example below needs these too.
import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// service is the back end of an application.
type service struct {
	registry *bankmux.Registry
	store    *store.Store
	webhooks string            // the address of hooks, such as "https://app.example.com/hooks/{client}"
	banks    *bankhttp.Service // for webhooks and syncs; its handlers for users are not served
}

// newService returns a service on a store that open has opened.
func newService(registry *bankmux.Registry, s *store.Store, webhooks string) (*service, error) {
	banks, err := bankhttp.New(bankhttp.Config{
		Registry: registry, Store: s, Logger: slog.Default(),
		Session: bankmux.SessionRequest{WebhookURL: webhooks},
		User:    func(*http.Request) (string, error) { return "", nil }, // no handler for users
	})
	return &service{registry, s, webhooks, banks}, err
}

// open opens the database and brings its tables up to date.
func open(ctx context.Context, file string, key bankmux.Key) (*store.Store, error) {
	keyring, err := bankmux.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, file, keyring) // or postgres.Open with a URL
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(ctx)
}

// start makes a session for the user who is logged in. Its Launch goes to the browser.
func (a *service) start(ctx context.Context, user, country string) (bankmux.Session, error) {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: user, Country: country,
		RedirectURI: "https://app.example.com/oauth", WebhookURL: a.webhooks,
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	})
	if err != nil {
		return session, err
	}
	return session, a.store.SaveSession(ctx, session)
}

// finish takes what the browser posts. The same payload posted again finds the connection.
func (a *service) finish(ctx context.Context, ref bankmux.SessionRef, payload []byte) (bankmux.Connection, error) {
	linked, err := a.store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
		session, err := a.store.Session(ctx, ref) // only here, because the result outlives the session
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		return a.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
			Session: session, User: ref.User, Payload: bankmux.NewSecret(payload),
		})
	})
	return linked.Connection, err
}

// unfinished returns all exchanges that may have opened an access that no row has.
func (a *service) unfinished(ctx context.Context) (all []store.Unfinished, err error) {
	for after := ""; ; {
		page, next, err := a.store.Unfinished(ctx, after)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); next == "" {
			return all, nil
		}
		after = next
	}
}

// hooks returns the handler for the webhooks of all providers. Mount it at "/hooks/{client}".
func (a *service) hooks() http.Handler { return a.banks.Webhooks() }

// work does what webhooks announced, and keeps all connections in step with their banks. It works
// until ctx ends. Run it in each process.
func (a *service) work(ctx context.Context) error {
	worker := store.Worker{
		Store: a.store, Logger: slog.Default(),
		Follow:   a.banks.Follow,
		Sync:     a.banks.SyncConnection,
		Balances: a.banks.ReadBalances,
	}
	err := worker.Run(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, a.banks.Close(ctx)) // stores what an exchange of hooks made
}

// refresh syncs a connection while its user waits.
func (a *service) refresh(ctx context.Context, user, id string) error {
	conn, err := a.store.Connection(ctx, user, id)
	if err != nil {
		return err
	}
	res, err := a.banks.SyncConnection(ctx, conn)
	if _, partial := errors.AsType[*bankmux.PartialError](err); partial && !errors.Is(err, bankhttp.KindStore) {
		log.Print(err) // the other accounts are stored, and the next sync reads these again
		err = nil
	}
	if err != nil {
		return err
	}
	return a.banks.ReadBalances(ctx, conn, res)
}

// forget ends the access to all banks of a user, then deletes every row of the user. It returns the
// exchanges that may have opened an access that no row has.
func (a *service) forget(ctx context.Context, user string) ([]store.Unfinished, error) {
	return a.store.DeleteUser(ctx, user, func(ctx context.Context, conn bankmux.Connection) error {
		client, err := a.registry.For(conn)
		if err != nil {
			return err
		}
		_, err = client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
		return err
	})
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "bank")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	material := make([]byte, 32)
	_, _ = rand.Read(material) // in production: from your secret store
	s, err := open(ctx, filepath.Join(dir, "bank.db"), bankmux.Key{ID: "2026", Material: bankmux.NewSecret(material)})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	registry, closeBank, err := connectTo(bank)
	if err != nil {
		log.Fatal(err)
	}
	defer closeBank()
	app, err := newService(registry, s, "https://app.example.com/hooks/{client}")
	if err != nil {
		log.Fatal(err)
	}

	session, err := app.start(ctx, "omar", "AE")
	if err != nil {
		log.Fatal(err)
	}
	posted, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey}) // the user links a bank
	if err != nil {
		log.Fatal(err)
	}
	conn, err := app.finish(ctx, session.Ref(), posted)
	fmt.Println("linked:", conn.Status.State, err)
	again, err := app.finish(ctx, session.Ref(), posted)
	fmt.Println("posted twice, the same connection:", again.ID == conn.ID, err)

	fmt.Println("synced:", app.refresh(ctx, "omar", conn.ID))
	accounts, err := s.Accounts(ctx, "omar")
	fmt.Println("accounts:", len(accounts), err)
	page, err := s.Transactions(ctx, bankhttp.Query{User: "omar", Limit: 3})
	fmt.Println("the newest rows:", len(page.Transactions), err)

	left, err := app.unfinished(ctx)
	fmt.Println("unfinished:", len(left), err)

	left, err = app.forget(ctx, "omar")
	fmt.Println("deleted:", err, "left:", len(left))
	accounts, err = s.Accounts(ctx, "omar")
	fmt.Println("accounts:", len(accounts), err)
	// Output:
	// linked: active <nil>
	// posted twice, the same connection: true <nil>
	// synced: <nil>
	// accounts: 3 <nil>
	// the newest rows: 3 <nil>
	// unfinished: 0 <nil>
	// deleted: <nil> left: 0
	// accounts: 0 <nil>
}

// connectTo returns a registry with clients of Dapi and MoneyKit, which the virtual bank plays.
func connectTo(bank *virtualbank.Bank) (*bankmux.Registry, func(), error) {
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	keys := bank.Credentials()
	dp, err := dapi.New(dapi.Config{
		AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret), Environment: bankmux.Sandbox,
		BaseURL: server.DapiURL,
	})
	if err != nil {
		return nil, nil, err
	}
	mk, err := moneykit.New(moneykit.Config{
		ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: server.MoneyKitURL,
	})
	if err != nil {
		return nil, nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{dp, mk}, []bankmux.Route{
		{Client: "dapi", Countries: []string{"AE"}}, {Client: "moneykit", Countries: []string{"US"}},
	})
	return registry, func() { _ = server.Close() }, err
}
