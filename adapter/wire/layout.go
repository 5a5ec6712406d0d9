package wire

// This file reads long arrays fast.

import (
	"bytes"
	"encoding"
	"encoding/binary"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// layout reads the elements of an array one by one into the same memory. It finds the addresses of
// the members once per array, which saves 15 % to 25 % of the time of [json.UnmarshalDecode]. It
// reads the same values. If the package json refuses an element, layout also returns an error, but
// not always the same one. The second reading of [Decode] then decides.
type layout struct {
	members  []member
	interned texts
}

// member is the destination of a member of an object.
type member struct {
	name   string   // in JSON, with its quotes
	to     any      // its address, nil for an object that is read member by member
	within []member // the members of that object
	list   *list    // of an array of objects that are read member by member
	then   int      // the index of the member that followed it last, since most objects keep an order
}

// list is the destination of an array of objects.
type list struct {
	to      reflect.Value // the slice
	element reflect.Value // into which each element is read
	members []member      // of element
}

// longArray is how many elements the package json reads. The rest of a longer array uses a layout.
const longArray = 8

// fastReader returns the fastest way to read elements into row, which must be zero each time.
func fastReader(dec *jsontext.Decoder, row any) func(*jsontext.Decoder, any, ...json.Options) error {
	for _, changes := range [...]func(bool) json.Options{
		json.MatchCaseInsensitiveNames, json.RejectUnknownMembers, json.StringifyNumbers, jsontext.AllowDuplicateNames,
	} {
		if is, _ := json.GetOption(dec.Options(), changes); is {
			return json.UnmarshalDecode
		}
	}
	members, ok := membersOf(reflect.ValueOf(row).Elem())
	if !ok {
		return json.UnmarshalDecode
	}
	l := &layout{members: members}
	return func(dec *jsontext.Decoder, _ any, _ ...json.Options) error { return l.object(dec, l.members) }
}

// membersOf lists the members of a struct by their tags, and those of a struct that it embeds. It
// reports false for another type and for a type with a method that reads it. It also reports false
// if a tag is missing or has more than a name, and if two members have one name.
func membersOf(v reflect.Value) (members []member, ok bool) {
	if v.Kind() != reflect.Struct || readsItself(v.Type()) {
		return nil, false
	}
	for field, at := range v.Fields() {
		name, tagged := field.Tag.Lookup("json")
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		if field.Anonymous && !tagged {
			embedded, ok := membersOf(at)
			if !ok {
				return nil, false
			}
			members = append(members, embedded...)
			continue
		}
		if !tagged || field.Anonymous || name == "" || name == "-" || strings.ContainsAny(name, `,'"\`) {
			return nil, false
		}
		m := member{name: `"` + name + `"`}
		if m.within, ok = membersOf(at); !ok {
			m.to, m.list = at.Addr().Interface(), listOf(at)
		}
		members = append(members, m)
	}
	names := make(map[string]bool, len(members))
	for i := range members {
		members[i].then = i + 1
		names[members[i].name] = true
	}
	return members, len(names) == len(members)
}

// listOf returns the destination for an array of objects, nil for another type.
func listOf(v reflect.Value) *list {
	if v.Kind() != reflect.Slice || readsItself(v.Type()) {
		return nil
	}
	element := reflect.New(v.Type().Elem()).Elem()
	members, ok := membersOf(element)
	if !ok {
		return nil
	}
	return &list{v, element, members}
}

// readsItself reports whether a type has a method that reads it.
func readsItself(t reflect.Type) bool {
	t = reflect.PointerTo(t)
	return t.Implements(unmarshalerFrom) || t.Implements(unmarshaler) || t.Implements(textUnmarshaler)
}

var (
	unmarshaler     = reflect.TypeFor[stdjson.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// object reads an object or null into members that are zero.
func (l *layout) object(dec *jsontext.Decoder, members []member) error {
	open, err := dec.ReadToken()
	if err != nil || open.Kind() == 'n' {
		return err
	}
	if open.Kind() != '{' {
		return otherShape(open.Kind())
	}
	at, before := 0, -1
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if at < 0 || at >= len(members) || members[at].name != string(name) {
			at = indexOf(members, name)
		}
		if at < 0 {
			err = dec.SkipValue()
		} else {
			err = l.member(dec, &members[at])
		}
		if err != nil {
			return err
		}
		if before >= 0 {
			members[before].then = at
		}
		if before = at; at >= 0 {
			at = members[at].then
		}
	}
	_, err = dec.ReadToken()
	return err
}

// indexOf returns the index of a member by its name in JSON, -1 for an unknown name.
func indexOf(members []member, name []byte) int {
	if bytes.IndexByte(name, '\\') >= 0 {
		name = append(append([]byte{'"'}, unquoted(name)...), '"')
	}
	for i := range members {
		if members[i].name == string(name) {
			return i
		}
	}
	return -1
}

// member reads the next value into a member.
func (l *layout) member(dec *jsontext.Decoder, m *member) error {
	if m.list != nil {
		return l.list(dec, m.list)
	}
	switch to := m.to.(type) {
	case nil:
		return l.object(dec, m.within)
	case *string:
		raw, err := dec.ReadValue()
		if err == nil {
			err = l.text(raw, to)
		}
		return err
	case *int:
		raw, err := dec.ReadValue()
		if err == nil {
			err = readInt(raw, to)
		}
		return err
	case *Number: // the most frequent one, called without an interface
		return to.UnmarshalJSONFrom(dec)
	case json.UnmarshalerFrom:
		return callUnmarshaler(dec, to)
	}
	return json.UnmarshalDecode(dec, m.to)
}

// list reads an array or null into a slice that is nil.
func (l *layout) list(dec *jsontext.Decoder, to *list) error {
	open, err := dec.ReadToken()
	if err != nil || open.Kind() == 'n' {
		return err
	}
	if open.Kind() != '[' {
		return otherShape(open.Kind())
	}
	n := 0
	for ; dec.PeekKind() != ']'; n++ {
		to.element.SetZero()
		if err := l.object(dec, to.members); err != nil {
			return err
		}
		to.to.Grow(1)
		to.to.SetLen(n + 1)
		to.to.Index(n).Set(to.element)
	}
	if n == 0 {
		to.to.Set(reflect.MakeSlice(to.to.Type(), 0, 0)) // not nil
	}
	_, err = dec.ReadToken()
	return err
}

// callUnmarshaler calls a method that must read one value or leave it to the package json.
func callUnmarshaler(dec *jsontext.Decoder, to json.UnmarshalerFrom) error {
	depth := dec.StackDepth()
	_, before := dec.StackIndex(depth)
	err := to.UnmarshalJSONFrom(dec)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	read := int64(-1)
	if dec.StackDepth() == depth {
		_, after := dec.StackIndex(depth)
		read = after - before
	}
	switch {
	case err == nil && read == 1:
		return nil
	case err != nil && read == 0:
		return json.UnmarshalDecode(dec, to)
	}
	return otherShape(0)
}

// text reads a text or null.
func (l *layout) text(raw jsontext.Value, to *string) error {
	switch raw.Kind() {
	case 'n':
		return nil
	case '"':
		*to = l.interned.intern(raw)
		return nil
	}
	return otherShape(raw.Kind())
}

// readInt reads a whole number or null.
func readInt(raw jsontext.Value, to *int) (err error) {
	switch raw.Kind() {
	case 'n':
		return nil
	case '0':
		if *to, err = strconv.Atoi(string(raw)); err == nil {
			return nil
		}
	}
	return otherShape(raw.Kind())
}

// otherShape returns the error for a value of another type.
func otherShape(kind jsontext.Kind) error { return &json.SemanticError{JSONKind: kind} }

// texts keeps short texts that were read, since rows repeat many: days, types, merchants. It keeps
// only texts without escapes, so that it can be searched by their JSON.
type texts [256]string

const maxInterned = 64 // bytes of a text that is kept

// intern returns the text of a JSON string.
func (t *texts) intern(raw []byte) string {
	plain := raw[1 : len(raw)-1]
	if len(plain) == 0 {
		return ""
	}
	held := &t[slot(plain)]
	switch {
	case *held == string(plain):
		return *held
	case bytes.IndexByte(plain, '\\') >= 0 || !utf8.Valid(plain):
		return unquoted(raw)
	case len(plain) > maxInterned:
		return string(plain)
	}
	*held = string(plain)
	return *held
}

// slot returns the index for a text that is not empty, by its first and last bytes.
func slot(text []byte) uint8 {
	if len(text) < 4 {
		return text[0] ^ text[len(text)-1]<<3
	}
	const prime = 0x9e3779b1
	first, last := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[len(text)-4:])
	return uint8((first*prime ^ last) * prime >> 24)
}

// unquoted returns the text of a JSON string. It repairs what is not UTF-8.
func unquoted(raw []byte) (text string) {
	_ = json.Unmarshal(raw, &text, jsontext.AllowInvalidUTF8(true)) // cannot fail for a string
	return text
}
