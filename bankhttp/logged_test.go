package bankhttp_test

// This file tests which connections the logs name.

import (
	"bytes"
	"log/slog"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestLogged specifies that logs name connections that are stored, and no others.
func TestLogged(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`connection[= ]"?([A-Za-z0-9]+)`)
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			a := newGuardedApp(t, guard.Options{Logger: logger}, func(c *bankhttp.Config) { c.Logger = logger })
			s := a.start(t, "user-rosa", provider)
			payload := a.connect(t, s.Launch)
			require.NoError(t, a.bank.Inject(virtualbank.Fault{Name: "unavailable", Provider: provider}))
			assert.NotEqual(t, 200, a.send(t, "user-rosa", "POST", "/sessions/"+s.Session, payload).Code)
			a.bank.ClearFaults()
			conn := a.link(t, "user-rosa", provider).ID
			assert.Contains(t, log.String(), "op="+bankmux.OpExchangeToken)
			a.read(t, "user-rosa")
			a.reconnect(t, "user-rosa", conn)
			all, err := a.store.Connections(t.Context(), "user-rosa")
			require.NoError(t, err)
			stored := map[string]bool{}
			for i := range all {
				stored[all[i].ID] = true
			}
			named := id.FindAllStringSubmatch(log.String(), -1)
			assert.NotEmpty(t, named)
			for _, one := range named {
				assert.True(t, stored[one[1]], one[0])
			}
			assert.Regexp(t, "op="+bankmux.OpExchangeToken+" .*connection="+conn, log.String(), "a reconnect has one")
		})
	}
}
