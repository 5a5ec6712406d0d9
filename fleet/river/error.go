package riversync

// This file has the errors of the package.

import (
	"context"
	"database/sql"
	"errors"

	"github.com/bankmux/bankmux"
)

// errLost is the error of a run whose job was given to another worker. SyncAll stores nothing after
// it.
var errLost = &bankmux.Error{Kind: bankmux.ErrContextDone, Detail: "another worker has the connection", NotSent: true}

// invalid returns the error for a wrong argument.
func invalid(field, detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: field + " " + detail, NotSent: true}
}

// noRows reports whether a query found nothing.
func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// isGone reports whether the user has deleted a connection.
func isGone(err error) bool {
	kind := bankmux.KindOf(err)
	return kind == bankmux.ErrNotFound || kind == bankmux.ErrGone
}

// Error is the error of the database. Its text has the method and PostgreSQL's code. It never has a
// value, a statement or an address.
type Error struct {
	Op    string // the method that failed
	State string // SQLSTATE, "" if there was no response
	Err   error  // the error of the context, nil if it had not ended
}

// Error returns one line.
func (e *Error) Error() string {
	switch {
	case e.State == "42P01":
		return "riversync: " + e.Op + ": the schema is missing: call Migrate"
	case e.State != "":
		return "riversync: " + e.Op + ": SQLSTATE " + e.State
	case e.Err != nil:
		return "riversync: " + e.Op + ": " + e.Err.Error()
	}
	return "riversync: " + e.Op + ": the database failed"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// stated is an error with PostgreSQL's code, such as those of pgx and of package store.
type stated interface {
	error
	SQLState() string
}

// aborted reports whether PostgreSQL ended a transaction in favor of another, so that it may
// succeed when it runs again.
func aborted(err error) bool {
	e, ok := errors.AsType[stated](err)
	return ok && (e.SQLState() == "40001" || e.SQLState() == "40P01")
}

// failed returns the error of a method, and nil for nil. One that has a kind stays as it is.
func failed(op string, err error) error {
	if err == nil || bankmux.KindOf(err) != bankmux.ErrUnknown {
		return err
	}
	out := &Error{Op: op}
	if of, ok := errors.AsType[stated](err); ok {
		out.State = of.SQLState()
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			out.Err = end
		}
	}
	return out
}
