package postgres_test

// This file runs processes of one application: they share one Dapi connection and PostgreSQL.

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// job is what a process gets from the test.
type job struct {
	Database, Bank    string
	AppKey, AppSecret string
	Ref               bankmux.Ref
	Sealed            []byte
	Callers, Reads    int
}

// outcome is what a process writes at its end.
type outcome struct {
	Read   int
	Errors []string
	Fleet  guard.FleetStats
}

const jobVariable = "BANKMUX_FLEET_JOB"

// patient lets slow machines keep the promise that these tests are about.
var patient = guard.FleetOptions{MaxDelay: time.Minute}

func keyring() *bankmux.Keyring {
	keys, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	if err != nil {
		panic(err) // a constant
	}
	return keys
}

// runJob is a process: it reads the accounts of the connection with several callers at once.
func runJob(text string) error {
	var j job
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	ctx := context.Background()
	shared, err := postgres.Open(ctx, j.Database, postgres.Options{})
	if err != nil {
		return err
	}
	defer shared.Close()
	fleet, err := guard.NewFleet(shared, keyring(), patient)
	if err != nil {
		return err
	}
	client, err := dapi.New(dapi.Config{
		AppKey: j.AppKey, AppSecret: bankmux.NewSecret(j.AppSecret), Environment: bankmux.Sandbox,
		BaseURL: j.Bank, Guard: guard.New(guard.Options{Fleet: fleet}),
	})
	if err != nil {
		return err
	}
	conn, err := bankmux.Open(keyring(), j.Ref, j.Sealed)
	if err != nil {
		return err
	}
	var out outcome
	var mu sync.Mutex
	var all sync.WaitGroup
	for range j.Callers {
		all.Go(func() {
			for range j.Reads {
				_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
				mu.Lock()
				if err != nil {
					out.Errors = append(out.Errors, err.Error())
				} else {
					out.Read++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	out.Fleet = fleet.Stats()
	return json.NewEncoder(os.Stdout).Encode(out)
}

// bank is a virtual bank with one Dapi connection. It counts the calls that are under way.
type bank struct {
	server           *httptest.Server
	job              job
	running, most    atomic.Int64
	served           atomic.Int64
	arrived, proceed chan struct{} // if they are set, each call reports itself and waits
}

// newBank starts a bank. If it is stepped, each call waits until the test lets it proceed.
func newBank(t *testing.T, s *schema, stepped bool) *bank {
	t.Helper()
	played := virtualbank.New(virtualbank.Options{Seed: 1})
	b := &bank{}
	if stepped {
		b.arrived, b.proceed = make(chan struct{}), make(chan struct{})
	}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/data/accounts/get") {
			now := b.running.Add(1)
			for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
			}
			defer b.served.Add(1)
			defer b.running.Add(-1)
			if b.arrived != nil {
				b.arrived <- struct{}{}
				<-b.proceed
			}
		}
		played.Dapi().ServeHTTP(w, r)
	}))
	t.Cleanup(b.server.Close)
	keys := played.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey: keys.AppKey, AppSecret: bankmux.NewSecret(keys.AppSecret), Environment: bankmux.Sandbox,
		BaseURL: b.server.URL + "/v2",
	})
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	require.NoError(t, err)
	posted, err := played.LinkDapi(virtualbank.DapiLink{AppKey: keys.AppKey, Countries: []string{"AE"}})
	require.NoError(t, err)
	linked, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	require.NoError(t, err)
	sealed, err := linked.Connection.Seal(keyring())
	require.NoError(t, err)
	b.job = job{
		Database: s.url, Bank: b.server.URL + "/v2", AppKey: keys.AppKey, AppSecret: keys.AppSecret,
		Ref: linked.Connection.Ref(), Sealed: sealed,
	}
	return b
}

// process is a started process.
type process struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

