package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/internal/shown"
)

// TestSign specifies what a signer sees and what it may change.
func TestSign(t *testing.T) {
	t.Parallel()
	t.Run("the signed bytes are the sent bytes", theSignedBytesAreTheSentBytes)
	t.Run("a detached JWS covers the body", aDetachedJWSCoversTheBody)
	t.Run("a signer cannot damage the request", aSignerCannotDamageTheRequest)
	t.Run("an invalid base URL sends nothing", anInvalidBaseURLSendsNothing)
	t.Run("a printed request or response shows no secret", aPrintedRequestOrResponseShowsNoSecret)
}

// signedText is what both sides sign: all that is known of a request before it leaves.
func signedText(r *http.Request, body []byte) string {
	return strings.Join(
		[]string{
			r.Method,
			r.URL.RequestURI(),
			r.Header.Get("Content-Type"),
			r.Header.Get("Authorization"),
			r.Header.Get("Nonce"),
			string(body),
		},
		"\n",
	)
}

func mac(text string) string {
	h := hmac.New(sha256.New, []byte("a key of the application"))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// stamp signs with a nonce that no request has twice.
func stamp(calls *atomic.Int32) func(*http.Request, []byte) error {
	return func(r *http.Request, body []byte) error {
		r.Header.Set("Nonce", fmt.Sprint(calls.Add(1)))
		r.Header.Set("Signature", mac(signedText(r, body)))
		return nil
	}
}

var toSign = map[string]rest.Request{
	"JSON": {
		Method:     http.MethodPost,
		Path:       "/a/{id}",
		PathParams: map[string]string{"id": "x/ü?"},
		Query:      url.Values{"q": {"1 2"}},
		JSON:       map[string]any{"b": "<&>", "a": 1},
		Bearer:     "t",
	},
	"a form":       {Method: http.MethodPut, Path: "/form", Form: url.Values{"z": {"1"}, "a": {"ü"}}},
	"without body": {Method: http.MethodGet, Path: "/read", Query: url.Values{"b": {"2"}, "a": {"1"}}},
	"a deletion":   {Method: http.MethodDelete, Path: "/links/1", Bearer: "t"},
}

func theSignedBytesAreTheSentBytes(t *testing.T) {
	t.Parallel()
	for name, req := range toSign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			var mu sync.Mutex
			seen := map[string]bool{}
			server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, mac(signedText(r, body)), r.Header.Get("Signature"))
				mu.Lock()
				defer mu.Unlock()
				assert.False(t, seen[r.Header.Get("Nonce")], "a nonce is there twice")
				seen[r.Header.Get("Nonce")] = true
			})
			c := rest.New(rest.Config{BaseURL: server.URL + "/v1", Sign: stamp(&calls)})
			for range 3 { // as the guard repeats a call
				res, err := c.Do(t.Context(), req)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, res.Status)
			}
			assert.Len(t, seen, 3, "each attempt is signed by itself")
			assert.EqualValues(t, 3, calls.Load())
		})
	}
}

func aDetachedJWSCoversTheBody(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	require.NoError(t, err)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		jws, err := jose.ParseDetached(r.Header.Get("X-Jws-Signature"), body, []jose.SignatureAlgorithm{jose.ES256})
		if assert.NoError(t, err) {
			_, err = jws.Verify(&key.PublicKey)
			assert.NoError(t, err)
		}
	})
	c := rest.New(rest.Config{BaseURL: server.URL, Sign: func(r *http.Request, body []byte) error {
		jws, err := signer.Sign(body)
		if err != nil {
			return err
		}
		text, err := jws.DetachedCompactSerialize()
		r.Header.Set("X-Jws-Signature", text)
		return err
	}})
	_, err = c.Do(t.Context(), toSign["JSON"])
	require.NoError(t, err)
}

