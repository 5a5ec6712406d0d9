// Command webhooks takes the webhooks of MoneyKit, Dapi and Plaid with one handler, each delivery
// once, and then asks the provider what is new. It runs against the virtual bank.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// app stands for your application, and its maps and slice for tables of your database. Requests
// come at the same time.
type app struct {
	registry *bankmux.Registry
	keyring  *bankmux.Keyring

	mu       sync.Mutex               // of the fields below
	sessions map[string]sessionRow    // by Session.ID
	rows     map[string]connectionRow // by Connection.ID
	queue    [][]byte                 // events that wait for a worker
}

// sessionRow is a sealed session beside the columns that open it.
type sessionRow struct {
	ref    bankmux.SessionRef
	sealed []byte
}

// connectionRow is a sealed connection beside the columns that open it and those that find it.
type connectionRow struct {
	ref                  bankmux.Ref
	client, referenceKey string // with an index
	sealed               []byte
}

// hooks returns the handler for the webhooks of all providers.
func (a *app) hooks() http.Handler {
	return inbox.New(a.registry, a.take,
		inbox.WithURL("https://app.example.com/hooks/{client}"),
		inbox.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))),
	)
}

// take stores an event. Once it returns nil, the provider does not send the event again.
func (a *app) take(ctx context.Context, event bankmux.Event) error {
	if event.Kind == bankmux.EventLinkFinished { // its payload does not survive a queue of JSON
		return a.finish(ctx, event.Session, event.ExchangePayload())
	}
	queued, err := json.Marshal(event)
	if err != nil {
		return err
	}
	a.put(queued)
	return nil
}

// put adds an event to the end of the queue.
func (a *app) put(queued []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, queued)
}

// finish makes the connection of a session, from what the browser posts or a webhook brings.
func (a *app) finish(ctx context.Context, id string, payload bankmux.Secret) error {
	a.mu.Lock()
	stored, ok := a.sessions[id]
	a.mu.Unlock()
	if !ok {
		return nil // a session of another application with the same keys
	}
	session, err := bankmux.OpenSession(a.keyring, stored.ref, stored.sealed)
	if err != nil {
		return err
	}
	linked, err := a.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: payload,
	})
	switch bankmux.KindOf(err) {
	case bankmux.ErrTokenSpent, bankmux.ErrUserAction, bankmux.ErrInvalid, bankmux.ErrSeal:
		return nil // the browser was faster, or the user gave up: a repeat cannot help
	}
	if err != nil {
		return err
	}
	for _, conn := range linked.All() {
		if err := a.save(conn); err != nil {
			return err
		}
	}
	if len(linked.Failed) > 0 { // another bank of the run: the provider sends the delivery again
		return linked.Failed[0]
	}
	return nil
}

// work does what the oldest event asks for. After an error the event waits in the queue again.
func (a *app) work(ctx context.Context) error {
	queued, ok := a.next()
	if !ok {
		return nil
	}
	var event bankmux.Event
	err := json.Unmarshal(queued, &event)
	if err == nil {
		err = a.follow(bankmux.WithoutUser(ctx), event)
	}
	if err != nil {
		a.put(queued)
	}
	return err
}

// next takes the oldest event from the queue.
func (a *app) next() (queued []byte, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		return nil, false
	}
	queued, a.queue = a.queue[0], a.queue[1:]
	return queued, true
}

// follow asks the provider for what the event announces.
func (a *app) follow(ctx context.Context, event bankmux.Event) error {
	conn, ok, err := a.find(event.Client, event.ReferenceKey)
	if err != nil || !ok {
		return err // no connection of this event is stored
	}
	client, err := a.registry.For(conn)
	if err != nil {
		return err
	}
	now, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, the connection is %s\n", event.Client, event.Kind, now.Connection.Status.State)
	if err := a.save(now.Connection); err != nil {
		return err
	}
	if event.Kind == bankmux.EventTransactionsAvailable && now.Connection.Status.State == bankmux.StateActive {
		return a.sync(ctx, client, now.Connection)
	}
	return nil
}

// sync counts the new rows. The page about syncing shows how to store them.
func (a *app) sync(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	page, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
	if err != nil {
		return err
	}
	fmt.Println("there are new rows:", len(page.Added) > 0)
	return nil
}

// save seals a connection into its row.
func (a *app) save(conn bankmux.Connection) error {
	sealed, err := conn.Seal(a.keyring)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows[conn.ID] = connectionRow{conn.Ref(), conn.Client, conn.ReferenceKey, sealed}
	return nil
}

