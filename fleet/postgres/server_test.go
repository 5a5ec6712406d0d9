package postgres_test

// This file tests the servers that tests start for themselves.

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/pgserver"
)

// serverVariable makes TestServer start a server and wait until its process is killed.
const serverVariable = "BANKMUX_SERVER_OF_A_TEST"

func TestServer(t *testing.T) {
	if os.Getenv(serverVariable) != "" {
		fmt.Println("url", pgserver.Start(t).URL)
		select {}
	}
	t.Parallel()
	t.Run("it ends when the process of the test is killed", func(t *testing.T) {
		t.Parallel()
		folder, err := os.MkdirTemp("", "server") //nolint:usetesting // a socket needs a short path
		require.NoError(t, err)
		t.Cleanup(func() { // a process of the server may still write as it ends
			require.Eventually(t, func() bool { return os.RemoveAll(folder) == nil }, time.Minute, 10*time.Millisecond)
		})
		require.NoError(t, os.Chmod(folder, 0o755)) // PostgreSQL is another user
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServer$")
		cmd.Env = append(os.Environ(), serverVariable+"=1", "TMPDIR="+folder)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		url, ok := strings.CutPrefix(strings.TrimSpace(line), "url ")
		require.True(t, ok, line)
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.Eventually(t, func() bool {
			again, err := pgx.Connect(t.Context(), url)
			if err == nil {
				_ = again.Close(t.Context())
			}
			return err != nil
		}, time.Minute, 10*time.Millisecond, "the server is left behind")
		// The process of an open connection notices a moment later that the first one has ended.
		require.Eventually(t, func() bool { return conn.Ping(t.Context()) != nil },
			time.Minute, 10*time.Millisecond, "a connection outlives the server")
	})
	t.Run("it keeps its data and its port when it is killed and started again", func(t *testing.T) {
		t.Parallel()
		s := pgserver.Start(t)
		conn, err := pgx.Connect(t.Context(), s.URL)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE TABLE kept (id int)")
		require.NoError(t, err)
		s.Kill(t)
		require.Error(t, conn.Ping(t.Context()))
		s.Start(t)
		conn, err = pgx.Connect(t.Context(), s.URL)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "SELECT id FROM kept")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	})
}
