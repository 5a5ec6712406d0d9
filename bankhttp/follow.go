package bankhttp

// This file does what an event of the queue asks for.

import (
	"context"
	"errors"

	"github.com/bankmux/bankmux"
)

// Follow does what an event asks for, for the connection that it names. It is for workers that take
// events from the queue of the store. No user waits, so a bank that asks is not called. It brings
// the state of the connection up to date, and syncs it if there may be new rows.
//
// It returns nil if the event is done. That includes errors that only the user can resolve, because
// the stored states have them: see [Service.Connections] and [Service.SyncState]. After any other
// error, call it again later. It may be repeated.
func (s *Service) Follow(ctx context.Context, event bankmux.Event, conn bankmux.Connection) error {
	ctx = bankmux.WithoutUser(ctx)
	var err error
	switch event.Kind {
	case bankmux.EventTransactionsAvailable:
		err = s.followSync(ctx, conn)
	case bankmux.EventConnectionStateChanged, bankmux.EventConnectionDeleted,
		bankmux.EventConsentExpiring, bankmux.EventProductRefreshed:
		var now bankmux.Connection
		now, err = s.status(ctx, conn)
		if err == nil && now.Status.State == bankmux.StateActive && event.Kind == bankmux.EventProductRefreshed {
			err = s.followSync(ctx, now)
		}
	default: // there is nothing to ask for
	}
	switch kind := bankmux.KindOf(err); {
	case kind.UserMustAct(), kind == bankmux.ErrUnsupported, kind == bankmux.ErrInvalid:
		return nil
	}
	return err
}

// followSync syncs a connection, although an earlier round failed. Accounts that could not be read
// are remembered.
func (s *Service) followSync(ctx context.Context, conn bankmux.Connection) error {
	_, err := s.syncAll(ctx, conn, syncOptions{force: true})
	if _, partial := errors.AsType[*bankmux.PartialError](err); partial && !errors.Is(err, KindStore) {
		return nil
	}
	return err
}

// status asks the provider for the state of a connection and stores it.
func (s *Service) status(ctx context.Context, conn bankmux.Connection) (bankmux.Connection, error) {
	client, err := s.clientFor(conn)
	if err != nil {
		return conn, err
	}
	now, err := ask(ctx, client.ConnectionStatus, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return conn, errors.Join(err, s.note(ctx, conn, err))
	}
	return now.Connection, s.keep(ctx, now.Connection)
}
