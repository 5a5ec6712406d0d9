package providertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// lifecycle are the promises of the optional interfaces.
var lifecycle = []struct {
	name  string
	needs []bankmux.Capability
	test  func(*testing.T, *bench)
}{
	{
		"a lapse is seen, a reconnect mends it and the connection keeps its id",
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
			require.NoError(t, err, "a lapse is an answer, not an error")
			assert.Equal(t, bankmux.StateReauth, got.Connection.Status.State)
			assert.NotEmpty(t, got.Connection.Status.Code)
			b.show(got)

			req := b.Request
			lapsed := got.Connection
			req.Reconnect = &lapsed
			s, err := b.client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, bankmux.ModeRelink, s.Launch.Mode)
			assert.Equal(t, conn.ID, s.ConnectionID)
			renewed, err := b.client.ExchangeToken(t.Context(), b.linked(s))
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
	{
		"a reconnect belongs to the connection's user",
		[]bankmux.Capability{bankmux.CapStatus},
		func(t *testing.T, b *bench) {
			conn := b.connect(t.Context())
			sent := b.reached()
			req := b.Request
			req.User, req.Reconnect = "somebody-else", &conn
			_, err := b.client.CreateSession(t.Context(), req)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			_, err = b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: bankmux.Connection{ID: conn.ID, Provider: conn.Provider, Client: conn.Client, Environment: conn.Environment}})
			require.ErrorIs(t, err, bankmux.ErrInvalid, "a connection without credential")
			assert.Equal(t, sent, b.reached())
		},
	},
	{
		"a disconnected connection is gone, and disconnecting twice is fine",
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
			assert.NotEqual(t, bankmux.StateActive, got.Connection.Status.State)
		},
	},
	{
		"good credentials pass the check",
		[]bankmux.Capability{bankmux.CapCheck},
		func(t *testing.T, b *bench) { require.NoError(t, b.client.Check(t.Context())) },
	},
}

// lacking checks the operations of capabilities that are not there.
func lacking(t *testing.T, b *bench, has map[bankmux.Capability]bool) {
	conn := b.connect(t.Context())
	sent := b.reached()
	for c, call := range map[bankmux.Capability]func() error{
		bankmux.CapStatus: func() error {
			_, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			return err
		},
		bankmux.CapDisconnect: func() error {
			_, err := b.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
			return err
		},
		bankmux.CapCheck: func() error { return b.client.Check(t.Context()) },
	} {
		if !has[c] {
			assert.ErrorIs(t, call(), bankmux.ErrUnsupported, c)
		}
	}
	assert.Equal(t, sent, b.reached())
}
