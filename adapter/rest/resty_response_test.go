package rest_test

// This file tests middleware that reads or replaces responses, or sends requests of its own.

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// responses serves one body in a form that the query names.
func responses(t *testing.T) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Query().Get("form") {
		case "gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, restyBody)
			_ = z.Close()
		case "short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, restyBody)
		case "large":
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		default:
			_, _ = io.WriteString(w, restyBody)
		}
	})
}

// intact reports whether a response of responses is complete.
func intact(r *resty.Response) bool {
	form := r.Request.QueryParam.Get("form")
	return form != "short" && form != "large"
}

func middlewareDoesNotTakeTheResponse(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, add := range map[string]func(*resty.Client){
		"it does nothing":  func(*resty.Client) {},
		"it reads nothing": func(c *resty.Client) { c.SetDoNotParseResponse(true) },
		"it reads a part of the body": func(c *resty.Client) {
			c.SetDoNotParseResponse(true).OnSuccess(func(_ *resty.Client, r *resty.Response) {
				_, err := io.ReadFull(r.RawBody(), make([]byte, 5))
				assert.Equal(t, r.Request.QueryParam.Get("form") != "large", err == nil)
				assert.NoError(t, r.RawBody().Close())
			})
		},
		"it reads the whole body": func(c *resty.Client) {
			before(func(_ *resty.Client, r *resty.Request) { r.SetDoNotParseResponse(true) })(c)
			c.OnSuccess(func(_ *resty.Client, r *resty.Response) {
				body, err := io.ReadAll(r.RawBody())
				assert.Equal(t, intact(r), err == nil && string(body) == restyBody)
			})
		},
		"it changes status and header": func(c *resty.Client) {
			c.SetDoNotParseResponse(true).OnSuccess(func(_ *resty.Client, r *resty.Response) {
				clear(r.Header())
				r.RawResponse.StatusCode = http.StatusTeapot
			})
		},
		"it saves the body": func(c *resty.Client) {
			before(func(_ *resty.Client, r *resty.Request) { r.SetOutput(filepath.Join(folder, "saved")) })(c)
			c.OnSuccess(func(*resty.Client, *resty.Response) {
				saved, err := os.ReadFile(filepath.Join(folder, "saved"))
				assert.NoError(t, err)
				assert.JSONEq(t, restyBody, string(saved))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rest.New(rest.Config{BaseURL: responses(t).URL, BodyLimit: 1000, Resty: add})
			plain := rest.New(rest.Config{BaseURL: responses(t).URL, BodyLimit: 1000})
			for _, form := range []string{"", "gzip"} {
				req := rest.Request{
					Method: http.MethodPost, Path: "/x", JSON: 1, Query: map[string][]string{"form": {form}},
					Header: http.Header{"Accept-Encoding": {"identity"}}, // so the transport does not decompress it
				}
				res, err := c.Do(t.Context(), req)
				require.NoError(t, err, form)
				want, err := plain.Do(t.Context(), req)
				require.NoError(t, err)
				assert.Equal(t, want, res)
			}
			for _, form := range []string{"short", "large"} {
				req := payment
				req.Query = map[string][]string{"form": {form}}
				_, want := plain.Do(t.Context(), req)
				_, err := c.Do(t.Context(), req)
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				assert.Equal(t, want, err)
			}
			if name == "it saves the body" { // that of the last response, which is too large
				saved, err := os.Stat(filepath.Join(folder, "saved"))
				require.NoError(t, err)
				assert.LessOrEqual(t, saved.Size(), int64(1000))
			}
		})
	}
	t.Run("it sees a body that was decompressed", func(t *testing.T) {
		t.Parallel()
		seen := 0
		c := rest.New(rest.Config{BaseURL: responses(t).URL, Resty: func(c *resty.Client) {
			c.OnSuccess(func(_ *resty.Client, r *resty.Response) {
				seen++
				assert.True(t, r.RawResponse.Uncompressed)
				assert.EqualValues(t, -1, r.RawResponse.ContentLength)
				assert.Empty(t, r.Header().Get("Content-Encoding"))
				assert.Empty(t, r.Header().Get("Content-Length"))
				assert.JSONEq(t, restyBody, r.String())
			})
		}})
		for _, encoding := range []string{"identity", "gzip"} { // so the transport does not decompress it
			_, err := c.Do(t.Context(), rest.Request{
				Method: http.MethodGet, Path: "/x", Query: url.Values{"form": {"gzip"}},
				Header: http.Header{"Accept-Encoding": {encoding}},
			})
			require.NoError(t, err)
		}
		assert.Equal(t, 2, seen)
	})
	t.Run("a request of its own has the limit of responses too", func(t *testing.T) {
		t.Parallel()
		base := responses(t).URL
		fetching := before(func(c *resty.Client, r *resty.Request) {
			if r.QueryParam.Has("form") {
				return
			}
			_, err := c.R().SetQueryParam("form", "large").Get(base)
			assert.ErrorIs(t, err, resty.ErrResponseBodyTooLarge)
		})
		c := rest.New(rest.Config{BaseURL: base, BodyLimit: 1000, Resty: fetching})
		_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/x"})
		require.NoError(t, err)
	})
	t.Run("it changes the body", func(t *testing.T) {
		t.Parallel()
		c := rest.New(rest.Config{BaseURL: responses(t).URL, Resty: func(c *resty.Client) {
			c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
				r.SetBody([]byte(strings.ToUpper(r.String())))
				return nil
			})
		}})
		res, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/x"})
		require.NoError(t, err)
		assert.Equal(t, strings.ToUpper(restyBody), string(res.Body))
	})
}

