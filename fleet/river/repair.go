package riversync

// This file gives a new job to connections that are due and have lost their job.

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux"
)

// repairArgs are the arguments of the periodic job.
type repairArgs struct{}

// Kind names the job in River's tables.
func (repairArgs) Kind() string { return "bankmux_repair" }

// repairEvery is the time between two looks for connections without a job.
const repairEvery = 5 * time.Minute

func periodicRepair() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(repairEvery), func() (river.JobArgs, *river.InsertOpts) {
		return repairArgs{}, &river.InsertOpts{Queue: Queue, UniqueOpts: river.UniqueOpts{ByPeriod: repairEvery}}
	}, &river.PeriodicJobOpts{ID: repairArgs{}.Kind()})
}

// repairWorker runs Repair.
type repairWorker struct {
	river.WorkerDefaults[repairArgs]

	fleet *Fleet
}

// Work runs the periodic job.
func (w *repairWorker) Work(ctx context.Context, _ *river.Job[repairArgs]) error {
	for {
		n, err := w.fleet.Repair(ctx)
		if n > 0 {
			w.fleet.warn(ctx, "connections had lost their jobs", slog.Int("count", n))
		}
		if n < maxRepairs || err != nil {
			return err
		}
	}
}

// maxRepairs is how many connections a call of Repair takes.
const maxRepairs = 1000

// Repair nudges up to 1,000 connections that are due and have no job that will run, and returns how
// many there were. They lost it if an operator canceled or deleted it. The fleet calls Repair every
// five minutes, in the process that River has elected. It may be repeated. An error is of type
// [*Error].
func (f *Fleet) Repair(ctx context.Context) (n int, err error) {
	err = f.within(ctx, func(tx *sql.Tx) error {
		n = 0
		lost, err := f.lost(ctx, tx)
		for _, conn := range lost {
			if err == nil {
				err = f.nudge(ctx, tx, &conn)
			}
		}
		n = len(lost)
		return err
	})
	if err != nil {
		n = 0
	}
	return n, failed("Repair", err)
}

// lost returns connections without a job.
func (f *Fleet) lost(ctx context.Context, tx *sql.Tx) (all []bankmux.Connection, err error) {
	rows, err := tx.QueryContext(ctx, f.named("SELECT c.connection, c.user_id FROM bankmux_river_connections c"+
		" WHERE c.state = 'due' AND NOT EXISTS (SELECT FROM river_job j WHERE j.id = c.job"+
		" AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))"+
		" ORDER BY c.at LIMIT $1 FOR UPDATE OF c SKIP LOCKED"), maxRepairs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var conn bankmux.Connection
		if err := rows.Scan(&conn.ID, &conn.User); err != nil {
			return nil, err
		}
		all = append(all, conn)
	}
	return all, rows.Err()
}
