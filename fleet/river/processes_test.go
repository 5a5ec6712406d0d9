package riversync_test

// This file tests several processes on one database.

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
	"github.com/bankmux/bankmux/schedule"
)

func TestProcesses(t *testing.T) {
	if schema := os.Getenv(childSchema); schema != "" {
		beKilled(t, schema)
	}
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"two processes share the connections, and each one is synced once":           shares,
		"a run that its process stops is continued by another one":                   continuesStopped,
		"after a kill -9 in mid-sync the ledger is equal to that of one run":         survivesKill,
		"a worker that lost its job stores nothing and does not disturb the new run": fencesLateHolders,
		"a nudge between the end of a run and of its job leads to another job":       nudgesBetween,
		"a challenge that one process parked is answered in another one":             answersElsewhere,
		"a nudge leaves an open challenge alone":                                     keepsChallenges,
		"a run that ended its process is repeated at once":                           repeatsAfterADeath,
		"runs that end their processes in a row wait longer and longer":              waitsAfterDeaths,
		"a process without the queue plans and runs nothing":                         onlyPlans,
	})
}

// inSchema lets a process name the schema in River's configuration.
func inSchema(d *database) func(*process) { return func(p *process) { p.schema = d.schema } }

func shares(t *testing.T, d *database) {
	b := newBank()
	here, there := d.process(t, b), d.process(t, b, inSchema(d))
	const connections = 30
	for i := range connections {
		here.nudge(t, here.link(t, fmt.Sprintf("user-%02d", i)))
	}
	here.start(t)
	there.start(t)
	for range connections {
		select {
		case e := <-here.events:
			assert.Equal(t, river.EventKindJobCompleted, e.Kind)
		case e := <-there.events:
			assert.Equal(t, river.EventKindJobCompleted, e.Kind)
		case <-time.After(patience):
			require.FailNow(t, "no job ended")
		}
	}
	called := b.taken()
	assert.Len(t, called, 4*connections)
	slices.Sort(called)
	assert.Len(t, slices.Compact(called), 4*connections, "no call was made twice")
	for i := range connections {
		require.Equal(t, allTexts, there.texts(t, fmt.Sprintf("user-%02d", i)))
	}
	status, err := here.fleet.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, connections, status.Waiting)
}

func continuesStopped(t *testing.T, d *database) {
	b := newBank()
	here, there := d.process(t, b), d.process(t, b)
	conn := here.link(t, "rosa")
	last := newGate()
	b.failing(last.at("page 4"))
	here.nudge(t, conn)
	here.start(t)
	<-last.reached
	here.stop(t)
	assert.Equal(t, allTexts[:4], here.texts(t, "rosa"))
	b.failing(nil)
	b.taken()
	b.add("6 tea")
	there.nudge(t, conn)
	there.start(t)
	require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind)
	assert.Equal(t, []string{"accounts of rosa", "page 4 of rosa", "page 5 of rosa"}, b.taken(),
		"it continues at the last page, and reads what came after its round had started")
	assert.Equal(t, append(allTexts[:5:5], "6 tea"), there.texts(t, "rosa"))
	assert.Equal(t, schedule.ReasonSlot, there.plan(t, conn).Reason)
}

// childSchema names the variable that makes the test binary a process that is killed.
const childSchema = "RIVERSYNC_TEST_SCHEMA"

// beKilled is such a process. It says so after its first page, and then hangs.
func beKilled(t *testing.T, schema string) {
	t.Helper()
	d := &database{schema: schema, url: os.Getenv("RIVERSYNC_TEST_URL")}
	d.process(t, newBank(), func(p *process) {
		p.asked = func(r *bankmux.SyncAllRequest) {
			r.Progress = func(progress bankmux.SyncProgress) {
				if progress.Pages == 1 {
					fmt.Println("\nstored a page")
					select {}
				}
			}
		}
	}).start(t)
	select {}
}

