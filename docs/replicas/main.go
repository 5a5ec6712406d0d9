// Command replicas runs an application as two processes that share one database. Both are played in
// this process; they share nothing but the database.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// database stands for the database that all processes share.
type database struct {
	mu         sync.Mutex
	locks      map[string]chan struct{}     // pg_advisory_lock, or a row of a table of locks
	seen       map[string]time.Time         // a table of webhook deliveries
	challenges map[string]bankmux.Challenge // a table of open challenges, encrypted
	events     int                          // a queue of events
}

// lock waits for the lock of a name and returns the function that releases it. Let the database
// release the lock of a process that dies.
func (d *database) lock(ctx context.Context, name string) (release func(), err error) {
	d.mu.Lock()
	free, ok := d.locks[name]
	if !ok {
		free = make(chan struct{}, 1)
		d.locks[name] = free
	}
	d.mu.Unlock()
	select {
	case free <- struct{}{}:
		return func() { <-free }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// exclusive is an interceptor that makes one call at a time on each connection, in all processes
// together.
func (d *database) exclusive(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
	if op.Connection == "" || op.Effect == bankmux.Local {
		return next(ctx) // no connection, or nothing is sent
	}
	release, err := d.lock(ctx, op.Client+" "+op.Connection)
	if err != nil {
		return err
	}
	defer release()
	return next(ctx)
}

// Seen reports whether a delivery was handled. Seen and Mark make the database an inbox.Seen.
func (d *database) Seen(_ context.Context, key string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.seen[key] // SELECT 1 FROM deliveries WHERE key = $1
	return ok, nil
}

// Mark remembers a delivery that was handled. Delete the rows that are older than a day.
func (d *database) Mark(_ context.Context, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[key] = time.Now() // INSERT INTO deliveries VALUES ($1, now()) ON CONFLICT DO NOTHING
	return nil
}

// process is what each process has of its own.
type process struct {
	db     *database
	client *bankmux.Client
}

// newProcess starts a process: a client with its own guard, around which the lock is put.
func newProcess(db *database, servers *virtualbank.Server, bank *virtualbank.Bank) (*process, error) {
	keys := bank.Credentials().Dapi
	secrets, _, _ := bank.WebhookSecrets()
	client, err := dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     servers.DapiURL, // leave it out for the real provider
		Webhook:     dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])}},
	})
	if err != nil {
		return nil, err
	}
	return &process{db: db, client: client.With(db.exclusive)}, nil
}

// accounts reads accounts, unless the bank waits for the user's answer to another call.
func (p *process) accounts(ctx context.Context, conn bankmux.Connection) (int, error) {
	if open, ok := p.open(conn); ok {
		return 0, fmt.Errorf("first the user must answer: %s", open.Inputs[0].Kind)
	}
	return p.read(ctx, bankmux.AccountsRequest{Connection: conn})
}

// answer goes on with the call that the bank interrupted, in whichever process it was.
func (p *process) answer(ctx context.Context, conn bankmux.Connection, texts ...string) (int, error) {
	open, ok := p.open(conn)
	if !ok {
		return 0, errors.New("no challenge is open")
	}
	return p.read(ctx, bankmux.AccountsRequest{Connection: conn, Answers: open.Answer(texts...)})
}

// read makes the call, and stores what the bank asks or that it asks nothing any more.
func (p *process) read(ctx context.Context, req bankmux.AccountsRequest) (int, error) {
	got, err := p.client.Accounts(ctx, req)
	e, _ := errors.AsType[*bankmux.Error](err)
	p.db.mu.Lock()
	defer p.db.mu.Unlock()
	delete(p.db.challenges, req.Connection.ID)
	if e != nil && e.Challenge != nil {
		p.db.challenges[req.Connection.ID] = *e.Challenge
		return 0, fmt.Errorf("the bank asks: %s", e.Challenge.Inputs[0].Kind)
	}
	return len(got.Accounts), err
}

// open returns the challenge that is open on a connection.
func (p *process) open(conn bankmux.Connection) (bankmux.Challenge, bool) {
	p.db.mu.Lock()
	defer p.db.mu.Unlock()
	open, ok := p.db.challenges[conn.ID]
	return open, ok && time.Now().Before(open.ExpiresAt)
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
	db := &database{
		locks: map[string]chan struct{}{}, seen: map[string]time.Time{},
		challenges: map[string]bankmux.Challenge{},
	}
	first, err := newProcess(db, servers, bank)
	if err != nil {
		return err
	}
	second, err := newProcess(db, servers, bank)
	if err != nil {
		return err
	}

	conn, err := link(ctx, bank, first, second)
	if err != nil {
		return err
	}

	var both sync.WaitGroup
	for _, p := range []*process{first, second} {
		both.Go(func() {
			if n, err := p.accounts(ctx, conn); err != nil || n == 0 {
				log.Fatal(n, err)
			}
		})
	}
	both.Wait()
	fmt.Println("both processes read at once, one after the other")

	if err := bank.RequireInput(conn.Reference(), "", []string{"otp"}); err != nil {
		return err
	}
	_, err = first.accounts(ctx, conn)
	fmt.Println("first process:", err)
	_, err = second.accounts(ctx, conn)
	fmt.Println("second process:", err)
	n, err := second.answer(ctx, conn, "123456")
	fmt.Println("second process, with the answer:", n, "accounts", err)

	delivery := virtualbank.Webhook{Provider: "dapi", Event: "x", Reference: conn.Reference(), Key: "delivery-1"}
	for _, p := range []*process{first, second} {
		if err := p.receive(bank, delivery); err != nil {
			return err
		}
	}
	fmt.Println("a delivery that came to both processes:", db.events, "event")
	return nil
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

// receive lets a process take a webhook.
func (p *process) receive(bank *virtualbank.Bank, hook virtualbank.Webhook) error {
	registry, err := bankmux.NewRegistry([]*bankmux.Client{p.client}, []bankmux.Route{{Client: dapi.Name}})
	if err != nil {
		return err
	}
	hooks := inbox.New(registry, func(context.Context, bankmux.Event) error {
		p.db.mu.Lock()
		defer p.db.mu.Unlock()
		p.db.events++
		return nil
	}, inbox.WithSeen(p.db))
	hooks.ServeHTTP(httptest.NewRecorder(), bank.Delivery("/hooks/dapi", hook))
	return nil
}
