package postgres

// This file specifies the pool of a backend.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPool(t *testing.T) {
	t.Parallel()
	const url = "postgres://app@127.0.0.1:1/app"
	for name, c := range map[string]struct {
		url     string
		opts    Options
		conns   int32
		timeout time.Duration
	}{
		"16 connections, and five seconds to connect, are the default": {url, Options{}, 16, 5 * time.Second},
		"Conns is the largest number of connections":                   {url, Options{Conns: 7}, 7, 5 * time.Second},
		"a URL may say how long to try to connect":                     {url + "?connect_timeout=2", Options{}, 16, 2 * time.Second},
		"Conns counts more than a URL":                                 {url + "?pool_max_conns=90", Options{}, 16, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Open(t.Context(), c.url, c.opts)
			require.NoError(t, err)
			defer b.Close()
			cfg := b.pool.Config()
			assert.Equal(t, c.conns, cfg.MaxConns)
			assert.Equal(t, c.timeout, cfg.ConnConfig.ConnectTimeout)
		})
	}
}
