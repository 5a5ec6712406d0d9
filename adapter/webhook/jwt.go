package webhook

// This file has the schemes with a signed token.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// Algorithm is an algorithm that signs tokens.
type Algorithm string

// The algorithms.
const (
	ES256 Algorithm = "ES256"
	RS256 Algorithm = "RS256"
)

// JWT describes a scheme in which a header field holds a signed token (RFC 7519) about the body.
type JWT struct {
	Header []string // the alternative names of the field; errors use the first one
	Prefix string   // the text before the token, such as "Bearer "
	// Algorithms are the accepted algorithms, whatever the token names. Empty means only ES256.
	Algorithms []Algorithm
	Keys       *Keys
	// Issuer is the required value of the claim "iss". If it is empty, the claim is ignored.
	Issuer string
	// Digest is the name of the claim with the SHA-256 of the body in lower-case hexadecimal
	// digits, such as "request_body_sha256". It is required, because without it a token would prove
	// any body.
	Digest string
	// Window limits the claim "iat", which is required. Other claims, such as "exp" and "nbf", are
	// ignored.
	Window Window
}

// jwtVerifier is the verifier of [NewJWT].
type jwtVerifier struct {
	JWT
	named string // the algorithms, for errors
}

// NewJWT returns a verifier. The error is [bankmux.ErrInvalid] and its Field is that of [JWT].
func NewJWT(cfg JWT) (Verifier, error) {
	if err := checkNames("Header", cfg.Header); err != nil {
		return nil, err
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []Algorithm{ES256}
	}
	v := &jwtVerifier{JWT: cfg}
	for i, a := range cfg.Algorithms {
		if a != ES256 && a != RS256 {
			return nil, invalid("Algorithms", "has one that is neither ES256 nor RS256")
		}
		if i > 0 {
			v.named += " or "
		}
		v.named += string(a)
	}
	switch {
	case cfg.Keys == nil || cfg.Keys.fetch == nil:
		return nil, invalid("Keys", "was not made by NewKeySet or NewKeyByID")
	case cfg.Digest == "" || slices.Contains([]string{"iss", "iat"}, cfg.Digest):
		return nil, invalid("Digest", "is not the name of a claim about the body")
	}
	var err error
	if v.Window, err = cfg.Window.withDefaults(); err != nil {
		return nil, err
	}
	return v, nil
}

// Verify implements [Verifier].
func (v *jwtVerifier) Verify(ctx context.Context, req bankmux.WebhookRequest) (Proof, error) {
	raw, err := Header(req.Header(), v.Header...)
	if err != nil {
		return Proof{}, err
	}
	raw, ok := strings.CutPrefix(raw, v.Prefix)
	if !ok {
		return Proof{}, v.notAToken()
	}
	t, header, ok := parseToken(raw)
	if !ok {
		return Proof{}, v.notAToken()
	}
	name, err := v.readHeader(header)
	if err != nil {
		return Proof{}, err
	}
	key, err := v.Keys.find(ctx, name)
	if err != nil {
		return Proof{}, err
	}
	if !t.verifies(key.public) {
		return Proof{}, Refuse("the signature is invalid")
	}
	proof, err := v.claims(t.claims, req.Body())
	if err == nil {
		err = v.Window.Check(proof.Time)
	}
	if err == nil && !key.Until.IsZero() && proof.Time.After(key.Until) {
		err = Refuse("the delivery was signed after the key had ended")
	}
	if err != nil {
		return Proof{}, err
	}
	return proof, nil
}

// notAToken returns the error for a text that is not a token of an accepted algorithm.
func (v *jwtVerifier) notAToken() error {
	return Refuse("the signature is not a token signed with " + v.named)
}

// claims reads the claims of the token and compares them with the body.
func (v *jwtVerifier) claims(payload, body []byte) (proof Proof, err error) {
	members, err := strictjson.Object(payload)
	if err != nil {
		return proof, Refuse("the claims of the signature cannot be read")
	}
	var issuer, digest []byte
	for _, m := range members {
		switch string(m.Key) {
		case "iat":
			proof.stamp = string(m.Value)
		case "iss":
			issuer = text(m.Value)
		case v.Digest:
			digest = text(m.Value)
		}
	}
	var ok bool
	proof.Time, ok = parseInstant(proof.stamp)
	var expected [2 * sha256.Size]byte
	sum := sha256.Sum256(body)
	hex.Encode(expected[:], sum[:])
	switch {
	case v.Issuer != "" && string(issuer) != v.Issuer:
		return proof, Refuse("the delivery is signed for another issuer")
	case !ok:
		return proof, Refuse("the signature does not say when it was made")
	case subtle.ConstantTimeCompare(digest, expected[:]) != 1:
		return proof, Refuse("the delivery is signed for another body")
	}
	return proof, nil
}

// text returns the text of a JSON string, and nil for any other value. It shares the memory of the
// value if that has no escapes.
func text(value []byte) []byte {
	if len(value) >= 2 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	text, _ := strictjson.Text(value)
	return []byte(text)
}

// parseInstant reads a JSON number of seconds since 1970. It drops a fraction.
func parseInstant(number string) (time.Time, bool) {
	const year9999 = 253402300799
	n, err := strconv.ParseFloat(number, 64) // valid JSON has no "NaN"
	if err != nil || n < 0 || n > year9999 {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0), true
}
