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

// maxUnfinished is how many of them a page of Unfinished has.
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

// Unfinished returns a page of the exchanges that were started and whose outcome is not stored, the
// oldest first. A page has up to 100. For the next page call it with next as after, until next is
// "". The first page has after "". Any other text is [bankmux.ErrInvalid].
//
// The process that ran an exchange died, or the provider did not say what happened
// ([bankmux.ErrOutcomeUnknown]), perhaps of one bank of several. Or it refused an access and could
// not end it. See first whether the same payload, posted again, gets the connection. Otherwise look
// the user up at the provider, end an access that no connection has, and call
// [Store.CloseUnfinished].
//
// An exchange is listed after [Limits.Lease], until its connection is stored or CloseUnfinished is
// called. It stays listed if the payload is posted again and gets an error, such as
// [bankmux.ErrTokenSpent]. It also does so after its session has expired or its user was deleted. A
// process that calls [Store.HoldExchange] lives, so what it holds is not listed. [Worker] logs how
// many there are: at its start, one lease later, and then each hour.
func (s *Store) Unfinished(ctx context.Context, after string) (page []Unfinished, next string, err error) {
	const op = "Unfinished"
	condition, args := unfinished, []any{s.nowMillis()}
	if after != "" {
		created, id, ok := parsePlace(after)
		at, err := strconv.ParseInt(created, 10, 64)
		if !ok || err != nil {
			return nil, "", failed(op, invalid("after", "is not the next of a page"))
		}
		condition, args = condition+" AND (created_at, id) > ($2, $3)", append(args, at, id)
	}
	err = s.read(ctx, op, func(w *work) error {
		rows, err := unfinishedRows(ctx, w, condition+" ORDER BY created_at, id LIMIT "+strconv.Itoa(maxUnfinished+1),
			args...)
		if len(rows) > maxUnfinished {
			rows = rows[:maxUnfinished]
			last := rows[maxUnfinished-1]
			next = placeOf(strconv.FormatInt(last.created, 10), last.id)
		}
		page = listed(rows)
		return err
	})
	return page, next, err
}

// unfinishedRow is a row of bankmux_exchanges without an outcome.
type unfinishedRow struct {
	id, user string
	created  int64
}

// unfinishedRows reads the exchanges that meet a condition.
func unfinishedRows(ctx context.Context, w *work, condition string, args ...any) ([]unfinishedRow, error) {
	return each(ctx, w, "SELECT id, user_id, created_at FROM bankmux_exchanges WHERE "+condition, args,
		func(r *unfinishedRow) []any { return []any{&r.id, &r.user, &r.created} })
}

// listed returns rows as the application sees them.
func listed(rows []unfinishedRow) (all []Unfinished) {
	for _, r := range rows {
		session := r.id[:max(0, len(r.id)-digestLength)]
		all = append(all, Unfinished{User: r.user, Session: session, Since: time.UnixMilli(r.created).UTC()})
	}
	return all
}

// digestLength is the length of what follows the session in the result of exchangeID.
const digestLength = len(":") + 2*sha256.Size

// ofSession is the condition of the exchanges of a session. User and session are placeholders.
func ofSession(user, session string) string {
	return "user_id = " + user + " AND substr(id, 1, length(id) - " + strconv.Itoa(digestLength) + ") = " + session
}

// CloseUnfinished takes the exchanges of a session from the list of [Store.Unfinished], after you
// have looked at the provider. The session ends with it, so that a payload that is posted later
// sends nothing. It gets the connections that are stored, or else [bankmux.ErrTokenSpent].
// CloseUnfinished may be repeated. Without such an exchange it changes nothing.
//
// A process that lives after all, and then has a result, gets [bankmux.ErrNotFound], or
// [bankmux.ErrTokenSpent] if it calls [Store.Exchange] again. It ends the access then. If
// connections of an earlier call are stored, the exchange is listed again instead, because an
// access may be open that nothing stores.
//
// The error is [bankmux.ErrNotReady] if the lease of an exchange of the session still lasts, so
// that its process may live. [bankmux.Error.RetryAfter] says for how long. [Store.DeleteUser]
// returns such an exchange at once.
func (s *Store) CloseUnfinished(ctx context.Context, one Unfinished) error {
	const op = "CloseUnfinished"
	var left time.Duration
	err := s.write(ctx, op, func(w *work) error {
		now := s.nowMillis()
		args := []any{now, plainText(one.User), plainText(one.Session)}
		over := doubtful + " AND held_until <= $1 AND " + ofSession("$2", "$3")
		// The session is locked first, as by the start of an exchange and by DeleteUser.
		_, err := w.exec(ctx, "UPDATE bankmux_sessions SET expires_at = $1 WHERE user_id = $2 AND id = $3"+
			" AND expires_at > $1 AND EXISTS (SELECT 1 FROM bankmux_exchanges WHERE "+over+")", args...)
		if err != nil {
			return err
		}
		if err := s.closeExchanges(ctx, w, over, args); err != nil {
			return err
		}
		var until int64
		err = w.row(ctx, "SELECT COALESCE(MAX(held_until), 0) FROM bankmux_exchanges"+
			" WHERE "+doubtful+" AND held_until > $1 AND "+ofSession("$2", "$3"), args, []any{&until})
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

// closeExchanges ends the doubt of exchanges. One that has linked keeps its connections as its
// result, and the others are deleted.
func (s *Store) closeExchanges(ctx context.Context, w *work, condition string, args []any) error {
	type row struct {
		id, user string
		sealed   []byte
	}
	rows, err := each(ctx, w, "SELECT id, user_id, sealed FROM bankmux_exchanges WHERE "+condition+
		" ORDER BY id"+w.dialect.lockRow(), args, func(r *row) []any { return []any{&r.id, &r.user, &r.sealed} })
	if err != nil {
		return err
	}
	for _, r := range rows {
		var out outcome
		if r.sealed == nil || s.open(sealedExchange, r.sealed, &out, r.user, r.id) != nil || len(out.Stored) == 0 {
			_, err = w.exec(ctx, "DELETE FROM bankmux_exchanges WHERE id = $1", r.id)
		} else {
			r.sealed, err = s.seal(sealedExchange, outcome{Stored: out.Stored}, r.user, r.id)
			if err == nil {
				_, err = w.exec(ctx, "UPDATE bankmux_exchanges SET state = $1, sealed = $2, holder = '' WHERE id = $3",
					exchangeDone, r.sealed, r.id)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	n, since, err := w.Store.countUnfinished(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		w.log(ctx, "unfinished exchanges could not be read", err)
	case n > 0:
		w.Logger.LogAttrs(ctx, slog.LevelWarn, "outcomes of exchanges are not stored: see Store.Unfinished",
			slog.Int("count", n), slog.Time("since", since))
	}
}

// countUnfinished returns how many exchanges Unfinished lists, and the time of the oldest.
func (s *Store) countUnfinished(ctx context.Context) (n int, since time.Time, err error) {
	err = s.read(ctx, "Unfinished", func(w *work) error {
		var oldest int64
		err := w.row(ctx, "SELECT COUNT(*), COALESCE(MIN(created_at), 0) FROM bankmux_exchanges WHERE "+unfinished,
			[]any{s.nowMillis()}, []any{&n, &oldest})
		since = time.UnixMilli(oldest).UTC()
		return err
	})
	return n, since, err
}
