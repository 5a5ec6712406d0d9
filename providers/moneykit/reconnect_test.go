package moneykit_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestReconnect specifies how a link is renewed.
func TestReconnect(t *testing.T) {
	t.Parallel()
	t.Run(
		"webhook and tags are kept unless the request replaces them",
		webhookAndTagsAreKeptUnlessTheRequestReplacesThem,
	)
	t.Run("an unfinished reconnect is reported", anUnfinishedReconnectIsReported)
	t.Run("a link that cannot be read can be reconnected", aLinkThatCannotBeReadCanBeReconnected)
	t.Run("a stored session keeps the link", aStoredSessionKeepsTheLink)
}

func webhookAndTagsAreKeptUnlessTheRequestReplacesThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*bankmux.SessionRequest)
		webhook string // "" for none
		tags    []string
	}{
		"kept": {func(*bankmux.SessionRequest) {}, "https://app.example.com/hooks", []string{"tier:gold"}},
		"replaced": {func(r *bankmux.SessionRequest) {
			r.WebhookURL, r.Tags = "https://app.example.com/new", []string{"tier:tin"}
		}, "https://app.example.com/new", []string{"tier:tin"}},
		"removed": {func(r *bankmux.SessionRequest) {
			r.Tags, r.Options = []string{}, []bankmux.SessionOption{moneykit.SessionOptions{RemoveWebhook: true}}
		}, "", nil},
	} {
		s := start(t, virtualbank.Options{}, nil)
		req := request
		req.WebhookURL, req.Tags = "https://app.example.com/hooks", []string{"tier:gold"}
		conn := s.connect(req)
		require.NoError(t, s.bank.Lapse(conn.Reference()))
		again := request
		again.Reconnect = &conn
		c.change(&again)
		session, err := s.client.CreateSession(t.Context(), again)
		require.NoError(t, err, name)
		bodies := s.sent("POST /link-session")
		var got struct {
			ExistingLinkID string   `json:"existing_link_id"`
			Webhook        string   `json:"webhook"`
			LinkTags       []string `json:"link_tags"`
		}
		require.NoError(t, json.Unmarshal(bodies[len(bodies)-1], &got))
		assert.Equal(t, conn.Reference(), got.ExistingLinkID, name)
		assert.Equal(t, c.webhook, got.Webhook, name)
		assert.Equal(t, append(c.tags, "bankmux-session:"+session.ID), got.LinkTags, name)

		payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
		require.NoError(t, err)
		renewed := s.connectPost(
			bankmux.ExchangeRequest{Session: session, User: request.User, Payload: bankmux.NewSecret(payload)},
		)
		assert.Equal(t, conn.ID, renewed.ID, name)
		assert.Equal(t, bankmux.StateActive, renewed.Status.State, name)
		assert.Len(t, s.sent(exchangePath), 1, "no exchange happens")
	}
}

func anUnfinishedReconnectIsReported(t *testing.T) {
	t.Parallel()
	for name, lapse := range map[string]bool{"of a lapsed link": true, "of a link that works": false} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		if lapse {
			require.NoError(t, s.bank.Lapse(conn.Reference()))
		}
		req := request
		req.Reconnect = &conn
		session, err := s.client.CreateSession(t.Context(), req)
		require.NoError(t, err)
		post := bankmux.ExchangeRequest{
			Session: session,
			User:    request.User,
			Payload: bankmux.NewSecret(`{"institution":{}}`),
		}
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrUserAction, name)
		post.Payload = bankmux.NewSecret(`{"exchangeable_token":"x","institution":{}}`)
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
	}
}

func aLinkThatCannotBeReadCanBeReconnected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL, req.Tags = "https://app.example.com/hooks", []string{"tier:gold"}
	conn := s.connect(req)
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	refused := true
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return refused && r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/links/") &&
			write(
				w,
				422,
				"application/json",
				`{"error_code":"link_error.bad_state","error_message":"x","link_error_code":"auth_expired"}`,
			)
	})
	session, err := client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: conn.User, RedirectURI: request.RedirectURI, Reconnect: &conn},
	)
	require.NoError(t, err)
	payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(t, err)
	refused = false
	renewed, err := single.Connection(
		client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: conn.User, Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	links, err := moneykit.UserLinks(t.Context(), client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, req.WebhookURL, links[conn.ReferenceKey].Webhook, "nothing was erased")
	assert.Contains(t, links[conn.ReferenceKey].Tags, "tier:gold")
}

func aStoredSessionKeepsTheLink(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) (*setup, bankmux.Connection, bankmux.ExchangeRequest) {
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
		s, conn, post := prepare(t)
		ring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(bytes.Repeat([]byte{7}, 32))})
		require.NoError(t, err)
		row, err := post.Session.Seal(ring)
		require.NoError(t, err)
		whole := post.Session
		post.Session, err = bankmux.OpenSession(ring, whole.Ref(), row)
		require.NoError(t, err)
		assert.Equal(t, whole, post.Session, "with the credential of the renewed connection")
		renewed := s.connectPost(post)
		assert.Equal(t, conn.ID, renewed.ID)
		assert.Equal(t, conn.ReferenceKey, renewed.ReferenceKey)
		assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	})
	t.Run("plain JSON loses the link and says what to use", func(t *testing.T) {
		t.Parallel()
		s, conn, post := prepare(t)
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
