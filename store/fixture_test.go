package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/leak"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/postgres"
	"github.com/bankmux/bankmux/store/sqlite"
)

// serverURL is the address of a PostgreSQL server, and restart a command that restarts it. The gate
// sets them.
var (
	serverURL = os.Getenv("BANKMUX_POSTGRES")
	restart   = os.Getenv("BANKMUX_POSTGRES_RESTART")
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestGate(t *testing.T) {
	t.Run("the gate tests PostgreSQL too", func(t *testing.T) {
		if os.Getenv("BANKMUX_FULL") == "1" {
			require.NotEmpty(t, serverURL, "set BANKMUX_POSTGRES to the URL of a server")
			require.NotEmpty(t, restart, "set BANKMUX_POSTGRES_RESTART to a command")
		}
	})
}

// database is an empty database of a test.
type database struct {
	dialect store.Dialect
	address string // a file or a URL
	keys    *bankmux.Keyring
}

// dialects returns SQLite, and PostgreSQL if there is a server.
func dialects() []store.Dialect {
	if serverURL == "" {
		return []store.Dialect{store.SQLite}
	}
	return []store.Dialect{store.SQLite, store.Postgres}
}

// onEach runs a test on each database.
func onEach(t *testing.T, name string, test func(t *testing.T, db *database)) {
	t.Helper()
	for _, dialect := range dialects() {
		t.Run(dialect.String()+": "+name, func(t *testing.T) { test(t, newDatabase(t, dialect)) })
	}
}

func newDatabase(t testing.TB, dialect store.Dialect) *database {
	t.Helper()
	db := &database{dialect: dialect, keys: ring(t, key("2026"))}
	if dialect == store.SQLite {
		db.address = filepath.Join(t.TempDir(), "bank.db")
		return db
	}
	schema := "t_" + strings.ToLower(rand.Text())
	server, err := sql.Open("pgx", serverURL)
	require.NoError(t, err)
	_, err = server.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := server.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
		require.NoError(t, server.Close())
	})
	u, err := url.Parse(serverURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	db.address = u.String()
	return db
}

// open opens the database, as another process does, and migrates it.
func (db *database) open(t testing.TB, options ...store.Option) *store.Store {
	t.Helper()
	s := db.openOnly(t, options...)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func (db *database) openOnly(t testing.TB, options ...store.Option) *store.Store {
	t.Helper()
	open := sqlite.Open
	if db.dialect == store.Postgres {
		open = postgres.Open
	}
	s, err := open(t.Context(), db.address, db.keys, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// key returns a key whose material depends on its id.
func key(id string) bankmux.Key {
	material := make([]byte, 32)
	copy(material, "material of "+id)
	return bankmux.Key{ID: id, Material: bankmux.NewSecret(material)}
}

func ring(t testing.TB, primary bankmux.Key, old ...bankmux.Key) *bankmux.Keyring {
	t.Helper()
	keys, err := bankmux.NewKeyring(primary, old...)
	require.NoError(t, err)
	return keys
}

// heron is an adapter without a network.
type heron struct{}

func (heron) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.State = bankmux.NewSecret("verifier-secret")
	return s, nil
}

func (heron) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	token, _ := fields.Text("token")
	conn := bankmux.NewConnection(req.Session, "reference-"+token, bankmux.NewSecret("credential-"+token))
	conn.Institution = bankmux.Institution{ID: "heron-bank", Name: "Heron Bank", Country: "US"}
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: conn.CreatedAt}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// client is the client of all tests.
var client = bankmux.NewClient("heron", heron{})

// session returns a session of a user.
func session(t testing.TB, user string) bankmux.Session {
	t.Helper()
	s, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: user, Country: "US"})
	require.NoError(t, err)
	return s
}

// exchange links a session with a token.
func exchange(ctx context.Context, s bankmux.Session, token string) (bankmux.ExchangeResult, error) {
	return client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: s, User: s.User, Payload: bankmux.NewSecret(payload(token)),
	})
}

func payload(token string) []byte { return fmt.Appendf(nil, `{"token":%q}`, token) }

// connection links a connection of a user and stores it.
func connection(t testing.TB, s *store.Store, user, token string) bankmux.Connection {
	t.Helper()
	linked, err := exchange(t.Context(), session(t, user), token)
	require.NoError(t, err)
	require.NoError(t, s.SaveConnection(t.Context(), linked.Connection))
	return linked.Connection
}

// clock is a clock that a test moves.
type clock struct{ at chan time.Time }

func newClock() *clock {
	c := &clock{at: make(chan time.Time, 1)}
	c.at <- time.Now()
	return c
}

func (c *clock) now() time.Time {
	at := <-c.at
	c.at <- at
	return at
}

func (c *clock) advance(d time.Duration) {
	c.at <- (<-c.at).Add(d)
}
