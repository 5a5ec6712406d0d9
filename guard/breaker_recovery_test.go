package guard_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestBreakerRecovery lets the provider return at every moment of the breaker's cycle. The first
// successful call waits at most for OpenFor and one probe.
func TestBreakerRecovery(t *testing.T) {
	t.Parallel()
	for _, group := range []bankmux.Group{bankmux.GroupLink, bankmux.GroupData} {
		for name, outage := range map[string]func(context.Context) error{
			"a provider that hangs": func(ctx context.Context) error {
				<-ctx.Done()
				return &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
			},
			"a provider that fails": func(context.Context) error {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
			},
		} {
			t.Run(name+" in group "+string(group), func(t *testing.T) {
				t.Parallel()
				for back := 5 * time.Second; back < 3*time.Minute; back += 7300 * time.Millisecond {
					synctest.Test(t, func(t *testing.T) { recovers(t, group, outage, back) })
				}
			})
		}
	}
}

const arrivals = 250 * time.Millisecond

func recovers(t *testing.T, group bankmux.Group, outage func(context.Context) error, back time.Duration) {
	openFor, probe, asked := 30*time.Second, 15*time.Second, arrivals // the defaults, and the time between calls
	if group == bankmux.GroupData {
		// three institutions, behind the provider's circuit
		probe, asked = 30*time.Second, 8*arrivals
	}
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	chain := g.Interceptors(func(o *guard.Options) {
		o.AtInstitution = func(op bankmux.Op) bool { return op.Group == bankmux.GroupData }
	})
	start := time.Now()
	up := func() bool { return time.Since(start) >= back }
	call := func(i int) error {
		op := bankmux.Op{
			Name:        "Call",
			Group:       group,
			Effect:      bankmux.Read,
			Client:      "c",
			Institution: []string{"a", "b", "c"}[i%3],
			Connection:  []string{"x", "y"}[i%2],
		}
		next := func(ctx context.Context) error {
			if up() {
				return nil
			}
			return outage(ctx)
		}
		for _, c := range slices.Backward(chain) {
			in, inner := c, next
			next = func(ctx context.Context) error { return in(ctx, op, inner) }
		}
		return next(t.Context())
	}
	served := make(chan time.Duration, 1)
	var callers sync.WaitGroup
	for n := 0; ; n++ { // a steady stream of calls
		callers.Go(func() {
			if call(n) == nil && up() {
				select {
				case served <- time.Since(start) - back:
				default:
				}
			}
		})
		time.Sleep(arrivals)
		if len(served) > 0 {
			break
		}
	}
	waited := <-served
	callers.Wait()
	assert.LessOrEqual(t, waited, openFor+probe+asked, "the provider was back after %s", back)
}
