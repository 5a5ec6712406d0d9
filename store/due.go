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

// dueRow is a row of bankmux_connections that is due.
type dueRow struct{ connectionRow }

// TakeDue returns up to limit connections whose next sync is due, the longest overdue first. A
// connection that was linked or reconnected is due at once. Another call, also in another process,
// gets other connections until the lease ends. Call [Store.SetDue] after each sync. A connection
// for which it was not called is due again after the lease. Connections that do not open are left
// out. If there are no others, the error is [bankmux.ErrSeal].
func (s *Store) TakeDue(ctx context.Context, limit int, lease time.Duration) ([]Due, error) {
	const op = "TakeDue"
	if limit < 1 || lease <= 0 {
		return nil, failed(op, invalid("limit or lease", "is not positive"))
	}
	now := s.now()
	until := now.Add(lease).UnixMilli()
	var idle bool
	err := s.read(ctx, op, func(w *work) error { // so that an idle worker writes nothing
		var one string
		err := w.row(ctx, "SELECT id FROM bankmux_connections WHERE due_at <= $1 LIMIT 1",
			[]any{now.UnixMilli()}, []any{&one})
		idle = noRows(err)
		if idle {
			return nil
		}
		return err
	})
	if idle || err != nil {
		return nil, err
	}
	var rows []dueRow
	err = s.write(ctx, op, func(w *work) (err error) {
		rows, err = each(ctx, w, connectionColumns+" WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2"+
			w.dialect.skipLocked(), []any{now.UnixMilli(), limit}, func(r *dueRow) []any { return r.fields() })
		for i := 0; err == nil && i < len(rows); i++ {
			_, err = w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1 WHERE id = $2", until, rows[i].ref.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]Due, 0, len(rows))
	var unreadable error
	for i := range rows {
		conn, err := bankmux.Open(s.aead, rows[i].ref, rows[i].sealed)
		if err != nil {
			unreadable = err
			continue
		}
		all = append(all, Due{conn, until})
	}
	if len(all) == 0 {
		return nil, failed(op, unreadable)
	}
	return all, nil
}

// extendDue makes the lease of a connection end later. It does nothing if the lease was lost.
func (s *Store) extendDue(ctx context.Context, d *Due, lease time.Duration) error {
	until := s.now().Add(lease).UnixMilli()
	return s.write(ctx, "TakeDue", func(w *work) error {
		n, err := w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1 WHERE id = $2 AND due_at = $3",
			until, d.Connection.ID, d.until)
		if n == 1 && err == nil {
			d.until = until
		}
		return err
	})
}

// SetDue says when a connection is due again. It does nothing if the lease was lost, or if the user
// has reconnected meanwhile: the connection is due at once then.
func (s *Store) SetDue(ctx context.Context, d Due, at time.Time) error {
	return s.write(ctx, "SetDue", func(w *work) error {
		_, err := w.exec(ctx, "UPDATE bankmux_connections SET due_at = $1 WHERE id = $2 AND user_id = $3"+
			" AND due_at = $4", at.UnixMilli(), d.Connection.ID, d.Connection.User, d.until)
		return err
	})
}
