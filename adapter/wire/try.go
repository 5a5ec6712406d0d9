package wire

// This file reads what may be missing altogether.

// Try returns what [Decode] reads from a body, and the zero value if it fails. It is for data that
// only adds to what is known otherwise, such as the body of a delivery that was verified.
func Try[T any](body []byte) (v T) {
	if Decode(body, &v) != nil {
		return *new(T)
	}
	return v
}
