package bankmux_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
)

// renewing is a session that renews a connection whose reference is its credential.
func renewing(t *testing.T) bankmux.Session {
	t.Helper()
	client := bankmux.NewClient("mk", &fake{provider: "mk", env: bankmux.Sandbox, reference: planted})
	_, conn := linked(t, client, "u-1")
	s, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "u-1", Reconnect: &conn, Country: "US"})
	require.NoError(t, err)
	s.Launch.Token = bankmux.NewLaunchToken("launch-token-77")
	s.Launch.Parameters = map[string]string{"a": "b"}
	return s
}

func TestSealedSession(t *testing.T) {
	t.Parallel()
	t.Run("a session opens as it was sealed", sealedSessionRoundTrip)
	t.Run("a session opens under its own ref only", sealedSessionRef)
	t.Run("a sealed session can be used and resealed", sealedSessionUse)
}

// sealedSession returns a session and the bytes that k makes of it.
func sealedSession(t *testing.T, k *bankmux.Keyring) (bankmux.Session, []byte) {
	t.Helper()
	s := renewing(t)
	blob, err := s.Seal(k)
	require.NoError(t, err)
	return s, blob
}

func sealedSessionRoundTrip(t *testing.T) {
	t.Parallel()
	k := ring(t, key("a", 1))
	t.Run("the session opens with the credential of what it renews", func(t *testing.T) {
		t.Parallel()
		s, blob := sealedSession(t, k)
		assert.NotContains(t, string(blob), planted)
		assert.NotContains(t, string(blob), "launch-token-77")
		back, err := bankmux.OpenSession(k, s.Ref(), blob)
		require.NoError(t, err)
		assert.Equal(t, s, back)
		assert.Equal(t, planted, back.Reconnect.Credential().Reveal())
		assert.Equal(t, planted, back.Reconnect.Reference())
		other, err := s.Seal(k)
		require.NoError(t, err)
		assert.NotEqual(t, blob, other, "sealing twice gives different bytes")
	})
	t.Run("the session opens without a reconnect as well", func(t *testing.T) {
		t.Parallel()
		s := bankmux.NewSession(
			bankmux.SessionRequest{User: "u-1", Products: []bankmux.ProductRequest{{Product: bankmux.ProductAccounts}}},
		)
		blob, err := s.Seal(k)
		require.NoError(t, err)
		back, err := bankmux.OpenSession(k, bankmux.SessionRef{User: "u-1", ID: s.ID}, blob)
		require.NoError(t, err)
		assert.Equal(t, s, back)
	})
	t.Run("every byte that the adapter keeps is kept", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{
			"", "verifier", "{}", `{"bytes":"AA=="}`, "null", "\xff\xfe\x00a", "\u2028<>&\x00",
		} {
			s := renewing(t)
			s.State = bankmux.NewSecret(text)
			conn := s.Reconnect.WithCredential(bankmux.NewSecret(text + "\xff"))
			s.Reconnect = &conn
			blob, err := s.Seal(k)
			require.NoError(t, err)
			back, err := bankmux.OpenSession(k, s.Ref(), blob)
			require.NoError(t, err)
			assert.Equal(t, s, back)
			assert.Equal(t, text, back.State.Reveal())
			row, err := conn.Seal(k)
			require.NoError(t, err)
			opened, err := bankmux.Open(k, conn.Ref(), row)
			require.NoError(t, err)
			assert.Equal(t, conn, opened)
		}
	})
}

