package store_test

// This file is the program that docs/store.md shows.

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/sqlite"
	"github.com/bankmux/bankmux/virtualbank"
)

// service is the back end of an application.
type service struct {
	registry *bankmux.Registry
	store    *store.Store
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
func (a *service) start(ctx context.Context, user string) (bankmux.Session, error) {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{User: user, Country: "AE"})
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

// sync brings the stored accounts, transactions and balances in step with the bank.
func (a *service) sync(ctx context.Context, conn bankmux.Connection) error {
	client, err := a.registry.For(conn)
	if err != nil {
		return err
	}
	if _, err := client.SyncAll(ctx, bankmux.SyncAllRequest{Connection: conn, Ledger: a.store}); err != nil {
		return err
	}
	read, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	if err != nil {
		return err
	}
	return a.store.SaveBalances(ctx, conn, read.Balances)
}

// work handles the events that webhooks announced. The inbox queues them:
// inbox.New(registry, store.Queue, inbox.WithSeen(store)).
func (a *service) work(ctx context.Context) error {
	events, err := a.store.Dequeue(ctx, 10)
	if err != nil {
		return err
	}
	for _, q := range events {
		failed := a.handle(ctx, q)
		if failed != nil {
			log.Println(q.Event, failed)
		}
		if failed != nil && q.Attempt < 10 {
			err = a.store.Postpone(ctx, q, time.Now().Add(time.Minute)) // for another try
		} else {
			err = a.store.Done(ctx, q)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handle does what an event asks for.
func (a *service) handle(ctx context.Context, q store.Queued) error {
	switch {
	case q.Event.Kind == bankmux.EventLinkFinished: // perhaps the user did not return
		session, err := a.store.FindSession(ctx, q.Event.Session)
		switch bankmux.KindOf(err) {
		case bankmux.ErrNotFound, bankmux.ErrTokenSpent:
			return nil // of another application, or expired
		}
		if err != nil {
			return err
		}
		_, err = a.finish(ctx, session.Ref(), []byte(q.ExchangePayload.Reveal()))
		return err
	case q.Connection != nil:
		return a.sync(ctx, *q.Connection)
	}
	return nil
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
	app := &service{registry, s}

	session, err := app.start(ctx, "omar")
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

	fmt.Println("synced:", app.sync(ctx, conn))
	fmt.Println("nothing is queued:", app.work(ctx))
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
	// nothing is queued: <nil>
	// accounts: 3 <nil>
	// the newest rows: 3 <nil>
	// unfinished: 0 <nil>
	// deleted: <nil> left: 0
	// accounts: 0 <nil>
}

// connectTo returns a registry with a client of Dapi, which the virtual bank plays.
func connectTo(bank *virtualbank.Bank) (*bankmux.Registry, func(), error) {
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	keys := bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey: keys.AppKey, AppSecret: bankmux.NewSecret(keys.AppSecret), Environment: bankmux.Sandbox,
		BaseURL: server.DapiURL,
	})
	if err != nil {
		return nil, nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "dapi"}})
	return registry, func() { _ = server.Close() }, err
}
