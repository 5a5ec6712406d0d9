package wire_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// TestLongList specifies that a long list is read as a short one is.
func TestLongList(t *testing.T) {
	t.Parallel()
	t.Run("a long list is read as a short one", aLongListIsReadAsAShortOne)
	t.Run("members are found whatever their order and their names", membersAreFound)
	t.Run("members beyond the first 64 are found, and refused if they repeat", membersBeyondSixtyFourAreFound)
	t.Run("slices of a long list share no elements", slicesOfALongListShareNoElements)
	t.Run("repeated texts are made once", repeatedTextsAreMadeOnce)
	t.Run("a repeated object for a method is read in each row", aRepeatedObjectIsReadInEachRow)
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
	Raw  json.RawMessage  `json:"raw"`
	Tab  string           `json:"tab/bed"`
}

// element is what became of an element of an array.
type element[T any] struct {
	place int
	bad   bool
	row   T
}

// elements reads an array and returns its elements after the first ones.
func elements[T any](before int, array string) (all []element[T], err error) {
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
	err = wire.Unmarshal([]byte(`{"rows":[`+strings.Repeat("null,", before)+array+`]}`), &in)
	return all, err
}

// sameInLongList holds that elements are read at the end of a long list as they are alone.
func sameInLongList[T any](t *testing.T, array string) {
	t.Helper()
	alone, aloneFails := elements[T](1, array)
	long, longFails := elements[T](20, array)
	require.Equal(t, alone, long, array)
	require.Equal(t, aloneFails, longFails, array)
}

const (
	usualRow = `{"id":"1","amount":"12.50","count":3,"closed":true,"flag":"true","text":7,"more":true,
		"currency":"AED","day":"2026-11-23",
		"inner":{"value":"v","confidence":97,"name":"n"},
		"party":{"id":"p","within":{"value":"w","confidence":-1},"none":{},"parts":[{"value":"x"}]},
		"far":{"value":"f"},"parties":[{"value":"y","parts":[{"value":"z"},null]},{"confidence":3}],
		"tags":["a","b"],"by":{"k":{"value":"m"}},"raw":{"any":[1]},"tab/bed":"t"}`
	otherOrder = `{"tab\/bed":"t","party":{"within":{"confidence":2},"id":"q"},"new":{"id":"x"},"count":4,
		"id":"2","amount":-3,"\u0066lag":true}`
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

func aLongListIsReadAsAShortOne(t *testing.T) {
	t.Parallel()
	t.Run("members of every type", func(t *testing.T) {
		t.Parallel()
		for _, name := range membersOfRows {
			for _, shape := range shapes {
				sameInLongList[everyMember](t, usualRow+`,{"id":"z","`+name+`":`+shape+`,"zz":1},`+otherOrder)
			}
		}
	})
	t.Run("elements of every type", func(t *testing.T) {
		t.Parallel()
		for _, shape := range shapes {
			sameInLongList[everyMember](t, shape+","+usualRow)
			sameInLongList[everyMember](t, otherOrder+","+shape)
			sameInLongList[map[string]any](t, shape)
			sameInLongList[*inner](t, shape)
			sameInLongList[bankmux.Date](t, shape)
			sameInLongList[readsItself](t, shape)
		}
	})
	t.Run("texts that resemble each other", func(t *testing.T) {
		t.Parallel()
		for _, array := range []string{
			usualRow + "," + otherOrder + "," + usualRow + "," + otherOrder,
			`{"id":"a\\b"},{"id":"a\b"},{"id":"a\\b"}`,
			`{"id":"same"},{"id":"same"},{"id":"some"},{"id":"s"},{"id":""}`,
			`{"id":"starts with 1 and ends"},{"id":"starts with 2 and ends"},{"id":"starts with 1 and ends"}`,
		} {
			sameInLongList[everyMember](t, array)
		}
	})
}

// readsItself has a member of its own, which is not read.
type readsItself struct {
	JSON string `json:"json"`
}

func (r *readsItself) UnmarshalJSON(raw []byte) error {
	r.JSON = "read: " + string(raw)
	return nil
}

func membersAreFound(t *testing.T) {
	t.Parallel()
	type shadow struct {
		inner
		ID    string `json:"id,omitempty"`
		Plain string
		Value string                     `json:"value"` // hides that of inner
		Skip  string                     `json:"-"`
		Angle string                     `json:"say <hi>"`
		Count int                        `json:"count,string"`
		Rest  map[string]json.RawMessage `json:",embed"`
	}
	for raw, want := range map[string]shadow{
		`{"id":"1","Plain":"p","value":"v","confidence":3,"count":7}`: {
			ID: "1", Plain: "p", Value: "v", inner: inner{Confidence: 3}, Count: 7,
		},
		`{"\u0069d":"1","ID":"2","plain":"q"}`: {
			ID: "1", Rest: map[string]json.RawMessage{"ID": json.RawMessage(`"2"`), "plain": json.RawMessage(`"q"`)},
		},
		`{"-":"x","Skip":"y","count":"7"}`: {
			Count: 7, Rest: map[string]json.RawMessage{"-": json.RawMessage(`"x"`), "Skip": json.RawMessage(`"y"`)},
		},
		`{"say \u003chi\u003e":"y"}`: {Angle: "y"},
		`{"say <hi>":"y"}`:           {Angle: "y"},
		`{ "say \u003chi>" : "y" }`:  {Angle: "y"},
	} {
		all, err := elements[shadow](0, raw)
		require.NoError(t, err, raw)
		assert.Equal(t, []element[shadow]{{row: want}}, all, raw)
	}
	for _, raw := range []string{
		`{"id":"1","amount":2,"id":"3"}`, `{"id":"1","id":"1"}`, `{"id":"1","amount":2,"amount":2}`, `{"count":1,"id":"1","count":2}`,
		`{"id":"1","new":1,"new":2}`, `{"id":"1","\u0069d":"2"}`, `{"new":{"a":1,"\u0061":2}}`, `{"far":{"new":1,"new":1}}`,
		`{"party":{"parts":[{"value":"a"},{"value":"b","value":"c"}]}}`,
		`{"parties":[{"value":"a"},{"value":"b","value":"c"}]}`, `{"raw":{"a":1,"a":2}}`, `{"by":{"a":{},"a":{}}}`,
	} {
		all, err := elements[everyMember](0, raw)
		require.NoError(t, err, raw)
		assert.Equal(t, []element[everyMember]{{bad: true}}, all, "a key that repeats costs the row: %s", raw)
	}
}

func membersBeyondSixtyFourAreFound(t *testing.T) {
	t.Parallel()
	var fields []reflect.StructField
	var body strings.Builder
	for i := range 300 {
		tag := reflect.StructTag(fmt.Sprintf(`json:"member %d"`, i))
		field := reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int](), Tag: tag}
		fields = append(fields, field)
		fmt.Fprintf(&body, `"member %d":%d,`, i, i+1)
	}
	many := reflect.New(reflect.StructOf(fields))
	require.NoError(t, wire.Unmarshal([]byte(`{`+body.String()+`"new":1}`), many.Interface()))
	for i := range fields {
		assert.Equal(t, i+1, many.Elem().Field(i).Interface())
		again := fmt.Sprintf(`{%s"member %d":0}`, body.String(), i)
		require.ErrorIs(t, wire.Unmarshal([]byte(again), many.Interface()), jsonscan.ErrRepeats, i)
	}
}

