package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

func TestSessions(t *testing.T) {
	onEach(t, "a session opens for its user alone", func(t *testing.T, db *database) {
		s := db.open(t)
		made := session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), made))
		read, err := s.Session(t.Context(), made.Ref())
		require.NoError(t, err)
		assert.Equal(t, made, read)
		for _, ref := range []bankmux.SessionRef{
			{User: "omar", ID: made.ID}, {User: "rosa", ID: "unknown"}, {}, {User: "rosa\x00", ID: made.ID},
		} {
			_, err = s.Session(t.Context(), ref)
			require.ErrorIs(t, err, bankmux.ErrNotFound)
		}
		found, err := s.FindSession(t.Context(), made.ID)
		require.NoError(t, err)
		assert.Equal(t, made, found)
	})
	onEach(t, "another user cannot take the id", func(t *testing.T, db *database) {
		s := db.open(t)
		made := session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), made))
		made.User = "omar"
		require.ErrorIs(t, s.SaveSession(t.Context(), made), bankmux.ErrInvalid)
		_, err := s.Session(t.Context(), bankmux.SessionRef{User: "rosa", ID: made.ID})
		require.NoError(t, err)
	})
	onEach(t, "those of a user are listed, the newest first", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		var want []string
		for range 3 {
			c.advance(time.Second)
			made := session(t, "rosa")
			require.NoError(t, s.SaveSession(t.Context(), made))
			want = append([]string{made.ID}, want...)
		}
		require.NoError(t, s.SaveSession(t.Context(), session(t, "omar")))
		all, err := s.Sessions(t.Context(), "rosa")
		require.NoError(t, err)
		var have []string
		for _, one := range all {
			have = append(have, one.ID)
		}
		assert.Equal(t, want, have)
	})
	onEach(t, "an expired one is refused, and a day later deleted", func(t *testing.T, db *database) {
		made := session(t, "rosa")
		c := newClock() // not before the session, whose time is the real one
		s := db.open(t, store.WithNow(c.now))
		require.NoError(t, s.SaveSession(t.Context(), made))
		c.advance(bankmux.DefaultSessionLifetime + time.Second)
		_, err := s.Session(t.Context(), made.Ref())
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
		all, err := s.Sessions(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Empty(t, all)
		c.advance(24 * time.Hour)
		require.NoError(t, s.SaveSession(t.Context(), session(t, "omar")))
		_, err = s.Session(t.Context(), made.Ref())
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "a deleted one is gone, and deleting may be repeated", func(t *testing.T, db *database) {
		s := db.open(t)
		made := session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), made))
		require.NoError(t, s.DeleteSession(t.Context(), bankmux.SessionRef{User: "omar", ID: made.ID}))
		_, err := s.Session(t.Context(), made.Ref())
		require.NoError(t, err)
		require.NoError(t, s.DeleteSession(t.Context(), made.Ref()))
		require.NoError(t, s.DeleteSession(t.Context(), made.Ref()))
		_, err = s.Session(t.Context(), made.Ref())
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "ids that no column can hold are refused", func(t *testing.T, db *database) {
		s := db.open(t)
		for _, user := range []string{"", "\xff", "a\x00b"} {
			made := session(t, "rosa")
			made.User = user
			require.ErrorIs(t, s.SaveSession(t.Context(), made), bankmux.ErrInvalid)
		}
	})
}

