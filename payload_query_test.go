package bankmux_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestPayloadFromQuery(t *testing.T) {
	t.Run("each parameter becomes a text member", func(t *testing.T) {
		query, err := url.ParseQuery("code=a%2Bb%22c&state=%F0%9F%90%A6&empty=")
		require.NoError(t, err)
		raw, err := bankmux.PayloadFromQuery(query)
		require.NoError(t, err)
		assert.JSONEq(t, `{"code":"a+b\"c","state":"🐦","empty":""}`, string(raw))
		fields, err := bankmux.ParsePayload(raw)
		require.NoError(t, err)
		code, err := fields.Text("code")
		require.NoError(t, err)
		assert.Equal(t, `a+b"c`, code)
	})

	t.Run("a query without parameters is an empty object", func(t *testing.T) {
		raw, err := bankmux.PayloadFromQuery(nil)
		require.NoError(t, err)
		assert.JSONEq(t, `{}`, string(raw))
	})

	for name, query := range map[string]url.Values{
		"a repeated parameter is refused":                  {"code": {"planted-one", "planted-two"}},
		"a parameter without a value is refused":           {"code": nil},
		"parameters that differ only in case are refused":  {"code": {"planted-one"}, "Code": {"planted-two"}},
		"a value that is not UTF-8 is refused":             {"code": {"planted-\xff"}},
		"a query that is longer than a payload is refused": {"code": {strings.Repeat("planted-", 1<<16)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bankmux.PayloadFromQuery(query)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.NotContains(t, err.Error(), "planted")
		})
	}
}
