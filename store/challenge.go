package store

// This file stores open challenges.

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/bankmux/bankmux"
)

// isOpen selects challenges that were not closed. The row of a closed one has no content. It stays
// until the challenge expires, so that an answer that is posted again gets a clear error.
const isOpen = "length(sealed) > 0"

// SaveChallenge stores a question of the bank sealed and returns the id under which the user's
// browser may answer it. If the same challenge is stored already, by its ID and Op, it returns that
// id. The connection of the challenge must be stored and belong to the user.
//
// A connection has one open challenge: an earlier one is deleted, because the bank has ended it. So
// is one that does not open. SaveChallenge also deletes some challenges that expired.
//
// The error is [bankmux.ErrGone] if the connection is not stored.
func (s *Store) SaveChallenge(ctx context.Context, user string, ch bankmux.Challenge) (id string, err error) {
	const op = "SaveChallenge"
	if err := checkText("user", user); err != nil {
		return "", failed(op, err)
	}
	err = s.write(ctx, op, func(w *work) error {
		if err := hasConnection(ctx, w, user, ch.Connection, w.dialect.lockContent()); err != nil {
			return err
		}
		if err := s.purge(ctx, w, "bankmux_challenges", s.now()); err != nil {
			return err
		}
		id, err = s.openChallenge(ctx, w, user, &ch)
		if err != nil || id != "" {
			return err
		}
		id = rand.Text()
		sealed, err := s.seal(sealedChallenge, ch, user, id)
		if err != nil {
			return err
		}
		if _, err := w.exec(ctx, "DELETE FROM bankmux_challenges WHERE connection_id = $1 AND "+isOpen,
			ch.Connection); err != nil {
			return err
		}
		_, err = w.exec(ctx, "INSERT INTO bankmux_challenges (id, user_id, created_at, expires_at, connection_id,"+
			" sealed) VALUES ($1, $2, $3, $4, $5, $6)",
			id, user, s.nowMillis(), ch.ExpiresAt.UnixMilli(), ch.Connection, sealed)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// openChallenge returns the id of a challenge that is stored already, "" if it is not.
func (s *Store) openChallenge(
	ctx context.Context, w *work, user string, ch *bankmux.Challenge,
) (string, error) {
	var id string
	var sealed []byte
	err := w.row(ctx, "SELECT id, sealed FROM bankmux_challenges WHERE connection_id = $1 AND user_id = $2 AND "+isOpen,
		[]any{ch.Connection, user}, []any{&id, &sealed})
	if noRows(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !s.isStored(sealed, ch, user, id) {
		return "", nil // the new one replaces it
	}
	return id, nil
}

// isStored reports whether a stored challenge opens and is ch.
func (s *Store) isStored(sealed []byte, ch *bankmux.Challenge, user, id string) bool {
	var stored bankmux.Challenge
	return s.open(sealedChallenge, sealed, &stored, user, id) == nil && stored.ID == ch.ID && stored.Op == ch.Op
}

// Challenge returns an open challenge of a user. The error is [bankmux.ErrNotFound] for an unknown
// one and one of another user. It is [bankmux.ErrChallengeExpired] after its end, and after it was
// closed.
func (s *Store) Challenge(ctx context.Context, user, id string) (ch bankmux.Challenge, err error) {
	err = s.read(ctx, "Challenge", func(w *work) error {
		var sealed []byte
		var expires int64
		err := w.row(ctx, "SELECT sealed, expires_at FROM bankmux_challenges WHERE id = $1 AND user_id = $2",
			[]any{plainText(id), plainText(user)}, []any{&sealed, &expires})
		if noRows(err) {
			return notFound("challenge")
		}
		if err != nil {
			return err
		}
		if expires <= s.nowMillis() {
			return &bankmux.Error{
				Kind: bankmux.ErrChallengeExpired, NotSent: true,
				Detail: "the challenge was open until " + time.UnixMilli(expires).UTC().Format(time.RFC3339),
			}
		}
		if len(sealed) == 0 {
			return closedChallenge()
		}
		return s.open(sealedChallenge, sealed, &ch, user, id)
	})
	return ch, err
}

// closedChallenge returns the error for a challenge that was closed.
func closedChallenge() error {
	return &bankmux.Error{
		Kind: bankmux.ErrChallengeExpired, NotSent: true, Detail: "the challenge was answered or abandoned before",
	}
}

// CloseChallenge deletes the content of a challenge. Call it before the answer is sent. If one
// answer is posted twice, also to two processes, one call closes the challenge. The other gets
// [bankmux.ErrChallengeExpired]. The error is [bankmux.ErrNotFound] as for [Store.Challenge].
func (s *Store) CloseChallenge(ctx context.Context, user, id string) error {
	return s.write(ctx, "CloseChallenge", func(w *work) error {
		n, err := w.exec(ctx, "UPDATE bankmux_challenges SET sealed = $1 WHERE id = $2 AND user_id = $3 AND "+isOpen,
			[]byte{}, plainText(id), plainText(user))
		if err != nil || n > 0 {
			return err
		}
		closed, err := w.has(ctx, "SELECT 1 FROM bankmux_challenges WHERE id = $1 AND user_id = $2",
			plainText(id), plainText(user))
		switch {
		case err != nil:
			return err
		case closed:
			return closedChallenge()
		}
		return notFound("challenge")
	})
}
