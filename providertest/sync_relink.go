package providertest

// This file syncs the accounts of a connection after a reconnect and after a new link.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// syncAfterReconnect continues with the cursor from before the lapse.
func syncAfterReconnect(t *testing.T, b *bench) {
	conn, id, st, s := b.history(groceries()...)
	ids := b.accountIDs(conn)
	require.NoError(t, b.Lapse(conn))
	renewed := b.reconnect(t.Context(), conn)
	now := id
	if renewed.ReferenceKey != conn.ReferenceKey {
		if b.lacks("Data.SameAccount", b.Data.SameAccount == nil, "a sync over a new login") {
			return
		}
		s.name = b.named(ids, conn, renewed)
		var err error
		now, err = b.Data.SameAccount(conn, renewed, id)
		require.NoError(t, err)
	}
	time.Sleep(time.Hour)
	more := Row{Amount: "55.50", Text: "after the reconnect", Date: bankmux.DateOf(time.Now().UTC())}
	b.row(renewed, now, more)
	st[more.Text] = more
	b.refetch(renewed)
	s.cursor = s.cursorAfter(conn, renewed)
	b.settle(renewed, s)
	b.agrees(s, id, st, "a reconnect")
}

// cursorAfter returns the cursor to continue with. An adapter need not accept the cursor of another
// login.
func (s *rowStore) cursorAfter(before, after bankmux.Connection) string {
	if before.ReferenceKey == after.ReferenceKey {
		return s.cursor
	}
	return ""
}

// reconnect renews a connection.
func (b *bench) reconnect(ctx context.Context, conn bankmux.Connection) bankmux.Connection {
	b.t.Helper()
	req := b.Request
	req.Reconnect = &conn
	s, err := b.client.CreateSession(ctx, req)
	require.NoError(b.t, err)
	renewed, err := single.Connection(b.client.ExchangeToken(ctx, b.linked(s)))
	require.NoError(b.t, err)
	return renewed
}

func (b *bench) accountIDs(conn bankmux.Connection) (ids []string) {
	b.t.Helper()
	got, err := b.client.Accounts(b.t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(b.t, err)
	for _, a := range got.Accounts {
		ids = append(ids, a.ID)
	}
	return ids
}

// named returns a function that names the accounts of a later login by their ids in an earlier one.
func (b *bench) named(ids []string, before, after bankmux.Connection) func(string) string {
	b.t.Helper()
	names := map[string]string{}
	for _, id := range ids {
		same, err := b.Data.SameAccount(before, after, id)
		require.NoError(b.t, err)
		names[same] = id
	}
	return func(id string) string {
		if name, ok := names[id]; ok {
			return name
		}
		return id
	}
}

// syncOverNewLink syncs a new link to accounts whose rows are stored from an earlier one.
func syncOverNewLink(t *testing.T, b *bench) {
	if b.lacks("Data.SameAccount", b.Data.SameAccount == nil, "a new link to accounts that were linked before") {
		return
	}
	conn, id, st, s := b.history(groceries()...)
	own := func(id string) string { return "the application's " + id }
	renamed := newRowStore()
	renamed.name = own
	b.syncAll(conn, renamed)
	require.Len(t, renamed.rows, len(s.rows))
	s, id = renamed, own(id)
	ids, before := b.accountIDs(conn), len(s.rows)
	again := b.connect(t.Context())
	require.NotEqual(t, conn.ID, again.ID)
	b.refetch(again)
	names := b.named(ids, conn, again)
	s.name, s.cursor = func(id string) string { return own(names(id)) }, ""
	b.syncAll(again, s)
	assert.Len(
		t, s.rows, before,
		"a new link to the same accounts adds no row: keys are of SyncRequest.AccountName, and known rows are "+
			"recognized under new ids",
	)
	b.agrees(s, id, st, "a new link")
}
