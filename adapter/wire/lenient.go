package wire

// This file has the types that accept values of several types, or of exactly one.

import (
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// setScalar converts a text to a number, true or false, and reports whether it can. A number that
// must be exact is written as its type is.
func setScalar(to reflect.Value, text string, exact bool) bool {
	switch to.Kind() {
	case reflect.Bool:
		is, err := strconv.ParseBool(text)
		if err != nil {
			return false
		}
		to.SetBool(is)
	case reflect.Float32, reflect.Float64:
		number, err := strconv.ParseFloat(text, to.Type().Bits())
		if err != nil || strings.Trim(text, "+-.0123456789eE") != "" {
			return false
		}
		to.SetFloat(number)
	default:
		return setWhole(to, text, exact)
	}
	return true
}

// setWhole does so for a whole number, which may be written as 3.0 or 3e2 unless it must be exact.
func setWhole(to reflect.Value, text string, exact bool) bool {
	if to.CanUint() {
		if n, err := strconv.ParseUint(text, 10, to.Type().Bits()); err == nil {
			to.SetUint(n)
			return true
		}
	} else if n, err := strconv.ParseInt(text, 10, to.Type().Bits()); err == nil {
		to.SetInt(n)
		return true
	}
	whole, ok := bankmux.ParseDecimal(text)
	if exact || !ok || !whole.IsInt() {
		return false
	}
	n, _, ok := whole.Trunc(0).Int64(0)
	return ok && setWhole(to, strconv.FormatInt(n, 10), true)
}

// Text is text that a provider may write as a number, such as an id or a cursor. Any other value is
// "".
type Text string

// readFrom reads any JSON value.
func (t *Text) readFrom(d *decoder, kind jsonscan.Kind) error {
	*t = ""
	switch kind {
	case '"':
		return d.str(kind, (*string)(t))
	case '0':
		raw, err := d.Number()
		*t = Text(raw)
		return err
	}
	return d.Skip(d.unique)
}

// Exact is a decisive member: a response that has it with another type is refused. Null and absent
// are the zero value.
type Exact[T any] struct{ Value T }

func (*Exact[T]) elementType() reflect.Type { return reflect.TypeFor[T]() }

// readFrom reads a value of type T.
func (e *Exact[T]) readFrom(d *decoder, element *plan) error {
	return d.exactly(element, address(&e.Value))
}

// exactly reads a value that decides. Each value in it must have its type.
func (d *decoder) exactly(p *plan, to unsafe.Pointer) error {
	outside := d.rule
	d.exact = true
	err := d.value(p, to)
	d.rule = outside
	return decisive(err)
}

// Nullable is an [Exact] member in which null has a meaning, such as the error of a connection that
// works. With the tag `need:"value"` a response must have it, if only as null: see [Lacks].
type Nullable[T any] struct {
	Value   *T // nil if it is null or absent
	Present bool
}

func (*Nullable[T]) elementType() reflect.Type { return reflect.TypeFor[*T]() }

// readFrom reads null or a value of type T.
func (n *Nullable[T]) readFrom(d *decoder, element *plan) error {
	n.Value, n.Present = nil, true
	return d.exactly(element, address(&n.Value))
}

// Flag is true or false, also as text or as a number. The zero Flag is absent, null or empty.
type Flag uint8

// The values of a [Flag].
const (
	FlagAbsent Flag = iota
	FlagFalse
	FlagTrue
	FlagUnreadable // any other value
)

// readFrom reads any JSON value but null.
func (f *Flag) readFrom(d *decoder, kind jsonscan.Kind) error {
	var raw []byte
	var err error
	*f = FlagUnreadable
	switch kind {
	case 'f':
		*f = FlagFalse
		return d.Literal()
	case 't':
		*f = FlagTrue
		return d.Literal()
	case '0':
		raw, err = d.Number()
	case '"':
		raw, _, err = d.Text()
	default:
		return d.Skip(d.unique)
	}
	if err != nil {
		return err
	}
	switch is, err := strconv.ParseBool(string(raw)); {
	case len(raw) == 0:
		*f = FlagAbsent
	case err == nil && is:
		*f = FlagTrue
	case err == nil:
		*f = FlagFalse
	}
	return nil
}
