package bankmux

// This file has a ledger in memory, for tests and trials.

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
)

// MemoryLedger is a [Ledger] for tests and trials in one process. It loses everything when the
// process ends, so it is not for production. Its zero value is an empty ledger. It is safe for
// concurrent use.
//
// An account keeps its name over a new link if the user had one with the same PersistentID, IBAN or
// number. A card is none of the accounts of its connection. Package reconcile has a better rule
// (Match).
type MemoryLedger struct {
	mu       sync.Mutex
	states   map[Ref]SyncState
	deleted  map[Ref]bool
	names    map[Ref]map[string]string // names by the provider's id
	accounts []memoryAccount
	named    int                             // accounts that were ever named
	rows     map[string]map[string]MemoryRow // by account and key
}

type memoryAccount struct {
	user, name string
	account    Account // as last listed
}

// MemoryRow is a row of a [MemoryLedger].
type MemoryRow struct {
	Known Known
	// Row is what the provider returned last, nil if Known has changed without it.
	Row *Transaction
}

// NewMemoryLedger returns an empty ledger.
func NewMemoryLedger() *MemoryLedger { return &MemoryLedger{} }

// lock locks mu, and makes the maps of a zero value.
func (l *MemoryLedger) lock() {
	l.mu.Lock()
	if l.states == nil {
		l.states, l.deleted = map[Ref]SyncState{}, map[Ref]bool{}
		l.names, l.rows = map[Ref]map[string]string{}, map[string]map[string]MemoryRow{}
	}
}

// SyncState is [Ledger.SyncState].
func (l *MemoryLedger) SyncState(ctx context.Context, conn Connection) (SyncState, error) {
	l.lock()
	defer l.mu.Unlock()
	return l.states[conn.Ref()], l.check(ctx, conn)
}

// check returns an error if ctx is done or the connection was deleted. The caller has locked mu.
func (l *MemoryLedger) check(ctx context.Context, conn Connection) error {
	if l.deleted[conn.Ref()] {
		return &Error{Kind: ErrGone, Detail: "the connection was deleted from the ledger", NotSent: true}
	}
	return ctx.Err()
}

// NameAccounts is [Ledger.NameAccounts]. Names are "account 1", "account 2" and so on.
func (l *MemoryLedger) NameAccounts(
	ctx context.Context, conn Connection, accounts []Account,
) (map[string]string, error) {
	l.lock()
	defer l.mu.Unlock()
	if err := l.check(ctx, conn); err != nil {
		return nil, err
	}
	names := l.names[conn.Ref()]
	if names == nil {
		names = map[string]string{}
		l.names[conn.Ref()] = names
	}
	taken, own := map[string]bool{}, map[string]bool{} // names of the listed accounts, and of the connection
	for _, a := range accounts {
		taken[names[a.ID]] = true
	}
	for _, name := range names {
		own[name] = true
	}
	for _, a := range accounts {
		i := slices.IndexFunc(l.accounts, func(old memoryAccount) bool {
			if name, ok := names[a.ID]; ok {
				return old.name == name
			}
			apart := own[old.name] && old.account.IsCard() != a.IsCard() // listed by another call
			return old.user == conn.User && !taken[old.name] && !apart && sameAccount(&old.account, &a)
		})
		if i < 0 {
			i = len(l.accounts)
			l.named++
			l.accounts = append(l.accounts, memoryAccount{conn.User, "account " + strconv.Itoa(l.named), a})
		}
		l.accounts[i].account = a
		names[a.ID] = l.accounts[i].name
		taken[names[a.ID]] = true
	}
	return maps.Clone(names), nil
}

// NameAccount names an account that only the user can identify. It becomes the stored account with
// that name, as the user decided. If name is "", it becomes a new account with a new name.
// NameAccount returns the name. The error is [ErrNotFound] for a name that the user does not have.
func (l *MemoryLedger) NameAccount(
	ctx context.Context, conn Connection, account Account, name string,
) (string, error) {
	l.lock()
	defer l.mu.Unlock()
	if err := l.check(ctx, conn); err != nil {
		return "", err
	}
	i := slices.IndexFunc(l.accounts, func(a memoryAccount) bool { return a.name == name && a.user == conn.User })
	switch {
	case i >= 0:
	case name != "":
		return "", &Error{Kind: ErrNotFound, Field: "account", Detail: "is not stored", NotSent: true}
	default:
		i = len(l.accounts)
		l.named++
		l.accounts = append(l.accounts, memoryAccount{conn.User, "account " + strconv.Itoa(l.named), account})
	}
	l.accounts[i].account = account
	if l.names[conn.Ref()] == nil {
		l.names[conn.Ref()] = map[string]string{}
	}
	l.names[conn.Ref()][account.ID] = l.accounts[i].name
	return l.accounts[i].name, nil
}

