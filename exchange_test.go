package bankmux_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// hosted is a provider with a page to which the browser is sent. One run may link several banks,
// and the exchange only reads.
type hosted struct {
	fake
	effect bankmux.Effect
	logins []string // references, that of the session first
	flow   string   // the id of the session in deliveries; "" means that of bankmux
	failed []bankmux.Failure
	got    *bankmux.ExchangeRequest
}

func (h *hosted) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken {
		return h.effect
	}
	return op.Effect
}

func (h *hosted) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.URL = bankmux.NewLaunchToken("https://bank.example/authorize?state=" + planted)
	s.State = bankmux.NewSecret("verifier-" + planted)
	if h.flow != "" {
		s.ID = h.flow
	}
	return s, nil
}

func (h *hosted) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	h.got = &req
	if _, err := req.Fields(); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	res := bankmux.ExchangeResult{
		Connection: bankmux.NewConnection(req.Session, h.logins[0], bankmux.NewSecret("credential-0")),
	}
	for i, login := range h.logins[1:] {
		conn := bankmux.NewFurtherConnection(req.Session, login, bankmux.NewSecret(fmt.Sprintf("credential-%d", i+1)))
		res.More = append(res.More, conn)
	}
	res.Failed = h.failed
	return res, nil
}

// TestExchangeToken specifies what an exchange may return and what it keeps.
func TestExchangeToken(t *testing.T) {
	t.Parallel()
	t.Run("one run may link several banks", oneRunMayLinkSeveralBanks)
	t.Run("a reconnect takes the opened connection", aReconnectTakesTheOpenedConnection)
	t.Run("an exchange that only reads needs no payload", anExchangeThatOnlyReadsNeedsNoPayload)
	t.Run("a session may have the id that deliveries name", aSessionMayHaveTheIdThatDeliveriesName)
	t.Run("a session keeps what the adapter needs and the browser must not see", aSessionKeepsWhatTheAdapterNeeds)
}

