package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	_ "modernc.org/sqlite" // pure Go

	"github.com/bankmux/bankmux"
)

// schema: known and seen hold what bankmux gave, as JSON; the other columns are the application's own.
const schema = `
CREATE TABLE IF NOT EXISTS account (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL,
	seen  TEXT NOT NULL -- bankmux.Account, as it was seen last
);
CREATE TABLE IF NOT EXISTS provider_account ( -- all ids an account ever had at a provider
	id      TEXT PRIMARY KEY,
	account INTEGER NOT NULL REFERENCES account
);
CREATE TABLE IF NOT EXISTS entry (
	id      INTEGER PRIMARY KEY, -- stays, whatever the bank does
	account TEXT NOT NULL,
	date    TEXT NOT NULL,
	amount  TEXT NOT NULL,
	text    TEXT NOT NULL,
	note    TEXT NOT NULL DEFAULT '', -- the user's
	key     TEXT NOT NULL UNIQUE,
	known   TEXT NOT NULL -- bankmux.Known
);
CREATE INDEX IF NOT EXISTS entry_day ON entry (account, date);
CREATE TABLE IF NOT EXISTS cursor (
	connection TEXT PRIMARY KEY,
	next       TEXT NOT NULL
);`

// store is the application's database.
type store struct {
	db      *sql.DB
	names   map[string]string // the provider's id of an account -> the application's own
	mistake mistake
}

func openStore(ctx context.Context, file string) (*store, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"+schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &store{db: db, names: map[string]string{}}, nil
}

func (s *store) close() { _ = s.db.Close() }

// name is the application's name of an account.
func (s *store) name(id string) string { return s.names[id] }

// known reads what is stored of an account between two days.
func (s *store) known(ctx context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		rows, err := s.db.QueryContext(ctx, "SELECT known FROM entry WHERE account = ? AND date BETWEEN ? AND ?", account, from.String(), to.String())
		if err != nil {
			yield(bankmux.Known{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var raw []byte
			var k bankmux.Known
			if err := errors.Join(rows.Scan(&raw), json.Unmarshal(raw, &k)); !yield(k, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(bankmux.Known{}, err)
		}
	}
}

// cursor is where the syncs of a connection stopped, "" before the first.
func (s *store) cursor(ctx context.Context, connection string) (next string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT next FROM cursor WHERE connection = ?", connection).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return next, err
}

// errCrash is what a process that dies before its commit leaves: nothing.
var errCrash = errors.New("the process died before the commit")

// commit stores a page and the cursor behind it in one transaction.
func (s *store) commit(ctx context.Context, connection string, page bankmux.Delta, crash bool) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit there is nothing to take back
	if s.mistake != nil {
		if page, err = s.mistake(ctx, tx, page); err != nil {
			return err
		}
	}
	for _, a := range page.Added {
		if err := insert(ctx, tx, a.Known); err != nil {
			return err
		}
	}
	for _, c := range slices.Concat(page.Modified, page.Replaced) {
		if err := update(ctx, tx, c.Was.Key, c.Known); err != nil {
			return err
		}
	}
	for _, m := range page.Missing {
		if err := update(ctx, tx, m.Known.Key, m.Known); err != nil {
			return err
		}
	}
	for _, r := range page.Removed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM entry WHERE key = ?", r.Known.Key); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET next = excluded.next", connection, page.Next); err != nil {
		return err
	}
	if crash {
		return errCrash
	}
	return tx.Commit()
}

func insert(ctx context.Context, tx *sql.Tx, k bankmux.Known) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO entry (account, date, amount, text, key, known) VALUES (?, ?, ?, ?, ?, ?)",
		k.Account, k.Date.String(), k.Amount.Amount(), k.Text, k.Key, raw)
	return err
}

// update changes a row in place, so that its id and the user's note stay.
func update(ctx context.Context, tx *sql.Tx, key string, k bankmux.Known) error {
	raw, err := json.Marshal(k)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, "UPDATE entry SET date = ?, amount = ?, text = ?, key = ?, known = ? WHERE key = ?",
		k.Date.String(), k.Amount.Amount(), k.Text, k.Key, raw, key)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d rows have the key %s: %w", n, key, err)
	}
	return nil
}

// annotate writes notes on some rows, as users do, and returns them by the id of the row.
func (s *store) annotate(ctx context.Context) (map[int64]string, error) {
	if _, err := s.db.ExecContext(ctx, "UPDATE entry SET note = 'note ' || id WHERE id % 7 = 0"); err != nil {
		return nil, err
	}
	return s.notes(ctx)
}

func (s *store) notes(ctx context.Context) (map[int64]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, note FROM entry WHERE note <> ''")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	notes := map[int64]string{}
	for rows.Next() {
		var id int64
		var note string
		if err := rows.Scan(&id, &note); err != nil {
			return nil, err
		}
		notes[id] = note
	}
	return notes, rows.Err()
}
