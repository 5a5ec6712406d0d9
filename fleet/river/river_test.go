package riversync_test

// This file tests runs, and how they stand.

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// each runs tests, each with a database of its own.
func each(t *testing.T, tests map[string]func(*testing.T, *database)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t))
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a linked connection is synced, and its next job is in its slot of the night": syncsALink,
		"a page whose next job is refused is not stored":                              storesNoPage,
		"a job whose last page is refused at its commit is not complete":              completesNoJob,
		"a failure snoozes the job as long as the provider asks":                      snoozes,
		"a nudge does not wait for the backoff of a failure":                          nudgeEndsBackoff,
		"a connection whose user must log in has no job until a nudge":                blocks,
		"a job is canceled if its connection is dead":                                 cancelsTheDead,
		"a job is canceled if its connection was deleted":                             cancelsTheDeleted,
		"connections that cannot be read are spread by their ids":                     spreadsUnread,
		"a worker runs no one-shot, whatever happens":                                 runsNoOneShot,
	})
}

// spreadsUnread has a connection whose id adds more to a wait than the empty id does.
func spreadsUnread(t *testing.T, d *database) {
	conn := bankmux.Connection{ID: "conn-16", User: "rosa"}
	again := bankmux.Again{First: time.Minute, Longest: time.Hour}
	require.Greater(t, again.Wait(conn.ID, 0, 1), again.Wait("", 0, 1)+3*time.Second)
	p := d.process(t, newBank(), func(p *process) {
		p.change = func(o *riversync.Options) {
			o.Connection = func(context.Context, string, string) (bankmux.Connection, error) {
				return bankmux.Connection{}, errors.New("the keys are not available")
			}
		}
	})
	p.nudge(t, conn)
	p.start(t)
	e := p.wait(t)
	require.Equal(t, river.EventKindJobSnoozed, e.Kind)
	assert.GreaterOrEqual(t, p.plan(t, conn).At.Sub(*e.Job.AttemptedAt), again.Wait(conn.ID, 0, 1))
}

func syncsALink(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	assert.Equal(t, schedule.Reason("nudge"), p.plan(t, conn).Reason)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	assert.Equal(t, []string{
		"accounts of rosa", "page 0 of rosa", "page 2 of rosa", "page 4 of rosa",
	}, p.bank.taken())

	plan, synced := p.plan(t, conn), p.state(t, conn).SyncedAt
	assert.Equal(t, schedule.Due, plan.State)
	assert.Equal(t, schedule.ReasonSlot, plan.Reason)
	assert.WithinDuration(t, night.Next(conn.ID, synced), plan.At, time.Microsecond)
	assert.Equal(t, 1, d.jobs(t, "completed"))
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	assert.Equal(t, 1, d.count(t, "SELECT count(*) FROM river_job WHERE state = 'scheduled' AND scheduled_at = $1"+
		" AND id = (SELECT job FROM bankmux_river_connections)", plan.At))
}

//go:embed testdata/refuse.sql
var refuseFunction string

// refuse lets the database refuse some rows, until the returned function is called.
func (d *database) refuse(t *testing.T, trigger, table, when string) (end func()) {
	t.Helper()
	d.exec(t, refuseFunction)
	d.exec(t, "CREATE "+strings.Replace(trigger, " ON", " ON "+table, 1)+" FOR EACH ROW WHEN ("+when+
		") EXECUTE FUNCTION refuse()")
	return func() { d.exec(t, "DROP TRIGGER refuse ON "+table) }
}

func storesNoPage(t *testing.T, d *database) {
	p := d.process(t, newBank())
	together(t, d, p, d.refuse(t, "TRIGGER refuse BEFORE INSERT ON", "river_job",
		"NEW.state = 'scheduled' AND NEW.kind = 'bankmux_sync'"))
}

func completesNoJob(t *testing.T, d *database) {
	p := d.process(t, newBank())
	together(t, d, p, d.refuse(t, "CONSTRAINT TRIGGER refuse AFTER UPDATE ON DEFERRABLE INITIALLY DEFERRED",
		"bankmux_syncs", "NEW.synced_at > 0"))
}

// together checks that last page, cursor and job are stored together or not at all.
func together(t *testing.T, d *database, p *process, end func()) {
	t.Helper()
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	assert.Equal(t, allTexts[:4], p.texts(t, "rosa"), "the last page is not stored")
	assert.True(t, p.state(t, conn).More, "nor is its cursor")
	assert.Zero(t, d.jobs(t, "completed"), "and the job is not complete")
	assert.Equal(t, 1, d.jobs(t))
	assert.Equal(t, schedule.ReasonInterrupted, p.plan(t, conn).Reason)

	end()
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
	assert.False(t, p.state(t, conn).More)
}

// fails returns an error for each page.
func fails(err error) func(context.Context, string, *bankmux.Answers) error {
	return func(_ context.Context, call string, _ *bankmux.Answers) error {
		if call == "accounts" {
			return nil
		}
		return err
	}
}

