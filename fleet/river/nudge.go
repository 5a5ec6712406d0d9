package riversync

// This file plans runs for events outside of a run: links, webhook deliveries, answers and deleted
// connections.

import (
	"context"
	"database/sql"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// Nudge makes a connection run as soon as a worker is free. Call it after a link, a reconnect, and
// for each webhook delivery that announces changes. It may be repeated. A nudge during a run leads
// to one more run after it, so no delivery is lost.
//
// The run does not wait for the backoff of an earlier failure. It does wait as long as the provider
// asked for.
//
// The error is [bankmux.ErrInvalid] for a connection without ID or User. To repeat a delivery does
// not help then. Other errors are of type [*Error]. After one of those, refuse the delivery, so
// that the provider repeats it.
func (f *Fleet) Nudge(ctx context.Context, conn bankmux.Connection) error {
	return failed("Nudge", f.within(ctx, func(tx *sql.Tx) error { return f.nudge(ctx, tx, &conn) }))
}

// NudgeTx is [Fleet.Nudge] inside a transaction of the application. The connection runs after the
// commit, and not at all after a rollback. After an error roll back. If the transaction writes to
// tables of the ledger, let it do so before.
func (f *Fleet) NudgeTx(ctx context.Context, tx *sql.Tx, conn bankmux.Connection) error {
	return failed("NudgeTx", f.nudge(ctx, tx, &conn))
}

func (f *Fleet) nudge(ctx context.Context, tx *sql.Tx, conn *bankmux.Connection) error {
	if conn.ID == "" || conn.User == "" {
		return invalid("Connection", "lacks ID or User")
	}
	plan := schedule.Plan{State: schedule.Due, At: time.Now(), Reason: reasonNudge}
	return f.replace(ctx, tx, conn, plan, schedule.Outcome{})
}

// Replan plans the next run after one that the application ran itself, outside of River and with
// the plain ledger. The application does so to send the user's answers to a challenge. It may also
// do so because a user pressed a button. outcome.State is that of the [bankmux.SyncAllResult],
// outcome.Err the error, and outcome.End the time now.
//
// If a job runs meanwhile, it runs once more instead. A nudge whose run has not started yet stays,
// since it may be newer than the application's run. It may be repeated. An error is of type
// [*Error]; call [Fleet.Nudge] then.
func (f *Fleet) Replan(ctx context.Context, conn bankmux.Connection, outcome schedule.Outcome) error {
	return failed("Replan", f.within(ctx, func(tx *sql.Tx) error { return f.replan(ctx, tx, &conn, outcome) }))
}

func (f *Fleet) replan(ctx context.Context, tx *sql.Tx, conn *bankmux.Connection, outcome schedule.Outcome) error {
	var nudged bool
	err := tx.QueryRowContext(ctx, f.named("SELECT nudged FROM bankmux_river_connections"+
		" WHERE connection = $1 FOR UPDATE"), conn.ID).Scan(&nudged)
	if err != nil && !noRows(err) {
		return err
	}
	plan := f.after(*conn, outcome)
	if nudged {
		plan = nudgedPlan(plan)
	}
	return f.replace(ctx, tx, conn, plan, outcome)
}

// nudgedPlan returns the plan of a connection with a nudge whose run has not started. A provider
// that said how long to wait is not called before. The former login may be dead, and the nudge may
// be that of a reconnect.
func nudgedPlan(plan schedule.Plan) schedule.Plan {
	if plan.Reason == schedule.ReasonAsked {
		return plan
	}
	return schedule.Plan{State: schedule.Due, At: time.Now(), Reason: reasonNudge, Kind: plan.Kind}
}

// replace gives a connection a plan and the job for it. If its job runs, it leaves a nudge instead.
func (f *Fleet) replace(
	ctx context.Context, tx *sql.Tx, conn *bankmux.Connection, plan schedule.Plan, outcome schedule.Outcome,
) error {
	var job sql.NullInt64
	var running bool
	err := tx.QueryRowContext(ctx, f.named("INSERT INTO bankmux_river_connections AS c"+
		" (connection, user_id, nudged, state, reason, at, ended_at) VALUES ($1, $2, TRUE, $3, $4, $5, now())"+
		" ON CONFLICT (connection) DO UPDATE SET nudged = TRUE RETURNING c.job, c.running"),
		conn.ID, conn.User, string(schedule.Due), string(plan.Reason), time.Now()).Scan(&job, &running)
	if err != nil {
		return err
	}
	free, err := f.drop(ctx, tx, job)
	if err != nil || (running && !free) {
		return err // the run that goes on sees the nudge at its end
	}
	job = sql.NullInt64{}
	if plan.State == schedule.Due {
		if job.Int64, err = f.insert(ctx, tx, conn.User, conn.ID, plan); err != nil {
			return err
		}
		job.Valid = true
	}
	if plan.Reason == reasonNudge { // keeps the reason of the last run, which start looks at
		_, err = tx.ExecContext(ctx, f.named("UPDATE bankmux_river_connections SET job = $2, running = FALSE,"+
			" state = $3, at = $4, ended_at = CASE WHEN state = 'due' THEN ended_at ELSE now() END"+
			" WHERE connection = $1"), conn.ID, job, string(plan.State), plan.At)
		return err
	}
	_, err = tx.ExecContext(ctx, f.named("UPDATE bankmux_river_connections SET nudged = FALSE WHERE connection = $1"),
		conn.ID)
	if err != nil {
		return err
	}
	return f.store(ctx, tx, planned{conn.ID, job, plan, outcome})
}

// Remove forgets a connection that the application deletes. A run that goes on stores nothing any
// more. It may be repeated. An error is of type [*Error].
func (f *Fleet) Remove(ctx context.Context, conn bankmux.Connection) error {
	return failed("Remove", f.within(ctx, func(tx *sql.Tx) error { return f.remove(ctx, tx, conn.ID) }))
}

// RemoveTx is [Fleet.Remove] inside a transaction of the application, such as the one that deletes
// the connection. Let it delete the connection before.
func (f *Fleet) RemoveTx(ctx context.Context, tx *sql.Tx, conn bankmux.Connection) error {
	return failed("RemoveTx", f.remove(ctx, tx, conn.ID))
}

func (f *Fleet) remove(ctx context.Context, tx *sql.Tx, id string) error {
	var job sql.NullInt64
	err := tx.QueryRowContext(ctx, f.named("DELETE FROM bankmux_river_connections WHERE connection = $1 RETURNING job"),
		id).Scan(&job)
	if noRows(err) {
		return nil
	}
	if err == nil {
		_, err = f.drop(ctx, tx, job)
	}
	return err
}
