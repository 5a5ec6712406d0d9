package providertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// syncing lists the promises about a sync.
var syncing = []promise{
	{
		"a sync returns each row once, and later the new rows",
		needs(bankmux.CapSync, bankmux.CapAccounts),
		syncsFromTheStart,
	},
	{
		"a page that was not stored is returned again, and a sync without cursor duplicates no row",
		needs(bankmux.CapSync), syncsAgain,
	},
	{"a sync counts equal rows, whenever they are added", needs(bankmux.CapSync), syncsEqualRows},
	{"a sync refuses foreign and altered cursors, and sends nothing", needs(bankmux.CapSync), syncRefuses},
	{
		"a sync returns an error of Known, and ignores rows that were not requested",
		needs(bankmux.CapSync), syncKnownFailsAndLies,
	},
	{"a sync without Known returns rows", needs(bankmux.CapSync), syncBlind},
	{"a sync through every fault loses no row", needs(bankmux.CapSync), syncThroughFaults},
	{"a sync is safe for concurrent use", needs(bankmux.CapSync), syncByMany},
	{"a sync has only the requested accounts", needs(bankmux.CapSync), syncFilters},
	{"a sync reports a row that the bank corrects", needs(bankmux.CapSync), syncSeesChanges},
	{"a sync reports a row that the bank removes", needs(bankmux.CapSync), syncSeesRemovals},
	{"a sync reports a pending row, and its booking adds no second row", needs(bankmux.CapSync), syncSeesPosting},
	{"a sync agrees with a bank whose rows change between its pages", needs(bankmux.CapSync), syncWhileMoving},
	{"a sync agrees with a bank whose rows change while it reads", needs(bankmux.CapSync), syncWhileReading},
	{"a sync names an unreadable row, and reads the others", needs(bankmux.CapSync), syncNamesUnreadable},
	{
		"a sync continues after a reconnect",
		needs(bankmux.CapSync, bankmux.CapStatus, bankmux.CapAccounts),
		syncAfterReconnect,
	},
	{"a sync of a new link duplicates no row", needs(bankmux.CapSync, bankmux.CapAccounts), syncOverNewLink},
}

func syncsFromTheStart(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	for back := range 70 {
		b.row(
			conn,
			id,
			Row{
				Amount: fmt.Sprint("1.", 10+back),
				In:     back%3 == 0,
				Date:   bankmux.DateOf(time.Now().UTC()).AddDays(-back),
				Text:   fmt.Sprint("row ", back),
			},
		)
	}
	b.refetch(conn)
	s := newRowStore()
	first := b.syncAll(conn, s)
	assert.Zero(t, len(first.Modified)+len(first.Replaced)+len(first.Removed)+len(first.Missing))
	seen := map[string]int{}
	for _, a := range first.Added {
		assert.Equal(t, a.Row.Account, a.Known.Account)
		assert.Equal(t, a.Row.Date, a.Known.Date)
		assert.True(t, a.Row.Amount.Equal(a.Known.Amount))
		if a.Row.Account == id {
			seen[a.Row.Amount.Amount()]++
		}
	}
	assert.Len(t, seen, 70)
	for amount, n := range seen {
		assert.Equal(t, 1, n, amount)
	}
	assert.Zero(t, changes(b.syncAll(conn, s)), "no row is returned twice")

	time.Sleep(time.Minute)
	b.row(conn, id, Row{Amount: "5.55", Text: "one more"})
	b.refetch(conn)
	more := b.syncAll(conn, s)
	require.Len(t, more.Added, 1)
	assert.Equal(t, "-5.55", more.Added[0].Row.Amount.Amount())
	assert.Equal(t, 1, changes(more))
}

