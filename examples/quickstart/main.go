// Command quickstart links a bank account through each of MoneyKit, Dapi and Plaid with the same
// code. It runs against a virtual bank in this process, so it needs no keys and no network beyond
// loopback. It checks everything it prints and exits with status 1 if anything differs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// app holds what an application stores: tables of sealed connections and sessions.
type app struct {
	out      io.Writer
	bank     *virtualbank.Bank
	guard    *guard.Guard
	registry *bankmux.Registry
	keyring  *bankmux.Keyring
	table    map[string][]byte // connection id -> sealed row
	sessions map[string][]byte // session id -> sealed row; a user may have several
}

func run(ctx context.Context, out io.Writer) error {
	a := &app{out: out, table: map[string][]byte{}, sessions: map[string][]byte{}}

	a.head("1. Start a virtual bank that speaks the wire formats of MoneyKit, Dapi and Plaid")
	a.bank = virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(a.bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer server.Close()
	if err := a.connect(server); err != nil {
		return err
	}
	a.say("three providers: MoneyKit for US and GB; Dapi for AE, SA and, as second choice, US; Plaid for CA")

	a.head("2. Link three users with the same lines of code")
	rosa, err := a.link(ctx, "user-rosa", "US")
	if err != nil {
		return err
	}
	omar, err := a.link(ctx, "user-omar", "AE")
	if err != nil {
		return err
	}
	noah, err := a.link(ctx, "user-noah", "CA")
	if err != nil {
		return err
	}
	if rosa.Provider != moneykit.Name || omar.Provider != dapi.Name || noah.Provider != plaid.Name {
		return fmt.Errorf("rosa went to %s, omar to %s and noah to %s", rosa.Provider, omar.Provider, noah.Provider)
	}

	a.head("3. Store a connection: sealed, and bound to its owner")
	if err := a.store(omar); err != nil {
		return err
	}

	a.head("4. The bank lapses rosa's consent; she reconnects, and the connection keeps its id")
	if err := a.reconnect(ctx, rosa); err != nil {
		return err
	}

	a.head("5. A token that was used before becomes a typed error with its remedy")
	if err := a.wrongToken(ctx); err != nil {
		return err
	}

	a.head("6. MoneyKit goes down: new US sessions fail over, the breaker opens, and it recovers")
	if err := a.outage(ctx); err != nil {
		return err
	}
	a.head("Done: everything above was checked.")
	return nil
}

func (a *app) connect(server *virtualbank.Server) error {
	creds := a.bank.Credentials()
	// Small numbers keep the demonstration short. Leave them out in production.
	a.guard = guard.New(guard.Options{
		Retry:   guard.RetryOptions{MaxAttempts: 1},
		Breaker: guard.BreakerOptions{Consecutive: 3, OpenFor: 300 * time.Millisecond, Probes: 1},
	})
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: server.MoneyKitURL, ClientID: creds.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(creds.MoneyKit.ClientSecret), Environment: bankmux.Sandbox, Guard: a.guard,
	})
	if err != nil {
		return err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: server.DapiURL, AppKey: creds.Dapi.AppKey,
		AppSecret: bankmux.NewSecret(creds.Dapi.AppSecret), Environment: bankmux.Sandbox, Guard: a.guard,
	})
	if err != nil {
		return err
	}
	pl, err := plaid.New(plaid.Config{
		BaseURL: server.PlaidURL, ClientID: creds.Plaid.ClientID,
		Secret: bankmux.NewSecret(creds.Plaid.Secret), Environment: bankmux.Sandbox, Guard: a.guard,
	})
	if err != nil {
		return err
	}
	a.registry, err = bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US", "GB"}},
		{Client: "dapi", Countries: []string{"AE", "SA"}},
		{Client: "plaid", Countries: []string{"CA"}},
		{Client: "dapi", Countries: []string{"US"}, Priority: 1},
	})
	if err != nil {
		return err
	}
	a.keyring, err = bankmux.NewKeyring(
		bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret("an example key, 32 bytes long!!!")},
	)
	return err
}

