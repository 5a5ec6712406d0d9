package bankhttp

// This file has the handler by which users delete themselves.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
)

// unfinished is the error of a deletion that left something.
type unfinished struct {
	err  error
	left []failure
}

func (e *unfinished) Error() string { return e.err.Error() }

func (e *unfinished) Unwrap() error { return e.err }

// serve writes the problem with what is left.
func (e *unfinished) serve(w http.ResponseWriter, p Problem) {
	p.setRetryAfter(w)
	write(w, p.Status, "application/problem+json", struct {
		Problem

		Failed []failure `json:"failed,omitempty"`
	}{p, e.left})
}

// DeleteUser handles DELETE of the user who is logged in. It ends the access to all banks at the
// providers first, and then deletes everything that is stored of the user. The response is 204. It
// may be repeated.
//
// If a provider fails, the access to the other banks still ends. The problem then has the
// connections that are left, as failed, and a repeat finishes the work. Accounts and transactions
// stay until then. A connection that does not open is [bankmux.ErrSeal]: see [Service.Disconnect].
//
// An access whose connection the store could not keep ends too, if this process opened it. Another
// process ends what it opened when it finds that the user is gone.
//
// The login session is the application's, so end it afterwards.
func (s *Service) DeleteUser() http.Handler {
	return s.user(http.MethodDelete, func(ctx context.Context, r *request) (any, error) {
		ctx, cancel := s.lasting(ctx)
		defer cancel()
		return noContent{}, s.deleteUser(ctx, r.user)
	})
}

// deleteUser deletes a user. Its error has what is left. Results that the store could not keep end
// before, and those that are held meanwhile after it.
func (s *Service) deleteUser(ctx context.Context, user string) error {
	if err := s.endHeld(ctx, user); err != nil {
		return err
	}
	if err := s.deleteStored(ctx, user); err != nil {
		return err
	}
	if err := s.endHeld(ctx, user); err != nil {
		return err
	}
	s.stopIfIdle(ctx)
	return nil
}

// deleteStored deletes what the store has of a user. Its error has what is left.
func (s *Service) deleteStored(ctx context.Context, user string) error {
	var left []failure
	err := s.store.DeleteUser(ctx, user, func(ctx context.Context, conn bankmux.Connection) error {
		err := s.disconnect(ctx, conn)
		if err != nil {
			left = append(left, failureOf(conn, nil, bankmux.Failure{Err: bankmux.ErrorOf(err)}))
		}
		return err
	})
	if err == nil {
		return nil
	}
	for _, one := range parts(err) {
		if e := bankmux.ErrorOf(one); e != nil && e.Kind == bankmux.ErrSeal && e.Connection != "" {
			left = add(left, failure{Connection: e.Connection, Problem: ProblemOf(one)})
		}
	}
	return &unfinished{err, left}
}
