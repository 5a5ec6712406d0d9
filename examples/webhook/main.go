// Command webhook keeps two databases in step with the bank for two weeks. One reads when a webhook
// arrives, the other polls once a day. Webhooks arrive twice, out of order, forged, signed by new
// keys, and while the database is down. Both databases end with the same content. The command needs
// no keys and exits with status 1 if anything differs from what it prints.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(1)
	}
}

// world has the bank and an application that receives its webhooks.
type world struct {
	bank     *virtualbank.Bank
	registry *bankmux.Registry
	address  string // of the webhooks
	sender   *http.Client

	told, polled *database
	conns        []bankmux.Connection

	mu     sync.Mutex
	events map[bankmux.EventKind]int // handled so far
}

func run(ctx context.Context, out io.Writer) error {
	w := &world{
		bank:   virtualbank.New(virtualbank.Options{Seed: 7, Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}),
		told:   newDatabase(),
		polled: newDatabase(),
		sender: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}},
		events: map[bankmux.EventKind]int{},
	}
	defer w.sender.CloseIdleConnections()
	server, err := virtualbank.Start(w.bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	if err := w.connect(server); err != nil {
		return err
	}

	// The application has one handler for the webhooks of all providers.
	mux := http.NewServeMux()
	mux.Handle("/hooks/", inbox.New(w.registry, w.handle))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	app := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer app.Close()
	go func() { _ = app.Serve(listener) }() // until Close
	w.address = "http://" + listener.Addr().String() + "/hooks/"
	w.bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: w.address + dapi.Name, Encrypt: true}) // on the dashboard

	if err := errors.Join(w.link(ctx, "Rosa", "US"), w.link(ctx, "Amira", "AE")); err != nil {
		return err
	}
	return w.story(ctx, out)
}

// connect makes the clients. The keys of the providers' dashboards verify webhooks.
func (w *world) connect(server *virtualbank.Server) error {
	creds := w.bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL:      server.MoneyKitURL,
		ClientID:     creds.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(creds.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		Now:          w.bank.Now,
	})
	if err != nil {
		return err
	}
	secrets, _, key := w.bank.WebhookSecrets()
	dp, err := dapi.New(dapi.Config{
		BaseURL:     server.DapiURL,
		AppKey:      creds.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(creds.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		Now:         w.bank.Now,
		Webhook: dapi.WebhookConfig{
			Secrets: []bankmux.Secret{bankmux.NewSecret(secrets[0])},
			Key:     bankmux.NewSecret(key),
		},
	})
	if err != nil {
		return err
	}
	w.registry, err = bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: mk.Name(), Countries: []string{"US"}}, {Client: dp.Name(), Countries: []string{"AE"}},
	})
	return err
}

