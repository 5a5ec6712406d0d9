package store

// This file moves sealed values to a new key.

import (
	"bytes"
	"context"
	"errors"

	"github.com/bankmux/bankmux"
)

// sealedTable is a table with sealed values.
type sealedTable struct {
	name     string
	identity string // the columns of a row's identity, as SQL
	reseal   func(s *Store, r *sealedRow) ([]byte, error)
}

// sealedRow is a sealed value with what it is bound to.
type sealedRow struct {
	id, user, provider, environment string
	sealed                          []byte
}

// own reseals a value of the store.
func own(name string, identity func(r *sealedRow) []string) func(*Store, *sealedRow) ([]byte, error) {
	return func(s *Store, r *sealedRow) ([]byte, error) {
		plain, err := s.decrypt(name, r.sealed, identity(r)...)
		if err != nil {
			return nil, err
		}
		return s.encrypt(name, plain, identity(r)...)
	}
}

func userAndID(r *sealedRow) []string { return []string{r.user, r.id} }

func onlyID(r *sealedRow) []string { return []string{r.id} }

// sealedTables are all tables with sealed values.
var sealedTables = []sealedTable{
	{"bankmux_sessions", "user_id, '', ''", func(s *Store, r *sealedRow) ([]byte, error) {
		session, err := bankmux.OpenSession(s.aead, bankmux.SessionRef{User: r.user, ID: r.id}, r.sealed)
		if err != nil {
			return nil, err
		}
		return session.Seal(s.aead)
	}},
	{"bankmux_connections", "user_id, provider, environment", func(s *Store, r *sealedRow) ([]byte, error) {
		conn, err := bankmux.Open(s.aead, bankmux.Ref{
			Provider: r.provider, Environment: bankmux.Environment(r.environment), User: r.user, ID: r.id,
		}, r.sealed)
		if err != nil {
			return nil, err
		}
		return conn.Seal(s.aead)
	}},
	{"bankmux_exchanges", "user_id, '', ''", own(sealedExchange, userAndID)},
	{"bankmux_challenges", "user_id, '', ''", own(sealedChallenge, userAndID)},
	{"bankmux_events", "'', '', ''", own(sealedEvent, onlyID)},
	{"bankmux_accounts", "user_id, '', ''", own(sealedAccount, userAndID)},
	{"bankmux_transactions", "user_id, '', ''", own(sealedTransaction, userAndID)},
	{"bankmux_syncs", "user_id, '', ''", own(sealedSync, userAndID)},
	{"bankmux_unnamed", "user_id, '', ''", own(sealedUnnamed, userAndID)},
}

// resealer is an AEAD that knows which values are not under its primary key, such as
// [bankmux.Keyring].
type resealer interface{ NeedsReseal(blob []byte) bool }

// needsReseal reports whether a value is to be sealed again. For an AEAD that does not know its old
// keys, all are.
func (s *Store) needsReseal(sealed []byte) bool {
	ring, ok := s.aead.(resealer)
	if !ok || len(sealed) == 0 {
		return len(sealed) > 0
	}
	if sealed[0] == sealFormat { // the ring knows connections, and what follows the first byte is the same
		sealed = append([]byte{1}, sealed[1:]...)
	}
	return ring.NeedsReseal(sealed)
}

// defaultBatch is how many rows Reseal reads at a time if the caller does not say.
const defaultBatch = 500

// Reseal seals everything again that is under an old key of the AEAD, and returns how many values
// that were. One transaction has batch rows; zero means 500. Reseal may be repeated, also after it
// was interrupted, and while the store is used. After a success only the primary key is needed.
//
// First give the new key to all processes, as one that only decrypts, and then as the primary one.
// With an AEAD that has no method NeedsReseal, Reseal seals every value again.
//
// A value that does not open stays as it is, such as one under a key that the AEAD lacks. Reseal
// then continues with the others and returns [bankmux.ErrSeal] in the end.
func (s *Store) Reseal(ctx context.Context, batch int) (resealed int, err error) {
	const op = "Reseal"
	if err := s.alone(op); err != nil {
		return 0, err
	}
	if batch <= 0 {
		batch = defaultBatch
	}
	var unopened error
	for i := range sealedTables {
		for last, more := "", true; more; {
			var n int
			n, last, more, err = s.resealBatch(ctx, &sealedTables[i], last, batch)
			resealed += n
			if errors.Is(err, bankmux.ErrSeal) {
				unopened, err = err, nil
			}
			if err != nil {
				return resealed, failed(op, err)
			}
		}
	}
	return resealed, failed(op, unopened)
}

// resealBatch seals some rows of a table again, those behind the id last.
func (s *Store) resealBatch(
	ctx context.Context, table *sealedTable, last string, batch int,
) (resealed int, next string, more bool, err error) {
	var unopened error
	err = s.write(ctx, "Reseal", func(w *work) error {
		resealed, next, more, unopened = 0, last, false, nil
		rows, err := each(ctx, w, "SELECT id, "+table.identity+", sealed FROM "+table.name+
			" WHERE id > $1 AND sealed IS NOT NULL ORDER BY id LIMIT $2", []any{last, batch},
			func(r *sealedRow) []any { return []any{&r.id, &r.user, &r.provider, &r.environment, &r.sealed} })
		if err != nil {
			return err
		}
		more = len(rows) == batch
		for i := range rows {
			r := &rows[i]
			next = r.id
			if !s.needsReseal(r.sealed) {
				continue
			}
			sealed, err := table.reseal(s, r)
			if err != nil {
				unopened = err
				continue
			}
			if bytes.Equal(sealed, r.sealed) {
				continue
			}
			// A value that was written meanwhile is under the new key.
			n, err := w.exec(ctx, "UPDATE "+table.name+" SET sealed = $1 WHERE id = $2 AND sealed = $3",
				sealed, r.id, r.sealed)
			if err != nil {
				return err
			}
			resealed += int(n)
		}
		return nil
	})
	if err == nil {
		err = unopened
	}
	return resealed, next, more, err
}
