package providertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// transactions lists the promises about the rows of an account.
var transactions = []promise{
	{"money in is positive and money out negative, for every kind of account", needs(bankmux.CapTransactions), signs},
	{"amounts of transactions are exact to the digit", needs(bankmux.CapTransactions), amountsAreExact},
	{"an unreadable row fails alone", needs(bankmux.CapTransactions), badRows},
	{"equal rows are separate rows", needs(bankmux.CapTransactions), equalRows},
	{"rows are of the requested days, and an invalid range is refused", needs(bankmux.CapTransactions), dayRanges},
	{"pages end, repeat no row, and are not read in advance", needs(bankmux.CapTransactions), pagesEnd},
	{"rows that move between pages are listed once", needs(bankmux.CapTransactions), pagesWhileMoving},
	{"a booked row names the pending row that it replaces", needs(bankmux.CapTransactions), pendingIsNamed},
	{"a pending row differs from a booked one", needs(bankmux.CapTransactions), pendingIsRead},
}

func signs(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	kinds := []bankmux.AccountKind{bankmux.AccountChecking, bankmux.AccountCreditCard, bankmux.AccountLoan}
	for _, kind := range kinds {
		id := b.account(conn, kind, "USD")
		b.row(conn, id, Row{Amount: "42.90", Text: "purchase"})
		b.row(conn, id, Row{Amount: "7.10", In: true, Text: "refund"})
		b.refetch(conn)
		req := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}}
		if kind == bankmux.AccountCreditCard && b.client.Has(bankmux.CapCards) {
			req.Accounts, req.Cards = nil, []string{id}
		}
		rows, failed := b.read(req)
		require.Empty(t, failed)
		require.Len(t, rows, 2, kind)
		for _, r := range rows {
			assert.Equal(t, id, r.Account)
			if r.Amount.Sign() < 0 {
				assert.Equal(t, "42.9", r.Amount.Decimal().Abs().Trim(0).String(), kind)
			} else {
				assert.Equal(t, "7.1", r.Amount.Decimal().Trim(0).String(), kind)
			}
		}
		assert.NotEqual(t, rows[0].Amount.Sign(), rows[1].Amount.Sign(),
			"money into an account is positive and money out of it negative: %s of a %s", rows[0].Amount, kind)
	}
}

func amountsAreExact(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	for i, c := range exact {
		b.row(conn, id, Row{Amount: c.amount, Currency: c.currency, In: true, Text: fmt.Sprint("row ", i)})
	}
	b.refetch(conn)
	rows, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}})
	require.Empty(t, failed)
	require.Len(t, rows, len(exact), "rows in every currency, of ISO 4217 or not")
	for _, r := range rows {
		var i int
		_, err := fmt.Sscanf(r.Description, "row %d", &i)
		require.NoError(t, err)
		want, err := bankmux.NewMoney(exact[i].want, bankmux.Currency(exact[i].currency))
		require.NoError(t, err)
		assert.True(t, want.Equal(r.Amount), "%s %s became %s", exact[i].amount, exact[i].currency, r.Amount)
		out, err := json.Marshal(r)
		require.NoError(t, err)
		var back bankmux.Transaction
		require.NoError(t, json.Unmarshal(out, &back))
		assert.Equal(t, r, back, "a row is equal after storage as JSON")
	}
}

func badRows(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	b.row(conn, id, Row{Amount: "1.00", In: true, Text: "good"})
	b.row(conn, id, Row{Amount: "12345678901234567890.12", In: true, Text: "too many digits"})
	b.row(conn, id, Row{Amount: "2.00", In: true, NoMoney: true, Text: "no currency"})
	b.row(conn, id, Row{Amount: "", In: true, Text: "no amount"})
	b.row(conn, id, Row{Amount: "3.00", In: true, Text: "good too"})
	b.refetch(conn)
	rows, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}})
	assert.Len(t, rows, 2, "the rows that can be read")
	require.Len(t, failed, 3, "the rows that cannot be read")
	for _, err := range failed {
		f, ok := errors.AsType[bankmux.Failure](err)
		require.True(t, ok)
		assert.Equal(t, id, f.Account)
		assert.NotEmpty(t, f.Transaction)
		assert.ErrorIs(t, err, bankmux.ErrMalformed)
		assert.NotEqual(t, bankmux.ScopeProvider, f.Err.Affects(), "one bad row is not an outage")
	}
}

func equalRows(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	for range 3 {
		b.row(conn, id, Row{Amount: "3.20", Text: "coffee"})
	}
	b.refetch(conn)
	rows, failed := b.read(bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}})
	require.Empty(t, failed)
	assert.Len(t, rows, 3, "equal rows are separate transactions")
}

