package main

// This file has the first process: it plays the banks and the users, and starts the workers.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// schemas are the names that need no quotes.
var schemas = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// nights is the first process.
type nights struct {
	clock     clock
	member    *member
	bank      *virtualbank.Bank
	dapiBanks []string // the ids of the two banks at Dapi
	hooks     string   // the address of the webhooks
	receiver  atomic.Pointer[http.Handler]
	traffic   *traffic
	// The workers have other addresses of the banks. So the banks know the calls of users.
	background map[string]string
	conns      []bankmux.Connection
	workers    []*worker
	failed     chan error // of a worker that ended too early, or of release
	// stopRelease ends release. It is nil before that has started.
	stopRelease func()
	servers     []*http.Server
	progress    *progress

	records                               []*record
	delivered, answered, renewed, pressed int
	unleased                              uint64 // calls of the workers
}

// historyDays is how many days of transactions the banks have.
const historyDays = 20

// newNights starts the banks and opens the database.
func newNights(ctx context.Context, o options, database string, count int, out io.Writer) (n *nights, err error) {
	url, err := inSchema(database, o.schema)
	if err != nil {
		return nil, err
	}
	// The nights end about now, since no provider accepts days of the future.
	today := time.Now().UTC().Truncate(24 * time.Hour)
	n = &nights{
		clock: clock{
			Start: time.Now(), Night: today.AddDate(0, 0, -count-1).Add(noon * time.Hour), Minute: o.minute,
		},
		background: map[string]string{}, failed: make(chan error, o.workers+1), // and release
		progress: newProgress(out),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop())
		}
	}()
	n.openBank(o.connections)
	n.traffic = &traffic{clock: n.clock, running: map[string]int{}}
	s := setup{
		Database: url, Key: newKey(), Jobs: o.jobs, Banks: n.bank.Credentials(), URLs: map[string]string{},
		MoneyKit: (o.connections + 2) / len(providers),
	}
	secrets, _, _ := n.bank.WebhookSecrets()
	s.WebhookSecret = secrets[0]
	for provider, api := range map[string]http.Handler{
		moneykit.Name: n.bank.MoneyKit(), dapi.Name: n.bank.Dapi(), plaid.Name: n.bank.Plaid(),
	} {
		if s.URLs[provider], err = n.serve(ctx, n.traffic.watch(provider, api, true)); err != nil {
			return n, err
		}
		if n.background[provider], err = n.serve(ctx, n.traffic.watch(provider, api, false)); err != nil {
			return n, err
		}
	}
	s.URLs[dapi.Name] += "/v2"
	n.background[dapi.Name] += "/v2"
	s.Clock = n.clock
	if n.member, err = open(ctx, s, n.bank.Now, nil); err != nil {
		return n, err
	}
	if err := n.member.migrate(ctx, o.schema); err != nil {
		return n, err
	}
	n.hooks, err = n.serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		receiver := n.receiver.Load()
		if receiver == nil { // no night has started, and the provider repeats it
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		(*receiver).ServeHTTP(w, r)
	}))
	return n, err
}

// openBank makes the virtual bank, with a customer for each connection.
func (n *nights) openBank(connections int) {
	customers := make([]virtualbank.Customer, connections)
	for i := range customers {
		customers[i] = virtualbank.Customer{Username: userName(i), Password: virtualbank.PassGood}
	}
	n.bank = virtualbank.New(virtualbank.Options{
		Seed: 5, Start: n.clock.Night, HistoryDays: historyDays, Customers: customers,
	})
	for _, in := range n.bank.Institutions() {
		if in.DapiID != "" && !in.AsksOTP {
			n.dapiBanks = append(n.dapiBanks, in.DapiID)
		}
	}
}

// serve serves a handler on a free port of loopback, and returns its URL.
func (n *nights) serve(ctx context.Context, handler http.Handler) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	n.servers = append(n.servers, server)
	go func() { _ = server.Serve(listener) }() // ends with Close
	return "http://" + listener.Addr().String(), nil
}

