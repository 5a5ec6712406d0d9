package bankmux

// hidden keeps a value where fmt, JSON, XML, gob and log handlers do not show it. fmt follows one
// pointer at most, and only where it may not call methods and a verb does not fit; so the value is
// behind two. The others pass over it, for it has no exported field. Copies share the value.
//
// A dumper that follows every pointer by reflection shows it, such as go-spew, which testify uses
// for the difference of two values.
type hidden[T any] struct{ at **T }

func hide[T any](v T) hidden[T] {
	p := &v
	return hidden[T]{&p}
}

// get returns the value, the zero value if there is none.
func (h hidden[T]) get() (v T) {
	if h.at == nil {
		return v
	}
	return **h.at
}
