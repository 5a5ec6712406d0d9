package bankhttp

// This file has the ledger of a Memory: accounts, balances and transactions.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

var errQueueFull = errors.New("the queue is full")

// books are the tables of a ledger. The mutex of the Memory guards them.
type books struct {
	accounts []*book
	names    map[bankmux.Ref]map[string]string // own names by the provider's ids
	states   map[bankmux.Ref]bankmux.SyncState
	entries  map[entryKey]*Transaction // with known beside
	known    map[entryKey]bankmux.Known
}

// book is a stored account.
type book struct {
	Account

	user string
	ref  bankmux.Ref // of the connection that listed it last
}

// entryKey names a row.
type entryKey struct{ account, key string }

func newBooks() books {
	return books{
		names: map[bankmux.Ref]map[string]string{}, states: map[bankmux.Ref]bankmux.SyncState{},
		entries: map[entryKey]*Transaction{}, known: map[entryKey]bankmux.Known{},
	}
}

// drop deletes what a connection has.
func (b *books) drop(ref bankmux.Ref) {
	delete(b.names, ref)
	delete(b.states, ref)
	b.accounts = slices.DeleteFunc(b.accounts, func(a *book) bool {
		if a.ref != ref {
			return false
		}
		for key := range b.known {
			if key.account == a.Name {
				b.remove(key)
			}
		}
		return true
	})
}

func (b *books) remove(key entryKey) {
	delete(b.entries, key)
	delete(b.known, key)
}

