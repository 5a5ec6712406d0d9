package providertest

// This file has the set of capabilities that an adapter declares.

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// capabilities is the set of capabilities that an adapter has.
type capabilities map[bankmux.Capability]bool

// all reports whether the adapter has all of these capabilities. The empty one is always there.
func (has capabilities) all(needs ...bankmux.Capability) bool {
	return !slices.ContainsFunc(needs, func(c bankmux.Capability) bool { return c != "" && !has[c] })
}

// declared checks that the adapter has exactly the declared capabilities. Each must have an
// operation in the table, and the harness must have the fields that its tests need.
func declared(t *testing.T, b *bench, has capabilities) {
	assert.ElementsMatch(t, slices.Collect(maps.Keys(has)), b.client.Capabilities())
	for _, c := range bankmux.Capabilities() {
		known := slices.ContainsFunc(operations(b), func(op operation) bool { return op.needs == c })
		assert.True(t, known, "no operation of %s is in the suite's table", c)
	}
	for c, says := range map[bankmux.Capability]struct {
		missing bool
		what    string
	}{
		bankmux.CapBalances:     {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapTransactions: {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapSync:         {b.Data == nil, "Harness.Data is nil"},
		bankmux.CapWebhooks:     {b.Webhooks == nil, "Harness.Webhooks is nil"},
		bankmux.CapStatus:       {b.Lapse == nil, "Harness.Lapse is nil"},
		bankmux.CapRefresh:      {b.Refresh.Product == "", "Harness.Refresh names no product"},
	} {
		assert.False(t, has[c] && says.missing, "%s, and %s needs it", says.what, c)
	}
}

// lacking checks that an operation without its capability is unsupported.
func lacking(t *testing.T, b *bench, has capabilities) {
	b.conn, b.accountID = b.connect(t.Context()), "any"
	sent := b.reached()
	for _, op := range operations(b) {
		if op.call != nil && !has.all(op.needs) {
			assert.ErrorIs(t, op.call(t.Context(), b), bankmux.ErrUnsupported, op.name)
		}
	}
	if !has[bankmux.CapCards] {
		cards := []string{"a card"}
		for needs, call := range map[bankmux.Capability]func() error{
			bankmux.CapBalances: func() error {
				_, err := b.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: b.conn, Cards: cards})
				return err
			},
			bankmux.CapTransactions: func() error {
				req := bankmux.TransactionsRequest{Connection: b.conn, Cards: cards}
				return firstError(b.client.Transactions(t.Context(), req))
			},
			bankmux.CapSync: func() error {
				_, err := b.client.Sync(t.Context(), bankmux.SyncRequest{Connection: b.conn, Cards: cards})
				return err
			},
		} {
			if has[needs] {
				assert.ErrorIs(t, call(), bankmux.ErrUnsupported, "%s of a card, where the adapter has none", needs)
			}
		}
	}
	assert.Equal(t, sent, b.reached(), "an unsupported call sends nothing")
}
