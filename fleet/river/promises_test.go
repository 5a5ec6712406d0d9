package riversync_test

// This file tests what the documentation promises beside the rules of runs and nudges.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	riversync "github.com/bankmux/bankmux/fleet/river"
)

func TestPromises(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a run has 15 minutes": func(t *testing.T, d *database) {
			limitsRuns(t, d, 0, 15*time.Minute)
		},
		"Options.Timeout limits a run": func(t *testing.T, d *database) {
			limitsRuns(t, d, 7*time.Minute, 7*time.Minute)
		},
		"a nudge passes jobs that are late":                                  passesLateJobs,
		"a nudge during a run waits as long as the provider asks at its end": waitsAsAsked,
		"no response of the page is stored, and it loads nothing":            protectsPage,
	})
}

func limitsRuns(t *testing.T, d *database, timeout, want time.Duration) {
	t.Helper()
	p := d.process(t, newBank(), func(p *process) {
		p.change = func(o *riversync.Options) { o.Timeout = timeout }
	})
	left := make(chan time.Duration, 100)
	p.bank.failing(func(ctx context.Context, _ string, _ *bankmux.Answers) error {
		end, _ := ctx.Deadline()
		left <- time.Until(end)
		return nil
	})
	before := time.Now()
	p.nudge(t, p.link(t, "rosa"))
	p.start(t)
	got := <-left
	assert.LessOrEqual(t, got, want)
	assert.GreaterOrEqual(t, got+time.Since(before), want)
}

func passesLateJobs(t *testing.T, d *database) {
	p := d.process(t, newBank(), single)
	const late = 5
	for i := range late {
		p.nudge(t, p.link(t, fmt.Sprintf("late-%d", i)))
	}
	p.start(t)
	for range late {
		require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
	}
	p.stop(t)
	d.exec(t, "UPDATE river_job SET state = 'available', scheduled_at = now() - interval '1 hour'"+
		" WHERE state = 'scheduled' AND kind = 'bankmux_sync'")
	p.bank.taken()
	next := d.process(t, p.bank, single)
	next.nudge(t, next.link(t, "rosa"))
	next.start(t)
	require.Equal(t, river.EventKindJobCompleted, next.wait(t).Kind)
	assert.Equal(t, "accounts of rosa", p.bank.taken()[0])
}

func waitsAsAsked(t *testing.T, d *database) {
	p := d.process(t, newBank())
	conn := p.link(t, "rosa")
	page := newGate()
	wait := page.at("page 0")
	p.bank.failing(func(ctx context.Context, call string, answers *bankmux.Answers) error {
		if err := wait(ctx, call, answers); err != nil || call != "page 0" {
			return err
		}
		return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 3 * time.Hour}
	})
	p.nudge(t, conn)
	p.start(t)
	<-page.reached
	p.nudge(t, conn)
	close(page.open)
	before := time.Now()
	require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
	assert.GreaterOrEqual(t, p.plan(t, conn).At.Sub(before), 3*time.Hour-time.Minute)
	assert.Equal(t, 1, d.jobs(t, "scheduled"))
	assert.Equal(t, 1, d.jobs(t))
}

func protectsPage(t *testing.T, d *database) {
	p := d.process(t, newBank())
	for _, broken := range []bool{false, true} {
		if broken {
			d.exec(t, "DROP TABLE bankmux_river_connections")
		}
		for _, accept := range []string{"text/html", "application/json"} {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header.Set("Accept", accept)
			res := httptest.NewRecorder()
			p.fleet.Handler().ServeHTTP(res, r)
			header := res.Header()
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
			assert.Equal(t, "Accept", header.Get("Vary"))
			assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			assert.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
				header.Get("Content-Security-Policy"))
		}
	}
}
