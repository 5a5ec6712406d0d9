package rest_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// TestRestyMiddleware specifies what middleware may do with a request and with its response.
func TestRestyMiddleware(t *testing.T) {
	t.Parallel()
	t.Run("a change of a request that would be lost is refused", aChangeThatWouldBeLostIsRefused)
	t.Run("what is the adapter's cannot be changed", theAdaptersCannotBeChanged)
	t.Run("what middleware adds is sent", whatMiddlewareAddsIsSent)
	t.Run("the same body in another reader is sent", theSameBodyInAnotherReaderIsSent)
	t.Run("a call ends with its context, whatever middleware makes of it", aCallEndsWithItsContext)
	t.Run("a call ends with a context that middleware derives", aCallEndsWithADerivedContext)
	t.Run("whatever middleware does with a response, the adapter has it", middlewareDoesNotTakeTheResponse)
	t.Run("a response that middleware cannot use has an unknown outcome", middlewareRefusesTheResponse)
	t.Run("a redirect that middleware follows does not send a request again", aFollowedRedirectSendsNothing)
	t.Run("middleware may send requests of its own", middlewareMaySendRequestsOfItsOwn)
	t.Run("an own request does not hide what happened to the adapter's", anOwnRequestHidesNothing)
}

// before returns a function for Config.Resty that changes each request.
func before(change func(*resty.Client, *resty.Request)) func(*resty.Client) {
	return func(c *resty.Client) {
		c.OnBeforeRequest(func(c *resty.Client, r *resty.Request) error { change(c, r); return nil })
	}
}

func aChangeThatWouldBeLostIsRefused(t *testing.T) {
	t.Parallel()
	const body = "has middleware or a setting that changes the body of a request"
	for name, c := range map[string]struct {
		add  func(*resty.Client)
		want string
	}{
		"a body":    {before(func(_ *resty.Client, r *resty.Request) { r.SetBody("another") }), body},
		"no body":   {before(func(_ *resty.Client, r *resty.Request) { r.SetBody(nil) }), body},
		"more":      {before(func(_ *resty.Client, r *resty.Request) { r.SetBody(`{"amount":"planted-amount"} `) }), body},
		"a form":    {before(func(_ *resty.Client, r *resty.Request) { r.SetFormData(map[string]string{"a": "b"}) }), body},
		"multipart": {before(func(_ *resty.Client, r *resty.Request) { r.SetMultipartField("a", "b", "c", strings.NewReader("d")) }), body},
		"a body of the hook": {func(c *resty.Client) {
			c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error {
				r.Body = io.NopCloser(strings.NewReader("another"))
				return nil
			})
		}, body},
		"a parameter of the path": {
			before(func(_ *resty.Client, r *resty.Request) { r.SetPathParam("id", "1") }),
			"has middleware that sets path parameters, but the path is complete",
		},
		"a token": {
			before(func(_ *resty.Client, r *resty.Request) { r.SetAuthToken("planted") }),
			"has middleware that replaces the adapter's credential",
		},
		"a user": {
			before(func(_ *resty.Client, r *resty.Request) { r.SetBasicAuth("user", "planted") }),
			"has middleware that replaces the adapter's credential",
		},
		"an address": {
			before(func(_ *resty.Client, r *resty.Request) { r.URL = "http://127.0.0.1/payments/1" }),
			refusedMove,
		},
		"a path":   {before(func(_ *resty.Client, r *resty.Request) { r.URL += "/another" }), refusedMove},
		"a method": {before(func(_ *resty.Client, r *resty.Request) { r.Method = http.MethodPut }), refusedMove},
		"an address of the hook": {func(c *resty.Client) {
			c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error { r.URL.Path = "/another"; return nil })
		}, refusedMove},
		"a question mark": {hook(func(r *http.Request) { r.URL.ForceQuery = true }), refusedMove},
		"curl commands": {
			before(func(_ *resty.Client, r *resty.Request) { r.SetDebug(true).EnableGenerateCurlOnDebug() }),
			"has middleware that asks for curl commands, which would have credentials",
		},
		"retries": {
			before(func(c *resty.Client, _ *resty.Request) { c.SetRetryCount(1) }),
			refusedRetries,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server := jsonServer(t, &arrived)
			client := rest.New(rest.Config{BaseURL: server.URL, Resty: c.add})
			require.Nil(t, client.Fault())
			_, err := client.Do(t.Context(), payment)
			require.ErrorIs(t, err, bankmux.ErrInvalid)
			assert.Contains(t, err.Error(), "Config.Resty "+c.want)
			assert.True(t, bankmux.ErrorOf(err).NotSent)
			assert.Zero(t, arrived.Load())
		})
	}
}

// hook returns a function for Config.Resty that changes each request right before it is sent.
func hook(change func(*http.Request)) func(*resty.Client) {
	return func(c *resty.Client) {
		c.SetPreRequestHook(func(_ *resty.Client, r *http.Request) error { change(r); return nil })
	}
}