// find opens the connection that an event names.
func (a *app) find(client, referenceKey string) (conn bankmux.Connection, ok bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, row := range a.rows { // SELECT … WHERE client = $1 AND reference_key = $2
		if row.client == client && row.referenceKey == referenceKey {
			conn, err = bankmux.Open(a.keyring, row.ref, row.sealed)
			return conn, err == nil, err
		}
	}
	return bankmux.Connection{}, false, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run links a bank, and sends webhooks of it to the application.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	servers, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer servers.Close()
	a, err := newApp(bank, servers)
	if err != nil {
		return err
	}
	server := httptest.NewServer(a.hooks()) // your server
	defer server.Close()
	for _, country := range []string{"US", "NL"} { // at MoneyKit and at Plaid
		if err := a.link(ctx, bank, country, server.URL+"/hooks/{client}"); err != nil {
			return err
		}
	}

	bank.Advance(10 * time.Second)                 // Plaid has fetched the rows by then
	bank.Disorder(virtualbank.Disorder{Repeat: 2}) // each delivery comes three times
	tally, err := bank.Deliver(ctx, server.Client())
	if err != nil {
		return err
	}
	fmt.Printf("%d deliveries, %d accepted, %d events\n", tally.Sent, tally.Accepted, len(a.queue))
	for len(a.queue) > 0 {
		if err := a.work(ctx); err != nil {
			return err
		}
	}
	return a.refuse(bank)
}

// refuse sends each forgery that the virtual bank knows.
func (a *app) refuse(bank *virtualbank.Bank) error {
	hooks, refused := a.hooks(), 0
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		for _, forgery := range virtualbank.Forgeries(provider) {
			r, err := bank.Forge(forgery, "/hooks/"+provider, virtualbank.Webhook{Provider: provider, Event: "x"})
			if err != nil {
				return err
			}
			w := httptest.NewRecorder()
			hooks.ServeHTTP(w, r)
			if w.Code == http.StatusUnauthorized {
				refused++
			} else {
				fmt.Println(provider, forgery, w.Code)
			}
		}
	}
	fmt.Println("forgeries refused:", refused, "events:", len(a.queue))
	return nil
}

// newApp makes the clients with what the providers' dashboards show, and a key.
func newApp(bank *virtualbank.Bank, servers *virtualbank.Server) (*app, error) {
	shown := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		ClientID:     shown.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(shown.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      servers.MoneyKitURL, // leave it out for the real provider
	})
	if err != nil {
		return nil, err
	}
	secrets, _, key := bank.WebhookSecrets()
	dp, err := dapi.New(dapi.Config{
		AppKey:      shown.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(shown.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     servers.DapiURL, // leave it out for the real provider
		Webhook: dapi.WebhookConfig{
			Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}, // two while one is being replaced
			Key:     bankmux.NewSecret(key),                          // of encrypted payloads
		},
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID:    shown.Plaid.ClientID,
		Secret:      bankmux.NewSecret(shown.Plaid.Secret),
		Environment: bankmux.Sandbox,
		BaseURL:     servers.PlaidURL, // leave it out for the real provider
	})
	if err != nil {
		return nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: moneykit.Name, Countries: []string{"US"}},
		{Client: dapi.Name, Countries: []string{"AE"}},
		{Client: plaid.Name, Countries: []string{"NL"}},
	})
	if err != nil {
		return nil, err
	}
	material := make([]byte, 32)
	rand.Read(material) // in production: bankmux.ParseKey(os.Getenv("BANKMUX_KEY"))
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(material)})
	if err != nil {
		return nil, err
	}
	return &app{
		registry: registry, keyring: keyring,
		sessions: map[string]sessionRow{}, rows: map[string]connectionRow{},
	}, nil
}

// link links a bank for one user. The virtual bank plays the user's browser.
func (a *app) link(ctx context.Context, bank *virtualbank.Bank, country, hooks string) error {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-rosa", Country: country,
		RedirectURI: "https://app.example.com/oauth",
		WebhookURL:  hooks, // {client} becomes the name of the client
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	})
	if err != nil {
		return err
	}
	sealed, err := session.Seal(a.keyring)
	if err != nil {
		return err
	}
	a.sessions[session.ID] = sessionRow{ref: session.Ref(), sealed: sealed}
	token := session.Launch.Token.Reveal()
	var posted json.RawMessage
	if session.Provider == moneykit.Name {
		posted, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: token})
	} else {
		posted, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token})
	}
	if err != nil {
		return err
	}
	return a.finish(ctx, session.ID, bankmux.NewSecret(posted))
}
