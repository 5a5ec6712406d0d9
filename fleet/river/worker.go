package riversync

// This file has the worker that syncs a connection.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// syncArgs are the arguments of a job. They are ids of the application, and hold no secret.
type syncArgs struct {
	User       string `json:"user"`
	Connection string `json:"connection"`
}

// Kind names the jobs in River's tables.
func (syncArgs) Kind() string { return "bankmux_sync" }

// syncWorker runs SyncAll for a connection.
type syncWorker struct {
	river.WorkerDefaults[syncArgs]

	fleet *Fleet
}

// Timeout limits a run.
func (w *syncWorker) Timeout(*river.Job[syncArgs]) time.Duration { return w.fleet.opts.Timeout }

// NextRetry is for a job that could not start, and for one whose plan could not be stored. Since no
// plan says how long to wait, the attempts of the job do.
func (*syncWorker) NextRetry(job *river.Job[syncArgs]) time.Time {
	return time.Now().Add(unplanned.Wait(job.Args.Connection, 0, job.Attempt))
}

// unplanned is the wait of a job that failed without a plan. It is that of a run which was
// interrupted.
var unplanned = bankmux.Again{First: time.Minute, Longest: time.Hour}

// The errors with which jobs end. River stores their texts.
var (
	errStale = errors.New("the connection has another job, or was removed")
	errDead  = errors.New("the connection is dead")
	errPlan  = errors.New("the plan could not be stored")
)

// endFor is how long a run that was stopped may take to store its plan.
const endFor = 5 * time.Second

// Work runs a job.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[syncArgs]) error {
	f := w.fleet
	r := &run{user: job.Args.User, id: job.Args.Connection, job: job}
	if ok, err := f.start(ctx, r); err != nil {
		return failed("Work", err)
	} else if !ok {
		return river.JobCancel(errStale)
	}
	err := noPanic(func() error { return f.sync(bankmux.WithoutUser(ctx), r) })
	if r.ended {
		if err != nil {
			f.log(ctx, r, "a sync ended with an error after its last page", err)
		}
		return nil
	}
	return f.conclude(ctx, r, err)
}

// conclude ends a run that did not end with its last page. It returns what River shall do with the
// job. If the application's code panics here, such as its timetable, that is the failure of the
// run. The plan after a failure needs no timetable.
func (f *Fleet) conclude(ctx context.Context, r *run, err error) (result error) {
	for range 2 {
		panicked := noPanic(func() error {
			result = f.planAfter(ctx, r, err)
			return nil
		})
		if panicked == nil {
			return result
		}
		err = panicked
	}
	f.log(ctx, r, "a plan could not be made; the job is tried again", err)
	return errPlan
}

// planAfter stores the plan after a run. It returns what River shall do with the job.
func (f *Fleet) planAfter(ctx context.Context, r *run, err error) error {
	outcome := schedule.Outcome{State: r.state, Err: err, End: r.end(), Attempts: r.failures}
	if err != nil {
		outcome.Attempts++
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endFor)
	defer cancel()
	var plan schedule.Plan
	gone := r.conn.ID == "" && isGone(err)
	stored := f.within(ending, func(tx *sql.Tx) error {
		if gone {
			return f.remove(ending, tx, r.id)
		}
		var failure error
		if err != nil && errors.Is(ctx.Err(), context.Canceled) {
			plan, failure = f.stop(ending, tx, r)
		} else {
			plan, failure = f.end(ending, tx, r, outcome)
		}
		return failure
	})
	switch {
	case errors.Is(stored, errLost):
		return river.JobCancel(errStale)
	case stored != nil:
		f.log(ctx, r, "a plan could not be stored; the job is tried again", failed("Work", stored))
		return errPlan
	case gone:
		return river.JobCancel(errStale)
	}
	if err != nil {
		f.log(ctx, r, "a sync ended with an error", err)
	}
	switch {
	case plan.State == schedule.Dead:
		return river.JobCancel(errDead)
	case snoozes(plan, err):
		return river.JobSnooze(max(time.Until(plan.At), 0))
	}
	return nil
}

// stop gives a job back that the end of the process interrupted. Another process continues it at
// once.
func (f *Fleet) stop(ctx context.Context, tx *sql.Tx, r *run) (schedule.Plan, error) {
	plan := schedule.Plan{State: schedule.Due, At: time.Now(), Reason: schedule.ReasonInterrupted}
	nudged, err := f.held(ctx, tx, r)
	if err != nil {
		return plan, err
	}
	_, err = tx.ExecContext(ctx, f.named("UPDATE bankmux_river_connections SET running = FALSE, nudged = $2,"+
		" state = $3, reason = $4, at = $5 WHERE connection = $1"),
		r.id, nudged || r.force, string(plan.State), string(plan.Reason), plan.At)
	return plan, err
}

// sync runs SyncAll for the connection of a run. Its state and its connection are in r, since what
// is on the stack stays there while a bank is slow.
func (f *Fleet) sync(ctx context.Context, r *run) error {
	err := f.load(ctx, r)
	if err != nil {
		return err
	}
	if ctx, r.turn, err = f.workers.enter(ctx, &r.conn); err != nil {
		return err
	}
	well := false // also if SyncAll panics
	defer func() { r.turn.leave(well) }()
	err = f.syncAll(ctx, r)
	well = err == nil
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		silent := *errSilent
		silent.Provider, silent.Client, silent.Connection = r.conn.Provider, r.conn.Client, r.id
		return &silent
	}
	return err
}

// load reads the connection. It is a function of its own, so that its copy is not on the stack of
// syncAll.
//
//go:noinline
func (f *Fleet) load(ctx context.Context, r *run) error {
	conn, err := f.opts.Connection(ctx, r.user, r.id)
	if err == nil {
		r.conn = conn
	}
	return err
}

func (f *Fleet) syncAll(ctx context.Context, r *run) error {
	res, err := f.opts.Sync(ctx, bankmux.SyncAllRequest{
		Connection: r.conn, Ledger: &heldLedger{Ledger: f.opts.Ledger(nil), fleet: f, run: r}, Force: r.force,
	})
	r.state = res.State
	return err
}

// noPanic turns a panic of the application's code into an error. River would store its value, which
// may hold anything.
func noPanic(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

func (f *Fleet) log(ctx context.Context, r *run, text string, err error) {
	f.warn(ctx, text, slog.String("connection", r.id), slog.Any("error", err))
}

// warn writes to the application's log. A log that panics changes nothing else.
func (f *Fleet) warn(ctx context.Context, text string, attrs ...slog.Attr) {
	_ = noPanic(func() error {
		f.opts.Logger.LogAttrs(ctx, slog.LevelWarn, text, attrs...)
		return nil
	})
}