// killChild runs a child until it has stored a page, and kills it.
func killChild(t *testing.T, d *database) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcesses$", "-test.v")
	url := d.url + "&application_name=" + d.schema
	child.Env = append(os.Environ(), childSchema+"="+d.schema, "RIVERSYNC_TEST_URL="+url)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	stored := false
	for lines := bufio.NewScanner(out); !stored && lines.Scan(); {
		stored = strings.Contains(lines.Text(), "stored a page")
	}
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.True(t, stored, "the child stored a page")
	d.disconnected(t, d.schema)
}

// survivesKill lets River's own rescue find the job of a process that was killed. The clocks of its
// leadership and of its job are moved.
func survivesKill(t *testing.T, d *database) {
	p := d.process(t, newBank())
	killed, whole := p.link(t, "killed"), p.link(t, "whole")
	p.nudge(t, killed)
	killChild(t, d)
	assert.Equal(t, allTexts[:2], p.texts(t, "killed"))
	assert.Equal(t, 1, d.jobs(t, "running"))
	p.nudge(t, killed)
	assert.Equal(t, 1, d.jobs(t), "the job of the killed process stays until River takes it away")

	d.exec(t, "DELETE FROM river_leader")
	d.exec(t, "UPDATE river_job SET attempted_at = attempted_at - interval '2 hours'")
	p.nudge(t, whole)
	p.start(t)
	for range 3 { // a single run, the rescued job and the one in its place
		require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	}
	assert.Equal(t, p.ledgerOf(t, "whole"), p.ledgerOf(t, "killed"))
	assert.Equal(t, allTexts, p.texts(t, "killed"))
	assert.Equal(t, 2, d.jobs(t, "scheduled"))
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, killed).Reason)
}

// diedAfter returns a connection whose run ended its process, after a number of failures.
func diedAfter(t *testing.T, d *database, failures int) (*process, bankmux.Connection) {
	t.Helper()
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	d.exec(t, "UPDATE bankmux_river_connections SET running = TRUE, failures = $1", failures)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind, "another job has its place")
	return p, conn
}

func repeatsAfterADeath(t *testing.T, d *database) {
	p, conn := diedAfter(t, d, 0)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, schedule.ReasonSlot, p.plan(t, conn).Reason)
	assert.Zero(t, d.count(t, "SELECT failures FROM bankmux_river_connections"))
}

func waitsAfterDeaths(t *testing.T, d *database) {
	before := time.Now()
	p, conn := diedAfter(t, d, 3)
	assert.GreaterOrEqual(t, p.plan(t, conn).At.Sub(before), 4*time.Minute)
	assert.Equal(t, 4, d.count(t, "SELECT failures FROM bankmux_river_connections"))
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	const urgent = "SELECT count(*) FROM river_job WHERE state = 'scheduled' AND priority = 1 AND kind = 'bankmux_sync'"
	assert.Equal(t, 1, d.count(t, urgent), "it passes the jobs of the night")
	assert.Empty(t, p.bank.taken())
}

// rescue gives the jobs that run to other workers, as River does after RescueStuckJobsAfter.
func (d *database) rescue(t *testing.T) {
	t.Helper()
	d.giveAway(t, "TRUE")
}

func fencesLateHolders(t *testing.T, d *database) {
	slow, fast := newBank(), newBank()
	late := d.process(t, slow, func(p *process) {
		p.queues = map[string]river.QueueConfig{riversync.Queue: {MaxWorkers: 1}} // takes no further job
	})
	there := d.process(t, fast)
	conn := late.link(t, "rosa")
	page := newGate()
	slow.failing(page.at("page 2"))
	late.nudge(t, conn)
	late.start(t)
	<-page.reached
	d.rescue(t)
	there.start(t)
	for range 2 { // the job that was taken away, and the one in its place
		require.Equal(t, river.EventKindJobCompleted, there.wait(t).Kind)
	}
	rows, state, plan := there.ledgerOf(t, "rosa"), there.state(t, conn), there.plan(t, conn)
	assert.Len(t, rows, len(allTexts))

	slow.add("6 only the late one sees this")
	close(page.open)
	late.stop(t)
	assert.Equal(t, rows, there.ledgerOf(t, "rosa"))
	assert.Equal(t, state, there.state(t, conn))
	assert.Equal(t, plan, there.plan(t, conn))
	assert.Equal(t, 1, d.jobs(t, "scheduled"), "nor does its end change a job")
	assert.Equal(t, 2, d.jobs(t, "completed"))
}

