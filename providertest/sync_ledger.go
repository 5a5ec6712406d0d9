package providertest

// This file keeps a ledger in step by SyncAll.

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// ledgerSyncs lists the promises about SyncAll.
var ledgerSyncs = []promise{
	{
		"SyncAll stores each row once, in two processes at once too",
		needs(bankmux.CapSync, bankmux.CapAccounts), syncsLedger,
	},
	{
		"SyncAll through every fault loses no row, and remembers what failed",
		needs(bankmux.CapSync, bankmux.CapAccounts), syncsLedgerThroughFaults,
	},
	{
		"SyncAll passes a question of the bank on, and continues with the answers",
		needs(bankmux.CapSync, bankmux.CapAccounts), syncsLedgerThatAsks,
	},
}

// household links a user whose account has rows, and returns the number of rows.
func (b *bench) household() (conn bankmux.Connection, account string, rows int) {
	b.t.Helper()
	conn = b.connect(b.t.Context())
	account = b.account(conn, bankmux.AccountChecking, "USD")
	const days = 20
	for back := range days {
		b.row(conn, account, Row{
			Amount: fmt.Sprint("3.", 10+back), Date: bankmux.DateOf(time.Now().UTC()).AddDays(-back),
			Text: fmt.Sprint("row ", back),
		})
	}
	b.refetch(conn)
	return conn, account, days
}

// stored counts the rows of an account in a ledger, by the provider's id.
func (b *bench) stored(l *bankmux.MemoryLedger, conn bankmux.Connection, account string) int {
	b.t.Helper()
	names, err := l.NameAccounts(b.t.Context(), conn, nil)
	require.NoError(b.t, err)
	return len(l.Rows(names[account]))
}

func syncsLedger(t *testing.T, b *bench) {
	conn, account, rows := b.household()
	l := bankmux.NewMemoryLedger()
	req := bankmux.SyncAllRequest{Connection: conn, Ledger: l, PageSize: 5}
	b.together(2, func(int) {
		_, err := b.client.SyncAll(t.Context(), req)
		assert.NoError(t, err)
	})
	assert.Equal(t, rows, b.stored(l, conn, account))
	time.Sleep(time.Minute)
	b.row(conn, account, Row{Amount: "5.55", Text: "one more"})
	b.refetch(conn)
	res, err := b.client.SyncAll(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, 1, res.Added)
	assert.Equal(t, rows+1, b.stored(l, conn, account))
}

func syncsLedgerThroughFaults(t *testing.T, b *bench) {
	conn, account, rows := b.household()
	l := bankmux.NewMemoryLedger()
	req := bankmux.SyncAllRequest{Connection: conn, Ledger: l, Force: true}
	for _, f := range wirefault.All() {
		if harmless(f) {
			continue
		}
		b.inject(f, -1, b.notRefresh)
		res, err := b.client.SyncAll(t.Context(), req)
		b.heal()
		require.Error(t, err, f.Name)
		state, failed := l.SyncState(t.Context(), conn)
		require.NoError(t, failed)
		b.show(state)
		assert.Equal(t, res.State, state, f.Name)
		assert.True(t, state.Err != nil || len(state.Failed) > 0, "%s is remembered", f.Name)
		time.Sleep(10 * time.Minute) // the circuit breaker closes
	}
	res, err := b.client.SyncAll(t.Context(), req)
	require.NoError(t, err)
	assert.Nil(t, res.State.Err)
	assert.Empty(t, res.State.Failed)
	assert.Equal(t, rows, b.stored(l, conn, account))
}

func syncsLedgerThatAsks(t *testing.T, b *bench) {
	if b.Data.Ask == nil {
		conn, account, rows := b.household()
		l := bankmux.NewMemoryLedger()
		res, err := b.client.SyncAll(t.Context(), bankmux.SyncAllRequest{Connection: conn, Ledger: l})
		require.NoError(t, err, "Data.Ask is nil, so the provider never asks")
		assert.Zero(t, res.State.AskedAt)
		assert.Equal(t, rows, b.stored(l, conn, account))
		return
	}
	conn, account, rows := b.household()
	right, err := b.Data.Ask(conn, bankmux.InputOTP)
	require.NoError(t, err)
	l := bankmux.NewMemoryLedger()
	req := bankmux.SyncAllRequest{Connection: conn, Ledger: l}
	_, err = b.client.SyncAll(t.Context(), req)
	ch := b.challenge(err)
	assert.Equal(t, bankmux.OpSyncAll, ch.Op)
	before := b.reached()
	_, err = b.client.SyncAll(bankmux.WithoutUser(t.Context()), req)
	assert.Equal(t, ch.ID, b.challenge(err).ID)
	assert.Equal(t, before, b.reached(), "nothing is sent while a challenge is open")

	state, err := l.SyncState(t.Context(), conn)
	require.NoError(t, err)
	require.NotNil(t, state.Challenge)
	req.Answers = b.reloaded(*state.Challenge).Answer(right...)
	res, err := b.client.SyncAll(t.Context(), req)
	require.NoError(t, err)
	assert.Nil(t, res.State.Challenge)
	assert.Equal(t, rows, b.stored(l, conn, account))
	_, err = b.client.SyncAll(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "a challenge is answered once")
}