func TestConnections(t *testing.T) {
	onEach(t, "a connection is read with its credential by its user alone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		read, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		assert.Equal(t, conn, read)
		assert.Equal(t, "credential-1", read.Credential().Reveal())
		for _, of := range [][2]string{{"omar", conn.ID}, {"rosa", "unknown"}, {"", ""}, {"rosa", conn.ID + "\x00"}} {
			_, err = s.Connection(t.Context(), of[0], of[1])
			require.ErrorIs(t, err, bankmux.ErrNotFound)
		}
	})
	onEach(t, "those of a user are listed, the oldest first", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		var want []bankmux.Connection
		for _, token := range []string{"1", "2", "3"} {
			c.advance(time.Second)
			want = append(want, connection(t, s, "rosa", token))
		}
		connection(t, s, "omar", "4")
		have, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Equal(t, want, have)
		c.advance(time.Second)
		require.NoError(t, s.SaveConnection(t.Context(), want[0]), "storing it again keeps its place")
		have, err = s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Equal(t, want, have)
	})
	onEach(t, "another user cannot take the id", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		stolen := conn
		stolen.User = "omar"
		require.ErrorIs(t, s.SaveConnection(t.Context(), stolen), bankmux.ErrInvalid)
		read, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		assert.Equal(t, conn, read)
	})
	onEach(t, "one without credential is refused", func(t *testing.T, db *database) {
		s := db.open(t)
		require.ErrorIs(t, s.SaveConnection(t.Context(), bankmux.Connection{ID: "1", User: "rosa", Provider: "heron"}),
			bankmux.ErrInvalid)
	})
	onEach(t, "a webhook finds it by client and reference key", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		connection(t, s, "omar", "1")
		c.advance(time.Second)
		newest := connection(t, s, "rosa", "1")
		found, err := s.FindConnection(t.Context(), "heron", newest.ReferenceKey)
		require.NoError(t, err)
		assert.Equal(t, newest, found)
		for _, of := range [][2]string{{"stork", newest.ReferenceKey}, {"heron", "unknown"}, {"heron", ""}} {
			_, err = s.FindConnection(t.Context(), of[0], of[1])
			require.ErrorIs(t, err, bankmux.ErrNotFound)
		}
	})
	onEach(t, "its accounts stay with another connection that lists them", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		var conns []bankmux.Connection
		for _, token := range []string{"1", "2", "3"} {
			c.advance(time.Second)
			conns = append(conns, connection(t, s, "rosa", token))
			_, err := s.NameAccounts(t.Context(), conns[len(conns)-1], []bankmux.Account{checking("a", "1111")})
			require.NoError(t, err)
		}
		list := func(of ...string) (connections []string) {
			all, err := s.Accounts(t.Context(), "rosa", of...)
			require.NoError(t, err)
			for i := range all {
				connections = append(connections, all[i].Connection)
			}
			return connections
		}
		assert.Equal(t, []string{conns[2].ID}, list(conns[0].ID), "the first one lists it too")
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conns[2].ID))
		assert.Equal(t, []string{conns[1].ID}, list())
		assert.Empty(t, list(conns[2].ID))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conns[0].ID))
		assert.Equal(t, []string{conns[1].ID}, list())
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conns[1].ID))
		assert.Equal(t, []string{conns[1].ID}, list(), "none is left, so the last one is named")
	})
	onEach(t, "a row that was moved to another user does not open", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		_, err := s.DB().ExecContext(t.Context(), "UPDATE bankmux_connections SET user_id = 'omar'")
		require.NoError(t, err)
		_, err = s.Connection(t.Context(), "omar", conn.ID)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		_, err = s.Connections(t.Context(), "omar")
		require.ErrorIs(t, err, bankmux.ErrSeal)
	})
	onEach(t, "a row under a lost key is named, and hides no other", func(t *testing.T, db *database) {
		db.keys = ring(t, key("2026"))
		s := db.open(t)
		readable := connection(t, s, "rosa", "3")
		named, err := s.NameAccounts(t.Context(), readable, []bankmux.Account{{ID: "c"}})
		require.NoError(t, err)
		db.keys = ring(t, key("lost"), key("2026"))
		old := db.open(t)
		lost := []bankmux.Connection{connection(t, old, "rosa", "1"), connection(t, old, "rosa", "2")}
		_, err = old.NameAccounts(t.Context(), lost[0], []bankmux.Account{{ID: "a"}, {ID: "b"}})
		require.NoError(t, err)
		conns, err := s.Connections(t.Context(), "rosa")
		assert.Equal(t, []bankmux.Connection{readable}, conns)
		assert.ElementsMatch(t, []string{lost[0].ID, lost[1].ID}, unopened(t, err))
		accounts, err := s.Accounts(t.Context(), "rosa")
		require.Len(t, accounts, 1)
		assert.Equal(t, named["c"], accounts[0].Name)
		assert.Equal(t, []string{lost[0].ID, lost[0].ID}, unopened(t, err))
		err = deleteUser(t, s, "rosa", func(context.Context, bankmux.Connection) error { return nil })
		assert.Len(t, unopened(t, err), 2)
	})
	onEach(t, "deleting may be repeated and is for the user alone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.DeleteConnection(t.Context(), "omar", conn.ID))
		_, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		}
		_, err = s.Connection(t.Context(), "rosa", conn.ID)
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
}

