package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/store"
)

// event returns an event about a connection.
func event(conn bankmux.Connection, key string) bankmux.Event {
	return bankmux.Event{
		Kind: bankmux.EventTransactionsAvailable, Name: "rows", Client: "heron", Provider: "heron", Key: key,
		ReferenceKey: conn.ReferenceKey,
	}
}

// keysOf returns the keys of events.
func keysOf(all []store.Queued) (keys []string) {
	for _, q := range all {
		keys = append(keys, q.Event.Key)
	}
	return keys
}

func dequeue(t *testing.T, s *store.Store, limit int) []store.Queued {
	t.Helper()
	all, err := s.Dequeue(t.Context(), limit)
	require.NoError(t, err)
	return all
}

func TestQueue(t *testing.T) {
	onEach(t, "an event comes with its connection until it is done", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")), "a duplicate is ignored")
		all := dequeue(t, s, 10)
		require.Len(t, all, 1)
		assert.Equal(t, event(conn, "a"), all[0].Event)
		assert.Equal(t, &conn, all[0].Connection)
		assert.Equal(t, 1, all[0].Attempt)
		assert.Empty(t, dequeue(t, s, 10), "it is held")

		c.advance(31 * time.Second)
		again := dequeue(t, s, 10)
		require.Len(t, again, 1, "its holder died")
		assert.Equal(t, 2, again[0].Attempt)
		require.NoError(t, s.Done(t.Context(), all[0]), "the first holder is too late")
		require.NoError(t, s.Release(t.Context(), all[0]))
		assert.Equal(t, 1, count(t, s, "bankmux_events"))
		assert.Empty(t, dequeue(t, s, 10))
		require.NoError(t, s.Done(t.Context(), again[0]))
		c.advance(time.Hour)
		assert.Empty(t, dequeue(t, s, 10))
	})
	onEach(t, "the oldest come first, and a released one last", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		for _, key := range []string{"a", "b", "c"} {
			c.advance(time.Second)
			require.NoError(t, s.Queue(t.Context(), event(conn, key)))
		}
		all := dequeue(t, s, 2)
		assert.Equal(t, []string{"a", "b"}, keysOf(all))
		c.advance(time.Second)
		require.NoError(t, s.Release(t.Context(), all[0]))
		assert.Equal(t, []string{"c", "a"}, keysOf(dequeue(t, s, 10)))
	})
	onEach(t, "an event waits for a connection that is stored a moment later", func(t *testing.T, db *database) {
		s := db.open(t)
		linked, err := exchange(t.Context(), session(t, "rosa"), "1")
		require.NoError(t, err)
		require.NoError(t, s.Queue(t.Context(), event(linked.Connection, "early")))
		assert.Empty(t, dequeue(t, s, 10))
		require.NoError(t, s.SaveConnection(t.Context(), linked.Connection))
		assert.Equal(t, []string{"early"}, keysOf(dequeue(t, s, 10)))
	})
	onEach(t, "an event of a connection that is never stored is dropped after three days",
		func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			conn := connection(t, s, "rosa", "1")
			stranger := event(conn, "stranger")
			stranger.ReferenceKey = "UNKNOWN"
			require.NoError(t, s.Queue(t.Context(), stranger))
			require.NoError(t, s.Queue(t.Context(), event(conn, "kept")))
			c.advance(73 * time.Hour)
			assert.Equal(t, []string{"kept"}, keysOf(dequeue(t, s, 10)))
			assert.Equal(t, 1, count(t, s, "bankmux_events"))
		})
	onEach(t, "several processes take different events", func(t *testing.T, db *database) {
		stores := []*store.Store{db.open(t), db.open(t), db.open(t)}
		conn := connection(t, stores[0], "rosa", "1")
		const events = 60
		for i := range events {
			require.NoError(t, stores[0].Queue(t.Context(), event(conn, fmt.Sprint(i))))
		}
		var mu sync.Mutex
		taken := map[string]int{}
		var wg sync.WaitGroup
		for _, s := range stores {
			wg.Go(func() {
				for {
					all, err := s.Dequeue(t.Context(), 7)
					if !assert.NoError(t, err) || len(all) == 0 {
						return
					}
					for _, q := range all {
						mu.Lock()
						taken[q.Event.Key]++
						mu.Unlock()
						assert.NoError(t, s.Done(t.Context(), q))
					}
				}
			})
		}
		wg.Wait()
		for key, times := range taken {
			assert.Equal(t, 1, times, key)
		}
		rest := dequeue(t, stores[0], events) // PostgreSQL passes over rows that another process had locked
		assert.Len(t, taken, events-len(rest))
	})
	onEach(t, "what is queued is queued, also if it is full", func(t *testing.T, db *database) {
		s := db.open(t, store.WithLimits(store.Limits{Events: 2}))
		conn := connection(t, s, "rosa", "1")
		for _, key := range []string{"1", "2"} {
			require.NoError(t, s.Queue(t.Context(), event(conn, key)))
		}
		require.EqualError(t, s.Queue(t.Context(), event(conn, "3")),
			"store.Queue: database has 2 queued events of "+sumOf(t, s)+" bytes, and Limits allow no more")
		require.NoError(t, s.Queue(t.Context(), event(conn, "1")))
		assert.Equal(t, 2, count(t, s, "bankmux_events"))
	})
	onEach(t, "the bound holds for many processes at once", func(t *testing.T, db *database) {
		limits := store.WithLimits(store.Limits{Events: 5})
		stores := []*store.Store{db.open(t, limits), db.open(t, limits)}
		conn := connection(t, stores[0], "rosa", "1")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { _ = stores[i%2].Queue(t.Context(), event(conn, fmt.Sprint(i))) })
		}
		wg.Wait()
		assert.Equal(t, 5, count(t, stores[0], "bankmux_events"))
	})
	onEach(t, "a limit that is not positive is refused", func(t *testing.T, db *database) {
		_, err := db.open(t).Dequeue(t.Context(), 0)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	})
	onEach(t, "an event that does not open does not hold up the others", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), bankmux.Event{Kind: bankmux.EventLinkFinished, Key: "lost"}.
			WithExchangePayload(bankmux.NewSecret("{}"))))
		_, err := s.DB().ExecContext(t.Context(), "UPDATE bankmux_events SET sealed = $1", []byte("\x10other"))
		require.NoError(t, err)
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		all := dequeue(t, s, 10)
		assert.Equal(t, []string{"a"}, keysOf(all))
		require.NoError(t, s.Done(t.Context(), all[0]))
		c := newClock()
		c.advance(time.Minute)
		_, err = db.open(t, store.WithNow(c.now)).Dequeue(t.Context(), 1)
		require.ErrorIs(t, err, bankmux.ErrSeal)
	})
	onEach(t, "one key of two clients is two events", func(t *testing.T, db *database) {
		s := db.open(t)
		one := event(connection(t, s, "rosa", "1"), "a")
		other := one
		other.Client = "stork"
		require.NoError(t, s.Queue(t.Context(), one))
		require.NoError(t, s.Queue(t.Context(), other))
		assert.Equal(t, 2, count(t, s, "bankmux_events"))
	})
	onEach(t, "an event stays while another connection has its reference", func(t *testing.T, db *database) {
		s := db.open(t)
		first, second := connection(t, s, "rosa", "1"), connection(t, s, "omar", "1")
		require.Equal(t, first.ReferenceKey, second.ReferenceKey)
		require.NoError(t, s.Queue(t.Context(), event(first, "a")))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", first.ID))
		all := dequeue(t, s, 1)
		require.Len(t, all, 1)
		assert.Equal(t, second.ID, all[0].Connection.ID)
		require.NoError(t, s.DeleteConnection(t.Context(), "omar", second.ID))
		assert.Zero(t, count(t, s, "bankmux_events"))
	})
	onEach(t, "the events of a deleted connection go with it", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		assert.Zero(t, count(t, s, "bankmux_events"))
	})
}

