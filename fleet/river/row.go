package riversync

// This file has the statements on the row of a connection. Each transaction writes the ledger
// first, then this row and then its job of River, so that no two of them wait for each other. One
// that takes several connections leaves out those that others have locked.

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivertype"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// reasonNudge is the reason of a run for which a nudge asked.
const reasonNudge schedule.Reason = "nudge"

// The priorities of jobs. A nudge passes those that are late after an outage.
const (
	priorityNudge = 1
	priorityNight = 3
)

// run is one run of a job.
type run struct {
	conn     bankmux.Connection // zero until it is read
	state    bankmux.SyncState  // as SyncAll left it
	user, id string             // of the connection
	job      *river.Job[syncArgs]
	number   int64 // the fencing number
	force    bool
	failures int
	turn     *turn
	resumed  bool // the run continues a round
	ended    bool // the job has ended in a transaction
}

// end returns when a run ends. The database has decided that the job was due. So the time is not
// before that of the job. If the clock of the process is behind, its slot would otherwise repeat.
func (r *run) end() time.Time {
	now := time.Now()
	if due := r.job.ScheduledAt; now.Before(due) {
		return due
	}
	return now
}

// start gives a run its number. It returns false for a job that runs nothing. The connection of a
// run whose plan could not be stored still counts as running. Its job has it, and continues.
func (f *Fleet) start(ctx context.Context, r *run) (bool, error) {
	var reason schedule.Reason
	err := repeated(func() error { return f.number(ctx, r, &reason) })
	if noRows(err) {
		return false, f.within(ctx, func(tx *sql.Tx) error { return f.takeOver(ctx, tx, r) })
	}
	// A provider that said how long to wait is not called before.
	r.force = r.force && reason != schedule.ReasonAsked
	return err == nil, err
}

// number stores that a run has started, and reads its number. The error is [sql.ErrNoRows] if its
// job may not run.
func (f *Fleet) number(ctx context.Context, r *run, reason *schedule.Reason) error {
	return f.db.QueryRowContext(ctx, f.named("WITH old AS (SELECT nudged OR (running AND forced) AS nudged"+
		" FROM bankmux_river_connections WHERE connection = $1 AND job = $2 AND ($4 OR NOT running) FOR UPDATE)"+
		" UPDATE bankmux_river_connections c SET run = nextval($3), running = TRUE, nudged = FALSE,"+
		" forced = old.nudged FROM old WHERE c.connection = $1 RETURNING c.run, c.failures, c.forced, c.reason"),
		r.id, r.job.ID, f.named("bankmux_river_runs"), unplannedBefore(r.job.JobRow),
	).Scan(&r.number, &r.failures, &r.force, reason)
}

// unplannedBefore reports whether the last attempt of a job ended without a plan. Its worker has
// returned then, so a new run may have the job.
func unplannedBefore(job *rivertype.JobRow) bool {
	n := len(job.Errors)
	return n > 0 && job.Errors[n-1].Attempt == job.Attempt-1 && job.Errors[n-1].Error == errPlan.Error()
}

// takeOver gives the connection of a job that another worker held to a new job. That worker may
// still live, and River would take its result as that of the new run. If the job is not the one of
// its connection, takeOver does nothing.
//
// A run that did not end counts as a failure, since the sync itself may have ended its process. The
// first one is repeated at once, and further ones wait.
func (f *Fleet) takeOver(ctx context.Context, tx *sql.Tx, r *run) error {
	var failures int
	err := tx.QueryRowContext(ctx, f.named("SELECT failures FROM bankmux_river_connections"+
		" WHERE connection = $1 AND job = $2 AND running FOR UPDATE"), r.id, r.job.ID).Scan(&failures)
	if noRows(err) {
		return nil
	}
	if err == nil {
		err = f.complete(ctx, tx, r)
	}
	if err != nil {
		return err
	}
	plan := schedule.Plan{State: schedule.Due, At: r.end(), Reason: schedule.ReasonInterrupted}
	if failures > 0 {
		plan.At = plan.At.Add(unplanned.Wait(r.id, 0, failures))
	}
	job, err := f.insert(ctx, tx, r.user, r.id, plan)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, f.named("UPDATE bankmux_river_connections SET job = $2, running = FALSE,"+
		" nudged = nudged OR forced, failures = failures + 1, state = $3, at = $4 WHERE connection = $1"),
		r.id, job, string(plan.State), plan.At)
	return err
}

// complete completes the job of a run in a transaction.
func (f *Fleet) complete(ctx context.Context, tx *sql.Tx, r *run) error {
	_, err := river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx, r.job)
	if errors.Is(err, rivertype.ErrNotFound) { // River has given it to another worker
		return errLost
	}
	return err
}

// held returns errLost unless the run still has its connection. Its lock keeps it so until tx ends.
func (f *Fleet) held(ctx context.Context, tx *sql.Tx, r *run) (nudged bool, err error) {
	err = tx.QueryRowContext(ctx, f.named("SELECT nudged FROM bankmux_river_connections"+
		" WHERE connection = $1 AND run = $2 AND running FOR UPDATE"), r.id, r.number).Scan(&nudged)
	if noRows(err) {
		return false, errLost
	}
	return nudged, err
}

