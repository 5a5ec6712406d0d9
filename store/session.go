package store

// This file stores sessions.

import (
	"context"
	"errors"
	"time"

	"github.com/bankmux/bankmux"
)

// purgeBatch is how many expired rows one call deletes at most.
const purgeBatch = 100

// SaveSession stores a session sealed. Storing it again replaces it. It also deletes some of the
// sessions and results that expired.
//
// The error is [bankmux.ErrInvalid] for a session without id or user, and for an id that belongs to
// another user.
func (s *Store) SaveSession(ctx context.Context, session bankmux.Session) error {
	const op = "SaveSession"
	if err := checkText("Session.User", session.User); err != nil {
		return failed(op, err)
	}
	if err := checkText("Session.ID", session.ID); err != nil {
		return failed(op, err)
	}
	sealed, err := session.Seal(s.aead)
	if err != nil {
		return failed(op, err)
	}
	return s.write(ctx, op, func(w *work) error {
		for _, table := range []string{"bankmux_sessions", "bankmux_exchanges"} {
			if err := s.purge(ctx, w, table, s.now().Add(-s.limits.Results)); err != nil {
				return err
			}
		}
		n, err := w.exec(ctx, "INSERT INTO bankmux_sessions (id, user_id, created_at, expires_at, sealed)"+
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE"+
			" SET expires_at = excluded.expires_at, sealed = excluded.sealed"+
			" WHERE bankmux_sessions.user_id = excluded.user_id",
			session.ID, session.User, s.nowMillis(), session.ExpiresAt.UnixMilli(), sealed)
		if err == nil && n == 0 {
			err = invalid("Session.ID", "belongs to another user")
		}
		return err
	})
}

// purge deletes some rows of a table that expired before a time.
func (s *Store) purge(ctx context.Context, w *work, table string, before time.Time) error {
	keep := ""
	if table == "bankmux_exchanges" {
		keep = " AND NOT " + doubtful // see Unfinished
	}
	_, err := w.exec(ctx, "DELETE FROM "+table+" WHERE id IN (SELECT id FROM "+table+
		" WHERE expires_at < $1"+keep+" ORDER BY expires_at LIMIT $2"+w.dialect.skipLocked()+")",
		before.UnixMilli(), purgeBatch)
	return err
}

// Session returns the session of a user. Its user is the one who is logged in.
//
// The error is [bankmux.ErrNotFound] for an unknown session and for one of another user. It is
// [bankmux.ErrTokenSpent] for a session that expired; a day later it is deleted.
func (s *Store) Session(ctx context.Context, ref bankmux.SessionRef) (session bankmux.Session, err error) {
	const op = "Session"
	err = s.read(ctx, op, func(w *work) error {
		session, err = s.session(ctx, w, ref, "")
		return err
	})
	return session, err
}

// session reads the session of a user. Lock ends the SELECT.
func (s *Store) session(
	ctx context.Context, w *work, ref bankmux.SessionRef, lock string,
) (bankmux.Session, error) {
	var r sessionRow
	err := w.row(ctx, sessionColumns+" WHERE id = $1 AND user_id = $2"+lock,
		[]any{plainText(ref.ID), plainText(ref.User)}, r.fields())
	if err != nil {
		return s.opened(r, err)
	}
	r.ref = ref
	return s.opened(r, nil)
}

// sessionRow is a row of bankmux_sessions.
type sessionRow struct {
	ref     bankmux.SessionRef
	expires int64
	sealed  []byte
}

const sessionColumns = "SELECT id, user_id, expires_at, sealed FROM bankmux_sessions"

func (r *sessionRow) fields() []any { return []any{&r.ref.ID, &r.ref.User, &r.expires, &r.sealed} }

// opened opens a row that was read with err.
func (s *Store) opened(r sessionRow, err error) (bankmux.Session, error) {
	switch {
	case noRows(err):
		return bankmux.Session{}, notFound("session")
	case err != nil:
		return bankmux.Session{}, err
	case r.expires <= s.nowMillis():
		return bankmux.Session{}, &bankmux.Error{
			Kind: bankmux.ErrTokenSpent, Field: "session", NotSent: true,
			Detail: "expired at " + time.UnixMilli(r.expires).UTC().Format(time.RFC3339),
		}
	}
	return bankmux.OpenSession(s.aead, r.ref, r.sealed)
}

// Sessions returns the sessions of a user that have not expired, the newest first. If some do not
// open, because their key is lost, it returns the others, and joins an error of [bankmux.ErrSeal]
// for each that does not.
func (s *Store) Sessions(ctx context.Context, user string) (all []bankmux.Session, err error) {
	const op = "Sessions"
	var lost []error
	err = s.read(ctx, op, func(w *work) error {
		rows, err := each(ctx, w, sessionColumns+" WHERE user_id = $1 AND expires_at > $2"+
			" ORDER BY created_at DESC, id", []any{plainText(user), s.nowMillis()}, (*sessionRow).fields)
		for _, r := range rows {
			session, openErr := s.opened(r, nil)
			switch bankmux.KindOf(openErr) {
			case "":
				all = append(all, session)
			case bankmux.ErrTokenSpent: // it has just expired
			default:
				lost = append(lost, failed(op, openErr))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, errors.Join(lost...)
}

// FindSession returns a session by its id alone, for a webhook, which names no user. Whoever knows
// an id gets the session of any user. So show nothing of it to a browser that has sent the id.
// Errors are those of [Store.Session].
func (s *Store) FindSession(ctx context.Context, id string) (session bankmux.Session, err error) {
	err = s.read(ctx, "FindSession", func(w *work) error {
		var r sessionRow
		err := w.row(ctx, sessionColumns+" WHERE id = $1", []any{plainText(id)}, r.fields())
		session, err = s.opened(r, err)
		return err
	})
	return session, err
}

// DeleteSession deletes a session, such as one that its user gave up. It may be repeated.
func (s *Store) DeleteSession(ctx context.Context, ref bankmux.SessionRef) error {
	return s.write(ctx, "DeleteSession", func(w *work) error {
		_, err := w.exec(ctx, "DELETE FROM bankmux_sessions WHERE id = $1 AND user_id = $2",
			plainText(ref.ID), plainText(ref.User))
		return err
	})
}