func snoozes(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 3 * time.Hour}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	plan := p.plan(t, conn)
	assert.Equal(t, schedule.ReasonAsked, plan.Reason)
	assert.Equal(t, bankmux.ErrRateLimited, plan.Kind)
	assert.WithinDuration(t, p.state(t, conn).NotBefore, plan.At, time.Microsecond)
	assert.False(t, plan.At.Before(p.state(t, conn).NotBefore))
	assert.Equal(t, 1, d.count(t, "SELECT count(*) FROM river_job WHERE kind = 'bankmux_sync' AND state = 'scheduled'"+
		" AND scheduled_at BETWEEN $1::timestamptz - interval '1 minute' AND $1::timestamptz + interval '1 minute'",
		plan.At))

	p.bank.taken()
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	assert.Empty(t, p.bank.taken(), "a nudge does not override what the provider asked for")
	assert.Equal(t, plan.At, p.plan(t, conn).At)
	assert.Equal(t, 1, d.jobs(t))
}

func nudgeEndsBackoff(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrUnavailable}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	assert.Equal(t, schedule.ReasonBackoff, p.plan(t, conn).Reason)
	p.bank.failing(nil)
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"))
}

func blocks(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrReauth}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	plan := p.plan(t, conn)
	assert.Equal(t, schedule.Blocked, plan.State)
	assert.Equal(t, bankmux.TurnLogin, plan.Turn)
	assert.Zero(t, d.jobs(t, "available", "scheduled", "retryable", "running"))

	p.bank.failing(nil)
	p.bank.taken()
	p.nudge(t, conn)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	assert.Equal(t, allTexts, p.texts(t, "rosa"), "a delivery that says that the cause is gone")
}

func cancelsTheDead(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.bank.failing(fails(&bankmux.Error{Kind: bankmux.ErrGone}))
	p.nudge(t, conn)
	p.start(t)
	require.Equal(t, river.EventKindJobCancelled, p.wait(t).Kind)
	assert.Equal(t, schedule.Dead, p.plan(t, conn).State)
	assert.Equal(t, 1, d.jobs(t))
}

func cancelsTheDeleted(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	require.NoError(t, p.store.DeleteConnection(t.Context(), conn.User, conn.ID))
	p.start(t)
	require.Equal(t, river.EventKindJobCancelled, p.wait(t).Kind)
	_, err := p.fleet.Plan(t.Context(), conn)
	require.ErrorIs(t, err, bankmux.ErrNotFound)
	assert.Empty(t, p.bank.taken())
}

// runsNoOneShot runs a job after each kind of error and after none.
func runsNoOneShot(t *testing.T, d *database) {
	p := d.process(t, newBank(), func(p *process) {
		p.asked = func(r *bankmux.SyncAllRequest) { r.Force = true }
	})
	conn := p.link(t, "rosa")
	p.start(t)
	outcomes := []error{
		nil, &bankmux.Error{Kind: bankmux.ErrUnavailable},
		&bankmux.Error{Kind: bankmux.ErrOutcomeUnknown}, &bankmux.Error{Kind: bankmux.ErrReauth}, errors.New("broken"),
	}
	for _, err := range outcomes {
		p.bank.failing(fails(err))
		p.nudge(t, conn)
		p.wait(t)
	}
	p.stop(t)
	require.NotEmpty(t, p.bank.ops)
	seen := map[string]bool{}
	for _, op := range p.bank.ops {
		seen[op.Name] = true
		assert.NotEqual(t, bankmux.OneShot, op.Effect, op.Name)
	}
	assert.True(t, p.absent, "and each call says that no user waits")
	assert.Equal(t, map[string]bool{bankmux.OpAccounts: true, bankmux.OpSync: true}, seen)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"it counts each connection once, and the page shows no id": counts,
		"the oldest good run is that of a connection which is due": showsOldest,
		"an error names the missing schema and nothing else":       namesMissingSchema,
	})
}

