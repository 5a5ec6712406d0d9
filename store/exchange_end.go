package store

// This file runs an exchange and stores how it ended.

import (
	"context"
	"errors"
	"slices"

	"github.com/bankmux/bankmux"
)

// runExchange calls exchange and stores what it returns.
func (s *Store) runExchange(
	ctx context.Context, c *claim, exchange func(context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	stop := s.extend(ctx, "bankmux_exchanges", c.id, c.holder)
	defer stop() // exchange may panic
	result, err := exchange(ctx)
	stop() // what is left of the lease is enough to store the result
	// The caller may have hung up. What happened at the provider must still be stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.endFor)
	defer cancel()
	if err != nil {
		return s.afterError(ctx, c, err)
	}
	out := c.outcomeOf(&result)
	first, err := s.keepEnd(ctx, c, out)
	switch {
	case first != nil:
		result, err = s.resultOf(ctx, c.ref.User, first)
	case err == nil && len(c.before.Stored) > 0:
		if all, readErr := s.resultOf(ctx, c.ref.User, &out); readErr == nil {
			result.Connection, result.More = all.Connection, all.More // with those of earlier calls
		}
	}
	return result, failed("Exchange", err)
}

// afterError stores that an exchange failed. If earlier calls have stored connections, these are
// the result, and each login that is missing has failed with the error.
func (s *Store) afterError(ctx context.Context, c *claim, err error) (bankmux.ExchangeResult, error) {
	out := c.before
	out.err = asError(err)
	switch {
	case len(out.Stored) == 0:
		out.Err = out.err
	case !out.err.NotSent:
		out.Failed = failedWith(out.Failed, out.err)
	}
	_, _ = s.keepEnd(ctx, c, out) // the error of the exchange says more
	if c.taken && bankmux.KindOf(err) == bankmux.ErrTokenSpent {
		waits := underWay(nil)
		err, out.Failed = waits, failedWith(out.Failed, waits)
	}
	if len(out.Stored) > 0 {
		if linked, readErr := s.resultOf(ctx, c.ref.User, &out); readErr == nil {
			return linked, nil
		}
	}
	return bankmux.ExchangeResult{}, err
}

// failedWith returns failures with another error.
func failedWith(failed []bankmux.Failure, err *bankmux.Error) []bankmux.Failure {
	failed = slices.Clone(failed)
	for i := range failed {
		failed[i].Err = err
	}
	return failed
}

// outcomeOf returns the outcome of a call that has a result. It still owes what was owed before,
// but for connections that are new.
func (c *claim) outcomeOf(result *bankmux.ExchangeResult) outcome {
	out := outcome{
		Failed: result.Failed, Stored: slices.Clone(c.before.Stored), made: result.All(), spent: result.Spent,
	}
	owed := max(c.before.Owed, len(c.before.Failed))
	for _, conn := range out.made {
		if !slices.Contains(out.Stored, conn.ID) {
			out.Stored = append(out.Stored, conn.ID)
			owed--
		}
	}
	out.Owed = max(owed, len(out.Failed))
	return out
}

// keepEnd stores an outcome. It tries again while the database is away. It returns the outcome that
// another call has stored before.
func (s *Store) keepEnd(ctx context.Context, c *claim, out outcome) (first *outcome, err error) {
	for try := 1; ; try++ {
		first, err = s.endExchange(ctx, c, out)
		if _, away := errors.AsType[*Error](err); away && pause(ctx, try) {
			continue
		}
		if bankmux.KindOf(err) == bankmux.ErrContextDone { // endFor is over
			err = &Error{Op: "Exchange", Detail: "the result was not stored in time"}
		}
		if err != nil {
			ended := endedClaim{holder: c.holder, doubt: c.state(&out) == doubtfulEnded}
			s.endedClaims.add(c.id, ended, s.now(), s.limits.Lease)
		}
		return first, err
	}
}

// asError returns err as it can be stored.
func asError(err error) *bankmux.Error {
	if e := bankmux.ErrorOf(err); e != nil {
		return e
	}
	return &bankmux.Error{Kind: bankmux.KindOf(err), Detail: "the exchange failed"}
}

// state returns the state of the exchange after an outcome. It stays in doubt if an access may be
// open that is not among the connections.
func (c *claim) state(out *outcome) string {
	switch {
	case out.err != nil && (c.doubt || out.err.Kind == bankmux.ErrOutcomeUnknown || bankmux.LeftOpen(out.err)):
		return doubtfulEnded
	case out.err != nil:
		return exchangeFailed
	case slices.ContainsFunc(out.Failed, unknown):
		return doubtfulEnded
	case c.doubt && out.Owed > 0:
		return doubtfulEnded
	}
	return exchangeDone
}

// unknown reports whether a failed part of an exchange may have opened an access.
func unknown(f bankmux.Failure) bool { return f.Err != nil && !bankmux.OutcomeKnown(f.Err) }

// endExchange stores the outcome of an exchange with its connections. It returns the outcome that
// another call has stored before.
func (s *Store) endExchange(ctx context.Context, c *claim, out outcome) (first *outcome, err error) {
	sealed, err := s.seal(sealedExchange, out, c.ref.User, c.id)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, "Exchange", func(w *work) error {
		state := c.state(&out)
		lost, settled, err := s.spent(ctx, w, c, &out)
		if err != nil {
			return err
		}
		if lost {
			state = doubtfulEnded
		}
		if first, err = s.endedBefore(ctx, w, c, &out); err != nil {
			return err
		}
		if first != nil {
			return s.compare(ctx, w, c, out.made)
		}
		who := "" // a result is worth more than a lost lease
		args := []any{state, sealed, s.nowMillis(), c.id, c.ref.User}
		if out.err != nil {
			who, args = " AND holder = $6", append(args, c.holder) // a row that no call runs has no holder
		}
		n, err := w.exec(ctx, "UPDATE bankmux_exchanges SET state = $1, sealed = $2, holder = '', held_until = $3"+
			" WHERE id = $4 AND user_id = $5 AND NOT "+userDeleted+who, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return s.lostExchange(ctx, w, c, state)
		}
		for _, conn := range out.made {
			if err := s.putLinked(ctx, w, conn); err != nil {
				return err
			}
		}
		if state != exchangeDone || len(out.Failed) > 0 {
			return nil
		}
		return settle(ctx, w, settled)
	})
	return first, err
}

