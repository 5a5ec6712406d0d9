package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// openWithLost opens a database in which omar has connections, each with an event, under a key that
// is lost.
func openWithLost(t *testing.T, db *database, connections int, options ...store.Option) *store.Store {
	t.Helper()
	good := db.keys
	db.keys = ring(t, key("lost"))
	old := db.open(t, options...)
	db.keys = good
	for i := range connections {
		conn := connection(t, old, "omar", fmt.Sprint("lost-", i))
		require.NoError(t, old.Queue(t.Context(), event(conn, fmt.Sprint("lost-", i))))
	}
	return db.open(t, options...)
}

func TestUnreadable(t *testing.T) {
	onEach(t, "a worker passes over what does not open, without a pause", func(t *testing.T, db *database) {
		s := openWithLost(t, db, 40)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		_, err := s.DB().ExecContext(t.Context(), "UPDATE bankmux_connections SET due_at = 1 WHERE user_id = 'rosa'")
		require.NoError(t, err, "the unreadable connections come first")
		j := newJobs()
		j.poll = time.Hour
		stop := j.start(t, s)
		j.wait()
		j.wait()
		stop()
		assert.Equal(t, map[string]int{"event a": 1, "sync " + conn.ID: 1}, j.count)
		assert.Contains(t, j.log.String(),
			`"events do not open and are tried again later, or are given up" count=40 given_up=0`)
		assert.Contains(t, j.log.String(), `"connections do not open and are tried again later" count=40`)
	})
	onEach(t, "Dequeue passes over events that do not open", func(t *testing.T, db *database) {
		s := openWithLost(t, db, 3)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		assert.Equal(t, []string{"a"}, keysOf(dequeue(t, s, 1)))
		assert.Empty(t, dequeue(t, s, 1), "the others come back later")
	})
	onEach(t, "an event that does not open is dropped after ten attempts", func(t *testing.T, db *database) {
		c := newClock()
		s := openWithLost(t, db, 1, store.WithNow(c.now))
		for range 10 {
			assert.Equal(t, 1, count(t, s, "bankmux_events"))
			_, err := s.Dequeue(t.Context(), 1)
			require.ErrorIs(t, err, bankmux.ErrSeal)
			assert.Empty(t, dequeue(t, s, 1), "it waits")
			c.advance(2 * time.Hour)
		}
		assert.Zero(t, count(t, s, "bankmux_events"))
	})
	onEach(t, "one call passes over a hundred at most, and the next one goes on", func(t *testing.T, db *database) {
		c := newClock()
		s := openWithLost(t, db, 120, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		c.advance(time.Second)
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		c.advance(time.Second)
		_, err := s.Dequeue(t.Context(), 1)
		require.ErrorIs(t, err, bankmux.ErrSeal)
		c.advance(time.Minute) // the hundred may be tried again, behind the others
		assert.Equal(t, []string{"a"}, keysOf(dequeue(t, s, 1)))
	})
	onEach(t, "TakeDue passes over connections that do not open, for five minutes", func(t *testing.T, db *database) {
		c := newClock()
		s := openWithLost(t, db, 3, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		_, err := s.DB().ExecContext(t.Context(), "UPDATE bankmux_connections SET due_at = 1 WHERE user_id = 'rosa'")
		require.NoError(t, err)
		due, err := s.TakeDue(t.Context(), 1, time.Second)
		require.NoError(t, err)
		require.Len(t, due, 1)
		assert.Equal(t, conn.ID, due[0].Connection.ID)
		require.NoError(t, s.SetDue(t.Context(), due[0], c.now().Add(time.Hour)))
		c.advance(5*time.Minute - time.Second)
		takeDue(t, s, 0)
		c.advance(time.Second)
		_, err = s.TakeDue(t.Context(), 1, time.Second)
		require.ErrorIs(t, err, bankmux.ErrSeal)
	})
}

func TestWorkerFaults(t *testing.T) {
	onEach(t, "a restart uses up no attempt of an event", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		takeDue(t, s, 1)
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		for range 12 {
			j := newJobs()
			started := make(chan struct{})
			j.event = func(ctx context.Context) error {
				close(started)
				<-ctx.Done()
				return ctx.Err()
			}
			stop := j.start(t, s)
			<-started
			stop()
		}
		left := dequeue(t, s, 1)
		require.Len(t, left, 1)
		assert.Equal(t, 1, left[0].Attempt)
	})
	onEach(t, "an event whose Follow panics is tried again later", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		takeDue(t, s, 1)
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		j := newJobs()
		j.event = func(context.Context) error { panic("access-token-of-rosa") }
		stop := j.start(t, s)
		j.wait()
		stop()
		assert.Contains(t, j.log.String(), "panic (string) at")
		assert.Contains(t, j.log.String(), "worker_fault_test.go")
		assert.NotContains(t, j.log.String(), "access-token-of-rosa")
		assert.Empty(t, dequeue(t, s, 1), "it waits")
		c.advance(time.Minute)
		assert.Equal(t, 2, dequeue(t, s, 1)[0].Attempt)
	})
	onEach(t, "a connection whose Sync panics is due again after a minute", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		connection(t, s, "rosa", "1")
		j := newJobs()
		j.sync = func(context.Context) (bankmux.SyncAllResult, error) { panic(errors.New("access-token-of-rosa")) }
		stop := j.start(t, s)
		j.wait()
		stop()
		assert.Contains(t, j.log.String(), "panic (*errors.errorString) at")
		assert.NotContains(t, j.log.String(), "access-token-of-rosa")
		c.advance(59 * time.Second)
		takeDue(t, s, 0)
		c.advance(7 * time.Second) // a tenth spreads the connections that failed together
		takeDue(t, s, 1)
	})
	onEach(t, "a worker goes on after a failure of the database", func(t *testing.T, db *database) {
		connection(t, db.open(t), "rosa", "1")
		f := &fault{err: errFault}
		s := db.faulty(t, f)
		f.arm(1)
		j := newJobs()
		stop := j.start(t, s)
		j.wait()
		stop()
		require.True(t, f.reached())
		assert.Contains(t, j.log.String(), "no job could be taken")
	})
	for n := range 3 {
		onBubbles(t, fmt.Sprintf("a lease is extended later if statement %d fails", n+1),
			func(t *testing.T, db *database) { failedExtension(t, db, n+1) })
	}
}

