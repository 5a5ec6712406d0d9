package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestShortTexts specifies that texts may share memory, and never change.
func TestShortTexts(t *testing.T) {
	t.Parallel()
	t.Run("texts of any length follow each other", textsOfAnyLengthFollowEachOther)
	t.Run("a text stays when body and decoder are used again", aTextStaysWhenBodyAndDecoderAreUsedAgain)
	t.Run("a decoder keeps no rule of the response before", aDecoderKeepsNoRuleOfTheResponseBefore)
	t.Run("a value that decodes another response is read", aValueThatDecodesAnotherResponseIsRead)
	t.Run("a slice that is read again has its new elements only", aSliceThatIsReadAgainHasItsNewElementsOnly)
	t.Run("entries of a map keep nothing of each other", entriesOfAMapKeepNothingOfEachOther)
}

func textsOfAnyLengthFollowEachOther(t *testing.T) {
	t.Parallel()
	for _, step := range []int{1, 3, 7, 39, 40, 41} {
		var want []string
		for i := range 200 {
			want = append(want, strings.Repeat(string(rune('a'+i%26)), i*step%83))
		}
		body, err := json.Marshal(map[string]any{"texts": want})
		require.NoError(t, err)
		var out struct {
			Texts []string `json:"texts"`
		}
		require.NoError(t, wire.Decode(body, &out))
		assert.Equal(t, want, out.Texts, step)
	}
}

func aTextStaysWhenBodyAndDecoderAreUsedAgain(t *testing.T) {
	t.Parallel()
	type response struct {
		Name string            `json:"name"`
		Tags []string          `json:"tags"`
		By   map[string]string `json:"by"`
	}
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			var all []response
			for i := range 100 {
				body := fmt.Appendf(nil, `{"name":"%d-%d","tags":["a%d","b"],"by":{"k%d":"v%d"}}`, g, i, i, i, i)
				var out response
				assert.NoError(t, wire.Decode(body, &out))
				clear(body)
				all = append(all, out)
			}
			for i, out := range all {
				key, value := fmt.Sprintf("k%d", i), fmt.Sprintf("v%d", i)
				assert.Equal(t, response{
					Name: fmt.Sprintf("%d-%d", g, i), Tags: []string{fmt.Sprintf("a%d", i), "b"},
					By: map[string]string{key: value},
				}, out)
			}
		})
	}
	wait.Wait()
}

func aDecoderKeepsNoRuleOfTheResponseBefore(t *testing.T) {
	t.Parallel()
	for range 100 {
		var out struct {
			A string `json:"a"`
			N int    `json:"n"`
		}
		require.Error(t, wire.Strict([]byte(`{"x":{"y":1,"y":2}}`), &out))
		require.NoError(t, wire.DecodeLenient([]byte("{\"a\":\"\xff\",\"n\":\"7\",\"x\":{\"y\":1,\"y\":2}}"), &out))
		assert.Equal(t, "\ufffd", out.A)
		assert.Equal(t, 7, out.N)
	}
}

// another is a text with a response.
type another struct{ Inner string }

func (a *another) UnmarshalText(text []byte) error {
	var out struct {
		Inner string `json:"inner"`
	}
	err := wire.Strict(text, &out)
	a.Inner = out.Inner
	return err
}

func aValueThatDecodesAnotherResponseIsRead(t *testing.T) {
	t.Parallel()
	var out struct {
		Before string  `json:"before"`
		Far    another `json:"far"`
		After  int     `json:"after"`
	}
	require.NoError(t, wire.Decode([]byte(`{"before":"b","far":"{\"inner\":\"i\"}","after":"7"}`), &out))
	assert.Equal(t, "b", out.Before)
	assert.Equal(t, "i", out.Far.Inner)
	assert.Equal(t, 7, out.After, "which the strict rule of the inner response would refuse")
}

// entry is a value of a map or a slice.
type entry struct {
	A    string   `json:"a"`
	Tags []string `json:"tags"`
	Far  *entry   `json:"far"`
}

func aSliceThatIsReadAgainHasItsNewElementsOnly(t *testing.T) {
	t.Parallel()
	var again struct {
		Tags  []string `json:"tags"`
		Parts []entry  `json:"parts"`
	}
	for range 2 {
		require.NoError(t, wire.Decode([]byte(`{"tags":["a","b"],"parts":[{"a":"x"},{"tags":["t"]}]}`), &again))
		again.Parts[0].Tags = []string{"of the caller"}
	}
	assert.Equal(t, []string{"a", "b"}, again.Tags)
	assert.Equal(t, entry{A: "x", Tags: []string{"of the caller"}}, again.Parts[0])
	again.Parts[1].A = "of the caller"
	require.NoError(t, wire.Decode([]byte(`{"parts":[{},{}]}`), &again))
	assert.Equal(t, []entry{{}, {}}, again.Parts)
}

func entriesOfAMapKeepNothingOfEachOther(t *testing.T) {
	t.Parallel()
	type key string
	var out struct {
		By map[key]entry `json:"by"`
	}
	require.NoError(t, wire.Decode([]byte(
		`{"by":{"1":{"a":"x","tags":["t","u"],"far":{"a":"f"}},"2":{"tags":["v","w"]},"3":{"a":7,"far":{"a":"g"}},`+
			`"4":5,"5":null}}`), &out))
	assert.Equal(t, map[key]entry{
		"1": {A: "x", Tags: []string{"t", "u"}, Far: &entry{A: "f"}}, "2": {Tags: []string{"v", "w"}}, "3": {Far: &entry{A: "g"}},
		"4": {}, "5": {},
	}, out.By)
}

// TestDecodeAllocations specifies what a small response costs. It counts, so nothing runs beside
// it. The race detector adds a few.
func TestDecodeAllocations(t *testing.T) {
	type product struct {
		RefreshedAt string `json:"refreshed_at"`
	}
	type link struct {
		ID       string              `json:"link_id"`
		State    string              `json:"state"`
		Tags     []string            `json:"tags"`
		Products map[string]*product `json:"products"`
	}
	body := []byte(`{"link_id":"mk_7RkVhQ2mTz4XwPdLb9NcGa","state":"connected","tags":["tier:gold","S1"],` +
		`"new":{"a":1,"b":2},"more":[],
		"products":{"accounts":{"refreshed_at":"2026-11-20T14:03:27Z"},` +
		`"identity":null,"transactions":null,"investments":null}}`)
	allocs := testing.AllocsPerRun(100, func() {
		var out link
		if wire.Decode(body, &out) != nil || len(out.Products) != 4 {
			t.Error("it is a link")
		}
	})
	assert.LessOrEqual(t, allocs, 9.0)
}
