package fleetproof

// This file has the processes: their orders and their responses.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// application is what all processes know.
type application struct {
	Backend        string // the URL; empty means that nothing is shared
	MoneyKit, Dapi string // the URLs of the bank
	Keys           virtualbank.Credentials
	Connections    []stored // at Dapi
	Sources        int      // of MoneyKit's token
	Hasty          bool     // the limits of production; otherwise a slow machine keeps all promises
}

// stored is a connection as an application stores it.
type stored struct {
	Ref    bankmux.Ref
	Sealed []byte
}

// order is what a process has to do.
type order struct {
	// Callers read the accounts of the first connection at once, each so many times. If Reads is
	// zero, this is a load: they read until End, and each further connection has one caller, too.
	Callers, Reads int
	End            bool // nothing else: it has no outcome of its own
	Challenge      *bankmux.Challenge
	Answer         string // to the challenge
	Tokens         bool   // all sources need the token at once, and then it is refused
}

// outcome is the response to an order.
type outcome struct {
	Read      int
	Errors    []string
	Clashes   int                // reads that the bank failed because they overlapped
	Challenge *bankmux.Challenge // of the last error
	NotSent   bool               // the last error says so
	Fleet     guard.FleetStats
	Delays    delays
}

// variable has the application of a process.
const variable = "BANKMUX_FLEET_APPLICATION"

// Main is the main function of a process that a test started. It returns if this is not one. Open
// opens the backend at the URL of a [Server]. A patient process waits as long as a slow machine
// needs, so no limit of the backend itself may end its requests before.
func Main(open func(ctx context.Context, url string, patient bool) (Shared, error)) {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	if err := run(context.Background(), text, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// worker is a process from inside.
type worker struct {
	app     application
	fleet   *guard.Fleet // nil without a backend
	watched *watched
	dapi    *bankmux.Client
	tokens  []*token.Source
	conns   []bankmux.Connection
}

// run follows the orders until there are no more.
func run(ctx context.Context, text string, open open) error {
	w := &worker{watched: &watched{}}
	if err := json.Unmarshal([]byte(text), &w.app); err != nil {
		return err
	}
	if w.app.Backend != "" {
		shared, err := open(ctx, w.app.Backend, !w.app.Hasty)
		if err != nil {
			return err
		}
		defer shared.Close()
		w.watched.Backend = shared
	}
	if err := w.connect(); err != nil {
		return err
	}
	orders := make(chan order)
	go func() {
		defer close(orders)
		for in := json.NewDecoder(os.Stdin); ; {
			var o order
			if in.Decode(&o) != nil {
				return // the test has no more
			}
			orders <- o
		}
	}()
	for o := range orders {
		out := w.obey(ctx, o, orders)
		if w.fleet != nil {
			out.Fleet = w.fleet.Stats()
		}
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			return err
		}
	}
	if w.fleet != nil {
		return w.fleet.Flush(ctx)
	}
	return nil
}

// connect makes the clients of a process.
func (w *worker) connect() error {
	keys, err := newKeyring()
	if err != nil {
		return err
	}
	if w.watched.Backend != nil {
		opts := guard.FleetOptions{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
		if !w.app.Hasty {
			opts.MaxDelay = time.Minute
		}
		if w.fleet, err = guard.NewFleet(w.watched, keys, opts); err != nil {
			return err
		}
	}
	if w.dapi, err = w.app.dapi(guard.New(guard.Options{Fleet: w.fleet})); err != nil {
		return err
	}
	for range w.app.Sources {
		w.tokens = append(w.tokens, token.NewSource(maxWait, w.app.token).Share(w.fleet, "application"))
	}
	for _, c := range w.app.Connections {
		conn, err := bankmux.Open(keys, c.Ref, c.Sealed)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, conn)
	}
	return nil
}

// dapi returns a client at Dapi.
func (a application) dapi(g *guard.Guard) (*bankmux.Client, error) {
	return dapi.New(dapi.Config{
		AppKey: a.Keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(a.Keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, BaseURL: a.Dapi, Guard: g,
	})
}

func newKeyring() (*bankmux.Keyring, error) {
	return bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
}

// obey carries out an order. If it has no number of reads, the next one ends it.
func (w *worker) obey(ctx context.Context, o order, next <-chan order) outcome {
	c := &collector{}
	ended := make(chan struct{})
	var all sync.WaitGroup
	switch {
	case o.Tokens:
		for _, source := range w.tokens {
			all.Go(func() {
				got, err := source.Token(ctx)
				c.add(err)
				source.Invalidate(got)
			})
		}
	case o.Reads == 0:
		for _, conn := range w.conns[1:] {
			all.Go(func() { w.read(ctx, c, conn, ended) })
		}
		for range o.Callers {
			all.Go(func() { w.read(ctx, c, w.conns[0], ended) })
		}
		c.end(next)
	default:
		for range o.Callers {
			all.Go(func() {
				for range o.Reads {
					c.add(w.accounts(ctx, w.conns[0], o))
				}
			})
		}
	}
	close(ended)
	all.Wait()
	c.out.Delays = w.watched.delays()
	return c.out
}

// read reads the accounts of a connection until the order has ended.
func (w *worker) read(ctx context.Context, c *collector, conn bankmux.Connection, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
			c.add(w.accounts(ctx, conn, order{}))
		}
	}
}

