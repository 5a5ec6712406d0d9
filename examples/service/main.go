// Command service is "connect your bank" as a service of your own. It links banks of three
// providers, renews their consents, shows accounts and transactions, answers questions of banks,
// receives webhooks and keeps everything in step. Run several replicas on one database. They take
// turns, and you may stop or kill any. A reverse proxy logs the users in and sets X-User.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/postgres"
	"github.com/bankmux/bankmux/store/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal("service: ", err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	kept, err := openStore(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer kept.Close()
	fleet := kept.Fleet(guard.FleetOptions{Logger: slog.Default(), MaxDelay: 5 * time.Second}) // all need the store
	watched := guard.New(guard.Options{Logger: slog.Default(), Fleet: fleet})
	registry, err := newRegistry(watched)
	if err != nil {
		return err
	}
	service, err := bankhttp.New(bankhttp.Config{
		Registry: registry, Store: kept, Breakers: watched.Breakers, Logger: slog.Default(),
		User:      func(r *http.Request) (string, error) { return r.Header.Get("X-User"), nil },
		Session:   bankmux.SessionRequest{Products: products},
		PublicURL: os.Getenv("PUBLIC_URL"), // such as https://app.example.com/bank
	})
	if err != nil {
		return err
	}
	worker := store.Worker{Store: kept, Follow: service.Follow, Sync: service.SyncConnection}
	worker.Balances, worker.Logger = service.ReadBalances, slog.Default()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 3)
	for _, run := range []func() error{
		func() error { return worker.Run(ctx) },
		func() error { return serve(ctx, "ADDRESS", "127.0.0.1:8080", service.Handler()) },
		func() error { return serve(ctx, "HEALTH_ADDRESS", "127.0.0.1:8081", service.Health()) }, // not for the public
	} {
		go func() { ended <- run(); stop() }()
	}
	return errors.Join(<-ended, <-ended, <-ended, end(ctx, service.Close), end(ctx, fleet.Flush)) // before kept.Close
}

// end finishes what is under way when ctx has ended, within 30 seconds.
func end(ctx context.Context, finish func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return finish(ctx)
}

var products = []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}}

// serve listens at the address of a variable until ctx ends, and then waits for open requests.
func serve(ctx context.Context, name, local string, handler http.Handler) error {
	server := &http.Server{Addr: cmp.Or(os.Getenv(name), local), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() { ended <- end(ctx, server.Shutdown) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// openStore opens PostgreSQL for a postgres URL, and otherwise a SQLite file.
func openStore(ctx context.Context, database string) (*store.Store, error) {
	key, err := bankmux.ParseKey(os.Getenv("BANKMUX_KEY"))
	if err != nil {
		return nil, fmt.Errorf("BANKMUX_KEY: %w", err)
	}
	keyring, err := bankmux.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	open := sqlite.Open
	if strings.HasPrefix(database, "postgres") {
		open = postgres.Open
	}
	kept, err := open(ctx, database, keyring)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return kept, kept.Migrate(ctx)
}

// newRegistry makes the clients, and the routes that choose one by country.
func newRegistry(watched *guard.Guard) (*bankmux.Registry, error) {
	env, environment := os.Getenv, bankmux.Environment(os.Getenv("BANKMUX_ENVIRONMENT")) // sandbox or production
	secret := func(name string) bankmux.Secret { return bankmux.NewSecret(env(name)) }
	mk, err := moneykit.New(moneykit.Config{
		ClientID: env("MONEYKIT_CLIENT_ID"), ClientSecret: secret("MONEYKIT_CLIENT_SECRET"),
		Environment: environment, BaseURL: env("MONEYKIT_URL"), ScriptURL: env("MONEYKIT_SCRIPT_URL"), Guard: watched,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		AppKey: env("DAPI_APP_KEY"), AppSecret: secret("DAPI_APP_SECRET"),
		Environment: environment, BaseURL: env("DAPI_URL"), ScriptURL: env("DAPI_SCRIPT_URL"), Guard: watched,
		Webhook: dapi.WebhookConfig{Secrets: []bankmux.Secret{secret("DAPI_WEBHOOK_SECRET")}},
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID: env("PLAID_CLIENT_ID"), Secret: secret("PLAID_SECRET"), AppName: "Example",
		Environment: environment, BaseURL: env("PLAID_URL"), ScriptURL: env("PLAID_SCRIPT_URL"), Guard: watched,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: mk.Name(), Countries: []string{"US", "GB"}},
		{Client: pl.Name(), Countries: []string{"CA", "NL", "DE"}},
		{Client: dp.Name(), Countries: []string{"AE", "SA", "KW", "BH"}},
		{Client: pl.Name(), Countries: []string{"US", "GB"}, Priority: 1}, // if MoneyKit is down
	})
}
