// These tests run the keeper of the page on a database with row locks.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

func TestKeeper(t *testing.T) {
	t.Parallel()
	t.Run("three replicas on a database with row locks renew once", renewOnce)
}

func renewOnce(t *testing.T) {
	const replicas = 3
	asked := make(chan struct{})
	conn, replica, read, renewals := rotating(t, asked)
	ring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	row, err := conn.Seal(ring)
	require.NoError(t, err)
	data := &database{row: row, id: conn.ID, lock: make(chan struct{}, 1), asked: asked, askers: replicas}
	db := sql.OpenDB(data)
	defer db.Close()
	kept := keeper{db, ring}
	stored := func() bankmux.Connection {
		data.mu.Lock()
		defer data.mu.Unlock()
		stored, err := bankmux.Open(ring, conn.Ref(), data.row)
		require.NoError(t, err)
		return stored
	}

	var all sync.WaitGroup
	for range replicas {
		tokens := replica(kept)
		for range 4 {
			all.Go(func() {
				mine := conn
				assert.NoError(t, tokens.Do(t.Context(), &mine, read))
				assert.Equal(t, stored().Credential(), mine.Credential())
			})
		}
	}
	all.Wait()
	assert.Equal(t, 1, renewals(), "three replicas, one renewal")

	newest := stored().Credential()
	require.NoError(t, kept.note(t.Context(), conn, bankmux.Status{State: bankmux.StateDegraded}))
	assert.Equal(t, newest, stored().Credential(), "the caller's copy is from before the renewal")
	assert.Equal(t, bankmux.StateDegraded, stored().Status.State)

	require.ErrorIs(t, kept.note(t.Context(), bankmux.Connection{ID: "another"}, bankmux.Status{}), bankmux.ErrGone)
	data.mu.Lock()
	data.failing = true
	data.mu.Unlock()
	require.ErrorIs(t, kept.note(t.Context(), conn, bankmux.Status{}), errCommit)
	assert.Equal(t, bankmux.StateDegraded, stored().Status.State)
}

// rotating links a connection whose tokens are renewed: refresh token n gives tokens n+1 and ends.
// The provider answers once asked is closed.
func rotating(t *testing.T, asked <-chan struct{}) (
	conn bankmux.Connection, replica func(bankmux.Keeper) *rotation.Tokens, read rotation.Call, renewals func() int,
) {
	t.Helper()
	var mu sync.Mutex
	current := 0
	grant := func(n int) rotation.Grant {
		return rotation.Grant{
			Access: bankmux.NewSecret(fmt.Sprint("access-", n)), Refresh: bankmux.NewSecret(fmt.Sprint("refresh-", n)),
		}
	}
	replica = func(keeper bankmux.Keeper) *rotation.Tokens {
		tokens, err := rotation.New(rotation.Config{
			Keeper: keeper, Environment: bankmux.Production,
			Refresh: func(_ context.Context, _ bankmux.Connection, old rotation.Grant) (rotation.Grant, error) {
				<-asked
				mu.Lock()
				defer mu.Unlock()
				if old.Refresh.Reveal() != fmt.Sprint("refresh-", current) {
					return rotation.Grant{}, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "invalid_grant"}
				}
				current++
				return grant(current), nil
			},
			Expired: func(e *bankmux.Error) bool { return e.Kind == bankmux.ErrReauth },
		})
		require.NoError(t, err)
		return tokens
	}
	read = func(_ context.Context, access bankmux.Secret) error {
		mu.Lock()
		defer mu.Unlock()
		if access.Reveal() != fmt.Sprint("access-", current) || current == 0 { // the first has ended
			return &bankmux.Error{Kind: bankmux.ErrReauth, Code: "expired"}
		}
		return nil
	}
	credential, err := replica(bankmux.NewMemoryKeeper()).Credential(grant(0))
	require.NoError(t, err)
	_, conn, err = link(t.Context())
	require.NoError(t, err)
	return conn.WithCredential(credential), replica, read, func() int { mu.Lock(); defer mu.Unlock(); return current }
}

var errCommit = errors.New("the commit failed")

// database is a table of one row for database/sql, with a lock on the row.
type database struct {
	mu      sync.Mutex
	row     []byte
	id      string
	failing bool
	lock    chan struct{}
	asked   chan struct{} // closed when so many have asked for the row, nil for none
	askers  int
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return &dbConn{d: d}, nil }
func (d *database) Driver() driver.Driver                        { return nil }

// dbConn is one connection, which has at most one transaction.
type dbConn struct {
	d      *database
	locked bool
	next   []byte
}

func (c *dbConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *dbConn) Close() error                        { return nil }
func (c *dbConn) Begin() (driver.Tx, error)           { return c, nil }

func (c *dbConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if args[0].Value != c.d.id {
		return &dbRows{}, nil
	}
	c.d.mu.Lock()
	if c.d.askers--; c.d.askers == 0 {
		close(c.d.asked)
	}
	c.d.mu.Unlock()
	if strings.HasSuffix(query, "FOR UPDATE") && !c.locked {
		select {
		case c.d.lock <- struct{}{}:
			c.locked = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	return &dbRows{c.d.row}, nil
}

func (c *dbConn) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	c.next = args[1].Value.([]byte)
	return driver.RowsAffected(1), nil
}

func (c *dbConn) Commit() error {
	defer func() { _ = c.Rollback() }()
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if c.d.failing {
		return errCommit
	}
	c.d.row = c.next
	return nil
}

func (c *dbConn) Rollback() error {
	if c.locked {
		c.locked = false
		<-c.d.lock
	}
	return nil
}

// dbRows is the row, or none.
type dbRows struct{ row []byte }

func (r *dbRows) Columns() []string { return []string{"sealed"} }
func (r *dbRows) Close() error      { return nil }

func (r *dbRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	dest[0], r.row = r.row, nil
	return nil
}
