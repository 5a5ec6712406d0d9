package webhook_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestJWT specifies which signed tokens hold, and which schemes NewJWT refuses.
func TestJWT(t *testing.T) {
	t.Parallel()
	t.Run("key, algorithm, claims and every byte count", keyAlgorithmClaimsAndEveryByteCount)
	t.Run("a prefix, a fraction and any issuer are accepted as configured", aPrefixAFractionAndAnyIssuerAreAccepted)
	t.Run("only keys of the named algorithm are used", onlyKeysOfTheNamedAlgorithmAreUsed)
	t.Run("a scheme that proves too little is refused", aJWTSchemeThatProvesTooLittleIsRefused)
}

// TestJWTAllocations is not parallel: it counts allocations.
func TestJWTAllocations(t *testing.T) {
	t.Run("ES256 needs about as many as the curve alone", es256Allocations)
}

// es256Allocations allows for a few that the race detector adds. crypto/ecdsa alone has ten.
func es256Allocations(t *testing.T) {
	s := newSigner(t, "k1")
	v, req := jwt(t, set(s.jwk()), nil), signed(s.token(body, nil))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := v.Verify(t.Context(), req)
		assert.NoError(t, err)
	}), 24.0)
}

// signer signs tokens as a provider does.
type signer struct {
	t   *testing.T
	kid string
	alg string
	key crypto.Signer
}

func newSigner(t *testing.T, kid string) *signer {
	t.Helper()
	return newSignerOn(t, kid, elliptic.P256())
}

func newSignerOn(t *testing.T, kid string, curve elliptic.Curve) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return &signer{t, kid, "ES256", key}
}

func newRSASigner(t *testing.T, kid string, bits int) *signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return &signer{t, kid, "RS256", key}
}

// jwk is the public key.
func (s *signer) jwk() json.RawMessage {
	s.t.Helper()
	raw, err := jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Use: "sig", Algorithm: s.alg}.MarshalJSON()
	require.NoError(s.t, err)
	return raw
}

// token signs claims about a body, as changed.
func (s *signer) token(body string, change func(header, claims map[string]any)) string {
	s.t.Helper()
	digest := sha256.Sum256([]byte(body))
	header := map[string]any{"alg": s.alg, "typ": "JWT", "kid": s.kid}
	claims := map[string]any{
		"iss":                 "https://acme.test",
		"iat":                 time.Now().Unix(),
		"request_body_sha256": hex.EncodeToString(digest[:]),
	}
	if change != nil {
		change(header, claims)
	}
	h, err := json.Marshal(header)
	require.NoError(s.t, err)
	c, err := json.Marshal(claims)
	require.NoError(s.t, err)
	return s.sign(base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c))
}

// inClear signs the claims as RFC 7797 has it: what is signed is their text, and not its base64.
func (s *signer) inClear(body string) string {
	s.t.Helper()
	genuine := strings.Split(
		s.token(body, func(h, _ map[string]any) { h["b64"], h["crit"] = false, []string{"b64"} }),
		".",
	)
	claims, err := base64.RawURLEncoding.DecodeString(genuine[1])
	require.NoError(s.t, err)
	inClear := s.sign(genuine[0] + "." + string(claims))
	return genuine[0] + "." + genuine[1] + inClear[strings.LastIndex(inClear, "."):]
}

func (s *signer) sign(text string) string {
	s.t.Helper()
	sum := sha256.Sum256([]byte(text))
	if key, ok := s.key.(*ecdsa.PrivateKey); ok {
		size := (key.Params().BitSize + 7) / 8
		r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
		require.NoError(s.t, err)
		return text + "." + base64.RawURLEncoding.EncodeToString(
			append(r.FillBytes(make([]byte, size)), v.FillBytes(make([]byte, size))...),
		)
	}
	raw, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	require.NoError(s.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(raw)
}

// set publishes keys.
func set(keys ...json.RawMessage) *webhook.Keys {
	return webhook.NewKeySet(func(context.Context) ([]json.RawMessage, error) { return keys, nil })
}

func jwt(t *testing.T, keys *webhook.Keys, change func(*webhook.JWT)) webhook.Verifier {
	t.Helper()
	cfg := webhook.JWT{
		Header: []string{"Acme-Signature"}, Keys: keys, Issuer: "https://acme.test", Digest: "request_body_sha256",
		Algorithms: []webhook.Algorithm{webhook.ES256, webhook.RS256},
	}
	if change != nil {
		change(&cfg)
	}
	v, err := webhook.NewJWT(cfg)
	require.NoError(t, err)
	return v
}

func signed(token string) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(http.Header{"Acme-Signature": {token}}, []byte(body))
}

