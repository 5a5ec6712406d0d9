package riversync_test

// This file tests a process whose clock is behind that of the database.

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

func TestClock(t *testing.T) {
	t.Parallel()
	each(t, map[string]func(*testing.T, *database){
		"a process whose clock is behind runs no slot again": func(t *testing.T, d *database) {
			p, conn, slot := behind(t, d)
			p.start(t)
			require.Equal(t, river.EventKindJobCompleted, p.wait(t).Kind)
			assert.Equal(t, slot.Add(24*time.Hour), p.plan(t, conn).At.UTC())
		},
		"a process whose clock is behind waits after a failure": func(t *testing.T, d *database) {
			p, conn, slot := behind(t, d)
			p.bank.failing(func(context.Context, string, *bankmux.Answers) error { return context.DeadlineExceeded })
			p.start(t)
			require.Equal(t, river.EventKindJobSnoozed, p.wait(t).Kind)
			assert.False(t, p.plan(t, conn).At.Before(slot.Add(time.Minute)))
		},
	})
}

// daily has a slot once a day.
type daily struct{ slot time.Time }

func (d daily) Next(_ string, after time.Time) time.Time {
	next := d.slot
	for !next.After(after) {
		next = next.Add(24 * time.Hour)
	}
	return next
}

var _ schedule.Timetable = daily{}

// behind returns a process whose clock is an hour behind that of the database. The job of its
// connection is due by the database alone.
func behind(t *testing.T, d *database) (*process, bankmux.Connection, time.Time) {
	t.Helper()
	slot := time.Now().Add(30 * time.Minute).UTC().Truncate(time.Second)
	d.url += "%2Cpg_catalog" // the schema's own functions are found first
	p := d.process(t, newBank(), func(p *process) {
		p.change = func(o *riversync.Options) { o.Timetable = daily{slot} }
	})
	d.exec(t, "CREATE FUNCTION "+d.schema+".now() RETURNS timestamptz STABLE LANGUAGE sql"+
		" AS $$ SELECT pg_catalog.now() + interval '1 hour' $$")
	conn := p.link(t, "rosa")
	p.nudge(t, conn)
	d.exec(t, "UPDATE river_job SET scheduled_at = $1, state = 'available' WHERE kind = 'bankmux_sync'", slot)
	return p, conn, slot
}
