package wire

import (
	"reflect"
	"unsafe"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// What the tests look at from outside.
const MaxRows = maxRows

var (
	Crowded    = tooManyRows
	ErrCrowded = errCrowded
)

// Unmarshal reads a response as [Decode] does, and returns the error from inside.
func Unmarshal(body []byte, v any) error { return read(body, v, rule{unique: true}) }

// Strict reads data of which nothing may be repaired. No key may repeat, each member must have its
// type. So it reads what jsonv2 does, with which it is compared.
func Strict(body []byte, v any) error {
	return decode(body, v, rule{exact: true, unique: true, nested: true})
}

// Row reads one element of a list, and reports whether it is readable.
func Row(raw []byte, v any) (bool, error) {
	d := decoder{Scanner: jsonscan.New(raw), rule: rowRule}
	to := reflect.ValueOf(v)
	return d.element(planOf(to.Type().Elem()), unsafe.Pointer(to.Pointer()), false)
}
