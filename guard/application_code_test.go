package guard_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
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
	for how, end := range endings {
		for name, test := range map[string]func(t *testing.T, how string, end func()){
			"a probe of a provider that %s frees its slot and proves nothing":   aProviderProbeLeaves,
			"a probe of a bank that %s frees its slot and proves nothing":       aBankProbeLeaves,
			"a call of a closed circuit that %s is neither success nor failure": aCallLeaves,
			"a handler of the log that %s":                                      aLogHandlerLeaves,
		} {
			t.Run(fmt.Sprintf(name, how), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { test(t, how, end) })
			})
		}
	}
}

func aProviderProbeLeaves(t *testing.T, _ string, end func()) {
	leave := func(context.Context) error { end(); return nil }
	b := breakers(guard.BreakerOptions{Probes: 1})
	b.trip(t, read)
	time.Sleep(31 * time.Second)
	for range 3 {
		apart(func() { _ = chain(b.chain, read, leave)(t.Context()) })
		assert.Equal(t, "half-open", b.state(read))
	}
	require.NoError(t, b.call(t.Context(), read, nil))
	assert.Equal(t, "closed", b.state(read))
}

func aBankProbeLeaves(t *testing.T, _ string, end func()) {
	leave := func(context.Context) error { end(); return nil }
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
}

func aCallLeaves(t *testing.T, _ string, end func()) {
	leave := func(context.Context) error { end(); return nil }
	b := breakers(guard.BreakerOptions{})
	for i := range 6 {
		assert.NotEqual(t, "open", b.state(read), i)
		for range 5 {
			apart(func() { _ = chain(b.chain, read, leave)(t.Context()) })
		}
		require.Error(t, b.call(t.Context(), read, errDown))
	}
	assert.Equal(t, "open", b.state(read))
}

func aLogHandlerLeaves(t *testing.T, how string, end func()) {
	g := guard.New(guard.Options{Logger: slog.New(ending{end}), OnePerConnection: true})
	for range 2 {
		apart(
			func() {
				_ = chain(g.Interceptors(), read, func(context.Context) error { return nil })(t.Context())
			},
		)
	}
	assert.EqualValues(t, 2, g.Breakers()[0].Requests, "the second call found nothing held")
	if !strings.Contains(how, "panics") {
		return
	}
	assert.NotPanics(t, func() {
		err := chain(g.Interceptors(), oneShot, func(context.Context) error { return nil })(t.Context())
		assert.NoError(t, err, "the result of a one-shot is not lost")
	})
}

// ending is the handler of a log that does not return.
type ending struct{ end func() }

func (ending) Enabled(context.Context, slog.Level) bool { return true }

func (e ending) Handle(context.Context, slog.Record) error { e.end(); return nil }

func (e ending) WithAttrs([]slog.Attr) slog.Handler { return e }

func (e ending) WithGroup(string) slog.Handler { return e }
