package store

// This file stores the accounts that only the user can identify.

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// unnamedContent is the sealed part of a row of bankmux_unnamed.
type unnamedContent struct {
	Account bankmux.Account `json:"account"`
	MayBe   []string        `json:"may_be,omitempty"`
}

// unnamedRow is a row of bankmux_unnamed.
type unnamedRow struct {
	id, connection, provider, account string
	sealed                            []byte
}

func (r *unnamedRow) fields() []any {
	return []any{&r.id, &r.connection, &r.provider, &r.account, &r.sealed}
}

const unnamedColumns = "SELECT id, connection_id, provider_id, account, sealed FROM bankmux_unnamed"

// keepUnnamed stores an account that only the user can identify. The caller has locked the
// connections of the user.
func (s *Store) keepUnnamed(ctx context.Context, w *work, conn bankmux.Connection, c unnamedContent) error {
	var r unnamedRow
	err := w.row(ctx, unnamedColumns+" WHERE connection_id = $1 AND provider_id = $2",
		[]any{conn.ID, c.Account.ID}, r.fields())
	if err != nil && !noRows(err) {
		return err
	}
	id := cmp.Or(r.id, rand.Text())
	sealed, err := s.seal(sealedUnnamed, c, conn.User, id)
	if err != nil {
		return err
	}
	_, err = w.exec(ctx, "INSERT INTO bankmux_unnamed (id, user_id, created_at, connection_id, provider_id, account,"+
		" sealed) VALUES ($1, $2, $3, $4, $5, '', $6) ON CONFLICT (id)"+
		" DO UPDATE SET account = '', sealed = excluded.sealed",
		id, conn.User, s.nowMillis(), conn.ID, c.Account.ID, sealed)
	return err
}

// Unnamed returns the accounts of a user that [Store.NameAccounts] left out, the oldest first. With
// connections it returns the accounts of these alone. Accounts that do not open are left out, and
// the error names their connections as that of [Store.Connections].
func (s *Store) Unnamed(
	ctx context.Context, user string, connections ...string,
) (all []bankhttp.Unnamed, err error) {
	const op = "Unnamed"
	var rows []unnamedRow
	err = s.read(ctx, op, func(w *work) error {
		rows, err = each(ctx, w, unnamedColumns+" WHERE user_id = $1 AND account = '' ORDER BY created_at, id",
			[]any{plainText(user)}, (*unnamedRow).fields)
		return err
	})
	var lost []error
	for _, r := range rows {
		if len(connections) > 0 && !slices.Contains(connections, r.connection) {
			continue
		}
		var c unnamedContent
		if err := s.open(sealedUnnamed, r.sealed, &c, user, r.id); err != nil {
			lost = append(lost, failed(op, ofConnection(r.connection, err)))
			continue
		}
		all = append(all, bankhttp.Unnamed{ID: r.id, Connection: r.connection, Account: c.Account, MayBe: c.MayBe})
	}
	if err != nil {
		return nil, err
	}
	return all, errors.Join(lost...)
}

// IdentifyAccount stores what the user decided about an account that [Store.Unnamed] returned. It
// is the stored account with that name, or a new one if account is "". IdentifyAccount returns the
// connection and the name. It may be repeated with the same decision.
//
// The error is [bankmux.ErrNotFound] for an id or a name that the user does not have. It is
// [bankmux.ErrInvalid] if the connection has the named account already under another id, or if the
// user decided otherwise before.
func (s *Store) IdentifyAccount(
	ctx context.Context, user, id, account string,
) (conn bankmux.Connection, name string, err error) {
	const op = "IdentifyAccount"
	err = s.write(ctx, op, func(w *work) error {
		r, err := unnamed(ctx, w, user, id)
		if err != nil {
			return err
		}
		conn, err = s.oneConnection(ctx, w, connectionColumns+" WHERE user_id = $1 AND id = $2", user, r.connection)
		if err != nil {
			return err
		}
		if err := lockConnections(ctx, w, conn); err != nil {
			return err
		}
		if r, err = unnamed(ctx, w, user, id); err != nil { // as it is under the lock
			return err
		}
		if r.account != "" {
			if name = r.account; account != "" && account != name {
				return invalid("account", "was identified as another one")
			}
			return nil
		}
		name, err = s.identify(ctx, w, conn, &r, account)
		return err
	})
	if err != nil {
		return bankmux.Connection{}, "", err
	}
	return conn, name, nil
}

// unnamed reads a row of a user.
func unnamed(ctx context.Context, w *work, user, id string) (r unnamedRow, err error) {
	err = w.row(ctx, unnamedColumns+" WHERE id = $1 AND user_id = $2",
		[]any{plainText(id), plainText(user)}, r.fields())
	if noRows(err) {
		err = notFound("account")
	}
	return r, err
}

// identify names an account under the lock of its connection.
func (s *Store) identify(
	ctx context.Context, w *work, conn bankmux.Connection, r *unnamedRow, account string,
) (name string, err error) {
	var c unnamedContent
	if err := s.open(sealedUnnamed, r.sealed, &c, conn.User, r.id); err != nil {
		return "", err
	}
	if account == "" {
		name = rand.Text()
		return name, s.attach(ctx, w, conn, name, c.Account)
	}
	name = plainText(account)
	stored, err := w.has(ctx, "SELECT 1 FROM bankmux_accounts WHERE id = $1 AND user_id = $2"+w.dialect.lockRow(),
		name, conn.User)
	if err != nil {
		return "", err
	}
	if !stored {
		return "", notFound("account")
	}
	// Another id of the connection may be an old one of the account, if the comparison says so.
	query := "SELECT 1 FROM bankmux_unnamed WHERE connection_id = $1 AND account = $2 LIMIT 1"
	if !slices.Contains(c.MayBe, name) {
		query = "SELECT 1 FROM bankmux_account_ids WHERE connection_id = $1 AND account = $2 LIMIT 1"
	}
	taken, err := w.has(ctx, query, conn.ID, name)
	if err == nil && taken {
		err = invalid("account", "is another account of the connection")
	}
	if err != nil {
		return "", err
	}
	return name, s.attach(ctx, w, conn, name, c.Account)
}
