package store

// This file stores connections.

import (
	"context"
	"errors"
	"strings"

	"github.com/bankmux/bankmux"
)

// SaveConnection stores a connection sealed, as [bankmux.Client.ExchangeToken] returned it. It
// replaces what the row has, so use [Store.Update] for every later change. It closes an open
// challenge of the connection. If an Update of the connection runs, SaveConnection waits for its
// end.
//
// The error is [bankmux.ErrInvalid] for a connection without credential, and for an id that belongs
// to another user.
func (s *Store) SaveConnection(ctx context.Context, conn bankmux.Connection) error {
	const op = "SaveConnection"
	return s.untilFree(ctx, op, func() error {
		return s.write(ctx, op, func(w *work) error { return s.putLinked(ctx, w, conn) })
	})
}

// errHeld means that another Update has the connection.
var errHeld = &Error{Op: "Update", Detail: "the row is being changed elsewhere: roll back and try again"}

// untilFree runs fn again while another Update has the connection. Inside a transaction of the
// application it does not wait, because the other one may wait for that transaction.
func (s *Store) untilFree(ctx context.Context, op string, fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if s.tx != nil || !errors.Is(err, errHeld) {
			return err
		}
		if !pause(ctx, try) {
			return failed(op, ctx.Err())
		}
	}
}

// putLinked stores a connection that was linked or reconnected. Its next sync is due at once. An
// open challenge is closed, because the bank asked the login before.
func (s *Store) putLinked(ctx context.Context, w *work, conn bankmux.Connection) error {
	if err := s.putConnection(ctx, w, conn); err != nil {
		return err
	}
	if err := s.dropLostSync(ctx, w, conn); err != nil {
		return err
	}
	_, err := w.exec(ctx, "UPDATE bankmux_challenges SET sealed = $1 WHERE connection_id = $2 AND "+isOpen,
		[]byte{}, conn.ID)
	if err != nil {
		return err
	}
	_, err = w.exec(ctx, "UPDATE bankmux_connections SET due_at = 0 WHERE id = $1", conn.ID)
	return err
}

// dropLostSync deletes the state of a connection's syncs if it does not open. The next sync then
// reads all again, and finds the stored rows. The caller has locked the connection.
func (s *Store) dropLostSync(ctx context.Context, w *work, conn bankmux.Connection) error {
	var sealed []byte
	err := w.row(ctx, "SELECT sealed FROM bankmux_syncs WHERE id = $1 AND user_id = $2",
		[]any{conn.ID, conn.User}, []any{&sealed})
	if noRows(err) {
		return nil
	}
	var state bankmux.SyncState
	if err != nil || s.open(sealedSync, sealed, &state, conn.User, conn.ID) == nil {
		return err
	}
	_, err = w.exec(ctx, "DELETE FROM bankmux_syncs WHERE id = $1 AND user_id = $2", conn.ID, conn.User)
	return err
}

// putConnection stores a connection unless an Update has it.
func (s *Store) putConnection(ctx context.Context, w *work, conn bankmux.Connection) error {
	if err := checkText("Connection.User", conn.User); err != nil {
		return err
	}
	if err := checkText("Connection.ID", conn.ID); err != nil {
		return err
	}
	sealed, err := conn.Seal(s.aead)
	if err != nil {
		return err
	}
	bank, name := bankOf(conn)
	now := s.nowMillis()
	n, err := w.exec(ctx, "INSERT INTO bankmux_connections (id, user_id, created_at, updated_at, provider,"+
		" environment, client, reference_key, bank, bank_name, state, due_at, holder, held_until, sealed)"+
		" VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', 0, $11)"+
		" ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, provider = excluded.provider,"+
		" environment = excluded.environment, client = excluded.client, reference_key = excluded.reference_key,"+
		" bank = excluded.bank, bank_name = excluded.bank_name, state = excluded.state, holder = '',"+
		" held_until = 0, sealed = excluded.sealed WHERE bankmux_connections.user_id = excluded.user_id"+
		" AND bankmux_connections.held_until <= $3",
		conn.ID, conn.User, now, plainText(conn.Provider), plainText(string(conn.Environment)),
		plainText(conn.Client), conn.ReferenceKey, bank, name, plainText(string(conn.Status.State)), sealed)
	if err != nil || n > 0 {
		return err
	}
	var user string
	err = w.row(ctx, "SELECT user_id FROM bankmux_connections WHERE id = $1", []any{conn.ID}, []any{&user})
	if err == nil && user != conn.User {
		return invalid("Connection.ID", "belongs to another user")
	}
	if err != nil && !noRows(err) {
		return err
	}
	return errHeld
}

