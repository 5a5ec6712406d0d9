package bankmux_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// These examples are the code blocks of the README; TestREADMEIsCompiled compares them.

func Example_credentials() {
	mk, err := moneykit.New(moneykit.Config{
		ClientID:     os.Getenv("MONEYKIT_CLIENT_ID"),
		ClientSecret: bankmux.NewSecret(os.Getenv("MONEYKIT_CLIENT_SECRET")),
		Environment:  bankmux.Production,
	})
	if err != nil {
		fmt.Println(err) // names the field that is wrong
		return
	}
	dp, err := dapi.New(dapi.Config{
		AppKey:      os.Getenv("DAPI_APP_KEY"),
		AppSecret:   bankmux.NewSecret(os.Getenv("DAPI_APP_SECRET")),
		Environment: bankmux.Production,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US", "GB", "CA"}},
		{Client: "dapi", Countries: []string{"AE", "SA", "KW", "BH"}},
		{Client: "dapi", Countries: []string{"US"}, Priority: 1}, // if MoneyKit is down
	})
	_, _ = registry, err
	// Output: invalid_request: moneykit.Config.ClientID is empty; fix the call
}

// shop is the application in the examples.
type shop struct {
	registry *bankmux.Registry
	keyring  *bankmux.Keyring
	sessions map[bankmux.SessionRef]kept // under the user and the session's id: a user may have two tabs
	rows     map[string][]byte           // connection id -> sealed
	bank     *virtualbank.Bank
}

func openShop() (*shop, func()) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	keys := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: server.MoneyKitURL, ClientID: keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret), Environment: bankmux.Sandbox,
	})
	if err != nil {
		log.Fatal(err)
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: server.DapiURL, AppKey: keys.Dapi.AppKey,
		AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret), Environment: bankmux.Sandbox,
	})
	if err != nil {
		log.Fatal(err)
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}}, {Client: "dapi", Countries: []string{"AE"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret("an example key, 32 bytes long!!!")})
	if err != nil {
		log.Fatal(err)
	}
	return &shop{registry, keyring, map[bankmux.SessionRef]kept{}, map[string][]byte{}, bank}, func() { _ = server.Close() }
}

// kept is what the application stores of a session.
type kept struct {
	sealed  []byte
	results map[[32]byte]bankmux.Ref // by a hash of the payload: the connection that it made
}

// begun goes to the browser, which posts the session's id back beside the payload.
type begun struct {
	Session string         `json:"session"`
	Launch  bankmux.Launch `json:"launch"`
}

// begin makes a session and stores it before the user leaves.
func (s *shop) begin(ctx context.Context, user, country string) (begun, error) {
	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User:        user, // your own id of the logged-in user
		Country:     country,
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
		RedirectURI: "https://app.example.com/oauth",
		WebhookURL:  "https://app.example.com/hooks/{client}",
	})
	if err != nil {
		return begun{}, err
	}
	return s.keep(session)
}

// keep stores a session, sealed. Nothing that goes to the browser is secret.
func (s *shop) keep(session bankmux.Session) (begun, error) {
	sealed, err := session.Seal(s.keyring)
	if err != nil {
		return begun{}, err
	}
	s.sessions[session.Ref()] = kept{sealed, map[[32]byte]bankmux.Ref{}}
	return begun{session.ID, session.Launch}, nil
}

// finish takes what the browser posts: the session's id and the payload.
func (s *shop) finish(ctx context.Context, user, id string, posted json.RawMessage) (bankmux.Connection, error) {
	ref := bankmux.SessionRef{User: user, ID: id}
	stored, hash := s.sessions[ref], sha256.Sum256(posted)
	if made, ok := stored.results[hash]; ok {
		return s.load(made) // the form was posted before
	}
	session, err := bankmux.OpenSession(s.keyring, ref, stored.sealed)
	if err != nil {
		return bankmux.Connection{}, err
	}
	req := bankmux.ExchangeRequest{Session: session, User: user, Payload: bankmux.NewSecret(posted)}
	if old := session.Reconnect; old != nil { // the row as it is now, for it may have changed since
		conn, err := s.load(old.Ref())
		if err != nil {
			return bankmux.Connection{}, err
		}
		req.Connection = &conn
	}
	linked, err := s.registry.ExchangeToken(ctx, req)
	for _, conn := range linked.All() { // mostly one; some providers link several banks in one run
		if err == nil {
			err = s.save(conn)
		}
	}
	switch {
	case err != nil:
	case len(linked.Failed) > 0:
		err = linked.Failed[0] // another bank of the run: posting the payload again gives it
	default:
		stored.results[hash] = linked.Connection.Ref() // in one transaction with the rows
	}
	return linked.Connection, err
}

