package store

// This file says which connections a worker syncs next.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux"
)

// Due is a connection that [Store.TakeDue] returned.
type Due struct {
	Connection bankmux.Connection
	until      int64 // of the lease, in milliseconds since 1970
}

// TakeDue returns up to limit connections whose next sync is due, the longest overdue first. A
// connection that was linked or reconnected is due at once. Another call, also in another process,
// gets other connections until the lease ends. Call [Store.SetDue] after each sync. A connection
// for which it was not called is due again after the lease.
//
// Connections that do not open are left out, and tried again after five minutes or after the lease
// if it is longer. If there are no others, the error is [bankmux.ErrSeal].
func (s *Store) TakeDue(ctx context.Context, limit int, lease time.Duration) ([]Due, error) {
	all, lost, err := s.takeDue(ctx, limit, lease, nil)
	if err == nil && len(all) == 0 {
		err = failed("TakeDue", lost.err)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// unreadablePause is the pause before a connection is tried again that did not open.
const unreadablePause = 5 * time.Minute

// takeDue takes connections. It passes over those that do not open, so they do not hold up the
// others. Those of full clients and banks wait.
func (s *Store) takeDue(
	ctx context.Context, limit int, lease time.Duration, full []jobOf,
) (all []Due, lost unreadable, err error) {
	const op = "TakeDue"
	if limit < 1 || lease <= 0 {
		return nil, lost, failed(op, invalid("limit or lease", "is not positive"))
	}
	now := s.now()
	idle, err := s.none(ctx, op, "SELECT 1 FROM bankmux_connections WHERE due_at <= $1 LIMIT 1", now.UnixMilli())
	if idle || err != nil {
		return nil, lost, err
	}
	until := now.Add(lease).UnixMilli()
	later := now.Add(max(lease, unreadablePause)).UnixMilli()
	err = s.write(ctx, op, func(w *work) error {
		all, lost = nil, unreadable{}
		for len(all) < limit && lost.rows < maxUnreadable {
			args := []any{now.UnixMilli(), limit - len(all)}
			rows, err := each(ctx, w, connectionColumns+" WHERE due_at <= $1"+
				connectionOfBank.without(full, &args)+" ORDER BY due_at, id LIMIT $2"+w.dialect.skipLocked(),
				args, (*connectionRow).fields)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				due := until
				conn, err := bankmux.Open(s.aead, r.ref, r.sealed)
				if err == nil {
					all = append(all, Due{conn, until})
				} else {
					due = later
					lost.rows++
					lost.err = err
				}
				_, err = w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1, updated_at = $2 WHERE id = $3",
					due, now.UnixMilli(), r.ref.ID)
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

// takeLinked takes the connection of a [bankhttp.EventLinked] and deletes the event. It returns nil
// if the connection is not due, because a sync has taken it since the link.
func (s *Store) takeLinked(ctx context.Context, q Queued, lease time.Duration) (due *Due, err error) {
	err = s.write(ctx, "Dequeue", func(w *work) error {
		due = nil
		n, err := w.exec(ctx, "DELETE FROM bankmux_events WHERE id = $1 AND holder = $2", q.ID, q.holder)
		if err != nil || n == 0 {
			return err
		}
		now := s.now()
		until := now.Add(lease).UnixMilli()
		n, err = w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1, updated_at = $4 WHERE id = $2"+
			" AND user_id = $3 AND due_at <= $4", until, q.Connection.ID, q.Connection.User, now.UnixMilli())
		if n == 1 {
			due = &Due{*q.Connection, until}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// none reports whether a query finds nothing. An idle worker asks this first, so it takes no lock.
func (s *Store) none(ctx context.Context, op, query string, args ...any) (none bool, err error) {
	err = s.read(ctx, op, func(w *work) error {
		found, err := w.has(ctx, query, args...)
		none = err == nil && !found
		return err
	})
	return none, err
}

// extendDue makes the lease of a connection end later. It does nothing if the lease was lost.
func (s *Store) extendDue(ctx context.Context, d *Due, lease time.Duration) error {
	now := s.now()
	until := now.Add(lease).UnixMilli()
	var n int64
	err := s.write(ctx, "TakeDue", func(w *work) (err error) {
		n, err = w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1, updated_at = $4 WHERE id = $2"+
			" AND due_at = $3", until, d.Connection.ID, d.until, now.UnixMilli())
		return err
	})
	if n == 1 && err == nil {
		d.until = until
	}
	return err
}

// SetDue says when a connection is due again. It does nothing if the lease was lost, or if the user
// has reconnected meanwhile: the connection is due at once then.
func (s *Store) SetDue(ctx context.Context, d Due, at time.Time) error {
	return s.write(ctx, "SetDue", func(w *work) error {
		_, err := w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1, updated_at = $5 WHERE id = $2"+
			" AND user_id = $3 AND due_at = $4",
			at.UnixMilli(), d.Connection.ID, d.Connection.User, d.until, s.nowMillis())
		return err
	})
}
