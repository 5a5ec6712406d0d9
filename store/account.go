package store

// This file stores accounts under the application's own names.

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// accountRow is a row of bankmux_accounts.
type accountRow struct {
	id, user, connection string
	bank, bankName       string
	sameBank             bool // as the connection that lists accounts
	apart                bool // its provider lists cards apart from accounts, if it has any
	idle                 bool // no other active connection has it
	due                  string
	read                 int64
	sealed               []byte
	account              bankmux.Account
}

func (r *accountRow) fields() []any {
	return []any{&r.id, &r.user, &r.connection, &r.bank, &r.bankName, &r.due, &r.read, &r.sealed}
}

const accountColumns = "SELECT id, user_id, connection_id, bank, bank_name, due, read_at, sealed FROM bankmux_accounts"

// NameAccounts is a method of [bankmux.Ledger]. An account keeps its name as long as its id stays.
// An account under a new id is compared with the user's accounts at the same bank. It gets the name
// of the one that [reconcile.Match] pairs with it as likely or certain. An account at a bank of
// another name must have the same number. Otherwise the account gets a new name.
//
// NameAccounts leaves an account out if only the user can say which one it is. Candidates are
// stored accounts that no active connection has. The user must decide if several candidates fit, or
// if one fits only possibly. The same holds if a candidate at the same bank does not open, because
// its key is lost. [Store.Unnamed] then returns the account. Ask the user, and call
// [Store.IdentifyAccount].
//
// A card ([bankmux.Account.IsCard]) is never one of the accounts that the same provider lists, even
// with the same number. Cards are matched with cards there.
func (s *Store) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (names map[string]string, err error) {
	const op = "NameAccounts"
	for i := range accounts {
		if err := checkText("Account.ID", accounts[i].ID); err != nil {
			return nil, failed(op, err)
		}
	}
	if s.tx == nil {
		if names, ok, err := s.accountNames(ctx, op, conn, accounts); ok || err != nil {
			return names, err
		}
	}
	err = s.write(ctx, op, func(w *work) error {
		if err := lockConnections(ctx, w, conn); err != nil {
			return err
		}
		names, err = s.namesOf(ctx, w, conn.ID)
		if err != nil || len(accounts) == 0 {
			return err
		}
		var unknown []bankmux.Account
		taken := map[string]bool{}
		for _, a := range accounts {
			if name, ok := names[a.ID]; ok {
				taken[name] = true
				if err := s.putAccount(ctx, w, conn, name, a); err != nil {
					return err
				}
				continue
			}
			unknown = append(unknown, a)
		}
		if len(unknown) == 0 {
			return nil
		}
		return s.nameUnknown(ctx, w, conn, unknown, naming{names, taken})
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// lockConnections locks the connections of a user, so that the user's accounts are named one list
// after the other.
func lockConnections(ctx context.Context, w *work, conn bankmux.Connection) error {
	ids, err := each(ctx, w, "SELECT id FROM bankmux_connections WHERE user_id = $1 ORDER BY id"+
		w.dialect.lockContent(), []any{plainText(conn.User)}, func(id *string) []any { return []any{id} })
	if err == nil && !slices.Contains(ids, conn.ID) {
		return goneConnection(conn.ID)
	}
	return err
}

// namesOf returns the names of all accounts that a connection ever listed, by the provider's ids.
func (s *Store) namesOf(ctx context.Context, w *work, connection string) (map[string]string, error) {
	type pair struct{ id, name string }
	pairs, err := each(ctx, w, "SELECT provider_id, account FROM bankmux_account_ids WHERE connection_id = $1",
		[]any{connection}, func(p *pair) []any { return []any{&p.id, &p.name} })
	names := make(map[string]string, len(pairs))
	for _, p := range pairs {
		names[p.id] = p.name
	}
	return names, err
}

// naming has the names of a connection's accounts.
type naming struct {
	of    map[string]string // by the provider's ids
	taken map[string]bool   // those of listed accounts
}

// nameUnknown names the accounts that the connection lists for the first time.
func (s *Store) nameUnknown(
	ctx context.Context, w *work, conn bankmux.Connection, unknown []bankmux.Account, names naming,
) error {
	candidates, hidden, err := s.candidates(ctx, w, conn, names)
	if err != nil {
		return err
	}
	matched, mayBe := matchAccounts(candidates, unknown)
	for _, a := range unknown {
		name, ok := matched[a.ID]
		switch {
		case names.of[a.ID] != "":
			continue // it is listed twice
		case !ok, name == "" && len(hidden) > 0:
			c := unnamedContent{a, slices.Concat(mayBe[a.ID], hidden)}
			if err := s.keepUnnamed(ctx, w, conn, c); err != nil {
				return err
			}
			continue
		case name == "":
			name = rand.Text()
		}
		if err := s.attach(ctx, w, conn, name, a); err != nil {
			return err
		}
		names.of[a.ID] = name
	}
	return nil
}

// candidates returns the accounts of the user without those that have a place already. Hidden has
// the names of those at the connection's bank that do not open, and that no active connection has.
func (s *Store) candidates(
	ctx context.Context, w *work, conn bankmux.Connection, names naming,
) (all []accountRow, hidden []string, err error) {
	bank, name := bankOf(conn)
	active, err := activeElsewhere(ctx, w, conn)
	if err != nil {
		return nil, nil, err
	}
	rows, err := each(ctx, w, accountColumns+" WHERE user_id = $1 ORDER BY id"+w.dialect.lockRow(),
		[]any{conn.User}, (*accountRow).fields)
	own := slices.Collect(maps.Values(names.of))
	for _, r := range rows {
		if names.taken[r.id] {
			continue
		}
		r.apart = r.bank == bank || slices.Contains(own, r.id)
		r.idle = !slices.Contains(active, r.id)
		r.sameBank = r.bank != "" && r.bank == bank || r.bankName != "" && r.bankName == name
		if s.open(sealedAccount, r.sealed, &r.account, r.user, r.id) != nil {
			if r.idle && r.sameBank {
				hidden = append(hidden, r.id)
			}
			continue
		}
		all = append(all, r)
	}
	return all, hidden, err
}

// activeElsewhere returns the names of the accounts that other active connections of the user have.
func activeElsewhere(ctx context.Context, w *work, conn bankmux.Connection) ([]string, error) {
	return each(ctx, w, "SELECT i.account FROM bankmux_account_ids i JOIN bankmux_connections c"+
		" ON c.id = i.connection_id WHERE c.user_id = $1 AND c.id <> $2 AND c.state NOT IN ($3, $4)",
		[]any{conn.User, conn.ID, string(bankmux.StateGone), string(bankmux.StateReauth)},
		func(s *string) []any { return []any{s} })
}

// matchAccounts returns the name of each unknown account, "" for a new one. An account that only
// the user can identify is left out, and mayBe has the accounts that it may be. A card and an
// account of one provider are never the same, since their rows are apart.
func matchAccounts(
	candidates []accountRow, unknown []bankmux.Account,
) (names map[string]string, mayBe map[string][]string) {
	names, mayBe = map[string]string{}, map[string][]string{}
	for _, cards := range []bool{false, true} {
		var list []bankmux.Account
		for _, a := range unknown {
			if a.IsCard() == cards {
				list = append(list, a)
			}
		}
		given := slices.Collect(maps.Values(names))
		var fit []accountRow
		for _, r := range candidates {
			if !slices.Contains(given, r.id) && (!r.apart || r.account.IsCard() == cards) {
				fit = append(fit, r)
			}
		}
		someNames, someMayBe := matchList(fit, list)
		maps.Copy(names, someNames)
		maps.Copy(mayBe, someMayBe)
	}
	return names, mayBe
}

// matchList is matchAccounts for accounts or for cards alone.
func matchList(
	candidates []accountRow, unknown []bankmux.Account,
) (names map[string]string, mayBe map[string][]string) {
	near, far := accountIndex{}, accountIndex{}
	for i := range candidates {
		r := &candidates[i]
		if r.sameBank {
			near[r.account] = r
			continue
		}
		// Providers name one bank differently. Its accounts are then found by their numbers alone,
		// because ids of two banks may be equal.
		far[bankmux.Account{
			Kind: r.account.Kind, Currency: r.account.Currency, Number: r.account.Number, IBAN: r.account.IBAN,
		}] = r
	}
	names, mayBe = map[string]string{}, map[string][]string{}
	m := reconcile.Match(near.accounts(), unknown)
	for _, p := range m.Pairs {
		switch r := near[p.Old]; {
		case p.Confidence >= reconcile.Likely:
			names[p.New.ID] = r.id
		case !r.idle: // an active connection has that one, so this is another
			names[p.New.ID] = ""
		default:
			mayBe[p.New.ID] = []string{r.id}
		}
	}
	for _, group := range m.Ambiguous {
		var idle []string
		for _, a := range group.Old {
			if near[a].idle {
				idle = append(idle, near[a].id)
			}
		}
		for _, a := range group.New {
			if mayBe[a.ID] = idle; len(idle) == 0 {
				names[a.ID] = ""
			}
		}
	}
	for _, a := range m.OnlyNew {
		names[a.ID] = ""
	}
	for _, p := range reconcile.Match(far.accounts(), m.OnlyNew).Pairs {
		if p.Confidence == reconcile.Certain {
			names[p.New.ID] = far[p.Old].id
		}
	}
	return names, mayBe
}

// accountIndex finds stored accounts by their content.
type accountIndex map[bankmux.Account]*accountRow

func (x accountIndex) accounts() []bankmux.Account {
	return slices.SortedFunc(maps.Keys(x), func(a, b bankmux.Account) int { return cmp.Compare(x[a].id, x[b].id) })
}

// attach stores an account under a name, and that the connection lists it.
func (s *Store) attach(ctx context.Context, w *work, conn bankmux.Connection, name string, a bankmux.Account) error {
	if err := s.putAccount(ctx, w, conn, name, a); err != nil {
		return err
	}
	_, err := w.exec(ctx, "INSERT INTO bankmux_account_ids (connection_id, provider_id, user_id, created_at, account)"+
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (connection_id, provider_id)"+
		" DO UPDATE SET account = excluded.account",
		conn.ID, a.ID, conn.User, s.nowMillis(), name)
	if err == nil {
		_, err = w.exec(ctx, "UPDATE bankmux_unnamed SET account = $1 WHERE connection_id = $2 AND provider_id = $3",
			name, conn.ID, a.ID)
	}
	return err
}

// putAccount stores an account as it was listed now.
func (s *Store) putAccount(
	ctx context.Context, w *work, conn bankmux.Connection, name string, a bankmux.Account,
) error {
	sealed, err := s.seal(sealedAccount, a, conn.User, name)
	if err != nil {
		return err
	}
	bank, bankName := bankOf(conn)
	n, err := w.exec(ctx, "INSERT INTO bankmux_accounts (id, user_id, created_at, updated_at, connection_id, bank,"+
		" bank_name, due, read_at, sealed) VALUES ($1, $2, $3, $3, $4, $5, $6, '', 0, $7)"+
		" ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, connection_id = excluded.connection_id,"+
		" bank = excluded.bank,"+
		" bank_name = excluded.bank_name, sealed = excluded.sealed"+
		" WHERE bankmux_accounts.user_id = excluded.user_id",
		name, conn.User, s.nowMillis(), conn.ID, bank, bankName, sealed)
	if err == nil && n == 0 {
		err = invalid("account", "belongs to another user")
	}
	return err
}

// DeleteAccount deletes an account of a user with its transactions, notes and balances. If a
// connection still lists it, the next sync makes it again under a new name. It may be repeated.
func (s *Store) DeleteAccount(ctx context.Context, user, account string) error {
	return s.write(ctx, "DeleteAccount", func(w *work) error {
		user, account := plainText(user), plainText(account)
		n, err := w.exec(ctx, "DELETE FROM bankmux_accounts WHERE id = $1 AND user_id = $2", account, user)
		if err != nil || n == 0 {
			return err
		}
		for _, table := range []string{
			"bankmux_account_ids", "bankmux_balances", "bankmux_transactions", "bankmux_removed", "bankmux_suggestions",
			"bankmux_unnamed",
		} {
			if _, err := w.exec(ctx, "DELETE FROM "+table+" WHERE account = $1", account); err != nil {
				return err
			}
		}
		return nil
	})
}
