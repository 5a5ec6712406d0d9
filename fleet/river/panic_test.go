package riversync_test

// This file tests code of the application that panics, and plans that cannot be stored.

import (
	"context"
	"database/sql"
	"log/slog"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

// panicValue must be kept nowhere. It is too long to occur by chance in a time, an id or a key.
const panicValue = "access-token-of-rosa"

// explode panics with panicValue.
func explode() { panic(panicValue) }

// badTimetable is a timetable that panics.
type badTimetable struct{}

func (badTimetable) Next(string, time.Time) time.Time { explode(); return time.Time{} }

// badError is an error whose methods panic.
type badError struct{}

func (badError) Error() string   { explode(); return "" }
func (badError) Is(error) bool   { explode(); return false }
func (badError) Unwrap() []error { explode(); return nil }

// badLog is a log that panics at what a job could not do.
type badLog struct{ slog.Handler }

func (badLog) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		explode()
	}
	return nil
}

// nothing is a sync that reads nothing, and ends without its last page.
func nothing(context.Context, bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
	return bankmux.SyncAllResult{}, nil
}

// TestPanic specifies that code of the application may panic wherever it is called. The value may
// hold anything, so neither River nor a log gets it.
func TestPanic(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *database){}
	for name, change := range map[string]func(*riversync.Options){
		"Connection": func(o *riversync.Options) {
			o.Connection = func(context.Context, string, string) (bankmux.Connection, error) {
				explode()
				return bankmux.Connection{}, nil
			}
		},
		"Ledger": func(o *riversync.Options) {
			o.Ledger = func(*sql.Tx) bankmux.Ledger { explode(); return nil }
		},
		"Ledger inside a transaction": func(o *riversync.Options) {
			plain := o.Ledger
			o.Ledger = func(tx *sql.Tx) bankmux.Ledger {
				if tx != nil {
					explode()
				}
				return plain(tx)
			}
		},
		"Sync": func(o *riversync.Options) {
			o.Sync = func(context.Context, bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
				explode()
				return bankmux.SyncAllResult{}, nil
			}
		},
		"Timetable with the last page": func(o *riversync.Options) { o.Timetable = badTimetable{} },
		"Timetable without a page":     func(o *riversync.Options) { o.Timetable, o.Sync = badTimetable{}, nothing },
		"an error of Connection": func(o *riversync.Options) {
			o.Connection = func(context.Context, string, string) (bankmux.Connection, error) {
				return bankmux.Connection{}, badError{}
			}
		},
		"an error of Sync": func(o *riversync.Options) {
			o.Sync = func(context.Context, bankmux.SyncAllRequest) (bankmux.SyncAllResult, error) {
				return bankmux.SyncAllResult{}, badError{}
			}
		},
	} {
		tests["a panic of "+name+" is a failure with a wait"] = func(t *testing.T, d *database) {
			failsWithoutValue(t, d, change)
		}
	}
	tests["a panic of Logger changes nothing"] = ignoresLog
	tests["a panic after the last page changes nothing, and is logged"] = logsAfterTheEnd
	each(t, tests)
}

func failsWithoutValue(t *testing.T, d *database, change func(*riversync.Options)) {
	t.Helper()
	log := &safeLog{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	p := d.process(t, newBank(), func(p *process) { p.change, p.logger, p.river = change, logger, logger })
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	start := time.Now()
	p.start(t)
	var waits []time.Duration
	for range 2 {
		require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
		plan := p.plan(t, conn)
		assert.Equal(t, bankmux.ErrApplication, plan.Kind)
		assert.Equal(t, schedule.Due, plan.State)
		waits = append(waits, plan.At.Sub(start))
		start = time.Now() // before the next run
		p.nudge(t, conn)
	}
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	p.stop(t)
	again := bankmux.ErrApplication.Again()
	assert.GreaterOrEqual(t, waits[0], again.First)
	assert.GreaterOrEqual(t, waits[1], 2*again.First, "the next failure in a row waits for longer")
	assert.Equal(t, 1, d.jobs(t))
	assert.Positive(t, log.count("panic (string)"), "the application's log says where")
	d.keepsNothing(t, log)
}

// keepsNothing checks that the value of a panic was kept nowhere.
func (d *database) keepsNothing(t *testing.T, log *safeLog) {
	t.Helper()
	assert.Zero(t, log.count(panicValue))
	for _, table := range []string{"river_job", "bankmux_river_connections"} {
		n := d.count(t, "SELECT count(*) FROM "+table+" r WHERE position($1 IN r::text) > 0", panicValue)
		assert.Zero(t, n, table)
	}
}

func ignoresLog(t *testing.T, d *database) {
	log := &safeLog{}
	p := d.process(t, newBank(), func(p *process) {
		p.river = slog.New(slog.NewTextHandler(log, nil))
		p.logger = slog.New(badLog{slog.NewTextHandler(log, nil)})
	})
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrUnavailable}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	assert.Equal(t, bankmux.ErrUnavailable, p.plan(t, conn).Kind)
	d.exec(t, "DELETE FROM river_job WHERE kind = 'bankmux_sync'")
	d.exec(t, "UPDATE bankmux_river_connections SET at = now()")
	_, err := p.fleet.Client().Insert(t.Context(), repairArgs{}, &river.InsertOpts{Queue: riversync.Queue})
	require.NoError(t, err)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind, "the lost job is replaced")
	p.stop(t)
	assert.Zero(t, d.count(t, "SELECT count(*) FROM river_job WHERE errors IS NOT NULL"))
	d.keepsNothing(t, log)
}

