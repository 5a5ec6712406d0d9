package rest_test

// This file tests requests that middleware and signers send by another HTTP client.

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// TestNestedRequest specifies that a request of another client with the context of a call is not
// taken for the call's. It neither ends the call nor hides what happened to it.
func TestNestedRequest(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(fetch func(*http.Request) error) rest.Config{
		"of a signer": func(fetch func(*http.Request) error) rest.Config {
			return rest.Config{Sign: func(r *http.Request, _ []byte) error { return fetch(r) }}
		},
		"of a signer, with resty": func(fetch func(*http.Request) error) rest.Config {
			return rest.Config{
				Sign:  func(r *http.Request, _ []byte) error { return fetch(r) },
				Resty: func(*resty.Client) {},
			}
		},
		"of middleware": func(fetch func(*http.Request) error) rest.Config {
			return rest.Config{Resty: func(c *resty.Client) {
				c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error { return fetch(r) })
			}}
		},
	} {
		for what, req := range map[string]rest.Request{
			"a body": payment, "DELETE": {Method: http.MethodDelete, Path: "/x"}, "GET": {Method: http.MethodGet, Path: "/x"},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				overBoth(t, func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32) {
					t.Helper()
					tokens := serve(t, func(http.ResponseWriter, *http.Request) {})
					cfg := config(func(r *http.Request) error {
						nested, err := http.NewRequestWithContext(r.Context(), http.MethodGet, tokens.URL, nil)
						if err != nil {
							return err
						}
						res, err := tokens.Client().Do(nested)
						if err != nil {
							return err
						}
						return res.Body.Close()
					})
					cfg.BaseURL, cfg.HTTPClient = base, client
					c := rest.New(cfg)
					_, err := c.Do(t.Context(), req)
					require.NoError(t, err)
					assert.EqualValues(t, 1, arrived.Load())
					cfg.BaseURL = "http://127.0.0.1:1"
					_, err = rest.New(cfg).Do(t.Context(), req)
					require.ErrorIs(t, err, bankmux.ErrUnavailable)
					assert.True(t, bankmux.ErrorOf(err).NotSent, "there was no connection")
				})
			})
		}
	}
}
