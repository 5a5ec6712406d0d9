package webhook_test

import (
	"context"
	"crypto/elliptic"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestJWTKeyAttack specifies that a published key that is weak or for another purpose verifies
// nothing.
func TestJWTKeyAttack(t *testing.T) {
	t.Parallel()
	t.Run("a point that is not on the curve is not a key", aPointThatIsNotOnTheCurveIsNotAKey)
	t.Run("a key for another purpose is not used", aKeyForAnotherPurposeIsNotUsed)
	t.Run("a key that may verify is used", aKeyThatMayVerifyIsUsed)
	t.Run("two keys of one id are both ignored", twoKeysOfOneIDAreBothIgnored)
}

// changed returns a JWK with some members replaced, or removed if nil.
func changed(t *testing.T, jwk json.RawMessage, members map[string]any) json.RawMessage {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(jwk, &all))
	for name, value := range members {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return raw
}

// verifiesNothing fails if the key in a set, or fetched by its id, verifies a token of the signer.
func verifiesNothing(t *testing.T, jwk json.RawMessage, s *signer) {
	t.Helper()
	token := s.token(body, nil)
	refuses(t, jwt(t, set(jwk), nil), signed(token), "in a set")
	byID := webhook.NewKeyByID(func(context.Context, string) (webhook.Key, error) {
		return webhook.Key{JWK: jwk}, nil
	})
	_, err := jwt(t, byID, nil).Verify(t.Context(), signed(token))
	assert.Contains(t, []bankmux.Kind{bankmux.ErrSignature, bankmux.ErrMalformed}, bankmux.KindOf(err), "by id")
}

func aPointThatIsNotOnTheCurveIsNotAKey(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	accepts(t, jwt(t, set(changed(t, s.jwk(), nil)), nil), s.token(body, nil))
	var own struct{ X, Y string }
	require.NoError(t, json.Unmarshal(s.jwk(), &own))
	coordinate := func(n *big.Int) string { return encode(n.FillBytes(make([]byte, 32))) }
	zero, p := new(big.Int), elliptic.P256().Params().P
	for name, members := range map[string]map[string]any{
		"the identity":               {"x": coordinate(zero), "y": coordinate(zero)},
		"x is 0":                     {"x": coordinate(zero)},
		"y is 0":                     {"y": coordinate(zero)},
		"y of the generator":         {"y": coordinate(elliptic.P256().Params().Gy)},
		"exchanged":                  {"x": own.Y, "y": own.X},
		"x is the prime":             {"x": coordinate(p), "y": own.Y},
		"y is the prime":             {"y": coordinate(p)},
		"x is too short":             {"x": own.X[:40]},
		"x has a zero before":        {"x": encode(append([]byte{0}, []byte(own.X)...))},
		"x is missing":               {"x": nil},
		"y is missing":               {"y": nil},
		"no coordinates":             {"x": "", "y": ""},
		"the curve secp256k1":        {"crv": "secp256k1"},
		"the curve P-384 for these":  {"crv": "P-384"},
		"the curve P-521 for these":  {"crv": "P-521"},
		"the curve P-224":            {"crv": "P-224"},
		"the curve in another case":  {"crv": "p-256"},
		"the curve Ed25519":          {"kty": "OKP", "crv": "Ed25519"},
		"no curve":                   {"crv": nil},
		"the type of a secret":       {"kty": "oct", "k": own.X},
		"the type RSA":               {"kty": "RSA", "n": own.X, "e": "AQAB"},
		"the generator of secp256k1": {"x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g", "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"},
		"that point, named as secp256k1": {
			"crv": "secp256k1", "x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g",
			"y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
		},
		"a member in place of the number": {"x": map[string]any{"x": own.X}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifiesNothing(t, changed(t, s.jwk(), members), s)
		})
	}
	for name, curve := range map[string]elliptic.Curve{"P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		t.Run("a whole key on "+name, func(t *testing.T) {
			t.Parallel()
			other := newSignerOn(t, "k1", curve)
			verifiesNothing(t, changed(t, other.jwk(), map[string]any{"alg": nil}), other)
			verifiesNothing(t, other.jwk(), other)
		})
	}
}

func aKeyForAnotherPurposeIsNotUsed(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	private, err := jose.JSONWebKey{Key: s.key, KeyID: "k1", Use: "sig", Algorithm: "ES256"}.MarshalJSON()
	require.NoError(t, err)
	for name, jwk := range map[string]json.RawMessage{
		"it encrypts":                changed(t, s.jwk(), map[string]any{"use": "enc"}),
		"an unknown use":             changed(t, s.jwk(), map[string]any{"use": "SIG"}),
		"algorithm RS256":            changed(t, s.jwk(), map[string]any{"alg": "RS256"}),
		"algorithm HS256":            changed(t, s.jwk(), map[string]any{"alg": "HS256"}),
		"algorithm none":             changed(t, s.jwk(), map[string]any{"alg": "none"}),
		"algorithm in another case":  changed(t, s.jwk(), map[string]any{"alg": "es256"}),
		"algorithm to agree on keys": changed(t, s.jwk(), map[string]any{"alg": "ECDH-ES"}),
		"operations of a signer":     changed(t, s.jwk(), map[string]any{"key_ops": []string{"sign", "deriveKey"}}),
		"no operation":               changed(t, s.jwk(), map[string]any{"key_ops": []string{}}),
		"operations in another case": changed(t, s.jwk(), map[string]any{"key_ops": []string{"VERIFY"}}),
		"operations without a list":  changed(t, s.jwk(), map[string]any{"key_ops": "verify"}),
		"a private part":             private,
		"a private part of another":  changed(t, s.jwk(), map[string]any{"d": encode(make([]byte, 32))}),
		"another id":                 changed(t, s.jwk(), map[string]any{"kid": "k2"}),
		"an id in another case":      changed(t, s.jwk(), map[string]any{"kid": "K1"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifiesNothing(t, jwk, s)
		})
	}
}

func aKeyThatMayVerifyIsUsed(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	for _, ops := range []any{nil, []string{"verify"}, []string{"encrypt", "verify"}} {
		jwk := changed(t, s.jwk(), map[string]any{"use": nil, "alg": nil, "key_ops": ops})
		accepts(t, jwt(t, set(jwk), nil), s.token(body, nil))
	}
}

func twoKeysOfOneIDAreBothIgnored(t *testing.T) {
	t.Parallel()
	s, other := newSigner(t, "k1"), newSigner(t, "k1")
	for name, v := range map[string]webhook.Verifier{
		"first":  jwt(t, set(s.jwk(), other.jwk()), nil),
		"second": jwt(t, set(other.jwk(), s.jwk()), nil),
		"three":  jwt(t, set(other.jwk(), s.jwk(), other.jwk()), nil),
	} {
		refuses(t, v, signed(s.token(body, nil)), name)
		refuses(t, v, signed(other.token(body, nil)), name)
	}
	encrypting := changed(t, other.jwk(), map[string]any{"use": "enc"})
	accepts(t, jwt(t, set(encrypting, s.jwk(), encrypting), nil), s.token(body, nil))
}
