package bankhttp

// This file has the handler by which users delete themselves.

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
)

// incomplete is the error of a deletion that left something.
type incomplete struct {
	err  error
	left []failure
}

func (e *incomplete) Error() string { return e.err.Error() }

func (e *incomplete) Unwrap() error { return e.err }

// serve writes the problem with what is left.
func (e *incomplete) serve(w http.ResponseWriter, p Problem) {
	p.setRetryAfter(w)
	write(w, p.Status, "application/problem+json", struct {
		Problem

		Failed []failure `json:"failed,omitempty"`
	}{p, e.left})
}

// deleted is the response of DeleteUser if an access may be left.
type deleted struct {
	// Unfinished has the exchanges that may have opened an access that no connection has.
	Unfinished []unfinished `json:"unfinished"`
}

// unfinished is an exchange without an outcome.
type unfinished struct {
	Session string    `json:"session"`
	Since   time.Time `json:"since,omitzero"`
}

// DeleteUser handles DELETE of the user who is logged in. It ends the access to all banks at the
// providers first, and then deletes everything that is stored of the user. The response is 204. It
// may be repeated.
//
// If exchanges of the user have no outcome, the response is 200 and lists them as unfinished. A
// provider may have given an access that nothing here can end: see [Users]. The log says how many
// they are. A repeat lists those that are left. A [Memory] lists none.
//
// If a provider fails, the access to the other banks still ends. The problem then has the
// connections that are left, as failed, and a repeat finishes the work. Accounts and transactions
// stay until then. A connection that does not open is [bankmux.ErrSeal]: see [Service.Disconnect].
//
// An access whose connection the store could not keep ends too, if this process opened it. The
// process remembers up to 1,000 of these for an hour, until the store has forgotten their
// exchanges. Another process ends what it opened when it finds that the user is gone.
//
// The login session is the application's, so end it afterwards.
func (s *Service) DeleteUser() http.Handler {
	return s.user(http.MethodDelete, func(ctx context.Context, r *request) (any, error) {
		ctx, cancel := s.lasting(ctx)
		defer cancel()
		left, err := s.deleteUser(ctx, r.user)
		if err != nil || len(left) == 0 {
			return noContent{}, err
		}
		s.log.LogAttrs(ctx, slog.LevelError, "bankhttp: a deleted user has exchanges without an outcome",
			slog.Int("count", len(left)), slog.Time("since", left[0].Since))
		var out deleted
		for _, one := range left {
			out.Unfinished = append(out.Unfinished, unfinished{one.Session, one.Since})
		}
		return out, nil
	})
}

// deleteUser deletes a user. Its error has what is left. Results that the store could not keep end
// before, and those that are held meanwhile after it.
func (s *Service) deleteUser(ctx context.Context, user string) ([]Unfinished, error) {
	if err := s.endHeld(ctx, user); err != nil {
		return nil, err
	}
	left, err := s.deleteStored(ctx, user)
	if err != nil {
		return nil, err
	}
	if err := s.endHeld(ctx, user); err != nil {
		return nil, err
	}
	s.forgetEnded(ctx, user)
	s.stopIfIdle(ctx)
	if len(left) > 0 { // some of them may have an end by now
		return s.deleteStored(ctx, user)
	}
	return left, nil
}

// deleteStored deletes what the store has of a user. Its error has what is left.
func (s *Service) deleteStored(ctx context.Context, user string) ([]Unfinished, error) {
	var failed []failure
	left, err := s.store.DeleteUser(ctx, user, func(ctx context.Context, conn bankmux.Connection) error {
		err := s.disconnect(ctx, conn)
		if err != nil {
			failed = append(failed, failureOf(conn, nil, bankmux.Failure{Err: bankmux.ErrorOf(err)}))
		}
		return err
	})
	if err == nil {
		return left, nil
	}
	for _, one := range parts(err) {
		if e := bankmux.ErrorOf(one); e != nil && e.Kind == bankmux.ErrSeal && e.Connection != "" {
			failed = add(failed, failure{Connection: e.Connection, Problem: ProblemOf(one)})
		}
	}
	return nil, &incomplete{err, failed}
}
