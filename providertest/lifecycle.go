package providertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// lifecycle lists the promises about status and disconnect.
var lifecycle = []promise{
	{
		"a lapse is reported, and a reconnect renews the connection under its id",
		[]bankmux.Capability{bankmux.CapStatus},
		func(t *testing.T, b *bench) {
			conn := b.connect(t.Context())
			got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, bankmux.StateActive, got.Connection.Status.State)
			assert.Equal(t, conn.Institution, got.Connection.Institution)
			assert.Equal(t, conn.CreatedAt, got.Connection.CreatedAt)

			require.NoError(t, b.Lapse(conn))
			got, err = b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err, "a lapse is a result, not an error")
			assert.Equal(t, bankmux.StateReauth, got.Connection.Status.State, "a lapsed connection has StateReauth")
			assert.NotEmpty(t, got.Connection.Status.Code)
			b.show(got)
			b.show(bankmux.StatusRequest{Connection: conn})

			req := b.Request
			lapsed := got.Connection
			req.Reconnect = &lapsed
			s, err := b.client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			b.conceal(s.Launch.Token.Reveal())
			b.show(s)
			b.show(req)
			s = b.reopened(s)
			assert.Equal(t, bankmux.ModeRelink, s.Launch.Mode)
			assert.Equal(t, conn.ID, s.ConnectionID)
			renewed, err := single.Connection(b.client.ExchangeToken(t.Context(), b.linked(s)))
			require.NoError(t, err)
			b.concealCredential(renewed)
			b.show(renewed)
			assert.Equal(t, conn.ID, renewed.ID)
			assert.Equal(t, conn.CreatedAt, renewed.CreatedAt)
			assert.Equal(t, bankmux.StateActive, renewed.Status.State)
			got, err = b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: renewed})
			require.NoError(t, err)
			assert.Equal(t, bankmux.StateActive, got.Connection.Status.State)
		},
	},
	{"a reconnect leaves one access", []bankmux.Capability{bankmux.CapStatus}, reconnectsOnce},
	{"a reconnect that renewed nothing is refused", []bankmux.Capability{bankmux.CapStatus}, reconnectsInVain},
	{
		"a reconnect belongs to the connection's user",
		[]bankmux.Capability{bankmux.CapStatus},
		func(t *testing.T, b *bench) {
			conn := b.connect(t.Context())
			sent := b.reached()
			req := b.Request
			req.User, req.Reconnect = "another-user", &conn
			_, err := b.client.CreateSession(t.Context(), req)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			_, err = b.client.ConnectionStatus(
				t.Context(),
				bankmux.StatusRequest{
					Connection: bankmux.Connection{
						ID:          conn.ID,
						Provider:    conn.Provider,
						Client:      conn.Client,
						Environment: conn.Environment,
					},
				},
			)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "a connection without credential")
			assert.Equal(t, sent, b.reached())
		},
	},
	{
		"an early renewal that is abandoned leaves the connection working",
		[]bankmux.Capability{bankmux.CapStatus},
		func(t *testing.T, b *bench) {
			conn := b.connect(t.Context())
			req := b.Request
			req.Reconnect = &conn
			_, err := b.client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(
				t,
				bankmux.StateActive,
				got.Connection.Status.State,
				"the start of a renewal ended the consent in force",
			)
		},
	},
	{
		"a disconnected connection is gone, and a second disconnect succeeds",
		[]bankmux.Capability{bankmux.CapStatus, bankmux.CapDisconnect},
		func(t *testing.T, b *bench) {
			conn := b.connect(t.Context())
			for range 2 {
				done, err := b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
				require.NoError(t, err)
				assert.Equal(t, bankmux.StateGone, done.Connection.Status.State)
			}
			got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.NotEqual(t, bankmux.StateActive, got.Connection.Status.State,
				"a disconnected connection still works at the provider")
		},
	},
	{
		"valid credentials pass the check",
		[]bankmux.Capability{bankmux.CapCheck},
		func(t *testing.T, b *bench) { require.NoError(t, b.client.Check(t.Context())) },
	},
}

// reconnectsOnce renews a connection that works. The provider must learn which one: if it opens
// another access, the one before must end.
func reconnectsOnce(t *testing.T, b *bench) {
	if b.Adds {
		b.missing = append(b.missing, "the access that a reconnect renews: Harness.Adds is set")
		return
	}
	conn := b.connect(t.Context())
	req := b.Request
	req.Reconnect = &conn
	s, err := b.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	renewed, err := single.Connection(b.client.ExchangeToken(t.Context(), b.linked(s)))
	require.NoError(t, err)
	b.concealCredential(renewed)
	if renewed.Reference() == conn.Reference() {
		return
	}
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.NotEqual(t, bankmux.StateActive, got.Connection.Status.State,
		"a reconnect opened a second access, and the first one stays: pass SessionRequest.Reconnect on")
}
