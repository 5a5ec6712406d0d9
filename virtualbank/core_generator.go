package virtualbank

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
	source *rand.ChaCha8
	issued map[string]struct{} // what must not be shown again
}

func newGenerator(seed uint64) *generator {
	return &generator{
		source: rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("virtualbank"), seed))),
		issued: map[string]struct{}{},
	}
}

// hide remembers text as a secret and returns it.
func (g *generator) hide(text string) string {
	g.issued[text] = struct{}{}
	return text
}

func (g *generator) secret(text string) bool {
	_, ok := g.issued[text]
	return ok
}

func (g *generator) bytes(n int) []byte {
	p := make([]byte, n)
	_, _ = g.source.Read(p) // documented never to fail
	return p
}

// text draws n characters of the alphabet, all equally likely.
func (g *generator) text(n int, alphabet string) string {
	r := rand.New(g.source)
	p := make([]byte, n)
	for i := range p {
		p[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(p)
}

const (
	digitsAndLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base58           = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

func (g *generator) hex(n int) string          { return hex.EncodeToString(g.bytes((n + 1) / 2))[:n] }
func (g *generator) alphanumeric(n int) string { return g.text(n, digitsAndLetters) }
func (g *generator) base58(n int) string       { return g.text(n, base58) }

func (g *generator) urlSafe(n int) string {
	return base64.RawURLEncoding.EncodeToString(g.bytes(n))[:n]
}

func (g *generator) uuid() string {
	p := g.bytes(16)
	p[6] = p[6]&0x0f | 0x40
	p[8] = p[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", p[:4], p[4:6], p[6:8], p[8:10], p[10:])
}

// signingKey draws a P-256 key. The standard library's own key generation ignores
// the source it is given, hence the raw scalar; one in 2^32 is out of range.
func (g *generator) signingKey() *ecdsa.PrivateKey {
	for {
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), g.bytes(32)); err == nil {
			return key
		}
	}
}
