package ledgertest

// This file has the promises about rows, accounts and whole syncs.

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func appliesDeltas(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	was := map[string]bankmux.Known{}
	var first bankmux.Delta
	for _, key := range []string{"stays", "edited", "posted", "absent", "removed"} {
		k := known(name, key, day(5))
		was[key] = k
		first.Added = append(first.Added, added(k))
	}
	first.Next = "1"
	f.store(t, conn, first)
	assertSame(t, was, f.rows(t, name))

	change := func(key string, edit func(k *bankmux.Known)) bankmux.Change {
		before, now := was[key], was[key]
		edit(&now)
		delete(was, key)
		was[now.Key] = now
		return bankmux.Change{Was: &before, Known: now, Row: transaction(now)}
	}
	second := bankmux.Delta{
		Added:    []bankmux.Added{added(known(name, "new", day(6)))},
		Modified: []bankmux.Change{change("edited", func(k *bankmux.Known) { k.Text = "edited text" })},
		Replaced: []bankmux.Change{change("posted", func(k *bankmux.Known) {
			k.Aliases, k.Date = append([]string{"id:ledgertest:other"}, k.Aliases...), day(7)
		})},
		Missing: []bankmux.Absence{{Known: change("absent", func(k *bankmux.Known) { k.Missed++ }).Known}},
		Removed: []bankmux.Absence{{Known: was["removed"]}},
		Next:    "2",
	}
	was["new"] = second.Added[0].Known
	delete(was, "removed")
	f.store(t, conn, second)
	assertSame(t, was, f.rows(t, name))
	second.Added = nil
	f.store(t, conn, bankmux.Delta{Next: "3"})
	assertSame(t, was, f.rows(t, name))
}

func keepsRows(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	least := bankmux.Known{Key: "least", Account: name, Date: day(1)}
	twin := known(name, "twin", day(2))
	other := twin
	other.Key = "twin 2"
	rows := map[string]bankmux.Known{"full": known(name, "full", day(1)), "least": least, "twin": twin, "twin 2": other}
	delta := bankmux.Delta{Next: "1"}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		delta.Added = append(delta.Added, added(rows[key]))
	}
	f.store(t, conn, delta)
	assertSame(t, rows, f.rows(t, name))
}

func selectsRows(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	names := f.name(t, conn, account("one", ""), account("two", ""))
	delta := bankmux.Delta{Next: "1"}
	for n := 1; n <= 10; n++ {
		one, two := known(names[0], "one-"+strconv.Itoa(n), day(n)), known(names[1], "two-"+strconv.Itoa(n), day(n))
		delta.Added = append(delta.Added, added(one), added(two))
	}
	f.store(t, conn, delta)
	got := collect(t, f.Ledger.Known(t.Context(), names[0], day(3), day(5)))
	assert.Equal(t, []string{"one-3", "one-4", "one-5"}, slices.Sorted(maps.Keys(got)), "both days are included")
	assert.Len(t, collect(t, f.Ledger.Known(t.Context(), names[1], day(4), day(4))), 1)
	assert.Empty(t, collect(t, f.Ledger.Known(t.Context(), names[1], day(11), day(28))))
	assert.Empty(t, collect(t, f.Ledger.Known(t.Context(), "unknown account", day(1), day(28))))
}

func keepsCardsApart(t *testing.T, f *fixture) {
	var lists [2][]string
	for i, conn := range []bankmux.Connection{f.connect(t, "rosa"), f.connect(t, "rosa")} {
		n := strconv.Itoa(i)
		credit := bankmux.Account{
			ID: "account-" + n, Kind: bankmux.AccountCreditCard, ProviderKind: "credit", Number: "4000123412341234",
			Currency: "USD",
		}
		card := bankmux.Card{ID: "card-" + n, Number: credit.Number, Currency: "USD"}.Account()
		for range 2 { // each list comes by itself
			lists[i] = append(f.name(t, conn, credit), f.name(t, conn, card)...)
			require.NotContains(t, lists[i], "")
			assert.NotEqual(t, lists[i][0], lists[i][1], "the rows of an account and of a card would be mixed")
		}
	}
	assert.Equal(t, lists[0], lists[1], "a new link keeps the account and the card")
}

func leavesEarly(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	delta := bankmux.Delta{Next: "1"}
	for n := 1; n <= 20; n++ {
		delta.Added = append(delta.Added, added(known(name, strconv.Itoa(n), day(n))))
	}
	f.store(t, conn, delta)
	for range 50 { // a connection to the database that was not released would be missing soon
		for _, err := range f.Ledger.Known(t.Context(), name, day(1), day(28)) {
			require.NoError(t, err)
			break
		}
	}
	f.store(t, conn, bankmux.Delta{Added: []bankmux.Added{added(known(name, "later", day(3)))}, Next: "2"})
	assert.Len(t, f.rows(t, name), 21)
}