// holdsItself has slices of its own type within each other.
type holdsItself struct {
	Name  string        `json:"name"`
	Parts []holdsItself `json:"parts"`
	Empty []struct{}    `json:"empty"`
}

func slicesOfALongListShareNoElements(t *testing.T) {
	t.Parallel()
	// row writes a row whose slice has n elements, each with another slice in between.
	row := func(i, n int) string {
		parts := make([]string, n)
		for j := range parts {
			name := fmt.Sprintf("%d.%d", i, j)
			parts[j] = fmt.Sprintf(`{"name":"%s","parts":[{"name":"%s.0","parts":[]}],"empty":[{},{}]}`, name, name)
		}
		return fmt.Sprintf(`{"name":"%d","parts":[%s]}`, i, strings.Join(parts, ","))
	}
	var rows []string
	lengths := []int{0, 1, 2, 31, 32, 33, 100, 1, 0, 3}
	for i := range 200 {
		rows = append(rows, row(i, lengths[i%len(lengths)]))
	}
	all, err := elements[holdsItself](10, strings.Join(rows, ","))
	require.NoError(t, err)
	for _, e := range all {
		//nolint:gocritic // it must not write into the next row
		extra := append(e.row.Parts, holdsItself{Name: "extra"})
		require.Equal(t, "extra", extra[len(extra)-1].Name)
	}
	require.Len(t, all, len(rows))
	for i, e := range all {
		var want holdsItself
		require.NoError(t, json.Unmarshal([]byte(rows[i]), &want))
		require.Equal(t, want, e.row)
	}
}

// repeatedTextsAreMadeOnce counts what a long list allocates. Each of its rows has a text of its
// own and a repeated one.
func repeatedTextsAreMadeOnce(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	for i := range 200 {
		fmt.Fprintf(&body, `,{"a":"text %d","b":"the same in each row"}`, i)
	}
	all, err := elements[row](0, body.String()[1:])
	require.NoError(t, err)
	require.Len(t, all, 200)
	for i := 10; i < 200; i++ {
		require.Equal(t, unsafe.StringData(all[9].row.B), unsafe.StringData(all[i].row.B), "row %d", i)
	}
}

func aRepeatedObjectIsReadInEachRow(t *testing.T) {
	t.Parallel()
	const usd = `{"code":"USD"}`
	for raw, want := range map[string]element[methods]{
		`{"coded":` + usd + `}`:                                 {row: methods{Coded: coded{"USD"}}},
		`{"far":` + usd + `}`:                                   {row: methods{Far: &coded{"USD"}}},
		`{"tolerant":` + usd + `}`:                              {row: methods{Tolerant: tolerant{coded{"USD"}}}},
		`{"coded": ` + usd + ` ,"id":"1"}`:                      {row: methods{ID: "1", Coded: coded{"USD"}}},
		`{"coded":{"code":"AED"}}`:                              {row: methods{Coded: coded{"AED"}}},
		`{"coded":{"code":"USD","code":"USD"}}`:                 {bad: true},
		`{"coded":` + usd + `,"coded":` + usd + `}`:             {bad: true},
		`{"coded":{"code":"USD"` + `,"new":{"a":` + usd + `}}}`: {row: methods{Coded: coded{"USD"}}},
	} {
		before := strings.Repeat(`{"coded":`+usd+`},`, 10)
		all, err := elements[methods](0, before+raw+`,`+before+raw)
		require.NoError(t, err, raw)
		require.Len(t, all, 22)
		for i, got := range all {
			if i == 10 || i == 21 {
				want.place = i
				assert.Equal(t, want, got, raw)
				continue
			}
			assert.Equal(t, coded{"USD"}, got.row.Coded, raw)
		}
	}
}

func FuzzLongList(f *testing.F) {
	f.Add(usualRow)
	f.Add(otherOrder)
	for _, shape := range shapes {
		f.Add(`{"id":` + shape + `,"party":{"within":` + shape + `}},` + usualRow)
	}
	f.Fuzz(func(t *testing.T, array string) { sameInLongList[everyMember](t, array) })
}
