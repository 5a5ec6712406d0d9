package bankmux

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// pad is what secrets are masked with in memory; drawn once, never changed.
var pad = func() (p [512]byte) {
	_, _ = rand.Read(p[:]) // never fails: crypto/rand ends the process instead
	return p
}()

// Secret holds a credential so that printing, logging or marshalling it by
// accident shows nothing, even from an unexported field of somebody else's struct, where
// fmt cannot call methods. The text is kept masked with a pad drawn for the process.
// It prevents accidents, not attackers who read the process's memory.
//
// The zero Secret is empty. Secrets compare with == and are safe for concurrent use.
type Secret struct{ masked string }

// NewSecret keeps text.
func NewSecret(text string) Secret { return Secret{masked: mask(text)} }

func mask(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		b.WriteByte(s[i] ^ pad[i%len(pad)])
	}
	return b.String()
}

// Reveal returns the text. Call it where the secret goes onto the wire, and nowhere else.
func (s Secret) Reveal() string { return mask(s.masked) }

// holds reports whether the secret's text is the given one.
func (s Secret) holds(text string) bool {
	if len(s.masked) != len(text) {
		return false
	}
	for i := range len(text) {
		if s.masked[i] != text[i]^pad[i%len(pad)] {
			return false
		}
	}
	return true
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.masked == "" }

// Equal compares in constant time.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.masked), []byte(t.masked)) == 1
}

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
