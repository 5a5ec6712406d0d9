package wire

// This file has the types for arrays and objects.

import (
	"reflect"
	"slices"
	"strconv"
	"unsafe"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Rows is a JSON array whose elements are passed to Each one by one while they are read. So a long
// list is never in memory twice. Each must be set. It must copy what it keeps, because row is the
// same memory every time.
//
// Each element is passed once, and in order.
type Rows[T any] struct {
	Each    func(i int, row *T) // gets element i, counted from 0
	Bad     func(i int)         // gets the index of an unreadable element, from 0; may be nil
	N       int                 // the number of elements, unreadable ones included
	Present bool                // there was an array, not null

	left  int // bytes of the response that were unread at the start of the array
	first int // bytes of the first element
}

// Room estimates the number of elements from the length of the first one, which counts as at least
// minBytes. Call it from Each to size a slice.
func (r *Rows[T]) Room(minBytes int) int { return r.left/max(r.first, minBytes) + 1 }

// AppendZero appends a zero element to rows. The memory between length and capacity must be zero
// already, so that AppendZero need not clear it.
func AppendZero[T any](rows []T) []T {
	n := len(rows)
	if n < cap(rows) {
		return rows[:n+1]
	}
	var zero T
	rows = append(rows, zero)
	clear(rows[n:cap(rows)])
	return rows
}

func (*Rows[T]) elementType() reflect.Type { return reflect.TypeFor[T]() }

func (*Rows[T]) list() {}

// readFrom reads an array or null.
func (r *Rows[T]) readFrom(d *decoder, element *plan) error {
	r.Present, r.N = false, 0
	if d.Kind() == 'n' {
		return d.Literal()
	}
	var row, zero T
	start := d.Offset() + 1 // after the bracket
	r.left = d.Left() - 1
	next := func() unsafe.Pointer { return address(&row) }
	err := d.rows(element, next, func(readable bool) {
		if r.N == 0 {
			r.first = d.Offset() - start
		}
		switch {
		case readable:
			r.Each(r.N, &row)
		case r.Bad != nil:
			r.Bad(r.N)
		}
		r.N++
		row = zero
	})
	r.Present = err == nil
	return err
}

// List is a JSON array in memory. An unreadable element does not affect the others. An element that
// is null is a zero row, so check the required members of each row.
//
// More than 50,000 elements make the response malformed. So do more than 4,096 elements of fewer
// than 96 bytes on average, since 8 MiB of "{}" would need gigabytes.
type List[T any] struct {
	Rows    []T   // the readable elements, in order
	Bad     []int // the positions of the unreadable elements, from 1
	Present bool  // there was an array, not null

	places []int // the positions of Rows, if some elements are bad
}

func (*List[T]) elementType() reflect.Type { return reflect.TypeFor[T]() }

func (*List[T]) list() {}

// readFrom reads an array or null.
func (l *List[T]) readFrom(d *decoder, element *plan) error {
	*l = List[T]{Rows: l.Rows[:0]}
	if d.Kind() == 'n' {
		return d.Literal()
	}
	n, start := 0, d.Left()
	next := func() unsafe.Pointer {
		if n == 1 && cap(l.Rows) < 2 { // most lists are short, and their elements alike
			l.Rows = slices.Grow(l.Rows, min(d.Left()/(start-d.Left())+1, longList))
		}
		var zero T
		l.Rows = append(l.Rows, zero)
		return address(&l.Rows[len(l.Rows)-1])
	}
	err := d.rows(element, next, func(readable bool) {
		if n++; readable {
			if l.Bad != nil {
				l.places = append(l.places, n)
			}
			return
		}
		if l.Rows = l.Rows[:len(l.Rows)-1]; len(l.Rows) == 0 {
			l.Rows = nil
		}
		for i := len(l.places); i < len(l.Rows); i++ {
			l.places = append(l.places, i+1)
		}
		l.Bad = append(l.Bad, n)
	})
	l.Present = err == nil
	return err
}

// OptionalList is a [List] that is not required. A value that is not an array counts as one
// unreadable element.
type OptionalList[T any] struct{ List[T] }

// readFrom reads any JSON value.
func (b *OptionalList[T]) readFrom(d *decoder, element *plan) error {
	if kind := d.Kind(); kind == '[' || kind == 'n' {
		return b.List.readFrom(d, element)
	}
	b.List = List[T]{Bad: []int{1}}
	return d.Skip(d.nested)
}

// Object is one object outside of lists whose members follow the rules of a row: a number may
// replace a text. It is absent if it repeats a key, so require what the adapter needs of it. Within
// a row, a repeated key makes the row unreadable.
type Object[T any] struct {
	Value   T
	Present bool // there was a readable object
}

func (*Object[T]) elementType() reflect.Type { return reflect.TypeFor[T]() }

// readFrom reads any JSON value.
func (o *Object[T]) readFrom(d *decoder, element *plan) error {
	*o = Object[T]{}
	if d.Kind() != '{' {
		return d.Skip(d.nested)
	}
	outside := d.rule
	d.rule = rowRule
	d.unique = outside.unique // an object is not a row
	readable, err := d.element(element, address(&o.Value), outside.nested)
	d.rule = outside
	if o.Present = readable; !readable {
		o.Value = *new(T) // it may have a part of the object
	}
	return err
}

// Len returns the number of elements, unreadable ones included.
func (l *List[T]) Len() int { return len(l.Rows) + len(l.Bad) }

// Place returns the position of Rows[i] in the array, from 1.
func (l *List[T]) Place(i int) int {
	if l.Bad == nil {
		return i + 1
	}
	return l.places[i]
}

// Failures returns a failure per unreadable element. account may be empty.
func (l *List[T]) Failures(account string) []bankmux.Failure {
	var failed []bankmux.Failure
	for _, place := range l.Bad {
		failed = append(failed, RowFailure(account, place))
	}
	return failed
}

// RowFailure returns the failure of an unreadable element. place counts from 1.
func RowFailure(account string, place int) bankmux.Failure {
	return bankmux.Failure{Account: account, Transaction: RowName("", place), Err: RowError()}
}

// RowError returns the error of an unreadable element: it is not an object, or repeats a key.
func RowError() *bankmux.Error {
	return normalize.Unreadable("a row that is not an object with each key once")
}

// RowName returns the id of an element. If it has none, the name is "row" and its place, from 1.
func RowName(id string, place int) string {
	if id != "" {
		return id
	}
	return "row " + strconv.Itoa(place)
}
