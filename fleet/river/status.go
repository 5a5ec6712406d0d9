package riversync

// This file counts what is due, late, parked, blocked and dead.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// Status counts connections. Each one is in exactly one of Waiting, Late, Running, Parked, Blocked
// and Dead. It has no id.
type Status struct {
	Waiting int `json:"waiting"` // due at a later time
	Late    int `json:"late"`    // due, and no worker has started
	// Running counts also those of a process that died, until another one takes them. It also
	// counts those whose plan could not be stored, until their next run.
	Running int `json:"running"`
	Parked  int `json:"parked"`  // the bank waits for the user's answer
	Blocked int `json:"blocked"` // the user must act
	Dead    int `json:"dead"`
	// Latest is how long the connection waits that is late the longest, 0 if none is. It is in
	// seconds in JSON.
	Latest time.Duration `json:"-"`
	// Oldest is how long ago the last good run was, of the connection where it was the longest ago.
	// It leaves out parked, blocked and dead ones. A connection without a good run counts from its
	// first nudge. One whose user has acted counts from then. It is in seconds in JSON.
	Oldest time.Duration `json:"-"`
	// Reasons has the same counts by reason: those of package schedule, and "nudge".
	Reasons map[schedule.Reason]int `json:"reasons"`
}

// MarshalJSON writes the counts, and in whole seconds Latest as latest_seconds and Oldest as
// oldest_seconds.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	return json.Marshal(struct {
		plain
		Latest int64 `json:"latest_seconds"`
		Oldest int64 `json:"oldest_seconds"`
	}{plain(s), int64(s.Latest / time.Second), int64(s.Oldest / time.Second)})
}

// countRow is a group of connections.
type countRow struct {
	state  schedule.State
	reason schedule.Reason
	phase  string
	n      int
	latest float64 // seconds
	oldest float64 // seconds
}

// Status counts the connections, by the clock of the database. It reads the whole table of plans,
// so call it once a minute at millions of connections. An error is of type [*Error].
func (f *Fleet) Status(ctx context.Context) (Status, error) {
	s := Status{Reasons: map[schedule.Reason]int{}}
	rows, err := f.db.QueryContext(ctx, f.named("SELECT state, CASE WHEN nudged THEN 'nudge' ELSE reason END,"+
		" CASE WHEN running THEN 'running' WHEN at <= now() THEN 'over' ELSE '' END, count(*),"+
		" COALESCE(extract(epoch FROM now() - min(at)), 0),"+
		" COALESCE(extract(epoch FROM now() - min(ended_at)), 0) FROM bankmux_river_connections GROUP BY 1, 2, 3"))
	if err != nil {
		return s, failed("Status", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c countRow
		if err := rows.Scan(&c.state, &c.reason, &c.phase, &c.n, &c.latest, &c.oldest); err != nil {
			return s, failed("Status", err)
		}
		s.add(&c)
	}
	return s, failed("Status", rows.Err())
}

// add counts a group.
func (s *Status) add(c *countRow) {
	s.Reasons[c.reason] += c.n
	over := c.phase == "over"
	if c.state == schedule.Due {
		s.Oldest = max(s.Oldest, time.Duration(c.oldest*float64(time.Second)))
	}
	switch {
	case c.phase == "running":
		s.Running += c.n
	case c.state == schedule.Due && over:
		s.Late += c.n
		s.Latest = max(s.Latest, time.Duration(c.latest*float64(time.Second)))
	case c.state == schedule.Due:
		s.Waiting += c.n
	case c.state == schedule.Parked && !over:
		s.Parked += c.n
	case c.state == schedule.Dead:
		s.Dead += c.n
	default: // also if the bank has closed its question
		s.Blocked += c.n
	}
}

// Plan returns the plan of a connection. The error is [bankmux.ErrNotFound] if it was never nudged.
// Other errors are of type [*Error].
func (f *Fleet) Plan(ctx context.Context, conn bankmux.Connection) (schedule.Plan, error) {
	var p schedule.Plan
	var at *time.Time
	err := f.db.QueryRowContext(ctx, f.named("SELECT state, CASE WHEN nudged THEN 'nudge' ELSE reason END,"+
		" turn, kind, at FROM bankmux_river_connections WHERE connection = $1"),
		conn.ID).Scan(&p.State, &p.Reason, &p.Turn, &p.Kind, &at)
	if noRows(err) {
		return p, &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "the connection has no plan", NotSent: true}
	}
	if at != nil {
		p.At = *at
	}
	return p, failed("Plan", err)
}
