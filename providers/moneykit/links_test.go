package moneykit_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/virtualbank"
)

// refusedAsOther checks that a payload was refused because it belongs to another session.
func refusedAsOther(t *testing.T, err error) *bankmux.Error {
	t.Helper()
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.Equal(t, bankmux.CodeOtherSession, e.Code)
	assert.Equal(t, "post it with the session it belongs to", e.Remedy())
	assert.Contains(t, err.Error(), e.Remedy())
	return e
}

func TestAPayloadOfTheOtherTabNamesItsRemedyAndCostsNoSession(t *testing.T) {
	t.Parallel()
	t.Run("each of two tabs works after their payloads were posted crosswise", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		one, other := s.post(request), s.post(request)
		crossed := []bankmux.ExchangeRequest{
			{
				Session: one.Session,
				User:    one.User,
				Payload: other.Payload,
			},
			{Session: other.Session, User: other.User, Payload: one.Payload},
		}
		for _, post := range crossed {
			_, err := s.client.ExchangeToken(t.Context(), post)
			assert.False(t, refusedAsOther(t, err).NotSent)
		}
		for _, post := range crossed { // both tokens are spent by now, and each session has its own link
			conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
			require.NoError(t, err)
			assert.Equal(t, post.Session.ConnectionID, conn.ID)
		}
		ids := map[string]bool{}
		for _, post := range []bankmux.ExchangeRequest{one, other, one} {
			conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
			require.NoError(t, err, "the link is found by its session's tag")
			assert.Equal(t, post.Session.ConnectionID, conn.ID)
			assert.Equal(t, bankmux.StateActive, conn.Status.State)
			ids[conn.Reference()] = true
		}
		assert.Len(t, ids, 2)
	})
	t.Run("a tab that was not confused works at once", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		one, other := s.post(request), s.post(request)
		_, err := s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: one.Session, User: one.User, Payload: other.Payload},
		)
		assert.False(t, refusedAsOther(t, err).NotSent)
		conn, err := single.Connection(s.client.ExchangeToken(t.Context(), one))
		require.NoError(t, err)
		assert.Equal(t, one.Session.ConnectionID, conn.ID)
	})
	t.Run("a link and a reconnect in two tabs", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		require.NoError(t, s.bank.Lapse(conn.Reference()))
		renew := request
		renew.Reconnect = &conn
		again, fresh := s.post(renew), s.post(request)
		sent := len(s.sent(exchangePath))
		_, err := s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: again.Session, User: again.User, Payload: fresh.Payload},
		)
		assert.True(t, refusedAsOther(t, err).NotSent)
		assert.Len(t, s.sent(exchangePath), sent, "the token is unspent")
		for _, post := range []bankmux.ExchangeRequest{again, fresh} {
			_, err := s.client.ExchangeToken(t.Context(), post)
			require.NoError(t, err)
		}
	})
	t.Run("a payload of another provider's Connect", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		post := s.post(request)
		_, err := s.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
			Session: post.Session,
			User:    post.User,
			Payload: bankmux.NewSecret(`{"accessCode":"x","connectionID":"c","userSecret":"s"}`),
		})
		assert.True(t, refusedAsOther(t, err).NotSent)
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.NoError(t, err)
	})
}
