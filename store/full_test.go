package store_test

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// errFull returns the error of a database whose disk is full, as its driver returns it.
func errFull(t *testing.T, db *database) error {
	t.Helper()
	if db.dialect == store.Postgres {
		return &pgconn.PgError{
			Code: "53100", Message: "could not extend file", Detail: "12345678-rosa hunter2 db.internal",
		}
	}
	full := newDatabase(t, store.SQLite).open(t)
	conn, err := full.DB().Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "PRAGMA max_page_count = 1")
	require.NoError(t, err)
	for {
		_, err = conn.ExecContext(t.Context(), "INSERT INTO bankmux_seen VALUES (hex(randomblob(2000)), 0, 0)")
		if err != nil {
			return err
		}
	}
}

func TestFull(t *testing.T) {
	t.Run("a SQLite file that cannot grow says so", func(t *testing.T) {
		db := newDatabase(t, store.SQLite)
		db.open(t)
		f := &fault{err: errFull(t, db), forever: true}
		s := db.faulty(t, f)
		f.arm(2)
		require.EqualError(t, s.Mark(t.Context(), "1"), "store.Mark: database is full (SQLITE 13)")
	})
	t.Run("PostgreSQL without space says so", func(t *testing.T) {
		db := newDatabase(t, store.SQLite) // its error is what a driver returns
		db.open(t)
		db.dialect = store.Postgres
		f := &fault{err: errFull(t, db)}
		db.dialect = store.SQLite
		s := db.faulty(t, f)
		f.arm(2)
		require.EqualError(t, s.Mark(t.Context(), "1"), "store.Mark: database is full (SQLSTATE 53100)")
	})
}

func TestBusy(t *testing.T) {
	t.Run("SQLite says that another transaction has the lock for too long", func(t *testing.T) {
		db := newDatabase(t, store.SQLite)
		s := db.open(t)
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		impatient := db.faulty(t, &fault{})
		impatient.DB().SetMaxOpenConns(1)
		_, err = impatient.DB().ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
		require.NoError(t, err)
		require.EqualError(t, impatient.Mark(t.Context(), "1"),
			"store.Mark: database is busy: another transaction had the lock for too long (SQLITE 5)")
	})
	t.Run("a worker without work does not wait for a writer", func(t *testing.T) {
		s := newDatabase(t, store.SQLite).open(t)
		tx, err := s.DB().BeginTx(t.Context(), nil) // it has the lock, see sqlite.Open
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		events, err := s.Dequeue(t.Context(), 1)
		require.NoError(t, err, "a writer would wait until the lock is busy for too long")
		assert.Empty(t, events)
		due, err := s.TakeDue(t.Context(), 1, lease)
		require.NoError(t, err)
		assert.Empty(t, due)
	})
	t.Run("a transaction that was aborted in favour of another runs again, five times at most", func(t *testing.T) {
		for _, code := range []string{"40001", "40P01"} {
			synctest.Test(t, func(t *testing.T) {
				db := newDatabase(t, store.SQLite) // the error is that of PostgreSQL's driver
				db.open(t)
				f := &fault{err: &pgconn.PgError{Code: code}}
				s := db.faulty(t, f)
				f.arm(3)
				require.NoError(t, s.Mark(t.Context(), "1"))
				require.True(t, f.reached())
				f.forever = true
				f.arm(1)
				err := s.Mark(t.Context(), "1")
				require.ErrorContains(t, err, "other transactions had the rows for too long")
				assert.Equal(t, 5, f.count)
				failure, _ := errors.AsType[*store.Error](err)
				require.NotNil(t, failure)
				assert.Equal(t, code, failure.SQLState(), "a caller with a transaction of its own runs it again")
				assert.Empty(t, (&store.Error{Code: "SQLITE 5"}).SQLState())
			})
		}
	})
	onEach(t, "a writer waits for another, and a reader does not", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, s.In(tx).SaveConnection(t.Context(), conn))
		_, err = s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		saved := make(chan error)
		go func() { saved <- s.SaveConnection(t.Context(), conn) }()
		select {
		case err := <-saved:
			t.Errorf("it did not wait: %v", err)
		default:
		}
		require.NoError(t, tx.Commit())
		require.NoError(t, <-saved)
	})
	onEach(t, "a context that ends while a statement waits ends the method", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		require.NoError(t, s.In(tx).SaveConnection(t.Context(), conn))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err = s.SaveConnection(ctx, conn)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestLeaving(t *testing.T) {
	onEach(t, "a context that ends at any moment of a method ends it with that error",
		func(t *testing.T, db *database) {
			s := db.open(t)
			conn := connection(t, s, "rosa", "1")
			for i := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				left := make(chan struct{})
				go func() {
					defer close(left)
					for range i * 20 {
						runtime.Gosched()
					}
					cancel()
				}()
				err := s.SaveConnection(ctx, conn)
				<-left
				_, readErr := s.Connection(ctx, "rosa", conn.ID) // it has ended
				require.ErrorIs(t, readErr, bankmux.ErrContextDone)
				if err != nil {
					require.ErrorIs(t, err, bankmux.ErrContextDone)
					require.ErrorIs(t, err, context.Canceled)
				}
			}
		})
}