// count returns how many rows a table has.
func count(t *testing.T, s *store.Store, table string) (n int) {
	t.Helper()
	require.NoError(t, s.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

func TestInbox(t *testing.T) {
	onEach(t, "a handled delivery is seen by all processes for two days", func(t *testing.T, db *database) {
		c := newClock()
		first, second := db.open(t, store.WithNow(c.now)), db.open(t, store.WithNow(c.now))
		seen := func(s *store.Store, key string) bool {
			yes, err := s.Seen(t.Context(), key)
			require.NoError(t, err)
			return yes
		}
		assert.False(t, seen(first, "a"))
		require.NoError(t, first.Mark(t.Context(), "a"))
		require.NoError(t, second.Mark(t.Context(), "a"))
		assert.True(t, seen(second, "a"))
		assert.False(t, seen(second, "b"))
		c.advance(49 * time.Hour)
		assert.False(t, seen(second, "a"))
		require.NoError(t, first.Mark(t.Context(), "b"))
		assert.Equal(t, 1, count(t, first, "bankmux_seen"), "what expired is deleted")
	})
	onEach(t, "a link that was finished keeps its payload, which is sealed", func(t *testing.T, db *database) {
		s := db.open(t)
		var handler inbox.Handler = s.Queue
		finished := bankmux.Event{
			Kind: bankmux.EventLinkFinished, Client: "heron", Provider: "heron", Key: "1", Session: "session-1",
		}.WithExchangePayload(bankmux.NewSecret(`{"token":"public-1"}`))
		require.NoError(t, handler(t.Context(), finished))
		all := dequeue(t, s, 1)
		require.Len(t, all, 1)
		assert.Nil(t, all[0].Connection)
		assert.Equal(t, bankmux.EventLinkFinished, all[0].Event.Kind)
		assert.Equal(t, finished.ExchangePayload().Reveal(), all[0].ExchangePayload.Reveal())
		assert.NotContains(t, fmt.Sprintf("%+v", all[0]), "public-")
	})
}
