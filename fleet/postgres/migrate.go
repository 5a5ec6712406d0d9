package postgres

// This file makes the tables and functions and brings them up to date.

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations has the schema, one file per version. A file that was released never changes.
//
//go:embed schema/*.sql
var migrations embed.FS

// SchemaVersion is the version of the tables and functions that this package uses.
const SchemaVersion = 1

// lockMigrate is the advisory lock of a migration. It belongs to a transaction.
const lockMigrate = 0x62616e6b6d757803 // "bankmux", 3; package store has 1 and 2

// Migrate makes the tables and functions, or brings them up to date, in one transaction. Call it at
// the start of each process, or once with a role that may make tables. If several processes call it
// at once, one does the work and the others wait. It may be repeated. All names start with
// "bankmux_fleet_".
//
// The error says so if a newer version of this package has migrated the database. Nothing is
// changed then.
func (b *Backend) Migrate(ctx context.Context) error {
	newer := 0
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockMigrate)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS bankmux_fleet_schema"+
			" (version INTEGER NOT NULL PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now())")
		if err != nil {
			return err
		}
		version := 0
		row := tx.QueryRow(ctx, "SELECT COALESCE(MAX(version), 0) FROM bankmux_fleet_schema")
		if err := row.Scan(&version); err != nil {
			return err
		}
		if version > SchemaVersion {
			newer = version
			return nil
		}
		for version++; version <= SchemaVersion; version++ {
			if err := apply(ctx, tx, version); err != nil {
				return err
			}
		}
		return nil
	})
	if newer > 0 {
		return fmt.Errorf("postgres: Migrate: the database has version %d of the schema, "+
			"and this program knows %d at most", newer, SchemaVersion)
	}
	return failed("Migrate", err)
}

// apply runs the file of one version.
func apply(ctx context.Context, tx pgx.Tx, version int) error {
	text, err := migrations.ReadFile(fmt.Sprintf("schema/%04d.sql", version))
	if err != nil {
		return err
	}
	// Several statements at once go through the simple protocol.
	if _, err := tx.Conn().PgConn().Exec(ctx, string(text)).ReadAll(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO bankmux_fleet_schema (version) VALUES ($1)", version)
	return err
}
