package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/ledgertest"
	"github.com/bankmux/bankmux/store"
)

func TestLedger(t *testing.T) {
	for _, dialect := range dialects() {
		t.Run(dialect.String(), func(t *testing.T) {
			ledgertest.Run(t, func(t *testing.T) ledgertest.Fixture {
				db := newDatabase(t, dialect)
				s := db.open(t)
				return ledgertest.Fixture{
					Ledger: s, Save: s.SaveConnection,
					Second: func(t *testing.T) bankmux.Ledger { return db.open(t) },
					Delete: func(ctx context.Context, conn bankmux.Connection) error {
						return s.DeleteConnection(ctx, conn.User, conn.ID)
					},
				}
			})
		})
	}
}

// checking returns an account.
func checking(id, number string) bankmux.Account {
	return bankmux.Account{
		ID: id, Kind: bankmux.AccountChecking, ProviderKind: "checking", Name: "Everyday", Number: number,
		Currency: "USD",
	}
}

// name names accounts and returns the names in their order.
func name(t *testing.T, s *store.Store, conn bankmux.Connection, accounts ...bankmux.Account) []string {
	t.Helper()
	names, err := s.NameAccounts(t.Context(), conn, accounts)
	require.NoError(t, err)
	all := make([]string, len(accounts))
	for i, a := range accounts {
		all[i] = names[a.ID]
	}
	return all
}

// movement returns a stored row and what the provider has of it.
func movement(account, key, day, amount, text string) bankmux.Added {
	date, err := bankmux.ParseDate(day)
	if err != nil {
		panic(err) // a constant of a test
	}
	money, err := bankmux.NewMoney(amount, "USD")
	if err != nil {
		panic(err)
	}
	return bankmux.Added{
		Known: bankmux.Known{
			Key: key, Account: account, Status: bankmux.StatusBooked, Date: date, Amount: money, Text: text,
			Aliases: []string{"id:heron:" + key},
		},
		Row: &bankmux.Transaction{
			ID: key, Account: "provider's", Status: bankmux.StatusBooked, Date: date, Amount: money, Description: text,
			Counterparty: &bankmux.Counterparty{Name: "Baker & Söhne", IBAN: "DE02120300000000202051"},
		},
	}
}

// storePage stores a page on the stored state.
func storePage(t *testing.T, s *store.Store, conn bankmux.Connection, delta bankmux.Delta) {
	t.Helper()
	from, err := s.SyncState(t.Context(), conn)
	require.NoError(t, err)
	stored, err := s.StoreDelta(t.Context(), conn, from, delta, bankmux.SyncState{Version: from.Version + 1})
	require.NoError(t, err)
	require.True(t, stored)
}

// rowsOf returns the texts of the stored rows of an account by their keys.
func rowsOf(t *testing.T, s *store.Store, account string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for k, err := range s.Known(t.Context(), account, bankmux.NewDate(1900, 1, 1), bankmux.NewDate(2999, 1, 1)) {
		require.NoError(t, err)
		all[k.Key] = k.Text
	}
	return all
}