func oneRunMayLinkSeveralBanks(t *testing.T) {
	t.Parallel()
	ids := func(res bankmux.ExchangeResult) (ids []string) {
		for _, conn := range res.All() {
			ids = append(ids, conn.ID)
		}
		return ids
	}
	begin := func(t *testing.T, logins ...string) (*hosted, *bankmux.Client, bankmux.ExchangeRequest) {
		h := &hosted{fake: fake{provider: "hosted"}, effect: bankmux.OneShot, logins: logins}
		client := bankmux.NewClient("hosted", h)
		s, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
		require.NoError(t, err)
		return h, client, bankmux.ExchangeRequest{Session: s, User: "u-1", Payload: bankmux.NewSecret(goodPayload)}
	}
	t.Run("the first keeps the session's id and the others have ids of their own", func(t *testing.T) {
		t.Parallel()
		h, client, req := begin(t, "login-a", "login-b", "login-c")
		first, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, req.Session.ConnectionID, first.Connection.ID)
		require.Len(t, first.More, 2)
		assert.Len(t, map[string]bool{first.Connection.ID: true, first.More[0].ID: true, first.More[1].ID: true}, 3)
		for i, conn := range first.All() {
			assert.Equal(t, "hosted", conn.Client)
			assert.Equal(t, h.logins[i], conn.Reference())
			assert.NotEmpty(t, conn.ReferenceKey)
			assert.Equal(t, fmt.Sprintf("credential-%d", i), conn.Credential().Reveal())
		}
		again, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, ids(first), ids(again), "posting twice")
		h.logins = []string{"login-a", "login-c", "login-b"}
		turned, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		assert.ElementsMatch(t, ids(first), ids(turned), "listed in another order")
	})
	t.Run("a login that fails after another was spent is named, and the others are there", func(t *testing.T) {
		t.Parallel()
		h, client, req := begin(t, "login-a", "login-b")
		h.failed = []bankmux.Failure{
			{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}},
			{},
			{Err: &bankmux.Error{Kind: bankmux.ErrUnavailable}},
			{Err: &bankmux.Error{Kind: bankmux.ErrOutcomeUnknown, FindOut: "look at the renewal"}},
		}
		res, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, res.All(), 2)
		require.Len(t, res.Failed, 4)
		assert.Equal(t, bankmux.ErrUnavailable, res.Failed[0].Err.Kind, "nothing was sent")
		assert.Equal(
			t,
			[]string{"hosted", bankmux.OpExchangeToken},
			[]string{res.Failed[0].Err.Client, res.Failed[0].Err.Op},
		)
		require.ErrorIs(t, res.Failed[1], bankmux.ErrOutcomeUnknown, "a failure without a cause")
		assert.NotEmpty(t, res.Failed[1].Err.FindOut)
		require.ErrorIs(t, res.Failed[2], bankmux.ErrOutcomeUnknown)
		require.ErrorIs(t, res.Failed[2], bankmux.ErrUnavailable, "which says what happened")
		assert.Equal(t, "look at the renewal", res.Failed[3].Err.FindOut)
	})
	t.Run("the same login twice is one connection", func(t *testing.T) {
		t.Parallel()
		_, client, req := begin(t, "login-a", "login-b", "login-b", "login-a")
		res, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, res.More, 1)
		assert.Equal(t, "login-b", res.More[0].Reference())
	})
	t.Run("a reconnect keeps its connection, and a bank that is added is new", func(t *testing.T) {
		t.Parallel()
		h, client, req := begin(t, "login-a")
		res, err := client.ExchangeToken(t.Context(), req)
		require.NoError(t, err)
		old := res.Connection
		old.Institution.Name = "First Bank"
		s, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: &old})
		require.NoError(t, err)
		h.logins = []string{"login-a2", "login-b"}
		renewed, err := client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: s, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
		)
		require.NoError(t, err)
		assert.Equal(t, old.ID, renewed.Connection.ID)
		assert.Equal(t, "First Bank", renewed.Connection.Institution.Name)
		require.Len(t, renewed.More, 1)
		assert.NotEqual(t, old.ID, renewed.More[0].ID)
		assert.Empty(t, renewed.More[0].Institution.Name, "nothing of the connection that is renewed")
		assert.Equal(t, "u-1", renewed.More[0].User)
	})
}

func aReconnectTakesTheOpenedConnection(t *testing.T) {
	t.Parallel()
	h := &hosted{fake: fake{provider: "hosted"}, effect: bankmux.OneShot, logins: []string{"login-a"}}
	client := bankmux.NewClient("hosted", h)
	_, conn := linked(t, client, "u-1")
	_, stranger := linked(t, client, "u-1")
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: &conn})
	require.NoError(t, err)
	raw, err := json.Marshal(session)
	require.NoError(t, err)
	var stored bankmux.Session
	require.NoError(t, json.Unmarshal(raw, &stored))
	require.True(t, stored.Reconnect.Credential().IsZero(), "plain JSON has no credential")
	fresh, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
	require.NoError(t, err)

	exchange := func(s bankmux.Session, conn *bankmux.Connection) error {
		h.got = nil
		_, err := client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: s, User: "u-1", Payload: bankmux.NewSecret(goodPayload), Connection: conn},
		)
		return err
	}
	require.NoError(t, exchange(stored, &conn))
	assert.Equal(t, conn.Credential(), h.got.Session.Reconnect.Credential(), "the adapter sees the opened one")

	newer := bankmux.NewConnection(session, "login-a", bankmux.NewSecret("a newer credential"))
	newer.Client, newer.Provider = conn.Client, conn.Provider
	require.NoError(t, exchange(session, &newer))
	assert.Equal(
		t,
		"a newer credential",
		h.got.Session.Reconnect.Credential().Reveal(),
		"the row may be newer than the session",
	)
	unverified := conn
	unverified.Status.State = bankmux.StateUnverified
	assert.NoError(t, exchange(stored, &unverified))

	foreign, closed := conn, conn
	foreign.Client = "another"
	closed.User = "u-2"
	plain := *stored.Reconnect
	for name, c := range map[string]struct {
		session bankmux.Session
		conn    *bankmux.Connection
	}{
		"another connection of the user":              {stored, &stranger},
		"a connection of another user":                {stored, &closed},
		"a connection of another client":              {stored, &foreign},
		"a connection that was not opened":            {stored, &plain},
		"a connection for a session without a former": {fresh, &conn},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, exchange(c.session, c.conn), bankmux.ErrInvalid)
			assert.Nil(t, h.got, "the adapter is not asked")
		})
	}
}

