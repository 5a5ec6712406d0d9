package ledgertest

// This file has the promises about states and pages.

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func promises() []promise {
	return []promise{
		{"the state is zero before the first sync", zeroAtFirst},
		{"a state is read as it was stored", keepsStates},
		{"a state is stored only on the version it was made from", comparesVersions},
		{"of many syncs at once one stores its page", storesOneOfMany},
		{"connections have states of their own", separatesConnections},
		{"a page and its state are stored together or not at all", storesTogether},
		{"the changes of a page arrive", appliesDeltas},
		{"a row is read as it was stored", keepsRows},
		{"Known has the rows of one account between two days", selectsRows},
		{"Known can be left early, and ledger and reader do not block each other", leavesEarly},
		{"a large page is stored", storesLargePages},
		{"accounts have names of their own that stay", namesAccounts},
		{"an account keeps its name over a new link, and its rows", namesSurvive},
		{"a card has another name than an account of its number", keepsCardsApart},
		{"a user does not get the names of another user", separatesUsers},
		{"a done context ends each method with its error", honoursContext},
		{"a deleted connection is gone, also for a sync that still runs", forgetsDeleted},
		{"SyncAll reads each row once", syncs},
		{"two processes sync at once and store each row once", syncsTwice},
	}
}

func zeroAtFirst(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	assert.Equal(t, bankmux.SyncState{}, f.state(t, conn))
}

// full returns a state in which each member is set.
func full(conn bankmux.Connection) bankmux.SyncState {
	at := bankmux.Moment(time.Date(2026, time.March, 1, 12, 30, 15, 999_000_000, time.UTC))
	return bankmux.SyncState{
		Version: 1, Cursor: "cursor \u2615", More: true, Attempts: 3,
		Failed: []bankmux.Failure{
			{Account: "a-1", Err: &bankmux.Error{Kind: bankmux.ErrInstitution, Code: "down", Detail: "is down"}},
			{Product: bankmux.ProductCards, Err: &bankmux.Error{Kind: bankmux.ErrUnknown}},
		},
		Err: &bankmux.Error{Kind: bankmux.ErrUserAction, RetryAfter: time.Minute, Status: 200},
		Challenge: &bankmux.Challenge{
			ID: "ch-1", Op: bankmux.OpSyncAll, Call: bankmux.OpSync, Connection: conn.ID, At: at, ExpiresAt: at,
			Inputs: []bankmux.Input{{Kind: bankmux.InputOTP, Index: 1, Query: "Code?", Image: []byte{0, 255}}},
			State:  json.RawMessage(`{"op":"Sync"}`), Request: json.RawMessage(`{"cursor":"c"}`),
		},
		AskedAt: at, NotBefore: at.Add(time.Minute), SyncedAt: at.Add(time.Hour), LinkedAt: conn.LinkedAt,
	}
}

func keepsStates(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	want := full(conn)
	f.storeState(t, conn, bankmux.SyncState{}, want, true)
	got, err := f.other.SyncState(t.Context(), conn)
	require.NoError(t, err)
	assertSame(t, want, got)
	assert.True(t, want.NotBefore.Equal(got.NotBefore) && want.LinkedAt.Equal(got.LinkedAt), "times are exact")

	plain := bankmux.SyncState{Version: 2, Cursor: "next"}
	f.storeState(t, conn, got, plain, true)
	assertSame(t, plain, f.state(t, conn))
}

// storeState stores a state, and checks whether it was stored.
func (f *fixture) storeState(t *testing.T, conn bankmux.Connection, from, to bankmux.SyncState, want bool) {
	t.Helper()
	stored, err := f.Ledger.StoreSyncState(t.Context(), conn, from, to)
	require.NoError(t, err, "an overtaken sync gets false, not an error")
	require.Equal(t, want, stored)
}

// assertSame checks that two values have the same JSON.
func assertSame(t *testing.T, want, got any) {
	t.Helper()
	w, err := json.Marshal(want)
	require.NoError(t, err)
	g, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, string(w), string(g))
}

