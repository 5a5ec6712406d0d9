package moneykit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestAReconnectFromAStoredSession(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*setup, bankmux.Connection, bankmux.ExchangeRequest) {
		t.Helper()
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		require.NoError(t, s.bank.Lapse(conn.Reference()))
		req := request
		req.Reconnect = &conn
		session, err := s.client.CreateSession(t.Context(), req)
		require.NoError(t, err)
		payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
		require.NoError(t, err)
		return s, conn, bankmux.ExchangeRequest{
			Session: session,
			User:    request.User,
			Payload: bankmux.NewSecret(payload),
		}
	}
	t.Run("a sealed session renews the connection after a restart", func(t *testing.T) {
		t.Parallel()
		s, conn, post := begin(t)
		ring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(bytes.Repeat([]byte{7}, 32))})
		require.NoError(t, err)
		row, err := post.Session.Seal(ring)
		require.NoError(t, err)
		whole := post.Session
		post.Session, err = bankmux.OpenSession(ring, whole.Ref(), row)
		require.NoError(t, err)
		assert.Equal(t, whole, post.Session, "with the credential of what it renews")
		renewed := s.connectPost(post)
		assert.Equal(t, conn.ID, renewed.ID)
		assert.Equal(t, conn.ReferenceKey, renewed.ReferenceKey)
		assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	})
	t.Run("plain JSON loses the link and says what to use", func(t *testing.T) {
		t.Parallel()
		s, conn, post := begin(t)
		plain, err := json.Marshal(post.Session)
		require.NoError(t, err)
		assert.NotContains(t, string(plain), conn.Reference())
		post.Session = bankmux.Session{}
		require.NoError(t, json.Unmarshal(plain, &post.Session))
		reads := len(s.sent("GET /links/" + conn.Reference()))
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.ErrorContains(t, err, "Session.Seal")
		assert.Len(t, s.sent("GET /links/"+conn.Reference()), reads, "nothing is sent")
	})
}
