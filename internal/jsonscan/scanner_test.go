package jsonscan_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/jsonscan"
)

// bothWays is whether the keys of an object must be unique.
var bothWays = []bool{false, true}

// skip reads one value and nothing behind it.
func skip(text string, unique bool) error {
	s := scanner(text)
	if err := s.Skip(unique); err != nil {
		return err
	}
	return s.End()
}

func scanner(text string) *jsonscan.Scanner {
	s := jsonscan.New([]byte(text))
	return &s
}

// skipOfJSONText is what jsontext says about the same text.
func skipOfJSONText(text string, unique bool) error {
	dec := decoderOf(text, unique)
	if err := dec.SkipValue(); err != nil {
		return fmt.Errorf("jsontext: %w", err)
	}
	if _, err := dec.ReadToken(); err == nil || err.Error() != "EOF" {
		return errors.New("jsontext: more than one value")
	}
	return nil
}

func decoderOf(text string, unique bool) *jsontext.Decoder {
	return jsontext.NewDecoder(
		strings.NewReader(text), jsontext.AllowDuplicateNames(!unique), jsontext.AllowInvalidUTF8(true),
	)
}

// texts are JSON or nearly JSON. FuzzScanner starts with them.
var texts = []string{
	`null`, `true`, `false`, ` 	
` + "\r" + `{} `, `nul`, `nulL`, `truefalse`, `n`, `[tru]`, `True`,
	`0`, `-0`, `-`, `01`, `-01`, `1.`, `.5`, `1.5`, `1.e1`, `1e`, `1e+`, `1E-02`, `1e5.5`, `0x1`, `+1`, `1 2`, `--1`,
	`[0.0,-1.25e+10,123456789012345678901234567890]`, `[1,]`, `[,1]`, `[1 2]`, `[`, `]`, `[]]`, `[[]`, `[null`, `[1`,
	`""`, `"`, `"a`, `"\"`, `"\\"`, `"\""`, `"\/\b\f\n\r\t"`, `"\x"`, `"\u12"`, `"\u12G4"`, `"\u00e9"`, "\"\t\"",
	"\"\x00\"",
	`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\uD83D\uDE0`,
	"\"\xff\"", "\"a\xe9b\"", "\"\xe2\x82\"", "\"\xe2\x82\xac\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2",
	"\xff",
	"\"\u2028\ufffd\u007f\"", `"a text that is longer than eight bytes"`, `"eight...` + `"`, `"seven.."`, `"nine....."`,
	"\"a text that is long\nand broken\"", `"a text that is long \u0000 and has escapes"`,
	"\"a text that is l\xc3\xb6ng\"",
	`{}`, `{"a":1}`, `{"a":1,}`, `{,"a":1}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"a" : 1 , "b" : [ ] }`,
	`{1:2}`,
	`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"a":1,"\u0061":2}`, `{"":1,"":2}`, `{"a":{"b":1},"b":{"b":1,"b":2}}`,
	"{\"\xff\":1,\"\xfe\":2}", "{\"\xff\":1,\"\ufffd\":2}", `{"\ud800":1,"\udc00":2}`, `[{"a":1},{"a":1}]`,
	`{"a":[{"x":1,"x":1}]}`,
	`{"same first and last":1,"same xxxxx and last":2,"same first and last":3}`, "\ufeff{}", `{} {}`, `{}x`, ``, ` `,
	`/**/{}`,
}

