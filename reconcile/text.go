package reconcile

// This file brings texts into the forms in which rows and accounts are compared.

import (
	"bytes"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/bankmux/bankmux"
)

// Text returns the text of a row in the form in which rows are compared. It prefers the bank's own
// words to the provider's description. Letter case, spacing, invisible characters and the normal
// form of Unicode make no difference.
func Text(t *bankmux.Transaction) string { return normal(rawText(t)) }

func rawText(t *bankmux.Transaction) string {
	if t.RawDescription != "" {
		return t.RawDescription
	}
	return t.Description
}

// LettersAndDigits returns the letters and digits of a row's text, with digits in ASCII. They stay
// the same when a provider changes punctuation. If the text has neither letters nor digits,
// LettersAndDigits returns the form that [Text] returns.
func LettersAndDigits(text string) string { return lettersOf(normal(text)) }

// normal returns text in the form in which it is compared. Applying it twice changes nothing more.
func normal(s string) string {
	switch {
	case isNormal(s):
		return s
	case isPrintable(s):
		return upperASCII(s)
	}
	s = dropInvisible(norm.NFKC.String(strings.ToUpper(norm.NFKC.String(dropInvisible(s)))))
	return strings.Join(strings.Fields(s), " ")
}

// isNormal reports whether text is already in capitals and single-spaced ASCII, as most banks write
// it.
func isNormal(s string) bool {
	space := true
	for _, b := range []byte(s) {
		switch {
		case b == ' ':
			if space {
				return false
			}
			space = true
			continue
		case b < ' ', b >= 0x7f, 'a' <= b && b <= 'z':
			return false
		}
		space = false
	}
	return s == "" || !space
}

// upperASCII returns printable ASCII in capitals, with one space between words.
func upperASCII(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := true // no space at the start
	for _, c := range []byte(strings.TrimRight(s, " ")) {
		if c == ' ' && space {
			continue
		}
		space = c == ' '
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// normalReference is normal for a bank's reference, whose letter case matters.
func normalReference(s string) string {
	if isPrintableWord(s) {
		return s
	}
	if !isPrintable(s) {
		s = dropInvisible(norm.NFKC.String(dropInvisible(s)))
	}
	if strings.IndexFunc(s, unicode.IsSpace) < 0 {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// isPrintableWord reports whether text is printable ASCII without spaces, as most references are.
func isPrintableWord(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b >= 0x7f {
			return false
		}
	}
	return true
}

// isPrintable reports whether text is printable ASCII.
func isPrintable(s string) bool {
	for _, b := range []byte(s) {
		if b < ' ' || b >= 0x7f {
			return false
		}
	}
	return true
}

// dropInvisible drops characters that cannot be seen. These are direction marks, zero-width
// characters, byte order marks, variation selectors and control characters. It also drops the
// tatweel, which only stretches an Arabic word.
func dropInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x7f && r >= ' ', unicode.IsSpace(r):
			return r
		case r == '\u0640', unicode.IsControl(r),
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		case unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r):
			return -1
		}
		return r
	}, s)
}

// lettersOf returns what appendLetters appends.
func lettersOf(text string) string { return string(appendLetters(nil, text)) }

// appendLetters appends the letters and digits of a normal text, or the text itself if it has none.
// Punctuation, spaces, accents and the script of digits may differ between two readings of one row.
func appendLetters(to []byte, text string) []byte {
	start := len(to)
	decomposed := text
	if !isPrintable(text) {
		decomposed = norm.NFKD.String(text)
	}
	named := 0 // where an HTML entity ends
	for i, r := range decomposed {
		switch {
		case i < named:
			continue
		case r == '&':
			named = i + entityLen(decomposed[i:])
			continue
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case r < 0x80:
			continue
		case r == '\u00df', r == '\u1e9e': // the sharp s, which is SS in capitals
			to, r = append(to, 'S'), 'S'
		case unicode.Is(unicode.Nd, r):
			r = asciiDigit(r)
		case !unicode.IsLetter(r):
			continue
		// letters that differ between Arabic and Persian keyboards
		case r == '\u0649', r == '\u06cc':
			r = '\u064a'
		case r == '\u06a9':
			r = '\u0643'
		}
		to = utf8.AppendRune(to, r)
	}
	if len(to) == start {
		return append(to, text...)
	}
	return to
}

// entityLen returns the length of the HTML entity of a punctuation mark or space at the start of
// text, 0 for other text. Some banks write "&amp;" in one reading and "&" in the next.
func entityLen(text string) int {
	const longest = len("&NBSP;")
	end := strings.IndexByte(text[:min(len(text), longest)], ';')
	if end < 0 {
		return 0
	}
	switch text[1:end] {
	case "AMP", "APOS", "QUOT", "LT", "GT", "NBSP", "#34", "#38", "#39", "#039", "#X26", "#X27", "#60", "#62", "#160":
		return end + 1
	}
	return 0
}

// asciiDigit returns a decimal digit of any script in ASCII. In Unicode the ten digits of a script
// are consecutive, and so are the scripts of a range.
func asciiDigit(r rune) rune {
	for _, in := range unicode.Nd.R16 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) {
			return '0' + (r-rune(in.Lo))%10
		}
	}
	for _, in := range unicode.Nd.R32 {
		if rune(in.Lo) <= r && r <= rune(in.Hi) { //nolint:gosec // code points
			return '0' + (r-rune(in.Lo))%10 //nolint:gosec // code points
		}
	}
	return r
}

// bigrams is a set of hashes of neighbouring bytes.
type bigrams [2]uint64

func bigramsOf(bones []byte) (s bigrams) {
	for i := 1; i < len(bones); i++ {
		h := (uint32(bones[i-1])<<8 | uint32(bones[i])) * 0x9e3779b1
		s[h>>31] |= 1 << (h >> 25 & 63)
	}
	return s
}

// minSimilar is how many bytes texts must have to be similar without being equal.
const minSimilar = 4

// similar reports whether two texts are nearly the same. One contains the other, or the pairs of
// bytes that they share are at least three fifths of all their pairs.
func similar(a, b []byte, of, other *bigrams) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < minSimilar {
		return bytes.Equal(a, b)
	}
	both, all := 0, 0
	for i := range of {
		both += bits.OnesCount64(of[i] & other[i])
		all += bits.OnesCount64(of[i]) + bits.OnesCount64(other[i])
	}
	return 10*both >= 3*all || bytes.Contains(b, a)
}