func anExchangeThatOnlyReadsNeedsNoPayload(t *testing.T) {
	t.Parallel()
	h := &hosted{fake: fake{provider: "hosted"}, effect: bankmux.Read, logins: []string{"login-a"}}
	repeats := func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if op.Name == bankmux.OpExchangeToken {
			assert.Equal(t, h.effect, op.Effect)
		}
		return next(ctx)
	}
	client := bankmux.NewClient("hosted", h, repeats)
	s, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
	require.NoError(t, err)
	req := bankmux.ExchangeRequest{Session: s, User: "u-1"}
	_, err = client.ExchangeToken(t.Context(), req)
	require.NoError(t, err)

	req.Payload = bankmux.NewSecret(`{"error":"access_denied"}`)
	_, err = client.ExchangeToken(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrUserAction, "a payload that is there is read")
	req.Payload = bankmux.NewSecret("none")
	_, err = client.ExchangeToken(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid)

	h.effect, req.Payload = bankmux.OneShot, bankmux.Secret{}
	_, err = client.ExchangeToken(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid, "a one-shot needs what it spends")
}

func aSessionMayHaveTheIdThatDeliveriesName(t *testing.T) {
	t.Parallel()
	flow := strings.Repeat("d1", 32)
	h := &hosted{fake: fake{provider: "hosted"}, effect: bankmux.OneShot, logins: []string{"login-a"}, flow: flow}
	client := bankmux.NewClient("hosted", h)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
	require.NoError(t, err)
	assert.Equal(t, flow, session.ID)
	ring, err := bankmux.NewKeyring(key("a", 1))
	require.NoError(t, err)
	blob, err := session.Seal(ring)
	require.NoError(t, err)
	opened, err := bankmux.OpenSession(ring, session.Ref(), blob)
	require.NoError(t, err)
	got, err := client.ExchangeToken(
		t.Context(),
		bankmux.ExchangeRequest{Session: opened, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
	)
	require.NoError(t, err)
	assert.Equal(t, session.ConnectionID, got.Connection.ID)
}

func aSessionKeepsWhatTheAdapterNeeds(t *testing.T) {
	t.Parallel()
	h := &hosted{fake: fake{provider: "hosted"}, effect: bankmux.Read, logins: []string{"login-a"}}
	client := bankmux.NewClient("hosted", h)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1"})
	require.NoError(t, err)
	ring, err := bankmux.NewKeyring(key("a", 1))
	require.NoError(t, err)
	blob, err := session.Seal(ring)
	require.NoError(t, err)
	opened, err := bankmux.OpenSession(ring, session.Ref(), blob)
	require.NoError(t, err)
	assert.Equal(t, "verifier-"+planted, opened.State.Reveal())
	assert.Equal(t, session.Launch.URL.Reveal(), opened.Launch.URL.Reveal())

	browser, err := json.Marshal(session.Launch)
	require.NoError(t, err)
	var launch struct {
		URL string `json:"url"`
	}
	require.NoError(t, json.Unmarshal(browser, &launch))
	assert.Equal(t, "https://bank.example/authorize?state="+planted, launch.URL, "the browser goes there")
	assert.NotContains(t, string(browser), "verifier")
	stored, err := json.Marshal(session)
	require.NoError(t, err)
	for _, shown := range []string{
		string(stored), fmt.Sprintf("%v %+v %#v", session, session, session),
		fmt.Sprintf("%v %+v %#v", session.Launch, session.Launch, session.Launch),
	} {
		assert.NotContains(t, shown, planted)
	}
}
