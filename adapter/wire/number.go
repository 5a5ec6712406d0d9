package wire

// This file has the type for exact numbers.

import (
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
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

// Bad reports whether there was a value that is not a number of at most 19 digits.
func (n Number) Bad() bool { return n.state == unreadable }

// UnmarshalJSONFrom reads any JSON value. Anything but a number is Bad, not an error.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*n = Number{}
	switch raw.Kind() {
	case 'n':
		return nil
	case '"':
		raw = raw[1 : len(raw)-1] // with an escape it is not a number
		if len(raw) == 0 {
			return nil
		}
	case '0':
	default:
		n.state = unreadable
		return nil
	}
	n.state = unreadable
	// The text is not kept, so it may share the decoder's buffer.
	if value, ok := bankmux.ParseDecimal(unsafe.String(&raw[0], len(raw))); ok { //nolint:gosec // not kept
		n.Value, n.state = value, present
	}
	return nil
}
