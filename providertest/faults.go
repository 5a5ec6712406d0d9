package providertest

// This file checks the state at the provider after a failure.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// faults checks what the fault matrix does not: the state at the provider after a failed exchange
// or disconnect, and the course of an outage.
func faults(t *testing.T, newHarness func(*testing.T) Harness, has capabilities) {
	printed := &printedKinds{} // by another of these subtests
	bubble := func(t *testing.T, f func(*testing.T, *bench)) {
		t.Helper()
		inBubble(t, newHarness, func(t *testing.T, b *bench) {
			b.seen.shared = printed
			f(t, b)
		})
	}
	for _, f := range append(wirefault.All(), wirefault.HTTP2()...) {
		t.Run("exchange/"+f.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, b *bench) { brokenExchange(t, b, f) })
		})
	}
	behindExchanges(t, bubble, has)
	if has[bankmux.CapDisconnect] && has[bankmux.CapStatus] {
		for _, f := range wirefault.All() {
			t.Run("disconnect/"+f.Name, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, b *bench) { brokenDisconnect(t, b, f) })
			})
		}
	}
	for name, f := range map[string]func(*testing.T, *bench){
		"a refused connection is retried, because nothing was sent": refusedConnection,
		"a cancellation in mid-flight leaves the outcome unknown":   cancelledExchange,
		"an outage opens the circuit breaker, which closes again":   outage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, f)
		})
	}
}

// fewFaults represent all faults in tests that vary a test with all faults.
var fewFaults = []string{"unavailable", "reset_after", "html_200", "hang"}

// harmless reports whether a fault only takes time, or is a fault of something else.
func harmless(f wirefault.Fault) bool {
	return f.Name == "slow" || f.Name == "clock_skew" || f.Name == "http2_goaway_graceful"
}

// carrierOf returns the protocol that a fault needs.
func carrierOf(f wirefault.Fault) carrier {
	if strings.HasPrefix(f.Name, "http2_") {
		return overHTTP2
	}
	return overPlain
}

func limited(f wirefault.Fault) bool {
	return f.Name == "rate_limited" || f.Name == "rate_limited_seconds" || f.Name == "rate_limited_date" ||
		f.Name == "rate_limited_skewed"
}

func mustLookup(name string) wirefault.Fault {
	f, ok := wirefault.Lookup(name)
	if !ok {
		panic("providertest: no fault " + name)
	}
	return f
}

// brokenDisconnect checks that a connection that is returned as gone is gone, and that a second
// disconnect ends it.
func brokenDisconnect(t *testing.T, b *bench, f wirefault.Fault) {
	conn := b.connect(t.Context())
	b.inject(f, -1, nil)
	done, err := b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	b.show(err)
	b.heal()
	if err == nil {
		assert.True(t, f.Processed, "a disconnect that was never made")
		assert.Equal(t, bankmux.StateGone, done.Connection.Status.State)
		got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.NotEqual(t, bankmux.StateActive, got.Connection.Status.State)
	}
	_, err = b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	require.NoError(t, err)
}

func refusedConnection(t *testing.T, b *bench) {
	post := b.linked(b.session(t.Context()))
	b.transport.CloseIdleConnections()
	b.refuseConnections(true)
	dialled := b.dials()
	_, err := b.client.ExchangeToken(t.Context(), post)
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "the outcome is known: nothing was sent")
	e := bankmux.ErrorOf(err)
	assert.True(t, e.NotSent)
	assert.Greater(t, b.dials()-dialled, 1, "repeated")
	assert.Zero(t, b.exchanges())
	b.refuseConnections(false)
	_, err = b.client.ExchangeToken(t.Context(), post)
	assert.NoError(t, err)
}

func cancelledExchange(t *testing.T, b *bench) {
	post := b.linked(b.session(t.Context()))
	b.inject(mustLookup("hang_after"), -1, b.IsExchange)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	began := time.Now()
	_, err := b.client.ExchangeToken(ctx, post)
	b.show(err)
	if !b.readsExchange(post) {
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
	}
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, time.Second, time.Since(began))
	assert.Equal(t, 1, b.exchanges())
}

func outage(t *testing.T, b *bench) {
	posts := make([]bankmux.ExchangeRequest, 12)
	for i := range posts {
		posts[i] = b.linked(b.session(t.Context()))
	}
	b.inject(mustLookup("unavailable"), -1, nil)
	sent := -1
	for _, post := range posts {
		before := b.reached()
		_, err := b.client.ExchangeToken(t.Context(), post)
		b.show(err)
		require.Error(t, err)
		if errors.Is(err, bankmux.ErrCircuitOpen) {
			sent = before
			break
		}
	}
	require.GreaterOrEqual(t, sent, 0, "the circuit did not open within %d failures", len(posts))
	_, err := b.client.CreateSession(t.Context(), b.Request)
	require.ErrorIs(t, err, bankmux.ErrCircuitOpen, "a session cannot be finished during an outage")
	assert.Equal(t, sent, b.reached(), "refused, and nothing was sent")
	b.heal()
	time.Sleep(time.Minute)
	for range 3 {
		b.connect(t.Context())
	}
}