// manyKeys is an object of n keys, and one more that repeats the key with an index.
func manyKeys(n, again int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"key %d":{"key":[]},`, i)
	}
	return fmt.Sprintf(`{%s"key %d":1}`, b.String(), again)
}

// TestScanner specifies which texts are JSON. jsontext is what they are compared with.
func TestScanner(t *testing.T) {
	t.Parallel()
	t.Run("a text is JSON if jsontext reads it", aTextIsJSONIfJSONTextReadsIt)
	t.Run("an object is read again if it is the same, byte by byte", anObjectIsReadAgain)
	t.Run("a repeated key is found among few and many", aRepeatedKeyIsFound)
	t.Run("nesting has a limit", nestingHasALimit)
	t.Run("texts, numbers and keys have the values of jsontext", valuesAreThoseOfJSONText)
	t.Run("a member is found by its key", aMemberIsFoundByItsKey)
	t.Run("a scanner returns to a place after a fault", aScannerReturnsAfterAFault)
}

func aTextIsJSONIfJSONTextReadsIt(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		for _, unique := range bothWays {
			sameVerdict(t, text, unique)
		}
	}
}

// sameVerdict checks that a text is refused if jsontext refuses it, and a repeated key as one.
func sameVerdict(t *testing.T, text string, unique bool) {
	t.Helper()
	err, want := skip(text, unique), skipOfJSONText(text, unique)
	require.Equal(t, want == nil, err == nil, "%q, unique %v: %v, jsontext: %v", text, unique, err, want)
	if skipOfJSONText(text, false) == nil { // otherwise either fault may be found first
		require.Equal(t, errors.Is(want, jsontext.ErrDuplicateName), errors.Is(err, jsonscan.ErrRepeats), "%q", text)
	}
}

func aRepeatedKeyIsFound(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 30, 47, 48, 49, 50, 200, 1000} {
		for _, again := range []int{0, n / 2, n - 1} {
			require.ErrorIs(t, skip(manyKeys(n, again), true), jsonscan.ErrRepeats, "%d of %d", again, n)
			require.NoError(t, skip(manyKeys(n, again), false), "%d of %d", again, n)
		}
		require.NoError(t, skip(manyKeys(n, n), true), n)
	}
}

func nestingHasALimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{9_999, 10_000, 10_001, 1_000_000} {
		for _, unique := range bothWays {
			sameVerdict(t, strings.Repeat(`[`, n)+strings.Repeat(`]`, n), unique)
			sameVerdict(t, strings.Repeat(`{"":`, n)+`""`+strings.Repeat(`}`, n), unique)
		}
	}
}

// events writes what is read from a text, one line per token.
func events(s *jsonscan.Scanner, unique bool, to *strings.Builder) error {
	kind := s.Kind()
	switch kind {
	case '"':
		inner, plain, err := s.Text()
		if err != nil {
			return err
		}
		text := string(inner)
		if !plain {
			text = jsonscan.Unquote(inner)
		}
		fmt.Fprintf(to, "%q\n", text)
		return nil
	case '0':
		number, err := s.Number()
		fmt.Fprintf(to, "%s\n", number)
		return err
	case '[', '{':
		fmt.Fprintf(to, "%c\n", kind)
		if err := s.Open(); err != nil {
			return err
		}
		keys := s.Keys()
		for first := true; ; first = false {
			var key []byte
			var more bool
			var err error
			if kind == '[' {
				more, err = s.Element(first)
			} else if key, more, err = s.Member(first); more {
				fmt.Fprintf(to, "%q\n", key)
				if unique && s.Repeats(&keys, key) {
					return jsonscan.ErrRepeats
				}
			}
			if err != nil {
				return err
			}
			if !more {
				s.Drop(&keys)
				fmt.Fprintf(to, "%c\n", kind+2)
				return nil
			}
			if err := events(s, unique, to); err != nil {
				return err
			}
		}
	case 't', 'f', 'n':
		fmt.Fprintf(to, "%c\n", kind)
		return s.Literal()
	}
	return jsonscan.ErrSyntax
}

// eventsOfJSONText does so for the tokens of jsontext.
func eventsOfJSONText(text string, unique bool) (string, bool) {
	var to strings.Builder
	dec := decoderOf(text, unique)
	for depth := -1; depth != 0; depth = dec.StackDepth() {
		token, err := dec.ReadToken()
		if err != nil {
			return "", false
		}
		switch kind := token.Kind(); kind {
		case '"':
			fmt.Fprintf(&to, "%q\n", token.String())
		case '0':
			fmt.Fprintf(&to, "%s\n", token.String())
		default:
			fmt.Fprintf(&to, "%c\n", kind)
		}
	}
	return to.String(), true
}

// sameEvents checks that a text has the tokens that jsontext reads, if it is JSON.
func sameEvents(t *testing.T, text string, unique bool) {
	t.Helper()
	var got strings.Builder
	s := scanner(text)
	err := events(s, unique, &got)
	if err == nil {
		err = s.End()
	}
	require.Equal(t, skip(text, unique) == nil, err == nil, "%q, unique %v: %v", text, unique, err)
	if err == nil {
		want, ok := eventsOfJSONText(text, unique)
		require.True(t, ok, "%q, unique %v", text, unique)
		require.Equal(t, want, got.String(), "%q", text)
	}
}

func valuesAreThoseOfJSONText(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		for _, unique := range bothWays {
			sameEvents(t, text, unique)
		}
	}
	for i := range 40 { // a character at each place of a text, and a quote after it
		for _, odd := range []string{`\n`, `\"`, "\u00e9", "\xff", "\n", `\ud83d\ude00`, `"`} {
			sameEvents(t, `["`+strings.Repeat("x", i)+odd+`y","z"]`, false)
			sameEvents(t, `["`+strings.Repeat("x", i)+odd+strings.Repeat("y", 20)+`","z"]`, false)
		}
	}
}

func aMemberIsFoundByItsKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"a":1}`: true, `{"a" :1}`: false, `{ "a":1}`: false, `{"ab":1}`: false, `{"A":1}`: false, `{"a"`: false,
		`{`: false, `{}`: false, `{,"a":1}`: false,
	} {
		s := scanner(text)
		require.NoError(t, s.Open())
		before := s.Place()
		require.Equal(t, want, s.MemberIs(true, `"a":`), text)
		if !want {
			require.Equal(t, before, s.Place(), "nothing was read of %s", text)
			continue
		}
		require.NoError(t, s.Skip(true))
		require.False(t, s.MemberIs(false, `"b":`), text)
		_, more, err := s.Member(false)
		require.NoError(t, err)
		require.False(t, more)
	}
	s := scanner(`{"a":1,"b":2 ,"c":3}`)
	require.NoError(t, s.Open())
	require.True(t, s.MemberIs(true, `"a":`))
	require.NoError(t, s.Skip(true))
	require.False(t, s.MemberIs(true, `"b":`), "a comma is missing if it were the first")
	require.True(t, s.MemberIs(false, `"b":`))
	require.NoError(t, s.Skip(true))
	require.False(t, s.MemberIs(false, `"c":`), "white space is left to Member")
	key, more, err := s.Member(false)
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, "c", string(key))
}

