package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// FuzzToken compares the verifier with go-jose. Each header and each text of a token is signed with
// a published key, so that more than the signature decides.
func FuzzToken(f *testing.F) {
	for _, header := range []string{
		`{"alg":"ES256","kid":"k1"}`, `{"alg":"ES256","kid":"k1","typ":"JWT"}`, `{"alg":"none","kid":"k1"}`,
		`{"alg":"ES256","kid":"k1","crit":["b64"],"b64":false}`, `{"alg":"ES256","alg":"none","kid":"k1"}`,
		`{"alg":"ES256","kid":"k1","x":1e999}`, `{"alg":"ES256","kid":"k1","x":{"y":[true,null,"\u0000"]}}`,
		`{"\u0061lg":"ES256","kid":"\u006b1"}`, "\ufeff{}", `{"alg":"ES256","kid":"k1","jwk":{"kty":"oct","k":""}}`,
	} {
		f.Add(header, "", "", uint8(0), "")
		f.Add(header, "=", "A", uint8(2), "\n")
	}
	f.Add(`{"alg":"ES256","kid":"k1"}`, ".", "", uint8(1), ".x")
	f.Add(`{"alg":"ES256","kid":"k1","x5u":"https://example.com/k1"}`, "", "", uint8(0), "") // go-jose accepts it
	f.Add(`{"alg":"ES256","kid":"k1","nonce":7}`, "", "", uint8(0), "")                      // go-jose cannot read it
	f.Fuzz(func(t *testing.T, header, afterHeader, afterClaims string, last uint8, after string) {
		s := newSigner(t, "k1")
		_, claims, _ := s.genuine()
		token := s.sign(encode(header)+afterHeader+"."+claims+afterClaims) + after
		if at := len(token) - len(after) - 1; last != 0 { // changes unused bits, and others
			token = token[:at] + string(token[at]^last) + token[at+1:]
		}
		_, err := jwt(t, set(s.jwk()), nil).Verify(t.Context(), signed(token))
		if err != nil {
			assert.ErrorIs(t, err, bankmux.ErrSignature)
		}
		reference := joseAccepts(s, token, claims)
		switch {
		case err == nil && !reference:
			// go-jose reads members that no verification needs, and fails if it cannot.
			assert.True(t, joseCannotReadMembers(header), "go-jose refuses %q", token)
		case err != nil && reference:
			assert.True(t, stricter(header, token), "%q is refused: %v", token, err)
		}
	})
}

// joseAccepts reports whether go-jose accepts the token under the signer's key, for these claims.
func joseAccepts(s *signer, token, claims string) bool {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || parsed.Signatures[0].Header.KeyID != s.kid {
		return false
	}
	payload, err := parsed.Verify(s.key.Public())
	raw, _ := base64.RawURLEncoding.DecodeString(claims)
	return err == nil && string(payload) == string(raw)
}

// joseCannotReadMembers reports whether a header has a member with a number that no float64 holds,
// or a nonce of another type. The verifier ignores both.
func joseCannotReadMembers(header string) bool {
	var members map[string]any
	if json.Unmarshal([]byte(header), &members) != nil {
		return true
	}
	nonce, there := members["nonce"]
	_, text := nonce.(string)
	return there && !text
}

// stricter reports whether the verifier refuses on purpose what go-jose accepts.
func stricter(header, token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if strings.ContainsAny(part, "\r\n") {
			return true
		}
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return true
		}
	}
	members, err := strictjson.Object([]byte(header))
	if err != nil {
		return true
	}
	for _, m := range members {
		switch string(m.Key) {
		case "crit", "b64", "jwk", "jku", "x5c", "x5u":
			return true
		}
	}
	return len(token) > 8<<10
}
