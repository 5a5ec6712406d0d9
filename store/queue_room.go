package store

// This file says for which events the queue has room.

import (
	"context"
	"strconv"

	"github.com/bankmux/bankmux/bankhttp"
)

// newEvent is a row of bankmux_events that is about to be stored.
type newEvent struct {
	id, name                   string
	client, reference, session string
	content                    string
	sealed                     []byte
}

// size returns how much of [Limits.EventBytes] the event takes.
func (e *newEvent) size() queueSize { return queueSize{1, int64(len(e.content) + len(e.sealed))} }

// queueSize is a number of events and their size.
type queueSize struct{ events, bytes int64 }

func (q queueSize) plus(o queueSize) queueSize {
	return queueSize{q.events + o.events, q.bytes + o.bytes}
}

func (q queueSize) minus(o queueSize) queueSize {
	return queueSize{q.events - o.events, q.bytes - o.bytes}
}

func (q queueSize) atMost(o queueSize) queueSize {
	return queueSize{min(q.events, o.events), min(q.bytes, o.bytes)}
}

func (q queueSize) within(limit queueSize) bool { return q.atMost(limit) == q }

// unknownConnection selects the events whose connection is not stored.
const unknownConnection = "reference_key <> '' AND NOT EXISTS (SELECT 1 FROM bankmux_connections c" +
	" WHERE c.client = bankmux_events.client AND c.reference_key = bankmux_events.reference_key)"

// ofStranger selects the events that belong to no stored connection or session. An application or a
// stage with the same keys may have it, or it is stored a moment later.
const ofStranger = "(" + unknownConnection + " OR reference_key = '' AND session_id <> '' AND NOT EXISTS" +
	" (SELECT 1 FROM bankmux_sessions s WHERE s.id = bankmux_events.session_id))"

// uncommitted is how much of the queue is left when transactions start to count one after the
// other. They do not see each other's events, and before that many of them do not fill the queue.
var uncommitted = queueSize{1000, 1 << 20}

// makeRoom refuses an event for which the queue has no room. If it is full, it first deletes events
// that waited too long for their connection. One that is queued already needs no room, and neither
// does one that [Store.Queue] always stores.
func (s *Store) makeRoom(ctx context.Context, w *work, e *newEvent) error {
	queued, err := w.has(ctx, "SELECT 1 FROM bankmux_events WHERE id = $1", e.id)
	if queued || err != nil {
		return err
	}
	known, err := e.known(ctx, w)
	if err != nil {
		return err
	}
	if known && (e.name == bankhttp.EventLinked || e.name == bankhttp.EventNamed) {
		return nil
	}
	room, err := s.hasRoom(ctx, w, e.size().plus(uncommitted), known)
	if room || err != nil {
		return err
	}
	if err := w.dialect.lockFor(ctx, w, lockQueue); err != nil {
		return err
	}
	if room, err = s.hasRoom(ctx, w, e.size(), known); room || err != nil {
		return err
	}
	if err := s.dropStrangers(ctx, w); err != nil {
		return err
	}
	if room, err = s.hasRoom(ctx, w, e.size(), known); room || err != nil {
		return err
	}
	return fullQueue(ctx, w, known)
}

// known reports whether the connection or session of an event is stored. An event without both
// belongs to no stranger.
func (e *newEvent) known(ctx context.Context, w *work) (bool, error) {
	switch {
	case e.reference != "":
		return w.has(ctx, "SELECT 1 FROM bankmux_connections WHERE client = $1 AND reference_key = $2 LIMIT 1",
			e.client, e.reference)
	case e.session != "":
		return w.has(ctx, "SELECT 1 FROM bankmux_sessions WHERE id = $1", e.session)
	}
	return true, nil
}

// hasRoom reports whether the queue has room. Events of strangers fill half of it at most. What is
// more than that, because connections were deleted since, takes no room from the others.
func (s *Store) hasRoom(ctx context.Context, w *work, size queueSize, known bool) (bool, error) {
	limit := queueSize{int64(s.limits.Events), s.limits.EventBytes}
	half := queueSize{limit.events / 2, limit.bytes / 2}
	all, err := sizeOf(ctx, w, "1 = 1")
	if err != nil {
		return false, err
	}
	if rest := all.plus(size); rest.within(half) || known && rest.within(limit) {
		return true, nil
	}
	strangers, err := sizeOf(ctx, w, ofStranger)
	if err != nil {
		return false, err
	}
	if !known {
		return strangers.plus(size).within(half) && all.plus(size).within(limit), nil
	}
	return all.minus(strangers).plus(strangers.atMost(half)).plus(size).within(limit), nil
}

// sizeOf returns the size of the events that meet a condition.
func sizeOf(ctx context.Context, w *work, condition string) (q queueSize, err error) {
	err = w.row(ctx, "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM bankmux_events WHERE "+condition, nil,
		[]any{&q.events, &q.bytes})
	return q, err
}

// fullQueue returns the error for an event for which the queue has no room.
func fullQueue(ctx context.Context, w *work, known bool) error {
	condition, of := "1 = 1", ""
	if !known {
		condition, of = ofStranger, " whose connection or session is not stored"
	}
	q, err := sizeOf(ctx, w, condition)
	if err != nil {
		return err
	}
	return &Error{
		Detail: "has " + strconv.FormatInt(q.events, 10) + " queued events of " + strconv.FormatInt(q.bytes, 10) +
			" bytes" + of + ", and Limits allow no more",
	}
}

// dropStrangers deletes the events that waited too long for their connection or session.
func (s *Store) dropStrangers(ctx context.Context, w *work) error {
	_, err := w.exec(ctx, "DELETE FROM bankmux_events WHERE created_at < $1 AND "+ofStranger,
		s.now().Add(-s.limits.EventAge).UnixMilli())
	return err
}
