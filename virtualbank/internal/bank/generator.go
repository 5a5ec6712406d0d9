package bank

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

// generator draws identifiers and secrets from a seed, so that a failing test
// fails the same way twice. Nothing here protects real money. It is guarded by the
// bank's mutex.
type generator struct {
	Source *rand.ChaCha8
	issued map[string]struct{} // what must not be shown again
}

func newGenerator(seed uint64) *generator {
	return &generator{
		Source: rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("virtualbank"), seed))),
		issued: map[string]struct{}{},
	}
}

// Hide remembers text as a secret and returns it.
func (g *generator) Hide(text string) string {
	g.issued[text] = struct{}{}
	return text
}

func (g *generator) Secret(text string) bool {
	_, ok := g.issued[text]
	return ok
}

func (g *generator) Bytes(n int) []byte {
	p := make([]byte, n)
	_, _ = g.Source.Read(p) // documented never to fail
	return p
}

// text draws n characters of the alphabet, all equally likely.
func (g *generator) text(n int, alphabet string) string {
	r := rand.New(g.Source)
	p := make([]byte, n)
	for i := range p {
		p[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(p)
}

const (
	DigitsAndLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base58           = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

func (g *generator) Hex(n int) string          { return hex.EncodeToString(g.Bytes((n + 1) / 2))[:n] }
func (g *generator) Alphanumeric(n int) string { return g.text(n, DigitsAndLetters) }
func (g *generator) Base58(n int) string       { return g.text(n, base58) }

func (g *generator) URLSafe(n int) string {
	return base64.RawURLEncoding.EncodeToString(g.Bytes(n))[:n]
}

func (g *generator) UUID() string {
	p := g.Bytes(16)
	p[6] = p[6]&0x0f | 0x40
	p[8] = p[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", p[:4], p[4:6], p[6:8], p[8:10], p[10:])
}

// SigningKey draws a P-256 key. The standard library's own key generation ignores
// the source it is given, hence the raw scalar; one in 2^32 is out of range.
func (g *generator) SigningKey() *ecdsa.PrivateKey {
	for {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), g.Bytes(32)); err == nil {
			return key
		}
	}
}
