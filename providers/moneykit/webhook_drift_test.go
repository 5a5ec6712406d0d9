package moneykit_test

// This file specifies that unknown members of deliveries are reported.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestWebhookDrift specifies what is reported of a delivery that has an unknown member.
func TestWebhookDrift(t *testing.T) {
	t.Parallel()
	s, g := newIssuer(t, "k1"), guard.New(guard.Options{})
	client := s.client(func(c *moneykit.Config) { c.Guard = g })
	read := func(body string) {
		_, err := client.ReadWebhook(t.Context(), s.delivery(body, nil))
		require.NoError(t, err)
	}
	with := func(member string) string { return strings.TrimSuffix(stateChanged, "}") + `,"` + member + `":"x"}` }
	read(with("alien"))
	read(with("alien"))
	for range 200 {
		read(with("novel"))
	}
	for _, member := range []string{"alien", "novel"} {
		assert.NotZero(t, g.Drift()[guard.Drift{
			Client: moneykit.Name, Provider: moneykit.Name, Endpoint: "webhook",
			Kind: guard.DriftMember, Member: member,
		}], member)
	}
	assert.Len(t, g.Drift(), 2)
}
