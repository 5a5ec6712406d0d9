package providertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// linking lists the promises about CreateSession and ExchangeToken, which every adapter has.
var linking = []promise{
	{"a session is complete, and equal after sealed storage", nil, func(t *testing.T, b *bench) {
		s := b.session(t.Context())
		assert.GreaterOrEqual(t, len(s.ID), 22, "Session.ID has 128 random bits")
		assert.NotEqual(t, s.ID, b.session(t.Context()).ID)
		assert.NotEmpty(t, s.ConnectionID)
		assert.Equal(t, b.Request.User, s.User)
		assert.Equal(t, b.client.Name(), s.Client)
		assert.Equal(t, b.client.Provider(), s.Provider)
		assert.Equal(t, b.client.Provider(), s.Launch.Provider)
		assert.Equal(t, bankmux.ModeLink, s.Launch.Mode)
		assert.True(t, s.ExpiresAt.After(s.CreatedAt))
		back := b.reopened(s)
		assert.Equal(t, s, back)
		_, err := b.client.ExchangeToken(t.Context(), b.linked(back))
		assert.NoError(t, err)
	}},
	{"an exchange returns a connection that is equal after sealed storage", nil, func(t *testing.T, b *bench) {
		s := b.session(t.Context())
		post := b.linked(s)
		reads, mark := b.readsExchange(post), b.reached()
		conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
		require.NoError(t, err)
		assert.Equal(t, b.idOf(s, conn), conn.ID)
		assert.Equal(t, s.User, conn.User)
		assert.Equal(t, b.client.Name(), conn.Client)
		assert.Equal(t, b.client.Environment(), conn.Environment)
		assert.Equal(t, bankmux.StateActive, conn.Status.State)
		assert.NotEmpty(t, conn.Reference())
		assert.NotEmpty(t, conn.Institution.ID)
		assert.False(t, conn.CreatedAt.IsZero())
		ring := b.keyring()
		row, err := conn.Seal(ring)
		require.NoError(t, err)
		back, err := bankmux.Open(ring, conn.Ref(), row)
		require.NoError(t, err)
		assert.Equal(t, conn, back)
		if reads {
			b.onlyReads(mark, "the exchange")
			return
		}
		assert.Equal(t, 1, b.exchanges())
	}},
	{"a payload that is posted twice returns one connection or ErrTokenSpent", nil, func(t *testing.T, b *bench) {
		post := b.linked(b.session(t.Context()))
		first, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
		require.NoError(t, err)
		again, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
		if err != nil {
			require.False(t, b.readsExchange(post), "an exchange that is a read spends nothing: %v", err)
			require.ErrorIs(t, err, bankmux.ErrTokenSpent)
			return
		}
		assert.Equal(t, first.ID, again.ID)
		assert.Equal(t, first.Reference(), again.Reference())
	}},
	{"a payload of another session is refused where the provider binds payloads", nil, func(t *testing.T, b *bench) {
		mine, theirs := b.session(t.Context()), b.session(t.Context())
		post := b.linked(theirs)
		post.Session = mine
		conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
		if !b.Binds {
			require.NoError(t, err)
			assert.Equal(t, b.idOf(mine, conn), conn.ID)
			return
		}
		if b.readsExchange(post) { // the payload says nothing, and the user did not finish this session
			require.Error(t, err, "a payload of another session was accepted, and no user finished this one")
			own, err := single.Connection(b.client.ExchangeToken(t.Context(), b.linked(mine)))
			require.NoError(t, err)
			conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
			if err == nil { // the session itself identifies the connection
				assert.Equal(t, own.Reference(), conn.Reference(), "a payload of another session was accepted")
			}
			return
		}
		require.ErrorIs(t, err, bankmux.ErrInvalid, "a payload of another session was accepted")
	}},
	{
		"two logins of one session are two connections, unless the provider binds payloads",
		nil,
		func(t *testing.T, b *bench) {
			if b.Binds {
				return // its front end finishes a session once
			}
			s := b.session(t.Context())
			first, err := single.Connection(b.client.ExchangeToken(t.Context(), b.linked(s)))
			require.NoError(t, err)
			second, err := single.Connection(b.client.ExchangeToken(t.Context(), b.linked(s)))
			require.NoError(t, err)
			assert.NotEqual(t, first.ID, second.ID, "an upsert by the id would lose the first credential")
			assert.NotEqual(t, first.Reference(), second.Reference())
			for _, conn := range []bankmux.Connection{first, second} {
				b.concealCredential(conn)
				assert.Len(t, conn.ID, len(s.ConnectionID))
				if b.client.Has(bankmux.CapStatus) {
					got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
					require.NoError(t, err)
					assert.Equal(t, conn.ID, got.Connection.ID)
				}
			}
		},
	},
	{"the fields of a session request reach the provider", nil, sessionsArrive},
	{"a connection has the products that the user granted", nil, productsAreGranted},
	{"a connection has the dates of its consent", nil, consentsAreRead},
	{"banks that are linked in one run are several connections", nil, severalBanks},
	{"an invalid call is refused, and nothing is sent", nil, refusals},
	{"a payload of another form is refused", nil, strangers},
	{"32 users link at once", nil, func(t *testing.T, b *bench) {
		ids := make([]string, 32)
		b.together(len(ids), func(i int) {
			s, err := b.client.CreateSession(t.Context(), b.Request)
			if !assert.NoError(t, err) {
				return
			}
			payload, err := b.Link(s)
			if !assert.NoError(t, err) {
				return
			}
			post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
			conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
			assert.NoError(t, err)
			ids[i] = conn.ID
		})
		distinct := map[string]bool{}
		for _, id := range ids {
			distinct[id] = true
		}
		assert.Len(t, distinct, len(ids))
		assert.GreaterOrEqual(t, b.exchanges(), len(ids))
	}},
}

