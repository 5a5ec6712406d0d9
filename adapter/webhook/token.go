package webhook

// This file reads signed tokens in the compact form and verifies their signatures.

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bankmux/bankmux/internal/strictjson"
)

// token is a token in the compact form (RFC 7515, section 7.1). Nothing of it is proved before
// verifies has returned true.
type token struct {
	signed    []byte // header and claims, as they were sent
	claims    []byte
	signature []byte
}

// base64URL refuses padding and unused bits, so that a text has one spelling.
var base64URL = base64.RawURLEncoding.Strict()

// parseToken reads a token. It returns false for anything but three parts in their only spelling.
func parseToken(raw string) (t token, header []byte, ok bool) {
	text := []byte(raw)
	first := bytes.IndexByte(text, '.')
	last := bytes.LastIndexByte(text, '.')
	// The decoder ignores line breaks.
	if first == last || bytes.ContainsAny(text, "\r\n") {
		return t, nil, false
	}
	all := make([]byte, 0, base64URL.DecodedLen(len(text)))
	all, err := base64URL.AppendDecode(all, text[:first])
	endOfHeader := len(all)
	if err == nil {
		all, err = base64URL.AppendDecode(all, text[first+1:last]) // which refuses another point
	}
	endOfClaims := len(all)
	if err == nil {
		all, err = base64URL.AppendDecode(all, text[last+1:])
	}
	t.signed, t.claims, t.signature = text[:last], all[endOfHeader:endOfClaims], all[endOfClaims:]
	return t, all[:endOfHeader], err == nil
}

// extensions are members of a header that change how a token is verified. RFC 7797, section 7,
// forbids b64 in a token, and no extension is known that crit could name.
var extensions = []string{"crit", "b64"}

// ownKeys are members of a header with a key, or with the address of one. Such a key proves
// nothing: the sender of a forged token chose it.
var ownKeys = []string{"jwk", "jku", "x5c", "x5u"}

// readHeader reads the names of algorithm and key. The error is an ErrSignature.
func (v *jwtVerifier) readHeader(header []byte) (name keyName, err error) {
	members, err := strictjson.Object(header)
	if err != nil || header[0] == '\xef' { // a byte order mark
		return name, v.notAToken()
	}
	for _, m := range members {
		switch key := string(m.Key); {
		case key == "alg":
			name.algorithm = Algorithm(text(m.Value))
		case key == "kid":
			name.id = string(text(m.Value))
		case slices.Contains(extensions, key):
			return name, Refuse("the signature has extensions that a token cannot have")
		case slices.Contains(ownKeys, key):
			return name, Refuse("the signature has its own key")
		}
	}
	switch {
	case !slices.Contains(v.Algorithms, name.algorithm):
		return name, v.notAToken()
	case strings.ContainsFunc(name.id, unprintable):
		return name, Refuse("the signature names a key by an id with control characters")
	}
	return name, nil
}

// unprintable reports whether an id of a key cannot have the character. An adapter may send the id
// to the provider, and no provider has such ids.
func unprintable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// verifies reports whether the token was signed with the key. The key fits the algorithm, because
// it was found by it.
func (t token) verifies(public crypto.PublicKey) bool {
	sum := sha256.Sum256(t.signed)
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		var short [maxDER]byte
		der, ok := appendDER(short[:0], t.signature)
		return ok && ecdsa.VerifyASN1(key, sum[:], der)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature) == nil
	}
	return false
}

// The sizes of a signature on P-256: each of its two numbers, and its longest ASN.1 form.
const (
	numberSize = 32
	maxDER     = 2 + 2*(3+numberSize)
)

// appendDER appends the ASN.1 form of an ES256 signature, which RFC 7518, section 3.4, writes as
// two numbers of 32 bytes. It reports false for another length. VerifyASN1 refuses numbers outside
// of the group, such as 0.
func appendDER(b, signature []byte) ([]byte, bool) {
	if len(signature) != 2*numberSize {
		return nil, false
	}
	const sequence, length = 0x30, 1
	b = append(b, sequence, 0)
	b = appendInteger(b, signature[:numberSize])
	b = appendInteger(b, signature[numberSize:])
	b[length] = byte(len(b) - 2) //nolint:gosec // at most 70
	return b, true
}

// appendInteger appends a non-negative number in the shortest form.
func appendInteger(b, number []byte) []byte {
	for len(number) > 1 && number[0] == 0 {
		number = number[1:]
	}
	const integer = 2
	b = append(b, integer, byte(len(number))) //nolint:gosec // at most 32
	if number[0] >= 0x80 {
		b[len(b)-1]++
		b = append(b, 0)
	}
	return append(b, number...)
}
