package rest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/rest"
)

// TestEndpoint specifies that a response names its endpoint without the values that were sent.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	seen := &templates{}
	c := rest.New(rest.Config{BaseURL: server.URL + "/v2/", HTTPClient: &http.Client{Transport: seen}})
	assert.Empty(t, rest.Template(t.Context()))
	for want, req := range map[string]rest.Request{
		"GET /links/{id}": {
			Method: http.MethodGet, Path: "/links/{id}", PathParams: map[string]string{"id": "planted"},
			Query: url.Values{"q": {"planted"}},
		},
		"GET /accounts":    {Method: http.MethodGet, Path: "/accounts?token=planted"},
		"POST /auth/token": {Method: http.MethodPost, Path: "/auth/token", Form: url.Values{"secret": {"planted"}}},
	} {
		res, err := c.Do(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, want, res.Endpoint())
		path := strings.TrimPrefix(want, req.Method+" ")
		assert.Equal(t, "/v2"+path, seen.last, "a transport sees the path of the address too")
	}
}

// templates is a transport that reads the template of each request.
type templates struct{ last string }

func (t *templates) RoundTrip(r *http.Request) (*http.Response, error) {
	t.last = rest.Template(r.Context())
	return http.DefaultTransport.RoundTrip(r)
}

func (t *templates) CloseIdleConnections() {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // of the standard library
}
