package bankhttp

// This file reads balances for workers.

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bankmux/bankmux"
)

// ReadBalances reads the balances of a connection and of its cards, and stores them. So a chart has
// a point for each day without a user. It is for workers, after a sync, from which accounts and
// cards have their names. synced is the result of that sync. What it listed is not listed again,
// and the zero result is enough.
//
// No user waits, so it sends nothing if the bank asked the user before, or if a question is open.
// It takes the balances that the provider has, and does not ask for fresh ones, which may be
// billed. A client without balances is a success, and so are errors that only the user can resolve:
// the stored state of the connection has them. Accounts that could not be read are logged. It may
// be repeated.
func (s *Service) ReadBalances(ctx context.Context, conn bankmux.Connection, synced bankmux.SyncAllResult) error {
	ctx = bankmux.WithoutUser(ctx)
	conn, err := s.store.Connection(ctx, conn.User, conn.ID) // its status may have changed since
	if err != nil {
		return err
	}
	state, err := s.store.SyncState(ctx, conn)
	if err != nil {
		return err
	}
	client, err := s.clientFor(conn)
	if err != nil {
		return err
	}
	asks := state.Challenge != nil || !state.AskedAt.IsZero() || !conn.Status.AskedAt.IsZero()
	if asks || !client.Has(bankmux.CapBalances) {
		return nil
	}
	known := bankmux.BalancesRequest{Connection: conn, Known: synced.Accounts}
	read, err := ask(ctx, client.Balances, known)
	more, err := s.keepBalances(ctx, conn, read, err)
	if !more || !client.Has(bankmux.CapCards) {
		return err
	}
	listed := bankmux.CardsResult{Cards: synced.Cards}
	if len(synced.Accounts) == 0 { // the sync listed nothing
		listed, err = ask(ctx, client.Cards, bankmux.CardsRequest{Connection: conn})
	}
	cards, balances := cardsOf(conn, listed)
	if read = (bankmux.BalancesResult{}); len(cards) > 0 {
		read, err = ask(ctx, client.Balances, balances)
	}
	_, err = s.keepBalances(ctx, conn, read, err)
	return err
}

// keepBalances stores balances, and what their error shows about the connection. It reports whether
// further calls may succeed, and returns an error that a repeat may resolve.
func (s *Service) keepBalances(
	ctx context.Context, conn bankmux.Connection, read bankmux.BalancesResult, err error,
) (more bool, _ error) {
	if _, err := s.afterBalances(ctx, conn, nil, read, err); err != nil {
		return false, unlessGone(err)
	}
	if _, partial := errors.AsType[*bankmux.PartialError](err); partial {
		s.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: some balances could not be read", slog.Any("error", err))
		return true, nil
	}
	if kind := bankmux.KindOf(err); kind.UserMustAct() || kind == bankmux.ErrUnsupported {
		return false, nil
	}
	return err == nil, err
}
