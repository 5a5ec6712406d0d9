package store

// This file finds exchanges whose process died.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"
)

// Unfinished is an exchange whose process died, so that its outcome is not known. The provider may
// have given access to a bank that no stored connection has.
type Unfinished struct {
	User    string
	Session string
	Since   time.Time // when the exchange was started
}

// maxUnfinished is how many of them Unfinished returns.
const maxUnfinished = 100

// Unfinished returns the exchanges that were started and whose process died before it stored an
// outcome, up to 100, the oldest first. The same payload posted again settles one: it gets the
// connection, or [bankmux.ErrTokenSpent] if the access was given to the dead process. Otherwise
// look the user up at the provider, and end an access that no connection has.
//
// An exchange is listed after [Limits.Lease], until its session is deleted. [Worker] logs how many
// there are, each hour.
func (s *Store) Unfinished(ctx context.Context) (all []Unfinished, err error) {
	type row struct {
		id, user string
		created  int64
	}
	err = s.read(ctx, "Unfinished", func(w *work) error {
		rows, err := each(ctx, w, "SELECT id, user_id, created_at FROM bankmux_exchanges"+
			" WHERE state = $1 AND held_until < $2 ORDER BY created_at, id LIMIT $3",
			[]any{exchangeRuns, s.nowMillis(), maxUnfinished},
			func(r *row) []any { return []any{&r.id, &r.user, &r.created} })
		for _, r := range rows {
			session := r.id[:max(0, len(r.id)-len(":")-hex.EncodedLen(sha256.Size))] // see Exchange
			all = append(all, Unfinished{r.user, session, time.UnixMilli(r.created).UTC()})
		}
		return err
	})
	return all, err
}

// lookEvery is how often a worker looks for unfinished exchanges.
const lookEvery = time.Hour

// lookForUnfinished logs that there are unfinished exchanges, and returns when to look again.
func (w *Worker) lookForUnfinished(ctx context.Context) (next time.Time) {
	all, err := w.Store.Unfinished(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		w.log(ctx, "unfinished exchanges could not be read", err)
	case len(all) > 0:
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "processes died during exchanges: see Store.Unfinished",
			slog.Int("count", len(all)), slog.Time("since", all[0].Since))
	}
	return w.Store.now().Add(lookEvery)
}
