//go:build linux

package pgserver

// This file starts PgBouncer.

import (
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

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/loopback"
)

// Pooler starts PgBouncer in front of a server, and returns its address. Two connections serve all
// clients of a database, each of them for one transaction. It ends with the test. The test fails if
// Debian's package pgbouncer is not installed.
func Pooler(t testing.TB, server string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	_, err = os.Stat(program)
	require.NoError(t, err, "install PgBouncer, as .ci/postgres does")
	u, err := url.Parse(server)
	require.NoError(t, err)
	pooler := net.JoinHostPort(loopback.Host(), "6432")
	host, port, err := net.SplitHostPort(pooler)
	require.NoError(t, err)
	folder, err := os.MkdirTemp("", "pgbouncer") //nolint:usetesting // its folder is not for another user
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	config := filepath.Join(folder, "pgbouncer.ini")
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
`, u.Hostname(), u.Port(), u.User.Username(), host, port), 0o600))
	owner := Owner(t)
	if owner != nil { // it must read its configuration
		require.NoError(t, os.Chown(folder, int(owner.Uid), int(owner.Gid)))
		require.NoError(t, os.Chown(config, int(owner.Uid), int(owner.Gid)))
	}
	cmd := exec.Command(program, config) //nolint:gosec,noctx // a test, whose cleanup kills it
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: owner}
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
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", pooler)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return pooler
}
