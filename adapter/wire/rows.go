package wire

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Rows is a JSON array whose elements are handed over one by one as they are read, so that
// a long list is never held twice. Each must be set. The row is the same memory every time.
//
// An array in which an element has another shape than expected is read twice, see [Unmarshal]; each
// element is handed over once all the same.
type Rows[T any] struct {
	Each func(i int, row *T) // element i, which counts from 0
	Bad  func(i int)         // element i cannot be read, see [Row]; may be nil
	N    int                 // how many elements there were, unreadable ones too
	Told bool                // there was an array; null and absent are none

	// Left is how many bytes of the answer were unread when the array began, to guess its length
	// from.
	Left int

	first int // bytes of the first element
}

// Room is about how many elements there are, if each is as long as the first and at least so many
// bytes.
func (r *Rows[T]) Room(least int) int { return r.Left/max(r.first, least) + 1 }

// OneMore adds a zero element to rows, which must be zero between their length and their capacity.
// It does not write the element: a row is large, and memory that was just made is zero.
func OneMore[T any](rows []T) []T {
	n := len(rows)
	if n < cap(rows) {
		return rows[:n+1]
	}
	var zero T
	rows = append(rows, zero)
	clear(rows[n:cap(rows)])
	return rows
}

// UnmarshalJSONFrom reads an array or null.
func (r *Rows[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		_, err := dec.ReadToken()
		return err
	}
	open, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if open.Kind() != '[' {
		return &json.SemanticError{JSONKind: open.Kind()}
	}
	known := 0 // elements that the first reading handed over
	read := json.UnmarshalDecode
	if lenient(dec) {
		known, read = r.N, r.alone
	}
	r.Told, r.N, r.Left = true, 0, len(dec.UnreadBuffer())
	var row, zero T
	begin := dec.InputOffset()
	for ; dec.PeekKind() != ']'; r.N++ {
		if crowded(r.N, dec.InputOffset()-begin) {
			return ErrCrowded
		}
		row = zero
		err := read(dec, &row)
		if r.N == 0 {
			r.first = int(dec.InputOffset() - begin)
		}
		switch {
		case err != nil && err != errUnreadable: //nolint:errorlint // it is never wrapped
			return err
		case r.N < known:
		case err == nil:
			r.Each(r.N, &row)
		case r.Bad != nil:
			r.Bad(r.N)
		}
	}
	_, err = dec.ReadToken()
	return err
}

// alone reads an element by itself, so that an unreadable one does not cost the others.
func (*Rows[T]) alone(dec *jsontext.Decoder, row any, _ ...json.Options) error {
	raw, err := dec.ReadValue()
	if err == nil && Row(raw, row) != nil {
		err = errUnreadable
	}
	return err
}

const errUnreadable = unreadableError("wire: the element cannot be read")

type unreadableError string

func (e unreadableError) Error() string { return string(e) }

// List is a JSON array that is kept. An element that cannot be read does not cost the others.
type List[T any] struct {
	Rows []T   // those that could be read, in their order
	Bad  []int // the numbers of the others, from 1
	Told bool  // there was an array; null and absent are none

	places []int // the numbers of Rows, where some are bad
}

// UnmarshalJSONFrom reads an array or null.
func (l *List[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = List[T]{Rows: l.Rows[:0]}
	rows := Rows[T]{
		Each: func(i int, row *T) {
			l.Rows = append(l.Rows, *row)
			if l.Bad != nil {
				l.places = append(l.places, i+1)
			}
		},
		Bad: func(i int) {
			for n := len(l.places); n < len(l.Rows); n++ {
				l.places = append(l.places, n+1)
			}
			l.Bad = append(l.Bad, i+1)
		},
	}
	err := rows.UnmarshalJSONFrom(dec)
	l.Told = rows.Told
	return err
}

// Beside is a List that its answer can do without. Where it is not an array, it is one element that
// cannot be read.
type Beside[T any] struct{ List[T] }

// UnmarshalJSONFrom reads any JSON value.
func (b *Beside[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind == '[' || kind == 'n' {
		return b.List.UnmarshalJSONFrom(dec)
	}
	b.List = List[T]{Bad: []int{1}}
	return dec.SkipValue()
}

// Object is one object in the envelope whose members are read as those of a [Row]: a number may
// stand for a text.
type Object[T any] struct {
	Value T
	Told  bool // there was an object that can be read
}

// UnmarshalJSONFrom reads any JSON value.
func (o *Object[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*o = Object[T]{}
	o.Told = raw.Kind() == '{' && Row(raw, &o.Value) == nil
	return nil
}

// Len is how many elements there were, unreadable ones too.
func (l *List[T]) Len() int { return len(l.Rows) + len(l.Bad) }

// Place is the number of Rows[i] in the array, from 1.
func (l *List[T]) Place(i int) int {
	if l.Bad == nil {
		return i + 1
	}
	return l.places[i]
}

// Failures names the elements that could not be read.
func (l *List[T]) Failures(account string) []bankmux.Failure {
	var failed []bankmux.Failure
	for _, place := range l.Bad {
		failed = append(failed, Unreadable(account, place))
	}
	return failed
}

// Unreadable is the failure of the element with this number, from 1.
func Unreadable(account string, place int) bankmux.Failure {
	return bankmux.Failure{Account: account, Transaction: RowName("", place), Err: NotARow()}
}

// NotARow says what is wrong with such an element.
func NotARow() *bankmux.Error {
	return normalize.Unreadable("a row that is not an object with each key once")
}

// RowName names an element by its id, or else by its number, from 1.
func RowName(id string, place int) string {
	if id != "" {
		return id
	}
	return "row " + strconv.Itoa(place)
}
