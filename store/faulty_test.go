package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/bankmux/bankmux/store"
)

// errFault is what a database may say: it quotes the value of a row.
var errFault = errors.New(`disk I/O error near "12345678-rosa" of postgres://rosa:hunter2@db.internal/bank`)

// fault makes one statement of a database fail. The start and the commit of a transaction count
// too.
type fault struct {
	mu      sync.Mutex
	at      int // the number of the statement, from 1; 0 for none
	forever bool
	count   int
	err     error                   // instead of the statement
	running sync.Mutex              // of before, which requests and background work may reach at once
	before  func() error            // runs before the statement, and may break its connection
	after   bool                    // the statement is carried out, and its response is lost
	dial    pgconn.DialFunc         // how PostgreSQL is reached, nil for as usual
	onConn  func(driver.Conn) error // like before, with the statement's connection
}

// arm makes the n-th statement from now on fail.
func (f *fault) arm(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.count = n, 0
}

// reached reports whether the statement was there, and disarms the fault. Nothing breaks after it.
func (f *fault) reached() bool {
	f.running.Lock()
	defer f.running.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	reached := f.at > 0 && f.count >= f.at
	f.at = 0
	return reached
}

// hit counts a statement and returns whether it is the one that fails.
func (f *fault) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.at > 0 && (f.count == f.at || f.forever && f.count > f.at)
}

// breaks runs before, unless the fault was disarmed meanwhile.
func (f *fault) breaks() error {
	f.running.Lock()
	defer f.running.Unlock()
	f.mu.Lock()
	armed := f.at > 0
	f.mu.Unlock()
	if !armed {
		return nil
	}
	return f.before()
}

// statement runs a statement through the fault.
func statement[T any](f *fault, conn *faultyConn, do func() (T, error)) (T, error) {
	var none T
	if !f.hit() {
		return do()
	}
	if f.before != nil {
		if err := f.breaks(); err != nil {
			return none, err
		}
		return do()
	}
	if f.onConn != nil {
		conn.used = true
		if err := f.onConn(conn.Conn); err != nil {
			return none, err
		}
		return do()
	}
	if f.after {
		if _, err := do(); err != nil {
			return none, err
		}
	}
	return none, f.err
}

// faultyConnector opens connections whose statements run through a fault.
type faultyConnector struct {
	open  func(context.Context) (driver.Conn, error)
	fault *fault
}

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: conn, fault: c.fault}, nil
}

func (c faultyConnector) Driver() driver.Driver { return nil }

type faultyConn struct {
	driver.Conn
	fault *fault
	used  bool // by onConn, so it is not used again
}

func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return statement(c.fault, c, func() (driver.Tx, error) {
		tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
		return faultyTx{tx, c.fault, c}, err
	})
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return statement(c.fault, c, func() (driver.Result, error) {
		return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	})
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return statement(c.fault, c, func() (driver.Rows, error) {
		return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	})
}

func (c *faultyConn) Ping(ctx context.Context) error { return c.Conn.(driver.Pinger).Ping(ctx) }

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !c.used && (!ok || v.IsValid())
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type faultyTx struct {
	driver.Tx
	fault *fault
	conn  *faultyConn
}

func (tx faultyTx) Commit() error {
	_, err := statement(tx.fault, tx.conn, func() (struct{}, error) { return struct{}{}, tx.Tx.Commit() })
	if err != nil && !tx.fault.after {
		_ = tx.Rollback() // the database ends a transaction that it did not commit
	}
	return err
}

// faulty opens the database with a fault.
func (db *database) faulty(t *testing.T, f *fault, options ...store.Option) *store.Store {
	t.Helper()
	connector := faultyConnector{fault: f}
	if db.dialect == store.SQLite {
		dsn := "file:" + db.address + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
		file, err := sqlite.NewConnector(dsn)
		require.NoError(t, err)
		connector.open = file.Connect
	} else {
		cfg, err := pgx.ParseConfig(db.address)
		require.NoError(t, err)
		cfg.RuntimeParams["application_name"] = faultyName
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // as store/postgres
		if f.dial != nil {
			cfg.DialFunc = f.dial
		}
		connector.open = stdlib.GetConnector(*cfg).Connect
	}
	opened := sql.OpenDB(connector)
	t.Cleanup(func() { _ = opened.Close() })
	s, err := store.New(opened, db.dialect, db.keys, options...)
	require.NoError(t, err)
	return s
}

// faultyName is the name that connections with a fault have at PostgreSQL.
const faultyName = "bankmux-faulty"

// breakConnections ends the connections with a fault, as a restart of the server does.
func (db *database) breakConnections(t *testing.T) func() error {
	if db.dialect == store.SQLite {
		return func() error { return driver.ErrBadConn }
	}
	server, err := sql.Open("pgx", serverURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return func() error {
		for left := -1; left != 0; { // until the server has ended them
			err := server.QueryRow("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"+
				" WHERE application_name = $1", faultyName).Scan(&left)
			if err != nil {
				return err
			}
		}
		return nil
	}
}
