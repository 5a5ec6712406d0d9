package rest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// TestResty specifies what a caller's own settings of resty may do, and what they cannot undo.
func TestResty(t *testing.T) {
	t.Parallel()
	t.Run("middleware and hooks run once per request", middlewareAndHooksRunOncePerRequest)
	t.Run("middleware may add header fields, which are signed", middlewareMayAddHeaderFieldsWhichAreSigned)
	t.Run("middleware that refuses sends nothing", middlewareThatRefusesSendsNothing)
	t.Run("a transport of resty's is used and still sends once", aTransportOfRestysIsUsedAndStillSendsOnce)
	t.Run("middleware cannot undo the limits", middlewareCannotUndoTheLimits)
	t.Run("a request that middleware hides is not sent", aRequestThatMiddlewareHidesIsNotSent)
	t.Run("a request and its response are the same with and without", aRequestAndItsResponseAreTheSame)
	t.Run("an error is the same with and without", anErrorIsTheSame)
}

var payment = rest.Request{
	Method: http.MethodPost, Path: "/payments/{id}", PathParams: map[string]string{"id": "a/b ü{x}"},
	Header: http.Header{"Api-Secret": {"planted-secret"}}, Bearer: "planted-token",
	JSON: map[string]string{"amount": "planted-amount"},
}

func jsonServer(t *testing.T, arrived *atomic.Int32) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(t, `{"amount":"planted-amount"}`, string(body))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=planted-cookie")
		w.Header().Set("Location", "/planted-location")
		w.Header().Set("Authentication-Info", "planted-info")
		w.Header().Set("X-New-Token", "planted-new")
		_, _ = io.WriteString(w, `{"token":"planted-response"}`)
	})
}

func middlewareAndHooksRunOncePerRequest(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	server := jsonServer(t, &arrived)
	var calls []string
	note := func(name string) { calls = append(calls, name) }
	c := rest.New(rest.Config{BaseURL: server.URL, Resty: func(c *resty.Client) {
		c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { note("before"); return nil })
		c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error {
			note("hook of " + r.Method)
			return nil
		})
		c.OnAfterResponse(func(_ *resty.Client, res *resty.Response) error {
			note("after " + res.Status() + " " + res.String())
			return nil
		})
		c.OnError(func(*resty.Request, error) { note("error") })
	}})
	res, err := c.Do(t.Context(), payment)
	require.NoError(t, err)
	assert.JSONEq(t, `{"token":"planted-response"}`, string(res.Body))
	assert.Equal(t, []string{"before", "hook of POST", `after 200 OK {"token":"planted-response"}`}, calls)
	server.Close()
	calls = nil
	_, err = c.Do(t.Context(), payment)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Equal(t, []string{"before", "hook of POST", "error"}, calls)
}

func middlewareMayAddHeaderFieldsWhichAreSigned(t *testing.T) {
	t.Parallel()
	var signed string
	var arrived atomic.Int32
	server := jsonServer(t, &arrived)
	c := rest.New(rest.Config{
		BaseURL: server.URL,
		Sign: func(r *http.Request, body []byte) error {
			signed = r.Header.Get("Added") + " " + string(body)
			return nil
		},
		Resty: func(c *resty.Client) {
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
				r.SetHeader("Added", "x")
				return nil
			})
		},
	})
	res, err := c.Do(t.Context(), payment)
	require.NoError(t, err)
	assert.Equal(t, `x {"amount":"planted-amount"}`, signed)
	assert.EqualValues(t, 1, arrived.Load())
	assert.Equal(t, http.StatusOK, res.Status)

	breaking := rest.New(rest.Config{
		BaseURL: server.URL, Resty: func(c *resty.Client) { c.SetHeader("Added", "x\r\ny") },
	})
	_, err = breaking.Do(t.Context(), payment)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.True(t, bankmux.ErrorOf(err).NotSent)
	assert.EqualValues(t, 1, arrived.Load())
}

func middlewareThatRefusesSendsNothing(t *testing.T) {
	t.Parallel()
	planted := errors.New("planted text")
	for name, add := range map[string]func(*resty.Client){
		"before the request": func(c *resty.Client) {
			c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { return planted })
		},
		"in the hook": func(c *resty.Client) {
			c.SetPreRequestHook(func(*resty.Client, *http.Request) error { return planted })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server := jsonServer(t, &arrived)
			_, err := rest.New(rest.Config{BaseURL: server.URL, Resty: add}).Do(t.Context(), payment)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.True(t, bankmux.ErrorOf(err).NotSent)
			assert.NotContains(t, err.Error(), "planted")
			assert.Zero(t, arrived.Load())
		})
	}
	t.Run("after the response, the outcome is not known", func(t *testing.T) {
		t.Parallel()
		var arrived atomic.Int32
		server := jsonServer(t, &arrived)
		c := rest.New(rest.Config{BaseURL: server.URL, Resty: func(c *resty.Client) {
			c.OnAfterResponse(func(*resty.Client, *resty.Response) error { return planted })
		}})
		_, err := c.Do(t.Context(), payment)
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		assert.False(t, bankmux.ErrorOf(err).NotSent)
		assert.False(t, bankmux.OutcomeKnown(err))
		assert.NotContains(t, err.Error(), "planted")
		assert.EqualValues(t, 1, arrived.Load())
	})
}

