package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// TestLayout specifies that a long array is read as a short one is.
func TestLayout(t *testing.T) {
	t.Parallel()
	t.Run("a long array is read as a short one", aLongArrayIsReadAsAShortOne)
	t.Run("the options of a decoder apply in a long array", theOptionsOfADecoderApplyInALongArray)
}

// everyMember has a member of every kind that a row may have.
type everyMember struct {
	note string //nolint:unused // the decoder must pass over it

	ID       string           `json:"id"`
	Amount   wire.Number      `json:"amount"`
	Count    int              `json:"count"`
	Closed   bool             `json:"closed"`
	Flag     wire.Flag        `json:"flag"`
	Text     wire.Text        `json:"text"`
	More     wire.Exact[bool] `json:"more"`
	Currency bankmux.Currency `json:"currency"`
	Day      bankmux.Date     `json:"day"` // has a method that reads text
	Inner    struct {
		inner
		Name string `json:"name"`
	} `json:"inner"`
	Party struct {
		ID     string           `json:"id"`
		Within inner            `json:"within"`
		None   struct{}         `json:"none"`
		Parts  wire.List[inner] `json:"parts"`
	} `json:"party"`
	Far     *inner `json:"far"`
	Parties []struct {
		inner
		Parts []inner `json:"parts"`
	} `json:"parties"`
	Tags []string         `json:"tags"`
	By   map[string]inner `json:"by"`
	Raw  jsontext.Value   `json:"raw"`
	Tab  string           `json:"tab/bed"`
}

// element is what became of an element of an array.
type element[T any] struct {
	place int
	bad   bool
	row   T
}

// elements reads an array and returns its elements after the first ones.
func elements[T any](read func([]byte, any) error, before int, array string) (all []element[T], fails bool) {
	var in struct {
		Rows wire.Rows[T] `json:"rows"`
	}
	add := func(e element[T]) {
		if e.place -= before; e.place >= 0 {
			all = append(all, e)
		}
	}
	in.Rows.Each = func(i int, row *T) { add(element[T]{place: i, row: *row}) }
	in.Rows.Bad = func(i int) { add(element[T]{place: i, bad: true}) }
	err := read([]byte(`{"rows":[`+strings.Repeat("null,", before)+array+`]}`), &in)
	return all, err != nil
}

// firstReading is what [wire.Decode] does first.
func firstReading(body []byte, v any) error {
	return json.Unmarshal(body, v, jsontext.AllowInvalidUTF8(true))
}

// sameInLongArray holds that elements are read at the end of a long array as they are alone.
func sameInLongArray[T any](t *testing.T, array string) {
	t.Helper()
	for name, read := range map[string]func([]byte, any) error{
		"the first reading": firstReading, "both readings": wire.Unmarshal,
	} {
		alone, aloneFails := elements[T](read, 1, array)
		long, longFails := elements[T](read, 20, array)
		require.Equal(t, alone, long, "%s of %s", name, array)
		require.Equal(t, aloneFails, longFails, "%s of %s", name, array)
	}
}

const (
	usualRow = `{"id":"1","amount":"12.50","count":3,"closed":true,"flag":"true","text":7,"more":true,"currency":"AED","day":"2026-11-23",
		"inner":{"value":"v","confidence":97,"name":"n"},
		"party":{"id":"p","within":{"value":"w","confidence":-1},"none":{},"parts":[{"value":"x"}]},
		"far":{"value":"f"},"parties":[{"value":"y","parts":[{"value":"z"},null]},{"confidence":3}],"tags":["a","b"],"by":{"k":{"value":"m"}},"raw":{"any":[1]},"tab/bed":"t"}`
	otherOrder = `{"tab\/bed":"t","party":{"within":{"confidence":2},"id":"q"},"new":{"id":"x"},"count":4,"id":"2","amount":-3,"\u0066lag":true}`
)

