package guard_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestTheChainIsInOrder(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(t *testing.T){
		"the trace is outside the retries: one record for three attempts": func(t *testing.T) {
			var out bytes.Buffer
			g := guard.New(guard.Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			require.NoError(t, chain(g.Interceptors(), read, answers(new(int), errDown, errDown))(t.Context()))
			assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")))
			assert.Contains(t, out.String(), "attempts.3.duration=")
		},
		"the retries are outside the queue: the wait between attempts holds no connection": func(t *testing.T) {
			in := guard.New(guard.Options{OnePerConnection: true}).Interceptors()
			wait := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 9 * time.Second}
			var wg sync.WaitGroup
			wg.Go(func() { assert.NoError(t, chain(in, read, answers(new(int), wait))(t.Context())) })
			synctest.Wait()
			began := time.Now()
			require.NoError(t, chain(in, read, succeed)(t.Context()))
			assert.Zero(t, time.Since(began))
			wg.Wait()
			assert.Equal(t, 9*time.Second, time.Since(began))
		},
		"the queue is outside the breaker: who waits for a connection takes no probe's place": func(t *testing.T) {
			in := guard.New(guard.Options{
				OnePerConnection: true, Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Probes: 2},
			}).Interceptors()
			for range 6 {
				require.ErrorIs(t, chain(in, read, answers(new(int), errDown))(t.Context()), bankmux.ErrUnavailable)
			}
			time.Sleep(30 * time.Second)
			slow := func(context.Context) error { time.Sleep(time.Second); return nil }
			var wg sync.WaitGroup
			for range 3 { // one probes, two wait for the connection
				wg.Go(func() { assert.NoError(t, chain(in, read, slow)(t.Context())) })
			}
			synctest.Wait()
			other := read
			other.Connection = "conn-2"
			require.NoError(t, chain(in, other, succeed)(t.Context()), "the second place is free")
			wg.Wait()
		},
		"the breaker is outside the deadline: what hangs is counted": func(t *testing.T) {
			g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
			for range 6 {
				require.ErrorIs(t, chain(g.Interceptors(), read, hang)(t.Context()), bankmux.ErrUnavailable)
			}
			require.ErrorIs(t, chain(g.Interceptors(), read, succeed)(t.Context()), bankmux.ErrCircuitOpen)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, check)
		})
	}
}

// linker is an adapter that does nothing at once.
type linker struct{}

func (linker) CreateSession(context.Context, bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.Session{}, nil
}

func (linker) ExchangeToken(context.Context, bankmux.ExchangeRequest) (bankmux.Connection, error) {
	return bankmux.Connection{}, nil
}

// guarded runs an operation through a client as applications do.
func guarded(c *bankmux.Client, op bankmux.Op, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		_, e := bankmux.Do(ctx, c, op, func(context.Context, linker) (struct{}, error) { return struct{}{}, err })
		return e
	}
}

func TestAClientsErrorsNameTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{OnePerConnection: true, Retry: guard.RetryOptions{MaxAttempts: 1}})
		c := bankmux.NewClient("mine", linker{}, g.Interceptors()...)
		for i := range 8 {
			want := bankmux.ErrUnavailable
			if i >= 6 {
				want = bankmux.ErrCircuitOpen
			}
			e := asError(t, guarded(c, read, errDown)(t.Context()))
			assert.Equal(t, want, e.Kind)
			assert.Equal(t, "mine", e.Client)
			assert.Equal(t, "Read", e.Op)
			assert.Equal(t, "conn-1", e.Connection)
		}
		e := asError(t, guarded(bankmux.NewClient("d", linker{}, g.Interceptors()...), oneShot, errDown)(t.Context()))
		assert.Equal(t, bankmux.ErrOutcomeUnknown, e.Kind)
		assert.Equal(t, "d: Exchange: outcome_unknown: the request was sent and no readable answer came (HTTP 503); "+
			"look up the outcome before doing anything again: provider_unavailable (HTTP 503); repeat later or choose another provider", e.Error())
	})
}

// The bounds are far enough above what is measured (7 and 3) to outlast a new
// compiler, and those of the race detector.
func TestTheChainAllocatesLittle(t *testing.T) {
	ctx := t.Context()
	g := guard.New(guard.Options{OnePerConnection: true, Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{OpenFor: time.Hour}})
	call := chain(g.Interceptors(), read, succeed)
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }), 12.0, "a call that succeeds")
	for range 6 {
		_ = chain(g.Interceptors(), read, answers(new(int), errDown))(ctx)
	}
	require.ErrorIs(t, call(ctx), bankmux.ErrCircuitOpen)
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }), 6.0, "a call that is refused")
}

func BenchmarkChain(b *testing.B) {
	g := guard.New(guard.Options{OnePerConnection: true})
	call := guarded(bankmux.NewClient("c", linker{}, g.Interceptors()...), read, nil)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := call(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefusal(b *testing.B) {
	g := guard.New(guard.Options{OnePerConnection: true, Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{OpenFor: time.Hour}})
	c := bankmux.NewClient("c", linker{}, g.Interceptors()...)
	ctx := b.Context()
	for range 6 {
		_ = guarded(c, read, errDown)(ctx)
	}
	call := guarded(c, read, nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := call(ctx); !errors.Is(err, bankmux.ErrCircuitOpen) {
			b.Fatal(err)
		}
	}
}
