package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// TestDeleteUserLinks specifies that a user who was deleted has no connection, whatever was linked
// meanwhile.
func TestDeleteUserLinks(t *testing.T) {
	onEach(t, "a connection that is stored meanwhile ends too", func(t *testing.T, db *database) {
		s := db.open(t)
		fill(t, s, "rosa")
		var ended []string
		require.NoError(t, deleteUser(t, s, "rosa", func(_ context.Context, conn bankmux.Connection) error {
			if len(ended) < 3 {
				connection(t, s, "rosa", string(rune('1'+len(ended))))
			}
			ended = append(ended, conn.Reference())
			return nil
		}))
		assert.Equal(t, []string{"reference-1", "reference-2", "reference-3"}, ended[1:])
		for table, lines := range dump(t, s) {
			if table != "bankmux_schema" && table != "bankmux_seen" {
				assert.Empty(t, lines, table)
			}
		}
	})
	onEach(t, "an exchange that stores its result at any statement ends too", func(t *testing.T, db *database) {
		s, f := db.open(t), &fault{}
		deleting := db.faulty(t, f)
		waits := blocked(t, db)
		stored, refused := 0, 0
		for n := 1; ; n++ {
			connection(t, s, "rosa", "1")
			l := &late{goOn: make(chan struct{}), done: make(chan struct{})}
			f.before = func() error {
				waits(l)
				return nil
			}
			var ended []string
			require.NoError(t,
				only(deleting.DeleteUser(t.Context(), "rosa", func(_ context.Context, conn bankmux.Connection) error {
					ended = append(ended, conn.Reference())
					if len(ended) == 1 {
						l.start(t, s)
						f.arm(n)
					}
					return nil
				})))
			reached := f.reached()
			l.release()
			<-l.done
			left, err := s.Connections(t.Context(), "rosa")
			require.NoError(t, err)
			assert.Empty(t, left, "statement %d", n)
			if l.err == nil {
				stored++
				assert.True(t, slices.Contains(ended, "reference-2"), "statement %d: its access ended", n)
			} else {
				refused++
				require.ErrorIs(t, l.err, bankmux.ErrNotFound, "statement %d", n)
				require.NoError(t, s.ForgetExchange(t.Context(), l.ref, payload("2")), "its process ended the access")
			}
			assert.Zero(t, count(t, s, "bankmux_exchanges"), "statement %d", n)
			if !reached {
				break
			}
		}
		assert.Positive(t, stored)
		assert.Positive(t, refused)
	})
}

// TestDeleteUserFiles specifies that SQLite overwrites what is deleted.
func TestDeleteUserFiles(t *testing.T) {
	t.Run("sqlite: the files have nothing of the user afterwards", func(t *testing.T) {
		db := newDatabase(t, store.SQLite)
		s := db.open(t)
		const user = "rosa-of-the-deleted"
		fill(t, s, user)
		fill(t, s, "omar")
		found := func(text string) (n int) {
			for _, file := range []string{db.address, db.address + "-wal"} {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				content = bytes.ReplaceAll(content, []byte("delivery of "+user), nil) // a mark, which has no user
				n += bytes.Count(content, []byte(text))
			}
			return n
		}
		require.Positive(t, found(user))
		require.Positive(t, found("tea room"))
		require.NoError(t,
			deleteUser(t, s, user, func(context.Context, bankmux.Connection) error { return nil }))
		assert.Zero(t, found(user))
		assert.Equal(t, 1, found("tea room"), "that of another user stays")

		require.NoError(t,
			deleteUser(t, s, "omar", func(context.Context, bankmux.Connection) error { return nil }))
		assert.Zero(t, found("tea room"))
	})
}

// only returns the error alone.
func only(_ []store.Unfinished, err error) error { return err }

// deleteUser deletes a user who has no exchange in doubt.
func deleteUser(
	t *testing.T, s *store.Store, user string, disconnect func(context.Context, bankmux.Connection) error,
) error {
	t.Helper()
	left, err := s.DeleteUser(t.Context(), user, disconnect)
	assert.Empty(t, left)
	return err
}

