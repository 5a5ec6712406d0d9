package wire

// Required is a response that must have some of its members. Absent and null decode as the zero
// value, so the members are checked after decoding: see Require in package rest.
//
// An absent list is not an empty one. Read as empty, it would make every account and transaction
// that an application stored seem to be gone.
type Required interface {
	// Lacks returns the name of a member that is missing, or "".
	Lacks() string
}

// Need returns "" for a member that is present, and its name otherwise. The name is one of the
// provider's documentation.
func Need(present bool, name string) string {
	if present {
		return ""
	}
	return name
}
