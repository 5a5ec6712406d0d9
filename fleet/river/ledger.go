package riversync

// This file has the ledger of a run. Each write is one transaction with the proof that the run
// still has its connection.

import (
	"context"
	"database/sql"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/schedule"
)

// heldLedger writes to the application's ledger while a run has its connection. What a worker
// writes that has lost its job is rolled back.
type heldLedger struct {
	bankmux.Ledger // reads outside of a transaction

	fleet *Fleet
	run   *run
}

// write runs fn in a transaction, and commits it only if the run still has the connection. The
// row's lock is the last one, so that it is short.
func (l *heldLedger) write(
	ctx context.Context, fn func(in bankmux.Ledger) (bool, error), last func(tx *sql.Tx) error,
) error {
	return l.fleet.within(ctx, func(tx *sql.Tx) error {
		stored, err := fn(l.fleet.opts.Ledger(tx))
		if err != nil {
			return err
		}
		if stored && last != nil {
			return last(tx)
		}
		_, err = l.fleet.held(ctx, tx, l.run)
		return err
	})
}

// SyncState is a method of [bankmux.Ledger]. It notes that the run continues a round, since SyncAll
// then reads another one after it.
func (l *heldLedger) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	state, err := l.Ledger.SyncState(ctx, conn)
	l.run.resumed = l.run.resumed || state.More
	return state, err
}

// accountNamer is what a ledger may have beside the methods of [bankmux.Ledger], see
// [Options.Ledger].
type accountNamer interface {
	AccountNames(
		ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
	) (names map[string]string, ok bool, err error)
}

// NameAccounts is a method of [bankmux.Ledger]. What changes nothing needs no proof.
func (l *heldLedger) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (all map[string]string, err error) {
	l.run.turn.hears()
	if reads, ok := l.Ledger.(accountNamer); ok {
		if all, ok, err := reads.AccountNames(ctx, conn, accounts); ok || err != nil {
			return all, err
		}
	}
	err = l.write(ctx, func(in bankmux.Ledger) (bool, error) {
		all, err = in.NameAccounts(ctx, conn, accounts)
		return true, err
	}, nil)
	return all, err
}

// StoreSyncState is a method of [bankmux.Ledger].
func (l *heldLedger) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (stored bool, err error) {
	err = l.write(ctx, func(in bankmux.Ledger) (bool, error) {
		stored, err = in.StoreSyncState(ctx, conn, from, to)
		return stored, err
	}, nil)
	return stored && err == nil, err
}

// StoreDelta is a method of [bankmux.Ledger]. With the last page of a round in which nothing
// failed, it ends the run. If the run continued the round, the next one ends it.
func (l *heldLedger) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta, to bankmux.SyncState,
) (stored bool, err error) {
	l.run.turn.hears()
	var last func(tx *sql.Tx) error
	follows := l.run.resumed && to.AskedAt.IsZero()
	ends := !to.More && len(to.Failed) == 0 && to.Err == nil && !follows
	if ends {
		last = func(tx *sql.Tx) error {
			_, err := l.fleet.end(ctx, tx, l.run, schedule.Outcome{State: to, End: l.run.end()})
			return err
		}
	}
	err = l.write(ctx, func(in bankmux.Ledger) (bool, error) {
		stored, err = in.StoreDelta(ctx, conn, from, delta, to)
		return stored, err
	}, last)
	stored = stored && err == nil
	l.run.ended = l.run.ended || (ends && stored)
	l.run.resumed = l.run.resumed && (to.More || !stored)
	return stored, err
}