// save upserts by the connection's id: a form that is posted twice makes one row.
func (s *shop) save(conn bankmux.Connection) error {
	row, err := conn.Seal(s.keyring)
	if err != nil {
		return err
	}
	s.rows[conn.ID] = row // beside provider, environment, user and id, in columns of their own
	return nil
}

// load opens a row for the user it belongs to.
func (s *shop) load(ref bankmux.Ref) (bankmux.Connection, error) {
	row := s.rows[ref.ID]
	conn, err := bankmux.Open(s.keyring, ref, row)
	if err == nil && s.keyring.NeedsReseal(row) { // an old key: move the row to the new one
		err = s.save(conn)
	}
	return conn, err
}

// renew sends the user through the flow again for a connection that lapsed.
func (s *shop) renew(ctx context.Context, conn bankmux.Connection) (begun, error) {
	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: conn.User, RedirectURI: "https://app.example.com/oauth", Reconnect: &conn,
	})
	if err != nil {
		return begun{}, err
	}
	return s.keep(session) // then finish, as for a new connection; the id stays the same
}

// browser plays the user.
func (s *shop) browser(launch bankmux.Launch) json.RawMessage {
	var posted json.RawMessage
	var err error
	if launch.Provider == moneykit.Name {
		posted, err = s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
	} else {
		posted, err = s.bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
	}
	if err != nil {
		log.Fatal(err)
	}
	return posted
}

func Example_link() {
	ctx := context.Background()
	s, closeShop := openShop()
	defer closeShop()
	for user, country := range map[string]string{"user-rosa": "US"} {
		launch, err := s.begin(ctx, user, country)
		if err != nil {
			log.Fatal(err)
		}
		conn, err := s.finish(ctx, user, launch.Session, s.browser(launch.Launch))
		if err != nil {
			log.Fatal(err)
		}
		back, err := s.load(conn.Ref())
		fmt.Println(back.Provider, back.Institution.Country, back.Status.State, err)
	}
	// Output: moneykit US active <nil>
}

func Example_reconnect() {
	ctx := context.Background()
	s, closeShop := openShop()
	defer closeShop()
	launch, _ := s.begin(ctx, "user-omar", "AE")
	conn, err := s.finish(ctx, "user-omar", launch.Session, s.browser(launch.Launch))
	if err != nil {
		log.Fatal(err)
	}
	_ = s.bank.Lapse(conn.Reference())
	client, err := s.registry.For(conn) // the client that issued it; only it can serve it
	if err != nil {
		log.Fatal(err)
	}
	now, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(now.Connection.Status.State)
	launch, err = s.renew(ctx, now.Connection)
	if err != nil {
		log.Fatal(err)
	}
	renewed, err := s.finish(ctx, "user-omar", launch.Session, s.browser(launch.Launch))
	fmt.Println(renewed.Status.State, renewed.ID == conn.ID, err)
	// Output:
	// reauth_required
	// active true <nil>
}