// start starts a process that makes reads with some callers at once.
func (b *bank) start(t *testing.T, callers, reads int) *process {
	t.Helper()
	j := b.job
	j.Callers, j.Reads = callers, reads
	raw, err := json.Marshal(j)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+base64.StdEncoding.EncodeToString(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &process{cmd: cmd, out: bufio.NewReader(out)}
}

// end waits for the end of a process and returns what it wrote.
func (p *process) end(t *testing.T) outcome {
	t.Helper()
	var out outcome
	err := json.NewDecoder(p.out).Decode(&out)
	require.NoError(t, p.cmd.Wait())
	require.NoError(t, err)
	return out
}

// TestProcesses specifies what holds between processes that share one connection.
func TestProcesses(t *testing.T) {
	t.Parallel()
	t.Run("four processes and one token make no overlapping calls", fourProcessesMakeNoOverlappingCalls)
	t.Run("a killed process loses its turn, and its fence is refused", aKilledProcessLosesItsTurn)
}

func fourProcessesMakeNoOverlappingCalls(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.open(t, "")
	b := newBank(t, s, false)
	var all []*process
	for range 4 {
		all = append(all, b.start(t, 4, 5))
	}
	for _, p := range all {
		out := p.end(t)
		assert.Empty(t, out.Errors)
		assert.Equal(t, 20, out.Read)
		assert.Zero(t, out.Fleet)
	}
	assert.EqualValues(t, 1, b.most.Load(), "calls at a time")
	assert.EqualValues(t, 80, b.served.Load())
}

func aKilledProcessLosesItsTurn(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	own := s.open(t, "")
	s.movable(t)
	b := newBank(t, s, true)
	dead := b.start(t, 1, 1)
	<-b.arrived // its call is under way
	var late guard.Release
	row := s.admin.QueryRow(t.Context(), "SELECT key, holder, fence FROM bankmux_fleet_leases")
	require.NoError(t, row.Scan(&late.Key, &late.Holder, &late.Fence))
	require.NoError(t, dead.cmd.Process.Kill())
	_ = dead.cmd.Wait()
	b.proceed <- struct{}{}

	next := b.start(t, 1, 1)
	s.until(t, "SELECT count(*) = 1 FROM bankmux_fleet_places", "the next process waits for its turn")
	assert.EqualValues(t, 1, b.most.Load())
	const deadline, limit = 125 * time.Second, 240 * time.Second // of the call, and Dapi's own
	s.advance(t, deadline+limit-30*time.Second)
	var held bool
	row = s.admin.QueryRow(t.Context(), "SELECT held_until > bankmux_fleet_now() FROM bankmux_fleet_leases")
	require.NoError(t, row.Scan(&held))
	assert.True(t, held, "Dapi may still work on the call")
	s.advance(t, 30*time.Second+time.Millisecond)
	<-b.arrived
	held, err := own.Release(t.Context(), late)
	require.NoError(t, err)
	assert.False(t, held, "the fence of the dead process is refused")
	var holder string
	require.NoError(t, s.admin.QueryRow(t.Context(), "SELECT holder FROM bankmux_fleet_leases").Scan(&holder))
	assert.NotEqual(t, late.Holder, holder, "the next process has the turn")
	b.proceed <- struct{}{}
	out := next.end(t)
	assert.Empty(t, out.Errors)
	assert.Equal(t, 1, out.Read)
	assert.Zero(t, out.Fleet.Unleased)
	assert.EqualValues(t, 1, b.most.Load(), "calls at a time")
}

// until waits until a query is true.
func (s *schema) until(t *testing.T, query, what string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var is bool
		err := s.admin.QueryRow(context.Background(), query).Scan(&is)
		return err == nil && is
	}, time.Minute, 10*time.Millisecond, what)
}

// mainOfJob runs the job of this process, if it has one.
func mainOfJob() {
	text := os.Getenv(jobVariable)
	if text == "" {
		return
	}
	if err := runJob(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
