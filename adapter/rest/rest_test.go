package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
)

// TestClient specifies how a request is sent and which response or error Do returns.
func TestClient(t *testing.T) {
	t.Parallel()
	t.Run("a base URL is HTTPS unless on loopback", aBaseURLIsHTTPSUnlessOnLoopback)
	t.Run("a request is sent as given", aRequestIsSentAsGiven)
	t.Run("the caller's HTTP client is not changed", theCallersHTTPClientIsNotChanged)
	t.Run("a redirect is not followed and no secret leaves", aRedirectIsNotFollowedAndNoSecretLeaves)
	t.Run("an unusable response is ErrMalformed", anUnusableResponseIsErrMalformed)
	t.Run("unknown keys and keys in another case are ignored", unknownKeysAndKeysInAnotherCaseAreIgnored)
	t.Run("an error has its cause and no address", anErrorHasItsCauseAndNoAddress)
	t.Run("a transport that traces nothing never proves NotSent", aTransportThatTracesNothingNeverProvesNotSent)
	t.Run("an unrequested gzip body is decompressed", anUnrequestedGzipBodyIsDecompressed)
	t.Run("an empty body may be called gzip", anEmptyBodyMayBeCalledGzip)
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func aBaseURLIsHTTPSUnlessOnLoopback(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://api.example.com":      true,
		"https://api.example.com/v2":   true,
		"http://127.0.0.1:8181":        true,
		"http://127.9.9.9":             true,
		"http://[::1]:80/v2":           true,
		"http://localhost:1":           true,
		"":                             false,
		"api.example.com":              false,
		"http://api.example.com":       false,
		"http://127.0.0.1.example.com": false,
		"http://10.0.0.1":              false,
		"https://user@api.example.com": false,
		"https://api.example.com?x=1":  false,
		"https://api.example.com?":     false,
		"https://api.example.com#x":    false,
		"ftp://127.0.0.1":              false,
		"https://":                     false,
	} {
		assert.Equal(t, ok, rest.CheckURL(base) == "", base)
	}
}

func aRequestIsSentAsGiven(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, "/v2/users/a%2Fb%3F/links", r.URL.EscapedPath())
		assert.Equal(t, "a=1&a=2", r.URL.RawQuery)
		assert.Equal(t, "Bearer t", r.Header.Get("Authorization"))
		assert.Equal(t, "1", r.Header.Get("X-One"))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Empty(t, r.Header.Get("Cookie"))
		assert.JSONEq(t, `{"k":"v"}`, string(body))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "planted"})
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Retry-After", "7")
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	c := rest.New(rest.Config{BaseURL: server.URL + "/v2/"})
	for range 2 { // the second would bring a cookie of the first
		res, err := c.Do(t.Context(), rest.Request{
			Method:     http.MethodPost,
			Path:       "/users/{id}/links",
			PathParams: map[string]string{"id": "a/b?"},
			Query:      url.Values{"a": {"1", "2"}},
			Header:     http.Header{"X-One": {"1"}},
			Bearer:     "t",
			JSON:       map[string]string{"k": "v"},
		})
		require.NoError(t, err)
		var out struct {
			OK bool `json:"ok"`
		}
		require.NoError(t, res.Decode(&out))
		assert.True(t, out.OK)
		assert.Equal(t, 7*time.Second, res.RetryAfter)
	}
}

func theCallersHTTPClientIsNotChanged(t *testing.T) {
	t.Parallel()
	mine := &http.Client{Timeout: time.Hour}
	rest.New(rest.Config{BaseURL: "https://api.example.com", HTTPClient: mine})
	assert.Equal(t, &http.Client{Timeout: time.Hour}, mine)
}

func aRedirectIsNotFollowedAndNoSecretLeaves(t *testing.T) {
	t.Parallel()
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		c := rest.New(
			rest.Config{
				BaseURL:    server.URL,
				HTTPClient: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }},
			},
		)
		res, err := c.Do(
			t.Context(),
			rest.Request{Method: http.MethodPost, Path: "/", Bearer: "planted", JSON: "planted"},
		)
		require.NoError(t, err)
		assert.Equal(t, status, res.Status)
	}
}

func anUnusableResponseIsErrMalformed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, body, says string }{
		"HTML":            {"text/html", "<html>planted</html>", "content type"},
		"no content type": {"", `{"a":1}`, "content type"},
		"text":            {"text/plain", `{"a":1}`, "content type"},
		"empty":           {"application/json", "", "empty"},
		"blank":           {"application/json", " \n", "empty"},
		"null":            {"application/json", "null", "null"},
		"an array":        {"application/json", "[]", "not the JSON expected"},
		"cut":             {"application/json", `{"a":"planted`, "not valid JSON"},
		"not a list":      {"application/json", `{"a":"planted","list":{}}`, "not the JSON expected"},
		"a repeated key":  {"application/json", `{"a":"planted","a":"b"}`, "repeats a key"},
		"a nested repeat": {"application/problem+json", `{"a":"planted","b":{"c":1,"c":2}}`, "repeats a key"},
		"an unknown key":  {"application/json", `{"a":"planted","x":1,"x":2}`, "repeats a key"},
		"within a value":  {"application/json", `{"a":"planted","x":{"c":1,"c":2}}`, "repeats a key"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{c.kind}
				_, _ = w.Write([]byte(c.body))
			})
			res, err := rest.New(rest.Config{BaseURL: server.URL}).
				Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/"})
			require.NoError(t, err)
			var out struct {
				A string `json:"a"`
				B struct {
					C int `json:"c"`
				} `json:"b"`
				List wire.List[string] `json:"list"`
			}
			err = res.Decode(&out)
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "planted")
		})
	}
}

