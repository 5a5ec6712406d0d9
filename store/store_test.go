package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/postgres"
	"github.com/bankmux/bankmux/store/sqlite"
)

func TestNew(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "bank.db"))
	require.NoError(t, err)
	defer db.Close()
	keys := ring(t, key("2026"))
	for name, open := range map[string]func() (*store.Store, error){
		"no database":     func() (*store.Store, error) { return store.New(nil, store.SQLite, keys) },
		"no dialect":      func() (*store.Store, error) { return store.New(db, 0, keys) },
		"another dialect": func() (*store.Store, error) { return store.New(db, 3, keys) },
		"no AEAD":         func() (*store.Store, error) { return store.New(db, store.SQLite, nil) },
		"a nil keyring":   func() (*store.Store, error) { return store.New(db, store.SQLite, (*bankmux.Keyring)(nil)) },
		"a zero keyring":  func() (*store.Store, error) { return store.New(db, store.SQLite, &bankmux.Keyring{}) },
		"no file":         func() (*store.Store, error) { return sqlite.Open(t.Context(), "", keys) },
		"memory alone":    func() (*store.Store, error) { return sqlite.Open(t.Context(), ":memory:", keys) },
		"not a URL": func() (*store.Store, error) {
			return postgres.Open(t.Context(), "postgres://u:hunter2@[::bad/db", keys)
		},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			s, err := open()
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.Nil(t, s)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	t.Run("a server that is away is named by no address and no password", func(t *testing.T) {
		s, err := postgres.Open(t.Context(), "postgres://rosa:hunter2@127.0.0.1:1/bank", keys)
		require.Error(t, err)
		assert.Nil(t, s)
		_, ok := errors.AsType[*store.Error](err)
		assert.True(t, ok)
		for _, secret := range []string{"hunter2", "rosa", "127.0.0.1"} {
			assert.NotContains(t, err.Error(), secret)
		}
	})
	t.Run("a folder that does not exist is an error", func(t *testing.T) {
		_, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "none", "bank.db"), keys)
		require.ErrorContains(t, err, "database cannot be opened (SQLITE 14)")
	})
	t.Run("a file that is not a database is an error", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "text.db")
		require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("text ", 1000)), 0o600))
		_, err := sqlite.Open(t.Context(), file, keys)
		require.ErrorContains(t, err, "is not a database")
	})
	t.Run("the name of a file is taken as it is", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "a b?c#d%41&e=ü.db")
		s, err := sqlite.Open(t.Context(), file, keys)
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		require.NoError(t, s.Close())
		_, err = os.Stat(file)
		require.NoError(t, err)
	})
	t.Run("SQLite has its pragmas on every connection", func(t *testing.T) {
		s := newDatabase(t, store.SQLite).open(t)
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "busy_timeout": "10000", "foreign_keys": "1", "synchronous": "2",
		} {
			var all []*sql.Conn
			for range 3 {
				conn, err := s.DB().Conn(t.Context())
				require.NoError(t, err)
				all = append(all, conn)
				var have string
				require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&have))
				assert.Equal(t, want, have, pragma)
			}
			for _, conn := range all {
				require.NoError(t, conn.Close())
			}
		}
	})
}