func sealedSessionRef(t *testing.T) {
	t.Parallel()
	k := ring(t, key("a", 1))
	t.Run("the session opens for its user and id only", func(t *testing.T) {
		t.Parallel()
		s, blob := sealedSession(t, k)
		for name, ref := range map[string]bankmux.SessionRef{
			"another user": {User: "u-2", ID: s.ID},
			"another id":   {User: s.User, ID: s.ID + "x"},
			"fields moved": {User: s.User + s.ID[:1], ID: s.ID[1:]},
			"exchanged":    {User: s.ID, ID: s.User},
		} {
			_, err := bankmux.OpenSession(k, ref, blob)
			assert.ErrorIs(t, err, bankmux.ErrSeal, name)
		}
		for i := range blob {
			bad := bytes.Clone(blob)
			bad[i] ^= 1
			_, err := bankmux.OpenSession(k, s.Ref(), bad)
			require.ErrorIs(t, err, bankmux.ErrSeal, "byte %d changed", i)
			_, err = bankmux.OpenSession(k, s.Ref(), blob[:i])
			require.ErrorIs(t, err, bankmux.ErrSeal, "cut at %d", i)
		}
	})
	t.Run("a session and a connection do not open as each other", func(t *testing.T) {
		t.Parallel()
		s, blob := sealedSession(t, k)
		conn := *s.Reconnect
		row, err := conn.Seal(k)
		require.NoError(t, err)
		for _, first := range []byte{row[0], blob[0]} { // also where the format differs
			asConn, asSession := bytes.Clone(blob), bytes.Clone(row)
			asConn[0], asSession[0] = first, first
			for _, ref := range []bankmux.Ref{
				conn.Ref(), {Provider: s.Provider, User: s.User, ID: s.ID}, {Provider: s.User, User: s.ID, ID: s.ID},
			} {
				_, err = bankmux.Open(k, ref, asConn)
				require.ErrorIs(t, err, bankmux.ErrSeal)
			}
			for _, ref := range []bankmux.SessionRef{s.Ref(), {User: conn.User, ID: conn.ID}} {
				_, err = bankmux.OpenSession(k, ref, asSession)
				require.ErrorIs(t, err, bankmux.ErrSeal)
			}
		}
	})
	t.Run("user and id are authenticated in other words than a connection's", func(t *testing.T) {
		t.Parallel()
		s, w := renewing(t), &watching{}
		_, err := s.Reconnect.Seal(w)
		require.NoError(t, err)
		seen := map[string]string{string(w.associated): "a connection"}
		domain := w.associated[0]
		for name, change := range map[string]func(*bankmux.Session){
			"as it is":             func(*bankmux.Session) {},
			"another user":         func(s *bankmux.Session) { s.User += "x" },
			"another id":           func(s *bankmux.Session) { s.ID += "x" },
			"fields moved":         func(s *bankmux.Session) { s.User, s.ID = s.User+s.ID[:1], s.ID[1:] },
			"a connection's texts": func(s *bankmux.Session) { s.User, s.ID = s.Reconnect.Provider, string(s.Reconnect.Environment) },
		} {
			changed := s
			change(&changed)
			_, err := changed.Seal(w)
			require.NoError(t, err)
			assert.Empty(t, seen[string(w.associated)], name)
			assert.NotEqual(t, domain, w.associated[0], name)
			seen[string(w.associated)] = name
		}
	})
	t.Run("the content is checked as well, for an AEAD that forgets to", func(t *testing.T) {
		t.Parallel()
		s := renewing(t)
		blob, err := s.Seal(careless{})
		require.NoError(t, err)
		for _, ref := range []bankmux.SessionRef{{User: "u-2", ID: s.ID}, {User: s.User, ID: "another"}} {
			_, err = bankmux.OpenSession(careless{}, ref, blob)
			require.ErrorIs(t, err, bankmux.ErrSeal)
		}
		for name, change := range map[string]func(map[string]any){
			"what it renews is of another user":       func(in map[string]any) { inside(in, "reconnect", "connection")["user"] = "u-2" },
			"what it renews has another id":           func(in map[string]any) { inside(in, "reconnect", "connection")["id"] = "another" },
			"what it renews lacks its credential":     func(in map[string]any) { inside(in, "reconnect")["credential"] = "" },
			"a connection stands in the session JSON": func(in map[string]any) { inside(in, "session")["reconnect"] = map[string]any{"id": "x"} },
		} {
			var in map[string]any
			require.NoError(t, json.Unmarshal(blob[1:], &in))
			change(in)
			changed, err := json.Marshal(in)
			require.NoError(t, err)
			_, err = bankmux.OpenSession(careless{}, s.Ref(), append(blob[:1:1], changed...))
			assert.ErrorIs(t, err, bankmux.ErrSeal, name)
		}
		_, err = bankmux.OpenSession(careless{}, s.Ref(), blob)
		require.NoError(t, err)
	})
}

