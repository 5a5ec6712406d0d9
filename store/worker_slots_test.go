package store_test

// This file tests that a worker shares its time.

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// linkAt stores a connection of a client at a bank.
func linkAt(t *testing.T, s *store.Store, client, bank, token string) bankmux.Connection {
	t.Helper()
	linked, err := exchange(t.Context(), session(t, "rosa"), token)
	require.NoError(t, err)
	conn := linked.Connection
	conn.Client, conn.Institution.ID = client, bank
	require.NoError(t, s.SaveConnection(t.Context(), conn))
	return conn
}

// queueFor queues an event of a connection.
func queueFor(t *testing.T, s *store.Store, conn bankmux.Connection, key string) {
	t.Helper()
	announced := event(conn, key)
	announced.Client = conn.Client
	require.NoError(t, s.Queue(t.Context(), announced))
}

// hanging is a worker whose jobs of some connections hang.
type hanging struct {
	mu      sync.Mutex
	hangs   map[string]bool // by id of the connection
	running int             // of those that hang
	most    int             // that ran at a time
	done    chan string     // ids of the connections of the others
	release chan struct{}
}

func newHanging() *hanging {
	return &hanging{hangs: map[string]bool{}, done: make(chan string, 100), release: make(chan struct{})}
}

// hang links connections that hang.
func (h *hanging) hang(t *testing.T, s *store.Store, n int, client string, bank func(i int) string) {
	t.Helper()
	for i := range n {
		conn := linkAt(t, s, client, bank(i), fmt.Sprint(client, i))
		h.hangs[conn.ID] = true
		queueFor(t, s, conn, fmt.Sprint("hangs", i))
	}
}

func (h *hanging) job(conn bankmux.Connection) {
	if !h.hangs[conn.ID] {
		h.done <- conn.ID
		return
	}
	h.count(1)
	<-h.release
	h.count(-1)
	h.done <- conn.ID
}

func (h *hanging) count(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running += n
	h.most = max(h.most, h.running)
}

// run runs a worker until test returns.
func (h *hanging) run(t *testing.T, s *store.Store, test func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := store.Worker{
		Store: s, Poll: time.Millisecond,
		Follow: func(_ context.Context, _ bankmux.Event, conn bankmux.Connection) error {
			h.job(conn)
			return nil
		},
		Sync: func(_ context.Context, conn bankmux.Connection) (res bankmux.SyncAllResult, err error) {
			h.job(conn)
			return res, nil
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	test()
	cancel()
	require.NoError(t, <-ended)
}

// runsFirst holds that the event and the sync of a connection run while nine others hang.
func (h *hanging) runsFirst(t *testing.T, s *store.Store, other bankmux.Connection) {
	t.Helper()
	h.run(t, s, func() {
		assert.Equal(t, other.ID, <-h.done, "its event")
		assert.Equal(t, other.ID, <-h.done, "its sync")
		close(h.release)
		for range 18 {
			<-h.done
		}
	})
}

func TestWorkerShares(t *testing.T) {
	onEach(t, "a provider that hangs leaves the others alone", func(t *testing.T, db *database) {
		s, h := db.open(t), newHanging()
		h.hang(t, s, 9, "heron", func(i int) string { return fmt.Sprint("bank", i) })
		other := linkAt(t, s, "crane", "bank0", "other")
		queueFor(t, s, other, "other")
		h.runsFirst(t, s, other)
		assert.LessOrEqual(t, h.most, 4)
		assert.Zero(t, count(t, s, "bankmux_events"))
		takeDue(t, s, 0)
	})
	onEach(t, "a bank that hangs leaves the other banks of its client alone", func(t *testing.T, db *database) {
		s, h := db.open(t), newHanging()
		h.hang(t, s, 9, "heron", func(int) string { return "bank" })
		other := linkAt(t, s, "heron", "other bank", "other")
		queueFor(t, s, other, "other")
		h.runsFirst(t, s, other)
		assert.LessOrEqual(t, h.most, 2)
		takeDue(t, s, 0)
	})
	onEach(t, "a job that takes too long ends, and its work goes on later", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.Queue(t.Context(), event(conn, "a")))
		hangs := func(ctx context.Context, done chan<- struct{}) error {
			defer close(done)
			<-ctx.Done()
			return ctx.Err()
		}
		followed, synced := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := store.Worker{
			Store: s, Poll: time.Millisecond, Timeout: time.Millisecond,
			Follow: func(ctx context.Context, _ bankmux.Event, _ bankmux.Connection) error {
				return hangs(ctx, followed)
			},
			Sync: func(ctx context.Context, _ bankmux.Connection) (res bankmux.SyncAllResult, err error) {
				return res, hangs(ctx, synced)
			},
		}
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		<-followed
		<-synced
		for held := 1; held > 0; { // until both were given back
			require.NoError(t, s.DB().QueryRowContext(ctx, "SELECT"+
				" (SELECT COUNT(*) FROM bankmux_events WHERE held_until > $1)"+
				" + (SELECT COUNT(*) FROM bankmux_connections WHERE due_at <= $2)",
				c.now().Add(10*time.Second).UnixMilli(), c.now().Add(30*time.Second).UnixMilli()).Scan(&held))
		}
		cancel()
		require.NoError(t, <-ended)
		c.advance(2 * time.Minute)
		assert.Equal(t, 2, dequeue(t, s, 1)[0].Attempt)
		takeDue(t, s, 1)
	})
}
