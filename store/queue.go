package store

// This file has the queue of events that webhooks announced.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
)

// Queued is an event that [Store.Dequeue] returned.
type Queued struct {
	ID    string // of the row
	Event bankmux.Event
	// Connection is the connection that the event names. It is nil for an event that names none,
	// such as [bankmux.EventLinkFinished].
	Connection *bankmux.Connection
	// ExchangePayload is [bankmux.Event.ExchangePayload], which an Event loses in JSON.
	ExchangePayload bankmux.Secret
	Attempt         int // 1 for the first time

	holder string
}

// eventPayload is what an event in JSON leaves out.
type eventPayload struct {
	Exchange []byte `json:"exchange"`
}

// Queue stores an event until [Store.Done]. It is an [inbox.Handler]. An event whose client and key
// are queued already is not stored twice.
//
// An event of a connection that is not stored yet waits until it is, for at most [Limits.EventAge].
// Such events get half of the queue. So another application with the same keys does not fill it.
//
// If the queue is full, the error is an [*Error]. The inbox then refuses the delivery, and the
// provider delivers it again. [bankhttp.EventLinked] and [bankhttp.EventNamed] of a stored
// connection are always stored, because a full queue must not fail what the user has done.
func (s *Store) Queue(ctx context.Context, event bankmux.Event) error {
	const op = "Queue"
	e, err := s.newEvent(event)
	if err != nil {
		return failed(op, err)
	}
	return s.write(ctx, op, func(w *work) error {
		if err := s.makeRoom(ctx, w, e); err != nil {
			return err
		}
		// Two processes may queue it at the same moment.
		_, err := w.exec(ctx, "INSERT INTO bankmux_events (id, created_at, client, reference_key, session_id, event,"+
			" bytes, attempt, holder, held_until, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', 0, $8)"+
			" ON CONFLICT (id) DO NOTHING",
			e.id, s.nowMillis(), e.client, e.reference, e.session, e.content, e.size().bytes, e.sealed)
		return err
	})
}

// newEvent returns the row of an event.
func (s *Store) newEvent(event bankmux.Event) (*newEvent, error) {
	raw, err := json.Marshal(event)
	if err != nil {
		return nil, invalid("event", "cannot be written as JSON")
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(len(event.Client)) + ":" + event.Client + event.Key))
	e := &newEvent{
		id: hex.EncodeToString(sum[:]), name: event.Name, client: plainText(event.Client),
		reference: plainText(event.ReferenceKey), session: plainText(event.Session), content: plainText(string(raw)),
	}
	if event.Kind == bankmux.EventLinkFinished {
		e.reference = "" // the connection is stored because of this event, so the event cannot wait for it
	}
	if payload := event.ExchangePayload(); !payload.IsZero() {
		e.sealed, err = s.seal(sealedEvent, eventPayload{[]byte(payload.Reveal())}, e.id)
	}
	return e, err
}

// queuedRow is a row of bankmux_events.
type queuedRow struct {
	id, client, referenceKey, event string
	attempt                         int
	sealed                          []byte
}

func (r *queuedRow) fields() []any {
	return []any{&r.id, &r.client, &r.referenceKey, &r.event, &r.attempt, &r.sealed}
}

