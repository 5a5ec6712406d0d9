package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
)

// Unmarshal reads an answer into v, a pointer to a struct. It reads the expected shapes first, at full speed. Only where
// that fails does it read again, leniently: a member of the envelope in another shape is absent, and each element of a
// [Rows] or [List] is read on its own, as [Row] does.
//
// Still refused are text that is not JSON, a key that repeats outside of lists, a list that is not an array, and an
// [Exact] member in another shape. Text that is not UTF-8 is repaired.
func Unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v, jsontext.AllowInvalidUTF8(true))
	_, shape := errors.AsType[*json.SemanticError](err)
	if !shape && !errors.Is(err, jsontext.ErrDuplicateName) || errors.Is(err, ErrCrowded) {
		return err
	}
	check := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err := uniqueKeys(check); err != nil {
		return err
	}
	return json.Unmarshal(body, v, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), json.WithUnmarshalers(envelope))
}

// Row reads one element of a list. A member in another shape is absent, or read where it is plain text: a number for a
// text, a text for a number or for true and false. The error is for an element that as a whole has another shape, or
// that repeats a key: no decoder may choose which of two values counts.
func Row(raw []byte, v any) error {
	return json.Unmarshal(raw, v, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(row))
}

// The two lenient ways to read a value.
var (
	envelope = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return fit(dec, v, false) })
	row      = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return fit(dec, v, true) })
)

// lenient reports whether a decoder is one of [Unmarshal]'s second reading or of [Row].
func lenient(dec *jsontext.Decoder) bool {
	set, _ := json.GetOption(dec.Options(), json.WithUnmarshalers)
	return set != nil
}

// asUsual leaves a value to the decoder.
const asUsual = unsupported("as usual")

type unsupported string

func (u unsupported) Error() string        { return string(u) }
func (u unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// fit reads the next value into v if it fits, and else skips it. The outermost value must fit.
func fit(dec *jsontext.Decoder, v any, inRow bool) error {
	to := reflect.ValueOf(v).Elem()
	for {
		if _, own := to.Addr().Interface().(json.UnmarshalerFrom); own {
			return asUsual
		}
		if to.Kind() != reflect.Pointer {
			break
		}
		to = reflect.New(to.Type().Elem()).Elem() // for its type; the decoder makes its own
	}
	kind := dec.PeekKind()
	switch to.Kind() {
	case reflect.String:
		if kind == '0' && inRow {
			break
		}
		return unless(dec, kind == '"')
	case reflect.Bool, reflect.Int, reflect.Int64:
		if kind == '0' || kind == '"' {
			break
		}
		return unless(dec, to.Kind() == reflect.Bool && (kind == 't' || kind == 'f'))
	case reflect.Struct, reflect.Map:
		return unless(dec, kind == '{')
	case reflect.Slice:
		if to.Type().Elem().Kind() == reflect.Uint8 {
			return asUsual // raw JSON takes anything
		}
		return unless(dec, kind == '[')
	default:
		return asUsual
	}
	raw, err := dec.ReadValue()
	if err == nil {
		plain(reflect.ValueOf(v).Elem(), string(bytes.Trim(raw, `"`)))
	}
	return err
}

// unless leaves a value to the decoder if it fits or is null, and skips it otherwise.
func unless(dec *jsontext.Decoder, fits bool) error {
	if fits || dec.PeekKind() == 'n' || dec.StackDepth() == 0 {
		return asUsual
	}
	return dec.SkipValue()
}

// plain writes plain text into a string, a number or a truth. Text that does not say one leaves it as it is.
func plain(to reflect.Value, text string) {
	for to.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		to = to.Elem()
	}
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		if is, err := strconv.ParseBool(text); err == nil {
			to.SetBool(is)
		}
	default:
		if whole, ok := bankmux.ParseDecimal(text); ok && whole.IsInt() {
			if n, _, ok := whole.Trunc(0).Int64(0); ok {
				to.SetInt(n)
			}
		}
	}
}

var errRepeats = &jsontext.SyntacticError{Err: jsontext.ErrDuplicateName}

// uniqueKeys reads a value and refuses a key that repeats outside of arrays.
func uniqueKeys(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if key := name.String(); seen[key] {
			return errRepeats
		} else {
			seen[key] = true
		}
		if err := uniqueKeys(dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// Text is text that a provider may write as a number: an id or a cursor. Any other shape is read as "".
type Text string

// UnmarshalJSONFrom reads any JSON value.
func (t *Text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*t = ""
	switch dec.PeekKind() {
	case '"':
		token, err := dec.ReadToken()
		if err == nil {
			*t = Text(token.String())
		}
		return err
	case '0':
		raw, err := dec.ReadValue()
		*t = Text(raw)
		return err
	}
	return dec.SkipValue()
}

// Exact is a member that decides: an answer that has it in another shape is refused. Null and absent are the zero value.
type Exact[T any] struct{ Value T }

// UnmarshalJSONFrom reads a value of the right shape.
func (e *Exact[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return json.UnmarshalDecode(dec, &e.Value, json.WithUnmarshalers(nil))
}

// Flag is true or false, or text or a number that says so. The zero Flag is an absent, null or empty one.
type Flag uint8

// The values of a [Flag].
const (
	FlagAbsent Flag = iota
	FlagFalse
	FlagTrue
	FlagUnreadable // there is something else
)

// UnmarshalJSONFrom reads any JSON value.
func (f *Flag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*f = FlagUnreadable
	switch raw.Kind() {
	case 'n':
		*f = FlagAbsent
	case 'f':
		*f = FlagFalse
	case 't':
		*f = FlagTrue
	case '0', '"':
		text := string(bytes.Trim(raw, `"`))
		switch is, err := strconv.ParseBool(text); {
		case text == "":
			*f = FlagAbsent
		case err == nil && is:
			*f = FlagTrue
		case err == nil:
			*f = FlagFalse
		}
	}
	return nil
}
