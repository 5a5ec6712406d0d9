package riversync_test

// This file has the virtual bank that processes of their own meet, and these processes.

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/virtualbank"
)

// member is what a process of the application knows.
type member struct {
	Schema, URL string            // of the database
	Banks       map[string]string // the URLs of the bank by provider
	Keys        virtualbank.Credentials
	ID          string // of the process, in River's tables and at PostgreSQL
}

// opened is a member that has opened its database.
type opened struct {
	store   *store.Store
	clients map[string]*bankmux.Client // by provider
	fleet   *riversync.Fleet
}

// open opens the database. The process works on jobs once its fleet is started.
func (m *member) open(t *testing.T) *opened {
	t.Helper()
	d := &database{schema: m.Schema, url: m.URL + "&application_name=" + m.ID}
	o := &opened{store: d.store(t)}
	fleet := o.store.Fleet(guard.FleetOptions{MaxDelay: time.Minute})
	o.clients = m.openClients(t, guard.New(guard.Options{Fleet: fleet}))
	var err error
	o.fleet, err = riversync.Open(o.store.DB(), &river.Config{
		ID: m.ID, Queues: map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 4}},
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}, riversync.Options{
		Connection: o.store.Connection,
		Ledger:     func(tx *sql.Tx) bankmux.Ledger { return o.store.In(tx) },
		Sync: func(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
			req.PageSize = smallPage
			return o.clients[req.Connection.Provider].SyncAll(ctx, req)
		},
		Timetable: night,
	})
	require.NoError(t, err)
	return o
}

// smallPage makes many pages of a run.
const smallPage = 5

// openClients returns a client of each provider.
func (m *member) openClients(t *testing.T, g *guard.Guard) map[string]*bankmux.Client {
	t.Helper()
	mk, err := moneykit.New(moneykit.Config{
		ClientID: m.Keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(m.Keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, BaseURL: m.Banks[moneykit.Name], Guard: g,
	})
	require.NoError(t, err)
	dp, err := dapi.New(dapi.Config{
		AppKey: m.Keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(m.Keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: m.Banks[dapi.Name] + "/v2", Guard: g,
	})
	require.NoError(t, err)
	pl, err := plaid.New(plaid.Config{
		ClientID: m.Keys.Plaid.ClientID, Secret: bankmux.NewSecret(m.Keys.Plaid.Secret), AppName: "Storm",
		Environment: bankmux.Sandbox, BaseURL: m.Banks[plaid.Name], Guard: g,
	})
	require.NoError(t, err)
	return map[string]*bankmux.Client{moneykit.Name: mk, dapi.Name: dp, plaid.Name: pl}
}

// memberVariable names the variable that makes the test binary a member.
const memberVariable = "RIVERSYNC_TEST_MEMBER"

// beMember is such a process. It works on jobs until it is killed, or its parent has died.
func beMember(t *testing.T, text string) {
	t.Helper()
	var m member
	require.NoError(t, json.Unmarshal([]byte(text), &m))
	require.NoError(t, m.open(t).fleet.Client().Start(context.WithoutCancel(t.Context())))
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// start starts a member as a process of its own.
func (m member) start(t *testing.T, id string) *exec.Cmd {
	t.Helper()
	m.ID = id
	text, err := json.Marshal(m)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStorm$")
	cmd.Env = append(os.Environ(), memberVariable+"="+string(text))
	_, err = cmd.StdinPipe() // ends with this process
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd
}

// shore is the bank and a member in the test's own process, which links the connections.
type shore struct {
	member
	*opened

	db     *database
	bank   *virtualbank.Bank
	hooks  string       // the URL for webhooks, "" for none
	served atomic.Int64 // requests at the bank
	held   atomic.Pointer[func(r *http.Request)]
	conns  []bankmux.Connection
}

// newShore starts the bank.
func newShore(t *testing.T) *shore {
	t.Helper()
	s := &shore{db: newDatabase(t), bank: virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 30})}
	s.member = member{
		Schema: s.db.schema, URL: s.db.url, Keys: s.bank.Credentials(), ID: "test",
		Banks: map[string]string{
			moneykit.Name: s.serve(t, s.bank.MoneyKit()), dapi.Name: s.serve(t, s.bank.Dapi()),
			plaid.Name: s.serve(t, s.bank.Plaid()),
		},
	}
	s.opened = s.open(t)
	require.NoError(t, s.fleet.Migrate(t.Context()))
	return s
}

func (s *shore) serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.served.Add(1)
		if hold := s.held.Load(); hold != nil {
			(*hold)(r)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// link links a connection.
func (s *shore) link(t *testing.T, provider string) bankmux.Connection {
	t.Helper()
	user := fmt.Sprintf("%s-%02d", provider, len(s.conns))
	country := map[string]string{moneykit.Name: "US", dapi.Name: "AE", plaid.Name: "NL"}[provider]
	session, err := s.clients[provider].CreateSession(t.Context(), bankmux.SessionRequest{
		User: user, Country: country, RedirectURI: "https://app.example.com/oauth", WebhookURL: s.hooks,
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
	})
	require.NoError(t, err)
	token := session.Launch.Token.Reveal()
	var posted []byte
	switch provider {
	case moneykit.Name:
		posted, err = s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: token})
	case plaid.Name:
		posted, err = s.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token})
	default:
		posted, err = s.bank.LinkDapi(virtualbank.DapiLink{AppKey: s.Keys.Dapi.AppKey, Countries: []string{country}})
	}
	require.NoError(t, err)
	linked, err := s.clients[provider].ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: user, Payload: bankmux.NewSecret(posted),
	})
	require.NoError(t, err)
	conn := linked.Connection
	require.NoError(t, s.store.SaveConnection(t.Context(), conn))
	s.conns = append(s.conns, conn)
	s.refresh(t, conn)
	return conn
}

// refresh makes a provider fetch from the bank at once.
func (s *shore) refresh(t *testing.T, conn bankmux.Connection) {
	t.Helper()
	if conn.Provider != dapi.Name { // which always asks the bank
		require.NoError(t, s.bank.Refresh(conn.Reference()))
	}
}

// book books a payment at the bank of a connection.
func (s *shore) book(t *testing.T, conn bankmux.Connection, text string) {
	t.Helper()
	accounts, err := s.bank.Accounts(conn.Reference())
	require.NoError(t, err)
	a := accounts[0]
	account := a.MoneyKitID + a.DapiID + a.PlaidID // two of which are empty
	require.NoError(t, s.bank.AddTransaction(conn.Reference(), account, virtualbank.TransactionSpec{
		Amount: "12.50", Type: "debit", Text: text,
	}))
	s.refresh(t, conn)
}

func (s *shore) nudgeAll(t *testing.T) {
	t.Helper()
	for _, conn := range s.conns {
		require.NoError(t, s.fleet.Nudge(t.Context(), conn))
	}
}
