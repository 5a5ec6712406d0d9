package redis_test

// This file starts servers for tests.

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/internal/fleetproof"
	"github.com/bankmux/bankmux/internal/leak"
)

// program is the path of redis-server. The gate sets it.
var program = os.Getenv("BANKMUX_REDIS_SERVER")

func TestMain(m *testing.M) {
	fleetproof.Main(openShared) // a process that a test started ends here
	code := m.Run()
	_ = os.RemoveAll(built)
	if code == 0 {
		code = leak.Check()
	}
	os.Exit(code)
}

// server is a server in a process of its own, on a socket in a temporary folder.
type server struct {
	url   string
	args  []string
	env   []string
	clock *os.File // nil if its clock does not move
	ahead time.Duration
	cmd   *exec.Cmd
}

// newServer starts an empty server without persistence.
func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := prepare(t, args)
	s.start(t)
	return s
}

// newClockedServer starts a server whose clock the test can move.
func newClockedServer(t testing.TB, args ...string) *server {
	t.Helper()
	s := prepare(t, args)
	library, err := clockLibrary()
	require.NoError(t, err)
	s.clock, err = os.Create(filepath.Join(newFolder(t), "clock"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.clock.Close()) })
	s.env = []string{"LD_PRELOAD=" + library, "BANKMUX_CLOCK=" + s.clock.Name()}
	s.shift(t, 0)
	s.start(t)
	return s
}

func prepare(t testing.TB, args []string) *server {
	t.Helper()
	require.NotEmpty(t, program, "set BANKMUX_REDIS_SERVER to the path of redis-server, as .ci/redis does")
	folder := newFolder(t)
	s := &server{
		url: "unix://" + folder + "/s",
		args: append([]string{
			"--port", "0", "--unixsocket", folder + "/s", "--dir", folder, "--save", "", "--appendonly", "no",
		}, args...),
	}
	t.Cleanup(func() { s.kill(t) })
	return s
}

// newFolder returns a folder whose path is short enough for a socket.
func newFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "redis") //nolint:usetesting // its folder has a long path
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// built is the folder of the library, if there is one.
var built string

// clockLibrary compiles testdata/clock.c once and returns the path of the library.
var clockLibrary = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "clock"); err != nil {
		return "", err
	}
	library := filepath.Join(built, "clock.so")
	cmd := exec.CommandContext(context.Background(),
		"gcc", "-shared", "-fPIC", "-O2", "-o", library, "testdata/clock.c")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New("gcc: " + err.Error() + string(out))
	}
	return library, nil
})

// shift sets the difference of the server's clock to that of the machine.
func (s *server) shift(t testing.TB, d time.Duration) {
	t.Helper()
	shift := binary.LittleEndian.AppendUint64(nil, uint64(d.Microseconds())) // two's complement
	_, err := s.clock.WriteAt(shift, 0)
	require.NoError(t, err)
}

// advance moves the server's clock.
func (s *server) advance(t testing.TB, d time.Duration) {
	t.Helper()
	s.ahead += d
	s.shift(t, s.ahead)
}

// start starts the process and waits until it accepts connections.
func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.CommandContext(context.Background(), program, s.args...)
	s.cmd.Env = append(os.Environ(), s.env...)
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	said := ""
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return
		}
	}
	require.Fail(t, "the server does not start", said)
}

// kill ends the process as a crash does. All data is lost.
func (s *server) kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	require.NoError(t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // it says that it was killed
	s.cmd = nil
}

// suspend stops the process, so that the server accepts connections and never responds. It waits
// until the process has stopped.
func (s *server) suspend(t testing.TB) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
		_, state, _ := strings.Cut(string(text), ") ")
		return err == nil && strings.HasPrefix(state, "T")
	}, patience, time.Millisecond)
}

// resume is the inverse of suspend.
func (s *server) resume(t testing.TB) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGCONT))
}

// open opens a namespace, as one process does. It waits for the server however busy the machine is.
func (s *server) open(t testing.TB, namespace string) *redis.Backend {
	t.Helper()
	b, err := redis.NewPatient(s.url, redis.Options{Namespace: namespace})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}
