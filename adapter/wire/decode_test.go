package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// TestDecode specifies strict decoding and the errors of both functions.
func TestDecode(t *testing.T) {
	t.Parallel()
	t.Run("Strict reads exactly", strictReadsExactly)
	t.Run("the error is ErrMalformed and quotes nothing", theErrorIsErrMalformedAndQuotesNothing)
}

func strictReadsExactly(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"a":"x","b":1.5,"new":{}}`: true, `{"a":7}`: false, `{"b":"1"}`: false, `{"a":"x","a":"y"}`: false,
		`{"a":"x","new":[{"c":1,"c":2}]}`: false, `{"a":"\xff"}`: false, "{\"a\":\"\xff\"}": true,
	} {
		var out struct {
			A string  `json:"a"`
			B float64 `json:"b"`
		}
		err := wire.Strict([]byte(body), &out)
		assert.Equal(t, ok, err == nil, body)
	}
}

func theErrorIsErrMalformedAndQuotesNothing(t *testing.T) {
	t.Parallel()
	type answer struct {
		A    string            `json:"a"`
		List wire.List[string] `json:"list"`
	}
	for name, c := range map[string]struct{ body, says string }{
		"nothing":               {" \n", "is empty"},
		"null":                  {"null", "is null"},
		"a mark and nothing":    {"\ufeff", "is empty"},
		"an array":              {`["planted"]`, "is not the JSON expected here"},
		"a list that is a text": {`{"list":"planted"}`, "is not the JSON expected here"},
		"half an object":        {`{"a":"planted`, "is not valid JSON"},
		"a repeated key":        {`{"a":"planted","a":"x"}`, "repeats a key"},
		"half of that":          {`{"a":"planted","a":"x"`, "is not valid JSON"},
		"half of a text":        {`{"list":"planted"`, "is not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, read := range []func([]byte, any) error{wire.Decode, wire.Strict} {
				err := read([]byte(c.body), new(answer))
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				require.ErrorContains(t, err, "the response "+c.says)
				assert.NotContains(t, err.Error(), "planted")
			}
		})
	}
	t.Run("a leading byte order mark is ignored", func(t *testing.T) {
		var in answer
		require.NoError(t, wire.Decode([]byte("\ufeff{\"a\":\"x\"}"), &in))
		assert.Equal(t, "x", in.A)
	})
}
