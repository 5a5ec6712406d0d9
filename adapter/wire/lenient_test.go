package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestLenient specifies what a member or an element of an unexpected shape costs.
func TestLenient(t *testing.T) {
	t.Parallel()
	t.Run("a member of another shape costs only itself", aMemberOfAnotherShapeCostsOnlyItself)
	t.Run("an unreadable element costs only itself", anUnreadableElementCostsOnlyItself)
	t.Run("each element is passed once", eachElementIsPassedOnce)
	t.Run("the envelope has its own rule", theEnvelopeHasItsOwnRule)
	t.Run("a flag has the value that was written", aFlagHasTheValueThatWasWritten)
}

type inner struct {
	Value      string `json:"value"`
	Confidence int    `json:"confidence"`
}

type oddRow struct {
	ID     string             `json:"id"`
	Amount wire.Number        `json:"amount"`
	Count  int                `json:"count"`
	Closed bool               `json:"closed"`
	Inner  inner              `json:"inner"`
	Far    *inner             `json:"far"`
	Names  []string           `json:"names"`
	Parts  wire.List[inner]   `json:"parts"`
	ByName map[string]inner   `json:"by_name"`
	Raw    json.RawMessage    `json:"raw"`
	Flag   wire.Flag          `json:"flag"`
	Deep   map[string][]inner `json:"deep"`
}

type oddAnswer struct {
	Operation wire.Text        `json:"operation"`
	Token     string           `json:"token"`
	Total     int              `json:"total"`
	More      wire.Exact[bool] `json:"more"`
	Cursor    struct {
		Next wire.Text `json:"next"`
	} `json:"cursor"`
	Tags []string          `json:"tags"`
	Rows wire.List[oddRow] `json:"rows"`
	IDs  wire.List[string] `json:"ids"`
}

func aMemberOfAnotherShapeCostsOnlyItself(t *testing.T) {
	t.Parallel()
	full := oddRow{ID: "1", Count: 3, Closed: true, Inner: inner{"v", 97}, Names: []string{"a"}}
	const good = `"id":"1","count":3,"closed":true,"inner":{"value":"v","confidence":97},"names":["a"]`
	for raw, change := range map[string]func(*oddRow){
		`{` + good + `}`: func(*oddRow) {},
		`{"id":77,"count":3,"closed":true,"inner":{"value":"v","confidence":97},"names":["a"]}`:        func(r *oddRow) { r.ID = "77" },
		`{"id":"1","count":"3","closed":"true","inner":{"value":"v","confidence":97.0},"names":["a"]}`: func(*oddRow) {},
		`{"id":"1","count":3.5,"closed":1,"inner":{"value":"v","confidence":97.5},"names":["a"]}`: func(r *oddRow) {
			r.Count, r.Inner.Confidence = 0, 0
		},
		`{"id":["1"],"count":{},"closed":"maybe","inner":{"value":true,"confidence":"high"},"names":"a"}`:             func(r *oddRow) { *r = oddRow{} },
		`{"id":{"a":[1,{"b":2}]},"count":1e99,"closed":[],"inner":"none","names":{"0":"a"}}`:                          func(r *oddRow) { *r = oddRow{} },
		`{"id":"1","count":3,"closed":true,"inner":{"value":"v","confidence":97},"names":["a"],"far":7,"by_name":[]}`: func(*oddRow) {},
		`{"id":"1","count":3,"closed":true,"inner":{"value":"v","confidence":97},"names":["a"],"deep":[1],"amount":{}}`: func(r *oddRow) {
			r.Amount = numbers(t, `{"bad":{}}`)["bad"]
		},
	} {
		want := full
		change(&want)
		var in oddAnswer
		require.NoError(t, wire.Unmarshal([]byte(`{"rows":[{"id":"before"},`+raw+`,{"id":"after"}]}`), &in), raw)
		assert.Empty(t, in.Rows.Bad, raw)
		assert.Equal(t, []oddRow{{ID: "before"}, want, {ID: "after"}}, in.Rows.Rows, raw)
	}
}

