package bankmux

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// The keys that mask secrets in memory: one for their tags, one for their text. Drawn once, never
// changed.
var tagKey, textKey = drawn(), drawn()

func drawn() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the process instead
	return key
}

// Secret holds a credential so that printing, logging or marshalling it by accident shows nothing,
// even from an unexported field of somebody else's struct, where fmt cannot call methods. The text
// is kept encrypted under a key drawn for the process, as hexadecimal digits: what fmt finds there
// is plain ASCII, and knowing one secret does not reveal another. It prevents accidents, not
// attackers who read the process's memory.
//
// The zero Secret is empty. Secrets of one process compare with == and are safe for concurrent use.
type Secret struct{ masked string }

// NewSecret keeps a copy of text.
func NewSecret[T ~string | ~[]byte](text T) Secret {
	if len(text) == 0 {
		return Secret{}
	}
	var b strings.Builder
	b.Grow(2 * (tagSize + len(text)))
	tag := tagOf(text)
	for _, c := range tag {
		writeHex(&b, c)
	}
	mask := newStream(tag)
	for i := range len(text) {
		writeHex(&b, text[i]^mask.next())
	}
	return Secret{masked: b.String()}
}

// tagSize is the length of the tag at the start of what is masked.
const tagSize = 16

// tagOf returns a keyed digest of the text. Equal texts have equal tags, so that secrets compare
// with ==, and other texts other tags, so that no two are masked with the same bytes.
func tagOf[T ~string | ~[]byte](text T) [tagSize]byte {
	var short [512]byte
	sum := sha256.Sum256(append(append(short[:0], tagKey[:]...), text...))
	return [tagSize]byte(sum[:])
}

// stream gives the bytes that mask one text: SHA-256 of the key, the text's tag and a counter.
type stream struct {
	input [len(textKey) + tagSize + 4]byte
	block [sha256.Size]byte
	used  int // bytes given
}

func newStream(tag [tagSize]byte) (s stream) {
	copy(s.input[:], textKey[:])
	copy(s.input[len(textKey):], tag[:])
	return s
}

func (s *stream) next() byte {
	at := s.used % len(s.block)
	if at == 0 {
		binary.BigEndian.PutUint32(s.input[len(s.input)-4:], uint32(s.used/len(s.block))) //nolint:gosec // no text is that long
		s.block = sha256.Sum256(s.input[:])
	}
	s.used++
	return s.block[at]
}

func writeHex(b *strings.Builder, c byte) {
	const digits = "0123456789abcdef"
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&15])
}

// unhex returns the i-th byte of lower-case hexadecimal digits.
func unhex(digits string, i int) byte {
	value := func(c byte) byte {
		if c >= 'a' {
			return c - 'a' + 10
		}
		return c - '0'
	}
	return value(digits[2*i])<<4 | value(digits[2*i+1])
}

// size is the length of the text in bytes.
func (s Secret) size() int { return max(len(s.masked)/2-tagSize, 0) }

// text gives the text byte by byte.
func (s Secret) text(yield func(byte) bool) {
	if s.masked == "" {
		return
	}
	var tag [tagSize]byte
	for i := range tag {
		tag[i] = unhex(s.masked, i)
	}
	mask := newStream(tag)
	for i := range s.size() {
		if !yield(unhex(s.masked, tagSize+i) ^ mask.next()) {
			return
		}
	}
}

// appendText appends the text to dst.
func (s Secret) appendText(dst []byte) []byte {
	for c := range s.text {
		dst = append(dst, c)
	}
	return dst
}

// Reveal returns the text. Call it where the secret goes onto the wire, and nowhere else.
func (s Secret) Reveal() string {
	var b strings.Builder
	b.Grow(s.size())
	for c := range s.text {
		b.WriteByte(c)
	}
	return b.String()
}

// holds reports whether the secret's text is the given one.
func (s Secret) holds(text string) bool {
	if s.size() != len(text) || text == "" {
		return s.size() == len(text)
	}
	for i, c := range tagOf(text) {
		if unhex(s.masked, i) != c {
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