// refusals checks that invalid calls are refused before anything is sent.
func refusals(t *testing.T, b *bench) {
	good := b.linked(b.session(t.Context()))
	sent := b.reached()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	payload := func(text string) func(*bankmux.ExchangeRequest) {
		return func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(text) }
	}
	type exchange = bankmux.ExchangeRequest
	expired := func(r *exchange) { r.Session.ExpiresAt = time.Now() }
	foreign := func(r *exchange) { r.Session.Client = "another" }
	for name, c := range map[string]struct {
		ctx    context.Context
		change func(*exchange)
		kind   bankmux.Kind
	}{
		"a cancelled context":       {cancelled, func(*exchange) {}, bankmux.ErrContextDone},
		"an expired deadline":       {late, func(*exchange) {}, bankmux.ErrContextDone},
		"another user":              {t.Context(), func(r *exchange) { r.User = "another-user" }, bankmux.ErrInvalid},
		"an expired session":        {t.Context(), expired, bankmux.ErrTokenSpent},
		"another client's session":  {t.Context(), foreign, bankmux.ErrInvalid},
		"no JSON":                   {t.Context(), payload("token=1"), bankmux.ErrInvalid},
		"a repeated key":            {t.Context(), payload(`{"a":"1","a":"2"}`), bankmux.ErrInvalid},
		"keys that differ in case":  {t.Context(), payload(`{"a":"1","A":"2"}`), bankmux.ErrInvalid},
		"the user left":             {t.Context(), payload(`{"error":null}`), bankmux.ErrUserAction},
		"the front end had a fault": {t.Context(), payload(`{"error":{"message":"x"}}`), bankmux.ErrUserAction},
	} {
		req := good
		c.change(&req)
		_, err := b.client.ExchangeToken(c.ctx, req)
		b.refused(name, err, c.kind)
	}
	_, err := b.client.CreateSession(cancelled, b.Request)
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	_, err = b.client.CreateSession(t.Context(), bankmux.SessionRequest{})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.Equal(t, sent, b.reached(), "refused, and nothing was sent")
	_, err = b.client.ExchangeToken(t.Context(), good)
	assert.NoError(t, err, "the same call succeeds afterwards")
}

// strangers posts payloads that this provider's front end never makes. An exchange that spends a
// token must refuse them without sending. One that only reads may ignore the payload.
func strangers(t *testing.T, b *bench) {
	good := b.linked(b.session(t.Context()))
	reads, sent := b.readsExchange(good), b.reached()
	text := good.Payload.Reveal()
	for name, payload := range map[string]string{
		"empty":                          "",
		"an empty object":                "{}",
		"another provider's":             `{"` + strings.ToLower(rand.Text()) + `":"x"}`,
		"a member twice":                 string(doubled([]byte(text))),
		"the provider's in another case": strings.ToUpper(text),
	} {
		req := good
		req.Payload = bankmux.NewSecret(payload)
		_, err := b.client.ExchangeToken(t.Context(), req)
		if reads && name != "a member twice" {
			assert.Contains(t, []bankmux.Kind{"", bankmux.ErrInvalid, bankmux.ErrUserAction}, bankmux.KindOf(err),
				"a payload that is %s: %v", name, err)
			continue
		}
		if payload == text { // the payload has no member
			continue
		}
		b.refused("a payload that is "+name, err, bankmux.ErrInvalid)
	}
	if !reads {
		assert.Equal(t, sent, b.reached(), "refused, and nothing was sent")
	}
	_, err := b.client.ExchangeToken(t.Context(), good)
	assert.NoError(t, err, "the same call succeeds afterwards")
}

// refused checks that a call was refused, with the proof that nothing was sent.
func (b *bench) refused(name string, err error, kind bankmux.Kind) {
	b.t.Helper()
	assert.Equal(b.t, kind, bankmux.KindOf(err), "%s: %v", name, err)
	if e, ok := errors.AsType[*bankmux.Error](err); assert.True(b.t, ok, name) {
		assert.True(b.t, e.NotSent, "%s: NotSent", name)
	}
}

// doubled repeats the first member of an object.
func doubled(payload json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(payload, &fields)
	for key, v := range fields {
		member := []byte("{" + `"` + key + `":` + string(v) + ",")
		return append(member, bytes.TrimSpace(payload)[1:]...)
	}
	return payload
}
