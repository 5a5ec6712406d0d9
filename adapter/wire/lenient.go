package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bankmux/bankmux"
)

// unmarshal reads an answer into v, a pointer to a struct. It reads the expected shapes first, at
// full speed. Only where that fails does it read again, leniently: a member of the envelope in
// another shape is absent, whatever the first reading made of it, and so is an element of a slice.
// Each element of a [Rows] or [List] is read on its own, as [readRow] does.
//
// Still refused are text that is not JSON, a key of v that repeats, a list that is not an array,
// and an [Exact] member in another shape. Keys that v does not have may repeat, and so may those
// within a member of another shape. Text that is not UTF-8 is repaired.
func unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v, jsontext.AllowInvalidUTF8(true))
	_, shape := errors.AsType[*json.SemanticError](err)
	if !shape && !errors.Is(err, jsontext.ErrDuplicateName) || errors.Is(err, errCrowded) {
		return err
	}
	check := jsontext.NewDecoder(
		bytes.NewReader(body),
		jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true),
	)
	if err := uniqueKeys(check, reflect.TypeOf(v)); err != nil {
		return err
	}
	return json.Unmarshal(
		body,
		v,
		jsontext.AllowInvalidUTF8(true),
		jsontext.AllowDuplicateNames(true),
		json.WithUnmarshalers(envelope),
	)
}

// readRow reads one element of a list. A member in another shape is absent, or read where it is
// plain text: a number for a text, a text for a number or for true and false. The error is for an
// element that as a whole has another shape, or that repeats a key: no decoder may choose which of
// two values counts.
func readRow(raw []byte, v any) error {
	return json.Unmarshal(raw, v, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(row))
}

// The two lenient ways to read a value.
var (
	envelope = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return readLenient(dec, v, false) })
	row      = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return readLenient(dec, v, true) })
)

// lenient reports whether a decoder is one of [unmarshal]'s second reading or of [readRow].
func lenient(dec *jsontext.Decoder) bool {
	set, _ := json.GetOption(dec.Options(), json.WithUnmarshalers)
	return set != nil
}

// useDecoder leaves a value to the decoder.
const useDecoder = unsupported("as usual")

type unsupported string

