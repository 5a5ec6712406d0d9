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
const SchemaVersion = 5

// Migrate makes the tables, or brings them up to date, in one transaction. Call it at the start of
// each process, before anything else. If several processes call it at once, one does the work and
// the others wait. It may be repeated.
//
// If the tables are up to date, Migrate only reads. So a process may have a role that may not
// change them, if another role has migrated the database.
//
// The names of all tables start with "bankmux_". The error is [bankmux.ErrInvalid] if a newer
// version of this package has migrated the database. Nothing is changed then.
func (s *Store) Migrate(ctx context.Context) error {
	const op = "Migrate"
	if err := s.alone(op); err != nil {
		return err
	}
	version, err := s.version(ctx, op)
	if err == nil {
		err = failed(op, checkVersion(version))
	}
	if err != nil || version == SchemaVersion {
		return err
	}
	return s.commit(ctx, op, func(w *work) error { return s.migrate(ctx, w, version) })
}

// checkVersion refuses tables that a newer version of this package has made.
func checkVersion(version int) error {
	if version > SchemaVersion {
		return invalid("database", "has version "+strconv.Itoa(version)+" of the schema, and this program knows "+
			strconv.Itoa(SchemaVersion)+" at most")
	}
	return nil
}

// migrate brings the tables up to date, from a version that was read before the transaction. The
// first statement takes a lock. If it did not, SQLite would fail beside another process, not wait.
func (s *Store) migrate(ctx context.Context, w *work, version int) error {
	if err := w.dialect.lockFor(ctx, w, lockMigrate); err != nil {
		return err
	}
	if version > 0 { // if the table is there, CREATE takes no lock
		if err := w.dialect.lockDatabase(ctx, w); err != nil {
			return err
		}
	}
	_, err := w.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS bankmux_schema"+
		" (version BIGINT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL)")
	if err != nil {
		return err
	}
	version, err = schemaVersion(ctx, w)
	if err == nil {
		err = checkVersion(version)
	}
	if err != nil {
		return err
	}
	for version++; version <= SchemaVersion; version++ {
		if err := s.apply(ctx, w, version); err != nil {
			return err
		}
	}
	return nil
}

// schemaVersion returns the version of the last file that was applied, 0 if none was.
func schemaVersion(ctx context.Context, w *work) (version int, err error) {
	err = w.row(ctx, "SELECT COALESCE(MAX(version), 0) FROM bankmux_schema", nil, []any{&version})
	return version, err
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
	return s.version(ctx, "Version")
}

func (s *Store) version(ctx context.Context, op string) (version int, err error) {
	err = s.read(ctx, op, func(w *work) error {
		version, err = schemaVersion(ctx, w)
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Detail == missingTable {
		return 0, nil
	}
	return version, err
}