// link is the whole flow of an application. It is the same for every provider.
func (a *app) link(ctx context.Context, user, country string) (bankmux.Connection, error) {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User:        user,
		Country:     country,
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
		RedirectURI: "https://app.example.com/oauth",
		WebhookURL:  "https://app.example.com/hooks",
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	conn, err := a.throughTheBrowser(ctx, session)
	if err != nil {
		return bankmux.Connection{}, err
	}
	a.say("%-9s in %s: %-8s at %s, %s", user, country, conn.Provider, conn.Institution.Name, conn.Status.State)
	return conn, a.save(conn)
}

// throughTheBrowser stores the sealed session while the user is away. It then exchanges what the
// browser posts.
func (a *app) throughTheBrowser(ctx context.Context, session bankmux.Session) (bankmux.Connection, error) {
	row, err := session.Seal(a.keyring)
	if err != nil {
		return bankmux.Connection{}, err
	}
	a.sessions[session.ID] = row
	payload, err := a.frontEnd(session.Launch)
	if err != nil {
		return bankmux.Connection{}, err
	}
	return a.finish(ctx, session.User, session.ID, payload)
}

// finish handles the post of the logged-in user's browser: a session's id and the payload.
func (a *app) finish(ctx context.Context, user, id string, payload json.RawMessage) (bankmux.Connection, error) {
	session, err := bankmux.OpenSession(a.keyring, bankmux.SessionRef{User: user, ID: id}, a.sessions[id])
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := a.registry.ExchangeToken(
		ctx,
		bankmux.ExchangeRequest{Session: session, User: user, Payload: bankmux.NewSecret(payload)},
	)
	return linked.Connection, err
}

// frontEnd stands for the browser and its user. It sees the launch and nothing else.
func (a *app) frontEnd(launch bankmux.Launch) (json.RawMessage, error) {
	switch launch.Provider {
	case moneykit.Name:
		return a.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	case plaid.Name:
		return a.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: launch.Token.Reveal()})
	}
	return a.bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
}

// save upserts by the connection's id, so a form that is posted twice makes one row.
func (a *app) save(conn bankmux.Connection) error {
	row, err := conn.Seal(a.keyring)
	if err != nil {
		return err
	}
	a.table[conn.ID] = row
	return nil
}

func (a *app) load(conn bankmux.Connection) (bankmux.Connection, error) {
	return bankmux.Open(a.keyring, conn.Ref(), a.table[conn.ID])
}

func (a *app) store(conn bankmux.Connection) error {
	shown, err := json.Marshal(conn)
	if err != nil {
		return err
	}
	secret := conn.Credential().Reveal()
	if printed := fmt.Sprintf("%+v %s", conn, shown); strings.Contains(printed, secret) {
		return errors.New("printing a connection shows its credential")
	}
	row := a.table[conn.ID]
	opened, err := a.load(conn)
	if err != nil {
		return err
	}
	if !opened.Credential().Equal(conn.Credential()) {
		return errors.New("the credential did not survive storage")
	}
	a.say("sealed, stored and opened again; JSON and logs never hold the credential")
	thief := conn.Ref()
	thief.User = "user-rosa"
	if _, err := bankmux.Open(a.keyring, thief, row); !errors.Is(err, bankmux.ErrSeal) {
		return fmt.Errorf("another user's row was opened: %w", err)
	}
	a.say("the same row under another user: %s", bankmux.ErrSeal)
	return nil
}

