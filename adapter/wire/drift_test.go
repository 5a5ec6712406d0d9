package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// inspected has each kind of member.
type inspected struct {
	inspectedBase
	Accounts wire.List[inspectedAccount] `json:"accounts"`
	Rows     wire.Rows[inspectedAccount] `json:"rows"`
	Products wire.Exact[[]string]        `json:"products"`
	Links    map[string]struct {
		Accounts wire.OptionalList[inspectedAccount] `json:"accounts"`
	} `json:"links"`
	Error *struct {
		Code wire.Nullable[inspectedCode] `json:"code"`
	} `json:"error"`
	First  inspectedPair `json:"first"`
	Second inspectedPair `json:"second"`

	One   wire.Object[inspectedCode] `json:"one"`
	Raw   json.RawMessage            `json:"raw"`
	Plain [][]inspectedCode          `json:"plain"`
	Fixed [1]inspectedCode           `json:"fixed"`
}

type inspectedBase struct {
	Status string `json:"status"`
}

type inspectedPair struct {
	Code inspectedCode `json:"code"`
}

type inspectedAccount struct {
	ID   string      `json:"id"`
	Type string      `json:"type"`
	Sum  wire.Number `json:"sum"`
}

type inspectedCode struct {
	Code wire.Text `json:"code"`
}

var inspectedDocs = normalize.NewDocumented(`
root: request_id
accounts: unread
accounts, rows.type = checking, savings
root.status = ok
root.products = auth, identity
`)

