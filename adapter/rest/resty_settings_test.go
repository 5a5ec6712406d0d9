package rest_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// restyCall is a request that a client with a setting has sent.
type restyCall struct {
	*testing.T

	server   *httptest.Server
	request  *http.Request // as it arrived
	arrived  int
	notes    []string // of hooks
	log      logs
	folder   string
	response *rest.Response
	err      error
}

func (x *restyCall) note(text string) { x.notes = append(x.notes, text) }

// restySetting says what a setting of resty's does.
type restySetting struct {
	set     func(x *restyCall, c *resty.Client)
	refused string              // the end of the error of Fault; otherwise the setting works
	check   func(x *restyCall)  // what is seen of it; nil if nothing can be
	fails   bool                // the call fails, which check looks at
	tls     bool                // the server has TLS
	fields  []string            // the exported fields that the method sets
	request func(*rest.Request) // changes what is sent
}

// header is a header field that a check looks for.
func header(name, want string) func(*restyCall) {
	return func(x *restyCall) { assert.Equal(x, want, x.request.Header.Get(name)) }
}

func query(want string) func(*restyCall) {
	return func(x *restyCall) { assert.Equal(x, want, x.request.URL.RawQuery) }
}

func noted(want ...string) func(*restyCall) {
	return func(x *restyCall) { assert.Equal(x, want, x.notes) }
}

const (
	refusedAddress    = "has a base URL, but the address is Config.BaseURL"
	refusedPath       = "has path parameters, but the paths are the adapter's"
	refusedBody       = "has form data, but the body is the adapter's"
	refusedWriter     = "has a function that writes bodies, but the adapter writes them"
	refusedCredential = "has a user or token, which would replace the adapter's; another header field can have it"
	refusedRetries    = "has retries, but only package guard repeats calls: see guard.RetryOptions"
	refusedMove       = "has middleware that changes the method or the address of a request"
	refusedByResty    = "has a setting that resty cannot apply, such as a proxy or a certificate; SetLogger shows it"
)