func TestNameAccounts(t *testing.T) {
	onEach(t, "a new link at the same bank keeps names, rows and notes", func(t *testing.T, db *database) {
		s := db.open(t)
		old := connection(t, s, "rosa", "1")
		names := name(t, s, old, checking("a", "11112222"), checking("b", "33334444"))
		storePage(t, s, old, bankmux.Delta{Added: []bankmux.Added{movement(names[0], "k", "2026-01-02", "-5", "Tea")}})
		require.NoError(t, s.SetNote(t.Context(), "rosa", names[0], "k", "with Omar"))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", old.ID))

		relinked := connection(t, s, "rosa", "2")
		again := name(t, s, relinked, checking("new-b", "33334444"), checking("new-a", "11112222"),
			checking("c", "5555"))
		assert.Equal(t, []string{names[1], names[0]}, again[:2])
		assert.NotContains(t, names, again[2])
		assert.Equal(t, map[string]string{"k": "Tea"}, rowsOf(t, s, names[0]))
		notes, err := s.Notes(t.Context(), "rosa", names[0])
		require.NoError(t, err)
		assert.Equal(t, []store.Note{{Account: names[0], Key: "k", Text: "with Omar"}}, notes)
	})
	onEach(t, "another user's account is another, whatever its number", func(t *testing.T, db *database) {
		s := db.open(t)
		first := name(t, s, connection(t, s, "rosa", "1"), checking("a", "11112222"))
		second := name(t, s, connection(t, s, "omar", "2"), checking("a", "11112222"))
		assert.NotEqual(t, first, second)
	})
	onEach(t, "a bank of another name needs the same number, and ids do not count", func(t *testing.T, db *database) {
		s := db.open(t)
		first := name(t, s, connection(t, s, "rosa", "1"), checking("a", "11112222"), checking("b", ""))
		linked, err := exchange(t.Context(), session(t, "rosa"), "2")
		require.NoError(t, err)
		linked.Connection.Institution = bankmux.Institution{ID: "other", Name: "Heron National"}
		require.NoError(t, s.SaveConnection(t.Context(), linked.Connection))
		second := name(t, s, linked.Connection, checking("b", ""), checking("x", "11112222"))
		assert.Equal(t, first[0], second[1])
		assert.NotEqual(t, first[1], second[0])
	})
	onEach(t, "an account of which there were several is left out", func(t *testing.T, db *database) {
		s := db.open(t)
		old := connection(t, s, "rosa", "1")
		name(t, s, old, checking("a", ""), checking("b", ""))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", old.ID))
		relinked := connection(t, s, "rosa", "2")
		assert.Equal(t, []string{""}, name(t, s, relinked, checking("x", "")))
	})
	onEach(t, "two syncs of a new connection give the same names", func(t *testing.T, db *database) {
		first, second := db.open(t), db.open(t)
		conn := connection(t, first, "rosa", "1")
		got := make(chan map[string]string, 8)
		for i := range cap(got) {
			go func() {
				names, err := []*store.Store{first, second}[i%2].NameAccounts(t.Context(), conn,
					[]bankmux.Account{checking("a", "1111"), checking("b", "2222")})
				assert.NoError(t, err)
				got <- names
			}()
		}
		want := <-got
		for range cap(got) - 1 {
			assert.Equal(t, want, <-got)
		}
	})
	onEach(t, "a deleted account goes with its rows, for its user alone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		names := name(t, s, conn, checking("a", "1111"), checking("b", "2222"))
		for _, n := range names {
			storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{movement(n, "k", "2026-01-02", "-5", "Tea")}})
		}
		require.NoError(t, s.DeleteAccount(t.Context(), "omar", names[0]))
		assert.Len(t, rowsOf(t, s, names[0]), 1)
		require.NoError(t, s.DeleteAccount(t.Context(), "rosa", names[0]))
		require.NoError(t, s.DeleteAccount(t.Context(), "rosa", names[0]))
		assert.Empty(t, rowsOf(t, s, names[0]))
		assert.Len(t, rowsOf(t, s, names[1]), 1)
		assert.NotEqual(t, names[0], name(t, s, conn, checking("a", "1111"))[0])
	})
}

