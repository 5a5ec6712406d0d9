package main

// This file records what a night promised and what became of it.

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/schedule"
)

// record is a night.
type record struct {
	night  int
	kind   string
	closed bool
	due    map[string]bool // connections that had a slot when it started
	states map[string]schedule.State
}

// plans returns the plans of all connections. Package fleet/river documents the table.
func (n *nights) plans(ctx context.Context) (map[string]schedule.Plan, error) {
	rows, err := n.member.db.QueryContext(ctx, "SELECT connection, state, reason, at FROM bankmux_river_connections")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	plans := map[string]schedule.Plan{}
	for rows.Next() {
		var id string
		var plan schedule.Plan
		var at sql.NullTime
		if err := rows.Scan(&id, &plan.State, &plan.Reason, &at); err != nil {
			return nil, err
		}
		plan.At = at.Time
		plans[id] = plan
	}
	return plans, rows.Err()
}

// open starts the record of a night.
func (n *nights) open(ctx context.Context, night int, kind string) error {
	plans, err := n.plans(ctx)
	if err != nil {
		return err
	}
	r := &record{night: night, kind: kind, due: map[string]bool{}}
	for id, plan := range plans {
		if plan.State == schedule.Due {
			r.due[id] = true
		}
	}
	n.records = append(n.records, r)
	return nil
}

// close remembers how the connections stand in the morning.
func (n *nights) close(ctx context.Context, night int) error {
	plans, err := n.plans(ctx)
	if err != nil {
		return err
	}
	r := n.records[night-1]
	r.states, r.closed = map[string]schedule.State{}, true
	for id, plan := range plans {
		r.states[id] = plan.State
	}
	done, err := n.doneIn(ctx, r)
	if err == nil {
		n.progress.end(fmt.Sprintf("night %d, %s, done by %d:00", night, r.kind, hoursOfNight), done, len(n.conns))
	}
	return err
}

// row is a line of the report: a night at a provider.
type row struct {
	due, done, late       int
	parked, blocked, dead int
	calls, refused, rows  int
	longest               time.Duration // that a run started after its slot
	caughtUp              time.Time     // start of the last run that was late
}

// tooLate is how long after its slot a run counts as late. It is a blink of the machine.
const tooLate = 15 * time.Minute

// rows returns the lines of a night.
func (n *nights) rows(ctx context.Context, r *record) (map[string]*row, error) {
	lines := map[string]*row{}
	for _, p := range providers {
		lines[p] = &row{}
	}
	from, to := n.clock.midnight(r.night), n.clock.hours(r.night, noon)
	for _, req := range n.traffic.between(from, to) {
		if req.op != "" {
			lines[req.provider].calls++
		}
	}
	of := map[string]*row{}
	for _, conn := range n.conns {
		line := lines[conn.Provider]
		of[conn.ID] = line
		if r.due[conn.ID] {
			line.due++
		}
		switch r.states[conn.ID] {
		case schedule.Parked:
			line.parked++
		case schedule.Blocked:
			line.blocked++
		case schedule.Dead:
			line.dead++
		}
	}
	return lines, n.addRuns(ctx, r, of)
}

// addRuns counts the runs of a night.
func (n *nights) addRuns(ctx context.Context, r *record, of map[string]*row) error {
	from, to := n.clock.midnight(r.night), n.clock.hours(r.night, noon)
	runs, err := n.member.db.QueryContext(ctx, "SELECT connection, started, kind, refused, changed FROM nightly_runs"+
		" WHERE started >= $1 AND started < $2 ORDER BY started", n.clock.machine(from), n.clock.machine(to))
	if err != nil {
		return err
	}
	defer runs.Close()
	done, inSlot := map[string]bool{}, map[string]bool{}
	for runs.Next() {
		var id, kind string
		var started time.Time
		var refused bool
		var changed int
		if err := runs.Scan(&id, &started, &kind, &refused, &changed); err != nil {
			return err
		}
		line := of[id]
		line.rows += changed
		if refused {
			line.refused++
		}
		if kind != "" {
			continue
		}
		if r.due[id] && !done[id] {
			done[id] = true
			line.done++
		}
		if r.states[id] != schedule.Due {
			continue // it ran because its user has acted
		}
		if slot := window.Next(id, from); !inSlot[id] && !n.clock.at(started).Before(slot) {
			inSlot[id] = true
			line.count(n.clock.at(started), slot)
		}
	}
	return runs.Err()
}

// count counts how late a run started.
func (l *row) count(started, slot time.Time) {
	late := started.Sub(slot)
	if late < tooLate {
		return
	}
	l.late++
	l.longest = max(l.longest, late)
	if started.After(l.caughtUp) {
		l.caughtUp = started
	}
}

// of counts the connections of a provider.
func (n *nights) of(provider string) (count int) {
	for _, conn := range n.conns {
		if conn.Provider == provider {
			count++
		}
	}
	return count
}

// promised returns when a provider that was down is caught up, by package schedule.
func (n *nights) promised(night int) time.Time {
	const down = (outageEnd - outageStart) * time.Hour
	return n.clock.hours(night, outageEnd).Add(schedule.CatchUp(down, headroom(n.of(moneykit.Name))))
}
