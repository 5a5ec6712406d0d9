package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
	"github.com/bankmux/bankmux/store"
)

func TestTakeDue(t *testing.T) {
	onEach(t, "a linked connection is due at once, and one process takes it", func(t *testing.T, db *database) {
		here, there := db.open(t), db.open(t)
		conn := connection(t, here, "rosa", "1")
		due := takeDue(t, here, 1)
		assert.Equal(t, conn.ID, due[0].Connection.ID)
		assert.Equal(t, conn.Credential().Reveal(), due[0].Connection.Credential().Reveal())
		takeDue(t, there, 0)
	})
	onEach(t, "it is due again when SetDue says so", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		connection(t, s, "rosa", "1")
		require.NoError(t, s.SetDue(t.Context(), takeDue(t, s, 1)[0], c.now().Add(time.Hour)))
		c.advance(59 * time.Minute)
		takeDue(t, s, 0)
		c.advance(time.Minute)
		takeDue(t, s, 1)
	})
	onEach(t, "after the lease another process takes it, and the first one changes nothing",
		func(t *testing.T, db *database) {
			c := newClock()
			s := db.open(t, store.WithNow(c.now))
			connection(t, s, "rosa", "1")
			late := takeDue(t, s, 1)[0]
			c.advance(lease)
			takeDue(t, s, 1)
			require.NoError(t, s.SetDue(t.Context(), late, c.now()))
			takeDue(t, s, 0)
		})
	onEach(t, "a reconnect during a sync makes it due at once", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		old := takeDue(t, s, 1)[0]
		require.NoError(t, s.SaveConnection(t.Context(), conn))
		require.NoError(t, s.SetDue(t.Context(), old, time.Now().Add(time.Hour)))
		takeDue(t, s, 1)
	})
	onEach(t, "a status that is noted leaves it alone", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		takeDue(t, s, 1)
		require.NoError(t, s.Update(t.Context(), conn,
			func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				stored.Status.State = bankmux.StateReauth
				return stored, nil
			}))
		takeDue(t, s, 0)
	})
	onEach(t, "limit and lease are positive", func(t *testing.T, db *database) {
		s := db.open(t)
		_, err := s.TakeDue(t.Context(), 0, lease)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		_, err = s.TakeDue(t.Context(), 1, 0)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	})
}

const lease = 10 * time.Minute

func takeDue(t *testing.T, s *store.Store, want int) []store.Due {
	t.Helper()
	due, err := s.TakeDue(t.Context(), 10, lease)
	require.NoError(t, err)
	require.Len(t, due, want)
	return due
}

func TestWorker(t *testing.T) {
	onEach(t, "each connection is synced after it was linked, by one of two workers", workersShareConnections)
	onEach(t, "an event is followed once, by one of two workers", workersShareEvents)
	onEach(t, "an event that fails is tried again with pauses, and given up in the end", failingEvent)
	onEach(t, "a failed sync is due when its state says", failedSync)
	onEach(t, "a sync that succeeded is due in its slot of the timetable", timetabledSync)
	onEach(t, "a worker that is stopped gives back what it holds", stoppedWorker)
	onEach(t, "a worker that lives keeps jobs that take longer than the lease", longJob)
	onEach(t, "a link that a webhook finishes is finished", finishedLink)
	onEach(t, "without Finish such an event stays queued", keptLink)
	t.Run("a worker that lacks a field is refused", func(t *testing.T) {
		require.ErrorIs(t, store.Worker{}.Run(t.Context()), bankmux.ErrInvalid)
	})
}

