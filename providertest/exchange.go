package providertest

// This file checks exchanges whose effect is Read, and reconnects without effect.

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// errNotSent ends a call before the adapter runs.
var errNotSent = errors.New("the suite stopped the call")

// readsExchange reports whether the adapter gives its exchange the effect Read. It sends nothing.
func (b *bench) readsExchange(post bankmux.ExchangeRequest) bool {
	var effect bankmux.Effect
	asked := b.client.Client.With(func(_ context.Context, op bankmux.Op, _ func(context.Context) error) error {
		effect = op.Effect
		return errNotSent
	})
	_, _ = asked.ExchangeToken(b.t.Context(), post)
	return effect == bankmux.Read
}

// isRead reports whether a request changes nothing at the provider.
func (b *bench) isRead(r *http.Request) bool {
	if b.Words.Open != nil && b.Words.Open(r) {
		return true
	}
	if b.Reads != nil {
		return b.Reads(r)
	}
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// onlyReads checks that all requests since a mark are reads.
func (b *bench) onlyReads(mark int, what string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests[mark:] {
		assert.True(b.t, r.read, "%s has the effect Read, and sent %s %s", what, r.request.Method, r.request.URL.Path)
	}
}

// reconnectsInVain lets the consent lapse again before the reconnect is finished. It also posts the
// payload of an earlier reconnect. The adapter must not return a connection as active that is not.
func reconnectsInVain(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	session := func() bankmux.Session {
		require.NoError(t, b.Lapse(conn))
		got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		req := b.Request
		req.Reconnect = &got.Connection
		s, err := b.client.CreateSession(t.Context(), req)
		require.NoError(t, err)
		return s
	}
	first := b.linked(session())
	require.NoError(t, b.Lapse(conn))
	b.activeOnlyIfRenewed(first, "whose bank ended the consent again")
	second := b.linked(session())
	renewed, err := single.Connection(b.client.ExchangeToken(t.Context(), second))
	require.NoError(t, err)
	conn = renewed
	old := second
	old.Session = session()
	b.activeOnlyIfRenewed(old, "with the payload of an earlier one")
}

// activeOnlyIfRenewed posts a reconnect. If the adapter returns an active connection, the
// connection must work.
func (b *bench) activeOnlyIfRenewed(post bankmux.ExchangeRequest, which string) {
	b.t.Helper()
	conn, err := single.Connection(b.client.ExchangeToken(b.t.Context(), post))
	if err != nil || conn.Status.State != bankmux.StateActive {
		return
	}
	got, err := b.client.ConnectionStatus(b.t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(b.t, err)
	assert.Equal(
		b.t,
		bankmux.StateActive,
		got.Connection.Status.State,
		"a reconnect %s renewed nothing and was accepted as active",
		which,
	)
}
