package main

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/bankmux/bankmux"
)

// ledger stands for your database. examples/sync has it in SQL.
type ledger struct {
	tx        sync.Mutex          // held for as long as a transaction lasts
	entries   []entry             // a table of transactions
	names     map[string]string   // the provider's id of an account -> your own
	positions map[string]position // by connection
}

// entry is a row of yours: your columns, and beside them what bankmux knows it by.
type entry struct {
	note  string
	known bankmux.Known
}

// position is how far the syncs of a connection have come. Two cursors may be equal though
// something happened in between, so a counter says how often one was stored.
type position struct {
	cursor string
	stored int
}

func newLedger() *ledger {
	return &ledger{names: map[string]string{}, positions: map[string]position{}}
}

// position reads how far the syncs of a connection have come.
func (l *ledger) position(conn bankmux.Connection) position {
	l.tx.Lock()
	defer l.tx.Unlock()
	return l.positions[conn.ID]
}

// account returns your id of an account.
func (l *ledger) account(id string) string { return l.names[id] }

// between yields your rows of an account between two days, both included.
func (l *ledger) between(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
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

// store takes a page and the cursor behind it, in one transaction. It stores nothing and reports
// false if the cursor is not the one that the page was read from.
func (l *ledger) store(conn bankmux.Connection, from position, page bankmux.Delta) bool {
	l.tx.Lock()
	defer l.tx.Unlock()
	// UPDATE … SET cursor = ?, stored = stored + 1 WHERE connection = ? AND stored = ?
	if l.positions[conn.ID] != from {
		return false
	}
	l.positions[conn.ID] = position{page.Next, from.stored + 1}
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
	return true
}

func (l *ledger) find(key string) *entry {
	i := slices.IndexFunc(l.entries, func(e entry) bool { return e.known.Key == key })
	return &l.entries[i]
}
