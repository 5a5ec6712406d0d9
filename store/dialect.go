package store

// This file has the differences between the two databases.

import (
	"context"
	"strings"
)

// Dialect is the kind of a database. The zero Dialect is invalid.
type Dialect int

// The dialects.
const (
	SQLite   Dialect = iota + 1 // SQLite 3.35 or later, through modernc.org/sqlite
	Postgres                    // PostgreSQL 13 or later, through jackc/pgx
)

// String returns the name of the dialect.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite"
	case Postgres:
		return "postgres"
	}
	return "unknown"
}

// bind writes the parameters $1, $2, … of a query in the dialect. No query has another $.
func (d Dialect) bind(query string) string {
	if d == SQLite {
		return strings.ReplaceAll(query, "$", "?")
	}
	return query
}

// schema writes a schema in the dialect. Text is ordered by bytes in both, so pages are too.
func (d Dialect) schema(text string) string {
	if d == SQLite {
		return strings.ReplaceAll(text, "BYTEA", "BLOB")
	}
	return strings.ReplaceAll(text, " TEXT ", ` TEXT COLLATE "C" `)
}

// lockRow ends a SELECT whose rows stay locked until the transaction ends. SQLite locks the whole
// database when a transaction starts, see lockDatabase.
func (d Dialect) lockRow() string {
	if d == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// keepRow ends a SELECT whose rows cannot be deleted before the transaction ends.
func (d Dialect) keepRow() string {
	if d == Postgres {
		return " FOR KEY SHARE"
	}
	return ""
}

// lockContent ends a SELECT whose rows others may neither lock so nor change, until the transaction
// ends. They may keep them, see keepRow.
func (d Dialect) lockContent() string {
	if d == Postgres {
		return " FOR NO KEY UPDATE"
	}
	return ""
}

// skipLocked ends a SELECT that locks rows and leaves out those that others have locked.
func (d Dialect) skipLocked() string {
	if d == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// lockDatabase starts a writing transaction. On SQLite it takes the write lock at once, and waits
// for it as long as busy_timeout allows. A transaction that reads first and writes later would fail
// without a wait.
func (d Dialect) lockDatabase(ctx context.Context, tx queryer) error {
	if d != SQLite {
		return nil
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM bankmux_schema WHERE version < 0")
	return err
}

// emptyLog moves what SQLite has in its write-ahead log into the database, and empties the log. It
// may have rows that were deleted since. If it cannot be emptied now, a later call empties it.
func (d Dialect) emptyLog(ctx context.Context, db queryer) {
	if d == SQLite {
		_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
}

// Locks of PostgreSQL that belong to no row.
const (
	lockMigrate = 0x62616e6b6d757801 // "bankmux", 1
	lockQueue   = 0x62616e6b6d757802
)

// lockFor takes an advisory lock until the transaction ends. SQLite has locked the database.
func (d Dialect) lockFor(ctx context.Context, tx queryer, lock int64) error {
	if d != Postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", lock)
	return err
}
