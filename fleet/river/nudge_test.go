package riversync_test

// This file tests nudges, and what they do to a plan.

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

func TestNudge(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"nudges at once make one job and one run":                        nudgesTogether,
		"a nudge inside a transaction counts after its commit":           nudgesInTransactions,
		"a webhook delivery during a run leads to one more run after it": nudgesDuringARun,
		"a nudge that is not committed yet as a run ends is not lost":    nudgesAtTheEnd,
		"a reconnect during a run that finds the former login dead":      nudgesTheDead,
		"a removed connection has no job, and its run stores nothing":    removes,
		"a wrong argument is refused":                                    refusesArguments,
	})
}

func nudgesTogether(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.NoError(t, p.fleet.Nudge(t.Context(), conn)) })
	}
	all.Wait()
	assert.Equal(t, 1, d.jobs(t))
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, 1, d.jobs(t, "completed"))
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	assert.Len(t, p.bank.taken(), 4, "one round")
}

func nudgesInTransactions(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	within := func(end func(*sql.Tx) error) {
		tx, err := p.store.DB().BeginTx(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, p.store.In(tx).SaveConnection(t.Context(), conn))
		require.NoError(t, p.fleet.NudgeTx(t.Context(), tx, conn))
		require.NoError(t, end(tx))
	}
	within((*sql.Tx).Rollback)
	assert.Zero(t, d.jobs(t))
	_, err := p.fleet.Plan(t.Context(), conn)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
	within((*sql.Tx).Commit)
	assert.Equal(t, 1, d.jobs(t))
}

// gate holds up the calls of a bank.
type gate struct{ reached, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

// at returns the failure that waits at a call until the gate is open or ctx ends.
func (g *gate) at(call string) func(context.Context, string, *bankmux.Answers) error {
	return func(ctx context.Context, at string, _ *bankmux.Answers) error {
		if at != call {
			return nil
		}
		g.reached <- struct{}{}
		select {
		case <-g.open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// nudgesDuringARun announces a row that the run has no chance to see.
func nudgesDuringARun(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	last := newGate()
	p.bank.failing(last.at("page 4"))
	p.nudge(t, conn)
	p.start(t)
	<-last.reached
	p.bank.add("6 tea")
	for range 3 {
		p.nudge(t, conn)
	}
	assert.Equal(t, 1, d.jobs(t), "the job that runs is the only one")
	p.bank.failing(nil)
	close(last.open)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, append(allTexts[:5:5], "6 tea"), p.texts(t, "rosa"))
	assert.Equal(t, 2, d.jobs(t, "completed"), "three deliveries lead to one run")
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
}

// nudgesAtTheEnd keeps the transaction of a nudge open until the end of the run waits for it.
func nudgesAtTheEnd(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	last := newGate()
	p.bank.failing(last.at("page 4"))
	p.nudge(t, conn)
	p.start(t)
	<-last.reached
	tx, err := p.store.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	var server int
	require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&server))
	require.NoError(t, p.fleet.NudgeTx(t.Context(), tx, conn))
	p.bank.failing(nil)
	close(last.open)
	require.Eventually(t, func() bool {
		return d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))", server) == 1
	}, patience, time.Millisecond, "the end of the run waits for the transaction")
	p.bank.add("6 tea")
	require.NoError(t, tx.Commit())
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, append(allTexts[:5:5], "6 tea"), p.texts(t, "rosa"))
}

// nudgesTheDead nudges while the provider is asked about the former login.
func nudgesTheDead(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	asked := newGate()
	wait := asked.at("page 0")
	p.bank.failing(func(ctx context.Context, call string, answers *bankmux.Answers) error {
		if err := wait(ctx, call, answers); err != nil || call != "page 0" {
			return err
		}
		p.bank.failing(nil)
		return &bankmux.Error{Kind: bankmux.ErrGone}
	})
	p.nudge(t, conn)
	p.start(t)
	<-asked.reached
	p.nudge(t, conn)
	close(asked.open)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
}

func removes(t *testing.T, d *database) {
	p := d.process(t, newBank())
	idle, busy := p.link(t, "idle"), p.link(t, "busy")
	p.nudge(t, idle)
	require.NoError(t, p.fleet.Remove(t.Context(), idle))
	require.NoError(t, p.fleet.Remove(t.Context(), idle), "it may be repeated")
	assert.Zero(t, d.jobs(t))

	last := newGate()
	p.bank.failing(last.at("page 4"))
	p.nudge(t, busy)
	p.start(t)
	<-last.reached
	version := p.state(t, busy).Version
	require.NoError(t, p.fleet.Remove(t.Context(), busy))
	close(last.open)
	require.Equal(t, river.EventKindJobCancelled, p.wait(t).Kind)
	assert.Equal(t, version, p.state(t, busy).Version)
	assert.Equal(t, allTexts[:4], p.texts(t, "busy"))
}

func refusesArguments(t *testing.T, d *database) {
	p := d.process(t, newBank())
	require.ErrorIs(t, p.fleet.Nudge(t.Context(), bankmux.Connection{}), bankmux.ErrInvalid)
	_, err := riversync.Open(nil, &river.Config{}, riversync.Options{})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = riversync.Open(p.store.DB(), nil, riversync.Options{})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = riversync.Open(p.store.DB(), &river.Config{}, riversync.Options{})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}
