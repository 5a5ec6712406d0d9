package plaid_test

// This file specifies that unknown members of deliveries are reported.

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestWebhookDrift specifies what is reported of a delivery that has an unknown member.
func TestWebhookDrift(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) { c.Guard = g })
	read := func(members map[string]any) {
		delivery := s.delivery("TRANSACTIONS:SYNC_UPDATES_AVAILABLE", "item-1", members)
		_, err := s.client.ReadWebhook(t.Context(), delivery)
		require.NoError(t, err)
	}
	read(map[string]any{"alien": "x"})
	read(map[string]any{"alien": "x"})
	for range 200 {
		read(map[string]any{"novel": "x"})
	}
	for _, member := range []string{"alien", "novel"} {
		assert.NotZero(t, g.Drift()[guard.Drift{
			Client: plaid.Name, Provider: plaid.Name, Endpoint: "webhook", Kind: guard.DriftMember, Member: member,
		}], member)
	}
	assert.Len(t, g.Drift(), 2)
}
