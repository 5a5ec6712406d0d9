package wire

// This file has the type for exact numbers.

import (
	"unsafe"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// Number is a JSON number, or text with one, read exactly. The zero Number is absent.
type Number struct {
	Value decimal.Decimal
	state state
}

// state says what a member had.
type state uint8

const (
	absent state = iota
	present
	unreadable
)

// Absent reports whether the member was missing, null, or empty text.
func (n Number) Absent() bool { return n.state == absent }

// Present reports whether there was a number.
func (n Number) Present() bool { return n.state == present }

// Bad reports whether there was a value that is not a number of at most 19 digits. Zeros at the end
// of a fraction do not count.
func (n Number) Bad() bool { return n.state == unreadable }

// readFrom reads any JSON value. Anything but a number is Bad, not an error.
func (n *Number) readFrom(d *decoder, kind jsonscan.Kind) error {
	var raw []byte
	var err error
	*n = Number{state: unreadable}
	switch kind {
	case '0':
		raw, err = d.Number()
	case '"':
		raw, _, err = d.Text() // with an escape it is not a number
		if len(raw) == 0 {
			n.state = absent
			return err
		}
	default:
		return d.Skip(d.unique)
	}
	if err != nil {
		return err
	}
	// The text is not kept, so it may share the memory of the response.
	if value, ok := bankmux.ParseDecimal(unsafe.String(&raw[0], len(raw))); ok { //nolint:gosec // not kept
		n.Value, n.state = value, present
	}
	return nil
}
