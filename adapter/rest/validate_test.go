package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// TestValidation specifies which requests are refused before they are sent.
func TestValidation(t *testing.T) {
	t.Parallel()
	t.Run("a path parameter cannot change the path", aPathParameterCannotChangeThePath)
	t.Run("an unsendable request is ErrInvalid", anUnsendableRequestIsErrInvalid)
}

func aPathParameterCannotChangeThePath(t *testing.T) {
	t.Parallel()
	var got string
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	c := rest.New(rest.Config{BaseURL: server.URL + "/v1"})
	get := func(path string, params map[string]string) error {
		_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: path, PathParams: params})
		return err
	}
	for _, id := range []string{"", ".", "..", "a/..", "../links", "a/./b", `a\..\b`, "/.."} {
		t.Run("it is refused and nothing is sent: "+id, func(t *testing.T) {
			got = ""
			err := get("/accounts/{id}/balances", map[string]string{"id": id, "other": "x"})
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.NotEqual(t, bankmux.ScopeProvider, bankmux.KindOf(err).Scope())
			assert.Empty(t, got)
		})
	}
	for id, want := range map[string]string{
		"a/b": "a%2Fb", "...": "...", "a..b": "a..b", ".hidden": ".hidden", "..a": "..a", "{x}": "%7Bx%7D",
		"a?b#c": "a%3Fb%23c", "%2e%2e": "%252e%252e",
	} {
		t.Run("it is sent: "+id, func(t *testing.T) {
			require.NoError(t, get("/accounts/{id}/balances", map[string]string{"id": id}))
			assert.Equal(t, "/v1/accounts/"+want+"/balances", got)
		})
	}
	t.Run("a parameter without a value is refused", func(t *testing.T) {
		require.ErrorIs(t, get("/accounts/{id}", nil), bankmux.ErrInvalid)
		require.ErrorIs(t, get("/accounts/{id", map[string]string{"id": "x"}), bankmux.ErrInvalid)
	})
	t.Run("a value without a place does not matter", func(t *testing.T) {
		require.NoError(t, get("/accounts", map[string]string{"id": ""}))
	})
}

func anUnsendableRequestIsErrInvalid(t *testing.T) {
	t.Parallel()
	sent := false
	server := serve(t, func(http.ResponseWriter, *http.Request) { sent = true })
	for name, req := range map[string]rest.Request{
		"a line break in a field": {
			Method: http.MethodPost, Header: http.Header{"Grant": {"planted\nvalue"}}, JSON: 1,
		},
		"a zero byte in a field":     {Method: http.MethodGet, Header: http.Header{"Grant": {"planted\x00"}}},
		"a blank in a field's name":  {Method: http.MethodGet, Header: http.Header{"Gra nt": {"planted"}}},
		"a field without a name":     {Method: http.MethodGet, Header: http.Header{"": {"planted"}}},
		"a blank in the method":      {Method: "G ET"},
		"a control code in the path": {Method: http.MethodGet, Path: "/planted\x7f"},
		"a broken escape":            {Method: http.MethodGet, Path: "/planted%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rest.New(rest.Config{BaseURL: server.URL}).Do(t.Context(), req)
			refused(t, err)
		})
	}
	t.Run("a line break in a field of the signer's", func(t *testing.T) {
		_, err := rest.New(rest.Config{BaseURL: server.URL, Sign: func(r *http.Request, _ []byte) error {
			r.Header.Set("Signature", "planted\r\nX: y")
			return nil
		}}).Do(t.Context(), rest.Request{Method: http.MethodPost, JSON: 1})
		refused(t, err)
	})
	t.Run("text that is not ASCII can be sent", func(t *testing.T) {
		_, err := rest.New(rest.Config{BaseURL: server.URL}).
			Do(t.Context(), rest.Request{Method: http.MethodGet, Header: http.Header{"X": {"é\tü"}}})
		require.NoError(t, err)
		assert.True(t, sent)
		sent = false
	})
	assert.False(t, sent)
}

// refused checks an error that opens no circuit, and that quotes nothing.
func refused(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	var e *bankmux.Error
	require.ErrorAs(t, err, &e)
	assert.True(t, e.NotSent)
	assert.NotContains(t, err.Error(), "planted")
}