// late is an exchange of another process, which waits before it returns.
type late struct {
	goOn, done chan struct{}
	ref        bankmux.SessionRef
	err        error
}

// start runs the exchange and returns when it has its claim.
func (l *late) start(t *testing.T, s *store.Store) {
	t.Helper()
	made := session(t, "rosa")
	require.NoError(t, s.SaveSession(t.Context(), made))
	l.ref = made.Ref()
	claimed := make(chan struct{})
	go func() {
		defer close(l.done)
		_, l.err = s.Exchange(t.Context(), made.Ref(), payload("2"),
			func(ctx context.Context) (bankmux.ExchangeResult, error) {
				close(claimed)
				<-l.goOn
				return exchange(ctx, made, "2")
			})
	}()
	<-claimed
}

// release lets the exchange return.
func (l *late) release() {
	select {
	case <-l.goOn:
	default:
		close(l.goOn)
	}
}

// blocked returns a function that lets an exchange return. It waits until the exchange has ended,
// or until it waits for a lock of another transaction.
func blocked(t *testing.T, db *database) func(*late) {
	t.Helper()
	if db.dialect == store.SQLite {
		return blockedFile(t, db)
	}
	server, err := sql.Open("pgx", serverURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return func(l *late) {
		l.release()
		for waiting := 0; waiting == 0; {
			select {
			case <-l.done:
				return
			default:
			}
			assert.NoError(t, server.QueryRow("SELECT COUNT(*) FROM pg_stat_activity"+
				" WHERE wait_event_type = 'Lock' AND query LIKE '%bankmux_exchanges%'").Scan(&waiting))
		}
	}
}

// blockedFile is blocked for SQLite, which does not show who waits. It shows whether a transaction
// has the lock, for which the exchange then waits.
func blockedFile(t *testing.T, db *database) func(*late) {
	t.Helper()
	file, err := sql.Open("sqlite", "file:"+db.address+"?_pragma=busy_timeout(0)&_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return func(l *late) {
		tx, busy := file.BeginTx(t.Context(), nil)
		if busy == nil {
			assert.NoError(t, tx.Rollback())
		}
		l.release()
		if busy == nil {
			<-l.done
		}
	}
}

func TestDeleteUser(t *testing.T) {
	onEach(t, "everything of the user goes, and nothing of another", func(t *testing.T, db *database) {
		s := db.open(t)
		fill(t, s, "omar")
		want := dump(t, s)
		conn := fill(t, s, "rosa")
		var ended []string
		require.NoError(t, deleteUser(t, s, "rosa", func(ctx context.Context, c bankmux.Connection) error {
			ended = append(ended, c.ID)
			_, err := s.Connection(ctx, "rosa", c.ID)
			assert.NoError(t, err, "provider access first")
			return nil
		}))
		assert.Equal(t, []string{conn.ID}, ended)
		have := dump(t, s)
		want["bankmux_seen"], have["bankmux_seen"] = nil, nil // marks name deliveries
		assert.Equal(t, want, have)
		require.NoError(t, deleteUser(t, s, "rosa", nil), "it may be repeated")
	})
	onEach(t, "a failure keeps the connection, and can be repeated", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := fill(t, s, "rosa")
		other := connection(t, s, "rosa", "2")
		away := errors.New("provider is away")
		err := deleteUser(t, s, "rosa", func(_ context.Context, c bankmux.Connection) error {
			if c.ID == conn.ID {
				return away
			}
			return nil
		})
		assert.Equal(t, away, err)
		all, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		require.Len(t, all, 1, "the access to the other bank is ended")
		assert.Equal(t, conn, all[0])
		assert.NotEqual(t, other.ID, all[0].ID)
		assert.Equal(t, 2, count(t, s, "bankmux_transactions"))
		require.NoError(t,
			deleteUser(t, s, "rosa", func(context.Context, bankmux.Connection) error { return nil }))
		assert.Zero(t, count(t, s, "bankmux_transactions"))
	})
	onEach(t, "a provider that hangs leaves time for the others", func(t *testing.T, db *database) {
		s := db.open(t)
		for _, token := range []string{"1", "2", "3"} {
			connection(t, s, "rosa", token)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for parts := 4; parts > 1; parts-- { // of the hour, one is for the database
			ended := 0
			_, err := s.DeleteUser(ctx, "rosa", func(ctx context.Context, _ bankmux.Connection) error {
				ends, _ := ctx.Deadline()
				assert.LessOrEqual(t, time.Until(ends), time.Hour/time.Duration(parts-ended))
				if ended++; ended < parts-1 {
					return context.DeadlineExceeded
				}
				return nil
			})
			assert.Equal(t, parts > 2, errors.Is(err, context.DeadlineExceeded))
		}
	})
	onEach(t, "what runs meanwhile brings nothing back", func(t *testing.T, db *database) {
		s, other, f := db.open(t), db.open(t), &fault{forever: true}
		conn := fill(t, s, "rosa")
		writers := newWriters(t, other, conn)
		f.before = func() error {
			writers.let()
			return nil
		}
		deleting := db.faulty(t, f)
		require.NoError(t, deleteUser(t, deleting, "rosa", func(context.Context, bankmux.Connection) error {
			writers.each(t)
			f.arm(1)
			return nil
		}))
		for _, err := range writers.last() {
			require.ErrorIs(t, err, bankmux.ErrGone)
		}
		for table, lines := range dump(t, s) {
			for _, line := range lines {
				assert.NotContains(t, line, "user_id=rosa", table)
			}
		}
	})
}

// writers write about a connection, each once for every turn that it gets. They take turns, because
// SQLite is not fair to a writer that waits while others never rest.
type writers struct {
	turns []chan chan error // a turn has a channel for the error, or nil
	ended chan error
}

func newWriters(t *testing.T, s *store.Store, conn bankmux.Connection) *writers {
	t.Helper()
	ctx := t.Context()
	a := name(t, s, conn, checking("provider-account-rosa", "12345678-rosa"))[0]
	state, n := bankmux.SyncState{Version: 2}, 1000
	all := []func() error{
		func() error {
			row := movement(a, fmt.Sprint(state.Version), "2026-01-02", "-5", "Tea")
			_, err := s.StoreDelta(ctx, conn, state, bankmux.Delta{Added: []bankmux.Added{row}}, state)
			state.Version++
			return err
		},
		func() error {
			n++
			_, err := s.NameAccounts(ctx, conn, []bankmux.Account{checking(fmt.Sprint(n), fmt.Sprint(n))})
			return err
		},
		func() error { return s.SaveBalances(ctx, conn, nil) },
		func() error {
			_, err := s.SaveChallenge(ctx, "rosa", bankmux.Challenge{ID: "1", Connection: conn.ID})
			return err
		},
		func() error { return s.Update(ctx, conn, degrade) },
	}
	w := &writers{ended: make(chan error)}
	for _, write := range all {
		turns := make(chan chan error, 1)
		w.turns = append(w.turns, turns)
		go func() {
			var err error
			for turn := range turns {
				if err == nil {
					err = write()
				}
				if turn != nil {
					turn <- err
				}
			}
			if err == nil {
				err = write()
			}
			w.ended <- err
		}()
	}
	return w
}

// let gives a turn to each writer that has none left, and does not wait for it.
func (w *writers) let() {
	for _, turns := range w.turns {
		select {
		case turns <- nil:
		default:
		}
	}
}

// each lets each writer write once.
func (w *writers) each(t *testing.T) {
	t.Helper()
	for _, turns := range w.turns {
		turn := make(chan error)
		turns <- turn
		require.NoError(t, <-turn)
	}
}

// last lets each writer write once more, unless it has failed, and returns how each has failed.
func (w *writers) last() (failed []error) {
	for _, turns := range w.turns {
		close(turns)
	}
	for range w.turns {
		failed = append(failed, <-w.ended)
	}
	return failed
}
