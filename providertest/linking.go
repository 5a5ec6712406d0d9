package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// linking are the promises of the two steps every provider has.
var linking = map[string]func(*testing.T, *bench){
	"a session is complete and survives sealed storage": func(t *testing.T, b *bench) {
		s := b.session(t.Context())
		assert.GreaterOrEqual(t, len(s.ID), 22, "128 random bits")
		assert.NotEqual(t, s.ID, b.session(t.Context()).ID)
		assert.NotEmpty(t, s.ConnectionID)
		assert.Equal(t, b.Request.User, s.User)
		assert.Equal(t, b.client.Name(), s.Client)
		assert.Equal(t, b.client.Provider(), s.Provider)
		assert.Equal(t, b.client.Provider(), s.Launch.Provider)
		assert.Equal(t, bankmux.ModeLink, s.Launch.Mode)
		assert.True(t, s.ExpiresAt.After(s.CreatedAt))
		back := b.kept(s)
		assert.Equal(t, s, back)
		_, err := b.client.ExchangeToken(t.Context(), b.linked(back))
		assert.NoError(t, err)
	},
	"an exchange gives a connection that storage keeps": func(t *testing.T, b *bench) {
		s := b.session(t.Context())
		conn, err := b.client.ExchangeToken(t.Context(), b.linked(s))
		require.NoError(t, err)
		b.concealCredential(conn)
		b.show(conn)
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
		assert.Equal(t, 1, b.exchanges())
	},
	"a payload posted twice makes one connection or says the token is spent": func(t *testing.T, b *bench) {
		post := b.linked(b.session(t.Context()))
		first, err := b.client.ExchangeToken(t.Context(), post)
		require.NoError(t, err)
		again, err := b.client.ExchangeToken(t.Context(), post)
		if err != nil {
			b.show(err)
			require.ErrorIs(t, err, bankmux.ErrTokenSpent)
			return
		}
		assert.Equal(t, first.ID, again.ID)
		assert.Equal(t, first.Reference(), again.Reference())
	},
	"a payload of another session is refused where the provider can tell": func(t *testing.T, b *bench) {
		mine, theirs := b.session(t.Context()), b.session(t.Context())
		post := b.linked(theirs)
		post.Session = mine
		conn, err := b.client.ExchangeToken(t.Context(), post)
		if !b.Binds {
			require.NoError(t, err)
			assert.Equal(t, b.idOf(mine, conn), conn.ID)
			return
		}
		b.show(err)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	},
	"two logins of one session are two connections, unless the provider allows only one": func(t *testing.T, b *bench) {
		if b.Binds {
			return // its front end takes a session once
		}
		s := b.session(t.Context())
		first, err := b.client.ExchangeToken(t.Context(), b.linked(s))
		require.NoError(t, err)
		second, err := b.client.ExchangeToken(t.Context(), b.linked(s))
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
	"what cannot be right is refused and sends nothing": func(t *testing.T, b *bench) {
		good := b.linked(b.session(t.Context()))
		sent := b.reached()
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancelLate()
		for name, c := range map[string]struct {
			ctx    context.Context
			change func(*bankmux.ExchangeRequest)
			kind   bankmux.Kind
		}{
			"a cancelled context":       {cancelled, func(*bankmux.ExchangeRequest) {}, bankmux.ErrContextDone},
			"an expired deadline":       {late, func(*bankmux.ExchangeRequest) {}, bankmux.ErrContextDone},
			"another user":              {t.Context(), func(r *bankmux.ExchangeRequest) { r.User = "somebody-else" }, bankmux.ErrInvalid},
			"an expired session":        {t.Context(), func(r *bankmux.ExchangeRequest) { r.Session.ExpiresAt = time.Now() }, bankmux.ErrTokenSpent},
			"another client's session":  {t.Context(), func(r *bankmux.ExchangeRequest) { r.Session.Client = "another" }, bankmux.ErrInvalid},
			"no JSON":                   {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret("token=1") }, bankmux.ErrInvalid},
			"an empty object":           {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret("{}") }, bankmux.ErrInvalid},
			"a strange provider's":      {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(`{"public_token":"x"}`) }, bankmux.ErrInvalid},
			"a repeated key":            {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(doubled([]byte(r.Payload.Reveal()))) }, bankmux.ErrInvalid},
			"keys in another case":      {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(strings.ToUpper(r.Payload.Reveal())) }, bankmux.ErrInvalid},
			"the user left":             {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(`{"error":null}`) }, bankmux.ErrUserAction},
			"the front end had a fault": {t.Context(), func(r *bankmux.ExchangeRequest) { r.Payload = bankmux.NewSecret(`{"error":{"message":"x"}}`) }, bankmux.ErrUserAction},
		} {
			req := good
			c.change(&req)
			_, err := b.client.ExchangeToken(c.ctx, req)
			b.show(err)
			assert.Equal(t, c.kind, bankmux.KindOf(err), name)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, name)
			assert.True(t, e.NotSent, name)
		}
		_, err := b.client.CreateSession(cancelled, b.Request)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		_, err = b.client.CreateSession(t.Context(), bankmux.SessionRequest{})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Equal(t, sent, b.reached())
		_, err = b.client.ExchangeToken(t.Context(), good)
		assert.NoError(t, err, "nothing was lost")
	},
	"thirty-two users link at once": func(t *testing.T, b *bench) {
		var all sync.WaitGroup
		ids := make([]string, 32)
		for i := range ids {
			all.Go(func() {
				s, err := b.client.CreateSession(t.Context(), b.Request)
				if !assert.NoError(t, err) {
					return
				}
				payload, err := b.Link(s)
				if !assert.NoError(t, err) {
					return
				}
				conn, err := b.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)})
				assert.NoError(t, err)
				ids[i] = conn.ID
			})
		}
		all.Wait()
		distinct := map[string]bool{}
		for _, id := range ids {
			distinct[id] = true
		}
		assert.Len(t, distinct, len(ids))
		assert.Equal(t, len(ids), b.exchanges())
	},
}

// idOf is what a connection of a session is called.
func (b *bench) idOf(s bankmux.Session, conn bankmux.Connection) string {
	if b.Binds {
		return s.ConnectionID
	}
	return s.ConnectionOf(conn.Reference())
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
