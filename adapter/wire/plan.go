package wire

// This file plans how each type is read. A plan is made once per type.

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// plan says how a value of a type is read.
type plan struct {
	how     how
	of      reflect.Type
	element *plan // of what a pointer, a list, a map or a type of this package holds; see also InspectAs

	list      bool // a type of this package that reads an array
	anyShape  bool // a struct that notes a value that is not an object
	mayRepeat bool // a value of a type with a method may repeat a key

	// Of a struct:
	members []member
	first   [256]uint16 // by the hash of a key, 1 and the index of the first member with it
	rest    *member     // a map that takes the members without a place of their own
}

// how says which code reads a value.
type how uint8

const (
	asOther   how = iota // the package encoding/json
	asString             // a type whose kind is string
	asBool               // … bool
	asInt                // int
	asScalar             // another number
	asNumber             // Number
	asText               // Text
	asFlag               // Flag
	asOwn                // another type of this package
	asStruct             // a struct without a method that reads it
	asPointer            // a pointer
	asSlice              // a slice without a method that reads it
	asArray              // an array without a method that reads it
	asMap                // a map with text as its keys
	asRaw                // JSON as it is
	asJSON               // a type with UnmarshalJSON
	asParsed             // a type with UnmarshalText
)

// member is the place of a member in a struct.
type member struct {
	name   string
	quoted string // the key in JSON, and the colon
	depth  int    // how many structs embed it
	offset uintptr
	plan   *plan
	next   uint16 // 1 and the index of the next member with the same hash
}

// ownType is a type of this package that reads itself.
type ownType interface {
	readFrom(d *decoder, element *plan) error
	elementType() reflect.Type // what it holds, nil if it is always the same
}

// OtherShape is implemented by a struct that accepts any value. [Decode] calls NoteOtherShape for
// one that is neither an object nor null. Without the method, such a value is absent.
type OtherShape interface{ NoteOtherShape() }

var (
	ownTypes      = reflect.TypeFor[ownType]()
	unmarshalers  = reflect.TypeFor[json.Unmarshaler]()
	textReaders   = reflect.TypeFor[encoding.TextUnmarshaler]()
	rawMessages   = reflect.TypeFor[json.RawMessage]()
	scalarsByType = map[reflect.Type]how{
		reflect.TypeFor[Number](): asNumber, reflect.TypeFor[Text](): asText, reflect.TypeFor[Flag](): asFlag,
		rawMessages: asRaw,
	}
)

var plans sync.Map // by type

// planOf returns the plan of a type.
func planOf(t reflect.Type) *plan {
	if known, ok := plans.Load(t); ok {
		return known.(*plan)
	}
	made := makePlan(t, map[reflect.Type]*plan{})
	known, _ := plans.LoadOrStore(t, made)
	return known.(*plan)
}

// makePlan makes the plan of a type. making has the plans that are being made, since a type may
// hold itself.
func makePlan(t reflect.Type, making map[reflect.Type]*plan) *plan {
	if p := making[t]; p != nil {
		return p
	}
	p := &plan{of: t, how: howFor(t)}
	making[t] = p
	switch p.how {
	case asOwn:
		_, p.list = reflect.TypeAssert[interface{ list() }](reflect.New(t))
		if of := reflect.New(t).Interface().(ownType).elementType(); of != nil {
			p.element = makePlan(of, making)
		}
	case asPointer, asSlice, asArray, asMap:
		p.element = makePlan(t.Elem(), making)
	case asJSON:
		_, p.mayRepeat = reflect.TypeAssert[interface{ KeysMayRepeat() }](reflect.New(t))
		if as, ok := reflect.TypeAssert[interface{ InspectAs() reflect.Type }](reflect.New(t)); ok {
			p.element = makePlan(as.InspectAs(), making)
		}
	case asStruct:
		_, p.anyShape = reflect.TypeAssert[OtherShape](reflect.New(t))
		p.addMembers(t, member{}, making)
		for i := range p.members {
			hash := jsonscan.Hash([]byte(p.members[i].name))
			p.members[i].next, p.first[hash] = p.first[hash], uint16(i+1)
		}
	default:
	}
	return p
}

// howFor returns which code reads a type.
func howFor(t reflect.Type) how {
	if own, ok := scalarsByType[t]; ok {
		return own
	}
	switch to := reflect.PointerTo(t); {
	case to.Implements(ownTypes):
		return asOwn
	case to.Implements(unmarshalers):
		return asJSON
	case to.Implements(textReaders):
		return asParsed
	}
	switch t.Kind() {
	case reflect.String:
		return asString
	case reflect.Bool:
		return asBool
	case reflect.Int:
		return asInt
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return asScalar
	case reflect.Struct:
		return asStruct
	case reflect.Pointer:
		return asPointer
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return asSlice
		}
	case reflect.Array:
		return asArray
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return asMap
		}
	default:
	}
	return asOther
}

// addMembers adds the members of a struct, and those of the structs that it embeds. in is where the
// struct is.
func (p *plan) addMembers(t reflect.Type, in member, making map[reflect.Type]*plan) {
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		m := member{name: cmp.Or(name, field.Name), depth: in.depth, offset: in.offset + field.Offset}
		switch {
		case field.Tag.Get("json") == "-":
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			m.depth++
			p.addMembers(field.Type, m, making)
		case !field.IsExported():
		case options == "embed":
			m.plan = makePlan(field.Type, making)
			p.rest = &m
		default:
			m.plan = makePlan(field.Type, making)
			quoted, _ := json.Marshal(m.name) // cannot fail for a text
			m.quoted = string(quoted) + ":"
			p.add(m)
		}
	}
}

// add adds a member. One that is embedded less deeply hides another one of its name.
func (p *plan) add(m member) {
	for i := range p.members {
		if was := &p.members[i]; was.name == m.name {
			if m.depth < was.depth {
				*was = m
			}
			return
		}
	}
	p.members = append(p.members, m)
}

// index returns the index of the member with a key, -1 if there is none.
func (p *plan) index(key []byte) int {
	for i := p.first[jsonscan.Hash(key)]; i > 0; i = p.members[i-1].next {
		if p.members[i-1].name == string(key) {
			return int(i) - 1
		}
	}
	return -1
}

// pointer returns a value at an address as a pointer to its type. It must be on the heap already.
func (p *plan) pointer(to unsafe.Pointer) reflect.Value { return reflect.NewAt(p.of, to) }

// address returns the address of a value.
func address[T any](to *T) unsafe.Pointer { return unsafe.Pointer(to) } //nolint:gosec // of what the caller holds

// clear makes a value zero.
func (p *plan) clear(to unsafe.Pointer) { p.pointer(to).Elem().SetZero() }

// own returns a value at an address as a type of this package that reads itself.
func (p *plan) own(to unsafe.Pointer) ownType { return p.pointer(to).Interface().(ownType) }
