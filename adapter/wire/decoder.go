package wire

// This file reads values by their plans.

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// decoder reads one response. The scanner finds the values, and the plan of a type says where they
// belong. Addresses are unsafe pointers, since reflection would take half of the time of a row. A
// plan has the offsets, and each address is within a value that the caller holds.
type decoder struct {
	jsonscan.Scanner
	rule
	texts  *texts  // repeated texts of a long list; nil before it is long
	blocks []block // what is left of the memory for its slices
	short  shortTexts
	again  jsonscan.Seen // the latest object that a method has read in a long list
}

// decoders has decoders for the next responses. They keep nothing of earlier ones.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// release returns a decoder to the pool. One of a long list is not returned.
func (d *decoder) release() {
	if d.texts != nil {
		return
	}
	d.Reset(nil)
	d.rule, d.blocks, d.short = rule{}, nil, shortTexts{}
	decoders.Put(d)
}

// rule is what a part of a response may have.
type rule struct {
	exact  bool // each value must have its type
	row    bool // a number may replace a text
	unique bool // keys of members that are not read may not repeat either
	nested bool // a repeated key concerns what is around the value: the row, or the whole text
}

// rowRule is the rule of a row.
var rowRule = rule{row: true, unique: true, nested: true}

// shapeError says that a value does not have its type.
type shapeError string

func (e shapeError) Error() string { return string(e) }

const (
	// errShape means that the value itself does not fit. Its member is then absent.
	errShape shapeError = "wire: the value has another type"
	// errRefused means that a value does not fit that decides about the whole row or response.
	errRefused shapeError = "wire: a value that decides has another type"
)

// value reads the next value. If its type is another one, it returns errShape, and the scanner and
// the memory at to may have any state.
func (d *decoder) value(p *plan, to unsafe.Pointer) error {
	kind := d.Kind()
	if kind == 'n' {
		return d.null(p, to)
	}
	switch p.how {
	case asString:
		return d.str(kind, (*string)(to))
	case asNumber:
		return (*Number)(to).readFrom(d, kind)
	case asFlag:
		return (*Flag)(to).readFrom(d, kind)
	case asText:
		return (*Text)(to).readFrom(d, kind)
	case asInt:
		return d.integer(kind, p, to)
	case asBool:
		if kind == 't' || kind == 'f' {
			*(*bool)(to) = kind == 't'
			return d.Literal()
		}
		return d.scalar(kind, p, to)
	case asScalar:
		return d.scalar(kind, p, to)
	case asStruct:
		if kind == '{' {
			return d.object(p, to)
		}
		return d.notObject(kind, p, to)
	case asOwn:
		return p.own(to).readFrom(d, p.element)
	case asPointer:
		return d.far(p, to)
	case asSlice:
		return d.slice(kind, p, to)
	case asArray:
		return d.array(kind, p, to)
	case asMap:
		return d.table(kind, p, to)
	case asRaw:
		raw, err := d.Raw(true)
		*(*json.RawMessage)(to) = slices.Clone(raw)
		return err
	case asParsed:
		return d.parse(kind, p, to)
	case asJSON, asOther:
	}
	return d.byMethod(p, to)
}

// otherShape returns the error for a value of another type.
func otherShape(kind jsonscan.Kind) error {
	if kind == 0 || kind == ']' || kind == '}' {
		return jsonscan.ErrSyntax
	}
	return errShape
}

// notObject reads a value of another type than that of a struct.
func (d *decoder) notObject(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if err := otherShape(kind); !p.anyShape || !errors.Is(err, errShape) {
		return err
	}
	p.pointer(to).Interface().(OtherShape).NoteOtherShape()
	return d.Skip(d.unique)
}

// null reads null, which most types read as absent.
func (d *decoder) null(p *plan, to unsafe.Pointer) error {
	switch p.how {
	case asOwn:
		return p.own(to).readFrom(d, p.element)
	case asRaw:
		*(*json.RawMessage)(to) = json.RawMessage("null")
	case asJSON, asOther:
		return d.byMethod(p, to)
	default:
		if !d.row { // the memory of a row is zero
			p.clear(to)
		}
	}
	return d.Literal()
}

// member reads the value of a member. One of another type leaves the member absent, unless types
// must be exact.
func (d *decoder) member(p *plan, to unsafe.Pointer) error {
	start := d.Place()
	err := d.value(p, to)
	if err == nil || d.exact || !errors.Is(err, errShape) {
		return err
	}
	p.clear(to)
	d.Return(start)
	return d.Skip(d.unique)
}