// bankOf returns the two names under which connections and accounts of one bank are found.
func bankOf(conn bankmux.Connection) (bank, name string) {
	if conn.Institution.ID != "" {
		bank = plainText(conn.Provider + ":" + conn.Institution.ID)
	}
	return bank, plainText(strings.Join(strings.Fields(strings.ToLower(conn.Institution.Name)), " "))
}

// connectionRow is a row of bankmux_connections.
type connectionRow struct {
	ref    bankmux.Ref
	sealed []byte
}

const connectionColumns = "SELECT id, user_id, provider, environment, sealed FROM bankmux_connections"

func (r *connectionRow) fields() []any {
	return []any{&r.ref.ID, &r.ref.User, &r.ref.Provider, &r.ref.Environment, &r.sealed}
}

// Connection returns a connection of a user. The error is [bankmux.ErrNotFound] for an unknown one
// and for one of another user.
func (s *Store) Connection(ctx context.Context, user, id string) (conn bankmux.Connection, err error) {
	err = s.read(ctx, "Connection", func(w *work) error {
		conn, err = s.oneConnection(ctx, w, connectionColumns+" WHERE user_id = $1 AND id = $2", user, id)
		return err
	})
	return conn, err
}

// oneConnection reads the connection of a query.
func (s *Store) oneConnection(ctx context.Context, w *work, query string, args ...string) (bankmux.Connection, error) {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = plainText(arg)
	}
	var r connectionRow
	err := w.row(ctx, query, values, r.fields())
	if noRows(err) {
		return bankmux.Connection{}, notFound("connection")
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	return bankmux.Open(s.aead, r.ref, r.sealed)
}