func counts(t *testing.T, d *database) {
	p := d.process(t, newBank())
	d.exec(t, `INSERT INTO bankmux_river_connections
		(connection, user_id, state, reason, at, running, nudged, ended_at) VALUES
		('id-waiting', 'u', 'due', 'slot', now() + interval '1 hour', FALSE, FALSE, NULL),
		('id-late', 'u', 'due', 'slot', now() - interval '90 seconds', FALSE, FALSE, now() - interval '1 hour'),
		('id-nudged', 'u', 'due', 'slot', now() - interval '5 seconds', FALSE, TRUE, now()),
		('id-running', 'u', 'due', 'slot', now() - interval '1 hour', TRUE, FALSE, now() - interval '26 hours'),
		('id-parked', 'u', 'parked', 'challenge', now() + interval '5 minutes', FALSE, FALSE, now() - interval '7 d'),
		('id-expired', 'u', 'parked', 'challenge', now() - interval '5 minutes', FALSE, FALSE, now() - interval '7 d'),
		('id-blocked', 'u', 'blocked', 'login', NULL, FALSE, FALSE, now() - interval '1 week'),
		('id-dead', 'u', 'dead', 'gone', NULL, FALSE, FALSE, now() - interval '1 week')`)
	res := httptest.NewRecorder()
	p.fleet.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.NotContains(t, res.Body.String(), "id-")
	var got struct {
		riversync.Status

		Latest int64 `json:"latest_seconds"`
		Oldest int64 `json:"oldest_seconds"`
	}
	require.NoError(t, json.Unmarshal(res.Body.Bytes(), &got))
	assert.Equal(t, riversync.Status{
		Waiting: 1, Late: 2, Running: 1, Parked: 1, Blocked: 2, Dead: 1,
		Reasons: map[schedule.Reason]int{"slot": 3, "nudge": 1, "challenge": 2, "login": 1, "gone": 1},
	}, got.Status)
	assert.GreaterOrEqual(t, got.Latest, int64(90))
	assert.Less(t, got.Latest, int64(1000))
	assert.GreaterOrEqual(t, got.Oldest, int64(26*60*60))
	assert.Less(t, got.Oldest, int64(27*60*60))
	assert.Equal(t, 8, got.Waiting+got.Late+got.Running+got.Parked+got.Blocked+got.Dead)

	res = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	p.fleet.Handler().ServeHTTP(res, r)
	body := res.Body.String()
	assert.Equal(t, "text/html; charset=utf-8", res.Header().Get("Content-Type"))
	assert.Contains(t, body, "<caption>8 connections</caption>")
	assert.NotContains(t, body, "id-")
	for state, n := range got.States() {
		assert.Regexp(t, `<th scope="row">`+state+`</th><td>[^<]+</td><td>`+strconv.Itoa(n)+`</td>`, body)
	}
	assert.Contains(t, body, `<th scope="row">challenge</th><td>2</td>`)
	assert.Regexp(t, `longest wait of a late connection is (1m[3-5]\d|([2-9]|\d\d)m\d+)s`, body)
	assert.Regexp(t, `oldest last good run is 26h\d+m\d+s ago`, body)
	assert.NotContains(t, body, "<script")
}

// showsOldest ages the last good run of a connection, and looks which runs and nudges count as a
// newer one.
func showsOldest(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	old := func(t *testing.T, want bool, when string) {
		t.Helper()
		s, err := p.fleet.Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, s.Oldest >= 48*time.Hour, when)
		d.exec(t, "UPDATE bankmux_river_connections SET ended_at = ended_at - interval '2 days'")
	}
	end := func(t *testing.T, failure error, want river.EventKind) {
		t.Helper()
		p.bank.failing(fails(failure))
		p.nudge(t, conn)
		require.Equal(t, want, p.wait(t).Kind)
	}
	p.nudge(t, conn)
	old(t, false, "after the first nudge")
	old(t, true, "before the first run")
	p.start(t)
	require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	old(t, false, "after a good run")
	end(t, &bankmux.Error{Kind: bankmux.ErrUnavailable}, river.EventKindJobSnoozed)
	old(t, true, "after a run that failed")
	require.NoError(t, p.fleet.Replan(t.Context(), conn, schedule.Outcome{End: time.Now()}))
	old(t, false, "after a good run of the application")
	end(t, &bankmux.Error{Kind: bankmux.ErrReauth}, river.EventKindJobCompleted)
	old(t, false, "while only the user can help")
	end(t, &bankmux.Error{Kind: bankmux.ErrUnavailable}, river.EventKindJobSnoozed)
	old(t, false, "after the user has acted, and a run that failed")
	old(t, true, "later")
	blocked := schedule.Outcome{End: time.Now(), Err: &bankmux.Error{Kind: bankmux.ErrReauth}, Attempts: 1}
	require.NoError(t, p.fleet.Replan(t.Context(), conn, blocked))
	d.exec(t, "UPDATE bankmux_river_connections SET ended_at = ended_at - interval '2 days'")
	late := schedule.Outcome{End: time.Now(), Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}, Attempts: 1}
	require.NoError(t, p.fleet.Replan(t.Context(), conn, late))
	old(t, false, "after the user has acted, and a run of the application that failed")
}

func namesMissingSchema(t *testing.T, d *database) {
	p := d.process(t, newBank())
	d.exec(t, "DROP TABLE bankmux_river_connections")
	_, err := p.fleet.Status(t.Context())
	require.EqualError(t, err, "riversync: Status: the schema is missing: call Migrate")
	res := httptest.NewRecorder()
	p.fleet.Handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Equal(t, http.StatusServiceUnavailable, res.Code)
	res = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Accept", "text/html")
	p.fleet.Handler().ServeHTTP(res, r)
	assert.Equal(t, http.StatusServiceUnavailable, res.Code)
	assert.Equal(t, "The database is not available.\n", res.Body.String())
}