// find returns an account by its own name.
func (b *books) find(name string) *book {
	i := slices.IndexFunc(b.accounts, func(a *book) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return b.accounts[i]
}

// SyncState is that of [bankmux.Ledger].
func (m *Memory) SyncState(_ context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	if !m.has(conn) {
		return bankmux.SyncState{}, bankmux.ErrGone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.books.states[conn.Ref()], nil
}

// NameAccounts is that of [bankmux.Ledger]. An account that is certainly or likely one of another
// connection of the user takes over its name.
func (m *Memory) NameAccounts(
	_ context.Context, conn bankmux.Connection, listed []bankmux.Account,
) (map[string]string, error) {
	if !m.has(conn) {
		return nil, bankmux.ErrGone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ref := &m.books, conn.Ref()
	names := b.names[ref]
	if names == nil {
		names = map[string]string{}
		b.names[ref] = names
	}
	var unknown []bankmux.Account
	for _, a := range listed {
		if name, ok := names[a.ID]; ok {
			if known := b.find(name); known != nil {
				known.Account.Account, known.Connection, known.ref = a, conn.ID, ref
			}
			continue
		}
		unknown = append(unknown, a)
	}
	older := b.olderNames(conn, unknown)
	for _, a := range unknown {
		one := b.find(older[a.ID])
		if one == nil {
			one = &book{user: conn.User}
			one.Name = rand.Text()
			b.accounts = append(b.accounts, one)
		}
		one.Account.Account, one.Connection, one.ref = a, conn.ID, ref
		names[a.ID] = one.Name
	}
	return maps.Clone(names), nil
}

// olderNames returns the names of accounts that other connections of the user listed before.
func (b *books) olderNames(conn bankmux.Connection, listed []bankmux.Account) map[string]string {
	var before []bankmux.Account
	nameOf := map[string]string{}
	for _, a := range b.accounts {
		if a.user == conn.User && a.ref != conn.Ref() {
			before = append(before, a.Account.Account)
			nameOf[a.Account.Account.ID] = a.Name
		}
	}
	names := map[string]string{}
	for _, p := range reconcile.Match(before, listed).Pairs {
		if p.Confidence >= reconcile.Likely {
			names[p.New.ID] = nameOf[p.Old.ID]
		}
	}
	return names
}

// Known is that of [bankmux.Ledger].
func (m *Memory) Known(
	_ context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		m.mu.Lock()
		var rows []bankmux.Known
		for key, k := range m.books.known {
			if key.account == account && !k.Date.Before(from) && !k.Date.After(to) {
				rows = append(rows, k)
			}
		}
		m.mu.Unlock()
		for _, k := range rows {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// StoreDelta is that of [bankmux.Ledger].
func (m *Memory) StoreDelta(
	_ context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	return m.advance(conn, from, to, func(b *books) {
		for _, a := range delta.Removed {
			b.remove(entryKey{a.Known.Account, a.Known.Key})
		}
		changed := slices.Concat(delta.Modified, delta.Replaced)
		was := make([]*Transaction, len(changed))
		for i, c := range changed { // a key may move from one row to another
			key := entryKey{c.Was.Account, c.Was.Key}
			was[i] = b.entries[key]
			b.remove(key)
		}
		for i, c := range changed {
			b.put(c.Known, c.Row, was[i])
		}
		for _, a := range delta.Missing {
			key := entryKey{a.Known.Account, a.Known.Key}
			if _, ok := b.known[key]; ok {
				b.known[key] = a.Known
			}
		}
		for _, a := range delta.Added {
			b.put(a.Known, a.Row, nil)
		}
	})
}

// put stores a row.
func (b *books) put(known bankmux.Known, row *bankmux.Transaction, was *Transaction) {
	key := entryKey{known.Account, known.Key}
	entry := &Transaction{Key: known.Key, Account: known.Account}
	switch {
	case row != nil:
		entry.Row = *row
	case was != nil:
		entry.Row = was.Row
	}
	b.entries[key], b.known[key] = entry, known
}

// StoreSyncState is that of [bankmux.Ledger].
func (m *Memory) StoreSyncState(_ context.Context, conn bankmux.Connection, from, to bankmux.SyncState) (bool, error) {
	return m.advance(conn, from, to, func(*books) {})
}

// advance stores a state and a change, if the stored state still has the version of from.
func (m *Memory) advance(conn bankmux.Connection, from, to bankmux.SyncState, change func(*books)) (bool, error) {
	if !m.has(conn) {
		return false, bankmux.ErrGone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.books.states[conn.Ref()].Version != from.Version {
		return false, nil
	}
	change(&m.books)
	m.books.states[conn.Ref()] = to
	return true, nil
}

// Accounts is that of [Reader].
func (m *Memory) Accounts(_ context.Context, user string, connections ...string) ([]Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Account
	for _, a := range m.books.accounts {
		if a.user == user && (len(connections) == 0 || slices.Contains(connections, a.Connection)) {
			one := a.Account
			one.Balances = slices.Clone(a.Balances)
			all = append(all, one)
		}
	}
	return all, nil
}

// SaveBalances is that of [Reader].
func (m *Memory) SaveBalances(
	_ context.Context, conn bankmux.Connection, balances []bankmux.AccountBalances,
) error {
	if !m.has(conn) {
		return bankmux.ErrGone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range balances {
		if a := m.books.find(m.books.names[conn.Ref()][b.Account]); a != nil && len(b.Balances) > 0 {
			a.Balances, a.Due, a.ReadAt = slices.Clone(b.Balances), b.Due, bankmux.Moment(time.Now())
		}
	}
	return nil
}

// Transactions is that of [Reader].
func (m *Memory) Transactions(_ context.Context, q Query) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []Transaction
	for key, entry := range m.books.entries {
		if a := m.books.find(key.account); a != nil && a.user == q.User && q.matches(entry) {
			rows = append(rows, *entry)
		}
	}
	slices.SortFunc(rows, func(a, b Transaction) int { return -cmp.Compare(a.place(), b.place()) })
	if q.After != "" {
		at := slices.IndexFunc(rows, func(t Transaction) bool { return t.place() < q.After })
		if at < 0 {
			at = len(rows)
		}
		rows = rows[at:]
	}
	if len(rows) <= q.Limit {
		return Page{Transactions: rows}, nil
	}
	return Page{Transactions: rows[:q.Limit], Next: rows[q.Limit-1].place()}, nil
}

// place orders rows by day.
func (t *Transaction) place() string { return t.Row.Date.String() + " " + t.Account + " " + t.Key }

// matches reports whether a row is asked for.
func (q *Query) matches(t *Transaction) bool {
	if q.Account != "" && q.Account != t.Account {
		return false
	}
	if t.Row.Date.Before(q.From) || (!q.To.IsZero() && t.Row.Date.After(q.To)) {
		return false
	}
	text := t.Row.Description
	if t.Row.Counterparty != nil {
		text += " " + t.Row.Counterparty.Name
	}
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(q.Text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
