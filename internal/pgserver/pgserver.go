//go:build linux

// Package pgserver starts a PostgreSQL server for one test, which may stop and kill it, or a pooler
// in front of a server.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/loopback"
)

// Server is a server with the superuser postgres and trust in every client. It listens on an
// address of loopback, which it keeps.
type Server struct {
	URL    string // of the database postgres
	folder string // of Debian's programs
	data   string
	host   string
	owner  *syscall.Credential // nil unless the test runs as root
	first  *process            // nil while the server is down
}

// process is the first process of a server.
type process struct {
	*os.Process

	ended chan struct{} // closed when it has ended
}

// Start makes a new cluster and starts its server. Both end with the test. If the process of the
// test is killed, the server ends as well, and its files stay. The test fails if Debian's package
// postgresql is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	require.NotEmpty(t, found, "install PostgreSQL, as .ci/postgres does")
	folder, err := os.MkdirTemp("", "postgres") //nolint:usetesting // its folder is not for another user
	require.NoError(t, err)
	s := &Server{folder: found[len(found)-1], data: filepath.Join(folder, "data")}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	t.Cleanup(func() {
		if s.first != nil {
			s.Kill(t)
		}
	})
	if s.owner = Owner(t); s.owner != nil {
		require.NoError(t, os.Chown(folder, int(s.owner.Uid), int(s.owner.Gid)))
	}
	out, err := s.command(t.Context(), "initdb", "-D", s.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C.UTF-8", "--no-sync").CombinedOutput()
	require.NoError(t, err, string(out))
	s.host = loopback.Host()
	s.URL = "postgres://postgres@" + net.JoinHostPort(s.host, port) + "/postgres"
	s.Start(t)
	return s
}

// port is that of each server. No two have the same host.
const port = "5432"

// Owner returns the user that Debian's package makes. It is nil unless the test runs as root, as
// which neither PostgreSQL nor PgBouncer runs.
func Owner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// command returns a command of PostgreSQL.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.folder, name), args...) //nolint:gosec // a test
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd
}

// maxStart is how long a server may take to accept connections.
const maxStart = time.Minute

// Start starts the server again after [Server.Kill], and waits until it accepts connections.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(s.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	ctx, cancel := context.WithTimeout(context.Background(), maxStart)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil { // it refuses to start until the killed processes have ended
		first, err := s.start(log)
		require.NoError(t, err)
		if s.ready(ctx, first, again.C) {
			s.first = first
			return
		}
		_ = first.Kill() // it may have ended
		<-first.ended
		<-again.C
	}
	text, _ := os.ReadFile(log.Name())
	require.Fail(t, "PostgreSQL does not start", "%s", text)
}

// start starts the first process. The kernel kills it when the thread that started it ends, so a
// goroutine keeps that thread until then.
func (s *Server) start(log *os.File) (*process, error) {
	cmd := s.command(context.Background(), "postgres", "-D", s.data, "-F", "-p", port,
		"-c", "listen_addresses="+s.host, "-c", "unix_socket_directories="+filepath.Dir(s.data))
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.Stdout, cmd.Stderr = log, log
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &process{cmd.Process, ended}, nil
}

// ready waits until the server accepts connections. It reports false if the first process or the
// context ends.
func (s *Server) ready(ctx context.Context, first *process, again <-chan time.Time) bool {
	for {
		if s.command(ctx, "pg_isready", "-q", "-h", s.host, "-p", port).Run() == nil {
			return true
		}
		select {
		case <-first.ended:
			return false
		case <-ctx.Done():
			return false
		case <-again:
		}
	}
}

// Kill ends all processes of the server as a power failure does. What was committed stays.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.Suspend(t) // so that the first process starts no other one
	s.signal(t, s.processes(t), syscall.SIGKILL)
	<-s.first.ended
	s.first = nil
}

// Suspend stops all processes of the server. It accepts connections and never responds. The first
// process comes first, since it starts the others.
func (s *Server) Suspend(t testing.TB) {
	t.Helper()
	s.stop(t, []int{s.first.Pid})
	s.stop(t, s.processes(t))
}

// stop stops processes, and waits until they have stopped or ended.
func (s *Server) stop(t testing.TB, pids []int) {
	t.Helper()
	s.signal(t, pids, syscall.SIGSTOP)
	s.settle(t, pids, func(state string) bool { return state == "T" || state == "Z" || state == "" })
}

// Resume is the inverse of [Server.Suspend]. It waits until the server has carried out what its
// clients sent before.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	all := s.processes(t)
	s.signal(t, all, syscall.SIGCONT)
	s.settle(t, all, func(state string) bool { return state != "R" && state != "D" && state != "T" })
}

// settle waits until a condition holds for the states of all processes. The state of one that waits
// for its client or for another process is "S". That of one that has ended is "".
func (*Server) settle(t testing.TB, pids []int, ok func(state string) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, pid := range pids {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // empty if it has ended
			_, state, _ := strings.Cut(string(text), ") ")
			state, _, _ = strings.Cut(state, " ")
			if !ok(state) {
				return false
			}
		}
		return true
	}, maxStart, time.Millisecond)
}

// signal sends a signal to processes. Those that have ended are left out.
func (*Server) signal(t testing.TB, pids []int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); !errors.Is(err, syscall.ESRCH) {
			require.NoError(t, err)
		}
	}
}

// processes returns the first process of the server and its children, each of which serves a
// connection or has a task of its own.
func (s *Server) processes(t testing.TB) []int {
	t.Helper()
	first := s.first.Pid
	all := []int{first}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
	require.NoError(t, err)
	for word := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(word)
		require.NoError(t, err)
		all = append(all, pid)
	}
	return all
}
