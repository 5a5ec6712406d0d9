package wire

import "reflect"

// What the tests look at from outside.
const MaxRows = maxRows

var (
	Unmarshal  = unmarshal
	Row        = readRow
	Crowded    = tooManyRows
	ErrCrowded = errCrowded
)

// Laid reports whether the elements of a long array of such rows are read by a layout.
func Laid(row any) bool {
	_, ok := membersOf(reflect.ValueOf(row).Elem())
	return ok
}
