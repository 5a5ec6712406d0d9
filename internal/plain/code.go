package plain

// This file knows what looks like a name or a code.

import (
	"regexp"
	"strings"
)

// names are words in one case, or camelCase. A word ends in at most two digits, since longer runs
// belong to ids.
var names = regexp.MustCompile(`^(?:` +
	`[a-z]{1,24}\d{0,2}(?:[_.-][a-z]{1,24}\d{0,2}){0,7}|` +
	`[A-Z]{1,24}\d{0,2}(?:[_.-][A-Z]{1,24}\d{0,2}){0,7}|` +
	`[a-z]{1,24}(?:[A-Z][a-z]{1,24}){0,6}(?:[A-Z]{2,5})?\d{0,2})$`)

// IsName reports whether a text looks like the name of a member, a value or a code.
func IsName(text string) bool {
	const maxLength = 64
	return len(text) <= maxLength && names.MatchString(text)
}

// Code returns the code of an error as a text may have it. A server could repeat a token as a code.
// So a text of more than eight bytes that does not look like a name is cut to its first four.
func Code(code string) string {
	const short, start = 8, 4
	if len(code) > short && !IsName(code) {
		return Word(strings.TrimSuffix(Cut(code, start), "…")) + "…"
	}
	return Word(code)
}
