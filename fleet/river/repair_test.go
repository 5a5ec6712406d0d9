package riversync_test

// This file tests how connections that lost their job get another one.

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestRepair(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a connection that lost its job gets another one when it is late":   repairs,
		"a process repairs, also if River elected the application's client": repairsUnelected,
		"a repair goes on after the first thousand":                         repairsAll,
		"the next repair continues where the last one ended":                repairsTheRest,
		"a repair reads no connection that is not due":                      repairsByIndex,
	})
}

func repairs(t *testing.T, d *database) {
	p := d.process(t, newBank())
	lost, well := p.link(t, "lost"), p.link(t, "well")
	p.nudge(t, lost)
	p.nudge(t, well)
	d.exec(t, "DELETE FROM river_job WHERE args->>'user' = 'lost'")
	d.exec(t, "UPDATE bankmux_river_connections SET at = now() + interval '1 hour'")
	for _, want := range []int{0, 1, 0} {
		n, err := p.fleet.Repair(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, n)
		d.exec(t, "UPDATE bankmux_river_connections SET at = now()")
	}
	assert.Equal(t, 2, d.jobs(t))
}

// mailArgs are those of a job of the application.
type mailArgs struct{}

func (mailArgs) Kind() string { return "mail" }

type mailWorker struct{ river.WorkerDefaults[mailArgs] }

func (mailWorker) Work(context.Context, *river.Job[mailArgs]) error { return nil }

// repairsUnelected lets River elect a client that lacks the workers of the fleet. Such a client
// discards the job of a process that died in a run.
func repairsUnelected(t *testing.T, d *database) {
	log := &safeLog{}
	p := d.process(t, newBank(), func(p *process) { p.logger = slog.New(slog.NewTextHandler(log, nil)) })
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	d.exec(t, "UPDATE bankmux_river_connections SET running = TRUE, run = nextval('bankmux_river_runs')")
	d.exec(t, "UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE kind = 'bankmux_sync'")

	workers := river.NewWorkers()
	river.AddWorker(workers, mailWorker{})
	app, err := river.NewClient(riverdatabasesql.New(d.db), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}, Workers: workers, ID: "application",
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.NoError(t, app.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() { assert.NoError(t, app.StopAndCancel(context.Background())) })
	const elected = "SELECT count(*) FROM river_leader WHERE leader_id = 'application'"
	require.Eventually(t, func() bool { return d.count(t, elected) == 1 }, patience, 10*time.Millisecond)

	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	require.Equal(t, 1, d.count(t, elected))
	assert.Equal(t, 1, log.count("count=1"))
	status, err := p.fleet.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, status.Waiting)
}

func repairsAll(t *testing.T, d *database) {
	p := d.process(t, newBank())
	d.exec(t, "INSERT INTO bankmux_river_connections (connection, user_id, state, reason, at)"+
		" SELECT 'id-' || n, 'u', 'due', 'slot', now() FROM generate_series(1, 1001) n")
	n, err := p.fleet.Repair(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1001, n)
	assert.Zero(t, d.count(t, "SELECT count(*) FROM bankmux_river_connections WHERE job IS NULL"))
}

// repairsTheRest has more late connections than a repair reads. All but the last have a job.
func repairsTheRest(t *testing.T, d *database) {
	p := d.process(t, newBank())
	p.nudge(t, bankmux.Connection{ID: "id", User: "u"})
	d.exec(t, "INSERT INTO bankmux_river_connections (connection, user_id, job, state, reason, at)"+
		" SELECT 'id-' || n, 'u', j.id, 'due', 'slot', now() - n * interval '1 second'"+
		" FROM generate_series(1, 100000) n, river_job j")
	d.exec(t, "UPDATE bankmux_river_connections SET job = NULL WHERE connection = 'id'")
	for _, want := range []int{0, 1, 0} {
		n, err := p.fleet.Repair(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
}

// firstQuery keeps the first statement with a text.
type firstQuery struct {
	text string
	mu   sync.Mutex
	sql  string
	args []any
}

func (q *firstQuery) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sql == "" && strings.Contains(d.SQL, q.text) {
		q.sql, q.args = d.SQL, d.Args
	}
	return ctx
}

func (*firstQuery) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// repairsByIndex counts the pages that PostgreSQL reads for the statement of Repair.
func repairsByIndex(t *testing.T, d *database) {
	query := &firstQuery{text: "FROM bankmux_river_connections c WHERE c.state = 'due'"}
	d.tracer = query
	p := d.process(t, newBank())
	_, err := p.fleet.Repair(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, query.sql)
	pages := func() int {
		d.exec(t, "ANALYZE bankmux_river_connections")
		d.exec(t, "ANALYZE river_job")
		var raw []byte
		explain := "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query.sql
		require.NoError(t, d.db.QueryRowContext(t.Context(), explain, query.args...).Scan(&raw))
		var plans []struct {
			Plan struct {
				Hit  int `json:"Shared Hit Blocks"`
				Read int `json:"Shared Read Blocks"`
			}
		}
		require.NoError(t, json.Unmarshal(raw, &plans))
		return plans[0].Plan.Hit + plans[0].Plan.Read
	}
	add := func(n int, at string) {
		d.exec(t, "INSERT INTO river_job (args, kind, queue, max_attempts, scheduled_at, state)"+
			" SELECT '{}', 'bankmux_sync', 'bankmux', 32767, "+at+", 'scheduled' FROM generate_series(1, $1::int) n", n)
		d.exec(t, "INSERT INTO bankmux_river_connections (connection, user_id, job, state, reason, at)"+
			" SELECT 'id-' || id, 'u', id, 'due', 'slot', scheduled_at FROM river_job ON CONFLICT DO NOTHING")
	}
	const due = 20
	add(due, "now()")
	add(20_000, "now() + n * interval '1 hour'")
	got := pages()
	assert.NotZero(t, got)
	assert.LessOrEqual(t, got, 10*due, "a few levels of two indexes for each")
}