func unknownKeysAndKeysInAnotherCaseAreIgnored(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(
			[]byte("{\"token\":\"right\",\"TOKEN\":\"wrong\",\"new\":[{}],\"name\":\"caf\xe9\",\"none\":null}"),
		)
	})
	res, err := rest.New(rest.Config{BaseURL: server.URL}).
		Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/"})
	require.NoError(t, err)
	var out struct {
		Token string `json:"token"`
		Name  string `json:"name"`
		None  string `json:"none"`
	}
	require.NoError(t, res.Decode(&out))
	assert.Equal(t, "right", out.Token)
	assert.Equal(t, "caf\ufffd", out.Name, "one bad byte of a bank does not cost the answer")
	assert.Empty(t, out.None)
}

func anErrorHasItsCauseAndNoAddress(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(nil)
	dead.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	cut := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	big := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) })
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does net/http notice that the client left
		<-r.Context().Done()
	})
	for name, c := range map[string]struct {
		cfg     rest.Config
		kind    bankmux.Kind
		notSent bool
		says    string
	}{
		"no server listens":           {rest.Config{BaseURL: dead.URL}, bankmux.ErrUnavailable, true, "no connection"},
		"a certificate of a stranger": {rest.Config{BaseURL: tls.URL}, bankmux.ErrUnavailable, true, "no connection"},
		"an unknown name": {
			rest.Config{BaseURL: "https://nowhere.invalid"}, bankmux.ErrUnavailable, true, "",
		},
		"cut after the request": {rest.Config{BaseURL: cut.URL}, bankmux.ErrUnavailable, false, "broke"},
		"larger than the limit": {
			rest.Config{BaseURL: big.URL, BodyLimit: 1000}, bankmux.ErrMalformed, false, "larger than the limit",
		},
		"a timeout of the client": {
			rest.Config{BaseURL: silent.URL, HTTPClient: &http.Client{Timeout: 50 * time.Millisecond}},
			bankmux.ErrUnavailable, false, "in time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rest.New(c.cfg).
				Do(t.Context(), rest.Request{
					Method: http.MethodPost, Path: "/x", Query: url.Values{"token": {"planted"}},
					JSON: json.RawMessage(`"planted"`),
				})
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.Equal(t, c.kind, e.Kind)
			assert.Equal(t, c.notSent, e.NotSent)
			assert.Contains(t, e.Detail, c.says)
			assert.NotContains(t, err.Error(), "planted")
			assert.NotContains(t, err.Error(), strings.TrimPrefix(c.cfg.BaseURL, "https://"))
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := rest.New(rest.Config{BaseURL: silent.URL}).Do(ctx, rest.Request{Method: http.MethodGet, Path: "/"})
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// blind is a transport that ignores traces.
type blind struct{}

func (blind) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("cut") }

func aTransportThatTracesNothingNeverProvesNotSent(t *testing.T) {
	t.Parallel()
	_, err := rest.New(rest.Config{BaseURL: "http://127.0.0.1", HTTPClient: &http.Client{Transport: blind{}}}).
		Do(t.Context(), rest.Request{Method: http.MethodPost, Path: "/"})
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.Equal(t, bankmux.ErrUnavailable, e.Kind)
	assert.False(t, e.NotSent, "it may have left")
}

// TestReplacedDefaultTransport specifies that a program may replace http.DefaultTransport.
func TestReplacedDefaultTransport(t *testing.T) { // not parallel: a global of net/http
	before := http.DefaultTransport
	http.DefaultTransport = blind{}
	defer func() { http.DefaultTransport = before }()
	assert.NotPanics(t, func() { rest.New(rest.Config{BaseURL: "http://127.0.0.1"}) })
}

func anUnrequestedGzipBodyIsDecompressed(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, _ = zip.Write([]byte(`{"a":"` + strings.Repeat("x", 2000) + `"}`))
		_ = zip.Close()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(plain.CloseIdleConnections)
	res, err := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: plain}).
		Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/"})
	require.NoError(t, err)
	assert.Len(t, res.Body, 2008)
	_, err = rest.New(rest.Config{BaseURL: server.URL, HTTPClient: plain, BodyLimit: 1000}).
		Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/"})
	require.ErrorIs(t, err, bankmux.ErrMalformed, "the limit counts after decompression")
}

func anEmptyBodyMayBeCalledGzip(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusAccepted)
		if r.URL.Path == "/chunked" {
			assert.NoError(t, http.NewResponseController(w).Flush())
		}
	})
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	t.Cleanup(plain.CloseIdleConnections)
	for _, path := range []string{"/announced", "/chunked"} {
		for _, client := range []*http.Client{nil, plain} { // the first requests gzip
			for _, add := range []func(*resty.Client){nil, func(*resty.Client) {}} {
				c := rest.New(rest.Config{BaseURL: server.URL, HTTPClient: client, Resty: add})
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
					res, err := c.Do(t.Context(), rest.Request{Method: method, Path: path})
					require.NoError(t, err, path)
					assert.Equal(t, http.StatusAccepted, res.Status)
					assert.Empty(t, res.Body)
				}
			}
		}
	}
}