func anUnreadableElementCostsOnlyItself(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"text": `"row"`, "a number": `7`, "a truth": `true`, "an array": `[{"id":"2"}]`,
		"a repeated key":                            `{"id":"2","id":"3"}`,
		"a repeated key within":                     `{"id":"2","inner":{"value":"a","value":"b"}}`,
		"a repeated key of an unknown member":       `{"id":"2","new":{"a":1,"a":2}}`,
		"a list that is not one, which must be one": `{"id":"2","parts":{"value":"x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in oddAnswer
			in.Total = 1
			require.NoError(
				t,
				wire.Unmarshal([]byte(`{"total":3,"rows":[{"id":"1"},`+raw+`,{"id":3}],"more":true}`), &in),
			)
			assert.Equal(t, []oddRow{{ID: "1"}, {ID: "3"}}, in.Rows.Rows)
			assert.Equal(t, []int{2}, in.Rows.Bad)
			assert.Equal(t, []int{1, 3}, []int{in.Rows.Place(0), in.Rows.Place(1)})
			assert.Equal(t, 3, in.Rows.Len())
			assert.Equal(t, "row 2", in.Rows.Failures("a")[0].Transaction)
			assert.True(t, in.More.Value)
		})
	}
	var in oddAnswer
	require.NoError(
		t,
		wire.Unmarshal(
			[]byte(
				`{"ids":["a",7,{"id":"b"},"c"],"rows":[{"parts":[{"value":"x"},5,{"value":"y","confidence":"1"}]}]}`,
			),
			&in,
		),
	)
	assert.Equal(t, []string{"a", "7", "c"}, in.IDs.Rows)
	assert.Equal(t, []int{3}, in.IDs.Bad)
	require.Len(t, in.Rows.Rows, 1)
	assert.Equal(t, []inner{{Value: "x"}, {"y", 1}}, in.Rows.Rows[0].Parts.Rows)
	assert.Equal(t, []int{2}, in.Rows.Rows[0].Parts.Bad)
}

func eachElementIsPassedOnce(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"rows":[{"a":"1"},{"a":2},7,{"a":"4"}],"after":true}`,
		`{"rows":[{"a":"1"},{"a":"2"},{"a":"3","a":"x"},{"a":"4"}],"after":true}`,
		`{"rows":[{"a":"1"},{"a":"2"},null,{"a":"4"}],"after":"true"}`,
	} {
		var got []string
		var in struct {
			Rows  wire.Rows[row] `json:"rows"`
			After bool           `json:"after"`
		}
		in.Rows.Each = func(_ int, r *row) { got = append(got, r.A) }
		in.Rows.Bad = func(int) { got = append(got, "") }
		require.NoError(t, wire.Unmarshal([]byte(body), &in), body)
		assert.Equal(t, []string{"1", "2", "", "4"}, got, body)
		assert.Equal(t, 4, in.Rows.N)
		assert.True(t, in.After)
	}
}

func theEnvelopeHasItsOwnRule(t *testing.T) {
	t.Parallel()
	var in oddAnswer
	require.NoError(
		t,
		wire.Unmarshal(
			[]byte(`{"operation":77,"token":5,"total":"12","cursor":"x","tags":{"a":1},"rows":[],"more":null}`),
			&in,
		),
	)
	assert.Equal(t, wire.Text("77"), in.Operation, "an id is text however it is written")
	assert.Empty(t, in.Token, "a number is not a token")
	assert.Equal(t, 12, in.Total)
	assert.Empty(t, in.Cursor.Next)
	assert.True(t, in.Rows.Present)
	for name, body := range map[string]string{
		"a list that is an object":         `{"rows":{}}`,
		"a list that is text":              `{"rows":"none"}`,
		"a repeated key":                   `{"token":"a","token":"b"}`,
		"a repeated key beside an odd row": `{"rows":[7],"token":"a","token":"b"}`,
		"a repeated key deeper":            `{"cursor":{"next":"a","next":"b"}}`,
		"a member that decides, as text":   `{"more":"true","rows":[]}`,
		"an array":                         `[]`,
		"text":                             `"x"`,
		"an answer that ends in a row":     `{"rows":[{"id":7},{"id":`,
		"more behind the answer":           `{"total":"1"} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			var in oddAnswer
			assert.Error(t, wire.Unmarshal([]byte(body), &in))
		})
	}
}

func aFlagHasTheValueThatWasWritten(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]wire.Flag{
		`null`: wire.FlagAbsent, `true`: wire.FlagTrue, `false`: wire.FlagFalse, `"true"`: wire.FlagTrue,
		`0`: wire.FlagFalse, `1`: wire.FlagTrue,
		`"maybe"`: wire.FlagUnreadable, `{}`: wire.FlagUnreadable, `2`: wire.FlagUnreadable, `""`: wire.FlagAbsent,
	} {
		var in oddRow
		readable, err := wire.Row([]byte(`{"flag":`+raw+`}`), &in)
		require.NoError(t, err, raw)
		assert.True(t, readable, raw)
		assert.Equal(t, want, in.Flag, raw)
	}
}
