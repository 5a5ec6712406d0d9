package providertest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// The cases of this file change rows at the bank between two rounds of a sync, or between two of
// its pages. What is right does not depend on how the provider reports a change: after a few
// rounds the application has stored exactly what the bank has.

// settleRounds is how many rounds may pass until the store agrees with the bank. Without a record
// of changes a row counts as removed after two complete readings.
const settleRounds = 4

// settle lets rounds pass.
func (b *bench) settle(conn bankmux.Connection, s *shelf) {
	b.t.Helper()
	for range settleRounds {
		time.Sleep(time.Hour)
		b.refetch(conn)
		b.round(conn, s)
	}
}

// statement is what the bank has of one account: rows by their text.
type statement map[string]Row

// add adds a row at the bank.
func (b *bench) add(conn bankmux.Connection, account string, st statement, r Row) {
	b.t.Helper()
	if r.Date.IsZero() {
		r.Date = bankmux.DateOf(time.Now().UTC())
	}
	b.row(conn, account, r)
	st[r.Text] = r
}

// lines are the rows as the model says them: amount, day and whether it is pending.
func (st statement) lines() []string {
	var all []string
	for _, r := range st {
		sign := "-"
		if r.In {
			sign = ""
		}
		all = append(all, line(sign+r.Amount, r.Date, r.Pending))
	}
	slices.Sort(all)
	return all
}

func line(amount string, on bankmux.Date, pending bool) string {
	state := ""
	if pending {
		state = " pending"
	}
	return fmt.Sprintf("%s on %s%s", amount, on, state)
}

// agrees checks that the application has stored what the bank has.
func (b *bench) agrees(s *shelf, account string, st statement, after string) {
	b.t.Helper()
	var stored []string
	for _, k := range s.rows {
		if k.Account == account {
			amount := k.Amount.Decimal()
			stored = append(stored, line(amount.Pad(2).String(), k.Date, k.Status == bankmux.StatusPending))
		}
	}
	slices.Sort(stored)
	assert.Equal(b.t, st.lines(), stored, "what the application stored after %s is what the bank has", after)
}

// history is a connection with an account whose rows were synced once.
func (b *bench) history(rows ...Row) (conn bankmux.Connection, account string, st statement, s *shelf) {
	b.t.Helper()
	conn = b.connect(b.t.Context())
	account = b.account(conn, bankmux.AccountChecking, "USD")
	st, s = statement{}, newShelf()
	for _, r := range rows {
		b.add(conn, account, st, r)
	}
	b.refetch(conn)
	b.round(conn, s)
	b.agrees(s, account, st, "the first round")
	time.Sleep(time.Minute)
	return conn, account, st, s
}

// groceries are rows of the last days.
func groceries() []Row {
	today := bankmux.DateOf(time.Now().UTC())
	return []Row{
		{Amount: "11.10", Text: "bakery", Date: today.AddDays(-4)},
		{Amount: "22.20", Text: "butcher", Date: today.AddDays(-3)},
		{Amount: "33.30", Text: "market", Date: today.AddDays(-2)},
		{Amount: "44.40", In: true, Text: "refund", Date: today.AddDays(-2)},
	}
}

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
	if b.lacks("Data.PostTransaction", b.Data.PostTransaction == nil, "a pending row, and its posting") {
		return
	}
	held := Row{Amount: "20.00", Text: "restaurant", Pending: true, Date: bankmux.DateOf(time.Now().UTC())}
	conn, id, st, s := b.history(append(groceries(), held)...)
	held.Pending = false
	require.NoError(t, b.Data.PostTransaction(conn, id, held))
	st[held.Text] = held
	b.settle(conn, s)
	b.agrees(s, id, st, "the bank posted a pending row")
}

// statuses are those of rows by their description.
type statuses map[string]bankmux.TransactionStatus