func namesAccounts(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	none, err := f.Ledger.NameAccounts(t.Context(), conn, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
	names := f.name(t, conn, account("a", ""), account("b", ""))
	assert.NotEqual(t, names[0], names[1])
	assert.NotContains(t, names, "", "new accounts that match none before have a name")
	assert.Equal(t, names, f.name(t, conn, account("a", ""), account("b", "")), "names stay")
	more := f.name(t, conn, account("b", ""), account("c", ""))
	assert.Equal(t, names[1], more[0], "in another order and with others too")
	assert.NotContains(t, names, more[1])
	all, err := f.other.NameAccounts(t.Context(), conn, nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a": names[0], "b": names[1], "c": more[1]}, all, "also those of earlier lists")
}

// The IBANs of two accounts.
const (
	ibanOne = "DE89370400440532013000"
	ibanTwo = "GB29NWBK60161331926819"
)

func namesSurvive(t *testing.T, f *fixture) {
	old := f.connect(t, "rosa")
	names := f.name(t, old, account("old-1", ibanOne), account("old-2", ibanTwo))
	f.store(t, old, bankmux.Delta{Added: []bankmux.Added{added(known(names[0], "kept", day(1)))}, Next: "1"})
	again := f.connect(t, "rosa")
	now := f.name(t, again, account("new-2", ibanTwo), account("new-1", ibanOne))
	assert.Equal(t, []string{names[1], names[0]}, now, "the same accounts under other ids")
	assert.Contains(t, f.rows(t, now[1]), "kept")
	assert.Zero(t, f.state(t, again), "the new link has a state of its own")
}

func separatesUsers(t *testing.T, f *fixture) {
	rosa, omar := f.connect(t, "rosa"), f.connect(t, "omar")
	hers := f.name(t, rosa, account("joint", ibanOne))
	his := f.name(t, omar, account("joint", ibanOne))
	assert.NotEqual(t, hers, his, "an account that two users share is an account of each")
}

func honoursContext(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	f.store(t, conn, bankmux.Delta{Added: []bankmux.Added{added(known(name, "1", day(1)))}, Next: "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Ledger.SyncState(ctx, conn)
	require.ErrorIs(t, err, context.Canceled, "SyncState")
	_, err = f.Ledger.NameAccounts(ctx, conn, []bankmux.Account{account("late", "")})
	require.ErrorIs(t, err, context.Canceled, "NameAccounts")
	_, err = f.Ledger.StoreSyncState(ctx, conn, f.state(t, conn), after(f.state(t, conn), "2"))
	require.ErrorIs(t, err, context.Canceled, "StoreSyncState")
	for _, err = range f.Ledger.Known(ctx, name, day(1), day(28)) {
		require.Error(t, err, "Known")
	}
	require.ErrorIs(t, err, context.Canceled, "Known")
}

func forgetsDeleted(t *testing.T, f *fixture) {
	if f.Delete == nil {
		t.Run("not checked: the Fixture has no Delete", func(*testing.T) {})
		return
	}
	conn, other := f.connect(t, "rosa"), f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ibanOne))[0]
	f.name(t, other, account("other", ibanTwo))
	f.store(t, conn, bankmux.Delta{Added: []bankmux.Added{added(known(name, "1", day(1)))}, Next: "1"})
	from := f.state(t, conn)
	require.NoError(t, f.Delete(t.Context(), conn))
	for method, call := range map[string]func() error{
		"SyncState": func() error { _, err := f.other.SyncState(t.Context(), conn); return err },
		"NameAccounts": func() error {
			_, err := f.Ledger.NameAccounts(t.Context(), conn, []bankmux.Account{account("main", ibanOne)})
			return err
		},
		"StoreSyncState": func() error {
			_, err := f.Ledger.StoreSyncState(t.Context(), conn, from, after(from, "2"))
			return err
		},
		"StoreDelta": func() error {
			delta := bankmux.Delta{Added: []bankmux.Added{added(known(name, "2", day(1)))}, Next: "2"}
			_, err := f.Ledger.StoreDelta(t.Context(), conn, from, delta, after(from, "2"))
			return err
		},
		"StoreDelta of a first page": func() error {
			delta := bankmux.Delta{Added: []bankmux.Added{added(known(name, "2", day(1)))}, Next: "2"}
			zero := bankmux.SyncState{}
			_, err := f.Ledger.StoreDelta(t.Context(), conn, zero, delta, after(zero, "2"))
			return err
		},
	} {
		require.ErrorIs(t, call(), bankmux.ErrGone, method)
	}
	assert.NotContains(t, f.rows(t, name), "2")
	f.store(t, other, bankmux.Delta{Next: "1"})
}

// syncAll runs SyncAll with a ledger.
func (f *fixture) syncAll(
	ctx context.Context, l bankmux.Ledger, conn bankmux.Connection,
) (bankmux.SyncAllResult, error) {
	return f.client.SyncAll(ctx, bankmux.SyncAllRequest{Connection: conn, Ledger: l})
}

func syncs(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	f.bank.add(5)
	res, err := f.syncAll(t.Context(), f.Ledger, conn)
	require.NoError(t, err)
	assert.Equal(t, 5, res.Added)
	assertSame(t, f.state(t, conn), res.State)
	f.bank.add(2)
	res, err = f.syncAll(t.Context(), f.other, conn)
	require.NoError(t, err)
	assert.Equal(t, 2, res.Added)
	assert.Len(t, f.rows(t, f.name(t, conn, account("main", ""))[0]), 7)
}

func syncsTwice(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	const rows = 30
	f.bank.add(rows)
	var all sync.WaitGroup
	var stored [2]int
	for i, l := range []bankmux.Ledger{f.Ledger, f.other} {
		all.Go(func() {
			res, err := f.syncAll(t.Context(), l, conn)
			assert.NoError(t, err)
			stored[i] = res.Added
		})
	}
	all.Wait()
	assert.Equal(t, rows, stored[0]+stored[1], "each page is stored by one of the two")
	assert.Len(t, f.rows(t, f.name(t, conn, account("main", ""))[0]), rows)
}
