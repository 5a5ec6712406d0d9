package providertest

// This file checks the linking of several banks in one run.

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// severalBanks links several banks in one run.
func severalBanks(t *testing.T, b *bench) {
	if b.lacks("Harness.LinkSeveral", b.LinkSeveral == nil, "several banks that are linked in one run") {
		return
	}
	const banks = 3
	s := b.session(t.Context())
	payload, err := b.LinkSeveral(s, banks)
	require.NoError(t, err)
	b.concealPayload(payload)
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	got, err := b.client.ExchangeToken(t.Context(), post)
	require.NoError(t, err)
	all := got.All()
	require.Len(
		t,
		all,
		banks,
		"each linked bank is a connection: the first in Connection, the others in ExchangeResult.More",
	)
	ids, references := map[string]bool{}, map[string]bool{}
	for _, conn := range all {
		ids[conn.ID], references[conn.Reference()] = true, true
		assert.Equal(t, s.User, conn.User)
		row, err := conn.Seal(b.keyring())
		require.NoError(t, err)
		back, err := bankmux.Open(b.keyring(), conn.Ref(), row)
		require.NoError(t, err)
		assert.Equal(t, conn, back)
		if b.client.Has(bankmux.CapStatus) {
			now, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, conn.ID, now.Connection.ID)
			assert.Equal(t, bankmux.StateActive, now.Connection.Status.State)
		}
	}
	assert.Len(t, ids, banks, "each connection of one run has its own id: see NewFurtherConnection")
	assert.Len(t, references, banks)
	again, err := b.client.ExchangeToken(t.Context(), post)
	if err != nil {
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	}
	for _, conn := range again.All() {
		assert.True(t, err != nil || ids[conn.ID], "the same payload makes the same connections")
	}
	b.furtherBroken(banks)
}

// furtherBroken fails the exchange of the second bank, for adapters that send one exchange per
// bank. The token of the first is spent by then.
func (b *bench) furtherBroken(banks int) {
	t := b.t
	s := b.session(t.Context())
	payload, err := b.LinkSeveral(s, banks)
	require.NoError(t, err)
	b.concealPayload(payload)
	unavailable := slices.IndexFunc(wirefault.All(), func(f wirefault.Fault) bool { return f.Name == "unavailable" })
	exchanges := 0
	b.inject(wirefault.All()[unavailable], 1, func(r *http.Request) bool {
		if b.IsExchange(r) {
			exchanges++
		}
		return exchanges == 2
	})
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	first, err := b.client.ExchangeToken(t.Context(), post)
	b.show(err)
	b.heal()
	if exchanges < 2 {
		return
	}
	var rest bankmux.ExchangeResult
	if err != nil || len(first.All()) < banks {
		if err == nil {
			assert.Len(
				t,
				first.Failed,
				banks-len(first.All()),
				"each bank that could not be exchanged is in ExchangeResult.Failed",
			)
		}
		rest, err = b.client.ExchangeToken(t.Context(), post)
		require.NoError(t, err, "the exchange of a further bank failed, and the same payload does not give the rest")
	}
	ids, references := map[string]bool{}, map[string]bool{}
	for _, conn := range slices.Concat(first.All(), rest.All()) {
		if conn.ID != "" {
			ids[conn.ID], references[conn.Reference()] = true, true
		}
	}
	assert.Len(t, references, banks, "a bank is lost when the exchange of another fails")
	assert.Len(t, ids, banks, "each connection of one run has its own id, also where two calls were needed")
}