func middlewareRefusesTheResponse(t *testing.T) {
	t.Parallel()
	for name, add := range map[string]func(*resty.Client){
		"it returns an error": func(c *resty.Client) {
			c.OnAfterResponse(func(*resty.Client, *resty.Response) error { return errors.New("planted") })
		},
		"its file cannot be written":  before(func(_ *resty.Client, r *resty.Request) { r.SetOutput(os.DevNull + "/planted") }),
		"its result has another form": before(func(_ *resty.Client, r *resty.Request) { r.SetResult([]int{}) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rest.New(rest.Config{BaseURL: responses(t).URL, Resty: add})
			_, err := c.Do(t.Context(), payment)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			assert.Contains(t, err.Error(), "a response came, and middleware of Config.Resty refused it")
			assert.False(t, bankmux.OutcomeKnown(err))
			assert.Equal(t, http.StatusOK, bankmux.ErrorOf(err).Status)
			assert.NotContains(t, err.Error(), "planted")
		})
	}
}

// redirecting is a transport without a trace that redirects each request.
type redirecting struct{ n *atomic.Int32 }

func (r redirecting) RoundTrip(*http.Request) (*http.Response, error) {
	r.n.Add(1)
	return &http.Response{
		StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"Location": {"/elsewhere"}}, Body: http.NoBody,
	}, nil
}

func aFollowedRedirectSendsNothing(t *testing.T) {
	t.Parallel()
	var sent atomic.Int32
	c := rest.New(rest.Config{
		BaseURL:    "https://api.example.com",
		HTTPClient: &http.Client{Transport: redirecting{&sent}},
		Resty: before(func(c *resty.Client, _ *resty.Request) {
			c.SetRedirectPolicy(resty.FlexibleRedirectPolicy(3))
		}),
	})
	res, err := c.Do(t.Context(), payment)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, res.Status)
	assert.EqualValues(t, 1, sent.Load())
}

// tokenServer serves a token, and payments that have it. It counts both.
type tokenServer struct {
	*httptest.Server

	tokens, payments atomic.Int32
	fail             atomic.Bool // payments
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := new(tokenServer)
	s.Server = serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/token" {
			s.tokens.Add(1)
			assert.JSONEq(t, `{"client":"mine"}`, string(body))
			assert.Empty(t, r.Header.Get("Signature"))
			assert.Empty(t, r.Header.Get("Authorization"))
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"token":"fetched"}`)
			return
		}
		s.payments.Add(1)
		if s.fail.Load() {
			panic(http.ErrAbortHandler)
		}
		assert.JSONEq(t, `{"amount":"planted-amount"}`, string(body))
		assert.Equal(t, "yes", r.Header.Get("Signature"))
		assert.Equal(t, "fetched", r.Header.Get("Gateway"))
	})
	return s
}

// fetching is middleware that fetches a token before each request of the adapter.
func fetching(base string, ctx func(*resty.Request) context.Context) func(*resty.Client) {
	return func(c *resty.Client) {
		c.OnBeforeRequest(func(c *resty.Client, r *resty.Request) error {
			if strings.HasSuffix(r.URL, "/token") {
				return nil
			}
			var out struct{ Token string }
			body := map[string]string{"client": "mine"}
			_, err := c.R().SetContext(ctx(r)).SetBody(body).SetResult(&out).Post(base + "/token")
			r.SetHeader("Gateway", out.Token)
			return err
		})
	}
}

// ownKey is a key of an own value in a context.
type ownKey struct{}

// contexts are those that middleware may give to its own requests.
var contexts = map[string]func(*resty.Request) context.Context{
	"of the request":         func(r *resty.Request) context.Context { return r.Context() },
	"derived from it":        func(r *resty.Request) context.Context { return context.WithValue(r.Context(), ownKey{}, 1) },
	"that has nothing of it": func(*resty.Request) context.Context { return context.Background() },
}

func newFetching(s *tokenServer, ctx func(*resty.Request) context.Context) *rest.Client {
	return rest.New(rest.Config{
		BaseURL: s.URL,
		Resty:   fetching(s.URL, ctx),
		Sign:    func(r *http.Request, _ []byte) error { r.Header.Set("Signature", "yes"); return nil },
	})
}

func middlewareMaySendRequestsOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, ctx := range contexts {
		t.Run("with a context "+name, func(t *testing.T) {
			t.Parallel()
			s := newTokenServer(t)
			c := newFetching(s, ctx)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					res, err := c.Do(t.Context(), payment)
					if assert.NoError(t, err) {
						assert.Equal(t, http.StatusOK, res.Status)
					}
				})
			}
			all.Wait()
			assert.EqualValues(t, 8, s.tokens.Load())
			assert.EqualValues(t, 8, s.payments.Load())
		})
	}
}

// anOwnRequestHidesNothing specifies that NotSent and the single sending are those of the adapter's
// request, whatever happens to one of middleware.
func anOwnRequestHidesNothing(t *testing.T) {
	t.Parallel()
	for name, ctx := range contexts {
		t.Run("with a context "+name, func(t *testing.T) {
			t.Parallel()
			s := newTokenServer(t)
			c := newFetching(s, ctx)
			for range 2 { // the second one goes over a connection that was used
				s.fail.Store(true)
				before := s.payments.Load()
				_, err := c.Do(t.Context(), payment)
				require.ErrorIs(t, err, bankmux.ErrUnavailable)
				assert.False(t, bankmux.ErrorOf(err).NotSent)
				assert.EqualValues(t, 1, s.payments.Load()-before)
				s.fail.Store(false)
				_, err = c.Do(t.Context(), payment)
				require.NoError(t, err)
			}
			sent := s.payments.Load()
			s.Close()
			_, err := c.Do(t.Context(), payment)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "middleware refuses it, as there is no token")
			assert.True(t, bankmux.ErrorOf(err).NotSent)
			assert.Equal(t, sent, s.payments.Load())
		})
	}
}
