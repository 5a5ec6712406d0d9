package postgres_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/internal/fleetproof"
	"github.com/bankmux/bankmux/internal/leak"
)

// address is the URL of a PostgreSQL server. The gate sets it.
var address = os.Getenv("BANKMUX_POSTGRES")

// tables are the ends of the names of the tables with a name, or key, and an end.
var tables = []string{"leases", "places", "facts", "counts", "seen"}

func TestMain(m *testing.M) {
	fleetproof.Main(openShared) // a process that a test started ends here
	leak.Main(m)
}

// schema is an empty schema of a test.
type schema struct {
	url   string
	admin *pgx.Conn
}

// newSchema makes a schema.
func newSchema(t testing.TB) *schema {
	t.Helper()
	require.NotEmpty(t, address, "set BANKMUX_POSTGRES to the URL of a server, as .ci/postgres does")
	return newSchemaAt(t, address)
}

// newSchemaAt makes a schema on a server.
func newSchemaAt(t testing.TB, server string) *schema {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	u, err := url.Parse(server)
	require.NoError(t, err)
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	s := &schema{url: u.String()}
	s.connect(t)
	_, err = s.admin.Exec(t.Context(), "CREATE SCHEMA "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		if s.admin.IsClosed() || s.admin.Ping(context.Background()) != nil {
			s.connect(t)
		}
		assert.Eventually(t, func() bool { // a statement of a killed process may still hold a lock
			_, err := s.admin.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+name+" CASCADE")
			return err == nil
		}, time.Minute, time.Millisecond)
		assert.NoError(t, s.admin.Close(context.Background()))
	})
	return s
}

func (s *schema) connect(t testing.TB) {
	t.Helper()
	var err error
	s.admin, err = pgx.Connect(context.Background(), s.url)
	require.NoError(t, err)
}

// open opens a namespace of the schema, as another process does.
func (s *schema) open(t testing.TB, namespace string) *postgres.Backend {
	t.Helper()
	b, err := postgres.Open(t.Context(), s.url, postgres.Options{Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.Migrate(t.Context()))
	return b
}

// movable lets advance move the clock of the schema.
func (s *schema) movable(t testing.TB) {
	t.Helper()
	_, err := s.admin.Exec(t.Context(), `
		CREATE TABLE moved (ms BIGINT NOT NULL);
		INSERT INTO moved VALUES (0);
		CREATE OR REPLACE FUNCTION bankmux_fleet_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
			SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint + (SELECT ms FROM moved)
		$$`, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
}

func (s *schema) advance(t testing.TB, d time.Duration) {
	t.Helper()
	_, err := s.admin.Exec(t.Context(), "UPDATE moved SET ms = ms + $1", d.Milliseconds())
	require.NoError(t, err)
}

func TestBackend(t *testing.T) {
	t.Parallel()
	fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
		s := newSchema(t)
		b := s.open(t, "a")
		s.movable(t)
		return fleettest.Fixture{
			Backend: b,
			Second:  func(t *testing.T) guard.Backend { return s.open(t, "a") },
			Other:   func(t *testing.T) guard.Backend { return s.open(t, "b") },
			Advance: func(d time.Duration) { s.advance(t, d) },
			PutBack: func(d time.Duration) { s.advance(t, -d) },
			Seen:    b,
		}
	})
}
