package providertest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// This file changes rows at the bank between two rounds of a sync, or between two of its pages. The
// expected result does not depend on how the provider reports a change. After a few rounds the
// application must have exactly the bank's rows.

func syncSeesChanges(t *testing.T, b *bench) {
	if b.lacks("Data.ChangeTransaction", b.Data.ChangeTransaction == nil, "a row that the bank corrects") {
		return
	}
	conn, id, st, s := b.history(groceries()...)
	corrected := st["butcher"]
	corrected.Amount = "25.75"
	require.NoError(t, b.Data.ChangeTransaction(conn, id, corrected))
	st[corrected.Text] = corrected
	b.settle(conn, s)
	b.agrees(s, id, st, "the bank corrected a row")
}

func syncSeesRemovals(t *testing.T, b *bench) {
	if b.lacks("Data.RemoveTransaction", b.Data.RemoveTransaction == nil, "a row that the bank removes") {
		return
	}
	conn, id, st, s := b.history(groceries()...)
	require.NoError(t, b.Data.RemoveTransaction(conn, id, "butcher"))
	delete(st, "butcher")
	b.settle(conn, s)
	b.agrees(s, id, st, "the bank removed a row")
}

func syncSeesPosting(t *testing.T, b *bench) {
	if b.lacks("Data.PostTransaction", b.Data.PostTransaction == nil, "a pending row, and its booking") {
		return
	}
	held := Row{Amount: "20.00", Text: "restaurant", Pending: true, Date: bankmux.DateOf(time.Now().UTC())}
	conn, id, st, s := b.history(append(groceries(), held)...)
	held.Pending = false
	require.NoError(t, b.Data.PostTransaction(conn, id, held))
	st[held.Text] = held
	b.settle(conn, s)
	b.agrees(s, id, st, "the bank booked a pending row")
}

func syncFilters(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	wanted, other := b.account(conn, bankmux.AccountChecking, "USD"), b.account(conn, bankmux.AccountSavings, "USD")
	st := statement{}
	for _, r := range groceries() {
		b.add(conn, wanted, st, r)
		b.row(conn, other, r)
	}
	b.refetch(conn)
	s := newRowStore()
	s.accounts = []string{wanted}
	b.syncAll(conn, s)
	time.Sleep(time.Minute)
	b.row(conn, other, Row{Amount: "55.50", Text: "not asked for"})
	b.add(conn, wanted, st, Row{Amount: "66.60", Text: "asked for"})
	b.refetch(conn)
	b.syncAll(conn, s)
	for _, k := range s.rows {
		require.Equal(
			t, wanted, k.Account, "a sync of one account has only rows of that account: SyncRequest.Accounts names it",
		)
	}
	b.agrees(s, wanted, st, "a sync of one account")
}

// threePages returns an account with sixty rows, its statement, and a store that reads twenty rows
// a page.
func (b *bench) threePages(t *testing.T) (bankmux.Connection, string, statement, *rowStore) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	st, s := statement{}, newRowStore()
	today := bankmux.DateOf(time.Now().UTC())
	for i := range 60 {
		b.add(
			conn,
			id,
			st,
			Row{Amount: fmt.Sprintf("3.%02d", 10+i), Date: today.AddDays(-i / 4), Text: fmt.Sprint("row ", i)},
		)
	}
	b.refetch(conn)
	s.size = 20
	return conn, id, st, s
}

// syncWhileMoving changes the bank between every two pages. Rows may be missing or stale during the
// round, but not after it.
func syncWhileMoving(t *testing.T, b *bench) {
	conn, id, st, s := b.threePages(t)
	for page := range 100 {
		d, err := b.client.Sync(t.Context(), s.request(conn))
		require.NoError(t, err)
		require.Empty(t, d.Failed)
		s.save(t, d)
		if !d.More {
			break
		}
		time.Sleep(time.Second)
		b.move(conn, id, st, page)
	}
	b.settle(conn, s)
	b.agrees(s, id, st, "rows moved between its pages")
}

// syncWhileReading changes the bank while a call reads. An engine that reads a round in one call
// must restart it if the provider says so.
func syncWhileReading(t *testing.T, b *bench) {
	conn, id, st, s := b.threePages(t)
	backend, moved := b.Backend, 0
	b.Backend = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(w, r)
		if moved < 2 {
			time.Sleep(time.Second) // the response is buffered until the handler returns
			b.move(conn, id, st, moved)
			moved++
		}
	})
	d, err := b.client.Sync(t.Context(), s.request(conn))
	require.NoError(t, err, "a sync whose rows change while it reads continues or restarts")
	require.Empty(t, d.Failed)
	s.save(t, d)
	require.Positive(t, moved)
	b.Backend = backend
	b.settle(conn, s)
	b.agrees(s, id, st, "rows moved while a sync read them")
}

// syncNamesUnreadable syncs an account with a row that has no amount.
func syncNamesUnreadable(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	b.row(conn, id, Row{Amount: "1.00", In: true, Text: "good"})
	b.row(conn, id, Row{Amount: "", In: true, Text: "no amount"})
	b.row(conn, id, Row{Amount: "3.00", In: true, Text: "good too"})
	b.refetch(conn)
	s := newRowStore()
	s.accounts = []string{id}
	read, failed := 0, []bankmux.Failure(nil)
	for range 100 {
		d, err := b.client.Sync(t.Context(), s.request(conn))
		require.NoError(t, err, "one bad row does not fail the sync")
		s.save(t, d)
		read, failed = read+len(d.Added), append(failed, d.Failed...)
		if !d.More {
			break
		}
	}
	assert.Equal(t, 2, read, "the rows that can be read")
	require.Len(t, failed, 1, "Delta.Failed names the row that cannot be read")
	assert.Equal(t, id, failed[0].Account)
	assert.NotEmpty(t, failed[0].Transaction, "Delta.Failed names the row that cannot be read")
	assert.ErrorIs(t, failed[0], bankmux.ErrMalformed)
}

// move adds a row at the bank. It also changes and removes one, if the harness can.
func (b *bench) move(conn bankmux.Connection, id string, st statement, n int) {
	b.t.Helper()
	b.add(conn, id, st, Row{Amount: fmt.Sprintf("7.%02d", 10+n), Text: fmt.Sprint("while paging ", n)})
	if text := fmt.Sprint("row ", 2*n+1); b.Data.RemoveTransaction != nil && st[text].Text != "" {
		require.NoError(b.t, b.Data.RemoveTransaction(conn, id, text))
		delete(st, text)
	}
	if r, ok := st[fmt.Sprint("row ", 59-2*n)]; ok && b.Data.ChangeTransaction != nil {
		r.Amount = fmt.Sprintf("8.%02d", 10+n)
		require.NoError(b.t, b.Data.ChangeTransaction(conn, id, r))
		st[r.Text] = r
	}
	b.refetch(conn)
}
