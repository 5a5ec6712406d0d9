package riversync_test

// This file takes the database away while workers run, and has a webhook that comes during a run.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/internal/pgserver"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// hearsDuringARun lets a process of its own run the sync, and the test's process hear the webhook.
// The row that it announces is not in the round that runs.
func hearsDuringARun(t *testing.T) {
	t.Parallel()
	s := newShore(t)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{s.clients[moneykit.Name]},
		[]bankmux.Route{{Client: moneykit.Name, Countries: []string{"US"}}})
	require.NoError(t, err)
	var heard atomic.Int64
	hooks := httptest.NewServer(inbox.New(registry, func(ctx context.Context, event bankmux.Event) error {
		conn, err := s.store.FindConnection(ctx, event.Client, event.ReferenceKey)
		if err != nil {
			return err
		}
		heard.Add(1)
		return s.fleet.Nudge(ctx, conn)
	}))
	t.Cleanup(hooks.Close)
	s.hooks = hooks.URL + "/{client}"
	conn := s.link(t, moneykit.Name)
	_, err = s.bank.Deliver(t.Context(), hooks.Client()) // those of the link
	require.NoError(t, err)
	heard.Store(0)
	reached, open := make(chan struct{}), make(chan struct{})
	var pages atomic.Int64
	hold := func(r *http.Request) {
		if strings.Contains(r.URL.Path, "transactions") && pages.Add(1) == 2 {
			close(reached)
			<-open
		}
	}
	s.held.Store(&hold)
	child := s.start(t, "listener")
	defer func() {
		require.NoError(t, child.Process.Kill())
		require.Error(t, child.Wait())
	}()
	require.NoError(t, s.fleet.Nudge(t.Context(), conn))
	<-reached
	before := s.db.jobs(t, "completed")
	s.book(t, conn, "announced")
	_, err = s.bank.Deliver(t.Context(), hooks.Client())
	require.NoError(t, err)
	assert.Positive(t, heard.Load())
	jobs := s.db.jobs(t, "running", "available", "scheduled", "retryable")
	assert.Equal(t, 1, jobs, "it plans nothing beside the run")
	close(open)
	require.Eventually(t, func() bool {
		return s.db.jobs(t, "scheduled") == 1 && s.db.jobs(t, "running", "available") == 0
	}, patience, 10*time.Millisecond)
	assert.Equal(t, before+2, s.db.jobs(t, "completed"))
	assert.Contains(t, strings.Join(ledgerOf(t, s.store, conn.User), ""), `"announced"`)
}

// TestOutage specifies that a worker calls no bank while its database is away, and that each
// connection is caught up afterwards.
func TestOutage(t *testing.T) {
	t.Parallel()
	t.Run("runs end while PostgreSQL is down, and each ledger is whole after it is back", endsWhileDown)
}

// safeLog is a log of several goroutines.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func endsWhileDown(t *testing.T) {
	t.Parallel()
	const connections, running = 12, 8
	server := pgserver.Start(t)
	d := newDatabaseAt(t, server.URL)
	b, log := newBank(), &safeLog{}
	logs := func(p *process) { p.logger = slog.New(slog.NewTextHandler(log, nil)) }
	here, there := d.process(t, b, logs), d.process(t, b, logs)
	page := newGate()
	b.failing(page.at("page 2"))
	for i := range connections {
		here.nudge(t, here.link(t, fmt.Sprintf("user-%02d", i)))
	}
	here.start(t)
	there.start(t)
	for range running { // each worker is amid a run
		<-page.reached
	}
	b.taken()
	server.Kill(t)
	close(page.open)
	require.Eventually(t, func() bool { return log.count("a plan could not be stored") == running },
		patience, 10*time.Millisecond, "each run ends")
	assert.Empty(t, b.taken(), "a run whose page was not stored reads no further one, and no other run starts")
	if os.Getenv("BANKMUX_FULL") != "" {
		<-time.After(time.Minute)
		assert.Empty(t, b.taken())
	}
	server.Start(t)
	require.Eventually(t, func() bool { return d.db.PingContext(t.Context()) == nil }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		d.retry(t) // River stores the error of each run some seconds after the server is back
		return d.waiting() == connections
	}, patience, 20*time.Millisecond, "each connection has its slot of the night")
	assert.Equal(t, connections, d.jobs(t, "scheduled"), "no connection lost its job, or has two")
	called := map[string]int{}
	for _, call := range b.taken() {
		called[call]++
	}
	for i := range connections {
		user := fmt.Sprintf("user-%02d", i)
		require.Equal(t, allTexts, here.texts(t, user))
		assert.Equal(t, 1, called["page 2 of "+user], "no page was read by two runs")
	}
}

// waiting returns how many connections have a plan for their slot, and no run.
func (d *database) waiting() (n int) {
	_ = d.db.QueryRowContext(context.Background(),
		"SELECT count(*) FROM bankmux_river_connections c JOIN river_job j ON j.id = c.job"+
			" WHERE c.reason = 'slot' AND NOT c.running AND j.state = 'scheduled'").Scan(&n)
	return n
}
