package store

// This file remembers which webhook deliveries were handled.

import "context"

// Seen reports whether a delivery was handled. It is a method of [inbox.Seen].
func (s *Store) Seen(ctx context.Context, key string) (seen bool, err error) {
	err = s.read(ctx, "Seen", func(w *work) error {
		var until int64
		err := w.row(ctx, "SELECT expires_at FROM bankmux_seen WHERE id = $1", []any{plainText(key)}, []any{&until})
		if noRows(err) {
			return nil
		}
		seen = err == nil && until > s.nowMillis()
		return err
	})
	return seen, err
}

// Mark remembers a delivery for [Limits.Seen], and deletes some marks that expired. It is a method
// of [inbox.Seen].
func (s *Store) Mark(ctx context.Context, key string) error {
	return s.write(ctx, "Mark", func(w *work) error {
		if err := s.purge(ctx, w, "bankmux_seen", s.now()); err != nil {
			return err
		}
		_, err := w.exec(ctx, "INSERT INTO bankmux_seen (id, created_at, expires_at) VALUES ($1, $2, $3)"+
			" ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
			plainText(key), s.nowMillis(), s.now().Add(s.limits.Seen).UnixMilli())
		return err
	})
}
