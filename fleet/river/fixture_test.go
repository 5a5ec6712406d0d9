package riversync_test

// This file has the database, the bank and the processes of the tests.

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/internal/leak"
	"github.com/bankmux/bankmux/reconcile"
	"github.com/bankmux/bankmux/schedule"
	"github.com/bankmux/bankmux/store"
)

// address is the URL of a PostgreSQL server. The gate sets it.
var address = os.Getenv("BANKMUX_POSTGRES")

// patience is longer than anything here takes, also on a machine that is busy.
const patience = 3 * time.Minute

func TestMain(m *testing.M) { leak.Main(m) }

// database is an empty schema of a test.
type database struct {
	schema string
	url    string
	db     *sql.DB
	tracer pgx.QueryTracer
}

// newDatabase makes a schema.
func newDatabase(t testing.TB) *database {
	t.Helper()
	require.NotEmpty(t, address, "set BANKMUX_POSTGRES to the URL of a server, as .ci/postgres does")
	return newDatabaseAt(t, address)
}

// newDatabaseAt makes a schema on a server.
func newDatabaseAt(t testing.TB, server string) *database {
	t.Helper()
	d := &database{schema: "t_" + strings.ToLower(rand.Text())}
	u, err := url.Parse(server)
	require.NoError(t, err)
	query := u.Query()
	query.Set("search_path", d.schema)
	u.RawQuery = query.Encode()
	d.url = u.String()
	d.db = d.open(t)
	d.exec(t, "CREATE SCHEMA "+d.schema)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { // a statement of a killed process may still hold a lock
			_, err := d.db.ExecContext(context.Background(), "DROP SCHEMA IF EXISTS "+d.schema+" CASCADE")
			return err == nil
		}, patience, time.Millisecond)
		assert.NoError(t, d.db.Close())
	})
	return d
}

func (d *database) open(t testing.TB) *sql.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(d.url)
	require.NoError(t, err)
	cfg.Tracer = d.tracer
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(6)
	db.SetMaxIdleConns(6)
	return db
}

func (d *database) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	_, err := d.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// count returns the number that a query selects.
func (d *database) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, d.db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// jobs returns how many jobs of connections are in some states, all if there are none.
func (d *database) jobs(t *testing.T, states ...string) int {
	t.Helper()
	return d.count(t, "SELECT count(*) FROM river_job WHERE kind = 'bankmux_sync'"+
		" AND (cardinality($1::text[]) = 0 OR state::text = ANY($1))", append([]string{}, states...))
}

// allTexts are the texts of the bank's rows. A page has two of them.
var allTexts = []string{"1 coffee", "2 rent", "3 wages", "4 shoes", "5 bread"}

// bank is a provider without a network. A test adds rows, and fails or holds up its calls.
type bank struct {
	mu     sync.Mutex
	texts  []string
	called []string // operations of SyncAll with the connection
	ops    []bankmux.Op
	fail   func(ctx context.Context, call string, answers *bankmux.Answers) error
}

func newBank() *bank { return &bank{texts: slices.Clone(allTexts)} }

func (*bank) Describe() bankmux.Description { return bankmux.Description{Provider: "heron"} }

func (*bank) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), nil
}

func (*bank) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	credential := bankmux.NewSecret([]byte("credential"))
	conn := bankmux.NewConnection(req.Session, "reference of "+req.Session.User, credential)
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: conn.CreatedAt}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// call records a call and returns the error that the test wants.
func (b *bank) call(ctx context.Context, call string, conn bankmux.Connection, answers *bankmux.Answers) error {
	b.mu.Lock()
	b.called = append(b.called, call+" of "+conn.User)
	fail := b.fail
	b.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(ctx, call, answers)
}

func (b *bank) failing(fail func(ctx context.Context, call string, answers *bankmux.Answers) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

// taken returns the calls since the last time.
func (b *bank) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	called := b.called
	b.called = nil
	return called
}

func (b *bank) add(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts = append(b.texts, text)
}

