package store

// This file changes stored connections one change at a time, in all processes together.

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/bankmux/bankmux"
)

// Update is [bankmux.Keeper]. It locks the connection for all processes by a lease in its row and
// extends the lease while change runs. No transaction is open meanwhile, so change may call the
// provider and the store. If the process dies, another one may continue after [Limits.Lease].
//
// If the lease was lost, for example because the machine was suspended, the result is not written.
// Update then calls change again with the current row. Inside a transaction of the application, the
// lock is that of the transaction.
func (s *Store) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	const op = "Update"
	if s.tx != nil {
		return s.write(ctx, op, func(w *work) error { return s.updateWithin(ctx, w, conn, change) })
	}
	for {
		holder := rand.Text()
		err := s.untilFree(ctx, op, func() error { return s.hold(ctx, op, conn, holder) })
		if err != nil {
			return err
		}
		written, err := s.updateHeld(ctx, conn, holder, change)
		if !written {
			s.letGo(ctx, conn.ID, holder)
		}
		if written || err != nil {
			return failed(op, err)
		}
	}
}

// hold takes the lease of a connection, or returns errHeld.
func (s *Store) hold(ctx context.Context, op string, conn bankmux.Connection, holder string) error {
	return s.write(ctx, op, func(w *work) error {
		now := s.now()
		n, err := w.exec(ctx, "UPDATE bankmux_connections SET holder = $1, held_until = $2"+
			" WHERE id = $3 AND user_id = $4 AND held_until <= $5",
			holder, now.Add(s.limits.Lease).UnixMilli(), plainText(conn.ID), plainText(conn.User), now.UnixMilli())
		if err != nil || n > 0 {
			return err
		}
		if err := keepConnection(ctx, w, conn.User, conn.ID); err != nil {
			return err
		}
		return errHeld
	})
}

// freeConnection ends a lease.
const freeConnection = "UPDATE bankmux_connections SET holder = '', held_until = 0 WHERE id = $1 AND holder = $2"

// updateHeld changes a connection whose lease is held. It reports false without an error if the
// lease was lost.
func (s *Store) updateHeld(
	ctx context.Context, conn bankmux.Connection, holder string, change bankmux.ConnectionChange,
) (written bool, err error) {
	const op = "Update"
	stored, err := s.Connection(ctx, conn.User, conn.ID)
	if err != nil {
		return false, err
	}
	stop := s.extend(ctx, "bankmux_connections", conn.ID, holder)
	defer stop()
	next, err := changed(ctx, stored, change)
	if err != nil {
		return false, err
	}
	lost := false
	err = s.write(ctx, op, func(w *work) error {
		n, err := w.exec(ctx, freeConnection, conn.ID, holder)
		if lost = err == nil && n == 0; lost || err != nil {
			return err
		}
		return s.putConnection(ctx, w, next)
	})
	return err == nil && !lost, err
}

// updateWithin changes a connection under the lock of the application's transaction.
func (s *Store) updateWithin(
	ctx context.Context, w *work, conn bankmux.Connection, change bankmux.ConnectionChange,
) error {
	var r connectionRow
	var until int64
	err := w.row(ctx, "SELECT id, user_id, provider, environment, sealed, held_until FROM bankmux_connections"+
		" WHERE user_id = $1 AND id = $2"+w.dialect.lockRow(),
		[]any{plainText(conn.User), plainText(conn.ID)}, append(r.fields(), &until))
	switch {
	case noRows(err):
		return goneConnection(conn.ID)
	case err != nil:
		return err
	case until > s.nowMillis():
		return errHeld
	}
	stored, err := bankmux.Open(s.aead, r.ref, r.sealed)
	if err != nil {
		return err
	}
	next, err := changed(ctx, stored, change)
	if err != nil {
		return err
	}
	return s.putConnection(ctx, w, next)
}

// changed returns what change makes of a stored connection.
func changed(
	ctx context.Context, stored bankmux.Connection, change bankmux.ConnectionChange,
) (bankmux.Connection, error) {
	next, err := change(ctx, stored)
	if err != nil {
		return next, passed{err}
	}
	if next.Ref() != stored.Ref() {
		return next, invalid("Connection", "is not the one of this row")
	}
	return next, nil
}

// releaseFor is how long the end of a piece of work may take after the caller's context has ended.
const releaseFor = 10 * time.Second

// letGo ends a lease early. If it fails, the lease ends by itself.
func (s *Store) letGo(ctx context.Context, id, holder string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	_ = s.write(ctx, "Update", func(w *work) error {
		_, err := w.exec(ctx, freeConnection, id, holder)
		return err
	})
}

// extend extends a lease until stop is called, also after the caller's context has ended: the work
// may go on. A failure is not reported. The end of the work checks that the lease was not lost.
func (s *Store) extend(ctx context.Context, table, id, holder string) (stop func()) {
	return keepLease(context.WithoutCancel(ctx), s.limits.Lease, func(ctx context.Context) {
		_ = s.write(ctx, "extend", func(w *work) error {
			_, err := w.exec(ctx, "UPDATE "+table+" SET held_until = $1 WHERE id = $2 AND holder = $3",
				s.now().Add(s.limits.Lease).UnixMilli(), id, holder)
			return err
		})
	})
}

// keepLease calls extend three times in a lease, until ctx ends or stop is called. Stop waits for
// a call that runs.
func keepLease(ctx context.Context, lease time.Duration, extend func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(lease / 3)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				extend(ctx)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