func aSignerCannotDamageTheRequest(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int32
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		if r.Method == http.MethodPost {
			assert.JSONEq(t, `{"k":"v"}`, string(body))
		} else {
			assert.Empty(t, body)
		}
	})
	cause := errors.New("planted: the key is 42")
	for name, c := range map[string]struct {
		sign func(*http.Request, []byte) error
		kind bankmux.Kind
	}{
		"it reads the body": {func(r *http.Request, _ []byte) error { return drain(r) }, ""},
		"it replaces the body": {
			func(r *http.Request, _ []byte) error { r.Body = http.NoBody; r.GetBody = nil; return nil }, "",
		},
		"it writes over the bytes": {func(_ *http.Request, body []byte) error { clear(body); return nil }, ""},
		"it adds to the query": {
			func(r *http.Request, _ []byte) error { r.URL.RawQuery = "signature=x"; return nil }, "",
		},
		"it fails": {func(*http.Request, []byte) error { return cause }, bankmux.ErrInvalid},
		"it fails with a bankmux error": {
			func(*http.Request, []byte) error { return &bankmux.Error{Kind: bankmux.ErrCredentials} },
			bankmux.ErrCredentials,
		},
		"it changes the method": {
			func(r *http.Request, _ []byte) error { r.Method = http.MethodPut; return nil }, bankmux.ErrInvalid,
		},
		"it changes the host": {
			func(r *http.Request, _ []byte) error { r.URL.Host = "other.example"; return nil }, bankmux.ErrInvalid,
		},
		"it changes the field of the host": {
			func(r *http.Request, _ []byte) error { r.Host = "other.example"; return nil }, bankmux.ErrInvalid,
		},
		"it leaves TLS": {
			func(r *http.Request, _ []byte) error { r.URL.Scheme = "ftp"; return nil }, bankmux.ErrInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, req := range []rest.Request{
				{Method: http.MethodPost, Path: "/", JSON: map[string]string{"k": "v"}},
				{Method: http.MethodGet, Path: "/"},
			} {
				before := arrived.Load()
				_, err := rest.New(rest.Config{BaseURL: server.URL, Sign: c.sign}).Do(t.Context(), req)
				if c.kind == "" {
					require.NoError(t, err)
					continue
				}
				var e *bankmux.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, c.kind, e.Kind)
				assert.True(t, e.NotSent)
				assert.NotContains(t, err.Error(), "planted")
				assert.Equal(t, before, arrived.Load(), "nothing was sent")
			}
		})
	}
	t.Run("its context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := rest.New(rest.Config{BaseURL: server.URL, Sign: func(r *http.Request, _ []byte) error {
			cancel()
			<-r.Context().Done()
			return r.Context().Err()
		}})
		_, err := c.Do(ctx, toSign["JSON"])
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func drain(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, r.Body)
	return err
}

func anInvalidBaseURLSendsNothing(t *testing.T) {
	t.Parallel()
	never := roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("sent")
		return nil, io.EOF
	})
	for name, c := range map[string]struct{ base, path string }{
		"a base in clear":            {"http://api.example.com", "/"},
		"no base":                    {"", "/"},
		"a path that becomes a host": {"https://api.example.com", ".attacker.example/"},
		"a path that becomes a user": {"https://api.example.com", "@attacker.example/"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rest.New(rest.Config{BaseURL: c.base, HTTPClient: &http.Client{Transport: never}}).
				Do(t.Context(), rest.Request{Method: http.MethodGet, Path: c.path})
			var e *bankmux.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, bankmux.ErrInvalid, e.Kind)
			assert.True(t, e.NotSent)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func aPrintedRequestOrResponseShowsNoSecret(t *testing.T) {
	t.Parallel()
	const planted = "planted-secret-1"
	values := map[string]any{
		"a request": rest.Request{
			Method:     http.MethodPost,
			Path:       "/" + planted,
			PathParams: map[string]string{"id": planted},
			Query:      url.Values{"q": {planted}},
			Header:     http.Header{"X": {planted}},
			Bearer:     planted,
			JSON:       planted,
			Form:       url.Values{"f": {planted}},
		},
		"a response": rest.Response{Status: 200, Body: []byte(planted)},
	}
	for name, v := range values {
		for _, found := range shown.Find(v, planted) {
			// There, fmt and gob call no methods.
			if !slices.ContainsFunc(
				[]string{"unexported", "nested", "%p", "gob"},
				func(how string) bool { return strings.Contains(found, how) },
			) {
				t.Errorf("%s shows it as %s", name, found)
			}
		}
	}
	text, err := json.Marshal(values)
	require.NoError(t, err)
	assert.JSONEq(t, `{"a request":"rest.Request(POST)","a response":"rest.Response(200)"}`, string(text))
}