func syncsAgain(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.refetch(conn)
	s := newRowStore()
	req := s.request(conn)
	first, err := b.client.Sync(t.Context(), req)
	require.NoError(t, err)
	second, err := b.client.Sync(t.Context(), req)
	require.NoError(t, err)
	keys := func(d bankmux.Delta) (all []string) {
		for _, a := range d.Added {
			all = append(all, a.Known.Key)
		}
		return all
	}
	assert.Equal(t, keys(first), keys(second), "a page that was not stored is returned again")
	s.save(t, first)
	stored, err := b.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Known: s.known, PageSize: 50})
	require.NoError(t, err)
	assert.Zero(t, changes(stored), "rows that were stored without their cursor are recognized")
	b.syncAll(conn, s)
	n := len(s.rows)

	s.cursor = ""
	assert.Zero(t, changes(b.syncAll(conn, s)), "without a cursor, no row is duplicated")
	assert.Len(t, s.rows, n)
}

func syncsEqualRows(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	coffee := Row{Amount: "3.20", Text: "COFFEE"}
	b.row(conn, id, coffee)
	b.row(conn, id, coffee)
	b.refetch(conn)
	s := newRowStore()
	b.syncAll(conn, s)
	time.Sleep(time.Minute)
	b.row(conn, id, coffee)
	b.refetch(conn)
	more := b.syncAll(conn, s)
	assert.Len(t, more.Added, 1, "the third of three equal rows")
	assert.Equal(t, 1, changes(more))
	n := 0
	for _, k := range s.rows {
		if k.Account == id {
			n++
		}
	}
	assert.Equal(t, 3, n)
}

func syncRefuses(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	other := b.connect(t.Context())
	b.refetch(conn)
	b.refetch(other)
	s, theirs := newRowStore(), newRowStore()
	b.syncAll(conn, s)
	b.syncAll(other, theirs)
	sent := b.reached()
	cursor := s.cursor
	for name, bad := range map[string]string{
		"of another connection": theirs.cursor,
		"changed at its start":  another(cursor[:1]) + cursor[1:],
		"changed at its end":    cursor[:len(cursor)-1] + another(cursor[len(cursor)-1:]),
		"cut":                   cursor[:len(cursor)-1],
		"longer":                cursor + "A",
		"made up":               "cursor",
		"huge":                  strings.Repeat("A", 1<<20),
		"a dot":                 ".",
	} {
		req := s.request(conn)
		req.Cursor = bad
		_, err := b.client.Sync(t.Context(), req)
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrInvalid, "a cursor must be refused: %s", name)
		if e, ok := errors.AsType[*bankmux.Error](err); assert.True(t, ok) {
			assert.Equal(t, "SyncRequest.Cursor", e.Field, name)
		}
	}
	for name, change := range map[string]func(*bankmux.SyncRequest){
		"an account twice":   func(r *bankmux.SyncRequest) { r.Accounts = []string{"a", "a"} },
		"a negative size":    func(r *bankmux.SyncRequest) { r.PageSize = -1 },
		"another client's":   func(r *bankmux.SyncRequest) { r.Connection.Client = "another" },
		"another provider's": func(r *bankmux.SyncRequest) { r.Connection.Provider = "another" },
		"no connection":      func(r *bankmux.SyncRequest) { r.Connection = bankmux.Connection{} },
	} {
		req := s.request(conn)
		change(&req)
		_, err := b.client.Sync(t.Context(), req)
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
	}
	assert.Equal(t, sent, b.reached(), "refused, and nothing was sent")
	assert.Zero(t, changes(b.syncAll(conn, s)))
}

// errStore is an error of the application.
var errStore = errors.New("the application's database is down")