// endedBefore returns the result that is stored already: that of another call, or that of this call
// if its commit was not reported. It locks the row.
func (s *Store) endedBefore(ctx context.Context, w *work, c *claim, out *outcome) (*outcome, error) {
	if out.err != nil {
		return nil, nil //nolint:nilnil,nilerr // nothing is stored before
	}
	var sealed []byte
	err := w.row(ctx, "SELECT CASE WHEN "+running+" THEN NULL ELSE sealed END FROM bankmux_exchanges"+
		" WHERE id = $1 AND user_id = $2"+w.dialect.lockRow(), []any{c.id, c.ref.User}, []any{&sealed})
	if noRows(err) || err == nil && sealed == nil {
		return nil, nil //nolint:nilnil // nothing is stored before
	}
	if err != nil {
		return nil, err
	}
	first := &outcome{}
	err = s.open(sealedExchange, sealed, first, c.ref.User, c.id)
	switch {
	case bankmux.KindOf(err) == bankmux.ErrSeal || err == nil && first.Err != nil:
		return nil, nil //nolint:nilnil,nilerr // the result replaces an error, and what does not open
	case err != nil:
		return nil, err
	}
	return first, nil
}

// compare puts an exchange, whose result is stored, in doubt if the result has not the accesses of
// made. The user may have ended one of them meanwhile, so an access that is not stored counts.
func (s *Store) compare(ctx context.Context, w *work, c *claim, made []bankmux.Connection) error {
	const one = connectionColumns + " WHERE user_id = $1 AND id = $2"
	for i := range made {
		stored, err := s.oneConnection(ctx, w, one, c.ref.User, made[i].ID)
		switch kind := bankmux.KindOf(err); {
		case err == nil && stored.Reference() == made[i].Reference():
			continue
		case err != nil && kind != bankmux.ErrNotFound && kind != bankmux.ErrSeal:
			return err
		}
		_, err = w.exec(ctx, "UPDATE bankmux_exchanges SET state = $1 WHERE id = $2 AND user_id = $3",
			doubtfulEnded, c.id, c.ref.User)
		return err
	}
	return nil
}

// lostExchange returns the error for an exchange whose row is not this call's any more. There is
// none if another call runs it. If the user was deleted, an exchange that opened nothing goes too.
func (s *Store) lostExchange(ctx context.Context, w *work, c *claim, state string) error {
	if state == exchangeFailed {
		_, err := w.exec(ctx, "DELETE FROM bankmux_exchanges WHERE id = $1 AND holder = $2 AND "+userDeleted,
			c.id, c.holder)
		return err
	}
	kept, err := w.has(ctx, "SELECT 1 FROM bankmux_exchanges WHERE id = $1 AND NOT "+userDeleted, c.id)
	if err == nil && !kept {
		return notFound("session")
	}
	return err
}