// Dequeue returns up to limit events, the oldest first, and holds them for [Limits.Lease]. Another
// call, also in another process, gets other events. Call [Store.Done], [Store.Postpone] or
// [Store.Release] for each. An event for which none was called is returned again after the lease.
//
// Events whose connection is not stored are left out. Those of a link that was finished and those
// that name no connection are returned without one.
//
// Events that do not open are left out too. They are tried again behind the others, with growing
// pauses, and deleted after ten attempts. If there are no others, the error is [bankmux.ErrSeal].
func (s *Store) Dequeue(ctx context.Context, limit int) ([]Queued, error) {
	all, lost, err := s.dequeue(ctx, limit, s.limits.Lease, nil)
	if err == nil && len(all) == 0 {
		err = failed("Dequeue", lost.err)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// The limits of attempts.
const (
	maxAttempts  = 10        // of an event
	longestPause = time.Hour // between two attempts
)

// pauseAfter returns the pause after a failed attempt.
func pauseAfter(attempt int) time.Duration { return min(time.Second<<min(attempt, 12), longestPause) }

// unreadable is what a call passed over because it does not open.
type unreadable struct {
	rows, dropped int
	err           error // of the last row
}

// maxUnreadable is how many rows a call passes over at most, so that its transaction is short.
const maxUnreadable = 100

// dequeue takes events. It passes over those that do not open, so they do not hold up the others.
// Those of full clients and banks wait.
func (s *Store) dequeue(
	ctx context.Context, limit int, lease time.Duration, full []jobOf,
) (all []Queued, lost unreadable, err error) {
	const op = "Dequeue"
	if limit < 1 {
		return nil, lost, failed(op, invalid("limit", "is not positive"))
	}
	idle, err := s.none(ctx, op, "SELECT 1 FROM bankmux_events LIMIT 1")
	if idle || err != nil {
		return nil, lost, err
	}
	err = s.write(ctx, op, func(w *work) error {
		all, lost = nil, unreadable{}
		if err := s.dropStrangers(ctx, w); err != nil {
			return err
		}
		t := taking{rand.Text(), lease, full}
		for len(all) < limit && lost.rows < maxUnreadable {
			rows, err := s.takeEvents(ctx, w, limit-len(all), t)
			if err != nil || len(rows) == 0 {
				return err
			}
			for i := range rows {
				q, fault, err := s.queued(ctx, w, &rows[i], t.holder)
				switch {
				case err != nil:
				case fault != nil:
					err = s.passOver(ctx, w, &rows[i], fault, &lost)
				default:
					all = append(all, q)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, unreadable{}, err
	}
	return all, lost, nil
}

// passOver puts an event that does not open behind the others for a pause, or deletes it.
func (s *Store) passOver(ctx context.Context, w *work, r *queuedRow, fault error, lost *unreadable) error {
	lost.rows++
	lost.err = fault
	if r.attempt >= maxAttempts {
		lost.dropped++
		_, err := w.exec(ctx, "DELETE FROM bankmux_events WHERE id = $1", r.id)
		return err
	}
	now := s.now()
	_, err := w.exec(ctx, "UPDATE bankmux_events SET holder = '', held_until = $1, created_at = $2 WHERE id = $3",
		now.Add(pauseAfter(r.attempt)).UnixMilli(), now.UnixMilli(), r.id)
	return err
}

// taking says how events are taken.
type taking struct {
	holder string
	lease  time.Duration
	full   []jobOf
}

// takeEvents holds the oldest free events.
func (s *Store) takeEvents(ctx context.Context, w *work, limit int, t taking) ([]queuedRow, error) {
	now := s.now()
	args := []any{now.UnixMilli(), limit}
	rows, err := each(ctx, w, "SELECT id, client, reference_key, event, attempt, sealed FROM bankmux_events"+
		" WHERE held_until <= $1 AND NOT ("+unknownConnection+")"+eventOfBank.without(t.full, &args)+
		" ORDER BY created_at, id LIMIT $2"+w.dialect.skipLocked(), args, (*queuedRow).fields)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].attempt++
		_, err := w.exec(ctx, "UPDATE bankmux_events SET holder = $1, held_until = $2, attempt = $3 WHERE id = $4",
			t.holder, now.Add(t.lease).UnixMilli(), rows[i].attempt, rows[i].id)
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// queued reads the content of a row. An event that does not open is a fault: it stays queued.
func (s *Store) queued(ctx context.Context, w *work, r *queuedRow, holder string) (q Queued, fault, err error) {
	q = Queued{ID: r.id, Attempt: r.attempt, holder: holder}
	if json.Unmarshal([]byte(r.event), &q.Event) != nil {
		return q, invalid("event", "is not JSON of this library"), nil
	}
	if len(r.sealed) > 0 {
		var p eventPayload
		if fault := s.open(sealedEvent, r.sealed, &p, r.id); fault != nil {
			return q, fault, nil
		}
		q.ExchangePayload = bankmux.NewSecret(p.Exchange)
	}
	if r.referenceKey == "" {
		return q, nil, nil
	}
	conn, err := s.findConnection(ctx, w, r.client, r.referenceKey)
	if bankmux.KindOf(err) == bankmux.ErrSeal {
		return q, err, nil
	}
	q.Connection = &conn
	return q, nil, err
}

// Done deletes an event that was handled. It does nothing if the lease was lost.
func (s *Store) Done(ctx context.Context, q Queued) error {
	return s.write(ctx, "Done", func(w *work) error {
		_, err := w.exec(ctx, "DELETE FROM bankmux_events WHERE id = $1 AND holder = $2", q.ID, q.holder)
		return err
	})
}

// Postpone holds an event until a time, after which Dequeue returns it again. The attempt counts in
// [Queued.Attempt]. It does nothing if the lease was lost.
func (s *Store) Postpone(ctx context.Context, q Queued, until time.Time) error {
	return s.write(ctx, "Postpone", func(w *work) error {
		_, err := w.exec(ctx, "UPDATE bankmux_events SET held_until = $1 WHERE id = $2 AND holder = $3",
			until.UnixMilli(), q.ID, q.holder)
		return err
	})
}

// Release gives an event back whose handling was broken off, for example because the process ends.
// Dequeue returns it again, behind the events that are queued now, and the attempt does not count.
// After an error use [Store.Postpone]. Release does nothing if the lease was lost.
func (s *Store) Release(ctx context.Context, q Queued) error {
	return s.write(ctx, "Release", func(w *work) error {
		_, err := w.exec(ctx, "UPDATE bankmux_events SET holder = '', held_until = 0, created_at = $1,"+
			" attempt = attempt - 1 WHERE id = $2 AND holder = $3", s.nowMillis(), q.ID, q.holder)
		return err
	})
}
