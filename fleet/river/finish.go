package riversync

// This file ends a run that went well with one statement. River's own functions need four, which
// cost two fifths of the processor time of a sync that finds nothing new.

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"

	"github.com/bankmux/bankmux/schedule"
)

// extended reports whether an application has extended River. Its hooks must see each insert, so
// jobs are then inserted by River alone.
func extended(cfg *river.Config) bool {
	old := len(cfg.JobInsertMiddleware) + len(cfg.WorkerMiddleware) //nolint:staticcheck // River still takes them
	return old+len(cfg.Hooks)+len(cfg.Middleware)+len(cfg.Plugins) > 0
}

// finish completes the job of a run, inserts the next one and stores the plan. It locks the row of
// the connection first, as the other statements do. It reports false, and has changed nothing, if
// the run lost its connection or its job, or if there is a nudge. The caller finds out which.
func (f *Fleet) finish(ctx context.Context, tx *sql.Tx, r *run, plan schedule.Plan) (bool, error) {
	args, err := json.Marshal(r.job.Args)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, f.finishing, r.id, r.number, r.job.ID, string(args), plan.At, string(plan.Reason))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// finishes reports whether finish may end a run. It inserts only jobs that wait, since River would
// announce one that is due.
func (f *Fleet) finishes(plan schedule.Plan, outcome schedule.Outcome) bool {
	return !f.extended && outcome.Err == nil && plan.State == schedule.Due && plan.Turn == "" && plan.Kind == "" &&
		time.Until(plan.At) > time.Second
}

//go:embed finish.sql
var finishText string
