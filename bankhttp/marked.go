package bankhttp

// This file gives failures of the store a kind of their own.

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// marked is a Store whose errors have a kind. An error without a kind becomes KindStore.
type marked struct {
	Store

	log *slog.Logger
}

// storeError is an error of the store. Its text is for the log alone.
type storeError struct {
	did string
	err error
}

func (e *storeError) Error() string { return string(KindStore) + ": " + e.did + ": " + e.err.Error() }

func (e *storeError) Unwrap() []error { return []error{KindStore, e.err} }

// mark returns err, with KindStore if it has no kind. A store in which the time ended is too slow.
func mark(did string, err error) error {
	if err == nil || errors.Is(err, KindStore) {
		return err
	}
	if kind, ok := errors.AsType[bankmux.Kind](err); ok && kind != bankmux.ErrContextDone {
		return err
	}
	return &storeError{did, err}
}

// markCall marks the error of a method that called a function, whose error is called.
func markCall(did string, err, called error) error {
	if _, ok := errors.AsType[bankmux.Kind](err); ok && called != nil {
		return err
	}
	return mark(did, err)
}

// lookUp marks the error of a read by an id from a browser. A row that does not open may belong to
// another user, so it does not exist for this one.
func (m marked) lookUp(ctx context.Context, did string, err error) error {
	if errors.Is(err, bankmux.ErrSeal) {
		m.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: a stored row does not open", slog.Any("error", err))
		return bankmux.ErrNotFound
	}
	return mark(did, err)
}

func (m marked) SaveSession(ctx context.Context, session bankmux.Session) error {
	return mark("save a session", m.Store.SaveSession(ctx, session))
}

func (m marked) Session(ctx context.Context, ref bankmux.SessionRef) (bankmux.Session, error) {
	session, err := m.Store.Session(ctx, ref)
	return session, m.lookUp(ctx, "read a session", err)
}

func (m marked) Sessions(ctx context.Context, user string) ([]bankmux.Session, error) {
	all, err := m.Store.Sessions(ctx, user)
	if onlySealed(err) {
		m.log.LogAttrs(ctx, bankmux.ErrSeal.LogLevel(), "bankhttp: stored sessions do not open", slog.Any("error", err))
		return all, nil
	}
	return all, mark("read the sessions", err)
}

func (m marked) FindSession(ctx context.Context, id string) (bankmux.Session, error) {
	session, err := m.Store.FindSession(ctx, id)
	return session, mark("find a session", err)
}

func (m marked) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	exchange func(ctx context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	var called error
	res, err := m.Store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
		res, err := exchange(ctx)
		called = err
		return res, err
	})
	return res, markCall("exchange", err, called)
}

func (m marked) HoldExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) (time.Duration, error) {
	again, err := m.Store.HoldExchange(ctx, ref, payload)
	return again, mark("hold an exchange", err)
}

func (m marked) Connection(ctx context.Context, user, id string) (bankmux.Connection, error) {
	conn, err := m.Store.Connection(ctx, user, id)
	if errors.Is(err, bankmux.ErrSeal) {
		if own, ownErr := m.owns(ctx, user, id); own || ownErr != nil {
			return conn, errors.Join(ownErr, mark("read a connection", err))
		}
	}
	return conn, m.lookUp(ctx, "read a connection", err)
}

// owns reports whether a connection is one of the user, also if it does not open.
func (m marked) owns(ctx context.Context, user, id string) (bool, error) {
	all, err := m.Connections(ctx, user)
	if slices.Contains(unreadableOf(err), id) {
		return true, nil
	}
	if len(unreadableOf(err)) > 0 {
		err = nil // others do not open
	}
	return slices.ContainsFunc(all, func(c bankmux.Connection) bool { return c.ID == id }), err
}

func (m marked) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	all, err := m.Store.Connections(ctx, user)
	return all, mark("read the connections", err)
}

func (m marked) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	var called error
	err := m.Store.Update(ctx, conn, func(ctx context.Context, old bankmux.Connection) (bankmux.Connection, error) {
		next, err := change(ctx, old)
		called = err
		return next, err
	})
	return markCall("update a connection", err, called)
}

func (m marked) DeleteConnection(ctx context.Context, user, id string) error {
	return mark("delete a connection", m.Store.DeleteConnection(ctx, user, id))
}

func (m marked) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) ([]Unfinished, error) {
	var called error
	left, err := m.Store.DeleteUser(ctx, user, func(ctx context.Context, conn bankmux.Connection) error {
		err := disconnect(ctx, conn)
		called = errors.Join(called, err)
		return err
	})
	return left, markCall("delete a user", err, called)
}

func (m marked) ForgetExchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) error {
	return mark("forget an exchange", m.Store.ForgetExchange(ctx, ref, payload))
}

func (m marked) Unnamed(ctx context.Context, user string, connections ...string) ([]Unnamed, error) {
	all, err := m.Store.Unnamed(ctx, user, connections...)
	return all, mark("read unnamed accounts", err)
}

func (m marked) IdentifyAccount(
	ctx context.Context, user, id, account string,
) (bankmux.Connection, string, error) {
	conn, name, err := m.Store.IdentifyAccount(ctx, user, id, account)
	return conn, name, m.lookUp(ctx, "identify an account", err)
}

func (m marked) SaveChallenge(ctx context.Context, user string, ch bankmux.Challenge) (string, error) {
	id, err := m.Store.SaveChallenge(ctx, user, ch)
	return id, mark("save a challenge", err)
}

func (m marked) Challenge(ctx context.Context, user, id string) (bankmux.Challenge, error) {
	ch, err := m.Store.Challenge(ctx, user, id)
	return ch, m.lookUp(ctx, "read a challenge", err)
}

func (m marked) CloseChallenge(ctx context.Context, user, id string) error {
	return m.lookUp(ctx, "close a challenge", m.Store.CloseChallenge(ctx, user, id))
}

func (m marked) Accounts(ctx context.Context, user string, connections ...string) ([]Account, error) {
	all, err := m.Store.Accounts(ctx, user, connections...)
	return all, mark("read the accounts", err)
}

func (m marked) SaveBalances(
	ctx context.Context, conn bankmux.Connection, balances []bankmux.AccountBalances,
) error {
	return mark("save balances", m.Store.SaveBalances(ctx, conn, balances))
}

func (m marked) Transactions(ctx context.Context, query Query) (Page, error) {
	page, err := m.Store.Transactions(ctx, query)
	return page, mark("read transactions", err)
}

func (m marked) Queue(ctx context.Context, event bankmux.Event) error {
	return mark("queue an event", m.Store.Queue(ctx, event))
}

func (m marked) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	state, err := m.Store.SyncState(ctx, conn)
	return state, mark("read a sync state", err)
}

func (m marked) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (map[string]string, error) {
	names, err := m.Store.NameAccounts(ctx, conn, accounts)
	return names, mark("name accounts", err)
}

func (m marked) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for known, err := range m.Store.Known(ctx, account, from, to) {
			if !yield(known, mark("read known rows", err)) {
				return
			}
		}
	}
}

func (m marked) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	stored, err := m.Store.StoreDelta(ctx, conn, from, delta, to)
	return stored, mark("store a page", err)
}

func (m marked) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	stored, err := m.Store.StoreSyncState(ctx, conn, from, to)
	return stored, mark("store a sync state", err)
}
