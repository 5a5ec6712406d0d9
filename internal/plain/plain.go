// Package plain makes text from outside safe for one line of an error or a log. It escapes what
// would break the line, move the cursor, change the reading direction or be invisible.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s with every character that is not visible written as an escape, such as \n or
// \u202e. A space stays. Bytes that are not UTF-8 become \x escapes.
func Line(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case visible(r):
			b.WriteRune(r)
		default:
			escaped := strconv.QuoteRuneToASCII(r)
			b.WriteString(escaped[1 : len(escaped)-1])
		}
	}
	return b.String()
}

// clean reports whether Line has nothing to escape.
func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !visible(r) })
		}
	}
	return true
}

// visible reports whether a character is visible. Some letters, marks and symbols are not.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return strconv.IsPrint(r) && r != brailleBlank &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Cut returns at most limit bytes of s. It appends "…" if it removes something.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// maxQuoted is how many bytes of a text Quote shows.
const maxQuoted = 64

// Quote shortens and quotes s.
func Quote(s string) string { return Line(strconv.Quote(Cut(s, maxQuoted))) }

// Word returns s if it looks like an id: up to 64 letters, digits and _ . : - / + = @ #. It quotes
// anything else, so that it cannot look like the library's own words.
func Word(s string) string {
	if s == "" || len(s) > maxQuoted {
		return Quote(s)
	}
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte("_.:-/+=@#", c) >= 0:
		default:
			return Quote(s)
		}
	}
	return s
}
