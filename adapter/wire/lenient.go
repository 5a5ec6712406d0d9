package wire

// This file reads values of unexpected types.

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

// unmarshal reads a response into v, a pointer to a struct. The first reading expects the right
// types and is fast. If it fails, a second one is lenient. A member of the envelope of another type
// is then absent, and so is an element of a slice. Each element of a [Rows] or [List] is read
// separately, as [readRow] does.
//
// The second reading still refuses text that is not JSON and a repeated key of v. It also refuses a
// list that is not an array, and an [Exact] member of another type. Keys that v does not have may
// repeat, and so may keys within a member of another type. Text that is not UTF-8 is repaired.
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

// readRow reads one element of a list. A member of another type is absent, unless it can be
// converted. A number becomes a text, and a text becomes a number, true or false. The error is for
// an element that is not an object or repeats a key, because it is unclear which of two values
// counts.
func readRow(raw []byte, v any) error {
	return json.Unmarshal(raw, v, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(row))
}

// The two lenient ways to read a value.
var (
	envelope = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return readLenient(dec, v, false) })
	row      = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error { return readLenient(dec, v, true) })
)

// lenient reports whether a decoder belongs to [unmarshal]'s second reading or to [readRow].
func lenient(dec *jsontext.Decoder) bool {
	set, _ := json.GetOption(dec.Options(), json.WithUnmarshalers)
	return set != nil
}

// useDecoder leaves a value to the decoder.
const useDecoder = unsupported("as usual")

// unsupported is an error that matches [errors.ErrUnsupported].
type unsupported string

func (u unsupported) Error() string        { return string(u) }
func (u unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// reading is how a value is read.
type reading int

const (
	usual   reading = iota // the decoder reads it
	asText                 // it is a scalar for a text, a number, true or false
	tried                  // a method of the type decides, or the length of an array
	skipped                // it has another type
)

var unmarshalerFrom = reflect.TypeFor[json.UnmarshalerFrom]()

// readingOf returns how a value of this kind is read if t is expected.
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

// readLenient reads the next value into v if its type fits. Otherwise it leaves v absent. The
// outermost value must fit.
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
	to.SetZero() // the first reading may have set a part of it
	raw, err := dec.ReadValue()
	if err == nil {
		convert(to, raw, read)
	}
	return err
}

// convert reads a value that may not fit and reports whether it did. Otherwise it leaves to zero.
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

// readElements reads an array and leaves out the elements that do not fit.
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

// setScalar converts a text to a string, a number, true or false, and reports whether it can.
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
		case !ok, to.CanInt() && to.OverflowInt(n), to.CanUint() && n < 0:
			return false
		case to.CanUint() && to.OverflowUint(uint64(n)): //nolint:gosec // n is not negative
			return false
		case to.CanUint():
			to.SetUint(uint64(n)) //nolint:gosec // n is not negative
		default:
			to.SetInt(n)
		}
	}
	return true
}

// errRepeats is the error for a repeated key.
var errRepeats = &jsontext.SyntacticError{Err: jsontext.ErrDuplicateName}

// uniqueKeys reads a value and refuses a repeated key if t has a member of that name. It ignores
// elements of arrays and members that t does not have.
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

// addMembers adds the named members of a struct and of the structs that it embeds.
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

// Text is text that a provider may write as a number, such as an id or a cursor. Any other value is
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

// Exact is a decisive member: a response that has it with another type is refused. Null and absent
// are the zero value.
type Exact[T any] struct{ Value T }

// UnmarshalJSONFrom reads a value of type T.
func (e *Exact[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return json.UnmarshalDecode(dec, &e.Value, json.WithUnmarshalers(nil))
}

// Nullable is an [Exact] member in which null has a meaning, such as the error of a connection that
// works. With the tag `need:"value"` a response must have it, if only as null: see [Lacks].
type Nullable[T any] struct {
	Value   *T // nil if it is null or absent
	Present bool
}

// UnmarshalJSONFrom reads null or a value of type T.
func (n *Nullable[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	n.Value, n.Present = nil, true
	return json.UnmarshalDecode(dec, &n.Value, json.WithUnmarshalers(nil))
}

// Flag is true or false, also as text or as a number. The zero Flag is absent, null or empty.
type Flag uint8

// The values of a [Flag].
const (
	FlagAbsent Flag = iota
	FlagFalse
	FlagTrue
	FlagUnreadable // any other value
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
