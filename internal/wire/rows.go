package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Rows is a JSON array whose elements are handed over one by one as they are read, so that
// a long list is never held twice. Each must be set. The row is the same memory every time.
type Rows[T any] struct {
	Each func(i int, row *T)
	N    int  // how many there were
	Told bool // there was an array; null and absent are none

	// Left is how many bytes of the answer were unread when the array began, to guess its length from.
	Left int
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
	r.Told, r.N, r.Left = true, 0, len(dec.UnreadBuffer())
	var row, zero T
	for dec.PeekKind() != ']' {
		row = zero
		if err := json.UnmarshalDecode(dec, &row); err != nil {
			return err
		}
		r.Each(r.N, &row)
		r.N++
	}
	_, err = dec.ReadToken()
	return err
}
