package wire

// This file decodes a response.

import (
	"bytes"
	"errors"
	"reflect"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/jsonscan"
	"github.com/bankmux/bankmux/internal/strictjson"
)

// Decode reads a response, which is one JSON object, into v, a pointer to a struct. It ignores one
// leading byte order mark and repairs text that is not UTF-8.
//
// These rules apply:
//
//   - An unknown key is ignored. Keys are case-sensitive.
//   - A member of another type counts as absent, and keeps nothing of its value.
//   - An element of another type affects only itself. In each element of a [Rows] or [List], a
//     number may replace a text. A text may replace a number, true or false. A Go array is absent
//     unless each element fits and their number does.
//   - No key may repeat, whether v has it or not, because two decoders could see two values. A
//     repeated key in an element of a list makes that element unreadable. In an [Object] outside of
//     rows it makes that absent. Elsewhere the response is refused.
//   - A list that is not an array is refused, and so is an [Exact] member of another type.
//   - A response with more rows than its length allows is refused: see [List].
//
// A member has the name of its tag "json", or of its field. The only option of a tag is "embed",
// for a map that takes the members without a field.
//
// encoding/json reads three types by its own rules: a map whose keys are not texts, an interface
// and a slice of bytes. In such a map it ignores the case of the keys of structs. Of two keys such
// as 1 and 01 it takes the last one. An interface has numbers as float64.
//
// A type of the adapter may read itself by UnmarshalJSON or UnmarshalText. If its method returns an
// error of Decode, that is the error here. Any other error of the method means another type. With a
// method KeysMayRepeat, its values outside of rows may repeat keys, and UnmarshalJSON checks them.
//
// The error is [bankmux.ErrMalformed]. It says what is wrong and quotes nothing of the response. A
// response that is not JSON is reported as such. Of other faults, the first one in the text is
// reported, such as a repeated key before a list that is not an array. Too many rows hide the other
// faults.
func Decode(body []byte, v any) error { return decode(body, v, rule{unique: true}) }

// DecodeLenient reads a body as [Decode] does, but outside of rows, keys that v does not have may
// repeat. It is for a body of which a part is enough: an error, a webhook delivery or a bank's
// question. So a lapsed login with a repeated message stays a lapsed login.
func DecodeLenient(body []byte, v any) error { return decode(body, v, rule{}) }

// decode checks the size of a response and reads it.
func decode(text []byte, v any, r rule) error {
	text = strictjson.WithoutMark(text)
	switch body := bytes.TrimSpace(text); {
	case len(body) == 0:
		return malformed("is empty")
	case string(body) == "null":
		return malformed("is null")
	case !bounded(v) && tooManyRows(body):
		return malformed(tooMany)
	}
	err := read(text, v, r)
	if err == nil {
		return nil
	}
	if nested, ok := errors.AsType[*bankmux.Error](err); ok { // of a type that reads itself
		return nested
	}
	switch {
	case errors.Is(err, jsonscan.ErrRepeats):
		return malformed("repeats a key")
	case errors.Is(err, jsonscan.ErrSyntax):
		return malformed("is not valid JSON")
	case errors.Is(err, errCrowded):
		return malformed(tooMany)
	}
	return malformed("is not the JSON expected here")
}

// read reads a response into v.
func read(text []byte, v any, r rule) error {
	d := decoders.Get().(*decoder) // the pool has nothing else
	d.Reset(text)
	d.rule = r
	err := d.whole(v)
	d.release()
	return err
}

// whole reads the text, which is one value, into v.
func (d *decoder) whole(v any) error {
	to := reflect.ValueOf(v)
	start := d.Place()
	err := d.value(planOf(to.Type().Elem()), to.UnsafePointer())
	if err == nil {
		return d.End()
	}
	if !errors.Is(err, jsonscan.ErrSyntax) && !errors.Is(err, errCrowded) {
		d.Return(start) // a response that is not JSON is reported as such
		if fault := d.Skip(false); fault != nil {
			return fault
		}
		if fault := d.End(); fault != nil {
			return fault
		}
	}
	return err
}

// bounded reports whether a response limits itself: all its lists are [Rows] or [List], and neither
// it nor its rows have other lists or maps. Such a response is not counted before it is read.
func bounded(v any) bool {
	_, ok := v.(interface{ Bounded() })
	return ok
}

// tooMany is the end of the error for a response with too many rows.
const tooMany = "has more rows than a response may have"

// malformed returns the error for an unusable response.
func malformed(what string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the response " + what}
}
