// Package strictjson reads JSON objects from untrusted senders. It refuses what encoding/json
// accepts and attackers use: repeated keys, keys that differ only in case, and deep nesting.
package strictjson

import (
	"bytes"
	"encoding/json"
	"unicode"
	"unicode/utf8"

	"github.com/bankmux/bankmux/internal/jsonscan"
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
	switch {
	case len(trimmed) == 0:
		return nil, Fault("is empty")
	case trimmed[0] != '{' && json.Valid(trimmed):
		return nil, Fault("is not a JSON object")
	case trimmed[0] != '{':
		return nil, Fault("is not JSON")
	case !utf8.Valid(trimmed):
		return nil, Fault("is not valid JSON")
	}
	r := reader{Scanner: jsonscan.New(trimmed), text: trimmed, members: make([]Member, 0, 8)}
	err := r.object(1)
	if err == nil {
		err = r.End()
	}
	if _, known := err.(Fault); err != nil && !known { //nolint:errorlint // of this package, never wrapped
		return nil, Fault("is not valid JSON")
	}
	return r.members, err
}

// Text returns the text of a JSON string, and false for any other value.
func Text(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	s := jsonscan.New(value)
	inner, plain, err := s.Text()
	switch {
	case err != nil || s.Left() > 0:
		return "", false
	case plain:
		return string(inner), true
	}
	return jsonscan.Unquote(inner), true
}

// reader reads an object and compares its keys. It allocates only for the members and for objects
// with many keys.
type reader struct {
	jsonscan.Scanner
	text    []byte
	members []Member // of the outermost object
}

// few is how many keys are compared one by one. More are compared with a map.
const few = 24

// keys are those of one object.
type keys struct {
	few  [few][]byte
	n    int               // of few
	many map[string][]byte // by the folded key
}

// add adds a key, and returns an error if there is an equal one.
func (k *keys) add(key []byte) error {
	for _, old := range k.few[:k.n] {
		if bytes.EqualFold(old, key) {
			return clash(old, key)
		}
	}
	if k.n < few {
		k.few[k.n] = key
		k.n++
		return nil
	}
	folded := string(bytes.Map(fold, key))
	if old, known := k.many[folded]; known {
		return clash(old, key)
	}
	if k.many == nil {
		k.many = map[string][]byte{}
	}
	k.many[folded] = key
	return nil
}

// fold returns the smallest of the characters that bytes.EqualFold holds equal to r. Lower case is
// not enough: "s" and "ſ" are both lower case, and equal for encoding/json.
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// object reads an object, starting at its brace.
func (r *reader) object(depth int) error {
	if depth > MaxDepth {
		return Fault("is nested too deeply")
	}
	if err := r.Open(); err != nil {
		return err
	}
	var known keys
	for first := true; ; first = false {
		key, more, err := r.Member(first)
		if !more {
			return err
		}
		if err := known.add(key); err != nil {
			return err
		}
		r.Kind() // skips white space
		from := r.Offset()
		if err := r.value(depth); err != nil {
			return err
		}
		if depth == 1 {
			r.members = append(r.members, Member{Key: key, Value: r.text[from:r.Offset()]})
		}
	}
}

// value reads a value of any type.
func (r *reader) value(depth int) error {
	switch r.Kind() {
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.array(depth + 1)
	}
	return r.Skip(false)
}

// array reads an array, starting at its bracket.
func (r *reader) array(depth int) error {
	if depth > MaxDepth {
		return Fault("is nested too deeply")
	}
	if err := r.Open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.Element(first)
		if !more {
			return err
		}
		if err := r.value(depth); err != nil {
			return err
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
