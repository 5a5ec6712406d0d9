package riversync_test

// This file measures how many syncs of River a process runs.

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	riversync "github.com/bankmux/bankmux/fleet/river"
)

// BenchmarkSyncs runs b.N syncs that find nothing new, of as many connections, in one process. It
// reports the syncs per second, the statements of each, and the processor time of this process.
// PostgreSQL's is not in it.
func BenchmarkSyncs(b *testing.B) {
	for _, workers := range []int{1, 50} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { syncs(b, workers) })
	}
}

func syncs(b *testing.B, workers int) {
	d := newDatabase(b)
	counted := &statementCounter{texts: map[string]int{}}
	d.tracer = counted
	p := d.process(b, newBank(), func(p *process) {
		p.queues = map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: workers}}
	})
	p.store.DB().SetMaxOpenConns(20)
	p.store.DB().SetMaxIdleConns(20)
	for i := range b.N {
		p.nudge(b, p.link(b, fmt.Sprint("user-", i)))
	}
	p.start(b)
	waitFor(b, d, b.N) // the first syncs, which store rows
	d.exec(b, "DELETE FROM river_job WHERE state = 'completed'")
	d.exec(b, "UPDATE bankmux_river_connections SET at = now()")
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	counted.reset()
	b.ResetTimer()
	d.exec(b, "UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'scheduled'")
	waitFor(b, d, b.N)
	b.StopTimer()
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	if os.Getenv("BANKMUX_STATEMENTS") != "" {
		counted.print(b.N)
	}
	b.ReportMetric(counted.per(b.N), "statements/sync")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/sync")
}

// statementCounter counts the statements of a process by their texts.
type statementCounter struct {
	mu    sync.Mutex
	texts map[string]int
}

func (c *statementCounter) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData,
) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts[q.SQL]++
	return ctx
}

func (*statementCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *statementCounter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.texts)
}

// per returns how many statements each of n syncs sent.
func (c *statementCounter) per(n int) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, times := range c.texts {
		total += times
	}
	return float64(total) / float64(n)
}

// print lists the statements that most of n syncs sent.
func (c *statementCounter) print(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(c.texts)) {
		if times := c.texts[text]; times >= n/2 {
			fmt.Printf("%5.2f %.110s\n", float64(times)/float64(n), strings.Join(strings.Fields(text), " "))
		}
	}
}

// waitFor waits until n jobs have completed.
func waitFor(b *testing.B, d *database, n int) {
	b.Helper()
	cfg, err := pgx.ParseConfig(d.url)
	require.NoError(b, err)
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for done := 0; done < n; <-tick.C {
		require.NoError(b, db.QueryRowContext(context.Background(),
			"SELECT count(*) FROM river_job WHERE kind = 'bankmux_sync' AND state = 'completed'").Scan(&done))
	}
}