func keyAlgorithmClaimsAndEveryByteCount(t *testing.T) {
	t.Parallel()
	es, rs := newSigner(t, "k1"), newRSASigner(t, "k1", 2048)
	for name, s := range map[string]*signer{"ES256": es, "RS256": rs} {
		t.Run(name, func(t *testing.T) {
			other := map[string]*signer{"ES256": newSigner(t, "k1"), "RS256": newRSASigner(t, "k1", 2048)}[name]
			v := jwt(t, set(es.jwk(), rs.jwk()), nil) // one id may name a key of each sort
			good := s.token(body, nil)
			head, _, _ := strings.Cut(good, ".")
			proof, err := v.Verify(t.Context(), signed(good))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), proof.Time, time.Minute)
			assert.Empty(t, proof.ID)
			assert.NotEqual(t, proof.Key([]byte(body)), webhook.Proof{}.Key([]byte(body)), "the key has the time")

			for i := range good {
				changed := []byte(good)
				changed[i] ^= 1
				refuses(t, v, signed(string(changed)), "a changed token")
			}
			refuses(
				t,
				v,
				bankmux.NewWebhookRequest(http.Header{"Acme-Signature": {good}}, []byte(body+"\n")),
				"another body",
			)
			for why, token := range map[string]string{
				"another key of that id": other.token(body, nil),
				"a line break":           good[:20] + "\n" + good[20:],
				"two tokens":             good + "," + good,
				"an unknown id":          s.token(body, func(h, _ map[string]any) { h["kid"] = "k2" }),
				"no id":                  s.token(body, func(h, _ map[string]any) { delete(h, "kid") }),
				"an endless id": s.token(body, func(h, _ map[string]any) {
					h["kid"] = string(make([]byte, 300))
				}),
				"a key brought along": s.token(body, func(h, _ map[string]any) {
					delete(h, "kid")
					h["jwk"] = other.jwk()
				}),
				"the other algorithm": s.token(body, func(h, _ map[string]any) {
					h["alg"] = map[string]string{"ES256": "RS256", "RS256": "ES256"}[name]
				}),
				"an algorithm of digits": s.token(body, func(h, _ map[string]any) { h["alg"] = "HS256" }),
				"no algorithm":           s.token(body, func(h, _ map[string]any) { h["alg"] = "none" }),
				"a critical extension": s.token(body, func(h, _ map[string]any) {
					h["crit"] = []string{"x"}
					h["x"] = 1
				}),
				"no list of extensions": s.token(body, func(h, _ map[string]any) { h["crit"] = []string{} }),
				"a payload in clear":    s.inClear(body),
				"another issuer":        s.token(body, func(_, c map[string]any) { c["iss"] = "https://other.test" }),
				"no issuer":             s.token(body, func(_, c map[string]any) { delete(c, "iss") }),
				"no time":               s.token(body, func(_, c map[string]any) { delete(c, "iat") }),
				"a time that is null":   s.token(body, func(_, c map[string]any) { c["iat"] = nil }),
				"a time as text":        s.token(body, func(_, c map[string]any) { c["iat"] = "1700000000" }),
				"a time beyond all":     s.token(body, func(_, c map[string]any) { c["iat"] = 1e300 }),
				"a time before all":     s.token(body, func(_, c map[string]any) { c["iat"] = -1 }),
				"an old one": s.token(body, func(_, c map[string]any) {
					c["iat"] = time.Now().Add(-6 * time.Minute).Unix()
				}),
				"one of the future": s.token(body, func(_, c map[string]any) {
					c["iat"] = time.Now().Add(6 * time.Minute).Unix()
				}),
				"no digest": s.token(body, func(_, c map[string]any) { delete(c, "request_body_sha256") }),
				"a digest in a list": s.token(body, func(_, c map[string]any) {
					c["request_body_sha256"] = []any{c["request_body_sha256"]}
				}),
				"claims that repeat":     s.sign(head + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iat":1,"iat":2}`))),
				"claims that are a list": s.sign(head + "." + base64.RawURLEncoding.EncodeToString([]byte(`[]`))),
			} {
				refuses(t, v, signed(token), why)
			}
			only := map[string]webhook.Algorithm{"ES256": webhook.RS256, "RS256": webhook.ES256}[name]
			refuses(
				t,
				jwt(t, set(es.jwk(), rs.jwk()), func(c *webhook.JWT) { c.Algorithms = []webhook.Algorithm{only} }),
				signed(good),
				"an algorithm that is not accepted",
			)
		})
	}
}