func syncKnownFailsAndLies(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.refetch(conn)
	s := newRowStore()
	b.syncAll(conn, s)
	failing := s.request(conn)
	failing.Cursor = ""
	failing.Known = func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
		return func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, errStore) }
	}
	_, err := b.client.Sync(t.Context(), failing)
	require.Equal(t, bankmux.ErrApplication, bankmux.KindOf(err))
	require.ErrorIs(t, err, errStore, "the error wraps the application's error")

	stranger := bankmux.Known{
		Key:     "t1:stranger#1",
		Account: "another",
		Aliases: []string{"id:unknown:1"},
		Status:  bankmux.StatusBooked,
		Date:    bankmux.DateOf(time.Now().UTC()),
		Amount:  usd(t, "-1.00"),
	}
	lying := s.request(conn)
	lying.Known = func(ctx context.Context, account string, _, _ bankmux.Date) iter.Seq2[bankmux.Known, error] {
		return func(yield func(bankmux.Known, error) bool) {
			all := bankmux.NewDate(1990, time.January, 1)
			for k, err := range s.known(ctx, account, all, bankmux.NewDate(2999, time.January, 1)) {
				if !yield(k, err) {
					return
				}
			}
			_ = yield(stranger, nil) && yield(bankmux.Known{}, nil) && yield(bankmux.Known{Account: account}, nil)
		}
	}
	for range 3 {
		d, err := b.client.Sync(t.Context(), lying)
		require.NoError(t, err)
		for _, m := range slices.Concat(d.Missing, d.Removed) {
			assert.NotEqual(t, stranger.Key, m.Known.Key, "rows of other accounts are unchanged")
		}
		assert.Empty(t, d.Added, "rows that were not requested are ignored")
		lying.Cursor = d.Next
		if !d.More {
			lying.Cursor = s.cursor
		}
	}
}

func usd(t *testing.T, amount string) bankmux.Money {
	t.Helper()
	m, err := bankmux.NewMoney(amount, "USD")
	require.NoError(t, err)
	return m
}

func syncBlind(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.refetch(conn)
	req := bankmux.SyncRequest{Connection: conn}
	d, err := b.client.Sync(t.Context(), req)
	require.NoError(t, err)
	assert.Zero(t, len(d.Modified)+len(d.Replaced)+len(d.Removed)+len(d.Missing)+len(d.Suggested))
	for _, a := range d.Added {
		assert.True(t, d.AddedOnly || len(a.Known.Aliases) > 0, "rows go by key, or by the provider's id")
	}
}

func syncThroughFaults(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	id := b.account(conn, bankmux.AccountChecking, "USD")
	for back := range 40 {
		b.row(
			conn,
			id,
			Row{
				Amount: fmt.Sprint("2.", 10+back),
				Date:   bankmux.DateOf(time.Now().UTC()).AddDays(-back),
				Text:   fmt.Sprint("row ", back),
			},
		)
	}
	b.refetch(conn)
	s := newRowStore()
	for _, f := range wirefault.All() {
		if harmless(f) {
			continue
		}
		b.inject(f, -1, b.notRefresh)
		d, err := b.client.Sync(t.Context(), s.request(conn))
		b.heal()
		b.show(err)
		if err == nil { // an account that failed, beside the others
			require.NotEmpty(t, d.Failed, f.Name)
			assert.Zero(t, changes(d), f.Name)
		}
		time.Sleep(10 * time.Minute) // the circuit breaker closes
	}
	b.syncAll(conn, s)
	seen := map[string]bool{}
	for _, k := range s.rows {
		if k.Account == id {
			seen[k.Amount.Amount()] = true
		}
	}
	assert.Len(t, seen, 40, "the same call succeeds afterwards")
}

// notRefresh selects all requests except those that renew a user's token. A lost response to a
// renewal may end the connection, which another test checks.
func (b *bench) notRefresh(r *http.Request) bool {
	return b.Rotation == nil || !b.Rotation.IsRefresh(r)
}

func syncByMany(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	b.refetch(conn)
	s := newRowStore()
	b.syncAll(conn, s)
	b.together(32, func(int) {
		d, err := b.client.Sync(t.Context(), s.request(conn))
		assert.NoError(t, err)
		assert.Zero(t, changes(d))
	})
}

// another returns a different letter.
func another(letter string) string {
	if letter == "A" {
		return "x"
	}
	return "A"
}