func (u unsupported) Error() string        { return string(u) }
func (u unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// reading is what is done with a value.
type reading int

const (
	usual   reading = iota // the decoder reads it
	asText                 // it is plain text for a text, a number or a truth
	tried                  // a method of the type decides, or the length of an array
	skipped                // it has another shape
)

var unmarshalerFrom = reflect.TypeFor[json.UnmarshalerFrom]()

// readingOf says what is done with a value of this kind where t is expected.
func readingOf(t reflect.Type, kind jsontext.Kind, inRow bool) reading {
	for {
		switch to := reflect.PointerTo(t); {
		case to.Implements(unmarshalerFrom):
			return usual
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
			return usual // raw JSON takes anything
		case to.Implements(unmarshaler), to.Implements(textUnmarshaler): // a day, a time
			return tried
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	fits := kind == 'n'
	switch t.Kind() {
	case reflect.String:
		if kind == '0' && inRow {
			return asText
		}
		fits = fits || kind == '"'
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		if kind == '0' || kind == '"' {
			return asText
		}
		fits = fits || t.Kind() == reflect.Bool && (kind == 't' || kind == 'f')
	case reflect.Struct, reflect.Map:
		fits = fits || kind == '{'
	case reflect.Slice:
		fits = fits || kind == '['
	case reflect.Array:
		return tried
	default:
		return usual
	}
	if fits {
		return usual
	}
	return skipped
}

// readLenient reads the next value into v if it fits, and else leaves v absent. The outermost value must
// fit.
func readLenient(dec *jsontext.Decoder, v any, inRow bool) error {
	to := reflect.ValueOf(v).Elem()
	kind := dec.PeekKind()
	read := readingOf(to.Type(), kind, inRow)
	list := to.Kind() == reflect.Slice && to.Type().Elem().Kind() != reflect.Uint8 && kind == '['
	switch {
	case read == usual && list && !reflect.PointerTo(to.Type()).Implements(unmarshalerFrom):
		return readElements(dec, to, inRow)
	case read == usual, (read == skipped || read == tried) && dec.StackDepth() == 0:
		return useDecoder
	}
	to.SetZero() // the first reading may have made something of it
	raw, err := dec.ReadValue()
	if err == nil {
		convert(to, raw, read)
	}
	return err
}

// convert reads a value that may not fit, and reports whether it did. to is zero where it did not.
func convert(to reflect.Value, raw jsontext.Value, read reading) bool {
	switch read {
	case asText:
		return setScalar(to, string(bytes.Trim(raw, `"`)))
	case tried:
		err := json.Unmarshal(
			raw,
			to.Addr().Interface(),
			jsontext.AllowInvalidUTF8(true),
			jsontext.AllowDuplicateNames(true),
		)
		if err != nil {
			to.SetZero()
		}
		return err == nil
	}
	return false
}

// readElements reads an array without the elements that do not fit.
func readElements(dec *jsontext.Decoder, to reflect.Value, inRow bool) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := reflect.MakeSlice(to.Type(), 0, 0)
	for dec.PeekKind() != ']' {
		one, fits := reflect.New(to.Type().Elem()), true
		switch read := readingOf(to.Type().Elem(), dec.PeekKind(), inRow); read {
		case usual:
			if err := json.UnmarshalDecode(dec, one.Interface()); err != nil {
				return err
			}
		default:
			raw, err := dec.ReadValue()
			if err != nil {
				return err
			}
			fits = convert(one.Elem(), raw, read)
		}
		if fits {
			list = reflect.Append(list, one.Elem())
		}
	}
	to.Set(list)
	_, err := dec.ReadToken()
	return err
}

// setScalar writes plain text into a string, a number or a truth, and reports whether the text is one.
func setScalar(to reflect.Value, text string) bool {
	switch to.Kind() {
	case reflect.Pointer:
		one := reflect.New(to.Type().Elem())
		if !setScalar(one.Elem(), text) {
			return false
		}
		to.Set(one)
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		is, err := strconv.ParseBool(text)
		if err != nil {
			return false
		}
		to.SetBool(is)
	case reflect.Float32, reflect.Float64:
		number, err := strconv.ParseFloat(text, to.Type().Bits())
		if err != nil || strings.Trim(text, "+-.0123456789eE") != "" {
			return false
		}
		to.SetFloat(number)
	default:
		whole, ok := bankmux.ParseDecimal(text)
		if !ok || !whole.IsInt() {
			return false
		}
		n, _, ok := whole.Trunc(0).Int64(0)
		switch {
		case !ok, to.CanInt() && to.OverflowInt(n), to.CanUint() && (n < 0 || to.OverflowUint(uint64(n))):
			return false
		case to.CanUint():
			to.SetUint(uint64(n))
		default:
			to.SetInt(n)
		}
	}
	return true
}

var errRepeats = &jsontext.SyntacticError{Err: jsontext.ErrDuplicateName}

// uniqueKeys reads a value and refuses a key that repeats, if t has a member of that name. Elements
// of arrays and members that are not read do not count.
func uniqueKeys(dec *jsontext.Decoder, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if (t.Kind() != reflect.Struct && t.Kind() != reflect.Map) || dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	known := map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		addMembers(t, known)
	}
	seen := map[string]bool{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		of, read := known[key]
		if t.Kind() == reflect.Map {
			of, read = t.Elem(), true
		}
		switch {
		case !read:
			err = dec.SkipValue()
		case seen[key]:
			return errRepeats
		default:
			seen[key] = true
			err = uniqueKeys(dec, of)
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// addMembers adds the named members of a struct and of those it embeds.
func addMembers(t reflect.Type, known map[string]reflect.Type) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name != "":
			known[name] = field.Type
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			addMembers(field.Type, known)
		}
	}
}

// Text is text that a provider may write as a number: an id or a cursor. Any other shape is read as
// "".
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

// Exact is a member that decides: an answer that has it in another shape is refused. Null and
// absent are the zero value.
type Exact[T any] struct{ Value T }

// UnmarshalJSONFrom reads a value of the right shape.
func (e *Exact[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return json.UnmarshalDecode(dec, &e.Value, json.WithUnmarshalers(nil))
}

// Flag is true or false, or text or a number that says so. The zero Flag is an absent, null or
// empty one.
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
	*f = FlagUnreadable
	switch dec.PeekKind() {
	case 'n':
		*f = FlagAbsent
	case 'f':
		*f = FlagFalse
	case 't':
		*f = FlagTrue
	case '0', '"':
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		text := string(bytes.Trim(raw, `"`))
		switch is, err := strconv.ParseBool(text); {
		case text == "":
			*f = FlagAbsent
		case err == nil && is:
			*f = FlagTrue
		case err == nil:
			*f = FlagFalse
		}
		return nil
	default:
		return dec.SkipValue()
	}
	_, err := dec.ReadToken()
	return err
}
