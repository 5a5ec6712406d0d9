package riversync_test

// This file measures how many syncs of River a process runs.

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
	var ended atomic.Int64
	p := d.process(b, newBank(), func(p *process) {
		p.queues = map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: workers}}
		p.ran = func(err error) {
			if err == nil {
				ended.Add(1)
			}
		}
	})
	p.store.DB().SetMaxOpenConns(20)
	p.store.DB().SetMaxIdleConns(20)
	for i := range b.N {
		p.nudge(b, p.link(b, fmt.Sprint("user-", i)))
	}
	p.start(b)
	waitFor(b, &ended, b.N) // the first syncs, which store rows
	d.exec(b, "DELETE FROM river_job WHERE state = 'completed'")
	d.exec(b, "UPDATE bankmux_river_connections SET at = now()")
	d.exec(b, "ANALYZE") // as autovacuum does
	ended.Store(0)
	counted.reset()
	worker, server := processorTime(b), d.serverTime(b)
	b.ResetTimer()
	d.exec(b, "UPDATE river_job SET state = 'available', scheduled_at = now() WHERE state = 'scheduled'")
	waitFor(b, &ended, b.N)
	b.StopTimer()
	worker = processorTime(b) - worker
	if os.Getenv("BANKMUX_STATEMENTS") != "" {
		counted.print(b.N)
	}
	b.ReportMetric(counted.per(b.N), "statements/sync")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
	b.ReportMetric(float64(worker.Microseconds())/float64(b.N), "worker-µs/sync")
	if server > 0 { // else it is on another machine
		b.ReportMetric(float64((d.serverTime(b)-server).Microseconds())/float64(b.N), "postgres-µs/sync")
	}
}

// processorTime returns the processor time of this process.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// serverTime returns the processor time of PostgreSQL's processes, 0 if they are not visible here.
func (d *database) serverTime(b *testing.B) (used time.Duration) {
	b.Helper()
	rows, err := d.db.QueryContext(b.Context(), "SELECT pid FROM pg_stat_activity")
	require.NoError(b, err)
	defer rows.Close()
	for rows.Next() {
		var pid int
		require.NoError(b, rows.Scan(&pid))
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || !bytes.Contains(stat, []byte(" (postgres) ")) {
			continue
		}
		fields := strings.Fields(string(stat)) // the 14th and the 15th are its ticks, of 10 ms each
		for _, field := range fields[13:15] {
			ticks, err := strconv.Atoi(field)
			require.NoError(b, err)
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	require.NoError(b, rows.Err())
	return used
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

// waitFor waits until n jobs have ended. Their transactions are committed then.
func waitFor(b *testing.B, ended *atomic.Int64, n int) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ended.Load() < int64(n) {
		<-tick.C
	}
}