// end plans what follows a run, in the transaction that ends it. After a failure the job stays, and
// the caller snoozes it. Otherwise it completes the job, and inserts the next one.
func (f *Fleet) end(ctx context.Context, tx *sql.Tx, r *run, outcome schedule.Outcome) (schedule.Plan, error) {
	conn := r.conn
	conn.ID = r.id // also if it could not be read
	plan := f.after(conn, outcome)
	if f.finishes(plan, outcome) {
		if ended, err := f.finish(ctx, tx, r, plan); ended || err != nil {
			return plan, err
		}
	}
	nudged, err := f.held(ctx, tx, r)
	if err != nil {
		return schedule.Plan{}, err
	}
	if nudged {
		plan = nudgedPlan(plan)
	}
	job := sql.NullInt64{Int64: r.job.ID, Valid: snoozes(plan, outcome.Err)}
	if !job.Valid && plan.State != schedule.Dead {
		if err := f.complete(ctx, tx, r); err != nil {
			return plan, err
		}
	}
	if !job.Valid && plan.State == schedule.Due {
		if job.Int64, err = f.insert(ctx, tx, r.user, r.id, plan); err != nil {
			return plan, err
		}
		job.Valid = true
	}
	return plan, f.store(ctx, tx, planned{r.id, job, plan, outcome})
}

// after returns the plan after a run. The database keeps microseconds, and a run is never early.
func (f *Fleet) after(conn bankmux.Connection, outcome schedule.Outcome) schedule.Plan {
	plan := schedule.After(conn, outcome, f.opts.Timetable)
	if !plan.At.IsZero() {
		plan.At = plan.At.Add(time.Microsecond - 1).Truncate(time.Microsecond)
	}
	return plan
}

// snoozes reports whether a job stays for the next run. One that succeeded does not.
func snoozes(plan schedule.Plan, err error) bool { return plan.State == schedule.Due && err != nil }

// planned is the plan of a connection after a run.
type planned struct {
	id      string // of the connection
	job     sql.NullInt64
	plan    schedule.Plan
	outcome schedule.Outcome
}

// store stores the plan of a connection whose run has ended.
func (f *Fleet) store(ctx context.Context, tx *sql.Tx, p planned) error {
	failures := p.outcome.Attempts
	if p.outcome.Err == nil {
		failures = 0
	}
	_, err := tx.ExecContext(ctx, f.named("UPDATE bankmux_river_connections SET job = $2, running = FALSE,"+
		" nudged = nudged AND $4 = 'due', failures = $3, state = $4, reason = $5, turn = $6, kind = $7, at = $8,"+
		" ended_at = CASE WHEN $9 OR state <> 'due' THEN now() ELSE ended_at END WHERE connection = $1"),
		p.id, p.job, failures, string(p.plan.State), string(p.plan.Reason), string(p.plan.Turn),
		p.plan.Kind.Error(), sql.NullTime{Time: p.plan.At, Valid: !p.plan.At.IsZero()}, p.outcome.Err == nil)
	return err
}

// insert inserts the job of a connection for a plan that is due.
func (f *Fleet) insert(ctx context.Context, tx *sql.Tx, user, id string, plan schedule.Plan) (int64, error) {
	priority := priorityNight
	if plan.Reason == reasonNudge || plan.Reason == schedule.ReasonInterrupted {
		priority = priorityNudge
	}
	opts := river.InsertOpts{Queue: Queue, Priority: priority, MaxAttempts: maxAttempts}
	if plan.At.After(time.Now()) { // else a worker takes it at once
		opts.ScheduledAt = plan.At
	}
	res, err := f.client.InsertTx(ctx, tx, syncArgs{User: user, Connection: id}, &opts)
	if err != nil {
		return 0, err
	}
	return res.Job.ID, nil
}

// maxAttempts is the most that River allows, because package schedule decides when to give up.
const maxAttempts = 32767

// drop deletes the job of a connection, so that another one takes its place. It reports false if a
// worker runs it.
func (f *Fleet) drop(ctx context.Context, tx *sql.Tx, job sql.NullInt64) (bool, error) {
	if !job.Valid {
		return true, nil
	}
	_, err := f.client.JobDeleteTx(ctx, tx, job.Int64)
	switch {
	case errors.Is(err, rivertype.ErrJobRunning):
		return false, nil
	case err == nil, errors.Is(err, rivertype.ErrNotFound):
		return true, nil
	}
	return false, err
}

// maxTransactions is how often a transaction runs that PostgreSQL ended in favor of another.
const maxTransactions = 5

// within runs fn in one transaction. It runs fn again if PostgreSQL ended the transaction in favor
// of another. That may happen since River, an operator and the application lock rows too. So fn has
// no effect outside of the database that a repeat would not have.
func (f *Fleet) within(ctx context.Context, fn func(*sql.Tx) error) error {
	return repeated(func() error { return f.transaction(ctx, fn) })
}

// repeated runs fn again if PostgreSQL ended its statement or transaction in favor of another.
func repeated(fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if try == maxTransactions || !aborted(err) {
			return err
		}
	}
}

// readCommitted is the isolation level for which the statements are made. The role may have another
// one, with which PostgreSQL ends far more transactions.
var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

// transaction runs fn in one transaction.
func (f *Fleet) transaction(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := f.db.BeginTx(ctx, readCommitted)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// names are those of the tables. An index is in the schema of its table, so its name stays.
var names = regexp.MustCompile(`\b(bankmux_river_connections|bankmux_river_runs|river_job)\b`)

// named puts the schema before the names of tables.
func (f *Fleet) named(statement string) string {
	if f.schema == "" {
		return statement
	}
	return names.ReplaceAllStringFunc(statement, func(name string) string {
		return pgx.Identifier{f.schema, name}.Sanitize()
	})
}

// statements returns the statements of a file.
func statements(text string) (all []string) {
	for s := range strings.SplitSeq(text, ";\n") {
		if strings.TrimSpace(s) != "" {
			all = append(all, s)
		}
	}
	return all
}