// membersOfRows are the names that rows have, and one that they do not.
var membersOfRows = []string{
	"id",
	"amount",
	"count",
	"closed",
	"flag",
	"text",
	"more",
	"currency",
	"day",
	"inner",
	"party",
	"far",
	"parties",
	"tags",
	"by",
	"raw",
	"tab/bed",
	"new",
}

// shapes are values of every kind, well formed or not.
var shapes = []string{
	`null`,
	`true`,
	`0`,
	`-0`,
	`12`,
	`1.0`,
	`1e2`,
	`9223372036854775808`,
	`""`,
	`"x"`,
	`"2026-11-23"`,
	`"12"`,
	`"a\u00e9\n\"b\\"`,
	`"\ud83d\ude00"`,
	`"\ud800"`,
	`"` + strings.Repeat(
		"long ",
		30,
	) + `"`,
	"\"\xff\"",
	"\"a\xe9b\"",
	`{}`,
	`{"id":"i","value":"v","within":null,"name":"n"}`,
	`{"id":"i","id":"j"}`,
	`{"value":1,"confidence":"high"}`,
	`[]`,
	`[1,"a",{"value":"v"}]`,
	`[{"value":"v","parts":[]},null,{"confidence":1,"parts":[{"value":"w","value":"x"}]}]`,
	`[{"value":"v","parts":[{"value":"w"}]},{"parts":null}]`,
	`tru`,
	`"open`,
	`01`,
	`{"a"}`,
	``,
	`]`,
}

func aLongArrayIsReadAsAShortOne(t *testing.T) {
	t.Parallel()
	t.Run("by addresses that are looked up once, where tags are names", func(t *testing.T) {
		t.Parallel()
		assert.True(t, wire.Laid(new(everyMember)))
		assert.True(t, wire.Laid(new(row)))
		assert.False(t, wire.Laid(new(bankmux.Date)))
		_, fails := elements[everyMember](firstReading, 20, usualRow+","+otherOrder)
		assert.False(t, fails, "the rows of this test are read at once")
	})
	t.Run("members of every type", func(t *testing.T) {
		t.Parallel()
		for _, name := range membersOfRows {
			for _, shape := range shapes {
				sameInLongArray[everyMember](t, usualRow+`,{"id":"z","`+name+`":`+shape+`,"zz":1},`+otherOrder)
			}
		}
	})
	t.Run("elements of every type", func(t *testing.T) {
		t.Parallel()
		for _, shape := range shapes {
			sameInLongArray[everyMember](t, shape+","+usualRow)
			sameInLongArray[everyMember](t, otherOrder+","+shape)
		}
	})
	t.Run("in whatever order, with keys that repeat or are written with escapes", func(t *testing.T) {
		t.Parallel()
		for _, array := range []string{
			usualRow + "," + otherOrder + "," + usualRow + "," + otherOrder,
			`{"id":"1","new":1,"new":2}`, `{"id":"1","\u0069d":"2"}`, `{"inner":{"value":"a","value":"b"}}`,
			`{"ID":"1"}`, `{"party":{"new":1,"new":1}}`,
			`{"id":"a\\b"},{"id":"a\b"},{"id":"a\\b"}`,
			`{"id":"same"},{"id":"same"},{"id":"some"},{"id":"s"},{"id":""}`,
			`{"id":"starts with 1 and ends"},{"id":"starts with 2 and ends"},{"id":"starts with 1 and ends"}`,
			`{"id":"1","amount":2},{"amount":null},{}`, `{"id":"1"`, `{"id":"1"},`, usualRow[:len(usualRow)-40],
		} {
			sameInLongArray[everyMember](t, array)
		}
	})
	t.Run("where tags say more than a name, or nothing", func(t *testing.T) {
		t.Parallel()
		const array = `{"id":"1","Plain":"p","n":"7","value":"v","day":"2026-11-23","-":"x","a'b":"q"},{"ID":"2","plain":"p","n":8,"extra":{"k":1}}`
		sameInLongArray[struct {
			ID    string `json:"id,case:ignore"`
			Plain string
		}](t, array)
		sameInLongArray[struct {
			ID     string `json:"id"`
			Ignore string `json:"-"`
		}](t, array)
		sameInLongArray[struct {
			N int `json:"n,string"`
		}](t, array)
		sameInLongArray[struct {
			inner
			ID string `json:"id,omitempty"`
		}](t, array)
		sameInLongArray[struct {
			Plain string `json:""`
			Odd   string `json:"'a\\'b'"`
		}](t, array)
		sameInLongArray[struct {
			Rest map[string]jsontext.Value `json:",embed"`
		}](t, array)
		sameInLongArray[map[string]any](t, array)
		sameInLongArray[*inner](t, array)
		sameInLongArray[struct {
			ID  readsText `json:"id"`
			Day readsJSON `json:"day"`
		}](t, array)
		sameInLongArray[bankmux.Date](t, `"2026-11-23",7`)
	})
	t.Run("where a member's method reads nothing, two values, or leaves it to the package json", func(t *testing.T) {
		t.Parallel()
		for _, array := range []string{`{"id":"1","x":1,"y":2,"z":3}`, `{"x":{"y":"z"},"id":"1"}`, `{"x":"y"}`} {
			sameInLongArray[badMember[readsNone]](t, array)
			sameInLongArray[badMember[readsTwo]](t, array)
			sameInLongArray[badMember[readsHalf]](t, array)
			sameInLongArray[badMember[leavesIt]](t, array)
		}
	})
}