func TestUpdate(t *testing.T) {
	onEach(t, "changes of several processes happen one after the other", func(t *testing.T, db *database) {
		first, second := db.open(t), db.open(t)
		conn := connection(t, first, "rosa", "1")
		const each = 10
		var running, changes atomic.Int32
		change := func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
			assert.EqualValues(t, 1, running.Add(1), "no other change runs")
			defer running.Add(-1)
			changes.Add(1)
			stored.Products = append(stored.Products, bankmux.ProductTransactions)
			return stored, nil
		}
		var wg sync.WaitGroup
		for _, s := range []*store.Store{first, second} {
			for range each {
				wg.Go(func() { assert.NoError(t, s.Update(t.Context(), conn, change)) })
			}
		}
		wg.Wait()
		assert.EqualValues(t, 2*each, changes.Load())
		read, err := first.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		assert.Len(t, read.Products, 2*each, "no change is lost")
	})
	onEach(t, "nothing waits for the database while a change runs", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Update(t.Context(), conn,
			func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				connection(t, s, "omar", "2")
				_, err := s.Connection(ctx, "rosa", conn.ID)
				return stored, err
			}))
	})
	onEach(t, "a change that fails changes nothing and frees the row", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		broken := errors.New("no tokens today")
		err := s.Update(t.Context(), conn, func(context.Context, bankmux.Connection) (bankmux.Connection, error) {
			return bankmux.Connection{}, broken
		})
		assert.Equal(t, broken, err, "the error is that of change")
		require.ErrorIs(t, s.Update(t.Context(), conn,
			func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				stored.User = "omar"
				return stored, nil
			}), bankmux.ErrInvalid)
		require.NoError(t, s.Update(t.Context(), conn, degrade))
	})
	onEach(t, "a panic in a change frees the row after the lease", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		assert.Panics(t, func() {
			_ = s.Update(t.Context(), conn, func(context.Context, bankmux.Connection) (bankmux.Connection, error) {
				panic("change")
			})
		})
		c.advance(31 * time.Second)
		require.NoError(t, s.Update(t.Context(), conn, degrade))
	})
	onEach(t, "without a row it is gone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		require.ErrorIs(t, s.Update(t.Context(), conn, degrade), bankmux.ErrGone)
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		require.ErrorIs(t, s.In(tx).Update(t.Context(), conn, degrade), bankmux.ErrGone)
	})
	onEach(t, "a connection that is deleted during a change is gone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.ErrorIs(t, s.Update(t.Context(), conn,
			func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				return stored, s.DeleteConnection(ctx, "rosa", conn.ID)
			}), bankmux.ErrGone)
		_, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "a change whose lease was lost runs again on the current row", func(t *testing.T, db *database) {
		c := newClock()
		s, other := db.open(t, store.WithNow(c.now)), db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		calls := 0
		require.NoError(t, s.Update(t.Context(), conn,
			func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				if calls++; calls == 1 { // the machine sleeps, and another process goes on
					c.advance(31 * time.Second)
					assert.NoError(t, other.Update(ctx, conn, degrade))
				}
				stored.Products = append(stored.Products, bankmux.ProductTransactions)
				return stored, nil
			}))
		assert.Equal(t, 2, calls)
		read, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateDegraded, read.Status.State, "the change of the other process is kept")
		assert.Len(t, read.Products, 1)
	})
	onEach(t, "a transaction of the application does not wait for a change", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Update(t.Context(), conn,
			func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				tx, err := s.DB().BeginTx(ctx, nil)
				if !assert.NoError(t, err) {
					return stored, err
				}
				assert.ErrorContains(t, s.In(tx).Update(ctx, conn, degrade), "is being changed elsewhere")
				assert.ErrorContains(t, s.In(tx).SaveConnection(ctx, conn), "is being changed elsewhere")
				return stored, tx.Rollback()
			}))
	})
	onEach(t, "the result of an exchange waits for a change", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		relinked := conn.WithCredential(bankmux.NewSecret("credential of the new login"))
		saved := make(chan error)
		require.NoError(t, s.Update(t.Context(), conn,
			func(ctx context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				assert.ErrorIs(t, s.SaveConnection(short, relinked), bankmux.ErrContextDone,
					"it waits within its context")
				go func() { saved <- s.SaveConnection(t.Context(), relinked) }()
				return degrade(ctx, stored)
			}))
		require.NoError(t, <-saved)
		read, err := s.Connection(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		assert.Equal(t, relinked, read)
	})
}

// unopened returns the connections that the error of a list names.
func unopened(t *testing.T, err error) (ids []string) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%v", err)
	for _, one := range joined.Unwrap() {
		require.ErrorIs(t, one, bankmux.ErrSeal)
		ids = append(ids, bankmux.ErrorOf(one).Connection)
	}
	return ids
}