func TestStoreDelta(t *testing.T) {
	type rows = map[string]string
	change := func(was, now bankmux.Added) bankmux.Change {
		return bankmux.Change{Was: &was.Known, Known: now.Known, Row: now.Row}
	}
	onEach(t, "keys may move between the rows of a page", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		row := func(key, text string) bankmux.Added { return movement(a, key, "2026-01-02", "-5", text) }
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{
			row("1", "one"), row("2", "two"), row("3", "three"), row("4", "four"),
		}})
		for _, key := range []string{"1", "2", "3", "4"} {
			require.NoError(t, s.SetNote(t.Context(), "rosa", a, key, "note "+key))
		}
		storePage(t, s, conn, bankmux.Delta{
			Modified: []bankmux.Change{
				change(row("1", "one"), row("2", "one")), change(row("2", "two"), row("1", "two")),
			},
			Replaced: []bankmux.Change{change(row("3", "three"), row("4", "three"))},
			Removed:  []bankmux.Absence{{Known: row("4", "four").Known, Reason: "the bank took it back"}},
			Added:    []bankmux.Added{row("3", "new")},
		})
		assert.Equal(t, rows{"1": "two", "2": "one", "3": "new", "4": "three"}, rowsOf(t, s, a))
		notes, err := s.Notes(t.Context(), "rosa", a)
		require.NoError(t, err)
		assert.ElementsMatch(t, []store.Note{
			{a, "1", "note 2", ""},
			{a, "2", "note 1", ""},
			{a, "4", "note 3", ""},
			{a, "4", "note 4", "the bank took it back"},
		}, notes)
	})
	onEach(t, "a row that another connection stored is updated and keeps its note", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		row := func(key, text string) bankmux.Added { return movement(a, key, "2026-01-02", "-5", text) }
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{row("1", "one"), row("2", "two")}})
		require.NoError(t, s.SetNote(t.Context(), "rosa", a, "1", "mine"))
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{row("1", "one again")}})
		storePage(t, s, conn,
			bankmux.Delta{Replaced: []bankmux.Change{change(row("1", "one again"), row("2", "posted"))}})
		assert.Equal(t, rows{"2": "posted"}, rowsOf(t, s, a))
		storePage(t, s, conn, bankmux.Delta{
			Removed:  []bankmux.Absence{{Known: row("gone", "").Known}},
			Missing:  []bankmux.Absence{{Known: row("gone too", "").Known}},
			Modified: []bankmux.Change{change(row("gone three", ""), row("3", "three"))},
		})
		assert.Equal(t, rows{"2": "posted", "3": "three"}, rowsOf(t, s, a))
		notes, err := s.Notes(t.Context(), "rosa", a)
		require.NoError(t, err)
		assert.Equal(t, []store.Note{{a, "2", "mine", ""}}, notes)
	})
	onEach(t, "a page with an account of another user is refused", func(t *testing.T, db *database) {
		s := db.open(t)
		rosa, omar := connection(t, s, "rosa", "1"), connection(t, s, "omar", "2")
		foreign := name(t, s, omar, checking("a", "1111"))[0]
		for _, account := range []string{foreign, "unknown", ""} {
			stored, err := s.StoreDelta(t.Context(), rosa, bankmux.SyncState{},
				bankmux.Delta{Added: []bankmux.Added{movement(account, "1", "2026-01-02", "-5", "Tea")}},
				bankmux.SyncState{})
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.False(t, stored)
		}
		state, err := s.SyncState(t.Context(), rosa)
		require.NoError(t, err)
		assert.Zero(t, state.Version)
	})
	onEach(t, "a page with one key twice is refused", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		row := movement(a, "1", "2026-01-02", "-5", "Tea")
		_, err := s.StoreDelta(t.Context(), conn, bankmux.SyncState{},
			bankmux.Delta{Added: []bankmux.Added{row, row}}, bankmux.SyncState{})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Empty(t, rowsOf(t, s, a))
	})
	onEach(t, "texts that no column can hold are stored", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		row := movement(a, "1", "2026-01-02", "-5", "nul \x00 and \xff")
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{row}})
		assert.Equal(t, rows{"1": "nul \x00 and \ufffd"}, rowsOf(t, s, a))
	})
	onEach(t, "Known reads more rows than one batch, of a range in either order", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		var page bankmux.Delta
		for i := range 2100 {
			page.Added = append(page.Added,
				movement(a, fmt.Sprint(i), fmt.Sprintf("2026-01-%02d", i/700+1), "-5", "Tea"))
		}
		storePage(t, s, conn, page)
		assert.Len(t, rowsOf(t, s, a), 2100)
		first, second := bankmux.NewDate(2026, 1, 1), bankmux.NewDate(2026, 1, 2)
		for _, days := range [][2]bankmux.Date{{first, second}, {second, first}} {
			keys := map[string]bool{}
			for k, err := range s.Known(t.Context(), a, days[0], days[1]) {
				require.NoError(t, err)
				keys[k.Key] = true
			}
			assert.Len(t, slices.Collect(maps.Keys(keys)), 1400)
		}
	})
}