// object reads the members of an object. Most responses have them in the order of the
// documentation, which is that of the struct.
func (d *decoder) object(p *plan, to unsafe.Pointer) error {
	if err := d.Open(); err != nil {
		return err
	}
	var seen uint64 // a bit per member, of the first 64
	keys := d.Keys()
	i := -1
	for first := true; ; first = false {
		var key []byte
		if next := i + 1; next < min(len(p.members), 64) && d.MemberIs(first, p.members[next].quoted) {
			i = next
		} else {
			var more bool
			var err error
			if key, more, err = d.Member(first); !more {
				d.Drop(&keys)
				return err
			}
			at := p.index(key)
			if at < 0 {
				if err := d.other(p, to, &keys, key); err != nil {
					return err
				}
				continue
			}
			i = at
		}
		if seen&(1<<i) != 0 || i >= 64 && d.Repeats(&keys, key) {
			return jsonscan.ErrRepeats
		}
		seen |= 1 << i // nothing from 64 on
		m := &p.members[i]
		if err := d.member(m.plan, unsafe.Add(to, m.offset)); err != nil {
			return err
		}
	}
}

// other reads a member that a struct has no place for.
func (d *decoder) other(p *plan, to unsafe.Pointer, keys *jsonscan.Keys, key []byte) error {
	if d.unique && d.Repeats(keys, key) {
		return jsonscan.ErrRepeats
	}
	if p.rest == nil {
		return d.Skip(d.unique)
	}
	rest := p.rest.plan.pointer(unsafe.Add(to, p.rest.offset)).Elem()
	if rest.IsNil() {
		rest.Set(reflect.MakeMap(p.rest.plan.of))
	}
	return d.entry(newEntry(p.rest.plan), rest, key)
}

// str reads a text.
func (d *decoder) str(kind jsonscan.Kind, to *string) error {
	switch {
	case kind == '"':
		inner, plain, err := d.Text()
		switch {
		case err != nil:
			return err
		case !plain:
			*to = jsonscan.Unquote(inner)
		case d.texts != nil:
			*to = d.texts.intern(inner, &d.short)
		default:
			*to = d.short.make(inner)
		}
		return nil
	case kind == '0' && d.row && !d.exact:
		raw, err := d.Number()
		*to = string(raw)
		return err
	}
	return otherShape(kind)
}

// integer reads an int.
func (d *decoder) integer(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if kind != '0' {
		return d.scalar(kind, p, to)
	}
	raw, err := d.Number()
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(string(raw)); err == nil {
		*(*int)(to) = n
		return nil
	}
	return d.convert(p, to, raw)
}

// scalar reads a number, true or false, which may be written as text unless types must be exact.
func (d *decoder) scalar(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	var raw []byte
	var err error
	switch {
	case kind == '0' && (!d.exact || p.how != asBool):
		raw, err = d.Number()
	case kind == '"' && !d.exact:
		raw, _, err = d.Text()
	default:
		return otherShape(kind)
	}
	if err != nil {
		return err
	}
	return d.convert(p, to, raw)
}

// convert makes a number, true or false of a text.
func (d *decoder) convert(p *plan, to unsafe.Pointer, raw []byte) error {
	if !setScalar(p.pointer(to).Elem(), string(raw), d.exact) {
		return errShape
	}
	return nil
}

// parse reads a text by the method UnmarshalText of its type.
func (d *decoder) parse(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if kind != '"' {
		return otherShape(kind)
	}
	var text string
	if err := d.str(kind, &text); err != nil {
		return err
	}
	return ofMethod(p.pointer(to).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)))
}

// byMethod reads a value by the method UnmarshalJSON of its type, or by encoding/json. Either would
// take one of two values of a repeated key.
func (d *decoder) byMethod(p *plan, to unsafe.Pointer) error {
	raw, err := d.raw(d.nested || !p.mayRepeat)
	if err != nil {
		return err
	}
	if p.how == asJSON {
		return ofMethod(p.pointer(to).Interface().(json.Unmarshaler).UnmarshalJSON(raw))
	}
	return ofMethod(json.Unmarshal(raw, p.pointer(to).Interface()))
}

// raw reads a value for a method. In a long list, most rows have the same object there, such as the
// currency. It is checked once.
func (d *decoder) raw(unique bool) ([]byte, error) {
	if d.texts == nil || !unique {
		return d.Raw(unique)
	}
	if raw, ok := d.Again(d.again); ok {
		return raw, nil
	}
	from := d.Place()
	raw, err := d.Raw(true)
	d.again = from.Object(raw)
	return raw, err
}

// ofMethod returns the error for that of a method. One of Decode stays, and another one means
// another type.
func ofMethod(err error) error {
	if err == nil || errors.Is(err, bankmux.ErrMalformed) {
		return err
	}
	return errShape
}
