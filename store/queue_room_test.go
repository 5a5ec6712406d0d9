package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
)

// strange returns an event about a connection that is not stored.
func strange(key string) bankmux.Event {
	return event(bankmux.Connection{ReferenceKey: "UNKNOWN8901234567890123456789012"}, key)
}

// fillQueue queues events until the queue is full, and returns their number. The keys start with
// keys.
func fillQueue(t *testing.T, s *store.Store, keys string, of func(key string) bankmux.Event) int {
	t.Helper()
	for n := range 100 {
		if err := s.Queue(t.Context(), of(fmt.Sprintf("%s%02d", keys, n))); err != nil {
			require.ErrorContains(t, err, "queued events of")
			return n
		}
	}
	require.Fail(t, "the queue is never full")
	return 0
}

// TestQueueRoom specifies what fills the queue, and what it always takes.
func TestQueueRoom(t *testing.T) {
	for name, limits := range map[string]store.Limits{
		"in number": {Events: 8}, "in bytes": {EventBytes: 8 * 150},
	} {
		onEach(t, "events of strangers leave half of it to the others, "+name, func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now), store.WithLimits(limits))
			conn := connection(t, s, "rosa", "1")
			assert.Equal(t, 4, fillQueue(t, s, "other", strange))
			require.EqualError(t, s.Queue(t.Context(), strange("one more")), "store.Queue: database has 4 queued"+
				" events of "+sumOf(t, s)+" bytes whose connection or session is not stored, and Limits allow no more")
			assert.Equal(t, 4, fillQueue(t, s, "known", func(key string) bankmux.Event { return event(conn, key) }))
			assert.Len(t, dequeue(t, s, 10), 4)

			c.advance(73 * time.Hour)
			require.NoError(t, s.Queue(t.Context(), strange("later")), "those that waited too long make room")
		})
	}
	onEach(t, "without strangers the others have all of it, and strangers none", func(t *testing.T, db *database) {
		s := db.open(t, store.WithLimits(store.Limits{Events: 8}))
		conn := connection(t, s, "rosa", "1")
		assert.Equal(t, 8, fillQueue(t, s, "known", func(key string) bankmux.Event { return event(conn, key) }))
		assert.Zero(t, fillQueue(t, s, "other", strange))
	})
	onEach(t, "events whose connection an application deletes by itself are those of strangers",
		func(t *testing.T, db *database) {
			s := db.open(t, store.WithLimits(store.Limits{Events: 8}))
			lost, conn := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
			fillQueue(t, s, "lost", func(key string) bankmux.Event { return event(lost, key) })
			_, err := s.DB().ExecContext(t.Context(), "DELETE FROM bankmux_connections WHERE id = $1", lost.ID)
			require.NoError(t, err)
			assert.Equal(t, 4, fillQueue(t, s, "known", func(key string) bankmux.Event { return event(conn, key) }))
		})
	onEach(t, "a link that another application finished is that of a stranger", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now), store.WithLimits(store.Limits{Events: 8}))
		finished := func(session string) func(string) bankmux.Event {
			return func(key string) bankmux.Event {
				return bankmux.Event{
					Kind: bankmux.EventLinkFinished, Client: "heron", Key: key, Session: session,
					ReferenceKey: "reference",
				}
			}
		}
		assert.Equal(t, 4, fillQueue(t, s, "elsewhere", finished("elsewhere")))
		own := session(t, "rosa")
		require.NoError(t, s.SaveSession(t.Context(), own))
		assert.Equal(t, 4, fillQueue(t, s, "own", finished(own.ID)))
		assert.Len(t, dequeue(t, s, 10), 8, "a worker gets all of them")
		c.advance(73 * time.Hour)
		assert.Len(t, dequeue(t, s, 10), 4, "the session of the others is not stored")
	})
	onEach(t, "what the user has done is queued, however full it is", func(t *testing.T, db *database) {
		s := db.open(t, store.WithLimits(store.Limits{Events: 8}))
		conn := connection(t, s, "rosa", "1")
		fillQueue(t, s, "other", strange)
		fillQueue(t, s, "known", func(key string) bankmux.Event { return event(conn, key) })
		for _, name := range []string{bankhttp.EventLinked, bankhttp.EventNamed} {
			e := event(conn, name)
			e.Name = name
			require.NoError(t, s.Queue(t.Context(), e))
			require.NoError(t, s.Queue(t.Context(), e), "posted again")
			unknown := strange(name + " of a stranger")
			unknown.Name = name
			require.Error(t, s.Queue(t.Context(), unknown))
		}
		assert.Equal(t, 10, count(t, s, "bankmux_events"))
	})
	if serverURL == "" {
		return
	}
	t.Run("postgres: a transaction of the application does not hold up the events of others", func(t *testing.T) {
		s := newDatabase(t, store.Postgres).open(t)
		conn := connection(t, s, "rosa", "1")
		tx, err := s.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, s.In(tx).Queue(t.Context(), event(conn, "a")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, s.Queue(ctx, event(conn, "b")))
		again := make(chan error)
		go func() { again <- s.Queue(ctx, event(conn, "a")) }()
		require.NoError(t, tx.Commit())
		require.NoError(t, <-again, "the same event waits for the transaction")
		assert.Equal(t, 2, count(t, s, "bankmux_events"))
	})
}

// sumOf returns the size of all events.
func sumOf(t *testing.T, s *store.Store) (bytes string) {
	t.Helper()
	row := s.DB().QueryRowContext(t.Context(), "SELECT CAST(SUM(bytes) AS TEXT) FROM bankmux_events")
	require.NoError(t, row.Scan(&bytes))
	return bytes
}
