package dapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

var unsendable = []string{"a\nb", "a\r\nX-Other: b", "a\x00", " a", "\u00e9", strings.Repeat("x", 20_000)}

func TestAnAccessTokenThatCannotBeSentIsMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range unsendable {
		s := start(t, nil)
		var calls atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.Header().Set("Content-Type", "application/json")
			assert.NoError(
				t,
				json.NewEncoder(w).Encode(map[string]any{"success": true, "status": "done", "accessToken": bad}),
			)
		}))
		s.url = server.URL + "/v2"
		client := s.another(nil)
		_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
		server.Close()
		require.ErrorIs(t, err, bankmux.ErrMalformed, "%.20q", bad)
		assert.EqualValues(t, 1, calls.Load(), "%.20q: nothing is asked with it", bad)
		assert.NotContains(t, err.Error(), "X-Other")
	}
}

func TestATokenOfThePayloadThatCannotBeOneIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"accessCode", "userSecret", "connectionID"} {
		for _, bad := range unsendable {
			s := start(t, nil)
			post := s.post(s.client, request, virtualbank.DapiLink{})
			var payload map[string]any
			require.NoError(t, json.Unmarshal([]byte(post.Payload.Reveal()), &payload))
			payload[key] = bad
			raw, err := json.Marshal(payload)
			require.NoError(t, err)
			post.Payload = bankmux.NewSecret(raw)
			_, err = s.client.ExchangeToken(t.Context(), post)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "%s %.20q", key, bad)
			assert.True(t, bankmux.OutcomeKnown(err))
		}
	}
}

func TestAnOpenedConnectionWhoseTokenCannotBeSentHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	s := start(t, func(c *dapi.Config) { c.Guard = g })
	good := s.connect()
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	for _, bad := range unsendable {
		grant, err := json.Marshal(map[string]string{"access_token": bad, "user_secret": "s", "connection_id": "c"})
		require.NoError(t, err)
		stored := bankmux.NewConnection(
			bankmux.Session{User: good.User, ConnectionID: good.ID, Reconnect: &good},
			"c",
			bankmux.NewSecret(grant),
		)
		blob, err := stored.Seal(keyring)
		require.NoError(t, err)
		conn, err := bankmux.Open(keyring, stored.Ref(), blob)
		require.NoError(t, err)
		for range 8 {
			_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, "%v", err)
			assert.True(t, e.NotSent, "%.20q: %v", bad, err)
			assert.Equal(t, bankmux.ErrInvalid, e.Kind)
		}
	}
	_, err = s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: good})
	require.NoError(t, err, "the circuit is closed for everybody else")
}
