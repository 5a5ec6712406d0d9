package bankhttp

// This file has the challenges of Memory.

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/bankmux/bankmux"
)

// SaveChallenge is that of [Challenges].
func (m *Memory) SaveChallenge(ctx context.Context, user string, ch bankmux.Challenge) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for id, open := range m.challenges {
		switch {
		case now.After(open.ch.ExpiresAt):
			delete(m.challenges, id)
		case !open.closed && open.user == user && open.ch.Connection == ch.Connection && open.ch.ID == ch.ID:
			return id, nil
		}
	}
	id := rand.Text()
	m.challenges[id] = openChallenge{user: user, ch: ch}
	return id, nil
}

// Challenge is that of [Challenges].
func (m *Memory) Challenge(ctx context.Context, user, id string) (bankmux.Challenge, error) {
	if err := ctx.Err(); err != nil {
		return bankmux.Challenge{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	open, ok := m.challenges[id]
	switch {
	case !ok || open.user != user:
		return bankmux.Challenge{}, bankmux.ErrNotFound
	case open.closed:
		return bankmux.Challenge{}, bankmux.ErrChallengeExpired
	}
	return open.ch, nil
}

// CloseChallenge is that of [Challenges].
func (m *Memory) CloseChallenge(ctx context.Context, user, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	open, ok := m.challenges[id]
	switch {
	case !ok || open.user != user:
		return bankmux.ErrNotFound
	case open.closed:
		return bankmux.ErrChallengeExpired
	}
	m.challenges[id] = open.close()
	return nil
}

// close returns a challenge without its content.
func (o openChallenge) close() openChallenge {
	ends := bankmux.Challenge{Connection: o.ch.Connection, ExpiresAt: o.ch.ExpiresAt}
	return openChallenge{user: o.user, ch: ends, closed: true}
}

// closeChallenges closes what the bank asked a login that conn replaces. The caller has locked mu.
func (m *Memory) closeChallenges(conn bankmux.Connection) {
	for id, open := range m.challenges {
		if open.user == conn.User && open.ch.Connection == conn.ID {
			m.challenges[id] = open.close()
		}
	}
}

// maxEvents bounds the queue.
const maxEvents = 10_000