// respond decides what a user is told.
func respond(err error) string {
	e, ok := errors.AsType[*bankmux.Error](err)
	switch {
	case err == nil:
		return "linked"
	case errors.Is(err, bankmux.ErrUserAction) && ok && e.Code == bankmux.CodeCancelled:
		return "you left; begin again whenever you like"
	case errors.Is(err, bankmux.ErrInvalid) && ok && e.Code == bankmux.CodeOtherSession:
		return "post it with the session of its own tab"
	case errors.Is(err, bankmux.ErrTokenSpent), errors.Is(err, bankmux.ErrGone):
		return "begin a new session"
	case errors.Is(err, bankmux.ErrReauth), errors.Is(err, bankmux.ErrConsent):
		return "reconnect"
	case errors.Is(err, bankmux.ErrOutcomeUnknown):
		return "post the same payload again: it is found, never exchanged twice"
	case errors.Is(err, bankmux.ErrRateLimited):
		return fmt.Sprintf("try again in %s", e.RetryAfter.Round(time.Second))
	case errors.Is(err, bankmux.ErrUnavailable), errors.Is(err, bankmux.ErrCircuitOpen), errors.Is(err, bankmux.ErrInstitution):
		return "try again later"
	case errors.Is(err, bankmux.ErrCredentials), errors.Is(err, bankmux.ErrQuota), errors.Is(err, bankmux.ErrNotPermitted):
		return "an operator was paged"
	default:
		return "sorry" // a fault of ours; e.Detail and e.Field say which
	}
}

func Example_errors() {
	ctx := context.Background()
	s, closeShop := openShop()
	defer closeShop()
	launch, _ := s.begin(ctx, "user-omar", "AE")
	posted := s.browser(launch.Launch)
	conn, err := s.finish(ctx, "user-omar", launch.Session, posted)
	fmt.Println(respond(err))
	again, err := s.finish(ctx, "user-omar", launch.Session, posted)
	fmt.Println(respond(err), again.ID == conn.ID)
	other, _ := s.begin(ctx, "user-omar", "AE")
	_, err = s.finish(ctx, "user-omar", other.Session, posted) // the other tab's: Dapi cannot tell, but the code is spent
	fmt.Println(respond(err))
	_, err = s.finish(ctx, "user-omar", other.Session, json.RawMessage(`{"error":null}`))
	fmt.Println(respond(err))
	// Output:
	// linked
	// linked true
	// begin a new session
	// you left; begin again whenever you like
}

func Example_regions() {
	secret := bankmux.NewSecret("…")
	us, _ := moneykit.New(moneykit.Config{Name: "mk-us", ClientID: "us", ClientSecret: secret, Environment: bankmux.Production})
	uk, _ := moneykit.New(moneykit.Config{Name: "mk-uk", ClientID: "uk", ClientSecret: secret, Environment: bankmux.Production})
	gulf, _ := dapi.New(dapi.Config{Name: "dapi-gulf", AppKey: "key", AppSecret: secret, Environment: bankmux.Production})
	registry, err := bankmux.NewRegistry([]*bankmux.Client{us, uk, gulf}, []bankmux.Route{
		{Client: "mk-us", Countries: []string{"US"}, Weight: 9},
		{Client: "dapi-gulf", Countries: []string{"US"}, Weight: 1}, // a tenth of new users, always the same ones
		{Client: "mk-uk", Countries: []string{"GB"}},
		{Client: "dapi-gulf", Countries: []string{"AE", "SA"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	first, _ := registry.First(bankmux.SessionRequest{User: "user-1", Country: "AE"})
	fmt.Println(first.Name())
	// Drain the first route; connections that were made go on working.
	err = registry.Swap(registry.Clients(), []bankmux.Route{{Client: "mk-uk", Countries: []string{"GB"}}})
	fmt.Println(err)
	// Output:
	// dapi-gulf
	// <nil>
}

func Example_health() {
	g := guard.New(guard.Options{
		Logger: slog.New(slog.DiscardHandler), // one record an operation; yours goes here
		OnStateChange: func(s guard.BreakerState) {
			log.Printf("breaker of %s/%s is %s", s.Client, s.Group, s.State)
		},
	})
	client, _ := moneykit.New(moneykit.Config{
		ClientID: "id", ClientSecret: bankmux.NewSecret("…"), Environment: bankmux.Sandbox,
		Guard: g, // share one guard among all clients
	})
	http.HandleFunc("/health/banks", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(g.Breakers())
	})
	fmt.Println(client.Capabilities())
	// Output: [connection_status disconnect check_credentials institutions accounts balances account_numbers identity transactions enrichment transaction_sync holdings investment_transactions refresh webhooks]
}

// TestYourOwnCode is how an application tests itself against the virtual bank.
func TestYourOwnCode(t *testing.T) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	keys := bank.Credentials()
	client, err := moneykit.New(moneykit.Config{
		BaseURL: server.MoneyKitURL, ClientID: keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret), Environment: bankmux.Sandbox,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = bank.Inject(virtualbank.Fault{Name: "rate_limited_seconds", Times: 1}) // virtualbank.FaultNames lists them
	bank.Advance(24 * time.Hour)                                               // the bank's clock, not yours

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = client.CreateSession(ctx, bankmux.SessionRequest{User: "user-1", RedirectURI: "https://app.example.com/oauth"})
	if !errors.Is(err, bankmux.ErrRateLimited) {
		t.Fatalf("got %v", err)
	}
}

// accounts reads accounts and balances, whoever serves them.
func (s *shop) accounts(ctx context.Context, conn bankmux.Connection) error {
	client, err := s.registry.For(conn)
	if err != nil {
		return err
	}
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		return err
	}
	balances, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Known: accounts.Accounts})
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		log.Print(partial) // names the accounts that failed; the others are in balances
	} else if err != nil {
		return err
	}
	for _, b := range balances.Balances {
		if booked, ok := b.Of(bankmux.BalanceBooked); ok { // not told is not 0
			fmt.Println(booked)
		}
	}
	return nil
}

