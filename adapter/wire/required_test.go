package wire_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

func TestNeed(t *testing.T) {
	t.Parallel()
	t.Run("a member that is present has no name to report", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, wire.Need(true, "rows"))
	})
	t.Run("a missing member is named", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "rows", wire.Need(false, "rows"))
	})
}

// part is a part of several responses.
type part struct {
	Accounts wire.List[named] `json:"accounts" need:"value"`
}

type tagged struct {
	part
	Token string            `json:"token" need:"token"`
	ID    string            `json:"id"    need:"value"`
	More  wire.Exact[*bool] `json:"more"  need:"value"`
	Added wire.Rows[named]  `json:"added" need:"value"`
	Inner struct {
		ID   string `json:"inner_id" need:"value"`
		Name string `json:"name"`
	} `json:"inner"`
	Far  *part  `json:"far"   need:"value"`
	Note string `json:"note"`
}

// ownRule checks itself, so its tags do not count.
type ownRule struct {
	ID string `json:"id" need:"value"`
}

func (*ownRule) Lacks() string { return "own rule" }

func TestLacks(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"accounts": `[]`, "token": `"t"`, "id": `"i"`, "more": `false`, "added": `[]`, "inner": `{"inner_id":"x"}`, "far": `{}`,
	}
	response := func(without, with string) *tagged {
		var parts []string
		for name, value := range all {
			if name == without {
				value = with
			}
			parts = append(parts, `"`+name+`":`+value)
		}
		r := new(tagged)
		r.Added.Each = func(int, *named) {}
		require.NoError(t, wire.Decode([]byte(`{`+strings.Join(parts, ",")+`}`), r))
		return r
	}
	t.Run("a response with every member lacks none, even if lists are empty and values false", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, wire.Lacks(response("", "")))
	})
	t.Run("a member that is null is named by its path", func(t *testing.T) {
		t.Parallel()
		for name := range all {
			want := map[string]string{"token": "a usable token", "inner": "inner.inner_id"}[name]
			assert.Equal(t, cmp.Or(want, name), wire.Lacks(response(name, "null")))
		}
	})
	t.Run("of a member that may be null only the absence is named", func(t *testing.T) {
		t.Parallel()
		type nullable struct {
			Fault wire.Nullable[named] `json:"fault" need:"value"`
		}
		for body, want := range map[string]string{`{"fault":null}`: "", `{"fault":{}}`: "", `{}`: "fault"} {
			var r nullable
			require.NoError(t, wire.Decode([]byte(body), &r), body)
			assert.Equal(t, want, wire.Lacks(&r), body)
			assert.Equal(t, body == `{"fault":{}}`, r.Fault.Value != nil, body)
		}
		for _, body := range []string{`{"fault":"text"}`, `{"fault":[]}`, `{"fault":7}`} {
			require.ErrorIs(t, wire.Decode([]byte(body), new(nullable)), bankmux.ErrMalformed, body)
		}
	})
	t.Run("a token that cannot be sent is not one", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "a usable token", wire.Lacks(response("token", `"a b"`)))
	})
	t.Run("a type with a method of its own is checked by that", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "own rule", wire.Lacks(&ownRule{ID: "i"}))
	})
	t.Run("a response that is not a struct lacks nothing", func(t *testing.T) {
		t.Parallel()
		assert.Empty(t, wire.Lacks(&map[string]int{}))
	})
}
