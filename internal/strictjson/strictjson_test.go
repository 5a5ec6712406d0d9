package strictjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/internal/strictjson"
)

// TestObject specifies which JSON objects are read and which are refused.
func TestObject(t *testing.T) {
	t.Parallel()
	t.Run("ordinary JSON is read", ordinaryJSONIsRead)
	t.Run("suspicious JSON is refused", suspiciousJSONIsRefused)
	t.Run("one byte order mark is ignored", oneByteOrderMarkIsIgnored)
}

func many(n int, extra string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"key%d":%d,`, i, i)
	}
	return "{" + b.String() + extra + "}"
}

func suspiciousJSONIsRefused(t *testing.T) {
	t.Parallel()
	for raw, says := range map[string]string{
		``:                           "is empty",
		" \n":                        "is empty",
		`null`:                       "is not a JSON object",
		`[{}]`:                       "is not a JSON object",
		`[{}`:                        "is not JSON",
		`code=1&state=2`:             "is not JSON",
		`<!doctype html>`:            "is not JSON",
		`{"a":1`:                     "is not valid JSON",
		`{"a":1}{}`:                  "is not valid JSON",
		"{\"a\":\"\xff\"}":           "is not valid JSON",
		`{"a":1,"a":1}`:              `repeats the key "a"`,
		`{"a":1,"\u0061":1}`:         `repeats the key "a"`,
		`{"a":1,"A":1}`:              `differ only in case: "a" and "A"`,
		`{"s":1,"ſ":1}`:              "differ only in case",
		`{"x":[1,{"b":{},"b":2}]}`:   `repeats the key "b"`,
		`{"x":"}\"{","x":2}`:         `repeats the key "x"`,
		many(60, `"key50":1`):        `repeats the key "key50"`,
		many(60, `"KEY50":1`):        `differ only in case: "key50" and "KEY50"`,
		many(60, `"ſ":1,"S":2`):      `differ only in case: "ſ" and "S"`,
		many(60, "\"\u212aEY3\":1"):  "differ only in case", // with the Kelvin sign
		many(60, "\"\u212aEY50\":1"): "differ only in case",
		many(60, `"Key3":1`):         "differ only in case",
		strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33):       "nested too deeply",
		`{"a":` + strings.Repeat(`[`, 40) + strings.Repeat("]", 40) + `}`: "nested too deeply",
	} {
		_, err := strictjson.Object([]byte(raw))
		require.Error(t, err, raw)
		assert.ErrorContains(t, err, says, raw)
	}
}

// same checks the members against what encoding/json reads.
func same(t *testing.T, raw string, members []strictjson.Member) {
	t.Helper()
	var plain map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(raw), &plain))
	require.Len(t, members, len(plain))
	for _, m := range members {
		assert.Equal(t, string(plain[string(m.Key)]), string(m.Value), string(m.Key))
	}
}

func ordinaryJSONIsRead(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{}`, " {\n} ", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2},[]],"c":-1.5e3,"d":true,"e":null,"f":"\\\""}`,
		many(200, `"last":[ 1 , 2 ]`), strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32),
	} {
		members, err := strictjson.Object([]byte(raw))
		require.NoError(t, err, raw)
		same(t, raw, members)
	}
}

func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"A":2}`, `{"\u0061":[{"x":"\\"}]}`, `{"a":1`, many(30, `"a":1`)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if members, err := strictjson.Object(raw); err == nil {
			same(t, string(raw), members)
		}
	})
}

func oneByteOrderMarkIsIgnored(t *testing.T) {
	t.Parallel()
	for raw, ok := range map[string]bool{
		"\ufeff{\"a\":1}": true, "\ufeff \n{\"a\":1}": true, "\ufeff\ufeff{\"a\":1}": false, " \ufeff{\"a\":1}": false,
		"{\ufeff\"a\":1}": false, "\ufeff": false, "\xef\xbb{}": false,
	} {
		_, err := strictjson.Object([]byte(raw))
		assert.Equal(t, ok, err == nil, "%q %v", raw, err)
	}
}
