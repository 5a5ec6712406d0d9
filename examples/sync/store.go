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

// schema is the application's. The columns known and seen have the library's values as JSON. Sealed
// connections would be here too: see docs/store.md.
const schema = `
CREATE TABLE IF NOT EXISTS account (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL,
	seen  TEXT NOT NULL -- bankmux.Account, as it was seen last
);
CREATE TABLE IF NOT EXISTS provider_account ( -- all ids an account ever had
	provider TEXT NOT NULL,
	id       TEXT NOT NULL,
	account  INTEGER NOT NULL REFERENCES account,
	PRIMARY KEY (provider, id)
);
CREATE TABLE IF NOT EXISTS entry (
	id      INTEGER PRIMARY KEY AUTOINCREMENT, -- stays, whatever the bank does, and is never another row's
	account TEXT NOT NULL,
	date    TEXT NOT NULL,
	amount  TEXT NOT NULL,
	text    TEXT NOT NULL,
	note    TEXT NOT NULL DEFAULT '', -- the user's
	key     TEXT NOT NULL UNIQUE,
	known   TEXT NOT NULL -- bankmux.Known
);
CREATE INDEX IF NOT EXISTS entry_day ON entry (account, date);
CREATE TABLE IF NOT EXISTS taken_back ( -- rows that the bank took back, to show the user what became of a note
	id   INTEGER PRIMARY KEY, -- of the entry that was
	note TEXT NOT NULL,
	why  TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS question ( -- rows that may have become another: nothing was merged, the user is to be asked
	entry INTEGER NOT NULL, -- which may be among taken_back by then
	may   TEXT NOT NULL     -- the other's key
);
CREATE TABLE IF NOT EXISTS cursor (
	connection TEXT PRIMARY KEY,
	next       TEXT NOT NULL,
	stored     INTEGER NOT NULL -- how often it was: two cursors may be equal though something happened in between
);`

// store is the database of the application.
type store struct {
	file    string
	db      *sql.DB
	names   map[providerID]string // the application's id of an account
	mistake mistake
}

// providerID identifies a provider's account. Two providers may use equal ids.
type providerID struct{ provider, id string }

func openStore(ctx context.Context, file string) (*store, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &store{file: file, db: db, names: map[providerID]string{}}
	if _, err := db.ExecContext(
		ctx,
		"PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; "+
			"PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"+schema,
	); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.readNames(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *store) close() { _ = s.db.Close() }

// reopen stands for a new process: it knows only what is in the file.
func (s *store) reopen(ctx context.Context) error {
	s.close()
	again, err := openStore(ctx, s.file)
	if err == nil {
		s.db, s.names = again.db, again.names
	}
	return err
}

func (s *store) readNames(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT provider, id, account FROM provider_account")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at providerID
		var name string
		if err := rows.Scan(&at.provider, &at.id, &name); err != nil {
			return err
		}
		s.names[at] = name
	}
	return rows.Err()
}

// name returns the application's names of a provider's accounts, for [bankmux.SyncRequest].
func (s *store) name(provider string) func(id string) string {
	return func(id string) string { return s.names[providerID{provider, id}] }
}

// empty reports whether the file has no rows.
func (s *store) empty(ctx context.Context) (bool, error) {
	n, err := s.count(ctx)
	return n == 0 && len(s.names) == 0, err
}

func (s *store) count(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM entry").Scan(&n)
	return n, err
}

