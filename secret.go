package bankmux

// This file keeps secrets out of logs and dumps.

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// The keys that mask secrets in memory: one for their tags, one for their text. They are random and
// never change.
var tagKey, textKey = drawn(), drawn()

func drawn() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the process instead
	return key
}

// Secret holds a credential. Printing, logging or marshalling it by accident shows a placeholder.
// In an unexported field of a struct, where fmt cannot call methods, fmt prints hexadecimal digits
// of the encrypted text. The key is random for each process. A Secret does not stop an attacker who
// reads the memory of the process.
//
// The zero Secret is empty. Secrets of one process compare with ==.
type Secret struct{ masked string }

// NewSecret returns a Secret with a copy of text.
func NewSecret[T ~string | ~[]byte](text T) Secret {
	if len(text) == 0 {
		return Secret{}
	}
	var b strings.Builder
	b.Grow(maskedSize(len(text)))
	return mask(&b, text)
}

// maskedSize is the length of what is masked.
func maskedSize(text int) int {
	if text == 0 {
		return 0
	}
	return 2 * (tagSize + text)
}

// mask returns a Secret whose masked text is appended to b, which has room for it.
func mask[T ~string | ~[]byte](b *strings.Builder, text T) Secret {
	if len(text) == 0 {
		return Secret{}
	}
	start := b.Len()
	tag := tagOf(text)
	writeHex(b, tag[:])
	stream := newStream(tag)
	for at := 0; at < len(text); at += sha256.Size {
		block := stream.next()
		n := min(len(block), len(text)-at)
		for i := range n {
			block[i] ^= text[at+i]
		}
		writeHex(b, block[:n])
	}
	return Secret{masked: b.String()[start:]}
}

// tagSize is the length of the tag at the start of what is masked.
const tagSize = 16

// tagOf returns a keyed digest of the text. Equal texts have equal tags, so secrets compare with
// ==. Different texts have different tags, so no two are masked with the same bytes.
func tagOf[T ~string | ~[]byte](text T) [tagSize]byte {
	var short [512]byte
	sum := sha256.Sum256(append(append(short[:0], tagKey[:]...), text...))
	return [tagSize]byte(sum[:])
}

// stream gives the bytes that mask one text: SHA-256 of the key, the text's tag and a counter.
type stream struct {
	input  [len(textKey) + tagSize + 4]byte
	blocks uint32 // given
}

func newStream(tag [tagSize]byte) (s stream) {
	copy(s.input[:], textKey[:])
	copy(s.input[len(textKey):], tag[:])
	return s
}

func (s *stream) next() [sha256.Size]byte {
	binary.BigEndian.PutUint32(s.input[len(s.input)-4:], s.blocks)
	s.blocks++
	return sha256.Sum256(s.input[:])
}

// writeHex writes at most a block.
func writeHex(b *strings.Builder, raw []byte) {
	var digits [2 * sha256.Size]byte
	b.Write(digits[:hex.Encode(digits[:], raw)])
}

// unhex returns the i-th byte of lower-case hexadecimal digits.
func unhex(digits string, i int) byte {
	high, low := digits[2*i], digits[2*i+1]
	return (high&15+high>>6*9)<<4 | (low&15 + low>>6*9) // a letter's low half counts from 1
}

// size is the length of the text in bytes.
func (s Secret) size() int { return max(len(s.masked)/2-tagSize, 0) }

// unmasking gives the text of a secret block by block.
type unmasking struct {
	masked string
	mask   stream
	left   int // bytes
	block  [sha256.Size]byte
}

func (s Secret) unmask() (u unmasking) {
	if s.masked == "" {
		return u
	}
	var tag [tagSize]byte
	for i := range tag {
		tag[i] = unhex(s.masked, i)
	}
	return unmasking{masked: s.masked[2*tagSize:], mask: newStream(tag), left: s.size()}
}

// next returns the next block, which is good until the one after it.
func (u *unmasking) next() []byte {
	u.block = u.mask.next()
	n := min(len(u.block), u.left)
	for i := range n {
		u.block[i] ^= unhex(u.masked, i)
	}
	u.masked, u.left = u.masked[2*n:], u.left-n
	return u.block[:n]
}

// appendText appends the text to dst.
func (s Secret) appendText(dst []byte) []byte {
	for u := s.unmask(); u.left > 0; {
		dst = append(dst, u.next()...)
	}
	return dst
}

// Reveal returns the text. Call it only to send the secret.
func (s Secret) Reveal() string {
	var b strings.Builder
	b.Grow(s.size())
	for u := s.unmask(); u.left > 0; {
		b.Write(u.next())
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
