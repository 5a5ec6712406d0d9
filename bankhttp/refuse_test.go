package bankhttp_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// TestUncleanPath specifies that a path that is not clean is refused, and not redirected.
func TestUncleanPath(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor())
	for _, path := range []string{
		"/bank", "/bank//connections", "//bank/connections", "/bank/./connections", "/bank/x/../connections",
		"/bank/connections//sync", "/bank/connections/", "/bank/connections//", "/bank/connections/..",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w := serve(t, a.service.Handler(), newRequest(t, "rosa", method, path, ""))
			assert.Equal(t, bankhttp.KindNoPath, problem(t, w, 404).Kind, method+path)
			assert.Empty(t, w.Header().Get("Location"), method+path)
		}
	}
	w := serve(t, a.service.Handler(), newRequest(t, "rosa", "GET", "/bank/connections", ""))
	assert.Equal(t, 200, w.Code)
	root := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.PublicURL = "https://app.example.com" })
	for path, status := range map[string]int{"/connections": 200, "/": 404, "//": 404, "//connections": 404} {
		w := serve(t, root.service.Handler(), newRequest(t, "rosa", "GET", path, ""))
		assert.Equal(t, status, w.Code, path)
	}
}

// TestRefused specifies the response to requests that cannot be served.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, method, path, body string
		status                   int
		kind                     bankmux.Kind
	}{
		"no user":                 {"", "GET", "/connections", "", 401, bankhttp.KindNoUser},
		"no such path":            {"rosa", "GET", "/nothing", "", 404, bankhttp.KindNoPath},
		"wrong method":            {"rosa", "PUT", "/sessions", "{}", 405, bankhttp.KindMethod},
		"wrong method of two":     {"rosa", "PATCH", "/accounts", "{}", 405, bankhttp.KindMethod},
		"a body that is not JSON": {"rosa", "POST", "/sessions", "country=US", 400, bankmux.ErrInvalid},
		"a body with a list":      {"rosa", "POST", "/sessions", `["US"]`, 400, bankmux.ErrInvalid},
		"a repeated member":       {"rosa", "POST", "/sessions", `{"country":"US","country":"AE"}`, 400, bankmux.ErrInvalid},
		"text after the body":     {"rosa", "POST", "/sessions", `{} {}`, 400, bankmux.ErrInvalid},
		"a member of other type":  {"rosa", "POST", "/sessions", `{"country":1}`, 400, bankmux.ErrInvalid},
		"a country that is none":  {"rosa", "POST", "/sessions", `{"country":"Utopia"}`, 400, bankmux.ErrInvalid},
		"an oversized body":       {"rosa", "POST", "/sessions", `{"country":"` + strings.Repeat("x", 64<<10) + `"}`, 413, bankhttp.KindLargeBody},
		"an oversized payload":    {"rosa", "POST", "/sessions/x", `{"code":"` + strings.Repeat("x", 256<<10) + `"}`, 413, bankhttp.KindLargeBody},
		"no such session":         {"rosa", "POST", "/sessions/x", `{"code":"1"}`, 404, bankmux.ErrNotFound},
		"no such connection":      {"rosa", "POST", "/connections/x/sessions", ``, 404, bankmux.ErrNotFound},
		"no such challenge":       {"rosa", "POST", "/challenges/x", `{"answers":["1"]}`, 404, bankmux.ErrNotFound},
		"no such account":         {"rosa", "POST", "/unnamed/x", `{"new":true}`, 404, bankmux.ErrNotFound},
		"no decision":             {"rosa", "POST", "/unnamed/x", ``, 400, bankmux.ErrInvalid},
		"two decisions":           {"rosa", "POST", "/unnamed/x", `{"new":true,"account":"a"}`, 400, bankmux.ErrInvalid},
		"a day that is none":      {"rosa", "GET", "/transactions?from=2026-02-30", "", 400, bankmux.ErrInvalid},
		"a limit that is none":    {"rosa", "GET", "/transactions?limit=-1", "", 400, bankmux.ErrInvalid},
		"an unknown parameter":    {"rosa", "GET", "/transactions?user=omar", "", 400, bankmux.ErrInvalid},
		"a parameter given twice": {"rosa", "GET", "/transactions?q=a&q=b", "", 400, bankmux.ErrInvalid},
		"an account that is cut":  {"rosa", "GET", "/transactions?account=%zz", "", 400, bankmux.ErrInvalid},
		"a semicolon":             {"rosa", "POST", "/accounts?connection=a;b", "", 400, bankmux.ErrInvalid},
		"an id that is cut":       {"rosa", "GET", "/accounts?connection=a%f", "", 400, bankmux.ErrInvalid},
		"a user with odd letters": {"ro\x01sa", "POST", "/sessions", "{}", 400, bankmux.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newHarborApp(t, newHarbor())
			w := a.send(t, c.user, c.method, c.path, c.body)
			p := problem(t, w, c.status)
			assert.Equal(t, c.kind, p.Kind)
			assert.NotEmpty(t, p.Title)
			assert.NotEmpty(t, p.Detail)
			assert.NotEmpty(t, p.Remedy)
			assert.True(t, strings.HasSuffix(p.Type, "#"+string(c.kind)), p.Type)
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			if c.status == http.StatusMethodNotAllowed {
				assert.NotEmpty(t, w.Header().Get("Allow"))
			}
		})
	}
	t.Run("a body that is not called JSON, or is compressed", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		for _, header := range [][2]string{
			{"Content-Type", "text/plain"},
			{"Content-Type", ""},
			{"Content-Encoding", "gzip"},
			{"Content-Type", "application/x-www-form-urlencoded"},
		} {
			r := newRequest(t, "rosa", "POST", "/bank/sessions", "{}")
			r.Header.Set(header[0], header[1])
			for _, length := range []int64{2, -1} {
				r := r.Clone(t.Context())
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), length
				assert.Equal(t, bankhttp.KindNotJSON, problem(t, serve(t, a.handler, r), 415).Kind, header)
			}
		}
	})
	t.Run("an empty body needs no type, also if its length is not given", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		for _, path := range []string{"/sessions", "/connections/" + a.harborLink(t, "rosa") + "/sessions"} {
			for _, kind := range []string{"", "text/plain"} {
				r := newRequest(t, "rosa", "POST", "/bank"+path, "")
				r.Header.Set("Content-Type", kind)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
				w := serve(t, a.handler, r)
				assert.Equal(t, http.StatusOK, w.Code, "%s %q", path, kind)
				assert.Empty(t, w.Header().Get("Connection"), "the body was read to its end")
			}
		}
	})
	t.Run("a body is refused from one byte over its limit, whether its length is given or not", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		p.free = true
		a := newHarborApp(t, p)
		for path, limit := range map[string]int{"": 64 << 10, "/" + a.harborStart(t, "rosa"): 256 << 10} {
			for status, size := range map[int]int{200: limit, 413: limit + 1} {
				for _, lengthGiven := range []bool{true, false} {
					r := newRequest(t, "rosa", "POST", "/bank/sessions"+path, "{}"+strings.Repeat(" ", size-2))
					if !lengthGiven {
						r.ContentLength = -1
					}
					assert.Equal(t, status, serve(t, a.handler, r).Code, "%s %d %v", path, size, lengthGiven)
				}
			}
		}
	})
	t.Run("a body that breaks off", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		r := newRequest(t, "rosa", "POST", "/bank/sessions", "{}")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenReader{})), 2
		assert.Equal(t, bankmux.ErrInvalid, problem(t, serve(t, a.handler, r), 400).Kind)
	})
	t.Run("a body that does not arrive in time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newHarborApp(t, newHarbor())
			r := newRequest(t, "rosa", "POST", "/bank/sessions", "{}")
			body, sender := io.Pipe()
			defer sender.Close()
			r.Body, r.ContentLength = body, 2
			sent := time.Now()
			assert.Equal(t, bankhttp.KindSlowBody, problem(t, serve(t, a.handler, r), 408).Kind)
			assert.Equal(t, 5*time.Second, time.Since(sent))
		})
	})
	t.Run("the application cannot say who is logged in", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.User = func(*http.Request) (string, error) { return "", errors.New(planted) }
		})
		w := a.send(t, "rosa", "GET", "/connections", "")
		assert.EqualValues(t, "internal", problem(t, w, 500).Kind)
		assert.NotContains(t, w.Body.String(), planted)
	})
	t.Run("a pattern that does not name what the handler needs", func(t *testing.T) {
		t.Parallel()
		var log bytes.Buffer
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		conn := a.harborLink(t, "rosa")
		mux := http.NewServeMux()
		mux.Handle("DELETE /c/{id}", a.service.Disconnect())
		w := serve(t, mux, newRequest(t, "rosa", "DELETE", "/c/"+conn, ""))
		assert.EqualValues(t, "internal", problem(t, w, 500).Kind)
		assert.Contains(t, log.String(), "the path has no value for {connection}")
		a.stored(t, "rosa", conn)
		r := newRequest(t, "rosa", "DELETE", "/c/"+conn, "")
		r.SetPathValue("connection", conn) // as with a router of another package
		assert.Equal(t, 204, serve(t, a.service.Disconnect(), r).Code)
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestForeign specifies that what belongs to another user gets the same response as what does not
// exist, byte by byte.
func TestForeign(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	conn := a.harborLink(t, "rosa")
	session := a.harborStart(t, "rosa")
	p.ask(bankmux.OpAccounts, bankmux.Input{Kind: bankmux.InputOTP})
	challenge := a.read(t, "rosa").Failed[0].Problem.Challenge.ID
	for _, c := range [][3]string{
		{"GET", "/sessions/" + session, ""},
		{"POST", "/sessions/" + session, codeOf(session, "")},
		{"POST", "/connections/" + conn + "/sessions", ""},
		{"DELETE", "/connections/" + conn, ""},
		{"GET", "/connections/" + conn + "/sync", ""},
		{"POST", "/connections/" + conn + "/sync", ""},
		{"POST", "/accounts?connection=" + conn, ""},
		{"POST", "/challenges/" + challenge, `{"answers":["1"]}`},
		{"GET", "/transactions?account=account+1", ""},
	} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			absent := strings.NewReplacer(session, "x", conn, "x", challenge, "x", "account+1", "x").Replace(c[1])
			foreign, missing := a.send(t, "omar", c[0], c[1], c[2]), a.send(t, "omar", c[0], absent, c[2])
			assert.Equal(t, missing.Code, foreign.Code)
			assert.Equal(t, missing.Header(), foreign.Header())
			assert.Equal(t, missing.Body.String(), foreign.Body.String())
		})
	}
	assert.Equal(t, 1, p.links, "the foreign payload linked nothing")
	assert.Empty(t, p.given, "the foreign answer was not sent")
	require.NotEmpty(t, a.stored(t, "rosa", conn).ID, "the foreign disconnect changed nothing")
}

