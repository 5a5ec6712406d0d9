package wire

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// Decode reads an answer, one JSON object, into v, a pointer to a struct. One leading byte order
// mark is ignored, and text that is not UTF-8 is repaired.
//
// An unknown key is ignored, and a key in another case is another key. A key of v that repeats
// outside of lists is refused, since two decoders could see two values. A member in another shape
// is absent, and nothing is left of what was read of it. An element of a list in another shape
// costs only itself. Each element of a [Rows] or [List] is read on its own: there, a number may
// stand for a text, and text for a number or for true and false. Decode decodes once where every
// shape is the expected one, and a second time otherwise.
//
// A list that is not an array is refused, and so is an [Exact] member in another shape. An answer
// is refused where it has more rows than its length stands for: see [List].
//
// The error is [bankmux.ErrMalformed]. It says what is wrong and quotes nothing of the answer.
func Decode(body []byte, v any) error { return decode(body, v, unmarshal) }

// DecodeStrict reads what decides about trust, such as the claims of a signature: no key may repeat
// anywhere, every member must have its own shape, and text must be UTF-8. The error is that of
// [Decode].
func DecodeStrict(body []byte, v any) error {
	return decode(body, v, func(body []byte, v any) error { return json.Unmarshal(body, v) })
}

func decode(text []byte, v any, read func([]byte, any) error) error {
	text = strictjson.WithoutMark(text)
	switch body := bytes.TrimSpace(text); {
	case len(body) == 0:
		return malformed("is empty")
	case string(body) == "null":
		return malformed("is null")
	case !bounded(v) && tooManyRows(body):
		return malformed(tooMany)
	}
	err := read(text, v)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return malformed("repeats a key")
	case errors.Is(err, errCrowded):
		return malformed(tooMany)
	}
	if _, ok := errors.AsType[*json.SemanticError](err); ok {
		return malformed("is not the JSON expected here")
	}
	return malformed("is not valid JSON")
}

// bounded reports whether an answer bounds itself: all its lists are [Rows] or [List], it has no
// maps, and its rows have neither. Such an answer is not counted before it is read.
func bounded(v any) bool {
	_, ok := v.(interface{ Bounded() })
	return ok
}

const tooMany = "has more rows than an answer may have"

func malformed(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the answer " + what}
}
