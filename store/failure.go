package store

// This file makes the errors of the package.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux"
)

// invalid returns the error for a wrong argument.
func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}

// notFound returns the error for a missing row.
func notFound(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrNotFound, Field: what, Detail: "is not stored", NotSent: true}
}

// goneConnection returns the error for a write about a connection that was deleted.
func goneConnection(id string) *bankmux.Error {
	return &bankmux.Error{
		Kind: bankmux.ErrGone, Connection: id, Detail: "the connection is not stored", NotSent: true,
	}
}

// sealFault returns the error for a sealed value of the store.
func sealFault(what, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrSeal, Detail: "the sealed " + what + " " + detail, NotSent: true}
}

// within names the method of an error.
func within(op string, e *bankmux.Error) *bankmux.Error {
	if e.Op != "" {
		return e
	}
	named := *e
	named.Op = "store." + op
	return &named
}

// Error is a failure of the database, such as one that is full, busy or away. It has no
// [bankmux.Kind]. The call may be repeated. Its text has no value of a row, no name and no address.
type Error struct {
	Op     string // the method, such as "SaveSession"
	Code   string // the database's code, such as "SQLSTATE 53100" or "SQLITE 5"; "" if there was no response
	Detail string // what the code means

	cause error // one of the standard library's sentinels, or nil
}

// Error returns the method, what happened and the code.
func (e *Error) Error() string {
	text := "store." + e.Op + ": database " + e.Detail
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return text
}

// Unwrap returns [driver.ErrBadConn], [sql.ErrTxDone] or a similar sentinel, or nil.
func (e *Error) Unwrap() error { return e.cause }

// SQLState returns PostgreSQL's code, such as "40P01" for a deadlock, and "" if there is none. So a
// caller whose own transaction was aborted in favor of another can run it again.
func (e *Error) SQLState() string {
	if state, ok := strings.CutPrefix(e.Code, sqlStatePrefix); ok {
		return state
	}
	return ""
}

// sqlStatePrefix starts the codes of PostgreSQL.
const sqlStatePrefix = "SQLSTATE "

// failed returns the error of a method. What the database says is replaced by its code, because it
// may quote values.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	switch e := err.(type) { //nolint:errorlint // only these themselves; they are never wrapped
	case passed:
		return e.error
	case *bankmux.Error:
		return within(op, e)
	case *Error:
		if e.Op != "" {
			return e
		}
		named := *e
		named.Op = op
		return &named
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return within(op, &bankmux.Error{
				Kind: bankmux.ErrContextDone, Detail: "the context ended before the database responded", Err: end,
			})
		}
	}
	code, what := classify(err)
	return &Error{Op: op, Code: code, Detail: what, cause: sentinel(err)}
}

// passed is the error of a function of the caller, which is returned as it is.
type passed struct{ error }

// sentinel returns the error of the standard library that err is, or nil.
func sentinel(err error) error {
	for _, known := range []error{
		driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, sql.ErrNoRows, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// postgresError is an error of PostgreSQL. The drivers pgx and lib/pq return such errors.
type postgresError interface {
	error
	SQLState() string
}

// sqliteError is an error of SQLite with its extended result code.
type sqliteError interface {
	error
	Code() int
}

// classify returns the database's code of an error, and what it means.
func classify(err error) (code, what string) {
	if e, ok := errors.AsType[postgresError](err); ok {
		return sqlStatePrefix + e.SQLState(), sqlState(e.SQLState())
	}
	if e, ok := errors.AsType[sqliteError](err); ok {
		return "SQLITE " + strconv.Itoa(e.Code()), sqliteCode(e)
	}
	if _, ok := errors.AsType[net.Error](err); ok || sentinel(err) != nil {
		return "", "cannot be reached or was restarted"
	}
	return "", "failed"
}

// missingTable is the detail of an error before the first migration.
const missingTable = "lacks a table: call Store.Migrate"

// sqlState explains an error of PostgreSQL.
func sqlState(code string) string {
	switch {
	case code == "42P01":
		return missingTable
	case code == "53100":
		return "is full"
	case strings.HasPrefix(code, "53"):
		return "has no more resources"
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return "cannot be reached or was restarted"
	case code == "40001", code == "40P01", code == "55P03":
		return "is busy: other transactions had the rows for too long"
	case code == "42P05", code == "26000": // "prepared statement already exists", "does not exist"
		return "has lost a prepared statement: add default_query_exec_mode=exec to its URL, for a pooler"
	case code == "25006":
		return "is read-only"
	case strings.HasPrefix(code, "28"), code == "42501":
		return "does not allow it"
	case strings.HasPrefix(code, "23"):
		return "has a row that contradicts the new one"
	}
	return "failed"
}

// The result codes of SQLite that mean something here. The first eight bits of an extended code are
// the result code. The source is sqlite.org/rescode.html.
const (
	sqliteFailed       = 1
	sqlitePerm         = 3
	sqliteBusy         = 5
	sqliteLocked       = 6
	sqliteReadOnly     = 8
	sqliteIO           = 10
	sqliteCorrupt      = 11
	sqliteFull         = 13
	sqliteCannotOpen   = 14
	sqliteConstraint   = 19
	sqliteAuth         = 23
	sqliteNotADB       = 26
	sqliteBusySnapshot = sqliteBusy | 2<<8
)

// sqliteCode explains an error of SQLite.
func sqliteCode(e sqliteError) string {
	switch e.Code() & 0xff {
	case sqliteBusy, sqliteLocked:
		return "is busy: another transaction had the lock for too long"
	case sqliteFull:
		return "is full"
	case sqliteReadOnly, sqlitePerm, sqliteAuth:
		return "does not allow it"
	case sqliteCannotOpen:
		return "cannot be opened"
	case sqliteIO:
		return "cannot be read or written"
	case sqliteCorrupt, sqliteNotADB:
		return "is damaged, or is not a database"
	case sqliteConstraint:
		return "has a row that contradicts the new one"
	case sqliteFailed:
		if strings.Contains(e.Error(), "no such table") {
			return missingTable
		}
	}
	return "failed"
}

// aborted reports whether the database rolled a transaction back in favour of another, so that it
// may succeed when it runs again.
func aborted(err error) bool {
	if e, ok := errors.AsType[postgresError](err); ok {
		return e.SQLState() == "40001" || e.SQLState() == "40P01"
	}
	if e, ok := errors.AsType[sqliteError](err); ok {
		return e.Code() == sqliteBusySnapshot
	}
	return false
}