type badMember[T any] struct {
	ID string `json:"id"`
	X  T      `json:"x"`
	Y  string `json:"y"`
	Z  int    `json:"z"`
}

type (
	readsNone struct{}
	readsTwo  struct{}
	readsHalf struct{}
	leavesIt  string
)

// These have members of their own, which are not read.
type (
	readsText struct {
		Text string `json:"text"`
	}
	readsJSON struct {
		JSON string `json:"json"`
	}
)

func (r *readsText) UnmarshalText(text []byte) error {
	r.Text = "read: " + string(text)
	return nil
}

func (r *readsJSON) UnmarshalJSON(raw []byte) error {
	r.JSON = "read: " + string(raw)
	return nil
}

func (*readsNone) UnmarshalJSONFrom(*jsontext.Decoder) error { return nil }

func (*readsTwo) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if err := dec.SkipValue(); err != nil {
		return err
	}
	return dec.SkipValue()
}

func (*readsHalf) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	return err
}

func (*leavesIt) UnmarshalJSONFrom(*jsontext.Decoder) error {
	return fmt.Errorf("as usual: %w", errors.ErrUnsupported)
}

func theOptionsOfADecoderApplyInALongArray(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]json.Options{
		"names in any case": json.MatchCaseInsensitiveNames(true), "no unknown names": json.RejectUnknownMembers(true),
		"numbers as text": json.StringifyNumbers(true), "names that repeat": jsontext.AllowDuplicateNames(true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := func(body []byte, v any) error { return json.Unmarshal(body, v, option) }
			for _, array := range []string{`{"ID":"1"}`, `{"new":1}`, `{"count":"7"}`, `{"id":"1","id":null}`} {
				alone, aloneFails := elements[everyMember](read, 1, array)
				long, longFails := elements[everyMember](read, 20, array)
				assert.Equal(t, alone, long, array)
				assert.Equal(t, aloneFails, longFails, array)
			}
		})
	}
}

func FuzzLongArray(f *testing.F) {
	f.Add(usualRow)
	f.Add(otherOrder)
	for _, shape := range shapes {
		f.Add(`{"id":` + shape + `,"party":{"within":` + shape + `}},` + usualRow)
	}
	f.Fuzz(func(t *testing.T, array string) { sameInLongArray[everyMember](t, array) })
}
