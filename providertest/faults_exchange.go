package providertest

// This file checks the exchange under faults.

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// brokenExchange checks that the exchange is sent once under a fault. It must return the
// connection, a definite refusal or an unknown outcome.
func brokenExchange(t *testing.T, b *bench, f wirefault.Fault) {
	b.newClient(guard.Options{}, carrierOf(f))
	post := b.linked(b.session(t.Context()))
	b.inject(f, -1, b.IsExchange)
	began := time.Now()
	conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
	assert.Less(t, time.Since(began), 10*time.Minute)
	reads := b.readsExchange(post)
	if !reads {
		assert.Equal(t, 1, b.exchanges(), "a one-shot is sent once")
	}
	switch {
	case err == nil:
		assert.True(t, f.Processed, "a connection that was never made")
		assert.Equal(t, b.idOf(post.Session, conn), conn.ID)
		assert.NotEmpty(t, conn.Reference())
		assert.NotEqual(t, "duplicate", conn.Reference())
	case limited(f):
		checkLimit(t, b, f, err)
	default:
		b.show(err)
		assert.False(t, harmless(f), "%v", err)
		assert.Equal(t, !reads, errors.Is(err, bankmux.ErrOutcomeUnknown),
			"only a one-shot has an unknown outcome: %v", err)
	}
	b.heal()
	// A second call with the same session and payload reveals the outcome. Another process can make
	// it from stored values.
	b.newClient(guard.Options{}, carrierOf(f))
	post.Session = b.reopened(post.Session)
	again, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
	if err != nil {
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
		assert.False(t, reads, "an exchange that is a read spends nothing")
		assert.True(t, f.Processed, "the token cannot be spent: nothing was processed")
		return
	}
	assert.Equal(t, b.idOf(post.Session, again), again.ID)
}

func checkLimit(t *testing.T, b *bench, f wirefault.Fault, err error) {
	t.Helper()
	b.show(err)
	require.ErrorIs(t, err, bankmux.ErrRateLimited)
	e := bankmux.ErrorOf(err)
	if f.Name == "rate_limited" {
		assert.Zero(t, e.RetryAfter)
		return
	}
	assert.InDelta(t, wirefault.RetryAfter, e.RetryAfter, float64(time.Second), "the date has whole seconds")
}

// behindExchanges injects faults into the requests that follow an exchange, if there are any.
func behindExchanges(
	t *testing.T, bubble func(*testing.T, func(*testing.T, *bench)), has capabilities,
) {
	follows := false
	bubble(t, func(t *testing.T, b *bench) {
		mark := b.reached()
		b.connect(t.Context())
		behind := b.behind()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range b.requests[mark:] {
			follows = behind(r.request) || follows
		}
	})
	if !follows {
		t.Run("not checked: faults after an exchange: nothing is sent after it", func(*testing.T) {})
		return
	}
	for _, f := range append(wirefault.All(), wirefault.HTTP2()...) {
		t.Run("after an exchange/"+f.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, b *bench) { brokenBehindExchange(t, b, f) })
		})
		if !has[bankmux.CapStatus] || !slices.Contains(fewFaults, f.Name) {
			continue
		}
		t.Run("after a reconnect/"+f.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, b *bench) { brokenBehindReconnect(t, b, f) })
		})
	}
}

// behind returns a function that selects the requests after an exchange. The function must be
// called for each request in turn.
func (b *bench) behind() func(*http.Request) bool {
	spent := false
	return func(r *http.Request) bool {
		if b.IsExchange(r) {
			spent = true
			return false
		}
		return spent && (b.Words.Open == nil || !b.Words.Open(r))
	}
}

// brokenBehindExchange injects a fault into all requests after a successful exchange. The token is
// spent, so the connection must not be lost. The adapter may return it as unverified. Otherwise the
// same payload must return it later, also in another process.
func brokenBehindExchange(t *testing.T, b *bench, f wirefault.Fault) {
	b.newClient(guard.Options{}, carrierOf(f))
	b.keptDespite(f, b.linked(b.session(t.Context())))
}

// brokenBehindReconnect does the same for the exchange of a reconnect.
func brokenBehindReconnect(t *testing.T, b *bench, f wirefault.Fault) {
	b.newClient(guard.Options{}, carrierOf(f))
	conn := b.connect(t.Context())
	require.NoError(t, b.Lapse(conn))
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	req := b.Request
	req.Reconnect = &got.Connection
	s, err := b.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	b.keptDespite(f, b.linked(s))
}

// keptDespite injects a fault after an exchange and checks that its connection is not lost.
func (b *bench) keptDespite(f wirefault.Fault, post bankmux.ExchangeRequest) {
	t := b.t
	t.Helper()
	b.inject(f, -1, b.behind())
	conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
	b.show(err)
	if err == nil && conn.Institution.ID == "" {
		assert.NotEqual(t, bankmux.StateActive, conn.Status.State, "a connection whose bank was not read is unverified")
	}
	b.heal()
	b.newClient(guard.Options{}, carrierOf(f))
	if err != nil {
		post.Session = b.reopened(post.Session)
		conn, err = single.Connection(b.client.ExchangeToken(t.Context(), post))
		require.NoError(
			t,
			err,
			"the exchange was processed and a request after it failed: the token is spent and the connection is lost",
		)
	}
	assert.NotEmpty(t, conn.Reference())
	want := post.Session.ConnectionID
	if post.Session.Reconnect == nil {
		want = b.idOf(post.Session, conn)
	}
	assert.Equal(t, want, conn.ID)
	if !b.client.Has(bankmux.CapStatus) {
		return
	}
	time.Sleep(time.Minute)
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, got.Connection.Status.State, "the connection works once the provider is back")
	assert.NotEmpty(t, got.Connection.Institution.ID)
}
