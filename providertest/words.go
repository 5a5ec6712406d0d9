package providertest

// This file checks what an adapter makes of words and flags that it does not know.

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// wording lists the promises about what an adapter cannot know.
var wording = []promise{
	{"an unknown state is kept, and is not a known one", needs(bankmux.CapStatus), unknownState},
	{"an unknown kind of account is AccountUnknown", needs(bankmux.CapAccounts), unknownKind},
	{
		"a row whose pending flag is unreadable is neither booked nor pending",
		needs(bankmux.CapAccounts, bankmux.CapTransactions),
		unreadablePending,
	},
}

// unheard is the word that takes the place of others.
const unheard = "unheard_of"

func unknownState(t *testing.T, b *bench) {
	if b.lacks("Words.States", len(b.Words.States) == 0, "an unknown state of a connection") {
		return
	}
	conn := b.connect(t.Context())
	b.injectMatrixFault(matrixFault{name: "an unknown state", class: classReworded}, -1, nil)
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	b.heal()
	require.NoError(t, err)
	assert.NotContains(t, []bankmux.State{
		bankmux.StateActive, bankmux.StateUnverified, bankmux.StatePending, bankmux.StateReauth,
		bankmux.StateDegraded, bankmux.StateGone, "",
	}, got.Connection.Status.State, "a state that the provider invents later is kept as it is")
}

func unknownKind(t *testing.T, b *bench) {
	const what = "an unknown kind of account"
	if b.lacks("Words.Enums", len(b.Words.Enums) == 0, what) {
		return
	}
	conn := b.prepared(t.Context())
	b.injectMatrixFault(matrixFault{name: what, class: classReworded, stateless: true}, -1, nil)
	got, err := b.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	b.heal()
	require.NoError(t, err)
	unknown := slices.DeleteFunc(got.Accounts, func(a bankmux.Account) bool { // Plaid's kind has two words
		return strings.Trim(strings.ReplaceAll(a.ProviderKind, unheard, ""), ".") != "" || a.ProviderKind == ""
	})
	if b.lacks("Words.Enums with the member of the kind", len(unknown) == 0, what) {
		return
	}
	for _, a := range unknown {
		assert.Equal(t, bankmux.AccountUnknown, a.Kind, "a kind that the provider invents later is not guessed")
	}
}

func unreadablePending(t *testing.T, b *bench) {
	if b.lacks("Words.Pending", len(b.Words.Pending) == 0, "an unreadable pending flag") {
		return
	}
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	b.row(conn, id, Row{Amount: "2.50", Text: "bakery"})
	b.refetch(conn)
	for _, flag := range []any{"perhaps", map[string]any{"yes": true}} {
		b.injectMatrixFault(matrixFault{name: "an unreadable flag", flag: flag}, -1, nil)
		rows, _ := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}})
		b.heal()
		for _, row := range rows {
			assert.Empty(t, row.Status, "a pending flag of %v says nothing about the row", flag)
		}
	}
}