// restySettings has each method of resty's client.
func restySettings() map[string]restySetting {
	one := map[string]string{"a": "b"}
	return map[string]restySetting{
		// What is the adapter's, or this package's.
		"SetBaseURL": {
			refused: refusedAddress, fields: []string{"BaseURL"},
			set: func(_ *restyCall, c *resty.Client) { c.SetBaseURL("http://127.0.0.1") },
		},
		"SetHostURL": {
			refused: refusedAddress, fields: []string{"HostURL"},
			set: func(_ *restyCall, c *resty.Client) { c.HostURL = "http://127.0.0.1" },
		},
		"SetPathParam": {
			refused: refusedPath, fields: []string{"PathParams"},
			set: func(_ *restyCall, c *resty.Client) { c.SetPathParam("id", "1") },
		},
		"SetPathParams": {refused: refusedPath, set: func(_ *restyCall, c *resty.Client) { c.SetPathParams(one) }},
		"SetRawPathParam": {
			refused: refusedPath, fields: []string{"RawPathParams"},
			set: func(_ *restyCall, c *resty.Client) { c.SetRawPathParam("id", "1") },
		},
		"SetRawPathParams": {refused: refusedPath, set: func(_ *restyCall, c *resty.Client) { c.SetRawPathParams(one) }},
		"SetFormData": {
			refused: refusedBody, fields: []string{"FormData"},
			set: func(_ *restyCall, c *resty.Client) { c.SetFormData(one) },
		},
		"SetJSONMarshaler": {
			refused: refusedWriter, fields: []string{"JSONMarshal"},
			set: func(_ *restyCall, c *resty.Client) {
				c.SetJSONMarshaler(func(any) ([]byte, error) { return nil, nil })
			},
		},
		"SetXMLMarshaler": {
			refused: refusedWriter, fields: []string{"XMLMarshal"},
			set: func(_ *restyCall, c *resty.Client) {
				c.SetXMLMarshaler(func(any) ([]byte, error) { return nil, nil })
			},
		},
		"SetBasicAuth": {
			refused: refusedCredential, fields: []string{"UserInfo"},
			set: func(_ *restyCall, c *resty.Client) { c.SetBasicAuth("user", "planted") },
		},
		"SetAuthToken": {
			refused: refusedCredential, fields: []string{"Token"},
			set: func(_ *restyCall, c *resty.Client) { c.SetAuthToken("planted") },
		},
		"SetAuthScheme": {
			refused: refusedCredential, fields: []string{"AuthScheme", "HeaderAuthorizationKey"},
			set: func(_ *restyCall, c *resty.Client) { c.SetAuthScheme("Token") },
		},
		"SetRetryCount": {
			refused: refusedRetries, fields: []string{"RetryCount"},
			set: func(_ *restyCall, c *resty.Client) { c.SetRetryCount(3) },
		},
		"SetRetryWaitTime": {
			refused: refusedRetries, fields: []string{"RetryWaitTime"},
			set: func(_ *restyCall, c *resty.Client) { c.SetRetryWaitTime(time.Nanosecond) },
		},
		"SetRetryMaxWaitTime": {
			refused: refusedRetries, fields: []string{"RetryMaxWaitTime"},
			set: func(_ *restyCall, c *resty.Client) { c.SetRetryMaxWaitTime(time.Nanosecond) },
		},
		"SetRetryAfter": {
			refused: refusedRetries, fields: []string{"RetryAfter"},
			set: func(_ *restyCall, c *resty.Client) {
				c.SetRetryAfter(func(*resty.Client, *resty.Response) (time.Duration, error) { return 0, nil })
			},
		},
		"AddRetryCondition": {
			refused: refusedRetries, fields: []string{"RetryConditions"},
			set: func(_ *restyCall, c *resty.Client) {
				c.AddRetryCondition(func(*resty.Response, error) bool { return true })
			},
		},
		"AddRetryAfterErrorCondition": {
			refused: refusedRetries,
			set:     func(_ *restyCall, c *resty.Client) { c.AddRetryAfterErrorCondition() },
		},
		"AddRetryHook": {
			refused: refusedRetries, fields: []string{"RetryHooks"},
			set: func(_ *restyCall, c *resty.Client) { c.AddRetryHook(func(*resty.Response, error) {}) },
		},
		"SetRetryResetReaders": {
			refused: refusedRetries, fields: []string{"RetryResetReaders"},
			set: func(_ *restyCall, c *resty.Client) { c.SetRetryResetReaders(true) },
		},
		"SetRedirectPolicy": {
			refused: "has a redirect policy, but redirects are not followed",
			set:     func(_ *restyCall, c *resty.Client) { c.SetRedirectPolicy(resty.FlexibleRedirectPolicy(3)) },
		},
		"SetCookieJar": {
			refused: "has a cookie jar, which would share sessions between connections",
			set: func(x *restyCall, c *resty.Client) {
				jar, err := cookiejar.New(nil)
				require.NoError(x, err)
				c.SetCookieJar(jar)
			},
		},
		"SetResponseBodyLimit": {
			refused: "has a limit of responses above Config.BodyLimit",
			set:     func(_ *restyCall, c *resty.Client) { c.SetResponseBodyLimit(1001) },
		},
		"SetResponseBodyLimit, a smaller one": {
			fails: true, fields: []string{"ResponseBodyLimit"},
			set:   func(_ *restyCall, c *resty.Client) { c.SetResponseBodyLimit(5) },
			check: failure(bankmux.ErrMalformed, "the response is larger than the limit"),
		},
		"EnableGenerateCurlOnDebug": {
			refused: "has curl commands in the debug output, which would have credentials",
			set:     func(_ *restyCall, c *resty.Client) { c.EnableGenerateCurlOnDebug() },
		},
		"DisableGenerateCurlOnDebug": {
			set: func(_ *restyCall, c *resty.Client) { c.EnableGenerateCurlOnDebug().DisableGenerateCurlOnDebug() },
		},
		"SetDigestAuth": {
			fails: true, // its middleware is like any other, so the first call finds it
			set:   func(_ *restyCall, c *resty.Client) { c.SetDigestAuth("user", "planted") },
			check: failure(bankmux.ErrInvalid,
				"Config.Resty has middleware that replaces the transport, as digest authentication does"),
		},

		// What resty cannot apply.
		"SetProxy, not a URL": {
			refused: refusedByResty,
			set:     func(_ *restyCall, c *resty.Client) { c.SetProxy("http://user:planted@%zz") },
		},
		"SetProxy, over a transport of another type": {
			refused: refusedByResty,
			set: func(_ *restyCall, c *resty.Client) {
				c.SetTransport(counting{http.DefaultTransport, new(atomic.Int32)}).SetProxy("http://127.0.0.1")
			},
		},
		"SetRootCertificate, no file": {
			refused: refusedByResty,
			set:     func(x *restyCall, c *resty.Client) { c.SetRootCertificate(filepath.Join(x.folder, "absent")) },
		},
		"SetClientRootCertificate": {
			refused: refusedByResty,
			set: func(x *restyCall, c *resty.Client) {
				c.SetClientRootCertificate(filepath.Join(x.folder, "absent"))
			},
		},

		// Requests.
		"SetHeader": {
			fields: []string{"Header"}, check: header("User-Agent", "mine"),
			set: func(_ *restyCall, c *resty.Client) { c.SetHeader("User-Agent", "mine") },
		},
		"SetHeaders": {check: header("A", "b"), set: func(_ *restyCall, c *resty.Client) { c.SetHeaders(one) }},
		"SetHeaders, one of the adapter": {
			check: header("Api-Secret", "planted-secret"),
			set:   func(_ *restyCall, c *resty.Client) { c.SetHeader("Api-Secret", "another") },
		},
		"SetHeaderVerbatim": {
			check: header("Verbatim", "b"),
			set:   func(_ *restyCall, c *resty.Client) { c.SetHeaderVerbatim("verbatim", "b") },
		},
		"SetCookie": {
			fields: []string{"Cookies"}, check: header("Cookie", "a=b"),
			set: func(_ *restyCall, c *resty.Client) { c.SetCookie(&http.Cookie{Name: "a", Value: "b"}) },
		},
		"SetCookies": {
			check: header("Cookie", "a=b"),
			set:   func(_ *restyCall, c *resty.Client) { c.SetCookies([]*http.Cookie{{Name: "a", Value: "b"}}) },
		},
		"SetQueryParam": {
			fields: []string{"QueryParam"}, check: query("a=b+c"),
			set: func(_ *restyCall, c *resty.Client) { c.SetQueryParam("a", "b c") },
		},
		"SetQueryParams": {check: query("a=b"), set: func(_ *restyCall, c *resty.Client) { c.SetQueryParams(one) }},
		"SetUnescapeQueryParams": {
			check: query("a=b/c"),
			set:   func(_ *restyCall, c *resty.Client) { c.SetUnescapeQueryParams(true).SetQueryParam("a", "b/c") },
		},
		"SetContentLength": {
			set:   func(_ *restyCall, c *resty.Client) { c.SetContentLength(true) },
			check: func(x *restyCall) { assert.EqualValues(x, 27, x.request.ContentLength) },
		},
		"SetAllowGetMethodPayload": {
			fields:  []string{"AllowGetMethodPayload"},
			request: func(r *rest.Request) { r.Method = http.MethodGet },
			set:     func(_ *restyCall, c *resty.Client) { c.SetAllowGetMethodPayload(true) },
			check:   func(x *restyCall) { assert.Equal(x, "GET", x.request.Method) },
		},
		"SetCloseConnection": {
			set:   func(_ *restyCall, c *resty.Client) { c.SetCloseConnection(true) },
			check: func(x *restyCall) { assert.True(x, x.request.Close) },
		},
		// These two concern addresses without a scheme, and bodies that resty writes.
		"SetScheme":         {set: func(_ *restyCall, c *resty.Client) { c.SetScheme("https") }},
		"SetJSONEscapeHTML": {set: func(_ *restyCall, c *resty.Client) { c.SetJSONEscapeHTML(false) }},

		// Middleware and hooks.
		"OnBeforeRequest": {check: noted("before"), set: func(x *restyCall, c *resty.Client) {
			c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { x.note("before"); return nil })
		}},
		"SetPreRequestHook": {check: noted("hook"), set: func(x *restyCall, c *resty.Client) {
			c.SetPreRequestHook(func(*resty.Client, *http.Request) error { x.note("hook"); return nil })
		}},
		"OnAfterResponse": {check: noted("200 OK " + restyBody), set: func(x *restyCall, c *resty.Client) {
			c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
				rest, err := io.ReadAll(r.RawBody()) // is at its end
				x.note(r.Status() + " " + r.String() + string(rest))
				return err
			})
		}},
		"OnSuccess": {check: noted(restyBody), set: func(x *restyCall, c *resty.Client) {
			c.OnSuccess(func(_ *resty.Client, r *resty.Response) { x.note(r.String()) })
		}},
		"OnError": {fails: true, set: func(x *restyCall, c *resty.Client) {
			x.server.Close()
			c.OnError(func(*resty.Request, error) { x.note("error") })
		}, check: noted("error")},
		"OnInvalid": {set: func(x *restyCall, c *resty.Client) { // of multipart requests
			c.OnInvalid(func(*resty.Request, error) { x.note("invalid") })
		}, check: noted()},
		"OnPanic": {fails: true, set: func(x *restyCall, c *resty.Client) {
			c.OnPanic(func(*resty.Request, error) { x.note("panic") })
			c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { panic("planted") })
		}, check: noted("panic", "passes on")},
		"SetRateLimiter": {
			fails: true, set: func(_ *restyCall, c *resty.Client) { c.SetRateLimiter(never{}) },
			check: failure(bankmux.ErrRateLimited, "the rate limiter of Config.Resty refused the request"),
		},
		"SetTimeout": {
			fails: true, set: func(_ *restyCall, c *resty.Client) { c.SetTimeout(time.Nanosecond) },
			check: failure(bankmux.ErrUnavailable, "no response came in time"),
		},

		// Responses.
		"SetDoNotParseResponse": {check: noted(restyBody), set: func(x *restyCall, c *resty.Client) {
			c.SetDoNotParseResponse(true)
			c.OnSuccess(func(_ *resty.Client, r *resty.Response) {
				body, err := io.ReadAll(r.RawBody())
				assert.NoError(x, err)
				x.note(string(body))
			})
		}},
		"SetOutputDirectory": {set: func(x *restyCall, c *resty.Client) {
			c.SetOutputDirectory(x.folder)
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error { r.SetOutput("saved"); return nil })
		}, check: func(x *restyCall) {
			saved, err := os.ReadFile(filepath.Join(x.folder, "saved"))
			require.NoError(x, err)
			assert.JSONEq(x, restyBody, string(saved))
		}},
		"SetError": {
			fields: []string{"Error"}, request: func(r *rest.Request) { r.Query = url.Values{"status": {"400"}} },
			set: func(x *restyCall, c *resty.Client) {
				c.SetError(map[string]string{})
				c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
					x.note((*r.Error().(*map[string]string))["token"])
					return nil
				})
			}, check: noted("planted-response"),
		},
		"SetJSONUnmarshaler": {fields: []string{"JSONUnmarshal"}, set: func(x *restyCall, c *resty.Client) {
			c.SetJSONUnmarshaler(func(b []byte, v any) error { x.note("mine"); return json.Unmarshal(b, v) })
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
				r.SetResult(map[string]string{})
				return nil
			})
		}, check: noted("mine")},
		"SetXMLUnmarshaler": {fields: []string{"XMLUnmarshal"}, set: func(x *restyCall, c *resty.Client) {
			c.SetXMLUnmarshaler(func([]byte, any) error { x.note("mine"); return nil })
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
				r.SetResult(map[string]string{}).ForceContentType("application/xml")
				return nil
			})
		}, check: noted("mine")},

		// Logs and traces.
		"SetDebug": {
			fields: []string{"Debug"}, set: func(x *restyCall, c *resty.Client) { c.SetDebug(true).SetLogger(&x.log) },
			check: func(x *restyCall) { assert.Contains(x, x.log.String(), "200 OK") },
		},
		"SetLogger": {
			set:   func(x *restyCall, c *resty.Client) { c.SetLogger(&x.log).SetProxy("%zz").RemoveProxy() },
			check: func(x *restyCall) { assert.Contains(x, x.log.String(), "%zz") },
		},
		"SetDebugBodyLimit": {set: func(x *restyCall, c *resty.Client) {
			c.SetDebug(true).SetDebugBodyLimit(3)
			c.OnResponseLog(func(l *resty.ResponseLog) error { x.note(l.Body); return nil })
		}, check: noted("***** RESPONSE TOO LARGE (size - 28) *****")},
		"OnRequestLog": {set: func(x *restyCall, c *resty.Client) {
			c.SetDebug(true).OnRequestLog(func(l *resty.RequestLog) error {
				x.note(l.Header.Get("Api-Secret"))
				return nil
			})
		}, check: noted("planted-secret")},
		"OnResponseLog": {set: func(x *restyCall, c *resty.Client) {
			c.SetDebug(true).OnResponseLog(func(l *resty.ResponseLog) error {
				x.note(l.Header.Get("Location"))
				return nil
			})
		}, check: noted("/planted-location")},
		"SetDisableWarn": {
			fields: []string{"DisableWarn"},
			set:    func(_ *restyCall, c *resty.Client) { c.SetDisableWarn(true) },
		},
		"EnableTrace": {set: func(x *restyCall, c *resty.Client) {
			c.EnableTrace().OnSuccess(func(_ *resty.Client, r *resty.Response) {
				assert.NotNil(x, r.Request.TraceInfo().RemoteAddr)
			})
		}},
		"DisableTrace": {set: func(x *restyCall, c *resty.Client) {
			c.EnableTrace().DisableTrace().OnSuccess(func(_ *resty.Client, r *resty.Response) {
				assert.Nil(x, r.Request.TraceInfo().RemoteAddr)
			})
		}},

		// The transport.
		"SetTransport": {set: func(_ *restyCall, c *resty.Client) {
			c.SetTransport(counting{c.GetClient().Transport, new(atomic.Int32)})
		}},
		"SetProxy": {set: func(x *restyCall, c *resty.Client) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				x.note("proxy")
				r.RequestURI = ""
				res, err := http.DefaultTransport.RoundTrip(r)
				if !assert.NoError(x, err) {
					return
				}
				defer res.Body.Close()
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.Copy(w, res.Body)
			}))
			x.Cleanup(proxy.Close)
			c.SetProxy(proxy.URL)
		}, check: noted("proxy")},
		"RemoveProxy": {set: func(_ *restyCall, c *resty.Client) { c.SetProxy("http://127.0.0.1:1").RemoveProxy() }},
		"SetTLSClientConfig": {tls: true, set: func(_ *restyCall, c *resty.Client) {
			c.SetTLSClientConfig(&tls.Config{RootCAs: trusted(), MinVersion: tls.VersionTLS13})
		}},
		"SetRootCertificateFromString": {tls: true, set: func(x *restyCall, c *resty.Client) {
			c.SetRootCertificateFromString(x.certificate())
		}},
		"SetRootCertificate": {tls: true, set: func(x *restyCall, c *resty.Client) {
			file := filepath.Join(x.folder, "root.pem")
			require.NoError(x, os.WriteFile(file, []byte(x.certificate()), 0o600))
			c.SetRootCertificate(file)
		}},
		"SetClientRootCertificateFromString": {set: func(_ *restyCall, c *resty.Client) { // which only servers use
			c.SetClientRootCertificateFromString("")
		}},
		"SetCertificates": {tls: true, set: func(x *restyCall, c *resty.Client) {
			c.SetRootCertificateFromString(x.certificate()).SetCertificates(serving().Certificates...)
		}, check: func(x *restyCall) { assert.Len(x, x.request.TLS.PeerCertificates, 1) }},

		// What only returns something.
		"R": {}, "NewRequest": {}, "IsProxySet": {}, "GetClient": {}, "Clone": {}, "Transport": {},
	}
}

