package store

// This file deletes users.

import (
	"context"
	"errors"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/share"
)

// userTables are the tables with rows of users, but for connections and for those of endLinks.
var userTables = []string{
	"bankmux_challenges", "bankmux_syncs", "bankmux_account_ids", "bankmux_balances", "bankmux_transactions",
	"bankmux_removed", "bankmux_suggestions", "bankmux_unnamed", "bankmux_accounts",
}

// errLinked ends a transaction that must not commit, because the user has a connection.
var errLinked = passed{errors.New("store: the user has a connection")}

// DeleteUser ends the access to all banks of a user and deletes everything of the user. For each
// connection it calls disconnect, which ends the access at the provider with
// [bankmux.Client.Disconnect], and then deletes the connection.
//
// If disconnect fails, the connection stays with its credential, so that DeleteUser can be
// repeated. DeleteUser still ends the access of the other connections. It then keeps the accounts
// and transactions, and returns the errors of disconnect. It may be repeated after a success too.
//
// The calls of disconnect follow each other. If ctx has a deadline, each gets an equal share of the
// time that is left. So a provider that hangs leaves time for the others.
//
// It returns the exchanges of the user that may have opened an access that no connection has: those
// of [Store.Unfinished], and those that run now. Each stays listed there with the ids of user and
// session. Look the user up at the provider, and call [Store.CloseUnfinished]. A process that lives
// gets its result, ends the access and calls [Store.ForgetExchange]. A repeat returns what is left.
//
// Links that the user has not finished end first. A sync or an exchange that runs meanwhile stores
// nothing any more: it gets [bankmux.ErrGone] or [bankmux.ErrNotFound].
//
// A connection that does not open, because its key is lost, stays too, and the errors join one of
// [bankmux.ErrSeal] that names it. Delete it with [Store.DeleteConnection].
//
// Package store/sqlite overwrites what is deleted. After the rows are gone, DeleteUser also empties
// the file with the suffix -wal. A reader or writer that is busy for longer than busy_timeout
// prevents that. The file then keeps old texts until the database is closed, or until the next
// DeleteUser. PostgreSQL overwrites deleted rows some time after a vacuum.
func (s *Store) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) (left []Unfinished, err error) {
	const op = "DeleteUser"
	if err := s.alone(op); err != nil {
		return nil, err
	}
	if err := checkText("user", user); err != nil {
		return nil, failed(op, err)
	}
	for {
		err := s.write(ctx, op, func(w *work) error {
			left, err = endLinks(ctx, w, user)
			return err
		})
		if err != nil {
			return nil, err
		}
		conns, lost := s.Connections(ctx, user)
		if bankmux.KindOf(lost) != bankmux.ErrSeal && lost != nil {
			return left, lost
		}
		if err := s.endAccess(ctx, conns, disconnect); err != nil || lost != nil {
			return left, joined(err, lost)
		}
		left, done, err := s.deleteRows(ctx, user)
		if done {
			s.dialect.emptyLog(ctx, s.db)
		}
		if done || err != nil {
			return left, err
		}
	}
}

// endLinks deletes the sessions of a user, so that no exchange that runs can store a connection. It
// waits for one that is storing it. It returns the exchanges that it does not delete, because they
// are in doubt.
func endLinks(ctx context.Context, w *work, user string) ([]Unfinished, error) {
	_, err := w.exec(ctx, "DELETE FROM bankmux_events WHERE session_id IN"+
		" (SELECT id FROM bankmux_sessions WHERE user_id = $1)", user)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"DELETE FROM bankmux_sessions WHERE user_id = $1",
		"UPDATE bankmux_exchanges SET state = '" + doubtfulLeft + "', sealed = NULL WHERE user_id = $1 AND " + doubtful,
		"DELETE FROM bankmux_exchanges WHERE user_id = $1 AND NOT " + doubtful,
	} {
		if _, err := w.exec(ctx, statement, user); err != nil {
			return nil, err
		}
	}
	left, err := unfinishedRows(ctx, w, "user_id = $1 ORDER BY created_at, id", user)
	return listed(left), err
}

// endAccess disconnects and deletes connections. A provider that hangs takes its share of the time,
// and one more share is for the database.
func (s *Store) endAccess(
	ctx context.Context, conns []bankmux.Connection, disconnect func(context.Context, bankmux.Connection) error,
) error {
	var all []error
	for i, conn := range conns {
		err := share.Of(ctx, len(conns)-i+1, func(ctx context.Context) error { return disconnect(ctx, conn) })
		if err == nil {
			err = s.DeleteConnection(ctx, conn.User, conn.ID)
		}
		if err != nil {
			all = append(all, err)
		}
	}
	return joined(all...)
}

// joined returns errors as one. A single error stays as it is.
func joined(all ...error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// deleteRows deletes the rows of a user. It deletes nothing and reports false if a connection was
// stored meanwhile. On PostgreSQL each statement sees what others committed before it. So the links
// end first, and the connections are counted last.
func (s *Store) deleteRows(ctx context.Context, user string) (left []Unfinished, done bool, err error) {
	err = s.write(ctx, "DeleteUser", func(w *work) error {
		if left, err = endLinks(ctx, w, user); err != nil {
			return err
		}
		for _, table := range userTables {
			if _, err := w.exec(ctx, "DELETE FROM "+table+" WHERE user_id = $1", user); err != nil {
				return err
			}
		}
		linked, err := w.has(ctx, "SELECT 1 FROM bankmux_connections WHERE user_id = $1 LIMIT 1", user)
		if linked {
			return errLinked
		}
		return err
	})
	if errors.Is(err, errLinked.error) {
		return left, false, nil
	}
	return left, err == nil, err
}
