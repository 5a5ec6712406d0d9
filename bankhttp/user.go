package bankhttp

// This file has the handler by which users delete themselves.

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/share"
)

// incomplete is the error of a deletion that left something.
type incomplete struct {
	err  error
	left []failure
}

func (e *incomplete) Error() string { return e.err.Error() }

func (e *incomplete) Unwrap() error { return e.err }

// join adds what another deletion left.
func (e *incomplete) join(err error) {
	if err == nil {
		return
	}
	e.err = errors.Join(e.err, err)
	if more, ok := errors.AsType[*incomplete](err); ok {
		e.left = append(e.left, more.left...)
	}
}

// orNil returns the error, nil if nothing is left.
func (e *incomplete) orNil() error {
	if e.err == nil {
		return nil
	}
	return e
}

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
	return s.user(http.MethodDelete, "", func(ctx context.Context, r *request) (any, error) {
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
	if err := s.endHeld(ctx, user); err != nil { // the sessions must stay, and the other connections need not
		var left incomplete
		left.join(err)
		left.join(s.endStored(ctx, user))
		return nil, left.orNil()
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

// endStored ends the access of all stored connections of a user, and deletes these alone.
func (s *Service) endStored(ctx context.Context, user string) error {
	conns, err := s.store.Connections(ctx, user)
	if err != nil && len(unreadableOf(err)) == 0 { // a repeat names those that do not open
		return err
	}
	return s.endAll(ctx, conns, func(ctx context.Context, conn bankmux.Connection) error {
		if err := s.disconnect(ctx, conn); err != nil {
			return err
		}
		return s.store.DeleteConnection(ctx, user, conn.ID)
	})
}

// endAll ends connections one after the other. Each has its share of the time.
func (s *Service) endAll(
	ctx context.Context, conns []bankmux.Connection, end func(context.Context, bankmux.Connection) error,
) error {
	var left incomplete
	for i, conn := range conns {
		err := share.Of(ctx, len(conns)-i, func(ctx context.Context) error { return end(ctx, conn) })
		if err != nil {
			one := failure{Connection: conn.ID, Institution: conn.View().Institution, Problem: ProblemOf(err)}
			left.join(&incomplete{err, []failure{one}})
		}
	}
	return left.orNil()
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
