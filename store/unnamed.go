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
	id, connection, account string
	sealed                  []byte
}

func (r *unnamedRow) fields() []any { return []any{&r.id, &r.connection, &r.account, &r.sealed} }

const unnamedColumns = "SELECT id, connection_id, account, sealed FROM bankmux_unnamed"

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
	if err != nil {
		return nil, err
	}
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
	return all, errors.Join(lost...)
}

// IdentifyAccount stores what the user decided about an account that [Store.Unnamed] returned. It
// is one of the stored accounts in [bankhttp.Unnamed.MayBe], or a new one if account is "".
// IdentifyAccount returns the connection and the name. It may be repeated with the same decision.
//
// The error is [bankmux.ErrNotFound] for an id or a name that the user does not have. It is
// [bankmux.ErrInvalid] for any other account of the user, and if the user decided otherwise before.
// It is also ErrInvalid if this connection or another active one has the named account by now.
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
			name = r.account
			return s.sameDecision(conn.User, &r, account)
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

// sameDecision returns an error if the user decided otherwise about an identified account before.
func (s *Store) sameDecision(user string, r *unnamedRow, account string) error {
	other := account != r.account
	if account == "" {
		var c unnamedContent
		if err := s.open(sealedUnnamed, r.sealed, &c, user, r.id); err != nil {
			return err
		}
		other = slices.Contains(c.MayBe, r.account) // a new one has another name
	}
	if other {
		return invalid("account", "was identified as another one")
	}
	return nil
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
	if !slices.Contains(c.MayBe, name) {
		return "", invalid("account", "is not one of those that it may be")
	}
	// The list of the bank may be older than another decision of the user, or than another list.
	taken, err := w.has(ctx, "SELECT 1 FROM bankmux_account_ids WHERE connection_id = $1 AND account = $2"+
		" AND created_at >= (SELECT created_at FROM bankmux_unnamed WHERE id = $3) LIMIT 1",
		conn.ID, name, r.id)
	if err != nil {
		return "", err
	}
	active, err := activeElsewhere(ctx, w, conn)
	if err != nil {
		return "", err
	}
	if taken || slices.Contains(active, name) {
		return "", invalid("account", "is another account")
	}
	return name, s.attach(ctx, w, conn, name, c.Account)
}
