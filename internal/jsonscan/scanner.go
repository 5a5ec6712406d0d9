// Package jsonscan reads JSON that is in memory, value by value and without allocation. It accepts
// what RFC 8259 does and nothing else. Numbers stay the text that they are.
//
// The caller may require that no object repeats a key. Bytes of a text that are not UTF-8 are
// accepted, and replaced by [Unquote].
package jsonscan

import "bytes"

// Fault is what is wrong with a text. It quotes nothing of it.
type Fault string

func (f Fault) Error() string { return "jsonscan: " + string(f) }

// The faults of a text.
const (
	ErrSyntax  Fault = "the text is not JSON"
	ErrRepeats Fault = "an object repeats a key"
)

// maxDepth is the deepest nesting that is accepted. It is that of encoding/json and of jsontext.
const maxDepth = 10_000

// Kind is the kind of a value, by the byte that it starts with. Each number is '0'. A ']' or '}' is
// the end of an array or object, and 0 is anything else.
type Kind byte

// kinds has the kind of a value by its first byte.
var kinds = [256]Kind{
	'{': '{', '[': '[', '"': '"', 't': 't', 'f': 'f', 'n': 'n', '}': '}', ']': ']', '-': '0',
	'0': '0', '1': '0', '2': '0', '3': '0', '4': '0', '5': '0', '6': '0', '7': '0', '8': '0', '9': '0',
}

// Scanner reads a text from its start. Each method that reads a value reads the next one whole, and
// fails with a [Fault]. After a fault, the only use of a Scanner is [Scanner.Return].
//
// A Scanner is not safe for concurrent use. It does not change the text, and its results share the
// memory of the text.
type Scanner struct {
	text  []byte
	at    int
	depth int
	names [][]byte // the keys of the objects that are open, if they must be unique
}

// New returns a Scanner at the start of a text.
func New(text []byte) Scanner { return Scanner{text: text} }

// Reset makes the Scanner read another text from its start. It keeps memory for keys, but not the
// text before.
func (s *Scanner) Reset(text []byte) {
	names := s.names[:cap(s.names)]
	if clear(names); len(names) > maxNames {
		names = nil
	}
	*s = Scanner{text: text, names: names[:0]}
}

// maxNames is for how many keys memory is kept.
const maxNames = 64

// Place is a position to which a Scanner can return.
type Place struct{ at, depth, names int }

// Place returns the present position.
func (s *Scanner) Place() Place { return Place{s.at, s.depth, len(s.names)} }

// Return makes the Scanner read again from a position, also after a fault.
func (s *Scanner) Return(to Place) { s.at, s.depth, s.names = to.at, to.depth, s.names[:to.names] }

// Offset returns how many bytes were read.
func (s *Scanner) Offset() int { return s.at }

// Left returns how many bytes were not read yet.
func (s *Scanner) Left() int { return len(s.text) - s.at }

// peek skips white space and returns the next byte, 0 at the end of the text.
func (s *Scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch b := s.text[s.at]; b {
		case ' ', '\t', '\r', '\n':
		default:
			return b
		}
	}
	return 0
}

// Kind skips white space and returns the kind of the next value.
func (s *Scanner) Kind() Kind { return kinds[s.peek()] }

// End checks that nothing but white space is left.
func (s *Scanner) End() error {
	if s.peek(); s.at < len(s.text) {
		return ErrSyntax
	}
	return nil
}

// Open reads the start of an array or an object, which [Scanner.Kind] has found.
func (s *Scanner) Open() error {
	if s.depth == maxDepth {
		return ErrSyntax
	}
	s.at++
	s.depth++
	return nil
}

// Element reports whether an open array has another element. first says that none was read. At the
// end it closes the array.
func (s *Scanner) Element(first bool) (bool, error) { return s.more(first, ']') }

// more reports whether an array or an object continues. It reads the comma or the end.
func (s *Scanner) more(first bool, end byte) (bool, error) {
	switch b := s.peek(); {
	case b == end:
		s.at++
		s.depth--
		return false, nil
	case first:
		return true, nil
	case b == ',':
		s.at++
		if s.peek() != end {
			return true, nil
		}
	}
	return false, ErrSyntax
}

// Member reads the key of the next member of an open object and the colon after it. It reports
// false at the end of the object, which it closes. first says that no member was read. The key has
// neither quotes nor escapes.
func (s *Scanner) Member(first bool) (key []byte, more bool, err error) {
	if more, err = s.more(first, '}'); !more {
		return nil, false, err
	}
	if s.peek() != '"' {
		return nil, false, ErrSyntax
	}
	key, plain, err := s.str()
	if err != nil {
		return nil, false, err
	}
	if !plain {
		key = AppendUnquoted(make([]byte, 0, len(key)), key)
	}
	if s.at >= len(s.text) || s.text[s.at] != ':' {
		if s.peek() != ':' {
			return nil, false, ErrSyntax
		}
	}
	s.at++
	return key, true, nil
}

