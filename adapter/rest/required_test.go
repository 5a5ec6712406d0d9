package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
)

type rowsResponse struct {
	Rows wire.List[string] `json:"rows"`
}

func (r *rowsResponse) Lacks() string { return wire.Need(r.Rows.Present, "rows") }

func TestRequire(t *testing.T) {
	t.Parallel()
	res := &rest.Response{Status: http.StatusOK}
	t.Run("an absent list is an error that names it", func(t *testing.T) {
		t.Parallel()
		err := res.Require(new(rowsResponse))
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		assert.ErrorContains(t, err, "lacks rows")
	})
	t.Run("an empty list is present", func(t *testing.T) {
		t.Parallel()
		var out rowsResponse
		require.NoError(t, wire.Decode([]byte(`{"rows":[]}`), &out))
		assert.NoError(t, res.Require(&out))
	})
	t.Run("a type without requirements needs nothing", func(t *testing.T) {
		t.Parallel()
		assert.NoError(t, res.Require(new(struct{})))
	})
}

// TestTry specifies that nothing is left of a response that cannot be decoded.
func TestTry(t *testing.T) {
	t.Parallel()
	type code struct {
		Code string `json:"code"`
	}
	for name, c := range map[string]struct {
		json bool
		body string
		want code
	}{
		"an error of the provider":  {true, `{"code":"C"}`, code{"C"}},
		"the page of a proxy":       {false, `{"code":"C"}`, code{}},
		"a response with two codes": {true, `{"code":"C","code":"D"}`, code{}},
		"a message that repeats":    {true, `{"code":"C","x":1,"x":2,"y":{"a":1,"a":2}}`, code{"C"}},
		"a response that broke off": {true, `{"code":"C"`, code{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := &rest.Response{Status: http.StatusBadRequest, JSON: c.json, Body: []byte(c.body)}
			assert.Equal(t, c.want, rest.Try[code](res))
		})
	}
}