func pendingIsRead(t *testing.T, b *bench) {
	if b.lacks("Data.PostTransaction", b.Data.PostTransaction == nil, "a pending row, and its posting") {
		return
	}
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	held := Row{Amount: "20.00", Text: "restaurant", Pending: true, Date: bankmux.DateOf(time.Now().UTC())}
	b.row(conn, id, held)
	b.row(conn, id, Row{Amount: "11.10", Text: "bakery"})
	b.refetch(conn)
	read := func() statuses {
		rows, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}})
		require.Empty(t, failed)
		got := statuses{}
		for _, r := range rows {
			got[r.Description] = r.Status
		}
		return got
	}
	assert.Equal(
		t, statuses{"restaurant": bankmux.StatusPending, "bakery": bankmux.StatusBooked}, read(),
		"while the row is pending",
	)
	time.Sleep(time.Minute)
	held.Pending = false
	require.NoError(t, b.Data.PostTransaction(conn, id, held))
	time.Sleep(time.Hour)
	b.refetch(conn)
	assert.Equal(
		t, statuses{"restaurant": bankmux.StatusBooked, "bakery": bankmux.StatusBooked}, read(),
		"once it is posted",
	)
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
	s := newShelf()
	s.accounts = []string{wanted}
	b.round(conn, s)
	time.Sleep(time.Minute)
	b.row(conn, other, Row{Amount: "55.50", Text: "not asked for"})
	b.add(conn, wanted, st, Row{Amount: "66.60", Text: "asked for"})
	b.refetch(conn)
	b.round(conn, s)
	for _, k := range s.rows {
		require.Equal(
			t, wanted, k.Account, "a sync of one account has rows of that account alone: SyncRequest.Accounts names it",
		)
	}
	b.agrees(s, wanted, st, "a sync of one account")
}

// syncWhileMoving changes the bank between every two pages. A row may be missing or stale until the
// round is over; after it, nothing may be.
func syncWhileMoving(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	st, s := statement{}, newShelf()
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
	for page := range 100 {
		d, err := b.client.Sync(t.Context(), s.request(conn))
		require.NoError(t, err)
		require.Empty(t, d.Failed)
		s.store(t, d)
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
// must begin it again where the provider says so.
func syncWhileReading(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	st, s := statement{}, newShelf()
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
	backend, moved := b.Backend, 0
	b.Backend = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		backend.ServeHTTP(w, r)
		if moved < 2 {
			time.Sleep(time.Second) // what was written is buffered until the handler returns
			b.move(conn, id, st, moved)
			moved++
		}
	})
	d, err := b.client.Sync(t.Context(), s.request(conn))
	require.NoError(t, err, "a sync whose rows change while it reads goes on or begins again")
	require.Empty(t, d.Failed)
	s.store(t, d)
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
	s := newShelf()
	s.accounts = []string{id}
	read, failed := 0, []bankmux.Failure(nil)
	for range 100 {
		d, err := b.client.Sync(t.Context(), s.request(conn))
		require.NoError(t, err, "one bad row does not cost the sync")
		s.store(t, d)
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

// pendingIsNamed posts a pending row and looks for its id.
func pendingIsNamed(t *testing.T, b *bench) {
	unnamed := !b.Data.NamesPending || b.Data.PostTransaction == nil
	if b.lacks("Data.NamesPending", unnamed, "which pending row a posted one replaces") {
		return
	}
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	held := Row{Amount: "20.00", Text: "restaurant", Pending: true, Date: bankmux.DateOf(time.Now().UTC())}
	b.row(conn, id, held)
	b.refetch(conn)
	req := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}}
	before, failed := b.read(req)
	require.Empty(t, failed)
	require.Len(t, before, 1)
	held.Pending = false
	require.NoError(t, b.Data.PostTransaction(conn, id, held))
	b.refetch(conn)
	after, failed := b.read(req)
	require.Empty(t, failed)
	require.Len(t, after, 1)
	assert.Equal(t, before[0].ID, after[0].Replaces, "Transaction.Replaces is the id of the pending row")
}

// move adds a row at the bank, and changes and removes one where the harness can.
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

// syncAfterReconnect goes on with the cursor from before the consent lapsed.
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

// cursorAfter is the cursor to go on with. That of another login is not asked of an adapter.
func (s *shelf) cursorAfter(before, after bankmux.Connection) string {
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

// named calls the accounts of a later login by their ids in an earlier one.
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

// syncOverNewLink syncs a new link to accounts whose rows are known from an earlier one.
func syncOverNewLink(t *testing.T, b *bench) {
	if b.lacks("Data.SameAccount", b.Data.SameAccount == nil, "a new link to accounts that were linked before") {
		return
	}
	conn, id, st, s := b.history(groceries()...)
	own := func(id string) string { return "the application's " + id }
	renamed := newShelf()
	renamed.name = own
	b.round(conn, renamed)
	require.Len(t, renamed.rows, len(s.rows))
	s, id = renamed, own(id)
	ids, before := b.accountIDs(conn), len(s.rows)
	again := b.connect(t.Context())
	require.NotEqual(t, conn.ID, again.ID)
	b.refetch(again)
	names := b.named(ids, conn, again)
	s.name, s.cursor = func(id string) string { return own(names(id)) }, ""
	b.round(again, s)
	assert.Len(
		t, s.rows, before,
		"a new link to the same accounts adds no row: keys are of SyncRequest.AccountName, and known rows are "+
			"recognized under new ids",
	)
	b.agrees(s, id, st, "a new link")
}