func sealedSessionUse(t *testing.T) {
	t.Parallel()
	k := ring(t, key("a", 1))
	t.Run("a rotated key requires resealing", func(t *testing.T) {
		t.Parallel()
		s, blob := sealedSession(t, k)
		after := ring(t, key("b", 2), key("a", 1))
		assert.False(t, k.NeedsReseal(blob))
		assert.True(t, after.NeedsReseal(blob))
		back, err := bankmux.OpenSession(after, s.Ref(), blob)
		require.NoError(t, err)
		fresh, err := back.Seal(after)
		require.NoError(t, err)
		assert.False(t, after.NeedsReseal(fresh))
		_, err = bankmux.OpenSession(ring(t, key("b", 2)), s.Ref(), blob)
		assert.ErrorContains(t, err, `the sealed session is under key "a", which is not in the keyring`)
	})
	t.Run("ExchangeToken accepts the session until it expires", func(t *testing.T) {
		t.Parallel()
		client := bankmux.NewClient("mk", &fake{provider: "mk", env: bankmux.Sandbox, reference: planted})
		s, blob := sealedSession(t, k)
		back, err := bankmux.OpenSession(k, s.Ref(), blob)
		require.NoError(t, err)
		conn, err := single.Connection(
			client.ExchangeToken(
				t.Context(),
				bankmux.ExchangeRequest{Session: back, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
			),
		)
		require.NoError(t, err)
		assert.Equal(t, s.ConnectionID, conn.ID)
		s.ExpiresAt = time.Now()
		blob, err = s.Seal(k)
		require.NoError(t, err)
		back, err = bankmux.OpenSession(k, s.Ref(), blob)
		require.NoError(t, err)
		_, err = client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: back, User: "u-1", Payload: bankmux.NewSecret(goodPayload)},
		)
		assert.ErrorIs(t, err, bankmux.ErrTokenSpent)
	})
	t.Run("an invalid argument is rejected", func(t *testing.T) {
		t.Parallel()
		s, blob := sealedSession(t, k)
		var none *bankmux.Keyring
		for name, call := range map[string]func() error{
			"no aead":       func() error { _, err := s.Seal(nil); return err },
			"a nil keyring": func() error { _, err := bankmux.OpenSession(none, s.Ref(), blob); return err },
			"no session":    func() error { _, err := bankmux.Session{}.Seal(k); return err },
			"no user":       func() error { _, err := bankmux.OpenSession(k, bankmux.SessionRef{ID: s.ID}, blob); return err },
			"a user not of UTF-8": func() error {
				_, err := bankmux.OpenSession(k, bankmux.SessionRef{User: "\xff", ID: s.ID}, blob)
				return err
			},
			"a lost credential": func() error {
				lost := s
				lost.Reconnect = &bankmux.Connection{ID: s.ConnectionID}
				_, err := lost.Seal(k)
				return err
			},
			"a user cut out of it":  func() error { lost := s; lost.User = ""; _, err := lost.Seal(k); return err },
			"an id cut out of it":   func() error { lost := s; lost.ID = ""; _, err := lost.Seal(k); return err },
			"an id not of UTF-8":    func() error { lost := s; lost.ID = "\xff"; _, err := lost.Seal(k); return err },
			"bytes of no session":   func() error { _, err := bankmux.OpenSession(k, s.Ref(), []byte{9, 9}); return asSeal(err) },
			"no bytes":              func() error { _, err := bankmux.OpenSession(k, s.Ref(), nil); return asSeal(err) },
			"errors of a leaky one": func() error { _, err := s.Seal(leaky{}); return asSeal(err) },
		} {
			err := call()
			require.ErrorIs(t, err, bankmux.ErrInvalid, name)
			assert.NotContains(t, err.Error(), planted, name)
		}
	})
}

// asSeal turns an ErrSeal into the ErrInvalid that its table expects.
func asSeal(err error) error {
	if bankmux.KindOf(err) == bankmux.ErrSeal {
		return bankmux.ErrInvalid
	}
	return err
}

func inside(v map[string]any, path ...string) map[string]any {
	for _, key := range path {
		v, _ = v[key].(map[string]any)
	}
	return v
}

// careless is an AEAD that neither hides nor authenticates.
type careless struct{}

func (careless) Encrypt(plain, _ []byte) ([]byte, error) { return plain, nil }
func (careless) Decrypt(box, _ []byte) ([]byte, error)   { return box, nil }