func (b *bank) Accounts(ctx context.Context, req bankmux.AccountsRequest) (res bankmux.AccountsResult, err error) {
	res.Accounts = []bankmux.Account{{ID: "a", Kind: bankmux.AccountChecking, Number: "1234", Currency: "USD"}}
	return res, b.call(ctx, "accounts", req.Connection, req.Answers)
}

func (b *bank) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	return reconcile.Feed{
		Provider: "heron",
		Accounts: func(context.Context, *bankmux.Answers) ([]string, []bankmux.Failure, error) {
			return []string{"a"}, nil, nil
		},
		Stored: func(context.Context, reconcile.StoredRequest) (reconcile.StoredPage, error) {
			return reconcile.StoredPage{Rows: b.rows()}, nil
		},
		Page: func(ctx context.Context, page reconcile.FeedRequest) (out reconcile.FeedPage, err error) {
			at, end := 0, 0
			_, _ = fmt.Sscan(page.Cursor, &at, &end)
			rows := b.rows()
			if at == end { // a round has the rows that were there at its start
				end = len(rows)
			}
			next := min(at+2, end)
			out = reconcile.FeedPage{Created: rows[at:next], Next: fmt.Sprint(next, end), More: next < end}
			return out, b.call(ctx, fmt.Sprint("page ", at), req.Connection, page.Answers)
		},
	}.Sync(ctx, req)
}

func (b *bank) rows() (rows []bankmux.Transaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	amount, _ := bankmux.NewMoney("-1.00", "USD")
	for i, text := range b.texts {
		rows = append(rows, bankmux.Transaction{
			ID: "id of " + text, Account: "a", Description: text, RawDescription: text, Amount: amount,
			Date: bankmux.NewDate(2026, 2, 1).AddDays(i), Status: bankmux.StatusBooked,
		})
	}
	return rows
}

// night is the timetable of all processes.
var night = schedule.Night{}

// process is one process of the application.
type process struct {
	fleet   *riversync.Fleet
	store   *store.Store
	bank    *bank
	client  *bankmux.Client
	events  <-chan *river.Event
	asked   func(*bankmux.SyncAllRequest) // changes the request of a job
	ran     func(error)                   // gets the error of each SyncAll of a job
	attend  bool                          // a user waits for each SyncAll
	schema  string                        // of River's configuration
	queues  map[string]river.QueueConfig
	hooks   []rivertype.Hook
	logger  *slog.Logger
	river   *slog.Logger             // River's own log, nil discards it
	change  func(*riversync.Options) // changes what the application gives to the fleet
	absent  bool                     // each call since the last link said that no user waits
	stopped bool
}

// store opens the database with the application's own key.
func (d *database) store(t testing.TB) *store.Store {
	t.Helper()
	material := []byte("material of 32 bytes for a test.")
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "2026", Material: bankmux.NewSecret(material)})
	require.NoError(t, err)
	db := d.open(t)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	s, err := store.New(db, store.Postgres, keys)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// process opens the database as a process does.
func (d *database) process(t testing.TB, b *bank, options ...func(*process)) *process {
	t.Helper()
	s := d.store(t)
	p := &process{
		store: s, bank: b,
		queues: map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 4}},
	}
	for _, option := range options {
		option(p)
	}
	p.client = bankmux.NewClient("heron", b, p.observe)
	if p.river == nil {
		p.river = slog.New(slog.DiscardHandler)
	}
	opts := riversync.Options{
		Connection: func(ctx context.Context, user, id string) (bankmux.Connection, error) {
			conn, err := s.Connection(ctx, user, id)
			if err != nil {
				conn.ID = id // what comes with an error does not count
			}
			return conn, err
		},
		Ledger:    func(tx *sql.Tx) bankmux.Ledger { return s.In(tx) },
		Sync:      p.sync,
		Timetable: night,
		Logger:    p.logger,
	}
	if p.change != nil {
		p.change(&opts)
	}
	var err error
	p.fleet, err = riversync.Open(s.DB(), &river.Config{
		Queues: p.queues, Schema: p.schema, Hooks: p.hooks,
		FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 10 * time.Millisecond,
		Logger: p.river,
	}, opts)
	require.NoError(t, err)
	require.NoError(t, p.fleet.Migrate(t.Context()))
	return p
}

