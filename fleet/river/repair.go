package riversync

// This file gives a new job to connections that are due and have lost their job.

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bankmux/bankmux"
)

// repairArgs are the arguments of the job.
type repairArgs struct{}

// Kind names the job in River's tables.
func (repairArgs) Kind() string { return "bankmux_repair" }

// repairEvery is the time between two looks for connections without a job.
const repairEvery = 5 * time.Minute

// plansRepair is a hook of River, which calls it when it has looked for jobs of the queue. Each
// process inserts the job of Repair, and River keeps one of them for each five minutes. A periodic
// job would need that River elects a process of the fleet. It may elect any client of its schema.
func (f *Fleet) plansRepair() river.HookMetricEmitFunc {
	return func(ctx context.Context, p *rivertype.HookMetricEmitParams) {
		looked, ok := p.Metric.(*rivertype.JobGetAvailableCountMetric)
		if !ok || looked.Queue != Queue || !f.repairs.due(time.Now()) {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, endFor)
		defer cancel()
		_, err := f.client.Insert(ctx, repairArgs{}, &river.InsertOpts{
			Queue: Queue, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: repairEvery},
		})
		if err != nil {
			f.warn(ctx, "the repair of lost jobs could not be planned", slog.Any("error", failed("Repair", err)))
		}
	}
}

// due reports whether five minutes have passed since it last did.
func (r *repairs) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.next) {
		return false
	}
	r.next = now.Add(repairEvery)
	return true
}

// repairWorker runs Repair.
type repairWorker struct {
	river.WorkerDefaults[repairArgs]

	fleet *Fleet
}

// Timeout limits a run. The next one continues where it ended.
func (*repairWorker) Timeout(*river.Job[repairArgs]) time.Duration { return repairEvery }

// Work runs the job.
func (w *repairWorker) Work(ctx context.Context, _ *river.Job[repairArgs]) error {
	n, err := w.fleet.Repair(ctx)
	if n > 0 {
		w.fleet.warn(ctx, "connections had lost their jobs", slog.Int("count", n))
	}
	return err
}

// The bounds of a call of Repair.
const (
	repairBatch   = 1000 // connections in a transaction
	repairBatches = 100
)

// repairs is how far the repairs of a process have come.
type repairs struct {
	mu    sync.Mutex
	next  time.Time
	after late // the last connection that the last call has read, zero at the start
}

// late is a connection that is due.
type late struct {
	at   time.Time
	id   string
	user string
	lost bool
}

// Repair nudges connections that are late and have no job that will run, and returns how many there
// were. They lost it if an operator canceled or deleted it. They also lose it if River elected a
// client without the workers of this package, and a process died in a run.
//
// Repair reads those that are late the longest first, and at most 100,000 of them. The next call in
// the process continues after them, and then starts again. It does not read connections that are
// not due yet. The fleet calls it every five minutes, in one of the processes that work on [Queue].
// It may be repeated. With an error, it returns how many it nudged before. An error is of type
// [*Error].
func (f *Fleet) Repair(ctx context.Context) (n int, err error) {
	f.repairs.mu.Lock()
	after := f.repairs.after
	f.repairs.mu.Unlock()
	for range repairBatches {
		var read []late
		var lost int
		err = f.within(ctx, func(tx *sql.Tx) error {
			var err error
			read, lost, err = f.repair(ctx, tx, after)
			return err
		})
		if err != nil {
			break
		}
		n += lost
		if len(read) < repairBatch {
			after = late{}
			break
		}
		after = read[len(read)-1]
	}
	f.repairs.mu.Lock()
	f.repairs.after = after
	f.repairs.mu.Unlock()
	return n, failed("Repair", err)
}

// repair reads the next late connections, and nudges those without a job.
func (f *Fleet) repair(ctx context.Context, tx *sql.Tx, after late) (read []late, lost int, err error) {
	read, err = f.late(ctx, tx, after)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range read {
		if !c.lost {
			continue
		}
		free, err := f.stillLost(ctx, tx, c.id)
		if err == nil && free {
			lost++
			err = f.nudge(ctx, tx, &bankmux.Connection{ID: c.id, User: c.user})
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return read, lost, nil
}

// withoutJob is a condition for connections without a job that will run.
const withoutJob = "NOT EXISTS (SELECT FROM river_job j WHERE j.id = c.job" +
	" AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))"

// late returns the connections that are late, after one of them.
func (f *Fleet) late(ctx context.Context, tx *sql.Tx, after late) (all []late, err error) {
	rows, err := tx.QueryContext(ctx, f.named("SELECT c.at, c.connection, c.user_id, "+withoutJob+
		" FROM bankmux_river_connections c WHERE c.state = 'due' AND c.at <= now() AND c.at >= $1"+
		" AND (c.at, c.connection) > ($1, $2) ORDER BY c.at, c.connection LIMIT $3"), after.at, after.id, repairBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c late
		if err := rows.Scan(&c.at, &c.id, &c.user, &c.lost); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// stillLost locks a connection without a job. It returns false if another transaction has it.
func (f *Fleet) stillLost(ctx context.Context, tx *sql.Tx, id string) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, f.named("SELECT 1 FROM bankmux_river_connections c"+
		" WHERE c.connection = $1 AND c.state = 'due' AND "+withoutJob+" FOR UPDATE OF c SKIP LOCKED"), id).Scan(&one)
	if noRows(err) {
		return false, nil
	}
	return err == nil, err
}
