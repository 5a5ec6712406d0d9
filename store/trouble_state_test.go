package store_test

// This file puts a database into trouble: it is full, slow, away or restarted.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/internal/loopback"
	"github.com/bankmux/bankmux/store"
)

// The moments at which a database gets into trouble.
const (
	atFirst   = "at the first statement"
	afterBank = "after the bank responded"
	halfway   = "in the middle"
	atLast    = "at the last commit"
)

// trouble is a state of a database. It starts with the statement for which the fault is armed.
type trouble struct {
	*fault

	// lasts says that the state is also tested with a second request.
	lasts bool
	heal  func()
	// missed reports that the state was to start and did not, nil if it always does.
	missed func() bool
	// prepare makes the database ready for the state before each case.
	prepare func()
}

// troubles are the states, and the moments at which they can start. A lock, and a trigger of
// PostgreSQL, cannot be had while a transaction of the store is open.
var troubles = []struct {
	name    string
	server  bool // for a server that was started for the tests alone
	moments []string
	make    func(t *testing.T, db *database, s *store.Store) *trouble
}{
	{"full", false, []string{atFirst, afterBank}, newFull},
	{"slow", false, []string{atFirst, afterBank}, newSlow},
	{"away", false, []string{atFirst, afterBank, atLast}, newAway},
	{"restarted", false, []string{atFirst, afterBank, halfway, atLast}, newRestarted},
	{"killed", true, []string{halfway}, newKilled},
	{"stopped", true, []string{halfway, atLast}, newStopped},
}

const (
	patient   = time.Minute
	impatient = 150 * time.Millisecond
)

// newFull returns the state of a database that cannot grow. SQLite gets no further page. At
// PostgreSQL a trigger raises disk_full, since a full disk would end the server for all tests.
func newFull(t *testing.T, db *database, s *store.Store) *trouble {
	t.Helper()
	state := &trouble{fault: &fault{forever: true}, lasts: true, prepare: func() {}}
	if db.dialect == store.SQLite {
		state.onConn = func(conn driver.Conn) error {
			_, err := conn.(driver.ExecerContext).ExecContext(context.Background(), "PRAGMA max_page_count = 1", nil)
			return err
		}
		state.prepare = func() {
			_, err := s.DB().ExecContext(t.Context(), "VACUUM") // no page is free
			require.NoError(t, err)
		}
		state.heal = func() {} // a connection with the limit is not used again
		return state
	}
	raise, err := os.ReadFile(filepath.Join("testdata", "full.sql"))
	require.NoError(t, err)
	_, err = s.DB().ExecContext(t.Context(), string(raise))
	require.NoError(t, err)
	set := false
	state.before = func() error {
		for _, table := range tables(t, s) {
			if set {
				break
			}
			_, err := s.DB().ExecContext(t.Context(), "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON "+table+
				" FOR EACH STATEMENT EXECUTE FUNCTION full_disk()")
			if err != nil {
				return err
			}
		}
		set = true
		return nil
	}
	state.heal = func() {
		for _, table := range tables(t, s) {
			_, err := s.DB().ExecContext(t.Context(), "DROP TRIGGER IF EXISTS full_disk ON "+table)
			require.NoError(t, err)
		}
		set = false
	}
	return state
}