// observe records the operations of the client.
func (p *process) observe(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
	p.bank.mu.Lock()
	p.bank.ops = append(p.bank.ops, op)
	present, _ := bankmux.PresenceOf(ctx)
	p.absent = p.absent && present.Absent
	p.bank.mu.Unlock()
	return next(ctx)
}

func (p *process) sync(ctx context.Context, req bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
	if p.asked != nil {
		p.asked(&req)
	}
	if p.attend {
		ctx = bankmux.WithPresence(ctx, bankmux.Presence{})
	}
	res, err := p.client.SyncAll(ctx, req)
	if p.ran != nil {
		p.ran(err)
	}
	return res, err
}

// start lets the process work on jobs until the test ends.
func (p *process) start(t testing.TB) *process {
	t.Helper()
	events, cancel := p.fleet.Client().Subscribe(
		river.EventKindJobCompleted, river.EventKindJobSnoozed, river.EventKindJobCancelled, river.EventKindJobFailed)
	p.events = events
	require.NoError(t, p.fleet.Client().Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() {
		p.stop(t)
		cancel()
	})
	return p
}

// stop ends the jobs of the process and then the process.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if !p.stopped {
		p.stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, p.fleet.Client().StopAndCancel(ctx))
	}
}

// wait returns how the next job of the process ended.
func (p *process) wait(t *testing.T) *river.Event {
	t.Helper()
	for {
		select {
		case e := <-p.events:
			if e.Job.Kind == "bankmux_sync" {
				return e
			}
		case <-time.After(patience):
			require.FailNow(t, "no job ended")
		}
	}
}

// link links a connection of a user and stores it.
func (p *process) link(t testing.TB, user string) bankmux.Connection {
	t.Helper()
	s, err := p.client.CreateSession(t.Context(), bankmux.SessionRequest{User: user, Country: "US"})
	require.NoError(t, err)
	res, err := p.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: s, User: user, Payload: bankmux.NewSecret([]byte(`{"token":"1"}`)),
	})
	require.NoError(t, err)
	require.NoError(t, p.store.SaveConnection(t.Context(), res.Connection))
	p.bank.mu.Lock()
	p.bank.ops, p.absent = nil, true
	p.bank.mu.Unlock()
	return res.Connection
}

func (p *process) nudge(t testing.TB, conn bankmux.Connection) {
	t.Helper()
	require.NoError(t, p.fleet.Nudge(t.Context(), conn))
}

func (p *process) plan(t *testing.T, conn bankmux.Connection) schedule.Plan {
	t.Helper()
	plan, err := p.fleet.Plan(t.Context(), conn)
	require.NoError(t, err)
	return plan
}

func (p *process) state(t *testing.T, conn bankmux.Connection) bankmux.SyncState {
	t.Helper()
	state, err := p.store.SyncState(t.Context(), conn)
	require.NoError(t, err)
	return state
}

// stored returns the rows of a user that a store has, in the order of their days.
func stored(t *testing.T, s *store.Store, user string) (all []bankhttp.Transaction) {
	t.Helper()
	query := bankhttp.Query{User: user, Limit: 500}
	for {
		page, err := s.Transactions(t.Context(), query)
		require.NoError(t, err)
		all = append(all, page.Transactions...)
		if query.After = page.Next; page.Next == "" {
			slices.Reverse(all)
			return all
		}
	}
}

// ledgerOf returns the stored rows of a user as JSON.
func ledgerOf(t *testing.T, s *store.Store, user string) (rows []string) {
	t.Helper()
	for _, row := range stored(t, s, user) {
		raw, err := json.Marshal(row.Row)
		require.NoError(t, err)
		rows = append(rows, string(raw))
	}
	return rows
}

func (p *process) ledgerOf(t *testing.T, user string) []string {
	t.Helper()
	return ledgerOf(t, p.store, user)
}

// texts returns the texts of the stored rows of a user.
func (p *process) texts(t *testing.T, user string) (texts []string) {
	t.Helper()
	for _, row := range stored(t, p.store, user) {
		texts = append(texts, row.Row.Description)
	}
	return texts
}
