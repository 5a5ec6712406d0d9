package main

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// ledger stands for your database, with the accounts of one user. It is a bankmux.Ledger.
type ledger struct {
	tx       sync.Mutex                   // held for as long as a transaction lasts
	entries  []entry                      // a table of transactions
	accounts map[string]bankmux.Account   // a table of accounts, by your own id
	names    map[string]string            // the provider's id of an account -> your own
	states   map[string]bankmux.SyncState // by connection
}

// entry is a row of yours: your columns, and beside them what bankmux knows it by.
type entry struct {
	note  string
	known bankmux.Known
}

func newLedger() *ledger {
	return &ledger{
		accounts: map[string]bankmux.Account{},
		names:    map[string]string{},
		states:   map[string]bankmux.SyncState{},
	}
}

// SyncState reads how far the syncs of a connection have come.
func (l *ledger) SyncState(_ context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	l.tx.Lock()
	defer l.tx.Unlock()
	return l.states[conn.ID], nil
}

// Known yields your rows of an account between two days, both included.
func (l *ledger) Known(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		l.tx.Lock()
		rows := slices.Clone(l.entries)
		l.tx.Unlock()
		for _, e := range rows { // SELECT … WHERE account = ? AND date BETWEEN ? AND ?
			if k := e.known; k.Account == account && !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// StoreDelta stores a page and the state after it, in one transaction. It stores nothing and
// returns false if the stored state is not the one that the page was read from.
func (l *ledger) StoreDelta(
	_ context.Context, conn bankmux.Connection, from bankmux.SyncState, page bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	l.tx.Lock()
	defer l.tx.Unlock()
	// UPDATE … SET state = ?, version = ? WHERE connection = ? AND version = ?
	if l.states[conn.ID].Version != from.Version {
		return false, nil
	}
	l.states[conn.ID] = to
	for _, a := range page.Added {
		l.entries = append(l.entries, entry{known: a.Known}) // and of a.Row what you want to show
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		l.find(c.Was.Key).known = c.Known // posted, edited or under another id: your columns stay
	}
	for _, m := range page.Missing {
		l.find(m.Known.Key).known = m.Known // not there this time; it may return
	}
	for _, r := range page.Removed {
		l.entries = slices.DeleteFunc(l.entries, func(e entry) bool { return e.known.Key == r.Known.Key })
	}
	return true, nil
}

// StoreSyncState stores a state without rows.
func (l *ledger) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	return l.StoreDelta(ctx, conn, from, bankmux.Delta{}, to)
}

func (l *ledger) find(key string) *entry {
	i := slices.IndexFunc(l.entries, func(e entry) bool { return e.known.Key == key })
	return &l.entries[i]
}

// NameAccounts stores the listed accounts and returns your own ids of all accounts by the
// provider's. An account of a new link, or of another provider, keeps the id it had. Only the user
// can decide about those that are left out.
func (l *ledger) NameAccounts(
	_ context.Context, _ bankmux.Connection, listed []bankmux.Account,
) (map[string]string, error) {
	l.tx.Lock()
	defer l.tx.Unlock()
	before := maps.Clone(l.accounts) // without those that are listed under a known id
	var unknown []bankmux.Account
	for _, a := range listed {
		if name := l.names[a.ID]; name == "" {
			unknown = append(unknown, a)
		} else {
			l.accounts[name] = a
			delete(before, name)
		}
	}
	m := reconcile.Match(slices.Collect(maps.Values(before)), unknown)
	for _, p := range m.Pairs {
		if p.Confidence >= reconcile.Likely {
			l.names[p.New.ID] = l.names[p.Old.ID]
			l.accounts[l.names[p.New.ID]] = p.New
		}
	}
	for _, a := range m.OnlyNew {
		l.names[a.ID] = "account " + a.ID // a new account: an id of your own
		l.accounts[l.names[a.ID]] = a
	}
	return maps.Clone(l.names), nil
}
