package store

// This file is the ledger of syncs: the state of a sync, and pages of changes.

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/bankmux/bankmux"
)

// SyncState is a method of [bankmux.Ledger].
func (s *Store) SyncState(ctx context.Context, conn bankmux.Connection) (state bankmux.SyncState, err error) {
	err = s.read(ctx, "SyncState", func(w *work) error {
		var version int64
		var sealed []byte
		err := w.row(ctx, "SELECT COALESCE(s.version, 0), s.sealed FROM bankmux_connections c"+
			" LEFT JOIN bankmux_syncs s ON s.id = c.id AND s.user_id = c.user_id WHERE c.id = $1 AND c.user_id = $2",
			[]any{plainText(conn.ID), plainText(conn.User)}, []any{&version, &sealed})
		if noRows(err) {
			return goneConnection(conn.ID)
		}
		if err == nil && sealed == nil { // before the first sync
			return nil
		}
		if err == nil {
			err = s.open(sealedSync, sealed, &state, conn.User, conn.ID)
		}
		state.Version = version
		return err
	})
	if err != nil {
		return bankmux.SyncState{}, err
	}
	return state, nil
}

// StoreSyncState is a method of [bankmux.Ledger].
func (s *Store) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (stored bool, err error) {
	err = s.write(ctx, "StoreSyncState", func(w *work) error {
		stored, err = s.advance(ctx, w, conn, from, to)
		return err
	})
	return stored && err == nil, err
}

// StoreDelta is a method of [bankmux.Ledger]. It keeps the id and the note of a row that the bank
// changed. The note of a row that the bank removed is kept too, see [Store.Notes].
func (s *Store) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta,
	to bankmux.SyncState,
) (stored bool, err error) {
	err = s.write(ctx, "StoreDelta", func(w *work) error {
		stored, err = s.advance(ctx, w, conn, from, to)
		if err != nil || !stored {
			return err
		}
		p := page{store: s, work: w, user: conn.User, now: s.now(), ids: map[accountKey]string{}}
		return p.put(ctx, &delta)
	})
	return stored && err == nil, err
}

// advance stores the next state of a sync if the stored one is still the one before. It keeps the
// row of the connection, so that no state outlives it.
func (s *Store) advance(
	ctx context.Context, w *work, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	to.Version = from.Version + 1
	sealed, err := s.seal(sealedSync, to, conn.User, conn.ID)
	if err != nil {
		return false, err
	}
	args := []any{
		plainText(conn.ID), plainText(conn.User), s.nowMillis(), to.Version, millis(to.NotBefore), millis(to.SyncedAt),
		sealed,
	}
	if from.Version == 0 {
		if err := keepConnection(ctx, w, conn.User, conn.ID); err != nil {
			return false, err
		}
		n, err := w.exec(ctx, "INSERT INTO bankmux_syncs (id, user_id, created_at, updated_at, version, not_before,"+
			" synced_at, sealed) VALUES ($1, $2, $3, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING", args...)
		return n == 1, err
	}
	n, err := w.exec(ctx, "WITH kept AS (SELECT id FROM bankmux_connections WHERE id = $1 AND user_id = $2"+
		w.dialect.keepRow()+") UPDATE bankmux_syncs SET updated_at = $3, version = $4, not_before = $5,"+
		" synced_at = $6, sealed = $7 FROM kept WHERE bankmux_syncs.id = kept.id AND user_id = $2 AND version = $8",
		append(args, from.Version)...)
	if err == nil && n == 0 { // another sync was faster, or the connection is gone
		err = keepConnection(ctx, w, conn.User, conn.ID)
	}
	return err == nil && n == 1, err
}

// millis returns a time in milliseconds since 1970, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// knownBatch is how many rows Known reads at a time. No query is open while they are compared.
const knownBatch = 1000

// Known is a method of [bankmux.Ledger].
func (s *Store) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		first, last := from, to
		if last.Before(first) {
			first, last = to, from
		}
		day, id := first.String(), ""
		for {
			rows, err := s.knownRows(ctx, account, day, id, last.String())
			if err != nil {
				yield(bankmux.Known{}, err)
				return
			}
			for _, r := range rows {
				day, id = r.day, r.id
				var k bankmux.Known
				if err := json.Unmarshal([]byte(r.known), &k); err != nil {
					yield(k, failed("Known", invalid("known", "is not JSON of this library")))
					return
				}
				if !yield(k, nil) {
					return
				}
			}
			if len(rows) < knownBatch {
				return
			}
		}
	}
}

// knownRow is a part of a row of bankmux_transactions.
type knownRow struct{ id, day, known string }

func (s *Store) knownRows(ctx context.Context, account, day, id, last string) (rows []knownRow, err error) {
	err = s.read(ctx, "Known", func(w *work) error {
		rows, err = each(ctx, w, "SELECT id, day, known FROM bankmux_transactions WHERE account = $1"+
			" AND (day, id) > ($2, $3) AND day <= $4 ORDER BY day, id LIMIT $5",
			[]any{plainText(account), day, id, last, knownBatch},
			func(r *knownRow) []any { return []any{&r.id, &r.day, &r.known} })
		return err
	})
	return rows, err
}
