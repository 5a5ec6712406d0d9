package plain_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/plain"
)

// TestLine specifies which characters are escaped.
func TestLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, line, word string }{
		"an id stays as it is":            {"acc-1", "acc-1", "acc-1"},
		"words are quoted":                {"fix the call", "fix the call", `"fix the call"`},
		"letters of any script stay":      {"مصرف", "مصرف", `"مصرف"`},
		"a line break is escaped":         {"a\nb\r", `a\nb\r`, `"a\nb\r"`},
		"a terminal's escape is escaped":  {"\x1b[31mred", `\x1b[31mred`, `"\x1b[31mred"`},
		"a C1 control is escaped":         {"\u009b31m", `\u009b31m`, `"\u009b31m"`},
		"a line separator is escaped":     {"a\u2028b\u2029", `a\u2028b\u2029`, `"a\u2028b\u2029"`},
		"a bidi control is escaped":       {"a\u202eb\u2066", `a\u202eb\u2066`, `"a\u202eb\u2066"`},
		"zero width is escaped":           {"a\u200bb\ufeff", `a\u200bb\ufeff`, `"a\u200bb\ufeff"`},
		"a letter that is empty":          {"a\u3164\uffa0\u115f", `a\u3164\uffa0\u115f`, `"a\u3164\uffa0\u115f"`},
		"a mark that is empty":            {"a\u034f\ufe0f", `a\u034f\ufe0f`, `"a\u034f\ufe0f"`},
		"an empty braille cell":           {"a\u2800", `a\u2800`, `"a\u2800"`},
		"a tag character":                 {"a\U000e0041", `a\U000e0041`, `"a\U000e0041"`},
		"a hard blank":                    {"a\u00a0b", `a\u00a0b`, `"a\u00a0b"`},
		"bytes that are not UTF-8":        {"a\xff\x80", `a\xff\x80`, `"a\xff\x80"`},
		"the replacement character stays": {"a\ufffd", "a\ufffd", "\"a\ufffd\""},
		"nothing":                         {"", "", `""`},
		"a quote cannot end the quotes":   {`a"b\`, `a"b\`, `"a\"b\\"`},
		"a word of 65 bytes is cut": {
			strings.Repeat("x", 65), strings.Repeat("x", 65), `"` + strings.Repeat("x", 64) + `…"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.line, plain.Line(c.text))
			assert.Equal(t, c.word, plain.Word(c.text))
		})
	}
	t.Run("no character of Unicode that is a control, a format or ignorable passes", func(t *testing.T) {
		t.Parallel()
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if !utf8.ValidRune(r) {
				continue
			}
			for _, out := range []string{plain.Line("a" + string(r)), plain.Word("a" + string(r))} {
				hides := unicode.In(
					r,
					unicode.C,
					unicode.Zl,
					unicode.Zp,
					unicode.Other_Default_Ignorable_Code_Point,
					unicode.Variation_Selector,
					unicode.Bidi_Control,
				)
				if hides && strings.ContainsRune(out, r) {
					assert.Fail(t, "passed", strconv.QuoteRuneToASCII(r))
				}
			}
		}
	})
	t.Run("a cut text is valid and short", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "aé…", plain.Cut("aéé", 4))
		assert.Equal(t, "aé", plain.Cut("aé", 3))
		assert.Len(t, plain.Cut("\x80\x80\x80", 2), len("…"))
	})
}
