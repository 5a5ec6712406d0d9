package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// switchable responds after a delay, or hangs until the caller leaves.
type switchable struct {
	next http.Handler
	down atomic.Bool
	took time.Duration // until a response
}

func (s *switchable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.down.Load() && r.URL.Path != "/auth/token" {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the caller left
		<-r.Context().Done()
		return
	}
	if r.URL.Path != "/auth/token" {
		time.Sleep(s.took)
	}
	s.next.ServeHTTP(w, r)
}

// linker is a MoneyKit client at a server of its own.
func linker(b *testing.B, name string, took time.Duration, opts guard.Options) (*bankmux.Client, *switchable) {
	b.Helper()
	bank := virtualbank.New(virtualbank.Options{})
	s := &switchable{next: bank.MoneyKit(), took: took}
	server := httptest.NewServer(s)
	b.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	creds := bank.Credentials().MoneyKit
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	client, err := moneykit.New(moneykit.Config{
		Name: name, BaseURL: server.URL, ClientID: creds.ClientID, ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment: bankmux.Sandbox, HTTPClient: &http.Client{Transport: transport}, Guard: guard.New(opts),
	})
	if err != nil {
		b.Fatal(err)
	}
	return client, s
}

var sessionRequest = bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}

// BenchmarkRecovery measures the time from a hanging provider's return to the first success, as a
// share of the open time and one probe. The provider returns at another moment in each round.
func BenchmarkRecovery(b *testing.B) {
	const openFor, probeFor = 200 * time.Millisecond, 100 * time.Millisecond
	client, provider := linker(b, "mk", 0, guard.Options{
		Retry:    guard.RetryOptions{MaxAttempts: 1},
		Breaker:  guard.BreakerOptions{OpenFor: openFor, ProbeFor: probeFor},
		Deadline: guard.DeadlineOptions{Link: probeFor},
	})
	ctx := b.Context()
	if _, err := client.CreateSession(ctx, sessionRequest); err != nil {
		b.Fatal(err)
	}
	var worst, all time.Duration
	for round := 0; b.Loop(); round++ {
		provider.down.Store(true)
		for {
			if _, err := client.CreateSession(ctx, sessionRequest); errors.Is(err, bankmux.ErrCircuitOpen) {
				break
			}
		}
		var back atomic.Int64
		time.AfterFunc(time.Duration(round*37%600)*time.Millisecond, func() {
			back.Store(time.Now().UnixNano())
			provider.down.Store(false)
		})
		for {
			if _, err := client.CreateSession(ctx, sessionRequest); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		took := time.Duration(time.Now().UnixNano() - back.Load())
		all += took
		worst = max(worst, took)
		for range 3 { // until it is closed
			_, _ = client.CreateSession(ctx, sessionRequest)
		}
	}
	budget := float64(openFor + probeFor)
	b.ReportMetric(float64(worst)/budget, "worst/budget")
	b.ReportMetric(float64(all)/float64(b.N)/budget, "mean/budget")
}

// BenchmarkOneOfTwoHangs compares, in turn, sessions by a healthy provider with sessions by a
// registry whose first choice hangs.
func BenchmarkOneOfTwoHangs(b *testing.B) {
	const deadline, took = 100 * time.Millisecond, 3 * time.Millisecond
	opts := guard.Options{
		Deadline: guard.DeadlineOptions{Link: deadline},
		Breaker:  guard.BreakerOptions{OpenFor: time.Hour},
	}
	alone, _ := linker(b, "alone", took, opts)
	first, hanging := linker(b, "first", took, opts)
	second, _ := linker(b, "second", took, opts)
	one, err := bankmux.NewRegistry([]*bankmux.Client{alone}, []bankmux.Route{{Client: "alone"}})
	if err != nil {
		b.Fatal(err)
	}
	two, err := bankmux.NewRegistry(
		[]*bankmux.Client{first, second},
		[]bankmux.Route{{Client: "first"}, {Client: "second", Priority: 1}},
	)
	if err != nil {
		b.Fatal(err)
	}
	session := func(r *bankmux.Registry) time.Duration {
		began := time.Now()
		if _, err := r.CreateSession(b.Context(), sessionRequest); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	for range 20 {
		session(one)
		session(two)
		if _, err := second.CreateSession(b.Context(), sessionRequest); err != nil {
			b.Fatal(err)
		}
	}
	hanging.down.Store(true)
	var healthy, opening, open []time.Duration
	for range 100 {
		session(one)
		opening = append(opening, session(two)) // the first wait for the deadline, until the circuit opens
	}
	for range 12 { // warm and open by now
		session(one)
		session(two)
	}
	for b.Loop() {
		healthy = append(healthy, session(one))
		open = append(open, session(two))
	}
	b.ReportMetric(p99(opening).Seconds()/(p99(healthy)+deadline).Seconds(), "opening-p99/(healthy-p99+deadline)")
	b.ReportMetric(p99(open).Seconds()/p99(healthy).Seconds(), "open-p99/healthy-p99")
	b.ReportMetric(p50(open).Seconds()/p50(healthy).Seconds(), "open-p50/healthy-p50")
}

func p99(list []time.Duration) time.Duration { return quantile(list, 99) }
func p50(list []time.Duration) time.Duration { return quantile(list, 50) }

func quantile(list []time.Duration, percent int) time.Duration {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// BenchmarkOneBankIsOut counts the calls done at other banks while one bank is out. It takes turns
// with equal times in which the bank works. All callers keep a pace, so none gains when others do
// less.
func BenchmarkOneBankIsOut(b *testing.B) {
	const sick, well = "DAPIBANK_AE_ENBD", "DAPIBANK_SA_RAJHI"
	for name, out := range map[string]func(bank *virtualbank.Bank, on bool) error{
		"failing": func(bank *virtualbank.Bank, on bool) error { return bank.Outage(sick, on) },
		"hanging": func(bank *virtualbank.Bank, on bool) error {
			if !on {
				bank.ClearFaults()
				return nil
			}
			return bank.Inject(virtualbank.Fault{Name: "hang", Provider: "dapi", InstitutionID: sick})
		},
	} {
		b.Run(name, func(b *testing.B) {
			bank := virtualbank.New(virtualbank.Options{})
			server := httptest.NewServer(bank.Dapi())
			b.Cleanup(func() {
				server.CloseClientConnections()
				server.Close()
			})
			creds := bank.Credentials().Dapi
			transport := &http.Transport{MaxIdleConnsPerHost: 64}
			b.Cleanup(transport.CloseIdleConnections)
			client, err := dapi.New(dapi.Config{
				BaseURL:     server.URL + "/v2",
				AppKey:      creds.AppKey,
				AppSecret:   bankmux.NewSecret(creds.AppSecret),
				Environment: bankmux.Sandbox,
				HTTPClient:  &http.Client{Transport: transport},
				Guard: guard.New(guard.Options{
					Deadline:     guard.DeadlineOptions{Data: 100 * time.Millisecond},
					Institutions: guard.InstitutionOptions{OpenFor: 50 * time.Millisecond},
				}),
			})
			if err != nil {
				b.Fatal(err)
			}
			var stop atomic.Bool
			var others, calls atomic.Int64
			var all sync.WaitGroup
			for _, at := range []string{sick, well} {
				for range 4 {
					conn := connectAt(b, client, bank, at)
					all.Go(func() {
						tick := time.NewTicker(5 * time.Millisecond)
						defer tick.Stop()
						for !stop.Load() {
							_, err := client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: conn})
							if at == well {
								calls.Add(1)
								if err == nil {
									others.Add(1)
								}
							}
							<-tick.C
						}
					})
				}
			}
			const window = 300 * time.Millisecond
			var ratios []float64
			var lost int64
			for b.Loop() {
				var done [2]int64
				for i, on := range []bool{false, true} {
					if err := out(bank, on); err != nil {
						b.Fatal(err)
					}
					before, asked := others.Load(), calls.Load()
					time.Sleep(window)
					done[i] = others.Load() - before
					lost += calls.Load() - asked - done[i]
				}
				ratios = append(ratios, float64(done[1])/float64(done[0]))
			}
			_ = out(bank, false)
			stop.Store(true)
			all.Wait()
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "others-out/others-well")
			b.ReportMetric(ratios[0], "least")
			b.ReportMetric(float64(max(lost, 0)), "failed-calls-of-others")
		})
	}
}

func connectAt(b *testing.B, client *bankmux.Client, bank *virtualbank.Bank, institution string) bankmux.Connection {
	b.Helper()
	session, err := client.CreateSession(b.Context(), bankmux.SessionRequest{User: "user-1"})
	if err != nil {
		b.Fatal(err)
	}
	payload, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, InstitutionID: institution})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := single.Connection(
		client.ExchangeToken(
			b.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
		),
	)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}
