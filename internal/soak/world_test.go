package soak_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/memnet"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// world is an application on virtual time. Its clients and their guard exist as long as the world,
// its users and their bank for a year. The clients reach the bank by a real http.Transport and
// http.Server over pipes, so every timeout and wait is real but takes no time.
type world struct {
	proxy
	cfg      config
	lane     int
	registry *bankmux.Registry
	guard    *guard.Guard
	keyring  *bankmux.Keyring
	wire     *http.Transport
	first    time.Time     // midnight of the first year's first day
	began    time.Time     // midnight of the first day of the current year
	stop     chan struct{} // ends the goroutines of a planted mistake

	*report
}

// tableKey seals the connections in the application's store.
const tableKey = "the key of a table in a test. 32b"

// inWorld runs f in a world and on a clock of its own.
func inWorld(t *testing.T, cfg config, lane int, report *report, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			cfg:    cfg,
			lane:   lane,
			report: report,
			first:  time.Now().UTC().Truncate(oneDay),
			stop:   make(chan struct{}),
		}
		listener := memnet.Listen()
		server := &http.Server{
			Handler:  w,
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		}
		var served sync.WaitGroup
		served.Go(func() { _ = server.Serve(listener) })
		w.wire = &http.Transport{
			DialContext:         listener.DialContext,
			MaxIdleConnsPerHost: perYear,
			IdleConnTimeout:     90 * time.Second,
		}
		defer func() {
			close(w.stop)
			w.wire.CloseIdleConnections()
			_ = server.Close()
			served.Wait()
		}()
		if err := w.open(); err != nil {
			t.Error(err)
			return
		}
		f(w)
	})
}

// open makes the clients. All banks of the world share a seed, and therefore their credentials.
func (w *world) open() error {
	w.reset(virtualbank.New(w.bankOptions(nil)))
	keys := w.bank.Credentials()
	w.guard = guard.New(guard.Options{
		Breaker:       guard.BreakerOptions{OpenFor: w.cfg.mistake.openFor},
		OnStateChange: func(s guard.BreakerState) { w.count("breakers", breakerName(s)+" "+s.State, 1) },
	})
	now := func() time.Time { return w.present().Now() }
	hc := &http.Client{Transport: &faultyWire{world: w, broken: brokenWires()}}
	const base, limit = "http://127.0.0.1:1", 2 << 20
	mk, err := moneykit.New(moneykit.Config{
		BaseURL: base, ClientID: keys.MoneyKit.ClientID, ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment: bankmux.Sandbox, HTTPClient: hc, BodyLimit: limit, Guard: w.guard, Now: now,
	})
	if err != nil {
		return err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: base + "/v2", AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, HTTPClient: hc, BodyLimit: limit, Guard: w.guard, Now: now,
	})
	if err != nil {
		return err
	}
	pl, err := plaid.New(plaid.Config{
		BaseURL: base + plaidRoot, ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox, HTTPClient: hc, BodyLimit: limit, Guard: w.guard, Now: now,
	})
	if err != nil {
		return err
	}
	w.registry, err = bankmux.NewRegistry(
		[]*bankmux.Client{mk.With(w.counting), dp.With(w.counting), pl.With(w.counting)},
		[]bankmux.Route{
			{Client: moneykit.Name, Countries: []string{"US", "GB", "CA"}},
			{Client: dapi.Name, Countries: []string{"AE", "SA", "KW", "BH", "US"}},
			{Client: plaid.Name, Countries: []string{"US", "GB", "CA", "NL"}},
		},
	)
	if err != nil {
		return err
	}
	w.keyring, err = bankmux.NewKeyring(bankmux.Key{ID: "soak", Material: bankmux.NewSecret([]byte(tableKey)[:32])})
	return err
}

func (w *world) bankOptions(customers []virtualbank.Customer) virtualbank.Options {
	return virtualbank.Options{
		Seed:        w.cfg.seed + uint64(w.lane)<<32,
		HistoryDays: historyDays,
		Customers:   customers,
	}
}

// counting is an interceptor that counts calls and errors.
func (w *world) counting(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
	err := next(ctx)
	w.count("calls", op.Name, 1)
	if err != nil {
		w.count("errors", string(bankmux.KindOf(err)), 1)
	}
	return err
}