// longJob moves the clock by half a lease, as soon as the worker has extended both leases.
func longJob(t *testing.T, db *database) {
	c := newClock()
	s := db.open(t, store.WithNow(c.now))
	conn := connection(t, s, "rosa", "1")
	require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
	const short = 30 * time.Millisecond
	started, release := make(chan struct{}, 10), make(chan struct{})
	job := func() {
		started <- struct{}{}
		<-release
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := store.Worker{
		Store: s, Poll: time.Millisecond, Lease: short,
		Follow: func(context.Context, bankmux.Event, bankmux.Connection) error {
			job()
			return nil
		},
		Sync: func(context.Context, bankmux.Connection) (res bankmux.SyncAllResult, err error) {
			job()
			return res, nil
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	<-started
	<-started
	for range 4 {
		c.advance(short / 2)
		extended := c.now().Add(short).UnixMilli()
		for _, lease := range []string{
			"SELECT held_until FROM bankmux_events", "SELECT due_at FROM bankmux_connections",
		} {
			for until := int64(0); until < extended; {
				if !assert.NoError(t, s.DB().QueryRowContext(ctx, lease).Scan(&until), lease) {
					break
				}
			}
		}
	}
	assert.Empty(t, started, "no second job started")
	close(release)
	cancel()
	require.NoError(t, <-ended)
}

// jobs counts what workers do. A test waits for them by reading done.
type jobs struct {
	mu    sync.Mutex
	count map[string]int
	done  chan string
	poll  time.Duration
	table schedule.Timetable
	sync  func(context.Context) (bankmux.SyncAllResult, error)
	event func(context.Context) error
	link  func(context.Context, bankmux.Event) error
	log   bytes.Buffer // to be read after the workers have stopped

	logger *slog.Logger
}

func newJobs() *jobs {
	j := &jobs{count: map[string]int{}, done: make(chan string, 100), poll: time.Millisecond}
	j.logger = slog.New(slog.NewTextHandler(&j.log, nil))
	return j
}

func (j *jobs) add(name string) {
	j.mu.Lock()
	j.count[name]++
	j.mu.Unlock()
	j.done <- name
}

// wait waits for the end of a job.
func (j *jobs) wait() { <-j.done }

// start runs a worker until the function that it returns is called.
func (j *jobs) start(t *testing.T, s *store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := store.Worker{
		Store: s, Poll: j.poll, Every: time.Hour, Timetable: j.table, Lease: lease,
		Logger: j.logger, Finish: j.link,
		Follow: func(ctx context.Context, event bankmux.Event, _ bankmux.Connection) error {
			user, _ := bankmux.PresenceOf(ctx)
			assert.True(t, user.Absent, "no user waits")
			defer j.add("event " + event.Key)
			if j.event != nil {
				return j.event(ctx)
			}
			return nil
		},
		Sync: func(ctx context.Context, conn bankmux.Connection) (res bankmux.SyncAllResult, err error) {
			defer j.add("sync " + conn.ID)
			if j.sync != nil {
				return j.sync(ctx)
			}
			return res, nil
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func workersShareConnections(t *testing.T, db *database) {
	here, there := db.open(t), db.open(t)
	j := newJobs()
	defer j.start(t, here)()
	defer j.start(t, there)()
	for _, token := range []string{"1", "2", "3", "4", "5"} {
		connection(t, here, "rosa", token)
	}
	for range 5 {
		j.wait()
	}
	takeDue(t, here, 0)
	j.mu.Lock()
	defer j.mu.Unlock()
	assert.Len(t, j.count, 5)
}

func workersShareEvents(t *testing.T, db *database) {
	here, there := db.open(t), db.open(t)
	conn := connection(t, here, "rosa", "1")
	takeDue(t, here, 1)
	j := newJobs()
	stopHere, stopThere := j.start(t, here), j.start(t, there)
	for _, key := range []string{"a", "b", "c"} {
		require.NoError(t, here.Queue(t.Context(), event(conn, key)))
	}
	for range 3 {
		j.wait()
	}
	stopHere()
	stopThere()
	assert.Equal(t, map[string]int{"event a": 1, "event b": 1, "event c": 1}, j.count)
	left, err := here.Dequeue(t.Context(), 10)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func failingEvent(t *testing.T, db *database) {
	c := newClock()
	s := db.open(t, store.WithNow(c.now))
	conn := connection(t, s, "rosa", "1")
	require.NoError(t, s.SetDue(t.Context(), takeDue(t, s, 1)[0], c.now().Add(1000*time.Hour)))
	require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
	j := newJobs()
	j.event = func(context.Context) error { return errors.New("the provider is down") }
	for range 10 {
		stop := j.start(t, s)
		j.wait()
		stop()
		waiting, err := s.Dequeue(t.Context(), 1)
		require.NoError(t, err)
		require.Empty(t, waiting, "it waits, or is given up")
		c.advance(2 * time.Hour)
	}
	left, err := s.Dequeue(t.Context(), 1)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func failedSync(t *testing.T, db *database) {
	c := newClock()
	s := db.open(t, store.WithNow(c.now))
	connection(t, s, "rosa", "1")
	for _, tt := range []struct {
		name string
		res  bankmux.SyncAllResult
		err  error
		wait time.Duration
		// connections that failed together are spread over it
		spread time.Duration
	}{
		{"a round that failed", bankmux.SyncAllResult{
			State: bankmux.SyncState{
				NotBefore: c.now().Add(90 * time.Second), Err: &bankmux.Error{Kind: bankmux.ErrUnavailable},
			},
		}, bankmux.ErrUnavailable, 90 * time.Second, 0},
		{"a database that is away", bankmux.SyncAllResult{}, errors.New("away"), time.Minute, 6 * time.Second},
		{"accounts that could not be read", bankmux.SyncAllResult{}, &bankmux.PartialError{}, time.Hour, 0},
		{"a round at its end", bankmux.SyncAllResult{}, nil, time.Hour, 0},
		{"a login that is missing", bankmux.SyncAllResult{
			State: bankmux.SyncState{Err: &bankmux.Error{Kind: bankmux.ErrReauth}},
		}, bankmux.ErrReauth, time.Hour, 0},
	} {
		start := c.now()
		j := newJobs()
		j.sync = func(context.Context) (bankmux.SyncAllResult, error) {
			if !tt.res.State.NotBefore.IsZero() {
				tt.res.State.NotBefore = start.Add(tt.wait)
			}
			return tt.res, tt.err
		}
		stop := j.start(t, s)
		j.wait()
		stop()
		c.advance(tt.wait - time.Second)
		takeDue(t, s, 0)
		c.advance(time.Second + tt.spread)
	}
	takeDue(t, s, 1)
}

func timetabledSync(t *testing.T, db *database) {
	c := newClock()
	s := db.open(t, store.WithNow(c.now))
	conn := connection(t, s, "rosa", "1")
	j := newJobs()
	j.table = schedule.Night{}
	j.sync = func(context.Context) (bankmux.SyncAllResult, error) { return bankmux.SyncAllResult{}, nil }
	stop := j.start(t, s)
	j.wait()
	stop()
	slot := schedule.Night{}.Next(conn.ID, c.now())
	c.advance(slot.Sub(c.now()) - time.Millisecond)
	takeDue(t, s, 0)
	c.advance(time.Millisecond)
	takeDue(t, s, 1)
}

func stoppedWorker(t *testing.T, db *database) {
	s := db.open(t)
	connection(t, s, "rosa", "1")
	j := newJobs()
	started := make(chan struct{})
	j.sync = func(ctx context.Context) (bankmux.SyncAllResult, error) {
		close(started)
		<-ctx.Done()
		return bankmux.SyncAllResult{}, ctx.Err()
	}
	stop := j.start(t, s)
	<-started
	stop()
	takeDue(t, s, 1)
}

func finishedLink(t *testing.T, db *database) {
	s := db.open(t)
	made := session(t, "rosa")
	require.NoError(t, s.Queue(t.Context(), finished(made, "1")))
	j := newJobs()
	j.link = func(_ context.Context, event bankmux.Event) error {
		defer j.add("finished " + event.Session)
		assert.JSONEq(t, string(payload("1")), event.ExchangePayload().Reveal())
		return nil
	}
	stop := j.start(t, s)
	j.wait()
	stop()
	assert.Equal(t, map[string]int{"finished " + made.ID: 1}, j.count)
	assert.Zero(t, count(t, s, "bankmux_events"))
}

func keptLink(t *testing.T, db *database) {
	c := newClock()
	s := db.open(t, store.WithNow(c.now))
	require.NoError(t, s.Queue(t.Context(), finished(session(t, "rosa"), "1")))
	for range 12 {
		j := newJobs()
		stop := j.start(t, s)
		connection(t, s, "rosa", "1") // its sync is the job after the event
		j.wait()
		stop()
		require.Equal(t, 1, count(t, s, "bankmux_events"))
		assert.Contains(t, j.log.String(), "lacks Finish")
		c.advance(time.Hour)
	}
}
