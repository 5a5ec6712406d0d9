package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/jsonscan"
)

// TestAbsent specifies what a second, lenient reading leaves of the first one.
func TestAbsent(t *testing.T) {
	t.Parallel()
	t.Run("nothing remains of the first reading", nothingRemainsOfTheFirstReading)
	t.Run("no key may repeat, and in a failure none that is read", noKeyMayRepeat)
}

type halfRead struct {
	Text   string                   `json:"text"`
	Number int                      `json:"number"`
	Far    *inner                   `json:"far"`
	Words  *string                  `json:"words"`
	Count  *int                     `json:"count"`
	Near   inner                    `json:"near"`
	List   []inner                  `json:"list"`
	Names  []string                 `json:"names"`
	ByName map[string]*inner        `json:"by_name"`
	Beside wire.OptionalList[inner] `json:"beside"`
	One    wire.Object[inner]       `json:"one"`
}

func nothingRemainsOfTheFirstReading(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want halfRead
	}{
		"an object is absent, not empty":            {`{"far":7}`, halfRead{}},
		"an object whose members are odd is there":  {`{"far":{"value":7,"confidence":"x"}}`, halfRead{Far: &inner{}}},
		"text and a number that are far are absent": {`{"words":{},"count":"many"}`, halfRead{}},
		"a number that is written as text is read":  {`{"number":"12","text":{}}`, halfRead{Number: 12}},
		"a number that is half a number is absent":  {`{"number":1.5}`, halfRead{}},
		"an object that is half read loses the rest": {
			`{"near":{"value":"v","confidence":[]}}`, halfRead{Near: inner{Value: "v"}},
		},
		"an element that is odd is left out": {
			`{"list":[{"value":"a"},7,{"value":"b","confidence":{}}],"names":["a",{},7,"b"]}`,
			halfRead{List: []inner{{Value: "a"}, {Value: "b"}}, Names: []string{"a", "b"}},
		},
		"an element that repeats a key is left out": {
			`{"list":[{"value":"a"},{"value":"b","value":"c"},{"value":"d"}]}`,
			halfRead{List: []inner{{Value: "a"}, {Value: "d"}}},
		},
		"a list that is odd is absent": {`{"list":{},"names":"a"}`, halfRead{}},
		"a member of a map that is odd is nil": {
			`{"by_name":{"a":{"value":"v"},"b":7}}`, halfRead{ByName: map[string]*inner{"a": {Value: "v"}, "b": nil}},
		},
		"a list that may be missed is one bad one": {
			`{"beside":{"value":"v"}}`,
			halfRead{Beside: wire.OptionalList[inner]{List: wire.List[inner]{Bad: []int{1}}}},
		},
		"a single object is read as a row": {
			`{"one":{"value":7}}`, halfRead{One: wire.Object[inner]{Value: inner{Value: "7"}, Present: true}},
		},
		"a single object that is text is not there": {`{"one":"x"}`, halfRead{}},
		"nothing is read of one that repeats a key": {`{"one":{"value":"v","value":"w"}}`, halfRead{}},
	} {
		t.Run(name, func(t *testing.T) {
			var in halfRead
			require.NoError(t, wire.Unmarshal([]byte(c.body), &in))
			assert.Equal(t, c.want, in)
		})
	}
	t.Run("a single object that repeats a key hides nothing beside it", func(t *testing.T) {
		var in halfRead
		require.NoError(t, wire.Decode([]byte(`{"one":{"value":"v","value":"w"},"number":12}`), &in))
		assert.Equal(t, halfRead{Number: 12}, in)
		assert.Equal(t, "one", wire.Lacks(&struct {
			One wire.Object[inner] `json:"one" need:"value"`
		}{in.One}))
	})
	t.Run("within a row it makes the row unreadable", func(t *testing.T) {
		var in struct {
			Rows wire.List[halfRead] `json:"rows"`
		}
		require.NoError(t, wire.Decode([]byte(`{"rows":[{"one":{"value":"v","value":"w"}},{}]}`), &in))
		assert.Equal(t, []int{1}, in.Rows.Bad)
	})
}

func noKeyMayRepeat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    string
		lenient bool // DecodeLenient accepts it
	}{
		"a key that is not known":          {`{"new":1,"new":2}`, true},
		"within one":                       {`{"new":{"a":1,"a":2},"text":"x"}`, true},
		"within a text":                    {`{"text":{"a":1,"a":2}}`, true},
		"one that is not known, in object": {`{"far":{"new":1,"new":2}}`, true},
		"a known key":                      {`{"text":"a","text":"a"}`, false},
		"a known key of an object":         {`{"far":{"value":"a","value":"b"}}`, false},
		"a known key of a member of a map": {`{"by_name":{"a":{"value":"a","value":"b"}}}`, false},
		"a key of a map":                   {`{"by_name":{"a":{},"a":{}}}`, false},
		"the same key, escaped":            {`{"text":"a","te\u0078t":"b"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			var in halfRead
			require.ErrorIs(t, wire.Unmarshal([]byte(c.body), &in), jsonscan.ErrRepeats)
			err := wire.DecodeLenient([]byte(c.body), &in)
			assert.Equal(t, c.lenient, err == nil, err)
		})
	}
}
