package bankmux_test

// This file tests SyncAll against the virtual bank.

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// syncFake is an adapter whose pages a test sets.
type syncFake struct {
	fake
	accounts []bankmux.Account
	sync     func(context.Context, bankmux.SyncRequest) (bankmux.Delta, error)
}

func (f *syncFake) Accounts(context.Context, bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	f.calls.Add(1)
	return bankmux.AccountsResult{Accounts: f.accounts}, nil
}

func (f *syncFake) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	f.calls.Add(1)
	return f.sync(ctx, req)
}

// ledger is an application's ledger in memory.
type ledger struct {
	mu    sync.Mutex
	state bankmux.SyncState
	rows  map[string]bankmux.Known
	names map[string]string
}

func newLedger() *ledger {
	return &ledger{rows: map[string]bankmux.Known{}, names: map[string]string{}}
}

func (l *ledger) SyncState(context.Context, bankmux.Connection) (bankmux.SyncState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, nil
}

func (l *ledger) NameAccounts(
	_ context.Context, _ bankmux.Connection, accounts []bankmux.Account,
) (map[string]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range accounts {
		l.names[a.ID] = "my " + a.ID
	}
	return l.names, nil
}

func (l *ledger) Known(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, k := range l.rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}

func (l *ledger) StoreDelta(
	_ context.Context, _ bankmux.Connection, from bankmux.SyncState, d bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Version != from.Version {
		return false, nil
	}
	l.state = to
	for _, a := range d.Added {
		l.rows[a.Known.Key] = a.Known
	}
	for _, c := range slices.Concat(d.Modified, d.Replaced) {
		l.rows[c.Known.Key] = c.Known
	}
	for _, m := range d.Removed {
		delete(l.rows, m.Known.Key)
	}
	return true, nil
}

func (l *ledger) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	return l.StoreDelta(ctx, conn, from, bankmux.Delta{}, to)
}

func TestSyncAll(t *testing.T) {
	t.Parallel()
	t.Run("a round is stored page by page", func(t *testing.T) {
		t.Parallel()
		pages := map[string]bankmux.Delta{
			"":   {Added: []bankmux.Added{{Known: bankmux.Known{Key: "1", Account: "my a"}}}, Next: "p1", More: true},
			"p1": {Added: []bankmux.Added{{Known: bankmux.Known{Key: "2", Account: "my a"}}}, Next: "p2"},
		}
		f := &syncFake{fake: fake{provider: "heron"}, accounts: []bankmux.Account{{ID: "a"}}}
		f.sync = func(_ context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
			assert.Equal(t, "my a", req.AccountName("a"))
			return pages[req.Cursor], nil
		}
		client := bankmux.NewClient("heron", f)
		_, conn := linked(t, client, "u-1")
		l := newLedger()
		var rows []int
		res, err := client.SyncAll(t.Context(), bankmux.SyncAllRequest{
			Connection: conn, Ledger: l,
			Progress: func(p bankmux.SyncProgress) { rows = append(rows, p.Rows) },
		})
		require.NoError(t, err)
		assert.Equal(t, l.state, res.State)
		assert.Equal(t, "p2", res.State.Cursor)
		assert.False(t, res.State.More)
		assert.Equal(t, 2, res.Added)
		assert.Len(t, l.rows, 2)
		assert.Equal(t, []int{0, 1, 2}, rows)
	})
}
