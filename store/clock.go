package store

// This file corrects times that were stored while the clock was ahead.

import (
	"context"
	"log/slog"
	"time"
)

// clockSlack is more than the clocks of processes differ, see [WithNow].
const clockSlack = time.Minute

// longestLease is more than the [Limits.Lease] of any process. So no lease of a change ends later,
// unless a clock was ahead.
const longestLease = time.Hour

// wasAhead selects connections whose next sync was set by a clock that was ahead. Those that are
// due soon need no correction.
const wasAhead = "due_at > $1 AND updated_at > $2"

// correctTimes makes connections due, and events free, whose time was set by a clock that was
// ahead. A connection would wait until then, and so would an event and what it takes of the queue.
// A change of a connection whose process died would keep out all others until then. A worker holds
// no event for longer than held. It returns how many there were.
//
// The leases of exchanges stay as they are, because a token must not be sent twice.
func (s *Store) correctTimes(ctx context.Context, every, held time.Duration) (n int64, err error) {
	const op = "CorrectTimes"
	now := s.now()
	at, ahead := now.UnixMilli(), now.Add(clockSlack).UnixMilli()
	later, free := now.Add(every).UnixMilli(), now.Add(held+clockSlack).UnixMilli()
	lost := now.Add(max(s.limits.Lease, longestLease) + clockSlack).UnixMilli()
	right, err := s.none(ctx, op, "SELECT 1 FROM bankmux_connections WHERE "+wasAhead+" OR held_until > $4 UNION ALL"+
		" SELECT 1 FROM bankmux_events WHERE held_until > $3 OR created_at > $2 LIMIT 1", later, ahead, free, lost)
	if right || err != nil {
		return 0, err
	}
	err = s.write(ctx, op, func(w *work) error {
		syncs, err := w.exec(ctx, "UPDATE bankmux_connections SET due_at = $3, updated_at = $3 WHERE "+wasAhead,
			later, ahead, at)
		if err != nil {
			return err
		}
		leases, err := w.exec(ctx, "UPDATE bankmux_connections SET held_until = $1 WHERE held_until > $2", at, lost)
		if err != nil {
			return err
		}
		events, err := w.exec(ctx, "UPDATE bankmux_events SET held_until = $1 WHERE held_until > $2", at, free)
		if err != nil {
			return err
		}
		n = syncs + leases + events
		_, err = w.exec(ctx, "UPDATE bankmux_events SET created_at = $1 WHERE created_at > $2", at, ahead)
		return err
	})
	return n, err
}

// correctTimes corrects what was stored while the clock was ahead, and logs it.
func (w *Worker) correctTimes(ctx context.Context) {
	n, err := w.Store.correctTimes(ctx, w.Every, max(w.Lease, longestPause))
	switch {
	case err != nil && ctx.Err() == nil:
		w.log(ctx, "times that a clock has set ahead could not be corrected", err)
	case n > 0:
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "the clock was ahead: what it has set too late is done now",
			slog.Int64("count", n))
	}
}
