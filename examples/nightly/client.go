package main

// This file opens what each process needs: the database, the shared state and the clients.

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/store"
	storepostgres "github.com/bankmux/bankmux/store/postgres"
	"github.com/bankmux/bankmux/virtualbank"
)

// setup is what all processes agree on. The first process passes it to the workers.
type setup struct {
	Clock    clock  `json:"clock"`
	Database string `json:"database"`
	Key      string `json:"key"`      // of the store and of the shared state
	MoneyKit int    `json:"moneykit"` // connections
	Jobs     int    `json:"jobs"`     // that a worker runs at a time

	Banks         virtualbank.Credentials `json:"banks"` // of the virtual bank, so they open nothing
	WebhookSecret string                  `json:"webhook_secret"`
	URLs          map[string]string       `json:"urls"` // by provider
}

// member is what a process has of its own.
type member struct {
	setup

	now      func() time.Time
	db       *sql.DB
	store    *store.Store
	shared   *postgres.Backend
	guard    *guard.Fleet
	registry *bankmux.Registry
	fleet    *riversync.Fleet
}

// maxConns is how many connections a process opens at most. A job that waits for a bank has none.
const maxConns = 20

// newKey returns a new key. In production it comes from your secret store: see docs/link.md.
func newKey() string {
	material := make([]byte, 32)
	_, _ = rand.Read(material) // never fails
	return "nightly:" + base64.StdEncoding.EncodeToString(material)
}

// inSchema returns the URL of a database with a schema of its own for the tables.
func inSchema(database, schema string) (string, error) {
	u, err := url.Parse(database)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return "", errors.New("DATABASE_URL is not a URL such as postgres://user:password@localhost/database")
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// open opens a process. One with queues works on jobs. now is the time by which it judges webhooks.
func open(
	ctx context.Context, s setup, now func() time.Time, queues map[string]river.QueueConfig,
) (m *member, err error) {
	m = &member{setup: s, now: now}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	key, err := bankmux.ParseKey(s.Key)
	if err != nil {
		return m, err
	}
	keys, err := bankmux.NewKeyring(key)
	if err != nil {
		return m, err
	}
	if m.store, err = storepostgres.Open(ctx, s.Database, keys); err != nil {
		return m, err
	}
	m.db = m.store.DB()
	m.db.SetMaxOpenConns(min(s.Jobs+4, maxConns))
	m.db.SetMaxIdleConns(maxConns) // a connection that is opened again costs more than a sync
	// The leases and budgets have a pool of their own, so that they never wait for a job's
	// transaction.
	if m.shared, err = postgres.Open(ctx, s.Database, postgres.Options{}); err != nil {
		return m, err
	}
	// A machine that is busy may take seconds, so the shared state counts as down only then.
	m.guard, err = guard.NewFleet(m.shared, keys, guard.FleetOptions{MaxDelay: 5 * time.Second})
	if err != nil {
		return m, err
	}
	if m.registry, err = m.clients(); err != nil {
		return m, err
	}
	m.fleet, err = riversync.Open(m.db, &river.Config{
		Queues: queues, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		// The nights are fast, so a job must not wait for a second.
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	}, riversync.Options{
		Connection: m.store.Connection,
		Ledger:     func(tx *sql.Tx) bankmux.Ledger { return &fastLedger{Ledger: m.store.In(tx), clock: s.Clock} },
		Sync:       m.sync,
		Timetable:  timetable{clock: s.Clock},
	})
	return m, err
}

// close closes what was opened.
func (m *member) close() {
	if m.shared != nil {
		m.shared.Close()
	}
	if m.store != nil {
		_ = m.store.Close() // nothing is left to store
	}
}

// marker is the comment of a schema that this program made, and may replace.
const marker = "made by bankmux, examples/nightly"

// migrate makes all tables in a new schema. It replaces the schema of an earlier run, and refuses
// one that this program did not make.
func (m *member) migrate(ctx context.Context, schema string) error {
	var foreign bool
	err := m.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1"+
		" AND obj_description(oid, 'pg_namespace') IS DISTINCT FROM $2)", schema, marker).Scan(&foreign)
	switch {
	case err != nil:
		return fmt.Errorf("the database of DATABASE_URL: %w", err)
	case foreign:
		return fmt.Errorf("this program did not make the schema %s, so it does not replace it; choose another -schema",
			schema)
	}
	for _, statement := range []string{
		"DROP SCHEMA IF EXISTS " + schema + " CASCADE",
		"CREATE SCHEMA " + schema,
		"COMMENT ON SCHEMA " + schema + " IS '" + marker + "'",
		journalTable,
	} {
		if _, err := m.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("the database of DATABASE_URL: %w", err)
		}
	}
	for _, migrate := range []func(context.Context) error{m.store.Migrate, m.shared.Migrate, m.fleet.Migrate} {
		if err := migrate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// clients makes the clients of the three providers, with one guard.
func (m *member) clients() (*bankmux.Registry, error) {
	limits, err := guard.NewBudgets(m.Clock.scaled(budgets(m.MoneyKit))...)
	if err != nil {
		return nil, err
	}
	wait := m.Clock.wait
	watched := guard.New(guard.Options{
		Fleet: m.guard, Budgets: limits,
		// The waits of the guard are as fast as the nights. Its defaults are those in brackets.
		Retry: guard.RetryOptions{
			Base: wait(200 * time.Millisecond), Cap: wait(5 * time.Second), MaxWait: wait(10 * time.Second),
		},
		Breaker:      guard.BreakerOptions{OpenFor: wait(30 * time.Second)},
		Institutions: guard.InstitutionOptions{OpenFor: wait(30 * time.Second)},
	})
	secret := bankmux.NewSecret[string]
	mk, err := moneykit.New(moneykit.Config{
		ClientID: m.Banks.MoneyKit.ClientID, ClientSecret: secret(m.Banks.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: m.URLs[moneykit.Name], Now: m.now, Guard: watched,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		AppKey: m.Banks.Dapi.AppKey, AppSecret: secret(m.Banks.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: m.URLs[dapi.Name], Now: m.now, Guard: watched,
		Webhook: dapi.WebhookConfig{Secrets: []bankmux.Secret{secret(m.WebhookSecret)}},
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		ClientID: m.Banks.Plaid.ClientID, Secret: secret(m.Banks.Plaid.Secret), AppName: "Nightly",
		Environment: bankmux.Sandbox, BaseURL: m.URLs[plaid.Name], Now: m.now, Guard: watched,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: mk.Name(), Countries: []string{"US"}},
		{Client: dp.Name(), Countries: []string{"AE"}},
		{Client: pl.Name(), Countries: []string{"NL"}},
	})
}
