package memnet_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/memnet"
)

func TestListener(t *testing.T) {
	t.Parallel()
	t.Run("a server responds over it on virtual time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := memnet.Listen()
			server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
				func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(time.Hour)
					_, _ = io.WriteString(w, "late")
				},
			)}
			go func() { _ = server.Serve(l) }()
			transport := &http.Transport{DialContext: l.DialContext, DisableKeepAlives: true}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://bank.example/", nil)
			require.NoError(t, err)
			res, err := transport.RoundTrip(req)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, "late", string(body))
			require.NoError(t, res.Body.Close())
			require.NoError(t, server.Close())
		})
	})
	t.Run("a closed listener ends every call and can be closed again", func(t *testing.T) {
		t.Parallel()
		l := memnet.Listen()
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = l.DialContext(t.Context(), "tcp", "bank.example:443")
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("a dial that is not accepted ends with its context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := memnet.Listen().DialContext(ctx, "tcp", "bank.example:443")
		require.ErrorIs(t, err, context.Canceled)
	})
}
