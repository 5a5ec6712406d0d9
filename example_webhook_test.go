package bankmux_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// notified is the application where it takes webhooks.
type notified struct {
	*shop
	*ledger
	conns []bankmux.Connection
	queue []bankmux.Event
}

// hooks takes the webhooks of all providers: mount it at /hooks/, and set …/hooks/{client} as the
// address.
func (n *notified) hooks() http.Handler {
	return inbox.New(n.registry, func(ctx context.Context, event bankmux.Event) error {
		if event.Kind == bankmux.EventLinkFinished {
			return n.finished(ctx, event) // now, for a queue of JSON loses its payload
		}
		return n.enqueue(ctx, event) // once this returns nil the provider forgets the event: into your database
	})
}

// finished makes the connection of a user who may not have come back from the provider's page.
func (n *notified) finished(ctx context.Context, event bankmux.Event) error {
	user, ok := n.starter(event.Session)
	if !ok {
		return nil // of a session that is not stored
	}
	_, err := n.finish(ctx, user, event.Session, json.RawMessage(event.ExchangePayload().Reveal()))
	switch bankmux.KindOf(err) {
	case bankmux.ErrTokenSpent, bankmux.ErrUserAction, bankmux.ErrInvalid, bankmux.ErrSeal:
		return nil // the page was faster, the user gave up, or a repetition cannot help
	}
	return err // the provider repeats the delivery
}

// follow does what an event asks for. It believes nothing of it but that it is time to look.
func (n *notified) follow(ctx context.Context, event bankmux.Event) error {
	ctx = bankmux.WithoutUser(ctx) // no user waits: a bank that asked before is not asked now
	conn, ok := n.connection(event.Client, event.ReferenceKey)
	if !ok {
		return nil // of a connection that is not stored, or not yet: event.Session says of which session
	}
	client, err := n.registry.For(conn)
	if err != nil {
		return err
	}
	status, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return err // leave the event in the queue
	}
	if err := n.save(status.Connection); err != nil || status.Connection.Status.State != bankmux.StateActive {
		return err
	}
	if event.Kind == bankmux.EventTransactionsAvailable {
		return n.sync(ctx, client, conn)
	}
	return nil
}

// starter returns the user who started a session.
func (n *notified) starter(session string) (user string, ok bool) {
	for ref := range n.sessions {
		if ref.ID == session {
			return ref.User, true
		}
	}
	return "", false
}

func (n *notified) enqueue(_ context.Context, event bankmux.Event) error {
	n.queue = append(n.queue, event)
	return nil
}

func (n *notified) connection(client, key string) (bankmux.Connection, bool) {
	i := slices.IndexFunc(n.conns, func(c bankmux.Connection) bool { return c.Client == client && c.ReferenceKey == key })
	if i < 0 {
		return bankmux.Connection{}, false
	}
	return n.conns[i], true
}

func Example_webhooks() {
	ctx := context.Background()
	s, closeShop := openShop()
	defer closeShop()
	n := &notified{shop: s, ledger: newLedger()}
	launch, err := s.begin(ctx, "user-rosa", "US")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := s.finish(ctx, "user-rosa", launch.Session, s.browser(launch.Launch))
	if err != nil {
		log.Fatal(err)
	}
	n.conns = append(n.conns, conn)
	client, err := s.registry.For(conn)
	if err != nil {
		log.Fatal(err)
	}
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	n.carry(nil, accounts.Accounts)

	server := httptest.NewServer(n.hooks()) // your server
	defer server.Close()
	_ = s.bank.Refresh(conn.Reference()) // MoneyKit fetches on its own through the day
	for _, event := range []string{"transactions.updates_available", "link.state_changed"} {
		_ = s.bank.Announce(server.URL+"/hooks/moneykit", virtualbank.Webhook{Provider: "moneykit", Event: event, Reference: conn.Reference()})
	}
	s.bank.Disorder(virtualbank.Disorder{Repeat: 2}) // each comes three times
	tally, err := s.bank.Deliver(ctx, server.Client())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tally.Sent, "sent,", len(n.queue), "handled")
	for _, event := range n.queue {
		fmt.Println(event.Kind, n.follow(ctx, event))
	}
	fmt.Println(len(n.entries) > 500, "rows")
	// Output:
	// 6 sent, 2 handled
	// transactions_available <nil>
	// connection_state_changed <nil>
	// true rows
}

// TestYourWebhooks is how an application tests its handler: the virtual bank signs as the provider
// does.
func TestYourWebhooks(t *testing.T) {
	s, closeShop := openShop()
	defer closeShop()
	n := &notified{shop: s}
	post := func(r *http.Request) int {
		w := httptest.NewRecorder()
		n.hooks().ServeHTTP(w, r)
		return w.Code
	}
	lapsed := virtualbank.Webhook{Provider: "moneykit", Event: "link.state_changed", Reference: "mk_1", Members: map[string]any{"state": "error", "error": "auth_expired"}}

	if code := post(s.bank.Delivery("/hooks/moneykit", lapsed)); code != http.StatusOK {
		t.Fatalf("a genuine one is answered with %d", code)
	}
	if len(n.queue) != 1 || n.queue[0].Status.State != bankmux.StateReauth {
		t.Fatalf("queued: %v", n.queue)
	}
	for _, forgery := range virtualbank.Forgeries("moneykit") {
		r, err := s.bank.Forge(forgery, "/hooks/moneykit", lapsed)
		if err != nil {
			t.Fatal(err)
		}
		if code := post(r); code != http.StatusUnauthorized {
			t.Fatalf("%s is answered with %d", forgery, code)
		}
	}
	if len(n.queue) != 1 {
		t.Fatal("a forged one was handled")
	}
}

func Example_webhookSecrets() {
	dp, err := dapi.New(dapi.Config{
		AppKey:      os.Getenv("DAPI_APP_KEY"),
		AppSecret:   bankmux.NewSecret(os.Getenv("DAPI_APP_SECRET")),
		Environment: bankmux.Production,
		Webhook: dapi.WebhookConfig{
			Secrets: []bankmux.Secret{bankmux.NewSecret(os.Getenv("DAPI_WEBHOOK_SECRET"))}, // two while one is being replaced
			Key:     bankmux.NewSecret(os.Getenv("DAPI_WEBHOOK_KEY")),                      // of encrypted payloads
		},
	})
	_ = dp
	fmt.Println(err)
	// Output: invalid_request: dapi.Config.AppKey is empty; fix the call
}
