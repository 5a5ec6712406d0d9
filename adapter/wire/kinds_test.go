package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// every has a member of each kind that an adapter may give a row.
type every struct {
	ID     string         `json:"id"`
	Day    bankmux.Date   `json:"day"`
	At     time.Time      `json:"at"`
	Seen   *time.Time     `json:"seen"`
	Money  *bankmux.Money `json:"money"`
	Lat    float64        `json:"lat"`
	Short  int32          `json:"short"`
	Tiny   uint8          `json:"tiny"`
	Pair   [2]int         `json:"pair"`
	Days   []bankmux.Date `json:"days"`
	Counts []int          `json:"counts"`
	Any    any            `json:"any"`
}

// TestKinds specifies that each type of member is read, whatever the members beside it have.
func TestKinds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 6, 30, 0, 0, time.UTC)
	day := bankmux.NewDate(2026, 11, 26)
	for name, c := range map[string]struct {
		raw  string
		want every
	}{
		"a day":                   {`"day":"2026-11-26"`, every{Day: day}},
		"an invalid day":          {`"day":"2026-13-45"`, every{}},
		"a day as a number":       {`"day":5`, every{}},
		"a time":                  {`"at":"2026-11-26T06:30:00Z"`, every{At: at}},
		"an invalid time":         {`"at":"soon"`, every{}},
		"a time that may be none": {`"seen":"2026-11-26T06:30:00Z"`, every{Seen: &at}},
		"a time that is null":     {`"seen":null,"at":null`, every{}},
		"a broken amount":         {`"money":[]`, every{}},
		"a fraction":              {`"lat":48.25`, every{Lat: 48.25}},
		"a fraction as text":      {`"lat":"-1.5e1"`, every{Lat: -15}},
		"a fraction in words":     {`"lat":"Inf"`, every{}},
		"a fraction as an object": {`"lat":{}`, every{}},
		"a short number":          {`"short":7`, every{Short: 7}},
		"a short number as text":  {`"short":"7"`, every{Short: 7}},
		"a number that is long":   {`"short":5000000000`, every{}},
		"a tiny number as text":   {`"tiny":"255"`, every{Tiny: 255}},
		"a number below zero":     {`"tiny":-1`, every{}},
		"a number above all":      {`"tiny":256`, every{}},
		"an array":                {`"pair":[1,2]`, every{Pair: [2]int{1, 2}}},
		"an array that is long":   {`"pair":[1,2,3]`, every{}},
		"an array that is short":  {`"pair":[1]`, every{}},
		"an empty array":          {`"pair":[]`, every{}},
		"an array with a null":    {`"pair":[null,2]`, every{Pair: [2]int{0, 2}}},
		"an array with a word":    {`"pair":[1,"x",2]`, every{}},
		"an array as an object":   {`"pair":{}`, every{}},
		"an array that is null":   {`"pair":null`, every{}},
		"a list with another day": {`"days":["2026-11-26","x",7,null]`, every{Days: []bankmux.Date{day, {}}}},
		"a list with a word":      {`"counts":[1,"2","x",{}]`, every{Counts: []int{1, 2}}},
		"anything":                {`"any":"x"`, every{Any: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := c.want
			row.ID = "1"
			for neighbour, id := range map[string]string{
				"whose id is a text": `"id":"1",`, "whose id is a number": `"id":1,`,
			} {
				var in struct {
					Rows wire.List[every] `json:"rows"`
				}
				require.NoError(t, wire.Decode([]byte(`{"rows":[{`+id+c.raw+`}]}`), &in), neighbour)
				assert.Equal(t, []every{row}, in.Rows.Rows, neighbour)
			}
			var in every
			require.NoError(t, wire.Decode([]byte(`{"id":"1",`+c.raw+`}`), &in), "outside of lists")
			assert.Equal(t, row, in, "outside of lists")
			var beside every
			require.NoError(t, wire.Decode([]byte(`{"id":["odd"],`+c.raw+`}`), &beside), "beside an odd one")
			assert.Equal(t, c.want, beside, "beside an odd one")
		})
	}
}

// TestCase specifies which keys are case-sensitive.
func TestCase(t *testing.T) {
	t.Parallel()
	type token struct {
		Token string `json:"token"`
	}
	var in struct {
		Array [1]token         `json:"array"`
		Pairs [2][2]*token     `json:"pairs"`
		Text  map[string]token `json:"text"`
		Whole map[int]token    `json:"whole"`
		Any   any              `json:"any"`
	}
	require.NoError(t, wire.Decode([]byte(`{"array":[{"TOKEN":"x"}],"pairs":[[{"Token":"x"},{"token":"a"}],[null,{}]],
		"text":{"1":{"TOKEN":"x"}},"whole":{"1":{"token":"a"},"01":{"TOKEN":"b"}},"any":12345678901234567890}`), &in))
	assert.Empty(t, in.Array[0])
	assert.Equal(t, [2][2]*token{{{}, {"a"}}, {nil, {}}}, in.Pairs)
	assert.Equal(t, map[string]token{"1": {}}, in.Text)
	assert.Equal(t, map[int]token{1: {"b"}}, in.Whole, "encoding/json reads it")
	assert.Equal(t, 12345678901234567890.0, in.Any, "encoding/json reads it") //nolint:testifylint // the same bits
	require.ErrorContains(t, wire.Strict([]byte(`{"array":[{"token":7}]}`), &in), "is not the JSON expected")
}