// repairArgs are the arguments of the periodic job that repairs.
type repairArgs struct{}

func (repairArgs) Kind() string { return "bankmux_repair" }

func logsAfterTheEnd(t *testing.T, d *database) {
	log := &safeLog{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	p := d.process(t, newBank(), func(p *process) {
		p.logger, p.river = logger, logger
		p.ran = func(error) { explode() }
	})
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	p.stop(t)
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	assert.Equal(t, 1, log.count("ended with an error after its last page"))
	d.keepsNothing(t, log)
}

// refusePlans is the trigger that refuses to store plans.
const refusePlans = "TRIGGER refuse BEFORE UPDATE ON"

// TestUnplanned specifies what follows a run whose plan cannot be stored.
func TestUnplanned(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"each run waits longer than the one before, with one job": waitsLonger,
		"a nudge holds for the run after it":                      keepsForceUnplanned,
		"a later run that lost its job has a new one":             replacesLaterJobs,
	})
}

// retry lets the jobs that failed run at once.
func (d *database) retry(t *testing.T) {
	t.Helper()
	d.exec(t, "UPDATE river_job SET state = 'available', scheduled_at = now()"+
		" WHERE state = 'retryable' AND kind = 'bankmux_sync'")
}

func keepsForceUnplanned(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrUnavailable}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	d.refuse(t, refusePlans, "bankmux_river_connections", "OLD.running AND NOT NEW.running")
	p.bank.taken()
	p.nudge(t, conn)
	for range 2 {
		require.Equal(t, river.EventKindJobFailed, p.wait(t).Kind)
		assert.NotEmpty(t, p.bank.taken(), "the run does not wait for the backoff")
		d.retry(t)
	}
}

// replacesLaterJobs takes the job of the run after one without a plan. Its worker still lives.
func replacesLaterJobs(t *testing.T, d *database) {
	late, there := d.process(t, newBank(), single), d.process(t, newBank())
	conn := late.link(t, "rosa")
	end := d.refuse(t, refusePlans, "bankmux_river_connections", "OLD.running AND NOT NEW.running")
	late.nudge(t, conn)
	late.start(t)
	require.Equal(t, river.EventKindJobFailed, late.wait(t).Kind)
	end()
	page := newGate()
	late.bank.failing(page.at("accounts"))
	d.retry(t)
	<-page.reached
	d.rescue(t)
	there.start(t)
	for there.plan(t, conn).Reason != schedule.ReasonSlot {
		require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind)
	}
	assert.Equal(t, 2, d.jobs(t, "completed"), "the job of the late worker, and the new one")
	close(page.open)
}

func waitsLonger(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	end := d.refuse(t, refusePlans, "bankmux_river_connections", "OLD.running AND NOT NEW.running")
	p.nudge(t, conn)
	start := time.Now()
	p.start(t)
	for run, least := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		e := p.wait(t)
		require.Equal(t, river.EventKindJobFailed, e.Kind)
		assert.Equal(t, run+1, e.Job.Attempt)
		assert.GreaterOrEqual(t, e.Job.ScheduledAt.Sub(start), least)
		assert.Contains(t, p.bank.taken(), "accounts of rosa", "the bank is called once in a run")
		assert.Equal(t, 1, d.jobs(t))
		start = time.Now() // before the next run
		d.retry(t)
	}
	require.Equal(t, river.EventKindJobFailed, p.wait(t).Kind)
	end()
	d.retry(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
	assert.Equal(t, 1, d.jobs(t, "completed"))
	assert.Equal(t, 2, d.jobs(t))
}