// MemberIs reports whether the next member of an open object has a certain key, and reads it as
// [Scanner.Member] does. It is faster. key has its quotes and the colon. It reports false if the
// key is written with escapes, or with white space around it.
func (s *Scanner) MemberIs(first bool, key string) bool {
	at := s.at
	if !first {
		if at >= len(s.text) || s.text[at] != ',' {
			return false
		}
		at++
	}
	if len(s.text)-at < len(key) || string(s.text[at:at+len(key)]) != key {
		return false
	}
	s.at = at + len(key)
	return true
}

// Literal reads true, false or null, of which [Scanner.Kind] has found the first letter.
func (s *Scanner) Literal() error {
	word := "null"
	switch s.text[s.at] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return ErrSyntax
	}
	s.at += len(word)
	return nil
}

// Number reads a number, of which [Scanner.Kind] has found the start, and returns its text.
func (s *Scanner) Number() ([]byte, error) {
	text, i := s.text, s.at
	if text[i] == '-' {
		i++
	}
	whole := digits(text, i)
	if whole == i || (text[i] == '0' && whole > i+1) {
		return nil, ErrSyntax
	}
	i = whole
	if i < len(text) && text[i] == '.' {
		end := digits(text, i+1)
		if end == i+1 {
			return nil, ErrSyntax
		}
		i = end
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		end := digits(text, i)
		if end == i {
			return nil, ErrSyntax
		}
		i = end
	}
	number := text[s.at:i]
	s.at = i
	return number, nil
}

// digits returns the index after the digits that start at i.
func digits(text []byte, i int) int {
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return i
}

// Text reads a string, of which [Scanner.Kind] has found the quote. It returns what is between the
// quotes. plain says that this is the text: it has no escapes and is UTF-8. Otherwise [Unquote]
// returns the text.
func (s *Scanner) Text() (inner []byte, plain bool, err error) { return s.str() }

// Skip reads a value of any kind. If unique is set, each object of it must have each key once.
func (s *Scanner) Skip(unique bool) error {
	switch s.Kind() {
	case '"':
		_, _, err := s.str()
		return err
	case 'n', 't', 'f':
		return s.Literal()
	case '0':
		_, err := s.Number()
		return err
	case '[':
		return s.skipArray(unique)
	case '{':
		return s.skipObject(unique)
	}
	return ErrSyntax
}

func (s *Scanner) skipArray(unique bool) error {
	if err := s.Open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.Element(first)
		if !more {
			return err
		}
		if err := s.Skip(unique); err != nil {
			return err
		}
	}
}

func (s *Scanner) skipObject(unique bool) error {
	if err := s.Open(); err != nil {
		return err
	}
	keys := s.Keys()
	for first := true; ; first = false {
		key, more, err := s.Member(first)
		if !more {
			s.Drop(&keys)
			return err
		}
		if unique && s.Repeats(&keys, key) {
			return ErrRepeats
		}
		if err := s.Skip(unique); err != nil {
			return err
		}
	}
}

// Raw reads a value of any kind as [Scanner.Skip] does, and returns its text.
func (s *Scanner) Raw(unique bool) ([]byte, error) {
	s.peek()
	from := s.at
	if err := s.Skip(unique); err != nil {
		return nil, err
	}
	return s.text[from:s.at:s.at], nil
}

// Seen is an object that was read. The zero Seen is none.
type Seen struct {
	raw   []byte
	depth int
}

// Object returns what [Scanner.Raw] has read at a place, if it was an object.
func (p Place) Object(raw []byte) Seen {
	if len(raw) == 0 || raw[0] != '{' {
		return Seen{}
	}
	return Seen{raw, p.depth}
}

// Again reports whether the next value is an object that was read before, byte by byte. It then
// reads and returns the object, without another look at its members.
func (s *Scanner) Again(seen Seen) ([]byte, bool) {
	if s.peek(); seen.raw == nil || s.depth > seen.depth || !bytes.HasPrefix(s.text[s.at:], seen.raw) {
		return nil, false
	}
	from := s.at
	s.at += len(seen.raw)
	return s.text[from:s.at:s.at], true
}

// Keys are those of one object that is open.
type Keys struct {
	from   int       // where they start in the names
	filter [4]uint64 // a bit per hash, so that most keys are compared with none
	many   map[string]bool
}

// fewKeys is how many keys of an object are compared one by one. More are compared with a map.
const fewKeys = 48

// Keys returns an empty set of keys.
func (s *Scanner) Keys() Keys { return Keys{from: len(s.names)} }

// Drop forgets the keys of an object that is closed.
func (s *Scanner) Drop(k *Keys) { s.names = s.names[:k.from] }

// Repeats reports whether a key is in the set, and adds it otherwise.
func (s *Scanner) Repeats(k *Keys, key []byte) bool {
	hash := Hash(key)
	word, bit := &k.filter[hash>>6&3], uint64(1)<<(hash&63)
	seen := *word&bit != 0
	*word |= bit
	if k.many != nil {
		seen = k.many[string(key)]
		k.many[string(key)] = true
		return seen
	}
	if seen {
		for _, old := range s.names[k.from:] {
			if bytes.Equal(old, key) {
				return true
			}
		}
	}
	if s.names = append(s.names, key); len(s.names)-k.from > fewKeys {
		k.many = make(map[string]bool, 2*fewKeys)
		for _, old := range s.names[k.from:] {
			k.many[string(old)] = true
		}
		s.names = s.names[:k.from]
	}
	return false
}