// TestExpired specifies that an expired session links nothing.
func TestExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		time.Sleep(bankmux.DefaultSessionLifetime)
		for _, method := range []string{"GET", "POST"} {
			body := ""
			if method == "POST" {
				body = codeOf(session, "")
			}
			got := problem(t, a.send(t, "rosa", method, "/sessions/"+session, body), 409)
			assert.Equal(t, bankmux.ErrTokenSpent, got.Kind)
			assert.True(t, got.UserMustAct)
		}
		assert.Zero(t, p.links)
	})
}

// TestForged specifies that a payload that was made up links nothing.
func TestForged(t *testing.T) {
	t.Parallel()
	p := newHarbor()
	a := newHarborApp(t, p)
	session := a.harborStart(t, "rosa")
	for name, body := range map[string]string{
		"without a code":           `{"session":"` + session + `"}`,
		"of an unknown session":    codeOf("x", ""),
		"with a code of two types": `{"session":"` + session + `","code":{"a":1}}`,
		"with two codes":           `{"session":"` + session + `","code":"a","Code":"b"}`,
		"that is empty":            ``,
	} {
		w := a.send(t, "rosa", "POST", "/sessions/"+session, body)
		assert.Contains(t, []int{400, 409}, w.Code, name)
		assert.Equal(t, bankmux.ErrInvalid, problem(t, w, w.Code).Kind, name)
	}
	assert.Zero(t, p.links)
	assert.Equal(t, 200, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")).Code,
		"the session still works")
}

