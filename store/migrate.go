package store

// This file makes the tables and brings them up to date.

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// migrations has the schema, one file per version. A file that was released never changes.
//
//go:embed schema/*.sql
var migrations embed.FS

// SchemaVersion is the version of the tables that this package reads and writes.
const SchemaVersion = 1

// Migrate makes the tables, or brings them up to date, in one transaction. Call it at the start of
// each process, before anything else. If several processes call it at once, one does the work and
// the others wait. It may be repeated.
//
// The names of all tables start with "bankmux_". The error is [bankmux.ErrInvalid] if a newer
// version of this package has migrated the database. Nothing is changed then.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.alone("Migrate"); err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := s.migrate(ctx)
		if err == nil || try == maxTransactions || !aborted(err) || !pause(ctx, try) {
			return failed("Migrate", err)
		}
	}
}

func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := s.dialect.lockFor(ctx, tx, lockMigrate); err != nil {
		return err
	}
	// On SQLite this statement takes the write lock.
	_, err = tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS bankmux_schema"+
		" (version BIGINT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL)")
	if err != nil {
		return err
	}
	w := &work{queryer: tx, dialect: s.dialect, tx: tx}
	var version int
	err = w.row(ctx, "SELECT COALESCE(MAX(version), 0) FROM bankmux_schema", nil, []any{&version})
	if err != nil {
		return err
	}
	if version > SchemaVersion {
		return invalid("database", "has version "+strconv.Itoa(version)+" of the schema, and this program knows "+
			strconv.Itoa(SchemaVersion)+" at most")
	}
	for version++; version <= SchemaVersion; version++ {
		if err := s.apply(ctx, w, version); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// apply runs the file of one version.
func (s *Store) apply(ctx context.Context, w *work, version int) error {
	text, err := migrations.ReadFile(fmt.Sprintf("schema/%04d.sql", version))
	if err != nil {
		return err
	}
	for statement := range strings.SplitSeq(s.dialect.schema(string(text)), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := w.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err = w.exec(ctx, "INSERT INTO bankmux_schema (version, created_at) VALUES ($1, $2)", version, s.nowMillis())
	return err
}

// Version returns the version of the schema that the database has, 0 before the first migration.
func (s *Store) Version(ctx context.Context) (version int, err error) {
	err = s.read(ctx, "Version", func(w *work) error {
		return w.row(ctx, "SELECT COALESCE(MAX(version), 0) FROM bankmux_schema", nil, []any{&version})
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Detail == missingTable {
		return 0, nil
	}
	return version, err
}
