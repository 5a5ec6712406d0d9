package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// coded reads itself by a package that takes the last of two values.
type coded struct{ Code string }

func (c *coded) UnmarshalJSON(raw []byte) error {
	var in struct {
		Code string `json:"code"`
	}
	err := json.Unmarshal(raw, &in)
	c.Code = in.Code
	return err
}

// tolerant is a coded whose keys may repeat.
type tolerant struct{ coded }

func (*tolerant) KeysMayRepeat() {}

type methods struct {
	ID       string            `json:"id"`
	Coded    coded             `json:"coded"`
	Far      *coded            `json:"far"`
	Raw      json.RawMessage   `json:"raw"`
	Any      any               `json:"any"`
	Pair     [2]map[string]int `json:"pair"`
	Table    map[string]coded  `json:"table"`
	Tolerant tolerant          `json:"tolerant"`
	List     []coded           `json:"list"`
}

// TestMethods specifies that a repeated key within a value that another package reads never passes
// in silence.
func TestMethods(t *testing.T) {
	t.Parallel()
	const twice = `{"code":"USD","code":"AED"}`
	for name, member := range map[string]string{
		"of a type with a method":           `"coded":` + twice,
		"deep within such a value":          `"coded":{"code":"USD","new":[{"a":1,"a":2}]}`,
		"of a pointer to such a type":       `"far":` + twice,
		"of raw JSON":                       `"raw":` + twice,
		"deep within raw JSON":              `"raw":[[{"a":{"b":1,"b":2}}]]`,
		"of a member that may be anything":  `"any":` + twice,
		"within an array of a fixed length": `"pair":[{"a":1,"a":2},{}]`,
		"of an entry of a map":              `"table":{"x":` + twice + `}`,
	} {
		t.Run("a repeated key "+name, func(t *testing.T) {
			t.Parallel()
			err := wire.Decode([]byte(`{"id":"1",`+member+`}`), new(methods))
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			require.ErrorContains(t, err, "the response repeats a key")
			var in struct {
				Rows wire.List[methods] `json:"rows"`
			}
			require.NoError(t, wire.Decode([]byte(`{"rows":[{"id":"0"},{"id":"1",`+member+`},{"id":"2"}]}`), &in))
			assert.Equal(t, []int{2}, in.Rows.Bad, "within a row it concerns the row")
			assert.Len(t, in.Rows.Rows, 2)
		})
	}
	t.Run("an element of a list that repeats a key is left out outside of rows", func(t *testing.T) {
		t.Parallel()
		var in methods
		require.NoError(t, wire.Decode([]byte(`{"list":[{"code":"SAR"},`+twice+`,{"code":"KWD"}]}`), &in))
		assert.Equal(t, []coded{{"SAR"}, {"KWD"}}, in.List)
	})
	t.Run("a type may check its own keys outside of rows", func(t *testing.T) {
		t.Parallel()
		var in methods
		require.NoError(t, wire.Decode([]byte(`{"tolerant":`+twice+`}`), &in))
		assert.Equal(t, "AED", in.Tolerant.Code)
		var list struct {
			Rows wire.List[methods] `json:"rows"`
		}
		require.NoError(t, wire.Decode([]byte(`{"rows":[{"tolerant":`+twice+`}]}`), &list))
		assert.Equal(t, []int{1}, list.Rows.Bad)
	})
	t.Run("strict decoding accepts no repeated key at all", func(t *testing.T) {
		t.Parallel()
		require.ErrorContains(t, wire.Strict([]byte(`{"tolerant":`+twice+`}`), new(methods)), "repeats a key")
	})
}

// nested returns the error of Decode from its method.
type nested struct{ Inner inner }

func (n *nested) UnmarshalJSON(raw []byte) error { return wire.Decode(raw, &n.Inner) }

// TestFaults specifies which of several faults of a response is reported.
func TestFaults(t *testing.T) {
	t.Parallel()
	const repeats, other, invalid = "repeats a key", "is not the JSON expected here", "is not valid JSON"
	for name, c := range map[string]struct{ body, says string }{
		"a repeated key before a list that is not one": {`{"a":"1","a":"2","list":7}`, repeats},
		"a list that is not one before a repeated key": {`{"list":7,"a":"1","a":"2"}`, other},
		"a member of another type and its repetition":  {`{"a":7,"b":1,"a":"2"}`, repeats},
		"a repeated key that is not valid after":       {`{"a":"1","a":"2","list":[}`, invalid},
		"a list that is not one, and text after":       {`{"list":7} {}`, invalid},
		"a fault within a method and half an object":   {`{"nested":{"value":"1","value":"2"},"a":`, invalid},
		"a fault within a method":                      {`{"nested":{"value":"1","value":"2"},"list":7}`, repeats},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in struct {
				A      string            `json:"a"`
				List   wire.List[string] `json:"list"`
				Nested nested            `json:"nested"`
			}
			require.ErrorContains(t, wire.Decode([]byte(c.body), &in), "the response "+c.says)
		})
	}
}

// shaped accepts any value, and notes one that is not an object.
type shaped struct {
	Code string `json:"code"`

	other bool
}

func (s *shaped) NoteOtherShape() { s.other = true }

// TestOtherShape specifies that a struct may note a value that is neither an object nor null.
func TestOtherShape(t *testing.T) {
	t.Parallel()
	type response struct {
		One   shaped             `json:"one"`
		Table map[string]*shaped `json:"table"`
		Next  string             `json:"next"`
	}
	for _, value := range []string{`"USD"`, `7`, `true`, `[{"code":"USD"}]`} {
		t.Run(value+" is noted", func(t *testing.T) {
			t.Parallel()
			var in response
			text := `{"one":` + value + `,"table":{"x":` + value + `,"y":null},"next":"n"}`
			require.NoError(t, wire.Decode([]byte(text), &in))
			noted := shaped{other: true}
			assert.Equal(t, response{noted, map[string]*shaped{"x": &noted, "y": nil}, "n"}, in)
		})
	}
	t.Run("an object and null are not noted", func(t *testing.T) {
		t.Parallel()
		var in response
		require.NoError(t, wire.Decode([]byte(`{"one":null,"table":{"x":{"code":"USD","new":1}},"next":"n"}`), &in))
		assert.Equal(t, response{shaped{}, map[string]*shaped{"x": {Code: "USD"}}, "n"}, in)
	})
	for name, value := range map[string]string{
		"in the object": `{"code":"a","code":"b"}`, "deep within another shape": `[{"new":1,"new":2}]`,
	} {
		t.Run("a key may not repeat "+name, func(t *testing.T) {
			t.Parallel()
			err := wire.Decode([]byte(`{"table":{"x":`+value+`}}`), new(response))
			require.ErrorContains(t, err, "the response repeats a key")
		})
	}
	t.Run("a value that is not JSON is refused", func(t *testing.T) {
		t.Parallel()
		require.ErrorContains(t, wire.Decode([]byte(`{"one":}`), new(response)), "is not valid JSON")
		require.ErrorContains(t, wire.Decode([]byte(`{"one":tru}`), new(response)), "is not valid JSON")
	})
}
