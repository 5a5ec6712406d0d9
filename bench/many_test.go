package bench

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// manyAccounts returns the accounts of n links before and after. All ids are new. A third matches
// by IBAN and a third by last digits and name. The rest differs in its names only.
func manyAccounts(n int) (old, new []bankmux.Account) {
	for i := range n {
		a := bankmux.Account{ID: fmt.Sprint("old-", i), Kind: bankmux.AccountChecking, Currency: "AED"}
		switch i % 3 {
		case 0:
			a.IBAN = fmt.Sprintf("AE%021d", i)
		case 1:
			a.Mask, a.Name = fmt.Sprintf("****%04d", i), fmt.Sprint("Savings ", i/7)
		default:
			a.Name = fmt.Sprint("Household ", i)
		}
		old = append(old, a)
		a.ID = fmt.Sprint("new-", i)
		new = append(new, a)
	}
	return old, new
}

// BenchmarkMatch matches n accounts with as many.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{30, 300, 3_000, 30_000} {
		old, new := manyAccounts(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if m := reconcile.Match(old, new); len(m.Pairs) != n {
					b.Fatalf("%d of %d pairs", len(m.Pairs), n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/account")
		})
	}
}

type silent struct{}

func (silent) CreateSession(context.Context, bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.Session{}, nil
}

func (silent) ExchangeToken(context.Context, bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	return bankmux.ExchangeResult{}, nil
}

// BenchmarkCandidates orders n routes that all serve the request.
func BenchmarkCandidates(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		var clients []*bankmux.Client
		var routes []bankmux.Route
		for i := range n {
			name := fmt.Sprint("client-", i)
			clients = append(clients, bankmux.NewClient(name, silent{}))
			routes = append(routes, bankmux.Route{Client: name, Countries: []string{"US"}, Weight: 1 + i%3})
		}
		r, err := bankmux.NewRegistry(clients, routes)
		if err != nil {
			b.Fatal(err)
		}
		req := bankmux.SessionRequest{User: "user-1", Country: "US"}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if all, err := r.Candidates(req); err != nil || len(all) != n {
					b.Fatal(len(all), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/route")
		})
	}
}

func TestMatch(t *testing.T) {
	t.Run("memory per account is constant", memoryPerAccountIsConstant)
}

func memoryPerAccountIsConstant(t *testing.T) {
	var few, many float64
	for n, bytes := range map[int]*float64{300: &few, 30_000: &many} {
		old, new := manyAccounts(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := reconcile.Match(old, new)
		runtime.ReadMemStats(&after)
		*bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
		if len(m.Pairs) != n {
			t.Errorf("%d of %d pairs", len(m.Pairs), n)
		}
	}
	t.Logf("%.0f bytes an account of 300, %.0f of 30,000", few, many)
	if many > 1.5*few {
		t.Errorf("an account takes %.0f bytes of 300 and %.0f of 30,000", few, many)
	}
}
