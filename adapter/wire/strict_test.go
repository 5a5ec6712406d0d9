package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// plain has members of the types that any decoder reads, and none of package wire.
type plain struct {
	ID    string  `json:"id"`
	Count int     `json:"count"`
	Small int8    `json:"small"`
	Tiny  uint8   `json:"tiny"`
	Large uint64  `json:"large"`
	Lat   float64 `json:"lat"`
	Open  bool    `json:"open"`
	inner
	Within struct {
		inner
		ID string `json:"id"`
	} `json:"within"`
	Far   *inner              `json:"far"`
	Next  *plain              `json:"next"`
	Word  *string             `json:"word"`
	List  []inner             `json:"list"`
	Words []string            `json:"words"`
	Table map[string]*inner   `json:"table"`
	Lists map[string][]string `json:"lists"`
	Raw   json.RawMessage     `json:"raw"`
}

// plainMembers are the names of plain, and two that it does not have.
var plainMembers = []string{
	"id", "count", "small", "tiny", "large", "lat", "open", "value", "confidence", "within", "far", "next", "word",
	"list",
	"words", "table", "lists", "raw", "new", "ID",
}

// moreShapes are values of members of plain.
var moreShapes = []string{
	`127`, `128`, `-128`, `-129`, `255`, `256`, `-1`, `18446744073709551615`, `18446744073709551616`, `1.5`, `-0.0`,
	`1e400`,
	`false`, `["a","b"]`, `["a",null]`, `["a",7]`, `{"value":"v","confidence":7}`, `{"a":{"value":"v"},"b":null}`,
	`{"a":["x"],"b":[]}`, `{"a":{},"a":{}}`, `{"next":{"next":{"id":"deep"}}}`, `{"value":"v","new":{"a":1,"a":1}}`,
}

// sameAsJSONv2 checks that Strict refuses what jsonv2 refuses, and otherwise reads the same.
func sameAsJSONv2(t *testing.T, body string) {
	t.Helper()
	var got, want plain
	err := wire.Strict([]byte(body), &got)
	wantErr := jsonv2.Unmarshal([]byte(body), &want, jsontext.AllowInvalidUTF8(true))
	require.Equal(t, wantErr == nil, err == nil, "%q: %v, jsonv2: %v", body, err, wantErr)
	if err == nil {
		require.Equal(t, want, got, "%q", body)
	}
}

// TestStrict specifies strict decoding by comparison with the package that becomes
// encoding/json/v2.
func TestStrict(t *testing.T) {
	t.Parallel()
	t.Run("members of every type are read as jsonv2 reads them", func(t *testing.T) {
		t.Parallel()
		for _, shape := range append(moreShapes, shapes...) {
			for _, name := range plainMembers {
				sameAsJSONv2(t, `{"id":"1","`+name+`":`+shape+`,"zz":1}`)
				sameAsJSONv2(t, `{"next":{"`+name+`":`+shape+`},"list":[{},{"`+name+`":`+shape+`}]}`)
				sameAsJSONv2(t, `{"table":{"a":{"`+name+`":`+shape+`}}, "within" : {"`+name+`" : `+shape+` } }`)
			}
			sameAsJSONv2(t, `{"id":"1"}`+shape)
		}
	})
}

// FuzzStrict compares any response with what jsonv2 reads.
func FuzzStrict(f *testing.F) {
	for i, shape := range append(moreShapes, shapes...) {
		f.Add(`{"id":"1","` + plainMembers[i%len(plainMembers)] + `":` + shape + `,"zz":1}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.TrimSpace(body) == "null" || strings.HasPrefix(body, "\ufeff") {
			return // null is not a response, and a mark is ignored
		}
		sameAsJSONv2(t, body)
	})
}