func comparesVersions(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	zero := bankmux.SyncState{}
	first := after(zero, "same")
	f.storeState(t, conn, first, after(first, "x"), false) // nothing is stored yet
	f.storeState(t, conn, zero, first, true)
	f.storeState(t, conn, zero, first, false)
	second := after(first, "same") // the cursor alone does not show that something happened
	f.storeState(t, conn, first, second, true)
	f.storeState(t, conn, first, after(first, "x"), false)

	row := bankmux.Delta{Added: []bankmux.Added{added(known(name, "late", day(1)))}}
	for version := range second.Version {
		from := bankmux.SyncState{Version: version, Cursor: second.Cursor}
		stored, err := f.other.StoreDelta(t.Context(), conn, from, row, after(from, "x"))
		require.NoError(t, err)
		assert.False(t, stored, "version %d is not the stored one", version)
	}
	assertSame(t, second, f.state(t, conn))
	assert.Empty(t, f.rows(t, name), "an overtaken page stores no row")
}

func added(k bankmux.Known) bankmux.Added { return bankmux.Added{Known: k, Row: transaction(k)} }

// rows reads all rows of an account by their keys.
func (f *fixture) rows(t *testing.T, name string) map[string]bankmux.Known {
	t.Helper()
	return collect(t, f.Ledger.Known(t.Context(), name, bankmux.NewDate(1900, 1, 1), bankmux.NewDate(2999, 12, 31)))
}

func collect(t *testing.T, rows iter.Seq2[bankmux.Known, error]) map[string]bankmux.Known {
	t.Helper()
	all := map[string]bankmux.Known{}
	for k, err := range rows {
		require.NoError(t, err)
		assert.NotContains(t, all, k.Key, "a row is read once")
		all[k.Key] = k
	}
	return all
}

func storesOneOfMany(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	const rounds, syncs = 5, 6
	for range rounds {
		from := f.state(t, conn)
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range syncs {
			ledger := f.Ledger
			if i%2 == 1 {
				ledger = f.other
			}
			all.Go(func() {
				k := known(name, "row "+strconv.Itoa(i)+" after "+from.Cursor, day(1+i))
				delta := bankmux.Delta{Added: []bankmux.Added{added(k)}, Next: from.Cursor + "."}
				stored, err := ledger.StoreDelta(t.Context(), conn, from, delta, after(from, delta.Next))
				assert.NoError(t, err)
				if stored {
					won.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, won.Load(), "one sync stores its page")
	}
	assert.EqualValues(t, rounds, f.state(t, conn).Version)
	assert.Len(t, f.rows(t, name), rounds)
}

func separatesConnections(t *testing.T, f *fixture) {
	one, two := f.connect(t, "rosa"), f.connect(t, "rosa")
	f.storeState(t, one, bankmux.SyncState{}, bankmux.SyncState{Version: 1, Cursor: "one"}, true)
	f.storeState(t, two, bankmux.SyncState{}, bankmux.SyncState{Version: 1, Cursor: "two"}, true)
	assert.Equal(t, "one", f.state(t, one).Cursor)
	assert.Equal(t, "two", f.state(t, two).Cursor)
}

func storesTogether(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	delta := bankmux.Delta{Added: []bankmux.Added{added(known(name, "1", day(1)))}, Next: "1"}
	f.store(t, conn, delta)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from := f.state(t, conn)
	delta = bankmux.Delta{Added: []bankmux.Added{added(known(name, "2", day(1)))}, Next: "2"}
	stored, err := f.Ledger.StoreDelta(ctx, conn, from, delta, after(from, "2"))
	require.Error(t, err)
	assert.False(t, stored)
	assertSame(t, from, f.state(t, conn))
	assert.Len(t, f.rows(t, name), 1)
	f.store(t, conn, delta)
	assert.Len(t, f.rows(t, name), 2)
}

func storesLargePages(t *testing.T, f *fixture) {
	conn := f.connect(t, "rosa")
	name := f.name(t, conn, account("main", ""))[0]
	const size = 1000
	delta := bankmux.Delta{Next: "1"}
	for i := range size {
		delta.Added = append(delta.Added, added(known(name, "row "+strconv.Itoa(i), day(i%28+1))))
	}
	f.store(t, conn, delta)
	assert.Len(t, f.rows(t, name), size)
}