func (a *app) reconnect(ctx context.Context, old bankmux.Connection) error {
	conn, err := a.load(old)
	if err != nil {
		return err
	}
	if err := a.bank.Lapse(conn.Reference()); err != nil {
		return err
	}
	client, err := a.registry.For(conn)
	if err != nil {
		return err
	}
	lapsed, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return err
	}
	if lapsed.Connection.Status.State != bankmux.StateReauth {
		return fmt.Errorf("the status after the lapse is %s", lapsed.Connection.Status.State)
	}
	a.say("status: %s (%s)", lapsed.Connection.Status.State, lapsed.Connection.Status.Code)

	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: conn.User, RedirectURI: "https://app.example.com/oauth", Reconnect: &lapsed.Connection,
	})
	if err != nil {
		return err
	}
	renewed, err := a.throughTheBrowser(ctx, session)
	if err != nil {
		return err
	}
	if renewed.ID != old.ID || renewed.Status.State != bankmux.StateActive {
		return fmt.Errorf("reconnected as %s, %s", renewed.ID, renewed.Status.State)
	}
	a.say("reconnected: %s, same connection id", renewed.Status.State)
	return a.save(renewed)
}

func (a *app) wrongToken(ctx context.Context) error {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	if err != nil {
		return err
	}
	payload, err := a.frontEnd(session.Launch)
	if err != nil {
		return err
	}
	post := bankmux.ExchangeRequest{Session: session, User: "user-omar", Payload: bankmux.NewSecret(payload)}
	if _, err := a.registry.ExchangeToken(ctx, post); err != nil {
		return err
	}
	_, err = a.registry.ExchangeToken(ctx, post)
	if !errors.Is(err, bankmux.ErrTokenSpent) {
		return fmt.Errorf("a spent access code gave %w", err)
	}
	e, _ := errors.AsType[*bankmux.Error](err)
	a.say("%s: %s says %s; remedy: %s", e.Op, e.Kind, e.Code, e.Remedy())
	return nil
}

func (a *app) outage(ctx context.Context) error {
	if err := a.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: "moneykit"}); err != nil {
		return err
	}
	before := a.reached("moneykit")
	for i := range 5 {
		user := fmt.Sprintf("user-%04d", i)
		s, err := a.registry.CreateSession(
			ctx,
			bankmux.SessionRequest{User: user, Country: "US", RedirectURI: "https://app.example.com/oauth"},
		)
		if err != nil {
			return err
		}
		if s.Provider != dapi.Name {
			return fmt.Errorf("%s went to %s instead of dapi", user, s.Provider)
		}
	}
	asked := a.reached("moneykit") - before
	a.say("5 sessions, all served by dapi; moneykit was asked %d times, then its breaker opened", asked)
	if asked != 3 || a.breaker() != "open" {
		return fmt.Errorf("moneykit was asked %d times and its breaker is %s", asked, a.breaker())
	}
	a.bank.ClearFaults()
	time.Sleep(400 * time.Millisecond) // the breaker's open time, in a demonstration
	s, err := a.registry.CreateSession(
		ctx,
		bankmux.SessionRequest{User: "user-rosa", Country: "US", RedirectURI: "https://app.example.com/oauth"},
	)
	if err != nil {
		return err
	}
	if s.Provider != moneykit.Name || a.breaker() != "closed" {
		return fmt.Errorf("after recovery the session went to %s and the breaker is %s", s.Provider, a.breaker())
	}
	a.say("moneykit is back: the probe succeeded, the breaker is closed, new sessions go there again")
	return nil
}

// reached returns how many requests arrived at a provider.
func (a *app) reached(provider string) int {
	n := 0
	for _, r := range a.bank.Requests() {
		if r.Provider == provider {
			n++
		}
	}
	return n
}

// breaker returns the state of the breaker that guards linking through MoneyKit.
func (a *app) breaker() string {
	for _, b := range a.guard.Breakers() {
		if b.Client == moneykit.Name && b.Group == bankmux.GroupLink {
			return b.State
		}
	}
	return "unknown"
}

func (a *app) head(s string)               { fmt.Fprintf(a.out, "\n%s\n", s) }
func (a *app) say(format string, v ...any) { fmt.Fprintf(a.out, "   "+format+"\n", v...) }
