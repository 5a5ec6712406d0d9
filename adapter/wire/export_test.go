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
func Unmarshal(body []byte, v any) error { return read(body, v, false) }

// Row reads one element of a list, and reports whether it is readable.
func Row(raw []byte, v any) (bool, error) {
	d := decoder{Scanner: jsonscan.New(raw), rule: rule{row: true, unique: true}}
	to := reflect.ValueOf(v)
	return d.element(planOf(to.Type().Elem()), unsafe.Pointer(to.Pointer()), false)
}