// transactions reads the last 90 days of all accounts, page by page as the loop goes on.
func (s *shop) transactions(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	for row, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		if failure, ok := errors.AsType[bankmux.Failure](err); ok {
			log.Print(failure) // one row or one account; the reading goes on
			continue
		}
		if err != nil {
			return err // the reading has ended
		}
		if row.Amount.Sign() < 0 {
			fmt.Println(row.Date, "spent", row.Amount.Abs(), row.Description)
		}
	}
	return nil
}

// answer goes on with a call that the bank interrupted, perhaps in another process.
func answer(ctx context.Context, client *bankmux.Client, req bankmux.AccountsRequest, ask func([]bankmux.Input) []string) (bankmux.AccountsResult, error) {
	for {
		res, err := client.Accounts(ctx, req)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || e.Challenge == nil {
			return res, err
		}
		req.Answers = e.Challenge.Answer(ask(e.Challenge.Inputs)...) // the challenge marshals to JSON
	}
}

// refresh makes a provider that serves stored data fetch it anew.
func refresh(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	started, err := client.Refresh(ctx, bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // Dapi: every read goes to the bank
	}
	if err != nil {
		return err // rate_limited: once an hour at MoneyKit
	}
	_, err = client.AwaitRefresh(ctx, started)
	return err
}

// forget ends the access at the provider, then here.
func (s *shop) forget(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	if _, err := client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn}); err != nil {
		return err // it may be repeated: one that is gone already is a success
	}
	delete(s.rows, conn.ID)
	return nil
}

func Example_data() {
	s, stop := openShop()
	defer stop()
	ctx := context.Background()
	link := func(user, country string) (*bankmux.Client, bankmux.Connection) {
		launch, err := s.begin(ctx, user, country)
		if err != nil {
			log.Fatal(err)
		}
		conn, err := s.finish(ctx, user, launch.Session, s.browser(launch.Launch))
		if err != nil {
			log.Fatal(err)
		}
		client, err := s.registry.For(conn)
		if err != nil {
			log.Fatal(err)
		}
		return client, conn
	}
	client, conn := link("user-omar", "AE")
	_ = s.bank.RequireInput(conn.Reference(), "", []string{"otp"})
	got, err := answer(ctx, client, bankmux.AccountsRequest{Connection: conn}, func([]bankmux.Input) []string { return []string{"123456"} })
	fmt.Println(len(got.Accounts), err, refresh(ctx, client, conn))

	client, conn = link("user-rosa", "US")
	for _, a := range must(s.bank.Accounts(conn.Reference())) {
		_ = s.bank.SetBalance(conn.Reference(), a.MoneyKitID, virtualbank.BalanceSpec{Current: "784.60"})
	}
	fmt.Println(s.accounts(ctx, conn))
	fmt.Println(s.forget(ctx, client, conn), s.forget(ctx, client, conn), len(s.rows))
	// Output:
	// 2 <nil> <nil>
	// 784.60 USD
	// 784.60 USD
	// -784.60 USD
	// -784.60 USD
	// 784.60 USD
	// <nil>
	// <nil> <nil> 1
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