// restyBody is the response to each call.
const restyBody = `{"token":"planted-response"}`

// never is a rate limiter that allows nothing.
type never struct{}

func (never) Allow() bool { return false }

// failure is an error that a check looks for.
func failure(kind bankmux.Kind, text string) func(*restyCall) {
	return func(x *restyCall) {
		require.ErrorIs(x, x.err, kind)
		assert.Contains(x, x.err.Error(), text)
		assert.NotContains(x, x.err.Error(), "planted")
		if bankmux.ErrorOf(x.err).NotSent {
			assert.Zero(x, x.arrived)
		}
	}
}

// certificate returns that of the server.
func (x *restyCall) certificate() string {
	raw := serving().Certificates[0].Certificate[0]
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// serve starts the server of a call.
func (x *restyCall) serve(secure bool) {
	x.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.arrived++
		x.request = r
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(x, `{"amount":"planted-amount"}`, string(body))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/planted-location")
		if r.URL.Query().Get("status") != "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, restyBody)
	}))
	x.Cleanup(x.server.Close)
	if secure {
		x.server.TLS = serving()
		x.server.TLS.ClientAuth = tls.RequestClientCert
		x.server.StartTLS()
	} else {
		x.server.Start()
	}
}

// TestRestySettings specifies for each setting of resty's client that it works as in resty, or that
// it is refused with the reason.
func TestRestySettings(t *testing.T) {
	t.Parallel()
	settings := restySettings()
	for name, setting := range settings {
		if setting.set == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &restyCall{T: t, folder: t.TempDir()}
			x.serve(setting.tls)
			c := rest.New(rest.Config{
				BaseURL: x.server.URL, BodyLimit: 1000, Resty: func(c *resty.Client) { setting.set(x, c) },
			})
			x.send(c, setting.request)
			if setting.refused != "" {
				require.NotNil(t, c.Fault())
				assert.Equal(t, "Config.Resty "+setting.refused, c.Fault().Field+" "+c.Fault().Detail)
				assert.Equal(t, error(c.Fault()), x.err)
				assert.True(t, c.Fault().NotSent)
				assert.Zero(t, x.arrived)
				return
			}
			require.Nil(t, c.Fault())
			if !setting.fails {
				require.NoError(t, x.err)
				assert.Equal(t, 1, x.arrived)
				assert.JSONEq(t, restyBody, string(x.response.Body))
			}
			if setting.check != nil {
				setting.check(x)
			}
		})
	}
	t.Run("each method and field of resty's client is in the table", func(t *testing.T) {
		t.Parallel()
		of := reflect.TypeFor[*resty.Client]()
		for m := range of.Methods() {
			assert.Contains(t, settings, m.Name)
		}
		fields := map[string]bool{}
		for _, setting := range settings {
			for _, name := range setting.fields {
				fields[name] = true
			}
		}
		for f := range of.Elem().Fields() {
			if f.IsExported() {
				assert.Contains(t, fields, f.Name)
			}
		}
	})
}

// send sends a request and keeps the result. A panic of middleware passes through.
func (x *restyCall) send(c *rest.Client, change func(*rest.Request)) {
	defer func() {
		if recover() != nil {
			x.note("passes on")
			x.err = errors.New("panic")
		}
	}()
	req := payment
	if change != nil {
		change(&req)
	}
	x.response, x.err = c.Do(x.Context(), req)
}