// TestAlone specifies that each handler keeps its promises without the others, on any path.
func TestAlone(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor())
	mux := http.NewServeMux()
	mux.Handle("/link", a.service.Link())
	mux.Handle("/link/{session}", a.service.Finish())
	mux.Handle("/mine", a.service.Connections())

	session := object[started](t, serve(t, mux, newRequest(t, "rosa", "POST", "/link", "{}")), 200).Session
	assert.Equal(t, 200, serve(t, mux, newRequest(t, "rosa", "POST", "/link/"+session, codeOf(session, ""))).Code)
	assert.Equal(t, 200, serve(t, mux, newRequest(t, "rosa", "GET", "/mine", "")).Code)
	assert.Equal(t, 200, serve(t, mux, newRequest(t, "rosa", "HEAD", "/mine", "")).Code)

	assert.Equal(t, bankhttp.KindMethod, problem(t, serve(t, mux, newRequest(t, "rosa", "GET", "/link", "")), 405).Kind)
	assert.Equal(t, bankhttp.KindNoUser, problem(t, serve(t, mux, newRequest(t, "", "GET", "/mine", "")), 401).Kind)
	cross := newRequest(t, "rosa", "POST", "/link", "{}")
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	assert.Equal(t, bankhttp.KindCrossOrigin, problem(t, serve(t, mux, cross), 403).Kind)
}

