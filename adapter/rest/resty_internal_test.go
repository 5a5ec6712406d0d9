package rest

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
)

// TestSentRequestsAreForgotten specifies that a request is known only as long as it can be sent
// again.
func TestSentRequestsAreForgotten(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	var held *resty.Request
	c := New(Config{BaseURL: server.URL, Resty: func(c *resty.Client) {
		c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
			held = r
			return nil
		})
	}})
	known := func() (n int) {
		c.sent.Range(func(any, any) bool { n++; return true })
		return n
	}
	for range 10 {
		_, err := c.Do(t.Context(), Request{Method: http.MethodGet, Path: "/"})
		require.NoError(t, err)
	}
	for known() > 1 {
		runtime.GC()
	}
	require.NotNil(t, c.sendingOf(held, nil))
	held = nil
	for known() > 0 {
		runtime.GC()
	}
}
