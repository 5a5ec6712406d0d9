package postgres_test

// This file checks the backend behind PgBouncer, which shares connections between transactions.

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/guard/fleettest"
	"github.com/bankmux/bankmux/internal/loopback"
	"github.com/bankmux/bankmux/internal/pgserver"
)

// TestPooler specifies that every promise holds behind a pooler that gives a client another
// connection for each transaction.
func TestPooler(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, address, "set BANKMUX_POSTGRES to the URL of a server, as .ci/postgres does")
	pooler := startPooler(t)
	s := newDatabase(t)
	direct, err := postgres.Open(t.Context(), s.url, postgres.Options{})
	require.NoError(t, err)
	require.NoError(t, direct.Migrate(t.Context()))
	direct.Close()
	s.movable(t)
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	u.Host = pooler
	open := func(t *testing.T, namespace string) *postgres.Backend {
		t.Helper()
		b, err := postgres.Open(t.Context(), u.String(), postgres.Options{Namespace: namespace})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		require.NoError(t, b.Migrate(t.Context()))
		return b
	}
	fleettest.Run(t, func(t *testing.T) fleettest.Fixture {
		_, err := s.admin.Exec(t.Context(), "UPDATE moved SET ms = 0")
		require.NoError(t, err)
		namespace := rand.Text()
		b := open(t, namespace)
		return fleettest.Fixture{
			Backend: b,
			Second:  func(t *testing.T) guard.Backend { return open(t, namespace) },
			Other:   func(t *testing.T) guard.Backend { return open(t, rand.Text()) },
			Advance: func(d time.Duration) { s.advance(t, d) },
			Seen:    b,
		}
	})
}

// newDatabase makes a database, since a pooler does not pass the search path on.
func newDatabase(t *testing.T) *schema {
	t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	server, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	_, err = server.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Path = "/" + name
	s := &schema{url: u.String()}
	s.connect(t)
	t.Cleanup(func() {
		require.NoError(t, s.admin.Close(context.Background()))
		_, err := server.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, server.Close(context.Background()))
	})
	return s
}

// startPooler starts PgBouncer and returns its address. Two connections serve all clients of a
// database.
func startPooler(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	_, err = os.Stat(program)
	require.NoError(t, err, "install PgBouncer, as .ci/postgres does")
	u, err := url.Parse(address)
	require.NoError(t, err)
	pooler := net.JoinHostPort(loopback.Host(), "6432")
	host, port, err := net.SplitHostPort(pooler)
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "pgbouncer.ini")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=%s port=%s user=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
log_connections = 0
log_disconnections = 0
`, u.Hostname(), u.Port(), u.User.Username(), host, port), 0o644))
	cmd := exec.Command(program, config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: pgserver.Owner(t)}
	if cmd.SysProcAttr.Credential != nil { // it must read its configuration
		for dir := filepath.Dir(config); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			require.NoError(t, os.Chmod(dir, 0o755))
		}
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", pooler)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return pooler
}