func TestAway(t *testing.T) {
	t.Run("a connection that cannot be stored for ten seconds is returned with the error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := newDatabase(t, store.SQLite)
			healthy := db.open(t)
			f := &fault{err: errFault, forever: true}
			s := db.faulty(t, f)
			l := startLink(t, healthy, "rosa")
			start := time.Now()
			res, err := s.Exchange(t.Context(), l.session.Ref(), payload("1"),
				func(ctx context.Context) (bankmux.ExchangeResult, error) {
					f.arm(1)
					return exchange(ctx, l.session, "1")
				})
			checkFault(t, err)
			assert.Equal(t, l.session.ConnectionID, res.Connection.ID)
			assert.InDelta(t, 10, time.Since(start).Seconds(), 1)
			require.NoError(t, healthy.SaveConnection(t.Context(), res.Connection))
		})
	})
	t.Run("a lease is extended while a change runs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := newDatabase(t, store.SQLite)
			s, other := db.open(t), db.open(t)
			conn := connection(t, s, "rosa", "1")
			calls := 0
			require.NoError(t, s.Update(t.Context(), conn,
				func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
					calls++
					ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
					defer cancel()
					err := other.Update(ctx, conn, degrade)
					assert.ErrorIs(t, err, bankmux.ErrContextDone, "it waits all the time")
					return stored, nil
				}))
			assert.Equal(t, 1, calls)
		})
	})
	t.Run("the lease of an exchange is extended although the browser has left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db := newDatabase(t, store.SQLite)
			s, other := db.open(t), db.open(t)
			l := startLink(t, s, "rosa")
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error)
			_, err := s.Exchange(ctx, l.session.Ref(), payload("1"),
				func(context.Context) (bankmux.ExchangeResult, error) {
					leave()
					go func() {
						_, err := l.finish(t.Context(), other, "1")
						done <- err
					}()
					time.Sleep(2 * time.Minute) // in virtual time
					return exchange(t.Context(), l.session, "1")
				})
			require.NoError(t, err)
			require.NoError(t, <-done)
			assert.Zero(t, l.calls.Load(), "the other one gets the result")
		})
	})
	t.Run("PostgreSQL that crashes in a sync loses no page", func(t *testing.T) {
		if restart == "" {
			t.Log("not checked without BANKMUX_POSTGRES_RESTART")
			return
		}
		db := newDatabase(t, store.Postgres)
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1"))[0]
		crashed := make(chan struct{})
		crash := sync.OnceFunc(func() {
			go func() {
				defer close(crashed)
				command := strings.Fields(restart)
				cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
				cmd.Dir = "/"
				assert.NoError(t, cmd.Run())
			}()
		})
		over := func() bool {
			select {
			case <-crashed:
				return true
			default:
				return false
			}
		}
		pages := 0
		for at := (bankmux.SyncState{}); pages < 200 || !over(); {
			calm := pages < 20 || over()
			if pages == 20 {
				crash() // once, although the page may fail and be stored again
			}
			key := time.Duration(at.Version).String()
			page := bankmux.Delta{Added: []bankmux.Added{movement(a, key, "2026-01-02", "-5", "Tea")}}
			if _, err := s.StoreDelta(t.Context(), conn, at, page, at); err != nil {
				checkFault(t, err)
				<-crashed
			}
			now, err := s.SyncState(t.Context(), conn)
			if err != nil {
				checkFault(t, err)
				<-crashed
				continue
			}
			assert.GreaterOrEqual(t, now.Version, at.Version, "a stored page stays")
			at, pages = now, int(now.Version)
			if calm {
				assert.Len(t, rowsOf(t, s, a), pages, "rows and state are stored together")
			}
		}
		assert.Len(t, rowsOf(t, s, a), pages, "rows and state are stored together")
	})
}
