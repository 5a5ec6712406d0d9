package store

// This file runs statements and transactions.

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// queryer is a database or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// work runs the statements of one method.
type work struct {
	queryer
	dialect Dialect
}

// exec runs a statement and returns how many rows it changed.
func (w *work) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := w.ExecContext(ctx, w.dialect.bind(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads one row. The error is sql.ErrNoRows if there is none.
func (w *work) row(ctx context.Context, query string, args, into []any) error {
	return w.QueryRowContext(ctx, w.dialect.bind(query), args...).Scan(into...)
}

// has reports whether a query finds a row. The query selects one number.
func (w *work) has(ctx context.Context, query string, args ...any) (bool, error) {
	var one int
	err := w.row(ctx, query, args, []any{&one})
	if noRows(err) {
		return false, nil
	}
	return err == nil, err
}

// each reads all rows of a query. None is open any more when it returns, so further statements may
// run.
func each[T any](
	ctx context.Context, w *work, query string, args []any, scan func(*T) []any,
) (all []T, err error) {
	rows, err := w.QueryContext(ctx, w.dialect.bind(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one T
		if err := rows.Scan(scan(&one)...); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// read runs fn without a transaction of its own.
func (s *Store) read(ctx context.Context, op string, fn func(*work) error) error {
	w := &work{s.db, s.dialect}
	if s.tx != nil {
		w.queryer = s.tx
	}
	return failed(op, ended(ctx, fn(w)))
}

// maxTransactions is how often a transaction runs that the database aborted in favour of another.
const maxTransactions = 5

// write runs fn in a transaction that writes, and commits it, see commit. Inside a transaction of
// the application it leaves that to the application.
func (s *Store) write(ctx context.Context, op string, fn func(*work) error) error {
	if s.tx != nil {
		return failed(op, ended(ctx, fn(&work{s.tx, s.dialect})))
	}
	return s.commit(ctx, op, func(w *work) error {
		if err := w.dialect.lockDatabase(ctx, w); err != nil {
			return err
		}
		return fn(w)
	})
}

// commit runs fn in a transaction of its own. It runs fn again if the database aborted the
// transaction in favour of another, so fn must have no effect outside of the database.
func (s *Store) commit(ctx context.Context, op string, fn func(*work) error) error {
	for try := 1; ; try++ {
		err := ended(ctx, s.transaction(ctx, fn))
		if err == nil || try == maxTransactions || !aborted(err) || !pause(ctx, try) {
			return failed(op, err)
		}
	}
}

// transaction runs fn in one transaction.
func (s *Store) transaction(ctx context.Context, fn func(*work) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(&work{tx, s.dialect}); err != nil {
		return err
	}
	return tx.Commit()
}

// ended returns the error of ctx if a transaction or a connection was given up because ctx ended.
// Drivers and package sql report that as a lost connection, if it happens between two statements.
func ended(ctx context.Context, err error) error {
	if lost := sentinel(err); ctx.Err() != nil && lost != nil && !noRows(lost) {
		return ctx.Err()
	}
	return err
}

// pause waits before try+1: longer each time, and by chance, so that two processes part. It reports
// false if ctx ended first.
func pause(ctx context.Context, try int) bool {
	d := min(10*time.Millisecond<<min(try, 5), 250*time.Millisecond)
	d += time.Duration(rand.Int64N(int64(d))) //nolint:gosec // no secret depends on it
	return sleep(ctx, d)
}

// sleep waits. It reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// noRows reports whether a query found nothing.
func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// plainText returns s as a column can hold it. PostgreSQL takes neither NUL nor what is not UTF-8.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// checkText refuses an id that a column cannot hold.
func checkText(field, s string) error {
	switch {
	case s == "":
		return invalid(field, "is empty")
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return invalid(field, "is not UTF-8 without NUL")
	}
	return nil
}
