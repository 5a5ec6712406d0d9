package wire_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestDecoderKeepsNothing specifies that a decoder in the pool keeps neither a response nor its
// texts.
func TestDecoderKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]int{"a short list": 2, "a long list": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 { // the race detector makes a pool drop some
				body, text := decodeRows(t, rows)
				runtime.GC() // a pool keeps what it has once more
				require.Nil(t, body.Value(), "the response")
				require.Nil(t, text.Value(), "a text of a row")
			}
		})
	}
}

// decodeRows decodes a response, and returns what shows whether it and a text of it are kept.
func decodeRows(t *testing.T, rows int) (body, text weak.Pointer[byte]) {
	t.Helper()
	var all []string
	for i := range rows {
		all = append(all, fmt.Sprintf(`{"name":"row number %d","unread":{"a":1,"b":2}}`, i))
	}
	raw := []byte(`{"unread":{"a":1},"rows":[` + strings.Join(all, ",") + `]}`)
	var out struct {
		Rows wire.List[struct {
			Name string `json:"name"`
		}] `json:"rows"`
	}
	require.NoError(t, wire.Decode(raw, &out))
	require.Len(t, out.Rows.Rows, rows)
	return weak.Make(&raw[0]), weak.Make(unsafe.StringData(out.Rows.Rows[0].Name))
}

// TestTextBlock specifies that a text that is kept keeps at most a block of 1,024 bytes.
func TestTextBlock(t *testing.T) {
	t.Parallel()
	const length = 30 // so that a block ends with bytes that no text has
	var want []string
	for i := range 400 {
		want = append(want, fmt.Sprintf("%0*d", length, i))
	}
	body, err := json.Marshal(map[string]any{"texts": want})
	require.NoError(t, err)
	var out struct {
		Texts []string `json:"texts"`
	}
	require.NoError(t, wire.Decode(body, &out))
	require.Equal(t, want, out.Texts)
	longest, run := 0, 0
	for i, text := range out.Texts {
		follows := i > 0 && unsafe.Add(unsafe.Pointer(unsafe.StringData(out.Texts[i-1])), length) ==
			unsafe.Pointer(unsafe.StringData(text))
		if run++; !follows {
			run = 1
		}
		longest = max(longest, run)
	}
	assert.LessOrEqual(t, longest, 1024/length)
	assert.Greater(t, longest, 1, "texts share memory")
}