func aScannerReturnsAfterAFault(t *testing.T) {
	t.Parallel()
	s := scanner(`[{"a":{"b":1,"b":2}}, 7]`)
	require.Equal(t, jsonscan.Kind('['), s.Kind())
	require.NoError(t, s.Open())
	more, err := s.Element(true)
	require.NoError(t, err)
	require.True(t, more)
	start := s.Place()
	require.ErrorIs(t, s.Skip(true), jsonscan.ErrRepeats)
	s.Return(start)
	raw, err := s.Raw(false)
	require.NoError(t, err)
	assert.Len(t, raw, 19)
	assert.Equal(t, 20, s.Offset())
	assert.Equal(t, 4, s.Left())
	more, err = s.Element(false)
	require.NoError(t, err)
	require.True(t, more)
	require.NoError(t, s.Skip(true))
	more, err = s.Element(false)
	require.NoError(t, err)
	require.False(t, more)
	require.NoError(t, s.End())
}

func anObjectIsReadAgain(t *testing.T) {
	t.Parallel()
	text := `{"a":[1,2]}`
	first := scanner(text)
	from := first.Place()
	raw, err := first.Raw(true)
	require.NoError(t, err)
	seen := from.Object(raw)
	for next, want := range map[string]bool{
		text: true, " \n" + text + ",7": true, `{"a":[1,2] }`: false, `{"a":[1,2`: false, `{"a":[1,2],"a":3}`: false,
		`[]`: false, ``: false,
	} {
		s := scanner(next)
		got, ok := s.Again(seen)
		require.Equal(t, want, ok, next)
		if ok {
			assert.Equal(t, text, string(got))
			assert.Equal(t, strings.Index(next, "}")+1, s.Offset(), "it was read")
			continue
		}
		fault := s.Skip(true)
		if fault == nil {
			fault = s.End()
		}
		assert.Equal(t, skip(next, true), fault, "the scanner reads what it would have read: %q", next)
	}
	deeper := scanner(`[` + text + `]`)
	require.NoError(t, deeper.Open())
	_, ok := deeper.Again(seen)
	assert.False(t, ok, "deeper, an object may be nested too deeply")
	for _, other := range []string{`[1]`, `"a"`, `1`} {
		s := scanner(other)
		_, ok := s.Again(from.Object([]byte(other)))
		assert.False(t, ok, "a number may continue: %s", other)
	}
	_, ok = deeper.Again(jsonscan.Seen{})
	assert.False(t, ok)
}

// TestAllocations specifies that reading costs no memory. It counts, so nothing runs beside it.
func TestAllocations(t *testing.T) {
	text := []byte(
		`{"id":"a text","amount":-12.50,"list":[{"a":null,"b":[true,false]},{"a":"l\u00e4nger","b":"länger"}]}`)
	allocs := testing.AllocsPerRun(100, func() {
		s := jsonscan.New(text)
		if s.Skip(false) != nil || s.End() != nil {
			t.Error("it is JSON")
		}
	})
	assert.Zero(t, allocs)
}

func TestReset(t *testing.T) {
	t.Parallel()
	s := jsonscan.New([]byte(`{"a":1,"b":{"c":[1`))
	require.ErrorIs(t, s.Skip(true), jsonscan.ErrSyntax)
	s.Reset([]byte("{\"a\":\"\xff\",\"b\":{\"a\":2}}"))
	require.NoError(t, s.Skip(true), "the keys of the text before are forgotten")
	require.NoError(t, s.End())
	s.Reset([]byte(`{"a":1,"b":2,"a":3}`))
	require.ErrorIs(t, s.Skip(true), jsonscan.ErrRepeats)
}

// TestResetKeepsNothing specifies that a scanner in use keeps no text that it has read.
func TestResetKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a text that was read": `{"a":1,"b":{"c":[1]}}`, "a text that is cut": `{"a":1,"b":{"c":[1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s jsonscan.Scanner
			read := func() weak.Pointer[byte] {
				body := []byte(strings.Repeat(" ", 100) + text)
				s.Reset(body)
				_ = s.Skip(true)
				return weak.Make(&body[0])
			}
			kept := read()
			s.Reset(nil)
			runtime.GC()
			assert.Nil(t, kept.Value())
			runtime.KeepAlive(&s)
		})
	}
}

// FuzzScanner compares any text with what jsontext says about it.
func FuzzScanner(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Add(manyKeys(60, 3))
	f.Fuzz(func(t *testing.T, text string) {
		for _, unique := range bothWays {
			sameVerdict(t, text, unique)
			sameEvents(t, text, unique)
		}
	})
}
