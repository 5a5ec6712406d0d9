package riversync_test

// This file counts the statements of a sync. Each is a round trip.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTrips specifies the statements of a sync that finds nothing new, in their order. River sends
// those of its own for many jobs at once, so they are not in the list.
func TestTrips(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	sent := &jobStatements{}
	d.tracer = sent
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	require.Eventually(t, func() bool { // its statements are those of a job too
		return d.count(t, "SELECT count(*) FROM river_job WHERE kind = 'bankmux_repair' AND state = 'completed'") == 1
	}, patience, time.Millisecond)
	require.NotEmpty(t, sent.take())
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	all := sent.take()
	want := []string{
		"WITH old AS (SELECT nudged OR (running AND forced) AS nudged",     // starts the run
		"SELECT id, user_id, provider, environment, sealed FROM",           // the connection
		"SELECT COALESCE(s.version, 0), s.sealed FROM bankmux_connections", // the state
		"SELECT COALESCE(i.provider_id, ''), COALESCE(i.account, ''),",     // the accounts
		"SELECT id, day, known FROM bankmux_transactions",                  // rows that may have vanished
		"begin",
		"WITH kept AS (SELECT id FROM bankmux_connections", // the cursor
		"WITH held AS (", // ends the run, its job and the plan
		"commit",
	}
	require.Len(t, all, len(want), "%s", strings.Join(all, "\n"))
	for i, text := range want {
		assert.Truef(t, strings.HasPrefix(all[i], text), "statement %d is %s", i, all[i])
	}
}

// jobStatements records the statements that jobs send, and not those of River's own loops.
type jobStatements struct {
	mu    sync.Mutex
	texts []string
}

func (s *jobStatements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	// RecordOutput refuses a context that is not of a job. In one, it refuses a channel.
	if _, ok := errors.AsType[*json.UnsupportedTypeError](river.RecordOutput(ctx, make(chan int))); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.texts = append(s.texts, q.SQL)
	}
	return ctx
}

func (*jobStatements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// take returns the statements since the last time.
func (s *jobStatements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := s.texts
	s.texts = nil
	return texts
}
