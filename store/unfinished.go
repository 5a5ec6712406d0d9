package store

// This file finds exchanges whose process died.

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strconv"
	"time"
)

// Unfinished is an exchange whose outcome is not stored, because its process died. The provider may
// have given access to a bank that no stored connection has.
type Unfinished struct {
	User    string
	Session string
	Since   time.Time // when the exchange was started
}

// maxUnfinished is how many of them Unfinished returns.
const maxUnfinished = 100

// unfinished is the condition of the rows that Unfinished lists. Its argument is the time.
const unfinished = doubtful + " AND held_until <= $1"

// doubtful is the condition of rows that have no outcome, or whose process died once.
const doubtful = "state IN ('running', 'running again', 'failed again')"

// Unfinished returns the exchanges that were started and whose outcome is not stored, up to 100,
// the oldest first. The process that ran one died, or it has a result that it could not store yet.
// So see first whether the same payload, posted again, gets the connection. Otherwise look the user
// up at the provider, end an access that no connection has, and call [Store.CloseUnfinished].
//
// An exchange is listed after [Limits.Lease], until its connection is stored or CloseUnfinished is
// called. It stays listed if the payload is posted again and gets an error, such as
// [bankmux.ErrTokenSpent], and after its session has expired or was deleted. [Store.DeleteUser]
// deletes those of the user, so read them first. [Worker] logs how many there are, up to
// 100: one lease after its start, and then each hour.
func (s *Store) Unfinished(ctx context.Context) (all []Unfinished, err error) {
	type row struct {
		id, user string
		created  int64
	}
	err = s.read(ctx, "Unfinished", func(w *work) error {
		rows, err := each(ctx, w, "SELECT id, user_id, created_at FROM bankmux_exchanges"+
			" WHERE "+unfinished+" ORDER BY created_at, id LIMIT $2",
			[]any{s.nowMillis(), maxUnfinished},
			func(r *row) []any { return []any{&r.id, &r.user, &r.created} })
		for _, r := range rows {
			session := r.id[:max(0, len(r.id)-digestLength)] // see Exchange
			all = append(all, Unfinished{r.user, session, time.UnixMilli(r.created).UTC()})
		}
		return err
	})
	return all, err
}

// digestLength is the length of what follows the session in the id of an exchange.
const digestLength = len(":") + 2*sha256.Size

// CloseUnfinished takes the exchanges of a session from the list of [Store.Unfinished], after you
// have looked at the provider. A process that lives after all, and then has a result, gets
// [bankmux.ErrNotFound]. CloseUnfinished may be repeated.
func (s *Store) CloseUnfinished(ctx context.Context, one Unfinished) error {
	return s.write(ctx, "CloseUnfinished", func(w *work) error {
		_, err := w.exec(ctx, "DELETE FROM bankmux_exchanges WHERE "+unfinished+
			" AND user_id = $2 AND substr(id, 1, length(id) - "+strconv.Itoa(digestLength)+") = $3",
			s.nowMillis(), plainText(one.User), plainText(one.Session))
		return err
	})
}

// lookEvery is how often a worker looks for unfinished exchanges.
const lookEvery = time.Hour

// lookForUnfinished logs that there are unfinished exchanges, and returns when to look again. The
// lease of a process that died before this one was started may last for one lease more.
func (w *Worker) lookForUnfinished(ctx context.Context) (next time.Time) {
	all, err := w.Store.Unfinished(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		w.log(ctx, "unfinished exchanges could not be read", err)
	case len(all) > 0:
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "outcomes of exchanges are not stored: see Store.Unfinished",
			slog.Int("count", len(all)), slog.Time("since", all[0].Since))
	}
	if !w.looked {
		w.looked = true
		return w.Store.now().Add(w.Store.limits.Lease)
	}
	return w.Store.now().Add(lookEvery)
}
