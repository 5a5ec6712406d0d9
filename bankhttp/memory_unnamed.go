package bankhttp

// This file has the accounts of a Memory that only the user can identify.

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/bankmux/bankmux"
)

// unnamedAccount is an account that NameAccounts left out.
type unnamedAccount struct {
	Unnamed

	ref  bankmux.Ref // of the connection
	name string      // what the user said, "" before
}

// leaveOut returns the listed accounts that the ledger can name, and keeps the others. An account
// is left out if it has nothing that identifies it, and may be one whose connection has lapsed.
func (m *Memory) leaveOut(conn bankmux.Connection, listed []bankmux.Account) (rest []bankmux.Account) {
	names := m.ledger.Accounts(conn)
	for _, a := range listed {
		var mayBe []string
		if a.PersistentID == "" && a.IBAN == "" && a.Number == "" && !hasAccount(names, a.ID) {
			mayBe = m.lapsed(conn, &a)
		}
		if len(mayBe) == 0 {
			rest = append(rest, a)
			continue
		}
		m.mu.Lock()
		i := slices.IndexFunc(m.unnamed, func(u *unnamedAccount) bool {
			return u.ref == conn.Ref() && u.Account.ID == a.ID
		})
		if i < 0 {
			i = len(m.unnamed)
			m.unnamed = append(m.unnamed, &unnamedAccount{
				Unnamed: Unnamed{ID: rand.Text(), Connection: conn.ID}, ref: conn.Ref(),
			})
		}
		m.unnamed[i].Account, m.unnamed[i].MayBe = a, mayBe
		m.mu.Unlock()
	}
	return rest
}

// hasAccount reports whether an account with the provider's id is among those of a connection.
func hasAccount(named map[string]bankmux.Account, id string) bool {
	for _, a := range named {
		if a.ID == id {
			return true
		}
	}
	return false
}

// lapsed returns the names of the user's accounts that an account may be. Their connections have
// lapsed, and kind, currency and mask are the same.
func (m *Memory) lapsed(conn bankmux.Connection, a *bankmux.Account) (names []string) {
	own := m.ledger.Accounts(conn)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.books {
		old, ok := m.keeper.Get(b.connection)
		if b.user != conn.User || !ok || old.ID == conn.ID ||
			(old.Status.State != bankmux.StateReauth && old.Status.State != bankmux.StateGone) {
			continue
		}
		listed := m.ledger.Accounts(old)[b.name]
		_, taken := own[b.name]
		if !taken && listed.Kind == a.Kind && listed.Currency == a.Currency && listed.Mask == a.Mask {
			names = append(names, b.name)
		}
	}
	return names
}

// Unnamed is that of [Naming].
func (m *Memory) Unnamed(ctx context.Context, user string, connections ...string) (all []Unnamed, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.unnamed {
		if u.ref.User == user && u.name == "" &&
			(len(connections) == 0 || slices.Contains(connections, u.Connection)) {
			all = append(all, u.Unnamed)
		}
	}
	return all, nil
}

// IdentifyAccount is that of [Naming].
func (m *Memory) IdentifyAccount(
	ctx context.Context, user, id, account string,
) (bankmux.Connection, string, error) {
	m.naming.Lock()
	defer m.naming.Unlock()
	m.mu.Lock()
	i := slices.IndexFunc(m.unnamed, func(u *unnamedAccount) bool { return u.ID == id && u.ref.User == user })
	var u *unnamedAccount // the index is valid only while mu is locked
	var was unnamedAccount
	if i >= 0 {
		u, was = m.unnamed[i], *m.unnamed[i]
	}
	m.mu.Unlock()
	conn, ok := m.keeper.Get(was.ref)
	switch {
	case u == nil || !ok:
		return bankmux.Connection{}, "", bankmux.ErrNotFound
	case was.name == "":
	case account == was.name, account == "" && !slices.Contains(was.MayBe, was.name):
		return conn, was.name, nil
	default:
		return bankmux.Connection{}, "", invalid("account", "was identified as another one")
	}
	if account != "" && !m.ownsAccount(user, account) {
		return bankmux.Connection{}, "", bankmux.ErrNotFound
	}
	if account != "" &&
		(!slices.Contains(was.MayBe, account) || !slices.Contains(m.lapsed(conn, &was.Account), account)) {
		return bankmux.Connection{}, "", invalid("account", "is not one of those that it may be")
	}
	name, err := m.ledger.NameAccount(ctx, conn, was.Account, account)
	if err != nil {
		return bankmux.Connection{}, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u.name = name
	m.listed(conn, name)
	return conn, name, nil
}

// ownsAccount reports whether a user has an account with that name.
func (m *Memory) ownsAccount(user, name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.bookOf(name)
	return one != nil && one.user == user
}

// listed stores that a connection lists an account. The caller has locked mu.
func (m *Memory) listed(conn bankmux.Connection, name string) {
	one := m.bookOf(name)
	if one == nil {
		one = &book{name: name, user: conn.User}
		m.books = append(m.books, one)
	}
	one.connection = conn.Ref()
}