func dayRanges(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	today := bankmux.DateOf(time.Now().UTC())
	for back := range 40 {
		b.row(conn, id, Row{Amount: "1", In: true, Date: today.AddDays(-back), Text: "day"})
	}
	b.refetch(conn)
	req := bankmux.TransactionsRequest{
		Connection: conn,
		Accounts:   []string{id},
		From:       today.AddDays(-35),
		To:         today.AddDays(-3),
	}
	rows, failed := b.read(req)
	require.Empty(t, failed)
	assert.Len(t, rows, 33, "From and To are both included")
	for _, r := range rows {
		assert.False(t, r.Date.Before(req.From) || r.Date.After(req.To), r.Date.String())
	}
	covered := map[bankmux.Date]bool{}
	for page, err := range b.client.TransactionPages(t.Context(), req) {
		require.NoError(t, err)
		for _, c := range page.Covered {
			for d := c.From; !d.After(c.To); d = d.AddDays(1) {
				covered[d] = true
			}
		}
	}
	assert.Len(t, covered, 33, "the days covered are those asked for")
	later := req
	later.To = today.AddDays(400)
	rows, failed = b.read(later)
	assert.Empty(t, failed, "a last day in the future means today")
	assert.Len(t, rows, 36)
	future := req
	future.From, future.To = today.AddDays(3), bankmux.Date{}
	sent := b.reached()
	for name, change := range map[string]func(*bankmux.TransactionsRequest){
		"reversed":               func(r *bankmux.TransactionsRequest) { r.From, r.To = r.To, r.From },
		"in the future":          func(r *bankmux.TransactionsRequest) { *r = future },
		"no such day":            func(r *bankmux.TransactionsRequest) { r.From = bankmux.NewDate(2026, 2, 30) },
		"a page of another form": func(r *bankmux.TransactionsRequest) { r.Page = "made up" },
		"a negative size":        func(r *bankmux.TransactionsRequest) { r.PageSize = -1 },
	} {
		bad := req
		change(&bad)
		_, failed := b.read(bad)
		require.Len(t, failed, 1, name)
		require.ErrorIs(t, failed[0], bankmux.ErrInvalid, name)
	}
	assert.Equal(t, sent, b.reached(), "refused, and nothing was sent")
}

func pagesEnd(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	today := bankmux.DateOf(time.Now().UTC())
	for back := range 70 {
		b.row(conn, id, Row{Amount: "1", In: true, Date: today.AddDays(-back), Text: fmt.Sprint("row ", back)})
	}
	b.refetch(conn)
	req := bankmux.TransactionsRequest{Connection: conn, Accounts: []string{id}, From: today.AddDays(-80), PageSize: 20}
	before := b.reached()
	seen := map[string]bool{}
	rows, failed := b.read(req)
	require.Empty(t, failed)
	for _, r := range rows {
		assert.False(t, seen[r.Description], "a row twice")
		seen[r.Description] = true
	}
	assert.Len(t, seen, 70)
	whole := b.reached() - before
	require.Greater(t, whole, 2, "the list is long enough for pages")

	before = b.reached()
	next := ""
	for page, err := range b.client.TransactionPages(t.Context(), req) {
		require.NoError(t, err)
		next = page.Next
		break
	}
	assert.Less(t, b.reached()-before, whole-1, "after one page, nothing was read in advance")
	require.NotEmpty(t, next)
	req.Page = next
	rest, failed := b.read(req)
	require.Empty(t, failed)
	assert.Len(t, rest, len(rows)-b.pageOf(rows, rest), "the reading continues where it stopped")
}

// pagesWhileMoving adds rows at the bank between two pages. If the provider counts pages, this
// moves the other rows. A row that existed before the first page must be listed once.
func pagesWhileMoving(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	st := statement{}
	today := bankmux.DateOf(time.Now().UTC())
	for i := range 60 {
		b.add(
			conn,
			id,
			st,
			Row{Amount: fmt.Sprintf("3.%02d", 10+i), Date: today.AddDays(-i), Text: fmt.Sprint("row ", i)},
		)
	}
	b.refetch(conn)
	req := bankmux.TransactionsRequest{
		Connection: conn, Accounts: []string{id}, From: today.AddDays(-80), PageSize: 20,
	}
	listed, n := map[string]int{}, 0
	for page, err := range b.client.TransactionPages(t.Context(), req) {
		require.NoError(t, err)
		for _, row := range page.Transactions {
			listed[row.Description]++
		}
		time.Sleep(time.Minute)
		b.row(conn, id, Row{Amount: "7.00", Text: fmt.Sprint("while paging ", n)})
		b.refetch(conn)
		n++
	}
	for text := range st {
		assert.Equal(t, 1, listed[text], "a row that exists while pages are read is listed once: %s", text)
	}
}

// pageOf returns the number of rows before the rest.
func (b *bench) pageOf(rows, rest []bankmux.Transaction) int {
	b.t.Helper()
	require.NotEmpty(b.t, rest)
	for i := range rows {
		if rows[i].Description == rest[0].Description {
			return i
		}
	}
	require.Fail(b.t, "the rest starts with a row that the whole list has")
	return 0
}

// statuses has the status of rows, by description.
type statuses map[string]bankmux.TransactionStatus

func pendingIsRead(t *testing.T, b *bench) {
	if b.lacks("Data.PostTransaction", b.Data.PostTransaction == nil, "a pending row, and its booking") {
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
		"after it is booked",
	)
}

// pendingIsNamed books a pending row and checks that the booked row has its id.
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
