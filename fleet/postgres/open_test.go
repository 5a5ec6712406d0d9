package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	const url = "postgres://app@127.0.0.1:1/app"
	for name, c := range map[string]struct {
		url  string
		opts postgres.Options
		text string
	}{
		"a URL with a bad port":       {"postgres://user:hunter2@host:port", postgres.Options{}, "url is invalid"},
		"a URL of another scheme":     {"nonsense://user:hunter2@host", postgres.Options{}, "url is invalid"},
		"a namespace with a NUL":      {url, postgres.Options{Namespace: "a\x00"}, "Namespace is not 1 to 64 letters"},
		"a long namespace":            {url, postgres.Options{Namespace: strings.Repeat("x", 65)}, "Namespace is not"},
		"a negative number of conns":  {url, postgres.Options{Conns: -1}, "Options.Conns is not in 0 to 1,000"},
		"a too large number of conns": {url, postgres.Options{Conns: 1001}, "Options.Conns is not in 0 to 1,000"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := postgres.Open(t.Context(), c.url, c.opts)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			require.ErrorContains(t, err, "postgres.Open: ")
			require.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	t.Run("nothing is sent", func(t *testing.T) {
		t.Parallel()
		b, err := postgres.Open(t.Context(), url, postgres.Options{})
		require.NoError(t, err)
		b.Close()
	})
}