// brokenTable is a timetable of the application that panics.
type brokenTable struct{}

func (brokenTable) Next(string, time.Time) time.Time { panic("mine") }

func TestWorkerPanics(t *testing.T) {
	onEach(t, "a timetable that panics is logged, and other jobs go on", func(t *testing.T, db *database) {
		s := db.open(t)
		j := newJobs()
		j.table = brokenTable{}
		stop := j.start(t, s)
		for _, token := range []string{"1", "2"} {
			connection(t, s, "rosa", token)
			j.wait()
		}
		stop()
		assert.Contains(t, j.log.String(), "a job could not be given back")
		takeDue(t, s, 0) // before the lease ends
	})
}

// failedExtension lets a statement of the first extension of a sync's lease fail.
func failedExtension(t *testing.T, db *database, n int) {
	healthy, f := db.open(t), &fault{err: errFault}
	s := db.faulty(t, f, store.WithNow(time.Now))
	connection(t, healthy, "rosa", "1")
	release := make(chan struct{})
	w := store.Worker{
		Store: s, Poll: time.Hour, Lease: lease, // only extensions run beside the job
		Follow: func(context.Context, bankmux.Event, bankmux.Connection) error { return nil },
		Sync: func(context.Context, bankmux.Connection) (res bankmux.SyncAllResult, err error) {
			<-release
			return res, nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	until := func() (at int64) {
		synctest.Wait() // the worker has looked for more work and sleeps, or the lease is extended
		require.NoError(t, healthy.DB().QueryRowContext(ctx, "SELECT due_at FROM bankmux_connections").Scan(&at))
		return at
	}
	taken := until()
	require.Equal(t, time.Now().Add(lease).UnixMilli(), taken)
	f.arm(n)
	time.Sleep(lease / 3)
	assert.Equal(t, taken, until(), "the extension failed")
	assert.True(t, f.reached())
	time.Sleep(lease / 3)
	assert.Equal(t, time.Now().Add(lease).UnixMilli(), until())
	cancel()
	close(release)
	require.NoError(t, <-ended)
}