func aPrefixAFractionAndAnyIssuerAreAccepted(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), func(c *webhook.JWT) { c.Prefix, c.Issuer, c.Algorithms = "Bearer ", "", nil })
	token := s.token(body, func(_, c map[string]any) { delete(c, "iss"); c["iat"] = float64(time.Now().Unix()) + 0.5 })
	_, err := v.Verify(t.Context(), signed("Bearer "+token))
	require.NoError(t, err)
	refuses(t, v, signed(token), "the prefix is missing")
}

func aJWTSchemeThatProvesTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*webhook.JWT)
		field  string
	}{
		"no header":              {func(c *webhook.JWT) { c.Header = nil }, "Header"},
		"no keys":                {func(c *webhook.JWT) { c.Keys = nil }, "Keys"},
		"keys of nowhere":        {func(c *webhook.JWT) { c.Keys = &webhook.Keys{} }, "Keys"},
		"no digest":              {func(c *webhook.JWT) { c.Digest = "" }, "Digest"},
		"the time as the digest": {func(c *webhook.JWT) { c.Digest = "iat" }, "Digest"},
		"a shared secret":        {func(c *webhook.JWT) { c.Algorithms = []webhook.Algorithm{"HS256"} }, "Algorithms"},
		"no algorithm":           {func(c *webhook.JWT) { c.Algorithms = []webhook.Algorithm{"none"} }, "Algorithms"},
		"a negative age":         {func(c *webhook.JWT) { c.Window.Age = -1 }, "Age"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := webhook.JWT{Header: []string{"X"}, Keys: set(), Digest: "digest"}
			_, err := webhook.NewJWT(cfg)
			require.NoError(t, err)
			c.change(&cfg)
			v, err := webhook.NewJWT(cfg)
			var e *bankmux.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, bankmux.ErrInvalid, e.Kind)
			assert.Equal(t, c.field, e.Field)
			assert.Nil(t, v)
		})
	}
}

func onlyKeysOfTheNamedAlgorithmAreUsed(t *testing.T) {
	t.Parallel()
	es, weak := newSigner(t, "k1"), newRSASigner(t, "k2", 1024)
	private, err := jose.JSONWebKey{Key: es.key, KeyID: "k1"}.MarshalJSON()
	require.NoError(t, err)
	change := func(of *signer, name, value string) json.RawMessage {
		var all map[string]any
		require.NoError(t, json.Unmarshal(of.jwk(), &all))
		all[name] = value
		raw, err := json.Marshal(all)
		require.NoError(t, err)
		return raw
	}
	other := newSignerOn(t, "k1", elliptic.P384())
	other.alg = ""
	for name, c := range map[string]struct {
		keys  []json.RawMessage
		by    *signer
		holds bool
	}{
		"beside others": {
			[]json.RawMessage{
				json.RawMessage(`7`), json.RawMessage(`{"kty":"oct","kid":"k1","k":"c2VjcmV0"}`), other.jwk(), es.jwk(),
			},
			es, true,
		},
		"twice":                    {[]json.RawMessage{es.jwk(), es.jwk()}, es, false},
		"for encryption":           {[]json.RawMessage{change(es, "use", "enc")}, es, false},
		"for another algorithm":    {[]json.RawMessage{change(es, "alg", "ES384")}, es, false},
		"that is private":          {[]json.RawMessage{private}, es, false},
		"of fewer than 2,048 bits": {[]json.RawMessage{weak.jwk()}, weak, false},
		"on another curve":         {[]json.RawMessage{other.jwk()}, &signer{t, "k1", "ES256", other.key}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jwt(t, set(c.keys...), nil).Verify(t.Context(), signed(c.by.token(body, nil)))
			if c.holds {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, bankmux.ErrSignature)
			}
		})
	}
}
