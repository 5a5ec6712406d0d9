// Package strictjson reads JSON objects from untrusted senders. It refuses what encoding/json
// accepts and attackers use: repeated keys, keys that differ only in case, and deep nesting.
package strictjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/bankmux/bankmux/internal/plain"
)

// MaxDepth is the deepest nesting that is accepted.
const MaxDepth = 32

// Fault is what is wrong, as the end of a sentence that starts with the name of the text. It quotes
// keys, never values.
type Fault string

func (f Fault) Error() string { return string(f) }

// Member is one key of an object and the JSON of its value. The key has no quotes and no escapes.
type Member struct{ Key, Value []byte }

// WithoutMark returns raw without a leading byte order mark, which a JSON reader may ignore (RFC
// 8259, section 8.1). The result shares the memory of raw.
func WithoutMark(raw []byte) []byte { return bytes.TrimPrefix(raw, []byte("\ufeff")) }

// Object returns the members of one JSON object in order. They share the memory of raw. It ignores
// a leading byte order mark. The error is a [Fault].
func Object(raw []byte) ([]Member, error) {
	trimmed := bytes.TrimLeft(WithoutMark(raw), " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, Fault("is not a JSON object")
	}
	if !utf8.Valid(trimmed) || !json.Valid(trimmed) {
		return nil, Fault("is not valid JSON")
	}
	s := scanner{text: trimmed, members: make([]Member, 0, 8)}
	err := s.object(1)
	return s.members, err
}

// Text returns the text of a JSON string, and false for any other value.
func Text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}

// scanner reads JSON that is known to be valid and compares its keys. It allocates only for the
// members and for objects with many keys.
type scanner struct {
	text    []byte
	at      int
	members []Member // of the outermost object
}

// few is how many keys are compared one by one. More are compared with a map.
const few = 24

// object reads an object, starting at its brace.
func (s *scanner) object(depth int) error {
	if depth > MaxDepth {
		return Fault("is nested too deeply")
	}
	var store [few][]byte
	keys := store[:0]
	var many map[string]bool
	s.at++ // the brace
	for {
		switch s.next() {
		case '}':
			s.at++
			return nil
		case ',':
			s.at++
			continue
		}
		key := s.str()
		if bytes.IndexByte(key, '\\') >= 0 {
			plain, _ := Text(s.text[s.at-len(key)-2 : s.at])
			key = []byte(plain)
		}
		for _, old := range keys {
			if bytes.EqualFold(old, key) {
				return clash(old, key)
			}
		}
		if len(keys) < few {
			keys = append(keys, key)
		} else {
			if many == nil {
				many = map[string]bool{}
			}
			folded := strings.ToLower(string(key))
			if many[folded] {
				return clash(key, key)
			}
			many[folded] = true
		}
		s.next() // the colon
		s.at++
		s.next()
		from := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if depth == 1 {
			s.members = append(s.members, Member{Key: key, Value: s.text[from:s.at]})
		}
	}
}

// clash returns the error for two equal keys.
func clash(old, key []byte) error {
	if bytes.Equal(old, key) {
		return Fault("repeats the key " + plain.Quote(string(key)))
	}
	return Fault("has keys that differ only in case: " + plain.Quote(string(old)) + " and " + plain.Quote(string(key)))
}

// value reads a value of any type.
func (s *scanner) value(depth int) error {
	switch s.next() {
	case '{':
		return s.object(depth + 1)
	case '[':
		if depth >= MaxDepth {
			return Fault("is nested too deeply")
		}
		s.at++
		for {
			switch s.next() {
			case ']':
				s.at++
				return nil
			case ',':
				s.at++
			default:
				if err := s.value(depth + 1); err != nil {
					return err
				}
			}
		}
	case '"':
		s.str()
	default: // a number or a word
		for s.at < len(s.text) && !ends(s.text[s.at]) {
			s.at++
		}
	}
	return nil
}

// ends reports whether a byte ends a number or a word.
func ends(b byte) bool {
	switch b {
	case ',', '}', ']', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// next skips white space and returns the next byte.
func (s *scanner) next() byte {
	for {
		switch b := s.text[s.at]; b {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return b
		}
	}
}

// str reads a string and returns the bytes between its quotes, with their escapes.
func (s *scanner) str() []byte {
	s.at++
	from := s.at
	for s.text[s.at] != '"' {
		if s.text[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	s.at++
	return s.text[from : s.at-1]
}