// theAdaptersCannotBeChanged specifies that nothing leaves with another address, query, credential
// or header field than the adapter's.
func theAdaptersCannotBeChanged(t *testing.T) {
	t.Parallel()
	const (
		header = "has middleware or a setting that changes the adapter's header fields or credential"
		values = "has middleware that changes the query of a request, to which it may only add"
		frame  = "has middleware that changes the length, the encoding or the trailer of a request"
	)
	set := func(name, value string) func(*resty.Client) {
		return before(func(_ *resty.Client, r *resty.Request) { r.SetHeader(name, value) })
	}
	for name, c := range map[string]struct {
		add    func(*resty.Client)
		want   string
		public bool // the request has no bearer
	}{
		"a credential":                {set("Authorization", "Bearer planted"), header, false},
		"a second credential":         {before(func(_ *resty.Client, r *resty.Request) { r.Header.Add("Authorization", "planted") }), header, false},
		"another case":                {before(func(_ *resty.Client, r *resty.Request) { r.SetHeaderVerbatim("authorization", "planted") }), header, false},
		"another case, by client":     {func(c *resty.Client) { c.SetHeaderVerbatim("authorization", "planted") }, header, false},
		"no credential":               {hook(func(r *http.Request) { r.Header.Del("Authorization") }), header, false},
		"a user of the hook":          {hook(func(r *http.Request) { r.SetBasicAuth("user", "planted") }), header, false},
		"a credential where none was": {func(c *resty.Client) { c.SetHeader("Authorization", "planted") }, header, true},
		"a secret":                    {set("Api-Secret", "planted"), header, false},
		"no secret":                   {before(func(_ *resty.Client, r *resty.Request) { r.Header.Del("Api-Secret") }), header, false},
		"a secret, in its place":      {hook(func(r *http.Request) { r.Header["Api-Secret"][0] = "planted" }), header, false},
		"a content type":              {set("Content-Type", "text/plain"), header, false},
		"a host of the client":        {func(c *resty.Client) { c.SetHeader("Host", "127.0.0.2") }, refusedMove, false},
		"a host field":                {set("Host", "127.0.0.2"), refusedMove, false},
		"a host field, other case":    {before(func(_ *resty.Client, r *resty.Request) { r.SetHeaderVerbatim("host", "127.0.0.2") }), header, false},
		"a length in another case":    {before(func(_ *resty.Client, r *resty.Request) { r.SetHeaderVerbatim("content-length", "3") }), header, false},
		"a Host of the hook":          {hook(func(r *http.Request) { r.Host = "127.0.0.2" }), refusedMove, false},
		"a URL.Host of the hook":      {hook(func(r *http.Request) { r.URL.Host = "127.0.0.2" }), refusedMove, false},
		"a scheme of the hook":        {hook(func(r *http.Request) { r.URL.Scheme = "https" }), refusedMove, false},
		"an opaque address":           {hook(func(r *http.Request) { r.URL.Opaque = "//127.0.0.2/x" }), refusedMove, false},
		"a user in the address":       {hook(func(r *http.Request) { r.URL.User = url.UserPassword("user", "planted") }), refusedMove, false},
		"a value of the query":        {before(func(_ *resty.Client, r *resty.Request) { r.SetQueryParam("page", "99") }), values, false},
		"a second value":              {hook(func(r *http.Request) { r.URL.RawQuery += "&p%61ge=99" }), values, false},
		"no query":                    {hook(func(r *http.Request) { r.URL.RawQuery = "" }), values, false},
		"an unreadable value":         {hook(func(r *http.Request) { r.URL.RawQuery = "page=%zz" }), values, false},
		"no address":                  {hook(func(r *http.Request) { r.URL = nil }), refusedMove, false},
		"no request":                  {hook(func(r *http.Request) { *r = http.Request{} }), refusedMove, false},
		"an address of a server":      {hook(func(r *http.Request) { r.RequestURI = "/another" }), refusedMove, false},
		"a fragment":                  {hook(func(r *http.Request) { r.URL.Fragment = "planted" }), refusedMove, false},
		"chunks":                      {hook(func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }), frame, false},
		"an unknown length":           {hook(func(r *http.Request) { r.ContentLength = -1 }), frame, false},
		"a longer body":               {hook(func(r *http.Request) { r.ContentLength += 100 }), frame, false},
		"a trailer":                   {hook(func(r *http.Request) { r.Trailer = http.Header{"Planted": nil} }), frame, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server := jsonServer(t, &arrived)
			req := payment
			req.Query = url.Values{"page": {"1"}}
			if c.public {
				req.Bearer = ""
			}
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
				req.Method = method
				_, err := rest.New(rest.Config{BaseURL: server.URL, Resty: c.add}).Do(t.Context(), req)
				require.ErrorIs(t, err, bankmux.ErrInvalid, method)
				assert.Contains(t, err.Error(), "Config.Resty "+c.want, method)
				assert.True(t, bankmux.ErrorOf(err).NotSent)
			}
			assert.Zero(t, arrived.Load())
			assert.Equal(t, http.Header{"Api-Secret": {"planted-secret"}}, payment.Header)
		})
	}
}