func (w *worker) accounts(ctx context.Context, conn bankmux.Connection, o order) error {
	req := bankmux.AccountsRequest{Connection: conn}
	if o.Challenge != nil {
		req.Answers = o.Challenge.Answer(o.Answer)
	}
	_, err := w.dapi.Accounts(ctx, req)
	return err
}

// token requests MoneyKit's token.
func (a application) token(ctx context.Context) (token.Token, error) {
	form := url.Values{
		"grant_type": {"client_credentials"},
		"client_id":  {a.Keys.MoneyKit.ClientID}, "client_secret": {a.Keys.MoneyKit.ClientSecret},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.MoneyKit+"/auth/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return token.Token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return token.Token{}, err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&got)
	return token.Token{Value: bankmux.NewSecret(got.Token), Lifetime: time.Hour}, err
}

// collector collects the outcome of calls. It is safe for concurrent use.
type collector struct {
	mu  sync.Mutex
	out outcome
}

func (c *collector) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := bankmux.ErrorOf(err)
	switch {
	case e == nil:
		c.out.Read++
	case e.Code == clash:
		c.out.Clashes++
	default:
		c.out.Errors, c.out.Challenge, c.out.NotSent = append(c.out.Errors, e.Error()), e.Challenge, e.NotSent
	}
}

// end waits for the order that ends a load, or until there are no more.
func (c *collector) end(next <-chan order) {
	if o, more := <-next; more && !o.End {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.out.Errors = append(c.out.Errors, "an order during a load does not end it")
	}
}

// process is a started process.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *lockedBuffer
}

// lockedBuffer collects what a process logs.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// start starts a process. It ends with the test.
func (a application) start(t *testing.T) *process {
	t.Helper()
	text, err := json.Marshal(a)
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0]) //nolint:gosec // the test binary
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	p := &process{cmd: cmd, log: &lockedBuffer{}}
	cmd.Stderr = p.log
	p.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			_ = p.cmd.Process.Kill() // it may wait for the bank
			t.Log(p.log)
		}
		p.end(t)
	})
	return p
}

// end lets a process end, which has no order any more. It may be repeated.
func (p *process) end(t *testing.T) {
	t.Helper()
	if p.cmd.ProcessState == nil {
		_ = p.in.Close()
		_ = p.cmd.Wait() // it may have been killed
	}
}

// kill ends a process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.cmd.Wait())
}

// send gives a process an order.
func (p *process) send(t *testing.T, o order) {
	t.Helper()
	require.NoError(t, json.NewEncoder(p.in).Encode(o))
}

// maxWait is longer than any order takes, also on a slow machine. It is the budget of a token, too.
// After three quarters of it, each process requests a token.
const maxWait = 10 * time.Minute

// outcome waits for the outcome of an order.
func (p *process) outcome(t *testing.T) outcome {
	t.Helper()
	late := time.AfterFunc(maxWait, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	line, err := p.out.ReadBytes('\n')
	require.NoError(t, err, p.log)
	var out outcome
	require.NoError(t, json.Unmarshal(line, &out))
	return out
}

// do gives an order and waits for its outcome.
func (p *process) do(t *testing.T, o order) outcome {
	t.Helper()
	p.send(t, o)
	return p.outcome(t)
}
