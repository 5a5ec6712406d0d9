package riversync_test

// This file tests late workers while the new run still goes on, and nudges that must survive.

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

func TestFence(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a late worker stores nothing while the new run goes on": func(t *testing.T, d *database) {
			storesNothingLate(t, d, func(*process, bankmux.Connection) { d.rescue(t) })
		},
		"a late worker stores nothing after its connection was removed and nudged again": func(t *testing.T, d *database) {
			storesNothingLate(t, d, func(p *process, conn bankmux.Connection) {
				require.NoError(t, p.fleet.Remove(t.Context(), conn))
				p.nudge(t, conn)
			})
		},
		"a late worker stores nothing while the job of a nudge waits": storesNothingBeforeTheNext,
		"a nudge holds for the run after one that was stopped": func(t *testing.T, d *database) {
			keepsForce(t, d, func(p *process) { p.stop(t) })
		},
		"a nudge holds for the run after one that lost its job": func(t *testing.T, d *database) {
			keepsForce(t, d, func(*process) { d.rescue(t) })
		},
		"a nudge during the application's own run leads to a run after it": keepsNudges,
	})
}

// single lets a process take no further job while one runs.
func single(p *process) { p.queues = map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 1}} }

// storesNothingLate holds up a worker at a page, and gives its connection to another one. The first
// one then stores its page, while the second one holds at the same page.
func storesNothingLate(t *testing.T, d *database, lose func(*process, bankmux.Connection)) {
	t.Helper()
	slow, fast := newBank(), newBank()
	late, there := d.process(t, slow, single), d.process(t, fast)
	conn := late.link(t, "rosa")
	first, second := newGate(), newGate()
	slow.failing(first.at("page 2"))
	fast.failing(second.at("page 2"))
	late.nudge(t, conn)
	late.start(t)
	<-first.reached
	lose(there, conn)
	there.start(t)
	<-second.reached
	state := there.state(t, conn)

	close(first.open)
	ending, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, late.fleet.Client().Stop(ending)) // it waits for the run
	assert.Equal(t, allTexts[:2], there.texts(t, "rosa"))
	assert.Equal(t, state, there.state(t, conn))
	assert.Equal(t, 1, d.count(t, "SELECT count(*) FROM bankmux_river_connections WHERE running"))

	close(second.open)
	for there.plan(t, conn).Reason != schedule.ReasonSlot {
		require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind)
	}
	assert.Equal(t, allTexts, there.texts(t, "rosa"))
}

// storesNothingBeforeTheNext takes the job of a worker that goes on. A nudge replaces the job, and
// no worker has started it when the late one stores its page.
func storesNothingBeforeTheNext(t *testing.T, d *database) {
	late, there := d.process(t, newBank(), single), d.process(t, newBank())
	conn := late.link(t, "rosa")
	page := newGate()
	late.bank.failing(page.at("page 2"))
	late.nudge(t, conn)
	late.start(t)
	<-page.reached
	state := there.state(t, conn)
	d.rescue(t)
	there.nudge(t, conn)
	require.Equal(t, 1, d.jobs(t))
	d.exec(t, "UPDATE river_job SET state = 'scheduled', scheduled_at = now() + INTERVAL '1 hour'"+
		" WHERE kind = 'bankmux_sync'")

	close(page.open)
	ending, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, late.fleet.Client().Stop(ending)) // it waits for the run
	assert.Equal(t, allTexts[:2], there.texts(t, "rosa"))
	assert.Equal(t, state, there.state(t, conn))

	d.exec(t, "UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'bankmux_sync'")
	there.start(t)
	for there.plan(t, conn).Reason != schedule.ReasonSlot {
		require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind)
	}
	assert.Equal(t, allTexts, there.texts(t, "rosa"))
}

// keepsForce interrupts a run that a nudge sent before the end of a backoff.
func keepsForce(t *testing.T, d *database, interrupt func(*process)) {
	t.Helper()
	here, there := d.process(t, newBank(), single), d.process(t, newBank())
	conn := here.link(t, "rosa")
	here.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrUnavailable}))
	here.nudge(t, conn)
	here.start(t)
	require.Equal(t, river.EventKindJobSnoozed, here.wait(t).Kind)
	require.Equal(t, schedule.ReasonBackoff, here.plan(t, conn).Reason)

	page := newGate()
	here.bank.failing(page.at("page 0"))
	here.nudge(t, conn)
	<-page.reached
	interrupt(here)
	there.start(t)
	for there.plan(t, conn).Reason != schedule.ReasonSlot {
		require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind, "the run does not wait for the backoff")
	}
	assert.Equal(t, allTexts, there.texts(t, "rosa"))
	close(page.open)
}

func keepsNudges(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	res, err := p.client.SyncAll(t.Context(), bankmux.SyncAllRequest{Connection: conn, Ledger: p.store})
	require.NoError(t, err)
	p.bank.add("6 tea")
	p.nudge(t, conn) // a webhook delivery, before the application plans
	require.NoError(t, p.fleet.Replan(t.Context(), conn, schedule.Outcome{State: res.State, End: time.Now()}))
	assert.Equal(t, schedule.Reason("nudge"), p.plan(t, conn).Reason)
	assert.Equal(t, 1, d.jobs(t))
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, append(allTexts[:5:5], "6 tea"), p.texts(t, "rosa"))
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
}