// handle is called once per event. It reads the connection that the event names, and uses nothing
// else of the event.
func (w *world) handle(ctx context.Context, event bankmux.Event) error {
	for _, conn := range w.conns {
		if conn.Client == event.Client && conn.ReferenceKey == event.ReferenceKey {
			if err := w.told.follow(ctx, w.registry, conn); err != nil {
				return err // the provider sends it again
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[event.Kind]++
	return nil
}

// poll reads every connection without a webhook.
func (w *world) poll(ctx context.Context) error {
	for _, conn := range w.conns {
		if err := w.polled.follow(ctx, w.registry, conn); err != nil {
			return err
		}
	}
	return nil
}

// link links a user's bank. The virtual bank stands for the user.
func (w *world) link(ctx context.Context, user, country string) error {
	session, err := w.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: user, Country: country, RedirectURI: "https://app.example.com/oauth", WebhookURL: w.address + "{client}",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
	})
	if err != nil {
		return err
	}
	var posted json.RawMessage
	if launch := session.Launch; launch.Provider == moneykit.Name {
		posted, err = w.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	} else {
		posted, err = w.bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
	}
	if err != nil {
		return err
	}
	linked, err := w.registry.ExchangeToken(
		ctx,
		bankmux.ExchangeRequest{Session: session, User: user, Payload: bankmux.NewSecret(posted)},
	)
	if err != nil {
		return err
	}
	w.conns = append(w.conns, linked.All()...)
	return nil
}

// story runs the two weeks, day by day.
func (w *world) story(ctx context.Context, out io.Writer) error {
	var total virtualbank.Tally
	deliver := func() error {
		t, err := w.bank.Deliver(ctx, w.sender)
		total.Sent += t.Sent
		total.Accepted += t.Accepted
		total.Refused += t.Refused
		return err
	}
	for day := 1; day <= 14; day++ {
		if err := w.event(ctx, day, out); err != nil {
			return err
		}
		if err := w.spend(ctx, day); err != nil {
			return err
		}
		w.bank.Advance(time.Minute) // a refresh at MoneyKit takes ten seconds
		if err := deliver(); err != nil {
			return err
		}
		w.bank.Advance(time.Hour)
		w.told.down = false
		if err := deliver(); err != nil { // refused deliveries are sent again
			return err
		}
		if err := w.poll(ctx); err != nil {
			return err
		}
		w.bank.Advance(23 * time.Hour)
	}
	if err := deliver(); err != nil {
		return err
	}
	if err := w.poll(ctx); err != nil {
		return err
	}
	return w.compare(out, total)
}

// event makes happen what is special about a day.
func (w *world) event(ctx context.Context, day int, out io.Writer) error {
	switch day {
	case 3:
		w.bank.Disorder(virtualbank.Disorder{Shuffle: true, Repeat: 2})
		fmt.Fprintln(out, "day 3: from now on each webhook arrives three times, out of order")
	case 5:
		w.bank.RotateWebhookKeys()
		fmt.Fprintln(out, "day 5: both providers sign with new keys")
	case 7:
		if err := w.forge(ctx, out); err != nil {
			return err
		}
	case 9:
		w.told.down = true
		fmt.Fprintln(out, "day 9: the database is down for an hour")
	case 11:
		if err := w.bank.Lapse(w.reference("Rosa")); err != nil {
			return err
		}
		fmt.Fprintln(out, "day 11: Rosa's consent lapses")
	case 13:
		if err := w.disconnect(ctx, "Amira"); err != nil {
			return err
		}
		fmt.Fprintln(out, "day 13: Amira's bank is disconnected")
	}
	return nil
}

// compare compares the two databases, and counts what was handled.
func (w *world) compare(out io.Writer, total virtualbank.Tally) error {
	fmt.Fprintf(
		out,
		"%d webhooks were sent %d times, refused %d times; handled: ",
		total.Accepted,
		total.Sent,
		total.Refused,
	)
	count := 0
	for _, kind := range []bankmux.EventKind{
		bankmux.EventConnectionStateChanged, bankmux.EventProductRefreshed,
		bankmux.EventTransactionsAvailable, bankmux.EventConnectionDeleted,
	} {
		fmt.Fprintf(out, "%d %s, ", w.events[kind], strings.ReplaceAll(string(kind), "_", " "))
		count += w.events[kind]
		if w.events[kind] == 0 {
			return fmt.Errorf("no %s was handled", kind)
		}
	}
	fmt.Fprintln(out, "each once")
	told, polled := w.told.content(w.conns), w.polled.content(w.conns)
	switch {
	case count != total.Accepted:
		return fmt.Errorf("%d were accepted and %d handled", total.Accepted, count)
	case total.Refused == 0:
		return errors.New("no webhook arrived while the database was down")
	case told != polled:
		return fmt.Errorf("the databases differ:\n%s\n%s", told, polled)
	case strings.Count(told, "\n") < 100,
		!strings.Contains(told, "Rosa moneykit reauth_required"), !strings.Contains(told, "Amira dapi gone"):
		return errors.New("the databases do not end as the story does")
	}
	fmt.Fprintf(
		out,
		"by webhooks (%d reads) and by polling (%d reads), both databases have the same %d lines\n",
		w.told.looks,
		w.polled.looks,
		strings.Count(told, "\n"),
	)
	return nil
}

// spend makes something happen at both banks, and MoneyKit fetch it.
func (w *world) spend(ctx context.Context, day int) error {
	for _, conn := range w.conns {
		if err := w.bank.Stage(
			conn.Reference(),
			[]string{virtualbank.Posted, virtualbank.Twin, virtualbank.Late, virtualbank.Edited}[day%4],
		); err != nil {
			return err
		}
		client, err := w.registry.For(conn)
		if err != nil {
			return err
		}
		_, err = client.Refresh(
			ctx,
			bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
		)
		switch bankmux.KindOf(err) {
		case "", bankmux.ErrUnsupported, bankmux.ErrReauth, bankmux.ErrGone: // Dapi fetches on every read
		default:
			return err
		}
	}
	return nil
}

// forge sends deliveries that no provider signed.
func (w *world) forge(ctx context.Context, out io.Writer) error {
	count := 0
	for _, conn := range w.conns {
		event := map[string]string{moneykit.Name: "link.state_changed", dapi.Name: "connection.deleted"}[conn.Provider]
		for _, forgery := range virtualbank.Forgeries(conn.Provider) {
			r, err := w.bank.Forge(
				forgery,
				w.address+conn.Client,
				virtualbank.Webhook{Provider: conn.Provider, Event: event, Reference: conn.Reference()},
			)
			if err != nil {
				return err
			}
			status, err := virtualbank.Send(w.sender, r)
			if err != nil {
				return err
			}
			if status != http.StatusUnauthorized {
				return fmt.Errorf("%s of %s got status %d", forgery, conn.Provider, status)
			}
			count++
		}
		// A genuine delivery, sent to the client of the other provider.
		header, body := w.bank.Sign(
			virtualbank.Webhook{Provider: conn.Provider, Event: event, Reference: conn.Reference()},
		)
		other := map[string]string{moneykit.Name: dapi.Name, dapi.Name: moneykit.Name}[conn.Provider]
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address+other, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header = header
		status, err := virtualbank.Send(w.sender, r)
		if err != nil {
			return err
		}
		if status != http.StatusUnauthorized {
			return fmt.Errorf("a webhook of %s for %s got status %d", conn.Provider, other, status)
		}
		count++
	}
	fmt.Fprintf(out, "day 7: %d forged webhooks arrive, and all are refused\n", count)
	return nil
}

func (w *world) of(user string) bankmux.Connection {
	for _, conn := range w.conns {
		if conn.User == user {
			return conn
		}
	}
	return bankmux.Connection{}
}

func (w *world) reference(user string) string { return w.of(user).Reference() }

func (w *world) disconnect(ctx context.Context, user string) error {
	conn := w.of(user)
	client, err := w.registry.For(conn)
	if err != nil {
		return err
	}
	_, err = client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
	return err
}
