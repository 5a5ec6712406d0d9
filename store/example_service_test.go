package store_test

// This file tests the functions that docs/store.md shows.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
)

// exampleService returns the service of docs/store.md with a session of rosa.
func exampleService(t *testing.T, s *store.Store) (*service, bankmux.Session) {
	t.Helper()
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "heron"}})
	require.NoError(t, err)
	made := session(t, "rosa")
	require.NoError(t, s.SaveSession(t.Context(), made))
	return &service{registry, s}, made
}

func TestExampleService(t *testing.T) {
	onEach(t, "a form posted again after the session's end finds the connection", func(t *testing.T, db *database) {
		c := newClock()
		app, made := exampleService(t, db.open(t, store.WithNow(c.now)))
		first, err := app.finish(t.Context(), made.Ref(), payload("1"))
		require.NoError(t, err)
		c.advance(time.Until(made.ExpiresAt) + time.Minute)
		again, err := app.finish(t.Context(), made.Ref(), payload("1"))
		require.NoError(t, err)
		assert.Equal(t, first.ID, again.ID)
		_, err = app.finish(t.Context(), made.Ref(), payload("2"))
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	})
	onEach(t, "a link that a webhook finishes is exchanged", func(t *testing.T, db *database) {
		s := db.open(t)
		app, made := exampleService(t, s)
		require.NoError(t, s.Queue(t.Context(), finished(made, "1")))
		require.NoError(t, app.work(t.Context()))
		assert.Zero(t, count(t, s, "bankmux_events"))
		linked, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		assert.Len(t, linked, 1)
	})
	onEach(t, "an event that fails is tried again", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		app, _ := exampleService(t, s)
		conn := connection(t, s, "rosa", "1")
		for _, key := range []string{"a", "b"} {
			require.NoError(t, s.Queue(t.Context(), event(conn, key)))
		}
		require.NoError(t, app.work(t.Context()), "heron cannot sync")
		assert.Empty(t, dequeue(t, s, 10), "they wait")
		c.advance(2 * time.Minute)
		again := dequeue(t, s, 10)
		require.Len(t, again, 2)
		assert.Equal(t, 2, again[0].Attempt)
	})
}

// finished returns the event that the user finished the flow of a session.
func finished(made bankmux.Session, token string) bankmux.Event {
	return bankmux.Event{
		Kind: bankmux.EventLinkFinished, Client: "heron", Provider: "heron", Key: "finished " + token,
		Session: made.ID, ReferenceKey: "of the new connection",
	}.WithExchangePayload(bankmux.NewSecret(payload(token)))
}