// TestInspect specifies what is reported of a response.
func TestInspect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want []wire.Unknown
	}{
		"a response with what is read and documented has nothing unknown": {
			body: `{"status":"ok","request_id":{"x":1},"products":["auth"],"raw":{"x":1},
				"accounts":[{"id":"1","type":"Checking","sum":1,"unread":[{"x":1}]},null,7]}`,
		},
		"a member of the response": {`{"new_member":{"inner":1}}`, []wire.Unknown{{Member: "new_member"}}},
		"a member after the last one": {
			`{"accounts":[{"id":"1","type":"savings","sum":1,"later":null}]}`,
			[]wire.Unknown{{Member: "accounts[].later"}},
		},
		"a member is reported once per place": {
			`{"accounts":[{"a":1},{"a":2},{"b":3}],"rows":[{"a":1}]}`,
			[]wire.Unknown{{Member: "accounts[].a"}, {Member: "accounts[].b"}, {Member: "rows[].a"}},
		},
		"a documented member of one object is unknown in another": {
			`{"unread":1,"rows":[{"unread":1}]}`, []wire.Unknown{{Member: "rows[].unread"}, {Member: "unread"}},
		},
		"what pointers and types of the package hold": {
			`{"error":{"code":{"a":1},"b":1},"one":{"c":1},"plain":[[{"d":1}]]}`,
			[]wire.Unknown{{Member: "error.code.a"}, {Member: "error.b"}, {Member: "one.c"}, {Member: "plain[][].d"}},
		},
		"keys of a map are masked": {
			`{"links":{"link_of_alice":{"accounts":[{"a":1}],"b":1}}}`,
			[]wire.Unknown{{Member: "links.*.accounts[].a"}, {Member: "links.*.b"}},
		},
		"a member is reported in each place of one type": {
			`{"first":{"code":{"a":1}},"second":{"code":{"a":1},"b":1}}`,
			[]wire.Unknown{{Member: "first.code.a"}, {Member: "second.code.a"}, {Member: "second.b"}},
		},
		"masked members and values are reported once": {
			`{"4111":1,"4222":1,"rows":[{"type":"1111"},{"type":"2222"},{"5":1},{"6":1}]}`,
			[]wire.Unknown{{Member: "rows[].type", Value: "*"}, {Member: "rows[].*"}, {Member: "*"}},
		},
		"a value of an enumeration": {
			`{"status":"","products":["auth","novel"],"rows":[{"type":"crypto_wallet"},{"type":"crypto_wallet"}]}`,
			[]wire.Unknown{{Member: "products[]", Value: "novel"}, {Member: "rows[].type", Value: "crypto_wallet"}},
		},
		"a value that does not look like one is masked": {
			`{"status":"alice@example.com"}`, []wire.Unknown{{Member: "status", Value: "*"}},
		},
		"a value of words that are not documented is masked": {
			`{"status":"john smith"}`, []wire.Unknown{{Member: "status", Value: "*"}},
		},
		"a member within an array of a fixed length": {
			`{"fixed":[{"code":"1","alien":1}]}`, []wire.Unknown{{Member: "fixed[].alien"}},
		},
		"an escaped value is read":         {`{"status":"\u006fk"}`, nil},
		"an escaped key is read":           {`{"\u0061lien":1,"\u0073tatus":"ok"}`, []wire.Unknown{{Member: "alien"}}},
		"a value of another type is left":  {`{"status":{"a":1},"accounts":{"b":1},"one":[1],"links":[{"c":1}]}`, nil},
		"a byte order mark is ignored":     {"\ufeff" + `{"alien":1}`, []wire.Unknown{{Member: "alien"}}},
		"a text that is cut reports none":  {`{"alien":1,"accounts":[{"alien":1}`, nil},
		"a text with more reports none":    {`{"alien":1} {}`, nil},
		"an empty text reports none":       {``, nil},
		"a list in place of an object":     {`[{"alien":1}]`, nil},
		"key of another case is another":   {`{"Status":"ok"}`, []wire.Unknown{{Member: "*"}}},
		"sixteen unknown members are some": {objectOf(16), sixteen()},
		"seventeen are a map":              {objectOf(17), []wire.Unknown{{Member: "*"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, wire.Inspect([]byte(c.body), &inspected{}, inspectedDocs))
		})
	}
	t.Run("without documentation all members must be read", func(t *testing.T) {
		t.Parallel()
		got := wire.Inspect([]byte(`{"request_id":1,"status":"novel"}`), &inspected{}, nil)
		assert.Equal(t, []wire.Unknown{{Member: "request_id"}}, got)
	})
	t.Run("a code of an error is one", func(t *testing.T) {
		t.Parallel()
		docs := normalize.NewDocumented("", normalize.Codes{
			Members:   "error.code",
			Catalogue: normalize.NewCatalogue(normalize.Row{Code: "LISTED", Kind: bankmux.ErrReauth}),
		})
		var in struct {
			Error struct {
				Code string `json:"code"`
			} `json:"error"`
		}
		assert.Empty(t, wire.Inspect([]byte(`{"error":{"code":"LISTED"}}`), &in, docs))
		assert.Equal(t, []wire.Unknown{{Member: "error.code", Value: "BRAND_NEW", Code: true}},
			wire.Inspect([]byte(`{"error":{"code":"BRAND_NEW"}}`), &in, docs))
	})
	t.Run("a type with a method says which type has its members", func(t *testing.T) {
		t.Parallel()
		var in struct {
			Opaque coded         `json:"opaque"`
			Named  []inspectedAs `json:"named"`
		}
		assert.Equal(t, []wire.Unknown{{Member: "named[].a"}},
			wire.Inspect([]byte(`{"opaque":{"a":1},"named":[{"code":1,"a":1},"x"]}`), &in, nil))
	})
	t.Run("a response has at most 256 findings", func(t *testing.T) {
		t.Parallel()
		var rows []string
		for i := range 300 {
			rows = append(rows, fmt.Sprintf(`{"type":"x%c%c"}`, 'a'+i/26, 'a'+i%26))
		}
		body := `{"rows":[` + strings.Join(rows, ",") + `]}`
		assert.Len(t, wire.Inspect([]byte(body), &inspected{}, inspectedDocs), 256)
	})
	t.Run("many different texts in one place do not hide those of another", func(t *testing.T) {
		t.Parallel()
		var rows, keys []string
		for i := range 300 {
			rows = append(rows, fmt.Sprintf(`{"type":"%04d"}`, i))
			keys = append(keys, fmt.Sprintf(`{"%04d":1}`, i))
		}
		body := `{"rows":[` + strings.Join(append(rows, keys...), ",") + `],` +
			`"accounts":[{"type":"novel","alien":1}],"alien":1}`
		assert.Equal(t, []wire.Unknown{
			{Member: "rows[].type", Value: "*"},
			{Member: "rows[].*"},
			{Member: "accounts[].type", Value: "novel"},
			{Member: "accounts[].alien"},
			{Member: "alien"},
		}, wire.Inspect([]byte(body), &inspected{}, inspectedDocs))
	})
	t.Run("the first 256 texts of each place are looked at", firstTextsOfEachPlace)
	t.Run("a row with more new members than the rows before is looked at", func(t *testing.T) {
		t.Parallel()
		body := `{"rows":[{"a":1},{"a":1},{"b":1,"a":1},{"type":"novel"},{"a":1,"b":1,"c":1}]}`
		assert.Equal(t, []wire.Unknown{
			{Member: "rows[].a"}, {Member: "rows[].b"}, {Member: "rows[].type", Value: "novel"}, {Member: "rows[].c"},
		}, wire.Inspect([]byte(body), &inspected{}, inspectedDocs))
	})
	t.Run("a map that keeps the other members knows them", func(t *testing.T) {
		t.Parallel()
		var keeps struct {
			Others map[string]int `json:",embed"`
		}
		var names struct {
			Others map[string]struct{} `json:",embed"`
		}
		assert.Empty(t, wire.Inspect([]byte(`{"a":1}`), &keeps, nil))
		assert.Equal(t, []wire.Unknown{{Member: "a"}}, wire.Inspect([]byte(`{"a":1}`), &names, nil))
	})
}

