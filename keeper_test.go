package bankmux_test

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
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
)

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
	_, conn = linked(t, bankmux.NewClient("heron", &fake{provider: "heron"}), "u-1")
	return conn.WithCredential(credential), replica, read, func() int { mu.Lock(); defer mu.Unlock(); return current }
}

func TestWithCredentialChangesNothingElse(t *testing.T) {
	t.Parallel()
	conn := opened(t) // its reference is its credential
	renewed := conn.WithCredential(bankmux.NewSecret("renewed"))
	assert.Equal(t, "renewed", renewed.Credential().Reveal())
	assert.Equal(t, planted, conn.Credential().Reveal())
	assert.Equal(t, planted, renewed.Reference())
	assert.Equal(t, conn.ReferenceKey, renewed.ReferenceKey)
	assert.Equal(t, conn.Ref(), renewed.Ref())
	ring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	row, err := renewed.Seal(ring)
	require.NoError(t, err)
	back, err := bankmux.Open(ring, conn.Ref(), row)
	require.NoError(t, err)
	assert.Equal(t, renewed, back)
}

func TestMemoryKeeper(t *testing.T) {
	t.Parallel()
	type (
		memory = *bankmux.MemoryKeeper
		row    = bankmux.Connection
	)
	keep := func(_ context.Context, stored row) (row, error) { return stored, nil }
	for name, test := range map[string]func(t *testing.T, k memory, conn row){
		"what was never put is stored as the caller has it": func(t *testing.T, k memory, conn row) {
			require.NoError(t, k.Update(t.Context(), conn, keep))
			stored, ok := k.Get(conn.Ref())
			assert.True(t, ok)
			assert.Equal(t, conn, stored)
		},
		"the stored connection counts, not the caller's": func(t *testing.T, k memory, conn row) {
			newer := conn.WithCredential(bankmux.NewSecret("newer"))
			k.Put(newer)
			require.NoError(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				assert.Equal(t, newer, stored)
				return stored, nil
			}))
		},
		"a change that fails writes nothing": func(t *testing.T, k memory, conn row) {
			k.Put(conn)
			err := k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				return stored.WithCredential(bankmux.NewSecret("newer")), io.EOF
			})
			require.ErrorIs(t, err, io.EOF)
			stored, _ := k.Get(conn.Ref())
			assert.Equal(t, conn, stored)
		},
		"a change to another connection is refused": func(t *testing.T, k memory, conn row) {
			k.Put(conn)
			require.ErrorIs(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				stored.User = "u-2"
				return stored, nil
			}), bankmux.ErrInvalid)
			stored, _ := k.Get(conn.Ref())
			assert.Equal(t, conn, stored)
		},
		"a deleted row is gone until it is put again": func(t *testing.T, k memory, conn row) {
			k.Delete(conn.Ref())
			require.ErrorIs(t, k.Update(t.Context(), conn, keep), bankmux.ErrGone)
			_, ok := k.Get(conn.Ref())
			assert.False(t, ok)
			k.Put(conn)
			require.NoError(t, k.Update(t.Context(), conn, keep))
		},
		"one updates a row at a time, and a caller can give up waiting": func(t *testing.T, k memory, conn row) {
			var all sync.WaitGroup
			inside := 0
			for range 8 {
				all.Go(func() {
					assert.NoError(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
						inside++
						assert.Equal(t, 1, inside)
						time.Sleep(time.Second)
						inside--
						return stored, nil
					}))
				})
			}
			time.Sleep(time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, k.Update(ctx, conn, keep), context.DeadlineExceeded)
			all.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, conn := linked(t, bankmux.NewClient("heron", &fake{provider: "heron"}), "u-1")
				test(t, bankmux.NewMemoryKeeper(), conn)
			})
		})
	}
}

// TestTheKeeperOfTheREADME runs the README's keeper on a database with row locks.
func TestTheKeeperOfTheREADME(t *testing.T) {
	t.Parallel()
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
