package store

// This file finds out without a write that a list of accounts is as stored.

import (
	"context"

	"github.com/bankmux/bankmux"
)

// AccountNames returns what [Store.NameAccounts] returns, if that call would change nothing. Most
// lists of accounts are as stored, and then one query replaces a transaction. If an account is new
// or has changed, ok is false, and NameAccounts must be called.
//
// AccountNames is safe for concurrent use, and may be repeated. The error is [bankmux.ErrGone] if
// the connection is not stored any more.
func (s *Store) AccountNames(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (names map[string]string, ok bool, err error) {
	return s.accountNames(ctx, "AccountNames", conn, accounts)
}

func (s *Store) accountNames(
	ctx context.Context, op string, conn bankmux.Connection, accounts []bankmux.Account,
) (names map[string]string, ok bool, err error) {
	var stored map[string]*listedAccount
	err = s.read(ctx, op, func(w *work) error {
		stored, err = listedAccounts(ctx, w, conn)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	for i := range accounts {
		r := stored[accounts[i].ID]
		if r == nil || !s.isAsStored(conn, r, &accounts[i]) {
			return nil, false, nil
		}
	}
	names = make(map[string]string, len(stored))
	for id, r := range stored {
		names[id] = r.name
	}
	return names, true, nil
}

// listedAccount is an id that a connection listed, with the stored account.
type listedAccount struct {
	id, name       string
	connection     string // the last one that listed it
	bank, bankName string
	user           string
	sealed         []byte
}

func (r *listedAccount) fields() []any {
	return []any{&r.id, &r.name, &r.connection, &r.bank, &r.bankName, &r.user, &r.sealed}
}

// listedAccounts reads all accounts that a connection ever listed, by the provider's ids. One
// statement reads them, so they are as of one moment.
func listedAccounts(ctx context.Context, w *work, conn bankmux.Connection) (map[string]*listedAccount, error) {
	rows, err := each(ctx, w, "SELECT COALESCE(i.provider_id, ''), COALESCE(i.account, ''),"+
		" COALESCE(a.connection_id, ''), COALESCE(a.bank, ''), COALESCE(a.bank_name, ''), COALESCE(a.user_id, ''),"+
		" a.sealed FROM bankmux_connections c LEFT JOIN bankmux_account_ids i ON i.connection_id = c.id"+
		" LEFT JOIN bankmux_accounts a ON a.id = i.account WHERE c.id = $1 AND c.user_id = $2",
		[]any{plainText(conn.ID), plainText(conn.User)}, (*listedAccount).fields)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, goneConnection(conn.ID)
	}
	all := make(map[string]*listedAccount, len(rows))
	for i := range rows {
		if rows[i].id != "" { // else the connection has listed none
			all[rows[i].id] = &rows[i]
		}
	}
	return all, nil
}

// isAsStored reports whether putAccount would write what the row has. A row that does not open is
// written again.
func (s *Store) isAsStored(conn bankmux.Connection, r *listedAccount, a *bankmux.Account) bool {
	bank, bankName := bankOf(conn)
	if r.user != conn.User || r.connection != conn.ID || r.bank != bank || r.bankName != bankName {
		return false
	}
	var stored bankmux.Account
	return s.open(sealedAccount, r.sealed, &stored, r.user, r.name) == nil && stored == *a
}
