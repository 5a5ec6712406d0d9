package redis_test

// This file runs processes of one application. They share one Dapi connection and Redis.

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// patient lets slow machines keep the promises that tests of healthy servers are about.
var patient = guard.FleetOptions{MaxDelay: time.Minute}

// application is what all processes know.
type application struct {
	Redis             string // the URL; empty means that nothing is shared
	Bank              string
	AppKey, AppSecret string
	Ref               bankmux.Ref
	Sealed            []byte // the connection
}

// order asks a process to read the accounts.
type order struct {
	Callers, Reads int // each of the callers, which run at once, reads so many times
	Challenge      *bankmux.Challenge
	Answer         string // to the challenge
}

// outcome is what a process writes after an order.
type outcome struct {
	Read      int
	Errors    []string
	Challenge *bankmux.Challenge // of the last error
	NotSent   bool               // the last error says so
	Fleet     guard.FleetStats
}

// applicationVariable has the application, for a process.
const applicationVariable = "BANKMUX_FLEET_APPLICATION"

// runProcess is the main function of a process. It reads orders and writes their outcomes.
func runProcess(text string) error {
	var app application
	if err := json.Unmarshal([]byte(text), &app); err != nil {
		return err
	}
	keys, err := newKeyring()
	if err != nil {
		return err
	}
	opts := guard.Options{}
	if app.Redis != "" {
		shared, err := redis.Open(app.Redis, redis.Options{})
		if err != nil {
			return err
		}
		defer shared.Close()
		if opts.Fleet, err = guard.NewFleet(shared, keys, patient); err != nil {
			return err
		}
	}
	client, err := app.client(guard.New(opts))
	if err != nil {
		return err
	}
	conn, err := bankmux.Open(keys, app.Ref, app.Sealed)
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return nil // the test has no more orders
		}
		done := o.obey(client, conn)
		if opts.Fleet != nil {
			done.Fleet = opts.Fleet.Stats()
		}
		if err := out.Encode(done); err != nil {
			return err
		}
	}
}

// client returns a client at the bank.
func (a application) client(g *guard.Guard) (*bankmux.Client, error) {
	return dapi.New(dapi.Config{
		AppKey: a.AppKey, AppSecret: bankmux.NewSecret(a.AppSecret), Environment: bankmux.Sandbox, BaseURL: a.Bank, Guard: g,
	})
}

func (o order) obey(client *bankmux.Client, conn bankmux.Connection) outcome {
	var out outcome
	var mu sync.Mutex
	var all sync.WaitGroup
	for range o.Callers {
		all.Go(func() {
			for range o.Reads {
				req := bankmux.AccountsRequest{Connection: conn}
				if o.Challenge != nil {
					req.Answers = o.Challenge.Answer(o.Answer)
				}
				_, err := client.Accounts(context.Background(), req)
				mu.Lock()
				if e := bankmux.ErrorOf(err); e != nil {
					out.Errors, out.Challenge, out.NotSent = append(out.Errors, e.Error()), e.Challenge, e.NotSent
				} else {
					out.Read++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return out
}

// childProcess is a started process.
type childProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// run starts a process. It ends with the test.
func (a application) run(t *testing.T) *childProcess {
	t.Helper()
	text, err := json.Marshal(a)
	require.NoError(t, err)
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), applicationVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &childProcess{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return p
}

// send gives a process an order.
func (p *childProcess) send(t *testing.T, o order) {
	t.Helper()
	require.NoError(t, json.NewEncoder(p.in).Encode(o))
}

// outcome waits for the outcome of an order.
func (p *childProcess) outcome(t *testing.T) outcome {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	require.NoError(t, err)
	var out outcome
	require.NoError(t, json.Unmarshal(line, &out))
	return out
}

// do gives an order and waits for its outcome.
func (p *childProcess) do(t *testing.T, o order) outcome {
	t.Helper()
	p.send(t, o)
	return p.outcome(t)
}

// bank is a virtual bank with one Dapi connection. It counts the calls for data that are under way
// at once.
type bank struct {
	*virtualbank.Bank
	app     application
	conn    bankmux.Connection
	running atomic.Int64
	most    atomic.Int64
	served  atomic.Int64
	gate    func() // called in each call for data, if it is set
}

func newBank(t *testing.T, gate func()) *bank {
	t.Helper()
	b := &bank{Bank: virtualbank.New(virtualbank.Options{Seed: 1}), gate: gate}
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	credentials := b.Credentials().Dapi
	b.app = application{
		Bank: server.URL + "/v2", AppKey: credentials.AppKey, AppSecret: credentials.AppSecret,
	}
	client, err := b.app.client(nil)
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	require.NoError(t, err)
	posted, err := b.LinkDapi(virtualbank.DapiLink{AppKey: credentials.AppKey, Countries: []string{"AE"}})
	require.NoError(t, err)
	linked, err := client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	require.NoError(t, err)
	b.conn = linked.Connection
	b.app.Ref = b.conn.Ref()
	b.app.Sealed, err = b.conn.Seal(keyring(t))
	require.NoError(t, err)
	return b
}

func (b *bank) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/data/accounts/get") {
		now := b.running.Add(1)
		for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
		}
		defer b.served.Add(1)
		defer b.running.Add(-1)
		if b.gate != nil {
			b.gate()
		}
	}
	b.Dapi().ServeHTTP(w, r)
}

// secrets returns what must not be found in Redis.
func (b *bank) secrets() []string {
	return slices.DeleteFunc([]string{
		b.app.AppSecret, b.conn.Credential().Reveal(), b.conn.Reference(),
	}, func(s string) bool { return s == "" })
}