func firstTextsOfEachPlace(t *testing.T) {
	t.Parallel()
	list := func(texts int, last string) string {
		var rows []string
		for i := range texts {
			rows = append(rows, fmt.Sprintf(`{"type":"%04d"}`, i), fmt.Sprintf(`{"%04d":1}`, i))
		}
		return "[" + strings.Join(append(rows, fmt.Sprintf(`{"type":%q,"alien_of_%s":1}`, last, last)), ",") + "]"
	}
	body := `{"rows":` + list(256, "late") + `,"accounts":` + list(255, "early") + `}`
	assert.Equal(t, []wire.Unknown{
		{Member: "rows[].type", Value: "*"},
		{Member: "rows[].*"},
		{Member: "accounts[].type", Value: "*"},
		{Member: "accounts[].*"},
		{Member: "accounts[].type", Value: "early"},
		{Member: "accounts[].alien_of_early"},
	}, wire.Inspect([]byte(body), &inspected{}, inspectedDocs))
}

// inspectedAs is a coded that names its members.
type inspectedAs struct{ coded }

func (*inspectedAs) InspectAs() reflect.Type { return reflect.TypeFor[inspectedCode]() }

// objectOf has as many unknown members.
func objectOf(members int) string {
	parts := make([]string, members)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"%c":%d`, 'a'+i, i)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func sixteen() (all []wire.Unknown) {
	for i := range 16 {
		all = append(all, wire.Unknown{Member: string(rune('a' + i))})
	}
	return all
}

// TestInspectPlanted specifies that nothing of what a response says is reported.
func TestInspectPlanted(t *testing.T) {
	t.Parallel()
	planted := []string{
		"alice@example.com", "DE89370400440532013000", "4111111111111111", "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
		"3f0c2a54-8d1e-4b7a-9a57-0e6c1d2b9f41", "Alice Smith", "john smith", "+15551234567", "access-sandbox-8f3c21",
	}
	for _, secret := range planted {
		key, err := json.Marshal(secret)
		assert.NoError(t, err)
		for _, form := range []string{
			`{%[1]s:1}`, `{"alien":%[1]s}`, `{"alien":{%[1]s:%[1]s}}`, `{"status":%[1]s}`,
			`{"accounts":[{%[1]s:%[1]s}]}`,
			`{"links":{%[1]s:{%[1]s:1,"accounts":[{"type":%[1]s,"id":%[1]s,"alien":%[1]s}]}}}`,
			`{"rows":[{"type":%[1]s}]}`,
			`{"products":[%[1]s]}`, `{"one":{"code":%[1]s,%[1]s:%[1]s}}`,
		} {
			body := fmt.Sprintf(form, key)
			got := wire.Inspect([]byte(body), &inspected{}, inspectedDocs)
			assert.NotEmpty(t, got, body)
			for _, one := range got {
				assert.NotContains(t, one.Member+" "+one.Value, secret, body)
			}
		}
	}
}

// FuzzInspect inspects any text. Only JSON has findings, and each part of them looks like a name.
func FuzzInspect(f *testing.F) {
	f.Add([]byte(`{"status":"ok","accounts":[{"id":"1","new":1}],"links":{"a":{"accounts":[]}}}`))
	f.Add([]byte(`{"error":{"code":null},"one":{},"plain":[[{}],[]],"rows":[1,[],{}]}`))
	f.Add([]byte(`{"status":"ok","new":1}{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := wire.Inspect(body, &inspected{}, inspectedDocs)
		if !json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))) {
			assert.Empty(t, got)
		}
		for _, one := range got {
			for part := range strings.SplitSeq(strings.ReplaceAll(one.Member, "[]", ""), ".") {
				assert.Equal(t, part, normalize.Name(part), "each part looks like a name")
			}
		}
	})
}
