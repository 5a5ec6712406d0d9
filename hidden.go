package bankmux

// hidden holds a value that fmt, JSON, XML, gob and log handlers do not show. Package fmt follows
// at most one pointer, so the value is behind two. The others ignore it, because it has no exported
// field. Copies share the value.
//
// A dumper that follows every pointer by reflection shows the value. One is go-spew, which testify
// uses for the difference of two values.
type hidden[T any] struct{ at **T }

func hide[T any](v T) hidden[T] {
	p := &v
	return hidden[T]{&p}
}

// get returns the value, and the zero value if there is none.
func (h hidden[T]) get() (v T) {
	if h.at == nil {
		return v
	}
	return **h.at
}
