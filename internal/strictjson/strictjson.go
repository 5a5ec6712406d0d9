// Package strictjson reads JSON objects and refuses what encoding/json lets pass
// and attackers and broken servers use: a repeated key, keys that differ only in case, endless
// nesting.
package strictjson

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// MaxDepth is the deepest nesting that is accepted.
const MaxDepth = 32

// Fault says what is wrong, as the end of a sentence that begins with the
// name of the text. It quotes keys, never values.
type Fault string

func (f Fault) Error() string { return string(f) }

// Unmarshal reads one JSON object into v. The error is a [Fault].
func Unmarshal(raw []byte, v any) error {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return Fault("is not a JSON object")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if !json.Valid(raw) {
			return Fault("is not valid JSON")
		}
		return Fault("is not the JSON expected here")
	}
	s := scanner{text: trimmed}
	return s.object(1)
}

// scanner walks over JSON that is known to be valid and compares keys. It
// allocates only where an object has many of them.
type scanner struct {
	text []byte
	at   int
}

// few is how many keys are compared one by one.
const few = 24

// object reads an object from its brace on.
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
			var plain string
			_ = json.Unmarshal(append(append([]byte{'"'}, key...), '"'), &plain) // valid, as the whole is
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
		if err := s.value(depth); err != nil {
			return err
		}
	}
}

func clash(old, key []byte) error {
	if bytes.Equal(old, key) {
		return Fault("repeats the key " + Quote(string(key)))
	}
	return Fault("has keys that differ only in case: " + Quote(string(old)) + " and " + Quote(string(key)))
}

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

func ends(b byte) bool {
	switch b {
	case ',', '}', ']', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// next skips blanks and returns the byte there.
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

// str reads a string from its quote on and returns what is between the quotes, escapes and all.
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

// Quote shortens and quotes text that came from outside, so that it can neither
// break a log line nor carry much.
func Quote(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