// sameAccount reports whether two accounts of a user have the same number.
func sameAccount(a, b *Account) bool {
	return (a.PersistentID != "" && a.PersistentID == b.PersistentID) ||
		(a.IBAN != "" && a.IBAN == b.IBAN) ||
		(a.Number != "" && a.Number == b.Number)
}

// Known is [Ledger.Known]. It reads the rows as they are when the iteration starts.
func (l *MemoryLedger) Known(ctx context.Context, account string, from, to Date) iter.Seq2[Known, error] {
	return func(yield func(Known, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(Known{}, err)
			return
		}
		for _, row := range l.Rows(account) {
			k := row.Known
			if !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// StoreDelta is [Ledger.StoreDelta].
func (l *MemoryLedger) StoreDelta(
	ctx context.Context, conn Connection, from SyncState, delta Delta, to SyncState,
) (bool, error) {
	l.lock()
	defer l.mu.Unlock()
	if err := l.check(ctx, conn); err != nil {
		return false, err
	}
	if l.states[conn.Ref()].Version != from.Version {
		return false, nil
	}
	l.states[conn.Ref()] = to
	for _, a := range delta.Added {
		l.put(a.Known, a.Row)
	}
	for _, c := range slices.Concat(delta.Modified, delta.Replaced) {
		delete(l.rows[c.Was.Account], c.Was.Key)
		l.put(c.Known, c.Row)
	}
	for _, m := range delta.Missing {
		l.put(m.Known, l.rows[m.Known.Account][m.Known.Key].Row)
	}
	for _, m := range delta.Removed {
		delete(l.rows[m.Known.Account], m.Known.Key)
	}
	return true, nil
}

// put stores a row. The caller has locked mu.
func (l *MemoryLedger) put(k Known, row *Transaction) {
	if l.rows[k.Account] == nil {
		l.rows[k.Account] = map[string]MemoryRow{}
	}
	l.rows[k.Account][k.Key] = MemoryRow{k, row}
}

// StoreSyncState is [Ledger.StoreSyncState].
func (l *MemoryLedger) StoreSyncState(ctx context.Context, conn Connection, from, to SyncState) (bool, error) {
	return l.StoreDelta(ctx, conn, from, Delta{}, to)
}

// Rows returns the rows of an account by the application's name, oldest first.
func (l *MemoryLedger) Rows(account string) []MemoryRow {
	l.lock()
	defer l.mu.Unlock()
	rows := make([]MemoryRow, 0, len(l.rows[account]))
	for _, row := range l.rows[account] {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b MemoryRow) int {
		return cmp.Or(a.Known.Date.Compare(b.Known.Date), cmp.Compare(a.Known.Key, b.Known.Key))
	})
	return rows
}

// Accounts returns the accounts of a connection as last listed, by the application's names.
func (l *MemoryLedger) Accounts(conn Connection) map[string]Account {
	l.lock()
	defer l.mu.Unlock()
	found := map[string]Account{}
	for _, name := range l.names[conn.Ref()] {
		i := slices.IndexFunc(l.accounts, func(a memoryAccount) bool { return a.name == name })
		found[name] = l.accounts[i].account
	}
	return found
}

// Delete removes the state of a connection, and the rows of its accounts unless another connection
// has the account too. Methods then return [ErrGone] for the connection.
func (l *MemoryLedger) Delete(conn Connection) {
	l.lock()
	defer l.mu.Unlock()
	ref := conn.Ref()
	lost := l.names[ref]
	l.deleted[ref] = true
	delete(l.states, ref)
	delete(l.names, ref)
	for _, name := range lost {
		shared := false
		for _, names := range l.names {
			for _, other := range names {
				shared = shared || other == name
			}
		}
		if !shared {
			delete(l.rows, name)
			l.accounts = slices.DeleteFunc(l.accounts, func(a memoryAccount) bool { return a.name == name })
		}
	}
}

var _ Ledger = (*MemoryLedger)(nil)