// newSlow returns the state of a database in which another transaction keeps its locks.
func newSlow(t *testing.T, db *database, s *store.Store) *trouble {
	t.Helper()
	state := &trouble{fault: &fault{forever: true}, prepare: func() {}}
	var tx *sql.Tx
	state.before = func() error {
		if tx != nil {
			return nil
		}
		var err error
		if tx, err = s.DB().BeginTx(context.WithoutCancel(t.Context()), nil); err != nil || db.dialect == store.SQLite {
			return err // SQLite has the lock, see sqlite.Open
		}
		statements := []string{"SET LOCAL lock_timeout = '50ms'"}
		for _, table := range tables(t, s) {
			statements = append(statements, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
		}
		for _, statement := range statements {
			if _, err := tx.ExecContext(t.Context(), statement); err != nil {
				// The store has a lock itself, or the server has, for its own work. The next
				// statement tries again.
				lost := tx
				tx = nil
				return lost.Rollback()
			}
		}
		return nil
	}
	state.missed = func() bool { return tx == nil }
	state.heal = func() {
		if tx != nil {
			require.NoError(t, tx.Rollback())
		}
		tx = nil
	}
	return state
}

// newAway returns the state of a database that is gone. SQLite's folder is not there. A server has
// ended its connections and does not listen.
func newAway(t *testing.T, db *database, _ *store.Store) *trouble {
	t.Helper()
	state := &trouble{fault: &fault{forever: true}, lasts: true, prepare: func() {}}
	var gone atomic.Bool
	if db.dialect == store.SQLite {
		folder := filepath.Dir(db.address)
		state.before = func() error {
			if gone.CompareAndSwap(false, true) {
				if err := os.Rename(folder, folder+"-gone"); err != nil {
					return err
				}
			}
			return driver.ErrBadConn // and a new connection finds no file
		}
		state.heal = func() {
			if gone.CompareAndSwap(true, false) {
				require.NoError(t, os.Rename(folder+"-gone", folder))
			}
		}
		return state
	}
	end := db.breakConnections(t)
	nothing := net.JoinHostPort(loopback.Host(), "5432") // listens there
	state.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if gone.Load() {
			address = nothing
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	state.before = func() error {
		if gone.CompareAndSwap(false, true) {
			return end()
		}
		return nil
	}
	state.heal = func() { gone.Store(false) }
	return state
}

// newRestarted returns the state of a database that ends its connections once.
func newRestarted(t *testing.T, db *database, _ *store.Store) *trouble {
	t.Helper()
	return &trouble{fault: &fault{before: db.breakConnections(t)}, heal: func() {}, prepare: func() {}}
}

// newTroubleDatabase returns a database whose SQLite file has small pages, so that almost every new
// row needs a page.
func newTroubleDatabase(t *testing.T, dialect store.Dialect) *database {
	t.Helper()
	db := newDatabase(t, dialect)
	if dialect == store.SQLite {
		db.address = filepath.Join(t.TempDir(), "away", "bank.db")
		require.NoError(t, os.Mkdir(filepath.Dir(db.address), 0o700))
		file, err := sql.Open("sqlite", "file:"+db.address+"?_pragma=page_size(512)")
		require.NoError(t, err)
		_, err = file.ExecContext(t.Context(), "VACUUM")
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	return db
}

// outOfTime reports whether the time was over outside of the database, on a machine that is slow.
func outOfTime(res response) bool {
	return res.status == http.StatusGatewayTimeout && strings.Contains(res.body, string(bankmux.ErrContextDone))
}

// checkTrouble checks a response while the database is in trouble.
func checkTrouble(t *testing.T, res response) {
	t.Helper()
	if res.status < 300 {
		return
	}
	for _, text := range []string{"SQL", "sql", "disk", "database is full", "127.", "bankmux_", "rosa"} {
		assert.NotContains(t, res.body, text)
	}
	assert.Equal(t, "application/problem+json", res.header.Get("Content-Type"))
	var p bankhttp.Problem
	require.NoError(t, json.Unmarshal([]byte(res.body), &p))
	assert.Equal(t, res.status, p.Status)
	if p.Kind == "" { // to a provider
		assert.GreaterOrEqual(t, res.status, 500)
		return
	}
	assert.Equal(t, http.StatusServiceUnavailable, res.status, res.body)
	assert.Equal(t, bankhttp.KindStore, p.Kind)
	assert.Equal(t, "send the same request again", p.Remedy)
	assert.Positive(t, p.RetryAfter)
	assert.Equal(t, fmt.Sprint(p.RetryAfter), res.header.Get("Retry-After"))
}