// known returns the stored rows of an account between two days.
func (s *store) known(ctx context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		rows, err := s.db.QueryContext(
			ctx,
			"SELECT known FROM entry WHERE account = ? AND date BETWEEN ? AND ?",
			account,
			from.String(),
			to.String(),
		)
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

// position is where the syncs of a connection stopped. It is zero before the first.
type position struct {
	next   string
	stored int
}

// position returns where the syncs of a connection stopped.
func (s *store) position(ctx context.Context, connection string) (at position, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT next, stored FROM cursor WHERE connection = ?", connection).
		Scan(&at.next, &at.stored)
	if errors.Is(err, sql.ErrNoRows) {
		return position{}, nil
	}
	return at, err
}

// forget restarts the syncs of a connection. Stored rows stay and are matched again.
func (s *store) forget(ctx context.Context, connection string) error {
	_, err := s.db.ExecContext(ctx, "UPDATE cursor SET next = '', stored = stored + 1 WHERE connection = ?", connection)
	return err
}

// errCrash stands for a process that dies before its commit, so nothing is stored.
var errCrash = errors.New("the process died before the commit")

// errOvertaken means that another sync moved the cursor after the page was read.
var errOvertaken = errors.New("another sync of the connection stored a page first")

// advance moves the cursor if it is still the one from which the page was read.
func advance(ctx context.Context, tx *sql.Tx, connection string, from position, next string) error {
	res, err := tx.ExecContext(
		ctx,
		"UPDATE cursor SET next = ?, stored = stored + 1 WHERE connection = ? AND stored = ?",
		next,
		connection,
		from.stored,
	)
	if err == nil && from.stored == 0 {
		res, err = tx.ExecContext(ctx, "INSERT INTO cursor VALUES (?, ?, 1) ON CONFLICT DO NOTHING", connection, next)
	}
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = errOvertaken
	}
	return err
}

// commit stores a page and its cursor in one transaction. If the stored cursor is not the one from
// which the page was read, it stores nothing and returns errOvertaken.
func (s *store) commit(ctx context.Context, connection string, from position, page bankmux.Delta, crash bool) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := advance(ctx, tx, connection, from, page.Next); err != nil {
		return err
	}
	if s.mistake != nil {
		if page, err = s.mistake(ctx, tx, page); err != nil {
			return err
		}
	}
	for _, q := range page.Suggested {
		for _, may := range q.May {
			if _, err := tx.ExecContext(
				ctx,
				"INSERT INTO question SELECT id, ? FROM entry WHERE key = ?",
				may.Key,
				q.Was.Key,
			); err != nil {
				return err
			}
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
		if err := remove(ctx, tx, r); err != nil {
			return err
		}
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
	_, err = tx.ExecContext(
		ctx,
		"INSERT INTO entry (account, date, amount, text, key, known) VALUES (?, ?, ?, ?, ?, ?)",
		k.Account,
		k.Date.String(),
		k.Amount.Amount(),
		k.Text,
		k.Key,
		raw,
	)
	return err
}

// update changes a row in place, so its id and the user's note stay.
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
	return one(res, key)
}

// remove deletes a row that the bank removed, and keeps the user's note.
func remove(ctx context.Context, tx *sql.Tx, r bankmux.Absence) error {
	if _, err := tx.ExecContext(
		ctx,
		"INSERT INTO taken_back SELECT id, note, ? FROM entry WHERE key = ?",
		r.Reason,
		r.Known.Key,
	); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, "DELETE FROM entry WHERE key = ?", r.Known.Key)
	if err != nil {
		return err
	}
	return one(res, r.Known.Key)
}

// one requires that a change found exactly one row. Otherwise page and file would differ.
func one(res sql.Result, key string) error {
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows have the key %s", n, key)
	}
	return err
}

// annotated is a row with a note.
type annotated struct {
	id   int64
	note string
	row  movement
}

// annotate writes notes on some rows that have none.
func (s *store) annotate(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "UPDATE entry SET note = 'note ' || id WHERE id % 7 = 0 AND note = ''")
	return err
}

// annotated returns the rows with notes.
func (s *store) annotated(ctx context.Context) ([]annotated, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, note, account, date, amount, text FROM entry WHERE note <> ''")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []annotated
	for rows.Next() {
		var a annotated
		var amount string
		if err := rows.Scan(&a.id, &a.note, &a.row.account, &a.row.date, &amount, &a.row.text); err != nil {
			return nil, err
		}
		if err := a.row.is(amount); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// questions returns the rows about which the user must decide.
func (s *store) questions(ctx context.Context) (map[int64]bool, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT entry FROM question")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	asked := map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		asked[id] = true
	}
	return asked, rows.Err()
}
