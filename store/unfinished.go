package store

// This file finds exchanges that may have opened an access that nothing stores.

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// Unfinished is an exchange whose outcome is not stored. The provider may have given access to a
// bank that no stored connection has.
type Unfinished = bankhttp.Unfinished

// maxUnfinished is how many of them Unfinished returns.
const maxUnfinished = 100

// unfinished is the condition of the rows that Unfinished lists. Its argument is the time.
const unfinished = doubtful + " AND held_until <= $1"

// The conditions of rows by their state. Doubtful are those that have no outcome, or one in doubt.
const (
	running     = "state IN ('" + exchangeRuns + "', '" + doubtfulRuns + "')"
	userDeleted = "state = '" + doubtfulLeft + "'"
	doubtful    = "state IN ('" + exchangeRuns + "', '" + doubtfulRuns + "', '" + doubtfulEnded + "', '" +
		doubtfulLeft + "')"
)

// Unfinished returns the exchanges that were started and whose outcome is not stored, up to 100,
// the oldest first. The process that ran one died, or the provider did not say what happened
// ([bankmux.ErrOutcomeUnknown]), perhaps of one bank of several. Or it refused an access and could
// not end it. See first whether the same payload, posted again, gets the connection. Otherwise look
// the user up at the provider, end an access that no connection has, and call
// [Store.CloseUnfinished]. That also makes room for later ones, if there are more than 100.
//
// An exchange is listed after [Limits.Lease], until its connection is stored or CloseUnfinished is
// called. It stays listed if the payload is posted again and gets an error, such as
// [bankmux.ErrTokenSpent]. It also does so after its session has expired or its user was deleted. A
// process that calls [Store.HoldExchange] lives, so what it holds is not listed. [Worker] logs how
// many there are, up to 100: at its start, one lease later, and then each hour.
func (s *Store) Unfinished(ctx context.Context) (all []Unfinished, err error) {
	err = s.read(ctx, "Unfinished", func(w *work) error {
		all, err = unfinishedWhere(ctx, w, unfinished+" ORDER BY created_at, id LIMIT $2", s.nowMillis(), maxUnfinished)
		return err
	})
	return all, err
}

// unfinishedWhere returns the exchanges that meet a condition.
func unfinishedWhere(ctx context.Context, w *work, condition string, args ...any) (all []Unfinished, err error) {
	type row struct {
		id, user string
		created  int64
	}
	rows, err := each(ctx, w, "SELECT id, user_id, created_at FROM bankmux_exchanges WHERE "+condition, args,
		func(r *row) []any { return []any{&r.id, &r.user, &r.created} })
	for _, r := range rows {
		session := r.id[:max(0, len(r.id)-digestLength)]
		all = append(all, Unfinished{User: r.user, Session: session, Since: time.UnixMilli(r.created).UTC()})
	}
	return all, err
}

// digestLength is the length of what follows the session in the result of exchangeID.
const digestLength = len(":") + 2*sha256.Size

// CloseUnfinished takes the exchanges of a session from the list of [Store.Unfinished], after you
// have looked at the provider. A process that lives after all, and then has a result, gets
// [bankmux.ErrNotFound]. CloseUnfinished may be repeated.
//
// The error is [bankmux.ErrNotReady] if the lease of an exchange of the session still lasts, so
// that its process may live. [bankmux.Error.RetryAfter] says for how long. [Store.DeleteUser]
// returns such an exchange at once.
func (s *Store) CloseUnfinished(ctx context.Context, one Unfinished) error {
	const op = "CloseUnfinished"
	const ofSession = doubtful + " AND user_id = $2 AND substr(id, 1, length(id) - "
	var left time.Duration
	err := s.write(ctx, op, func(w *work) error {
		now, session := s.nowMillis(), ofSession+strconv.Itoa(digestLength)+") = $3"
		args := []any{now, plainText(one.User), plainText(one.Session)}
		_, err := w.exec(ctx, "DELETE FROM bankmux_exchanges WHERE held_until <= $1 AND "+session, args...)
		if err != nil {
			return err
		}
		var until int64
		err = w.row(ctx, "SELECT COALESCE(MAX(held_until), 0) FROM bankmux_exchanges"+
			" WHERE held_until > $1 AND "+session, args, []any{&until})
		left = time.Duration(max(0, until-now)) * time.Millisecond
		return err
	})
	if err == nil && left > 0 {
		err = failed(op, &bankmux.Error{
			Kind: bankmux.ErrNotReady, RetryAfter: left, NotSent: true,
			Detail: "the process of the exchange may still live",
		})
	}
	return err
}

// ForgetExchange takes the exchange of a payload from the list of [Store.Unfinished], if its user
// was deleted meanwhile. Call it after [Store.Exchange] has returned [bankmux.ErrNotFound] with a
// result, and the access of the result has ended. Do not call it if the result has a failure whose
// outcome is unknown ([bankmux.OutcomeKnown]). It may be repeated.
func (s *Store) ForgetExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) error {
	return s.write(ctx, "ForgetExchange", func(w *work) error {
		_, err := w.exec(ctx, "DELETE FROM bankmux_exchanges WHERE id = $1 AND user_id = $2 AND "+userDeleted,
			exchangeID(ref, payload), plainText(ref.User))
		return err
	})
}

// lookEvery is how often a worker looks for unfinished exchanges.
const lookEvery = time.Hour

// lookForUnfinished logs that there are unfinished exchanges.
func (w *Worker) lookForUnfinished(ctx context.Context) {
	all, err := w.Store.Unfinished(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		w.log(ctx, "unfinished exchanges could not be read", err)
	case len(all) > 0:
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "outcomes of exchanges are not stored: see Store.Unfinished",
			slog.Int("count", len(all)), slog.Time("since", all[0].Since))
	}
}
