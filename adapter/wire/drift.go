package wire

// This file looks for what a response has and nothing documents.

import (
	"hash/maphash"
	"math/bits"
	"reflect"
	"sync"

	"github.com/bankmux/bankmux/internal/jsonscan"
	"github.com/bankmux/bankmux/internal/strictjson"
	"github.com/bankmux/bankmux/normalize"
)

// Unknown is a member or a value of a response that is not documented. It has the names of members
// and the values of enumerations, and no other value. A single word of letters counts as a name.
// So if a provider sends a person's name as a key or as a value of an enumeration, Unknown has it.
type Unknown struct {
	// Member is the path of the member, such as "accounts[].new_member". A key of a map is "*", and
	// so is a name that [normalize.Name] masks.
	Member string
	// Value is the value that an enumeration does not have, as
	// [normalize.DocumentedObject.ValueName] returns it. It is "" if the member itself is unknown.
	Value string
	Code  bool // Value is the code of an error
}

// maxUnknown is how many unknown members an object may have. One with more is a map, and its keys
// may be ids or names of persons.
const maxUnknown = 16

// maxFound is how many findings of one response are returned.
const maxFound = 256

// Inspect returns what a response has beyond what is documented and what the type of v has. It
// returns each once, at most 256, and nothing for a text that is not JSON. [Decode] reads the
// response into v, of which Inspect uses only the type. Inspect does not look into members that are
// documented and not read. It looks into a value that UnmarshalJSON reads only if the type has a
// method "InspectAs() reflect.Type", which returns the type that has its members.
//
// If an object has more than 16 unknown members, they are reported as one that is "*". In each
// place of a response, the first 256 different texts are looked at.
func Inspect(body []byte, v any, documented *normalize.Documented) []Unknown {
	s := inspector{Scanner: jsonscan.New(strictjson.WithoutMark(body)), documented: documented}
	if s.value(planOf(reflect.TypeOf(v).Elem()), nil, normalize.Root) != nil || s.End() != nil {
		return nil
	}
	return s.found
}

// inspector walks through one response.
type inspector struct {
	jsonscan.Scanner
	documented *normalize.Documented
	path       []string // to the present value
	unknown    [][]byte // the unknown members of the objects that are open
	found      []Unknown
	seen       map[string]bool // by key, so that a list with many rows reports a finding once
	key        []byte          // memory for the key of a finding

	// The rows of a list have the same unknown members. Naming a text costs far more than its hash.
	looked map[uint64]bool // hashes of the texts and of the objects with their places
	number map[uint64]int  // by place, of those in looked
}

// isNew reports whether what has a hash has not been looked at in a place. It is false after
// [maxFound] in that place, so that a look costs little whatever a response has.
func (s *inspector) isNew(place, hash uint64) bool {
	if s.looked[hash] || s.number[place] == maxFound {
		return false
	}
	if s.looked == nil {
		s.looked, s.number = map[uint64]bool{}, map[uint64]int{}
	}
	s.looked[hash] = true
	s.number[place]++
	return true
}

// seed makes the hashes of a process its own.
var seed = maphash.MakeSeed()

// with returns the hash of a place or of texts, and one more text.
func with(hash uint64, text []byte) uint64 {
	return bits.RotateLeft64(hash, 5)*0x9e3779b97f4a7c15 ^ maphash.Bytes(seed, text)
}

// place returns a hash of the present path.
func (s *inspector) place() (hash uint64) {
	for _, part := range s.path {
		hash = bits.RotateLeft64(hash, 5)*0x9e3779b97f4a7c15 ^ maphash.String(seed, part)
	}
	return hash
}

// value looks at the next value. in is the object that it is in, and name the member.
func (s *inspector) value(p *plan, in *object, name string) error {
	to := p.innermost()
	switch kind := s.Kind(); {
	case kind == '[' && (to.list || to.how == asSlice || to.how == asArray):
		return s.list(to.element, in, name)
	case kind == '{' && to.how == asStruct:
		return s.object(to, name)
	case kind == '{' && to.how == asMap:
		return s.table(to.element, in, name)
	case kind == '"' && in != nil && in.Enumerates(name):
		return s.word(in, name)
	}
	return s.Skip(false)
}

// object is an object of a response.
type object struct {
	*normalize.DocumentedObject
	of *plan
}

// object looks at the members of an object.
func (s *inspector) object(p *plan, name string) error {
	if err := s.Open(); err != nil {
		return err
	}
	one := object{s.documented.Object(name), p}
	before, i := len(s.unknown), -1
	for first := true; ; first = false {
		at, more, err := s.member(&one, first, i+1)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if at < 0 {
			continue
		}
		i = at
		m := &p.members[i]
		s.path = append(s.path, m.name)
		if err := s.value(m.plan, &one, m.name); err != nil {
			return err
		}
		s.path = s.path[:len(s.path)-1]
	}
	s.members(s.unknown[before:])
	s.unknown = s.unknown[:before]
	return nil
}