// TestCrossOrigin specifies which sites may send requests that change something.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
		c.TrustedOrigins = []string{"https://www.example.com"}
	})
	for name, c := range map[string]struct {
		site, origin string
		allowed      bool
	}{
		"a page of the application":                          {"same-origin", "https://app.example.com", true},
		"the address bar":                                    {"none", "", true},
		"a program, which sends neither":                     {"", "", true},
		"an old browser on a page of the application":        {"", "https://app.example.com", true},
		"a trusted origin":                                   {"same-site", "https://www.example.com", true},
		"a page of another site":                             {"cross-site", "https://evil.example", false},
		"a page of another host of the site":                 {"same-site", "https://blog.example.com", false},
		"an old browser on a page of another site":           {"", "https://evil.example", false},
		"a frame without an origin":                          {"cross-site", "null", false},
		"an old browser in a frame without an origin":        {"", "null", false},
		"a page of another site that calls itself a program": {"cross-site", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range [][2]string{
				{"POST", "/sessions"},
				{"POST", "/sessions/x"},
				{"POST", "/accounts"},
				{"DELETE", "/connections/x"},
				{"POST", "/connections/x/sessions"},
				{"POST", "/connections/x/sync"},
				{"POST", "/challenges/x"},
				{"DELETE", "/user"},
				{"POST", "/unnamed/x"},
			} {
				r := newRequest(t, "rosa", e[0], "/bank"+e[1], "")
				set(r, "Sec-Fetch-Site", c.site)
				set(r, "Origin", c.origin)
				assert.Equal(t, c.allowed, serve(t, a.handler, r).Code != http.StatusForbidden, e)
			}
			r := newRequest(t, "rosa", "GET", "/bank/connections", "")
			set(r, "Sec-Fetch-Site", c.site)
			set(r, "Origin", c.origin)
			assert.Equal(t, 200, serve(t, a.handler, r).Code, "a read changes nothing")
		})
	}
	t.Run("a provider, which is on no page at all", func(t *testing.T) {
		t.Parallel()
		r := newRequest(t, "", "POST", "/bank/hooks/harbor", `{"kind":"unknown"}`)
		set(r, "Sec-Fetch-Site", "cross-site")
		set(r, "Origin", "https://harbor.example")
		r.Header.Set("Genuine", "yes")
		assert.Equal(t, 200, serve(t, a.handler, r).Code)
	})
}

func set(r *http.Request, name, value string) {
	r.Header.Del(name)
	if value != "" {
		r.Header.Set(name, value)
	}
}

// TestNew specifies which configurations are refused.
func TestNew(t *testing.T) {
	t.Parallel()
	good := func() bankhttp.Config {
		a := newHarborApp(t, newHarbor())
		return bankhttp.Config{Registry: a.registry, Store: a.store, User: userOf}
	}
	for field, spoil := range map[string]func(*bankhttp.Config){
		"Config.Registry":           func(c *bankhttp.Config) { c.Registry = nil },
		"Config.Store":              func(c *bankhttp.Config) { c.Store = nil },
		"Config.User":               func(c *bankhttp.Config) { c.User = nil },
		"Config.PublicURL":          func(c *bankhttp.Config) { c.PublicURL = "/bank" },
		"Config.TrustedOrigins":     func(c *bankhttp.Config) { c.TrustedOrigins = []string{"example.com"} },
		"Config.ReturnTo":           func(c *bankhttp.Config) { c.ReturnTo = "%" },
		"Config.Session.WebhookURL": func(c *bankhttp.Config) { c.Session.WebhookURL = "/hooks" },
		"Config":                    func(c *bankhttp.Config) { c.HandleFor = -1 },
	} {
		config := good()
		spoil(&config)
		_, err := bankhttp.New(config)
		require.ErrorIs(t, err, bankmux.ErrInvalid, field)
		assert.Equal(t, field, bankmux.ErrorOf(err).Field)
	}
	service, err := bankhttp.New(good())
	require.NoError(t, err)
	w := httptest.NewRecorder()
	service.Handler().ServeHTTP(w, newRequest(t, "rosa", "GET", "/bank/connections", ""))
	assert.Equal(t, 200, w.Code, "without a public address the prefix is /bank")
}