func breakerName(s guard.BreakerState) string {
	if s.Institution != "" {
		return "of a bank at " + s.Client
	}
	return "of " + s.Client
}

// year drives a set of connections through a year with a bank of their own. At its end it compares
// what both sides know.
func (w *world) year(nth, first int, numbers []int) {
	w.began = w.first.Add(time.Duration(nth) * 365 * oneDay)
	w.until(0)
	customers := make([]virtualbank.Customer, len(numbers))
	for i, n := range numbers {
		customers[i] = virtualbank.Customer{Username: userName(n), Password: correctPassword}
	}
	w.reset(virtualbank.New(w.bankOptions(customers)))
	goroutines := w.goroutines()
	trouble := troubleOf(w.cfg.seed, w.lane, first)
	lives := make([]*life, len(numbers))
	var living sync.WaitGroup
	living.Go(func() { w.happen(trouble) })
	for i, n := range numbers {
		lives[i] = newLife(w, n, trouble)
		living.Go(lives[i].live)
	}
	living.Wait()
	time.Sleep(hangingDial) // the transport may still dial for a call that ended
	w.settle(lives)
	if w.cfg.mistake.leaks {
		go func() { <-w.stop }()
	}
	if left := w.goroutines() - goroutines; left > 0 {
		w.complain("lane %d, year of %d: %d goroutines are left over", w.lane, first, left)
	}
	w.measure()
	// The next year starts with nothing of this one.
	w.reset(virtualbank.New(w.bankOptions(nil)))
}

// until waits for a moment of the year.
func (w *world) until(at time.Duration) { time.Sleep(time.Until(w.began.Add(at))) }

// happen makes the trouble of the year happen, each at its time.
func (w *world) happen(trouble []trouble) {
	var all sync.WaitGroup
	for _, tr := range trouble {
		all.Go(func() {
			w.until(tr.at)
			w.count("troubles", tr.what, 1)
			switch {
			case tr.fault != "":
				w.takeDown(tr.provider, tr.fault)
			case tr.days > 0 && tr.secretly:
				w.stageAt(tr.institution, virtualbank.FewerDaysUnsaid)
			case tr.days > 0:
				w.stageAt(tr.institution, virtualbank.FewerDays)
			default:
				w.must(w.present().Outage(tr.institution, true))
			}
			time.Sleep(tr.lasts)
			switch {
			case tr.fault != "":
				w.takeDown(tr.provider, "")
			case tr.days == 0:
				w.must(w.present().Outage(tr.institution, false))
			}
		})
	}
	all.Wait()
}

// stageAt stages a situation of a whole bank, by any connection there.
func (w *world) stageAt(institution, situation string) {
	for _, l := range w.present().Links() {
		if l.Institution == institution {
			w.must(w.present().Stage(l.ID, situation))
			w.count("situations", situation, 1)
			return
		}
	}
}

func (w *world) must(err error) {
	if err != nil {
		w.complain("lane %d: %v", w.lane, err)
	}
}

// goroutines counts the goroutines of the world, after it has closed idle connections.
func (w *world) goroutines() int {
	w.wire.CloseIdleConnections()
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) { // it may be cut
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
	}
	header, _, _ := strings.Cut(string(stacks[:n]), "\n")
	_, bubble, _ := strings.Cut(header, "synctest bubble ")
	bubble, _, _ = strings.Cut(bubble, "]")
	return strings.Count(string(stacks[:n]), "synctest bubble "+bubble+"]")
}

// hangingDial is when a dial without a response gives up.
const hangingDial = 2 * time.Minute

// brokenWires returns transports that never get a connection, by the name of the fault.
func brokenWires() map[string]*http.Transport {
	refusing := func(err error) *http.Transport {
		return &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				if err == nil {
					select {
					case <-time.After(hangingDial): // as in a kernel; a transport dials on after its caller has gone
					case <-ctx.Done():
					}
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
				}
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
			},
		}
	}
	return map[string]*http.Transport{
		"connection_refused": refusing(errors.New("connection refused")),
		"no_such_host":       refusing(&net.DNSError{Err: "no such host", Name: "bank.example", IsNotFound: true}),
		"connecting_hangs":   refusing(nil),
	}
}

// userName returns the n-th connection's login at the bank.
func userName(n int) string { return fmt.Sprint("soak-", n) }