func whatMiddlewareAddsIsSent(t *testing.T) {
	t.Parallel()
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "page=1&name=a%26b&x=1&y=%2F", r.URL.RawQuery)
		assert.Equal(t, "text/plain", r.Header.Get("Accept"))
		assert.Equal(t, "mine", r.Header.Get("User-Agent"))
		assert.Equal(t, []string{"1", "2"}, r.Header["Added"])
		assert.Equal(t, "a=b", r.Header.Get("Cookie"))
		assert.Equal(t, "Bearer planted-token", r.Header.Get("Authorization"))
		assert.EqualValues(t, 27, r.ContentLength)
		assert.Empty(t, r.TransferEncoding)
	})
	type key struct{}
	through := roundTripper(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, "kept", r.Context().Value(key{}))
		return http.DefaultTransport.RoundTrip(r)
	})
	c := rest.New(rest.Config{
		BaseURL: server.URL, HTTPClient: &http.Client{Transport: through}, Resty: hook(func(r *http.Request) {
			r.Header.Set("Accept", "text/plain")
			r.Header.Set("User-Agent", "mine")
			r.Header["Added"] = []string{"1", "2"}
			r.AddCookie(&http.Cookie{Name: "a", Value: "b"})
			r.URL.RawQuery = "x=1&name=a%26b&page=1&y=%2F"
			*r = *r.WithContext(context.WithValue(r.Context(), key{}, "kept"))
		}),
	})
	req := payment
	req.Path = "/payments/{id}?page=1"
	req.Query = url.Values{"name": {"a&b"}}
	_, err := c.Do(t.Context(), req)
	require.NoError(t, err)
}

func theSameBodyInAnotherReaderIsSent(t *testing.T) {
	t.Parallel()
	const body = `{"amount":"planted-amount"}`
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.JSONEq(t, body, string(sent))
		assert.EqualValues(t, len(body), r.ContentLength)
		assert.Empty(t, r.TransferEncoding)
		assert.Equal(t, "/payments?", r.RequestURI)
	})
	for name, of := range map[string]func(*resty.Client){
		"before":     before(func(_ *resty.Client, r *resty.Request) { r.SetBody(io.MultiReader(strings.NewReader(body))) }),
		"before, []": before(func(_ *resty.Client, r *resty.Request) { r.SetBody([]byte(body)) }),
		"hook":       hook(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) }),
	} {
		for _, method := range []string{http.MethodPost, http.MethodPatch} {
			req := payment
			req.Method, req.Path = method, "/payments?"
			_, err := rest.New(rest.Config{BaseURL: server.URL, Resty: of}).Do(t.Context(), req)
			require.NoError(t, err, name)
		}
	}
}

// derive returns functions for Config.Resty that derive a context.
func derive(of func(context.Context) context.Context) map[string]func(*resty.Client) {
	return map[string]func(*resty.Client){
		"before": before(func(_ *resty.Client, r *resty.Request) { r.SetContext(of(r.Context())) }),
		"hook":   hook(func(r *http.Request) { *r = *r.WithContext(of(r.Context())) }),
	}
}

// hanging serves a request that does not end: it has no response, or one that does not end. Each
// request is passed on when it has arrived.
func hanging(t *testing.T) (base string, arrived chan struct{}) {
	t.Helper()
	arrived = make(chan struct{}, 1)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before, the server does not see that the client hangs up
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, " ")
			assert.NoError(t, http.NewResponseController(w).Flush())
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	}).URL, arrived
}

func aCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for where, add := range derive(context.WithoutCancel) {
		for _, path := range []string{"/", "/body"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				t.Run(where+method+path, func(t *testing.T) {
					t.Parallel()
					base, arrived := hanging(t)
					req := rest.Request{Method: method, Path: path}
					if method == http.MethodPost {
						req.JSON = 1
					}
					ctx, cancel := context.WithCancel(t.Context())
					go func() {
						<-arrived
						cancel()
					}()
					_, err := rest.New(rest.Config{BaseURL: base, Resty: add}).Do(ctx, req)
					require.ErrorIs(t, err, bankmux.ErrContextDone)
					assert.False(t, bankmux.ErrorOf(err).NotSent)
				})
			}
		}
	}
}

func aCallEndsWithADerivedContext(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		var end context.CancelFunc
		for where, add := range derive(func(ctx context.Context) context.Context {
			ctx, end = context.WithCancel(ctx)
			if early {
				end()
			}
			return ctx
		}) {
			base, arrived := hanging(t)
			if !early {
				go func() {
					<-arrived
					end()
				}()
			}
			_, err := rest.New(rest.Config{BaseURL: base, Resty: add}).Do(t.Context(), payment)
			if early {
				require.ErrorIs(t, err, bankmux.ErrInvalid, where)
				assert.Contains(t, err.Error(), "has middleware whose context ended before the request was sent")
				assert.True(t, bankmux.ErrorOf(err).NotSent)
				assert.Empty(t, arrived)
				continue
			}
			require.ErrorIs(t, err, bankmux.ErrUnavailable, where)
			assert.False(t, bankmux.ErrorOf(err).NotSent)
		}
	}
}