// member reads a key and returns the index of the member, which is most often the next one. If the
// type does not have the member, member skips its value and returns -1.
func (s *inspector) member(in *object, first bool, next int) (at int, more bool, err error) {
	if next < len(in.of.members) && s.MemberIs(first, in.of.members[next].quoted) {
		return next, true, nil
	}
	key, more, err := s.Member(first)
	if !more {
		return -1, false, err
	}
	if at = in.of.index(key); at >= 0 {
		return at, true, nil
	}
	if !in.of.takesOthers() && !in.HasMember(key) {
		s.unknown = append(s.unknown, key)
	}
	return -1, true, s.Skip(false)
}

// members notes the unknown members of an object.
func (s *inspector) members(unknown [][]byte) {
	if len(unknown) == 0 {
		return
	}
	if len(unknown) > maxUnknown {
		unknown = [][]byte{[]byte(normalize.Masked)}
	}
	place := s.place()
	object := ^place
	for _, key := range unknown {
		object = with(object, key)
	}
	if s.looked[object] {
		return
	}
	s.isNew(^place, object)
	if s.seen == nil {
		s.seen, s.found = make(map[string]bool, len(unknown)), make([]Unknown, 0, len(unknown))
	}
	for _, key := range unknown {
		if s.isNew(place, with(place, key)) {
			s.note(Unknown{Member: nameOf(key)})
		}
	}
}

// named has unknown members that look like names, at most maxNamed. A response of one row is so
// small that naming its new members once more would be most of the look.
var named struct {
	sync.RWMutex

	all map[string]string
}

const maxNamed = 1024

// nameOf is [normalize.Name], which remembers names.
func nameOf(key []byte) string {
	named.RLock()
	name, ok := named.all[string(key)]
	named.RUnlock()
	if ok {
		return name
	}
	name = normalize.Name(string(key))
	named.Lock()
	defer named.Unlock()
	if name != normalize.Masked && len(named.all) < maxNamed {
		if named.all == nil {
			named.all = map[string]string{}
		}
		named.all[name] = name
	}
	return name
}

// word looks at a text that must be one of an enumeration. An empty text stands for none.
func (s *inspector) word(in *object, name string) error {
	inner, _, err := s.Text()
	if err != nil || len(inner) == 0 {
		return err
	}
	if place := s.place(); !s.isNew(place, with(place, inner)) {
		return nil
	}
	if text := jsonscan.Unquote(inner); !in.HasValue(name, text) {
		s.note(Unknown{Value: in.ValueName(name, text), Code: in.IsCode(name)})
	}
	return nil
}

// note adds a finding. Its Member is the last part of the path if that is not in the path yet.
func (s *inspector) note(one Unknown) {
	if len(s.found) == maxFound {
		return
	}
	s.key = append(join(s.key[:0], s.path, one.Member), '=')
	end := len(s.key) - 1
	if s.key = append(s.key, one.Value...); s.seen[string(s.key)] {
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	key := string(s.key)
	s.seen[key] = true
	one.Member = key[:end]
	s.found = append(s.found, one)
}

// The parts of a path that stand for an element of a list and for a member of a map.
const (
	listPart = "[]"
	mapPart  = normalize.Masked
)

// list looks at the elements of a list.
func (s *inspector) list(element *plan, in *object, name string) error {
	if err := s.Open(); err != nil {
		return err
	}
	s.path = append(s.path, listPart)
	for first := true; ; first = false {
		more, err := s.Element(first)
		if !more {
			s.path = s.path[:len(s.path)-1]
			return err
		}
		if err := s.value(element, in, name); err != nil {
			return err
		}
	}
}

// table looks at the values of a map, whose keys may be ids.
func (s *inspector) table(element *plan, in *object, name string) error {
	if err := s.Open(); err != nil {
		return err
	}
	s.path = append(s.path, mapPart)
	for first := true; ; first = false {
		_, more, err := s.Member(first)
		if !more {
			s.path = s.path[:len(s.path)-1]
			return err
		}
		if err := s.value(element, in, name); err != nil {
			return err
		}
	}
}

// join appends a path to a text.
func join(text []byte, path []string, last string) []byte {
	for i := range len(path) + 1 {
		part := last
		if i < len(path) {
			part = path[i]
		}
		if len(text) > 0 && part != listPart && part != "" {
			text = append(text, '.')
		}
		text = append(text, part...)
	}
	return text
}

// innermost returns the plan of what pointers and types of this package hold, but not of the
// elements of a list. A type with InspectAs holds what that returns.
func (p *plan) innermost() *plan {
	for (p.how == asPointer || p.how == asOwn && !p.list || p.how == asJSON) && p.element != nil {
		p = p.element
	}
	return p
}

// takesOthers reports whether a struct has a map that keeps its other members. A map of empty
// structs keeps only their names.
func (p *plan) takesOthers() bool { return p.rest != nil && p.rest.plan.element.of.Size() > 0 }
