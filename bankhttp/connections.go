package bankhttp

// This file has the handlers about connections.

import (
	"context"
	"errors"
	"net/http"

	"github.com/bankmux/bankmux"
)

// connections is the response of Connections.
type connections struct {
	Connections []shown   `json:"connections"`
	Failed      []failure `json:"failed,omitempty"` // those that do not open
}

// Connections handles GET. It returns the user's connections with their state, as stored. A
// connection that does not open, because its key is lost, is a failure beside the others.
func (s *Service) Connections() http.Handler {
	return s.user(http.MethodGet, "", func(ctx context.Context, r *request) (any, error) {
		all, err := s.store.Connections(ctx, r.user)
		failed, err := s.unreadable(ctx, "", err)
		if err != nil {
			return nil, err
		}
		return connections{show(all, all), failed}, nil
	})
}

// Disconnect handles DELETE for a connection of the user, which the path names as {connection}. It
// ends the access at the provider first, and then deletes the row. It may be repeated. A connection
// that does not exist is a success. One that does not open is [bankmux.ErrSeal], and stays: nothing
// can end its access without the credential.
func (s *Service) Disconnect() http.Handler {
	return s.user(http.MethodDelete, "connection", func(ctx context.Context, r *request) (any, error) {
		ctx, cancel := s.lasting(ctx)
		defer cancel()
		conn, err := s.store.Connection(ctx, r.user, r.param)
		if bankmux.KindOf(err) == bankmux.ErrNotFound {
			return noContent{}, nil
		}
		if err != nil {
			return nil, err
		}
		if err := s.disconnect(ctx, conn); err != nil {
			return nil, err
		}
		return noContent{}, s.store.DeleteConnection(ctx, r.user, conn.ID)
	})
}

// disconnect ends the access at the provider.
func (s *Service) disconnect(ctx context.Context, conn bankmux.Connection) error {
	client, err := s.clientFor(conn)
	if err == nil {
		_, err = ask(ctx, client.Disconnect, bankmux.DisconnectRequest{Connection: conn})
	}
	return err
}

// clientFor returns the client of a stored connection. That it is missing is a fault of the
// configuration.
func (s *Service) clientFor(conn bankmux.Connection) (*bankmux.Client, error) {
	client, err := s.config.Registry.For(conn)
	if err != nil {
		return nil, &bankmux.Error{
			Kind: bankmux.ErrApplication, Connection: conn.ID, Err: err, NotSent: true,
			Detail: "the client of the connection is not registered",
		}
	}
	return client, nil
}

// note stores what a call on a connection showed about its state.
func (s *Service) note(ctx context.Context, conn bankmux.Connection, err error) error {
	if conn.Status.After(err) == conn.Status {
		return nil
	}
	updateErr := s.store.Update(ctx, conn,
		func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
			if sameLogin(&stored, &conn) {
				stored.Status = stored.Status.After(err)
			}
			return stored, nil
		})
	return unlessGone(updateErr)
}

// sameLogin reports whether a stored connection has the login that a call used. Otherwise the user
// has reconnected since, and the call showed nothing about the new login.
func sameLogin(stored, used *bankmux.Connection) bool {
	return stored.LinkedAt.Equal(used.LinkedAt) && stored.Reference() == used.Reference()
}

// hasLogin returns [bankmux.ErrChallengeExpired] if the user has reconnected since a call used the
// login of conn. The bank asked that login, so the new one must not answer.
func (s *Service) hasLogin(ctx context.Context, conn bankmux.Connection) error {
	stored, err := s.store.Connection(ctx, conn.User, conn.ID)
	if err == nil && !sameLogin(&stored, &conn) {
		err = bankmux.ErrChallengeExpired
	}
	return err
}

// verified reads the bank of a connection that no call has read yet, and stores what it learns. It
// returns other connections as they are.
func (s *Service) verified(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
) (bankmux.Connection, error) {
	if conn.Status.State != bankmux.StateUnverified {
		return conn, nil
	}
	now, err := ask(ctx, client.ConnectionStatus, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return conn, err
	}
	return now.Connection, s.keep(ctx, now.Connection)
}

// keep stores what a call learned of a connection beside the stored credential.
func (s *Service) keep(ctx context.Context, now bankmux.Connection) error {
	return unlessGone(s.store.Update(ctx, now,
		func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
			if !sameLogin(&stored, &now) {
				return stored, nil
			}
			stored.Institution, stored.Status = now.Institution, now.Status
			stored.Products, stored.Consent, stored.UpdatedAt = now.Products, now.Consent, now.UpdatedAt
			return stored, nil
		}))
}

// unlessGone ignores that the row was deleted meanwhile.
func unlessGone(err error) error {
	if errors.Is(err, bankmux.ErrGone) && !errors.Is(err, KindStore) {
		return nil
	}
	return err
}
