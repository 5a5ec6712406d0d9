package jsonscan

// This file reads strings.

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Eight bytes are looked at together. These have one bit set per byte.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special returns the high bit of bytes that need a look: quotes, backslashes, control characters
// and what is not ASCII. Bytes above the lowest one that is marked may be marked without need.
func special(eight uint64) uint64 {
	quote, escape := eight^(lowBits*'"'), eight^(lowBits*'\\')
	return ((quote-lowBits)&^quote | (escape-lowBits)&^escape | (eight-lowBits*' ')&^eight | eight) & highBits
}

// str reads a string, see [Scanner.Text].
func (s *Scanner) str() (inner []byte, plain bool, err error) {
	text, i := s.text, s.at+1
	for i+8 <= len(text) {
		if marks := special(binary.LittleEndian.Uint64(text[i:])); marks != 0 {
			i += bits.TrailingZeros64(marks) >> 3
			break
		}
		i += 8
	}
	for i < len(text) && text[i] != '"' {
		if b := text[i]; b < ' ' || b == '\\' || b >= utf8.RuneSelf {
			return s.odd(i)
		}
		i++
	}
	if i >= len(text) {
		return nil, false, ErrSyntax
	}
	inner = text[s.at+1 : i]
	s.at = i + 1
	return inner, true, nil
}

// odd reads a string from the index of its first byte that is a control character, a backslash or
// not ASCII.
func (s *Scanner) odd(i int) (inner []byte, plain bool, err error) {
	text := s.text
	plain = true
	for i < len(text) {
		switch b := text[i]; {
		case b == '"':
			inner = text[s.at+1 : i]
			s.at = i + 1
			return inner, plain, nil
		case b == '\\':
			_, n := escape(text[i:])
			if n == 0 {
				return nil, false, ErrSyntax
			}
			plain = false
			i += n
		case b < ' ':
			return nil, false, ErrSyntax
		case b < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				plain = false
			}
			i += n
		}
	}
	return nil, false, ErrSyntax
}

// simple has what the escapes of one letter stand for.
var simple = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads an escape. It returns the character and the number of bytes, 0 if it is not an
// escape. Half of a surrogate pair stands for U+FFFD.
func escape(text []byte) (r rune, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	if b := simple[text[1]]; b != 0 {
		return rune(b), 2
	}
	r, ok := hex(text)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if second, ok := hex(text[6:]); ok {
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex reads an escape of four hexadecimal digits.
func hex(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, b := range text[2:6] {
		r <<= 4
		switch {
		case '0' <= b && b <= '9':
			r |= rune(b - '0')
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			r |= rune(b | 0x20 - 'a' + 10)
		default:
			return 0, false
		}
	}
	return r, true
}

// Unquote returns the text of a string. inner is what [Scanner.Text] returned. Each byte that is
// not UTF-8 becomes U+FFFD, and so does half of a surrogate pair.
func Unquote(inner []byte) string {
	return string(AppendUnquoted(make([]byte, 0, len(inner)+utf8.UTFMax), inner))
}

// AppendUnquoted appends what [Unquote] returns.
func AppendUnquoted(text, inner []byte) []byte {
	for len(inner) > 0 {
		if b := inner[0]; b < utf8.RuneSelf && b != '\\' {
			text = append(text, b)
			inner = inner[1:]
			continue
		}
		r, n := utf8.DecodeRune(inner)
		if r == '\\' {
			r, n = escape(inner)
		}
		text = utf8.AppendRune(text, r)
		inner = inner[n:]
	}
	return text
}

// Hash returns a number for a key, by its length, its first bytes and its last ones.
func Hash(key []byte) uint8 {
	const prime = 0x9e3779b1
	n := len(key)
	var first, last uint32
	switch {
	case n >= 4:
		first, last = binary.LittleEndian.Uint32(key), binary.LittleEndian.Uint32(key[n-4:])
	case n > 0:
		first, last = uint32(key[0]), uint32(key[n-1])
	}
	return uint8((((first*prime ^ last) + uint32(n)) * prime) >> 24) //nolint:gosec // the length only varies it
}