// Connections returns the connections of a user, the oldest first. If some do not open, because
// their key is lost, it returns the others, and joins an error of [bankmux.ErrSeal] for each that
// does not. [bankmux.Error.Connection] names it.
func (s *Store) Connections(ctx context.Context, user string) (all []bankmux.Connection, err error) {
	const op = "Connections"
	var lost []error
	err = s.read(ctx, op, func(w *work) error {
		rows, err := each(ctx, w, connectionColumns+" WHERE user_id = $1 ORDER BY created_at, id",
			[]any{plainText(user)}, (*connectionRow).fields)
		for _, r := range rows {
			conn, openErr := bankmux.Open(s.aead, r.ref, r.sealed)
			if openErr != nil {
				lost = append(lost, failed(op, ofConnection(r.ref.ID, openErr)))
				continue
			}
			all = append(all, conn)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(lost...)
}

// ofConnection returns the error of a row with the connection to which the row belongs.
func ofConnection(id string, err error) error {
	e := bankmux.ErrorOf(err)
	if e == nil {
		return err
	}
	named := *e
	named.Connection = id
	return &named
}

// FindConnection returns the connection that a webhook names by [bankmux.Event.Client] and
// [bankmux.Event.ReferenceKey], of whatever user. If several have the reference, it is the newest.
// The error is [bankmux.ErrNotFound] if none has it.
func (s *Store) FindConnection(ctx context.Context, client, referenceKey string) (conn bankmux.Connection, err error) {
	err = s.read(ctx, "FindConnection", func(w *work) error {
		conn, err = s.findConnection(ctx, w, client, referenceKey)
		return err
	})
	return conn, err
}

func (s *Store) findConnection(
	ctx context.Context, w *work, client, referenceKey string,
) (bankmux.Connection, error) {
	if referenceKey == "" {
		return bankmux.Connection{}, notFound("connection")
	}
	return s.oneConnection(ctx, w, connectionColumns+
		" WHERE client = $1 AND reference_key = $2 ORDER BY created_at DESC, id LIMIT 1", client, referenceKey)
}

// DeleteConnection deletes a connection of a user with its open challenges, its queued events and
// the state of its syncs. End the access at the provider first, with [bankmux.Client.Disconnect].
// It may be repeated.
//
// The accounts and transactions stay, so that a new link to the bank finds them.
// [Store.DeleteAccount] deletes these.
func (s *Store) DeleteConnection(ctx context.Context, user, id string) error {
	return s.write(ctx, "DeleteConnection", func(w *work) error {
		return deleteConnection(ctx, w, plainText(user), plainText(id))
	})
}

// deleteConnection deletes the connection first: that waits for the transactions that keep its row,
// and stops those that come later.
func deleteConnection(ctx context.Context, w *work, user, id string) error {
	var client, referenceKey string
	err := w.row(ctx, "SELECT client, reference_key FROM bankmux_connections WHERE user_id = $1 AND id = $2"+
		w.dialect.lockRow(), []any{user, id}, []any{&client, &referenceKey})
	if noRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := moveAccounts(ctx, w, user, id); err != nil {
		return err
	}
	for _, query := range []string{
		"DELETE FROM bankmux_connections WHERE id = $1",
		"DELETE FROM bankmux_syncs WHERE id = $1",
		"DELETE FROM bankmux_challenges WHERE connection_id = $1",
		"DELETE FROM bankmux_account_ids WHERE connection_id = $1",
		"DELETE FROM bankmux_unnamed WHERE connection_id = $1",
	} {
		if _, err := w.exec(ctx, query, id); err != nil {
			return err
		}
	}
	if referenceKey == "" {
		return nil
	}
	_, err = w.exec(ctx, "DELETE FROM bankmux_events WHERE client = $1 AND reference_key = $2 AND NOT EXISTS"+
		" (SELECT 1 FROM bankmux_connections WHERE client = $1 AND reference_key = $2)", client, referenceKey)
	return err
}

// moveAccounts gives the accounts of a connection that ends to another connection that lists them,
// as after a bank was linked twice.
func moveAccounts(ctx context.Context, w *work, user, id string) error {
	const others = " FROM bankmux_account_ids i WHERE i.user_id = $1 AND i.connection_id <> $2" +
		" AND i.account = bankmux_accounts.id"
	_, err := w.exec(ctx, "UPDATE bankmux_accounts SET connection_id = (SELECT i.connection_id"+others+
		" ORDER BY i.created_at DESC, i.connection_id LIMIT 1)"+
		" WHERE user_id = $1 AND connection_id = $2 AND EXISTS (SELECT 1"+others+")", user, id)
	return err
}

// keepConnection makes sure that a connection is stored until the transaction ends. Everything that
// belongs to a connection is written after it, so that nothing outlives a deletion.
func keepConnection(ctx context.Context, w *work, user, id string) error {
	return hasConnection(ctx, w, user, id, w.dialect.keepRow())
}

// hasConnection returns the error for a connection that is not stored. Lock ends the SELECT.
func hasConnection(ctx context.Context, w *work, user, id, lock string) error {
	stored, err := w.has(ctx, "SELECT 1 FROM bankmux_connections WHERE id = $1 AND user_id = $2"+lock,
		plainText(id), plainText(user))
	if err == nil && !stored {
		return goneConnection(id)
	}
	return err
}
