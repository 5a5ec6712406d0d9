package bank

// This file draws ids, secrets and keys from a seed.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
)

// generator draws ids and secrets from a seed, so that a failing test fails the same way again. The
// secrets protect nothing real. The bank's mutex guards it.
type generator struct {
	Source *rand.ChaCha8
	issued map[string]struct{} // secrets, which the journal masks
}

func newGenerator(seed uint64) *generator {
	return &generator{
		Source: rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("virtualbank"), seed))),
		issued: map[string]struct{}{},
	}
}

// Apart returns a generator whose draws do not change those of g. What it hides, g hides too. Each
// salt gives other draws.
func (g *generator) Apart(seed, salt uint64) *generator {
	apart := newGenerator(seed ^ salt<<32)
	apart.issued = g.issued
	return apart
}

// Hide records text as a secret and returns it.
func (g *generator) Hide(text string) string {
	g.issued[text] = struct{}{}
	return text
}

// Secret reports whether text was recorded as a secret.
func (g *generator) Secret(text string) bool {
	_, ok := g.issued[text]
	return ok
}

// Bytes draws n bytes.
func (g *generator) Bytes(n int) []byte {
	p := make([]byte, n)
	_, _ = g.Source.Read(p) // Read never fails
	return p
}

// text draws n characters of an alphabet.
func (g *generator) text(n int, alphabet string) string {
	r := rand.New(g.Source) //nolint:gosec // a virtual bank
	p := make([]byte, n)
	for i := range p {
		p[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(p)
}

// Alphabets.
const (
	DigitsAndLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base58           = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

// Hex draws n hexadecimal digits.
func (g *generator) Hex(n int) string { return hex.EncodeToString(g.Bytes((n + 1) / 2))[:n] }

// Alphanumeric draws n digits and letters.
func (g *generator) Alphanumeric(n int) string { return g.text(n, DigitsAndLetters) }

// Base58 draws n base58 characters.
func (g *generator) Base58(n int) string { return g.text(n, base58) }

// URLSafe draws n characters of the URL-safe base64 alphabet.
func (g *generator) URLSafe(n int) string {
	return base64.RawURLEncoding.EncodeToString(g.Bytes(n))[:n]
}

// UUID draws a random UUID.
func (g *generator) UUID() string {
	p := g.Bytes(16)
	p[6] = p[6]&0x0f | 0x40
	p[8] = p[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", p[:4], p[4:6], p[6:8], p[8:10], p[10:])
}

// SigningKey draws a P-256 key. It draws the raw scalar, because ecdsa.GenerateKey ignores its
// random source. One scalar in 2^32 is out of range.
func (g *generator) SigningKey() *ecdsa.PrivateKey {
	for {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), g.Bytes(32)); err == nil {
			return key
		}
	}
}