func aTransportOfRestysIsUsedAndStillSendsOnce(t *testing.T) {
	t.Parallel()
	const idle = 4
	for name, req := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived, through atomic.Int32
			server := serve(t, aborting(gathered(idle), &arrived))
			given := &http.Transport{MaxIdleConnsPerHost: idle}
			t.Cleanup(given.CloseIdleConnections)
			c := rest.New(rest.Config{BaseURL: server.URL, Resty: func(c *resty.Client) {
				c.SetTransport(counting{given, &through})
			}})
			warmUp(t, c, idle)
			req := req
			req.Path = "/once"
			_, err := c.Do(t.Context(), req)
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.False(t, bankmux.ErrorOf(err).NotSent, "it arrived")
			assert.EqualValues(t, 1, arrived.Load())
			assert.EqualValues(t, idle+1, through.Load())
		})
	}
}

// counting is a transport that counts its requests.
type counting struct {
	http.RoundTripper
	n *atomic.Int32
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// middlewareCannotUndoTheLimits changes the client in its middleware, where New does not see it.
func middlewareCannotUndoTheLimits(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		assert.Empty(t, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "planted"})
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case "/odd":
			w.Header().Set("Location", "http://%zz")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/large":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, strings.Repeat("x", 2000))
			assert.NoError(t, z.Close())
		}
	})
	c := rest.New(rest.Config{BaseURL: server.URL, BodyLimit: 1000, Resty: func(c *resty.Client) {
		c.OnBeforeRequest(func(c *resty.Client, r *resty.Request) error {
			c.SetRedirectPolicy(resty.FlexibleRedirectPolicy(3))
			r.SetResponseBodyLimit(0)
			r.AddRetryCondition(func(*resty.Response, error) bool { return true })
			return nil
		})
	}})
	for path, status := range map[string]int{
		"/redirect": http.StatusTemporaryRedirect, "/odd": http.StatusTemporaryRedirect,
		"/busy": http.StatusServiceUnavailable,
	} {
		before := arrived.Load()
		res, err := c.Do(t.Context(), rest.Request{Method: http.MethodPost, Path: path, JSON: 1})
		require.NoError(t, err)
		assert.Equal(t, status, res.Status)
		assert.EqualValues(t, 1, arrived.Load()-before, path)
	}
	_, err := c.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/large"})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	assert.Contains(t, err.Error(), "larger than the limit")
}

// aRequestThatMiddlewareHidesIsNotSent specifies that a request without this package's context or
// transport is refused, since its body and its signature would be missing.
func aRequestThatMiddlewareHidesIsNotSent(t *testing.T) {
	t.Parallel()
	other := context.WithoutCancel(t.Context())
	hides := map[string]string{
		"another context":               "has middleware that replaces the context of a request",
		"another context from the hook": "middleware refused or hid the request",
		"digest authentication":         "has middleware that replaces the transport",
	}
	for how, add := range map[string]func(*resty.Client){
		"another context": func(c *resty.Client) {
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error { r.SetContext(other); return nil })
		},
		"another context from the hook": func(c *resty.Client) {
			c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error { *r = *r.WithContext(other); return nil })
		},
		"digest authentication": func(c *resty.Client) { c.SetDigestAuth("user", "password") },
	} {
		for what, req := range map[string]rest.Request{
			"one-shot": payment, "repeatable": {Method: http.MethodGet, Path: "/accounts"},
		} {
			t.Run(what+", "+how, func(t *testing.T) {
				t.Parallel()
				var arrived atomic.Int32
				server := serve(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
				signed := false
				c := rest.New(rest.Config{BaseURL: server.URL, Resty: add, Sign: func(*http.Request, []byte) error {
					signed = true
					return nil
				}})
				for range 2 {
					_, err := c.Do(t.Context(), req)
					require.ErrorIs(t, err, bankmux.ErrInvalid)
					assert.True(t, bankmux.ErrorOf(err).NotSent)
					assert.Contains(t, err.Error(), hides[how])
				}
				assert.Zero(t, arrived.Load())
				assert.False(t, signed)
			})
		}
	}
}

// both are clients with and without settings of resty's, which must do the same.
func both(base string) map[string]*rest.Client {
	return map[string]*rest.Client{
		"without": rest.New(rest.Config{BaseURL: base, BodyLimit: 1000}),
		"with":    rest.New(rest.Config{BaseURL: base, BodyLimit: 1000, Resty: func(*resty.Client) {}}),
	}
}

func aRequestAndItsResponseAreTheSame(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusConflict)
		r.Header.Del("Content-Length")
		_, _ = fmt.Fprint(w, r.Method, r.URL.RequestURI(), r.Header, r.ContentLength, r.TransferEncoding, string(body))
	})
	all := map[string]rest.Request{"a payment": payment}
	for name, req := range requests {
		if name != "a long body" {
			all[name] = req
		}
	}
	for name, req := range toSign {
		all["signed "+name] = req
	}
	for name, req := range all {
		got := map[string]*rest.Response{}
		for way, c := range both(server.URL + "/v1/") {
			res, err := c.Do(t.Context(), req)
			require.NoError(t, err, name)
			got[way] = res
		}
		assert.Equal(t, string(got["without"].Body), string(got["with"].Body), name)
		assert.Equal(t, got["without"], got["with"], name)
	}
}

func anErrorIsTheSame(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before, the server does not see that the client hangs up
		switch r.URL.Path {
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 1001))
		case "/hang":
			hanging <- struct{}{}
			<-r.Context().Done()
		default:
			panic(http.ErrAbortHandler)
		}
	})
	for _, path := range []string{"/short", "/large", "/abort", "/hang", "no-slash", "/%zz"} {
		got := map[string]error{}
		for way, c := range both(server.URL) {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if path == "/hang" {
				ctx, cancel = context.WithCancel(ctx)
				go func() {
					<-hanging
					cancel()
				}()
			}
			_, got[way] = c.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, JSON: 1})
			cancel()
		}
		assert.Error(t, got["without"], path)
		assert.Equal(t, got["without"], got["with"], path)
	}
}