func TestMigrate(t *testing.T) {
	onEach(t, "it makes the tables once", func(t *testing.T, db *database) {
		s := db.openOnly(t)
		version, err := s.Version(t.Context())
		require.NoError(t, err)
		assert.Zero(t, version)
		for range 3 {
			require.NoError(t, s.Migrate(t.Context()))
		}
		version, err = s.Version(t.Context())
		require.NoError(t, err)
		assert.Equal(t, store.SchemaVersion, version)
	})
	onEach(t, "a database of each earlier version keeps its data", func(t *testing.T, db *database) {
		full := newDatabase(t, db.dialect).open(t)
		conn := fill(t, full, "rosa")
		share(t, full)
		for earlier := 1; earlier < store.SchemaVersion; earlier++ {
			s := newDatabase(t, db.dialect).openOnly(t)
			asVersion(t, earlier, s, full)
			before := dumpOf(t, s, tablesOf(t, earlier))
			version, err := s.Version(t.Context())
			require.NoError(t, err)
			assert.Equal(t, earlier, version)

			require.NoError(t, s.Migrate(t.Context()))
			require.NoError(t, s.Migrate(t.Context()))
			version, err = s.Version(t.Context())
			require.NoError(t, err)
			assert.Equal(t, store.SchemaVersion, version)
			assert.Equal(t, before, dumpOf(t, s, tablesOf(t, earlier)), "no row has changed")
			readAll(t, s, "rosa")
			fill(t, s, "omar")
			share(t, s)
			for table, lines := range dump(t, s) {
				assert.NotEmpty(t, lines, "%s can be used", table)
			}
			require.NoError(t,
				deleteUser(t, s, "rosa", func(context.Context, bankmux.Connection) error { return nil }))
			_, err = s.Connection(t.Context(), "rosa", conn.ID)
			require.ErrorIs(t, err, bankmux.ErrNotFound)
		}
	})
	onEach(t, "several processes may start at once", func(t *testing.T, db *database) {
		var wg sync.WaitGroup
		for range 8 {
			s := db.openOnly(t)
			wg.Go(func() { assert.NoError(t, s.Migrate(t.Context())) })
		}
		wg.Wait()
		connection(t, db.openOnly(t), "rosa", "1")
	})
	t.Run("it waits for another process, also if the application has opened SQLite", func(t *testing.T) {
		full := newDatabase(t, store.SQLite).open(t)
		fill(t, full, "rosa")
		for earlier := range store.SchemaVersion {
			db := newDatabase(t, store.SQLite)
			if earlier > 0 {
				asVersion(t, earlier, db.openOnly(t), full)
			}
			other, err := sql.Open("sqlite", "file:"+db.address+"?_pragma=busy_timeout(0)&_txlock=immediate")
			require.NoError(t, err)
			var busy error
			f := &fault{before: func() error {
				tx, err := other.BeginTx(t.Context(), nil)
				if busy = err; err == nil {
					assert.NoError(t, tx.Rollback())
				}
				return nil
			}}
			s := db.faulty(t, f)
			f.arm(4) // it has read the version, started the transaction, and carried out its first statement
			require.NoError(t, s.Migrate(t.Context()))
			require.True(t, f.reached())
			require.ErrorContains(t, busy, "locked", "what came first has the lock, from version %d on", earlier)
			require.NoError(t, other.Close())
		}
	})
	onEach(t, "tables that are up to date are only read", func(t *testing.T, db *database) {
		db.open(t)
		s := db.openOnly(t)
		s.DB().SetMaxOpenConns(1)
		readOnly := "PRAGMA query_only = 1"
		if db.dialect == store.Postgres {
			readOnly = "SET default_transaction_read_only = on"
		}
		_, err := s.DB().ExecContext(t.Context(), readOnly)
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		require.Error(t, s.Mark(t.Context(), "1"), "it cannot write")
	})
	onEach(t, "a newer schema is refused", func(t *testing.T, db *database) {
		s := db.open(t)
		_, err := s.DB().ExecContext(t.Context(), "INSERT INTO bankmux_schema VALUES (7, 0)")
		require.NoError(t, err)
		err = s.Migrate(t.Context())
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.ErrorContains(t, err, "database has version 7 of the schema, and this program knows "+
			strconv.Itoa(store.SchemaVersion)+" at most")
	})
	onEach(t, "without it a method says what to do", func(t *testing.T, db *database) {
		s := db.openOnly(t)
		_, err := s.Connections(t.Context(), "rosa")
		require.ErrorContains(t, err, "lacks a table: call Store.Migrate")
		require.ErrorContains(t, s.SaveSession(t.Context(), session(t, "rosa")), "lacks a table: call Store.Migrate")
	})
	onEach(t, "tables that an earlier process made halfway are not there", func(t *testing.T, db *database) {
		s := db.openOnly(t)
		// The fourth statement fails: a table of that name is there.
		_, err := s.DB().ExecContext(t.Context(), "CREATE TABLE bankmux_exchanges (x TEXT)")
		require.NoError(t, err)
		require.Error(t, s.Migrate(t.Context()))
		_, err = s.DB().ExecContext(t.Context(), "DROP TABLE bankmux_exchanges")
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
	})
}

func TestIn(t *testing.T) {
	onEach(t, "methods join the application's transaction", func(t *testing.T, db *database) {
		s := db.open(t)
		_, err := s.DB().ExecContext(t.Context(), "CREATE TABLE orders (id TEXT)")
		require.NoError(t, err)
		for _, commit := range []bool{false, true} {
			linked, err := exchange(t.Context(), session(t, "rosa"), "1")
			require.NoError(t, err)
			tx, err := s.DB().BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = tx.ExecContext(t.Context(), "INSERT INTO orders VALUES ('1')")
			require.NoError(t, err)
			require.NoError(t, s.In(tx).SaveConnection(t.Context(), linked.Connection))
			_, err = s.In(tx).Connection(t.Context(), "rosa", linked.Connection.ID)
			require.NoError(t, err)
			require.NoError(t, s.In(tx).Update(t.Context(), linked.Connection, degrade))
			if commit {
				require.NoError(t, tx.Commit())
			} else {
				require.NoError(t, tx.Rollback())
			}
			conn, err := s.Connection(t.Context(), "rosa", linked.Connection.ID)
			var orders int
			require.NoError(t, s.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM orders").Scan(&orders))
			if commit {
				require.NoError(t, err)
				assert.Equal(t, bankmux.StateDegraded, conn.Status.State)
				assert.Equal(t, 1, orders)
			} else {
				require.ErrorIs(t, err, bankmux.ErrNotFound)
				assert.Zero(t, orders)
			}
		}
	})
	onEach(t, "methods with transactions of their own refuse it", func(t *testing.T, db *database) {
		s := db.open(t)
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		in := s.In(tx)
		_, exchanged := in.Exchange(t.Context(), bankmux.SessionRef{User: "rosa", ID: "1"}, nil, nil)
		_, resealed := in.Reseal(t.Context(), 0)
		for _, err := range []error{
			exchanged, resealed, in.Migrate(t.Context()), deleteUser(t, in, "rosa", nil),
		} {
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			require.ErrorContains(t, err, "Store is inside a transaction of the application")
		}
	})
}

// degrade is a change of a connection.
func degrade(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
	stored.Status.State = bankmux.StateDegraded
	return stored, nil
}
