package bankmux_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// Package ledgertest checks what every ledger promises.
func TestMemoryLedger(t *testing.T) {
	t.Parallel()
	client := bankmux.NewClient("heron", &fake{provider: "heron"})
	_, one := linked(t, client, "u-1")
	_, two := linked(t, client, "u-1")
	shared, own := bankmux.Account{ID: "s", IBAN: "DE89"}, bankmux.Account{ID: "o", Number: "1"}
	again := bankmux.Account{ID: "s-2", IBAN: "DE89", Name: "renamed"}
	l := bankmux.NewMemoryLedger()
	names, err := l.NameAccounts(t.Context(), one, []bankmux.Account{shared, own})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"s": "account 1", "o": "account 2"}, names)
	_, err = l.NameAccounts(t.Context(), two, []bankmux.Account{again})
	require.NoError(t, err)
	row := func(account, key string, day int) bankmux.Added {
		return bankmux.Added{
			Row:   &bankmux.Transaction{ID: key},
			Known: bankmux.Known{Key: key, Account: account, Date: bankmux.NewDate(2026, 1, day)},
		}
	}
	page := bankmux.Delta{
		Added: []bankmux.Added{row("account 1", "b", 2), row("account 1", "a", 1), row("account 2", "c", 1)},
	}
	stored, err := l.StoreDelta(t.Context(), one, bankmux.SyncState{}, page, bankmux.SyncState{Version: 1})
	require.NoError(t, err)
	require.True(t, stored)

	rows := l.Rows("account 1")
	require.Len(t, rows, 2)
	assert.Equal(t, "a", rows[0].Known.Key, "the oldest row is the first")
	assert.Equal(t, "a", rows[0].Row.ID)
	assert.Equal(t, map[string]bankmux.Account{"account 1": again}, l.Accounts(two), "as last listed")
	l.Delete(one)
	assert.Len(t, l.Rows("account 1"), 2, "another connection has the account too")
	assert.Empty(t, l.Rows("account 2"))
	assert.Empty(t, l.Accounts(one))
	l.Delete(two)
	assert.Empty(t, l.Rows("account 1"))

	_, three := linked(t, client, "u-1")
	names, err = l.NameAccounts(t.Context(), three, []bankmux.Account{shared})
	require.NoError(t, err)
	assert.Equal(t, []string{"account 3"}, slices.Collect(maps.Values(names)), "a name is given once")
}
