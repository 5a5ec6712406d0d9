package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

type row struct {
	A string `json:"a"`
	B string `json:"b"`
}

func TestRowsComeOneByOneAndForgetTheOneBefore(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][]row{
		`{"rows":[{"a":"1","b":"x"},{"a":"2"},{"b":null,"c":[1]}],"after":true}`: {{"1", "x"}, {"2", ""}, {"", ""}},
		`{"rows":[]}`: nil,
	} {
		var got []row
		var in struct {
			Rows  wire.Rows[row] `json:"rows"`
			After bool           `json:"after"`
		}
		in.Rows.Each = func(i int, r *row) {
			assert.Len(t, got, i)
			got = append(got, *r)
		}
		require.NoError(t, json.Unmarshal([]byte(raw), &in), raw)
		assert.Equal(t, want, got)
		assert.True(t, in.Rows.Present)
		assert.Equal(t, len(want), in.Rows.N)
		assert.Equal(t, len(want) > 0, in.After)
	}
	for raw, fails := range map[string]bool{`{}`: false, `{"rows":null}`: false, `{"rows":{}}`: true, `{"rows":"x"}`: true, `{"rows":[{"a":"1"},{}`: true} {
		var in struct {
			Rows wire.Rows[row] `json:"rows"`
		}
		in.Rows.Each = func(int, *row) {}
		assert.Equal(t, fails, json.Unmarshal([]byte(raw), &in) != nil, raw)
		if !fails {
			assert.False(t, in.Rows.Present, raw)
		}
	}
}
