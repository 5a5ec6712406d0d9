package bankhttp

// This file has the accounts, balances and transactions of a Memory.

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
)

var errQueueFull = errors.New("the queue is full")

// book is an account that a connection listed, beside what the ledger has of it.
type book struct {
	name       string
	user       string
	connection bankmux.Ref // that listed it last
	balances   []bankmux.Balance
	due        bankmux.Date
	readAt     time.Time
}

// SyncState is that of [bankmux.Ledger].
func (m *Memory) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	if err := m.has(ctx, conn); err != nil {
		return bankmux.SyncState{}, err
	}
	return m.ledger.SyncState(ctx, conn)
}

// NameAccounts is that of [bankmux.Ledger]. See [bankmux.MemoryLedger.NameAccounts]. It leaves out
// an account without number that may be one of a connection that has lapsed.
func (m *Memory) NameAccounts(
	ctx context.Context, conn bankmux.Connection, listed []bankmux.Account,
) (map[string]string, error) {
	m.naming.Lock()
	defer m.naming.Unlock()
	if err := m.has(ctx, conn); err != nil {
		return nil, err
	}
	listed = m.leaveOut(conn, listed)
	names, err := m.ledger.NameAccounts(ctx, conn, listed)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range listed {
		m.listed(conn, names[a.ID])
	}
	return names, nil
}

// bookOf returns an account by the application's name, nil if there is none. The caller has locked
// mu.
func (m *Memory) bookOf(name string) *book {
	i := slices.IndexFunc(m.books, func(b *book) bool { return b.name == name })
	if i < 0 {
		return nil
	}
	return m.books[i]
}

// lists reports whether a connection is stored and lists an account.
func (m *Memory) lists(ref bankmux.Ref, b *book) bool {
	conn, stored := m.keeper.Get(ref)
	_, named := m.ledger.Accounts(conn)[b.name]
	return stored && named && ref.User == b.user
}

// Known is that of [bankmux.Ledger].
func (m *Memory) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	return m.ledger.Known(ctx, account, from, to)
}

// StoreDelta is that of [bankmux.Ledger].
func (m *Memory) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	if err := m.has(ctx, conn); err != nil {
		return false, err
	}
	stored, err := m.ledger.StoreDelta(ctx, conn, from, delta, to)
	if stored && err == nil {
		m.suggest(&delta)
	}
	return stored, err
}

// suggest stores the suggestions of a page, and forgets those about rows that have changed.
func (m *Memory) suggest(delta *bankmux.Delta) {
	m.mu.Lock()
	defer m.mu.Unlock()
	forget := func(was *bankmux.Known) {
		for row, keys := range m.suggested {
			if row.account == was.Account {
				m.suggested[row] = slices.DeleteFunc(keys, func(key string) bool { return key == was.Key })
			}
		}
	}
	for _, c := range slices.Concat(delta.Modified, delta.Replaced) {
		forget(c.Was)
	}
	for i := range delta.Removed {
		gone := &delta.Removed[i].Known
		forget(gone)
		delete(m.suggested, rowKey{gone.Account, gone.Key})
	}
	for _, s := range delta.Suggested {
		forget(s.Was)
		for _, may := range s.May {
			row := rowKey{may.Account, may.Key}
			m.suggested[row] = append(m.suggested[row], s.Was.Key)
		}
	}
}

// StoreSyncState is that of [bankmux.Ledger].
func (m *Memory) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	if err := m.has(ctx, conn); err != nil {
		return false, err
	}
	return m.ledger.StoreSyncState(ctx, conn, from, to)
}

// Accounts is that of [Reader].
func (m *Memory) Accounts(ctx context.Context, user string, connections ...string) ([]Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Account
	for _, b := range m.books {
		if b.user != user || len(connections) > 0 && !slices.ContainsFunc(m.refs, func(ref bankmux.Ref) bool {
			return slices.Contains(connections, ref.ID) && m.lists(ref, b)
		}) {
			continue
		}
		conn, ok := m.keeper.Get(b.connection)
		listed, named := m.ledger.Accounts(conn)[b.name]
		if !ok || !named {
			continue
		}
		all = append(all, Account{
			Name: b.name, Connection: conn.ID, Account: listed,
			Balances: slices.Clone(b.balances), Due: b.due, ReadAt: b.readAt,
		})
	}
	return all, nil
}

// SaveBalances is that of [Reader].
func (m *Memory) SaveBalances(
	ctx context.Context, conn bankmux.Connection, balances []bankmux.AccountBalances,
) error {
	names, err := m.NameAccounts(ctx, conn, nil)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range balances {
		if one := m.bookOf(names[b.Account]); one != nil && len(b.Balances) > 0 {
			one.balances, one.due, one.readAt = slices.Clone(b.Balances), b.Due, bankmux.Moment(time.Now())
		}
	}
	return nil
}

// Transactions is that of [Reader].
func (m *Memory) Transactions(ctx context.Context, q Query) (Page, error) {
	if q.After != "" && !isPlace(q.After) {
		return Page{}, invalid("Query.After", "is not the Next of a page")
	}
	accounts, err := m.Accounts(ctx, q.User)
	if err != nil {
		return Page{}, err
	}
	var rows []Transaction
	for _, a := range accounts {
		if q.Account != "" && q.Account != a.Name {
			continue
		}
		stored := m.ledger.Rows(a.Name)
		for _, row := range stored {
			if row.Row != nil && q.matches(row.Row) {
				rows = append(rows, Transaction{
					Key: row.Known.Key, Account: a.Name, Row: *row.Row,
					PerhapsReplaces: m.perhapsReplaces(row.Known, stored),
				})
			}
		}
	}
	slices.SortFunc(rows, func(a, b Transaction) int { return -cmp.Compare(a.place(), b.place()) })
	if q.After != "" {
		rows = slices.DeleteFunc(rows, func(t Transaction) bool { return t.place() >= q.After })
	}
	if len(rows) <= q.Limit {
		return Page{Transactions: rows}, nil
	}
	return Page{Transactions: rows[:q.Limit], Next: rows[q.Limit-1].place()}, nil
}

// perhapsReplaces returns the keys of stored rows that a row perhaps replaces.
func (m *Memory) perhapsReplaces(row bankmux.Known, stored []bankmux.MemoryRow) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.suggested[rowKey{row.Account, row.Key}] {
		if slices.ContainsFunc(stored, func(r bankmux.MemoryRow) bool { return r.Known.Key == key }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// place orders rows by day.
func (t *Transaction) place() string { return t.Row.Date.String() + " " + t.Account + " " + t.Key }

// isPlace reports whether a text has the form of a place.
func isPlace(text string) bool {
	day, rest, ok := strings.Cut(text, " ")
	_, err := bankmux.ParseDate(day)
	return ok && err == nil && strings.Contains(rest, " ")
}

// matches reports whether a row has the days and the words that are asked for.
func (q *Query) matches(row *bankmux.Transaction) bool {
	if row.Date.Before(q.From) || (!q.To.IsZero() && row.Date.After(q.To)) {
		return false
	}
	text := row.Description
	if row.Counterparty != nil {
		text += " " + row.Counterparty.Name
	}
	text = strings.ToLower(text)
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