// hear plans a run for a webhook delivery. If a worker runs the connection just now, one more run
// follows, so nothing that was announced is lost.
func (n *nights) hear(ctx context.Context, event bankmux.Event) error {
	conn, err := n.member.store.FindConnection(ctx, event.Client, event.ReferenceKey)
	if errors.Is(err, bankmux.ErrNotFound) {
		return nil // a link that is not finished, or a connection that was deleted
	}
	if err != nil {
		return err // the provider delivers it again
	}
	return n.member.fleet.Nudge(ctx, conn)
}

// start starts the clock of the nights and the workers.
func (n *nights) start(ctx context.Context, workers int) error {
	s := n.member.setup
	s.Clock.Start = bankmux.Moment(time.Now())
	n.clock = s.Clock
	n.traffic.start(s.Clock)
	n.member.close() // its budgets and slots had no clock
	var err error
	if n.member, err = open(ctx, s, n.bank.Now, nil); err != nil {
		return err
	}
	receiver := inbox.New(n.member.registry, n.hear, inbox.WithSeen(n.member.shared))
	n.receiver.Store(&receiver)
	s.URLs = n.background
	for range workers {
		w, err := startWorker(s, n.failed)
		if w != nil {
			n.workers = append(n.workers, w) // it may have started, and then stop ends it
		}
		if err != nil {
			return err
		}
	}
	releasing, cancel := context.WithCancel(ctx)
	released := make(chan struct{})
	go func() {
		defer close(released)
		n.release(releasing)
	}()
	n.stopRelease = func() {
		cancel()
		<-released
	}
	return nil
}

// release does what River does every five seconds, which are hours of these nights: it makes the
// jobs available whose time has come. An application leaves that to River. The first error of the
// database ends it, and the nights.
func (n *nights) release(ctx context.Context) {
	tick := time.NewTicker(n.clock.wait(time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := n.member.db.ExecContext(ctx, "UPDATE river_job SET state = 'available'"+
			" WHERE state IN ('retryable', 'scheduled') AND scheduled_at <= now()")
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			n.failed <- fmt.Errorf("jobs stay unavailable: %w", err) // it has room for this
		}
		return
	}
}

// worker is a worker process.
type worker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   bytes.Buffer // its tally, once it has ended
	ended chan error
}

// workerArg is the argument of a worker.
const workerArg = "worker"

// startWorker starts this program once more, as a worker.
func startWorker(s setup, failed chan<- error) (*worker, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, workerArg) //nolint:gosec,noctx // this program, which ends with its input
	w := &worker{cmd: cmd, ended: make(chan error, 1)}
	w.cmd.Stdout, w.cmd.Stderr = &w.out, os.Stderr
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		err := w.cmd.Wait()
		w.ended <- err
		if err == nil {
			err = errors.New("it ended too early")
		}
		failed <- fmt.Errorf("a worker failed: %w", err)
	}()
	return w, json.NewEncoder(w.stdin).Encode(s)
}

// endWorkers ends the workers after the jobs that run.
func (n *nights) endWorkers() error {
	var errs []error
	for _, w := range n.workers {
		_ = w.stdin.Close() // the worker may have ended
	}
	for _, w := range n.workers {
		err := <-w.ended
		var counted tally
		if err == nil {
			err = json.NewDecoder(&w.out).Decode(&counted)
		}
		n.unleased += counted.Unleased
		errs = append(errs, err)
	}
	n.workers = nil
	return errors.Join(errs...)
}

// stop ends everything that was started.
func (n *nights) stop() error {
	err := n.endWorkers()
	if n.stopRelease != nil {
		n.stopRelease()
	}
	if n.member != nil {
		n.member.close()
	}
	for _, server := range n.servers {
		err = errors.Join(err, server.Close())
	}
	return err
}
