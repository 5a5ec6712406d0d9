package loopback_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/loopback"
)

func TestHost(t *testing.T) {
	t.Parallel()
	t.Run("a host is of loopback, and not the one that everything uses", func(t *testing.T) {
		t.Parallel()
		for range 1000 {
			host := loopback.Host()
			assert.True(t, net.ParseIP(host).IsLoopback(), host)
			assert.NotEqual(t, "127.0.0.1", host)
		}
	})
	t.Run("a server listens there on the port of another", func(t *testing.T) {
		t.Parallel()
		first, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer first.Close()
		_, port, err := net.SplitHostPort(first.Addr().String())
		require.NoError(t, err)
		second, err := net.Listen("tcp", net.JoinHostPort(loopback.Host(), port))
		require.NoError(t, err)
		require.NoError(t, second.Close())
	})
}
