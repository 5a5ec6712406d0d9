// Package sqlite opens a [store.Store] in a SQLite file, with the driver modernc.org/sqlite. The
// driver is in Go, so a program with it builds without a C compiler.
package sqlite

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// maxConnections is how many connections a store opens: one writes, the others read.
const maxConnections = 8

// Open opens or makes a database file and returns a store in it. Call [store.Store.Migrate] before
// anything else, and close it with [store.Store.Close].
//
// A file that Open makes, and those that SQLite makes beside it, are for the user of the process
// alone. Others keep their permissions.
//
// The file is in WAL mode, so readers do not wait for a writer. A writer waits for another one for
// at most 10 s. What is deleted is overwritten with zeros. The store does not keep data in memory
// only, so the name ":memory:" is [bankmux.ErrInvalid]. A file that cannot be opened is a
// [*store.Error].
func Open(ctx context.Context, file string, aead bankmux.AEAD, options ...store.Option) (*store.Store, error) {
	if file == "" || strings.Contains(file, ":memory:") || strings.ContainsRune(file, 0) {
		return nil, &bankmux.Error{
			Op: "sqlite.Open", Kind: bankmux.ErrInvalid, NotSent: true,
			Field: "file", Detail: "is not the name of a file",
		}
	}
	makePrivate(file)
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath()}
	name.RawQuery = url.Values{
		"_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)",
		},
		"_txlock": {"immediate"},
	}.Encode()
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err // only if the driver is not registered
	}
	db.SetMaxOpenConns(maxConnections)
	return store.Open(ctx, db, store.SQLite, aead, options...)
}

// makePrivate makes the file if it does not exist. An empty file is a new database to SQLite, and
// the files beside it get its permissions. An error is left to SQLite, which has it too.
func makePrivate(file string) {
	if made, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600); err == nil { //nolint:gosec // the caller's file
		_ = made.Close()
	}
}
