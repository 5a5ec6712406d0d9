package guard_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestApplicationCode specifies that application code which panics or never returns blocks nothing.
func TestApplicationCode(t *testing.T) {
	t.Parallel()
	t.Run("code that does not return holds no slot and no turn", codeThatDoesNotReturnHoldsNoSlotAndNoTurn)
}

// endings are the ways in which the code of an application leaves without returning.
var endings = map[string]func(){
	"panics":              func() { panic("secret") },
	"ends its goroutine":  runtime.Goexit,
	"panics with nothing": func() { panic(nil) },
}

// apart runs f in a goroutine of its own, as a server does, and waits until it is gone.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		f()
	}()
	<-done
}

func codeThatDoesNotReturnHoldsNoSlotAndNoTurn(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		leave := func(context.Context) error { end(); return nil }
		t.Run("a probe of a provider that "+name+" frees its slot and proves nothing", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breakers(guard.BreakerOptions{Probes: 1})
				b.trip(t, read)
				time.Sleep(31 * time.Second)
				for range 3 {
					apart(func() { _ = chain(b.chain, read, leave)(t.Context()) })
					assert.Equal(t, "half-open", b.state(read))
				}
				require.NoError(t, b.call(t.Context(), read, nil))
				assert.Equal(t, "closed", b.state(read))
			})
		})
		t.Run("a probe of a bank that "+name+" frees its slot and proves nothing", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBanks(t, guard.Options{OnePerConnection: true, Hold: true})
				b.answer = func(context.Context, bankmux.Op) error { return errBankDown }
				for range 5 {
					_ = b.call("bank", "c1")
				}
				time.Sleep(31 * time.Second)
				b.answer = func(ctx context.Context, _ bankmux.Op) error { return leave(ctx) }
				apart(func() { _ = b.call("bank", "c1") })
				assert.Equal(t, "half-open", b.of("bank"))
				b.answer = func(context.Context, bankmux.Op) error { return nil }
				require.NoError(t, b.call("bank", "c1"), "neither the bank nor the connection is busy")
				assert.Equal(t, "closed", b.of("bank"))
			})
		})
		t.Run("a call of a closed circuit that "+name+" is neither success nor failure", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breakers(guard.BreakerOptions{})
				for i := range 6 {
					assert.NotEqual(t, "open", b.state(read), i)
					for range 5 {
						apart(func() { _ = chain(b.chain, read, leave)(t.Context()) })
					}
					require.Error(t, b.call(t.Context(), read, errDown))
				}
				assert.Equal(t, "open", b.state(read))
			})
		})
		t.Run("a handler of the log that "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := guard.New(guard.Options{Logger: slog.New(ending{end}), OnePerConnection: true})
				for range 2 {
					apart(
						func() {
							_ = chain(g.Interceptors(), read, func(context.Context) error { return nil })(t.Context())
						},
					)
				}
				assert.EqualValues(t, 2, g.Breakers()[0].Requests, "the second call found nothing held")
				if !strings.Contains(name, "panics") {
					return
				}
				assert.NotPanics(t, func() {
					err := chain(g.Interceptors(), oneShot, func(context.Context) error { return nil })(t.Context())
					assert.NoError(t, err, "the result of a one-shot is not lost")
				})
			})
		})
	}
}

// ending is the handler of a log that does not return.
type ending struct{ end func() }

func (ending) Enabled(context.Context, slog.Level) bool { return true }

func (e ending) Handle(context.Context, slog.Record) error { e.end(); return nil }

func (e ending) WithAttrs([]slog.Attr) slog.Handler { return e }

func (e ending) WithGroup(string) slog.Handler { return e }

// listener records what it heard, after a moment of work that differs from change to change.
type listener struct {
	mu    sync.Mutex
	heard []string
	at    map[string]int // calls at work, by breaker
	most  int
	work  func(guard.BreakerState)
}

func (l *listener) listen(s guard.BreakerState) {
	key := s.Client + "/" + s.Institution
	l.mu.Lock()
	if l.at == nil {
		l.at = map[string]int{}
	}
	l.at[key]++
	l.most = max(l.most, l.at[key])
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.at[key]--
		l.heard = append(l.heard, s.State)
	}()
	if l.work != nil {
		l.work(s)
	}
}
