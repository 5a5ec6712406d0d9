package wire

// This file reads arrays, maps and what pointers point to.

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// longList is how many elements of a list are read before repeated texts are looked for.
const longList = 8

// rows reads an array. Each element is read into the memory that next returns, and done hears
// whether it was readable.
func (d *decoder) rows(element *plan, next func() unsafe.Pointer, done func(readable bool)) error {
	if kind := d.Kind(); kind != '[' {
		return decisive(otherShape(kind))
	}
	if err := d.Open(); err != nil {
		return err
	}
	outside, start := d.rule, d.Offset()
	if !d.exact {
		d.rule = rowRule
	}
	for n := 0; ; n++ {
		more, err := d.Element(n == 0)
		if !more {
			d.rule = outside
			return err
		}
		if crowded(n, d.Offset()-start) {
			return errCrowded
		}
		if n == longList && d.texts == nil {
			d.texts = new(texts)
		}
		readable, err := d.element(element, next(), outside.nested)
		if err != nil {
			return err
		}
		done(readable)
	}
}

// element reads an element of a list, or an object that is read like one. It reports false for one
// that cannot be read. within says that a repeated key concerns something around the element.
func (d *decoder) element(p *plan, to unsafe.Pointer, within bool) (readable bool, err error) {
	start := d.Place()
	err = d.value(p, to)
	switch {
	case err == nil:
		return true, nil
	case d.exact:
		return false, decisive(err)
	case errors.Is(err, jsonscan.ErrSyntax), errors.Is(err, errCrowded):
		return false, err
	}
	d.Return(start)
	return false, d.Skip(within)
}

// decisive makes a value of another type an error for what is around it.
func decisive(err error) error {
	if errors.Is(err, errShape) {
		return errRefused
	}
	return err
}

// far reads a value into new memory.
func (d *decoder) far(p *plan, to unsafe.Pointer) error {
	made := reflect.New(p.element.of)
	if err := d.value(p.element, made.UnsafePointer()); err != nil {
		return err
	}
	*(*unsafe.Pointer)(to) = made.UnsafePointer()
	return nil
}

// slice reads an array. It leaves out elements of another type, unless types must be exact. Outside
// of rows it leaves out an element that repeats a key.
func (d *decoder) slice(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if kind != '[' {
		return otherShape(kind)
	}
	if err := d.Open(); err != nil {
		return err
	}
	list := d.takeBlock(p)
	for first := true; ; first = false {
		more, err := d.Element(first)
		if err != nil {
			return err
		}
		if !more {
			list.cut(to)
			d.returnBlock(list)
			return nil
		}
		start := d.Place()
		one := list.next(to)
		fits, err := d.part(p.element, one)
		if !d.nested && !d.exact && errors.Is(err, jsonscan.ErrRepeats) {
			d.Return(start)
			err = d.Skip(false)
		}
		if err != nil {
			return err
		}
		if fits {
			list.n++
			continue
		}
		p.element.clear(one)
	}
}

// array reads an array that has the length of its type. Each element must have its type, since its
// place has a meaning.
func (d *decoder) array(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if kind != '[' {
		return otherShape(kind)
	}
	if err := d.Open(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := d.Element(n == 0)
		switch last := n == p.of.Len(); {
		case err != nil:
			return err
		case more == last:
			return errShape
		case last:
			return nil
		}
		if err := d.value(p.element, unsafe.Add(to, uintptr(n)*p.element.of.Size())); err != nil {
			return err
		}
	}
}

// part reads an element of an array or a value of a map. It reports false for one of another type,
// unless types must be exact.
func (d *decoder) part(p *plan, to unsafe.Pointer) (fits bool, err error) {
	start := d.Place()
	err = d.value(p, to)
	if err == nil || d.exact || !errors.Is(err, errShape) {
		return err == nil, err
	}
	d.Return(start)
	return false, d.Skip(d.unique)
}

// table reads an object into a map. Its keys may not repeat.
func (d *decoder) table(kind jsonscan.Kind, p *plan, to unsafe.Pointer) error {
	if kind != '{' {
		return otherShape(kind)
	}
	if err := d.Open(); err != nil {
		return err
	}
	table := p.pointer(to).Elem()
	if table.IsNil() {
		table.Set(reflect.MakeMap(p.of))
	}
	keys, one := d.Keys(), newEntry(p)
	for first := true; ; first = false {
		key, more, err := d.Member(first)
		if !more {
			d.Drop(&keys)
			return err
		}
		if d.Repeats(&keys, key) {
			return jsonscan.ErrRepeats
		}
		if err := d.entry(one, table, key); err != nil {
			return err
		}
	}
}

// entry is memory for the entries of a map, of which there is one at a time.
type entry struct {
	element    *plan
	key, value reflect.Value
}

func newEntry(p *plan) entry {
	return entry{p.element, reflect.New(p.of.Key()).Elem(), reflect.New(p.element.of).Elem()}
}

// entry reads the value of a key into a map. One of another type is there and zero.
func (d *decoder) entry(e entry, table reflect.Value, key []byte) error {
	e.value.SetZero()
	fits, err := d.part(e.element, e.value.Addr().UnsafePointer())
	if err != nil {
		return err
	}
	if !fits {
		e.value.SetZero()
	}
	e.key.SetString(d.short.make(key))
	table.SetMapIndex(e.key, e.value)
	return nil
}
