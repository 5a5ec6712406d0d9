package moneykit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestTimestampsAreReadWithAZoneAndWithout: the samples of MoneyKit's documentation have no zone,
// its recorded answers have one.
func TestTimestampsAreReadWithAZoneAndWithout(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 14, 11, 0, time.UTC)
	for name, zoneless := range map[string]bool{"with": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *setup
			s = start(
				t,
				virtualbank.Options{Start: at, Forms: virtualbank.Forms{ZonelessTimes: zoneless}},
				func(c *moneykit.Config) {
					c.Now = func() time.Time { return s.bank.Now() }
				},
			)
			ctx := t.Context()
			conn := s.connect(request)
			require.NoError(t, s.bank.Refresh(conn.Reference()))
			near := func(what string, got time.Time) {
				t.Helper()
				assert.WithinRange(t, got, at, at.Add(time.Minute), what)
				assert.Equal(t, time.UTC, got.Location(), what)
			}
			status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			require.NotEmpty(t, status.Products)
			for _, p := range status.Products {
				near(string(p.Product)+" refreshed", p.RefreshedAt)
				near(string(p.Product)+" attempted", p.AttemptedAt)
			}
			balances, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
			require.NoError(t, err)
			require.NotEmpty(t, balances.Balances)
			near("a balance", balances.Balances[0].Balances[0].AsOf)
			for l, err := range moneykit.Links(ctx, s.client) {
				require.NoError(t, err)
				near("a link", l.CreatedAt)
			}
			header, body := s.bank.Sign(
				virtualbank.Webhook{Provider: "moneykit", Event: "link.state_changed", Reference: conn.Reference()},
			)
			got, err := s.client.ReadWebhook(ctx, bankmux.NewWebhookRequest(header, body))
			require.NoError(t, err)
			require.Len(t, got.Events, 1)
			near("an event", got.Events[0].At)
		})
	}
}
