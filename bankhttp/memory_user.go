package bankhttp

// This file deletes what a Memory has of a user.

import (
	"context"
	"errors"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/share"
)

// DeleteUser is that of [Users]. It returns no exchanges.
func (m *Memory) DeleteUser(
	ctx context.Context, user string, disconnect func(context.Context, bankmux.Connection) error,
) ([]Unfinished, error) {
	m.endLinks(user)
	conns, err := m.Connections(ctx, user)
	if err != nil {
		return nil, err
	}
	var all []error
	for i, conn := range conns {
		err := share.Of(ctx, len(conns)-i+1, func(ctx context.Context) error { return disconnect(ctx, conn) })
		if err == nil {
			err = m.DeleteConnection(ctx, user, conn.ID)
		}
		all = append(all, err)
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	m.forget(user)
	return nil, nil
}

// ForgetExchange is that of [Users]. It does nothing.
func (*Memory) ForgetExchange(context.Context, bankmux.SessionRef, []byte) error { return nil }

// endLinks deletes the sessions of a user, so that no exchange that runs can store a connection.
func (m *Memory) endLinks(user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = slices.DeleteFunc(m.sessions, func(s bankmux.Session) bool {
		if s.User == user {
			m.endedLinks[s.Ref()] = true
		}
		return s.User == user
	})
}

// forget deletes what is left of a user without connections.
func (m *Memory) forget(user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, one := range m.exchanges {
		if key.ref.User == user && one.over() {
			delete(m.exchanges, key)
		}
	}
	for id, open := range m.challenges {
		if open.user == user {
			delete(m.challenges, id)
		}
	}
	for _, b := range m.books {
		if b.user != user {
			continue
		}
		for row := range m.suggested {
			if row.account == b.name {
				delete(m.suggested, row)
			}
		}
	}
	m.books = slices.DeleteFunc(m.books, func(b *book) bool { return b.user == user })
}