// nudgesBetween stops a run at the moment after its plan was stored, when River has not yet changed
// its job.
func nudgesBetween(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	page := newGate()
	p.bank.failing(page.at("page 2"))
	p.nudge(t, conn)
	p.start(t)
	<-page.reached
	d.exec(t, "UPDATE bankmux_river_connections SET running = FALSE")
	next := newGate() // else its end makes a third job, perhaps before they are counted
	p.bank.failing(next.at("page 2"))
	p.nudge(t, conn)
	assert.Equal(t, 2, d.jobs(t))
	close(next.open)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	close(page.open)
	require.Equal(t, river.EventKindJobCancelled, p.wait(t).Kind, "the job before has no connection any more")
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
}

// asks returns the failure of a bank that asks for a code at the second page.
func asks(_ context.Context, call string, answers *bankmux.Answers) error {
	switch {
	case call != "page 2":
		return nil
	case answers != nil && answers.Inputs[0].Text.Reveal() == "123456":
		return nil
	}
	return &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{
		ID: "question", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP, Query: "Code?"}},
		State: json.RawMessage(`"of the bank"`),
	}}
}

// parked returns a connection whose bank asks the user.
func parked(t *testing.T, d *database, p *process) bankmux.Connection {
	t.Helper()
	conn := p.link(t, "rosa")
	p.bank.failing(asks)
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	plan := p.plan(t, conn)
	require.Equal(t, schedule.Parked, plan.State)
	require.Equal(t, bankmux.TurnAnswer, plan.Turn)
	require.Zero(t, d.jobs(t, "available", "scheduled", "retryable", "running"), "nothing runs by time")
	p.bank.taken()
	return conn
}

func answersElsewhere(t *testing.T, d *database) {
	here := d.process(t, newBank())
	conn := parked(t, d, here)
	here.stop(t)

	there := d.process(t, here.bank)
	ch := there.state(t, conn).Challenge
	require.NotNil(t, ch)
	there.attended(t, conn, ch.Answer("123456"))
	assert.Equal(t, allTexts, there.texts(t, "rosa"))
	plan := there.plan(t, conn)
	assert.Equal(t, schedule.Blocked, plan.State, "the bank may ask again, and no user is present at night")
	assert.Equal(t, schedule.ReasonUserAbsent, plan.Reason)

	there.bank.failing(nil)
	there.attended(t, conn, nil)
	plan = there.plan(t, conn)
	assert.Equal(t, schedule.Due, plan.State, "the bank did not ask")
	assert.Equal(t, schedule.ReasonSlot, plan.Reason)
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
}

// attended syncs a connection outside of River while the user is present.
func (p *process) attended(t *testing.T, conn bankmux.Connection, answers *bankmux.Answers) {
	t.Helper()
	res, err := p.client.SyncAll(t.Context(), bankmux.SyncAllRequest{
		Connection: conn, Ledger: p.store, Answers: answers,
	})
	require.NoError(t, err)
	require.NoError(t, p.fleet.Replan(t.Context(), conn, schedule.Outcome{State: res.State, End: time.Now()}))
}

func keepsChallenges(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := parked(t, d, p)
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Empty(t, p.bank.taken(), "a call would end the user's session at the bank")
	assert.Equal(t, schedule.Parked, p.plan(t, conn).State)
	assert.NotNil(t, p.state(t, conn).Challenge)
}

func onlyPlans(t *testing.T, d *database) {
	p := d.process(t, newBank(), func(p *process) { p.queues = nil })
	p.nudge(t, p.link(t, "rosa"))
	assert.Equal(t, 1, d.jobs(t, "available"))
	require.Error(t, p.fleet.Client().Start(t.Context()), "River says that it has no queue")
	assert.Empty(t, p.bank.taken())
	assert.Equal(t, "bankmux", riversync.Queue)
}
