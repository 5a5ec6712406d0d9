package bankhttp_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// returned sends the browser back with a query, and returns the query of the page after it.
func (a *app) returned(t *testing.T, user, query string, cookies []*http.Cookie) url.Values {
	t.Helper()
	r := newRequest(t, user, "GET", "/bank/return?"+query, "")
	r.Header.Set("Sec-Fetch-Site", "cross-site") // it comes from the bank
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := serve(t, a.handler, r)
	require.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	to, err := url.Parse(w.Header().Get("Location"))
	require.NoError(t, err)
	assert.Equal(t, "/banks", to.Path)
	assert.Equal(t, "tab", to.Query().Get("open"), "the page keeps its own query")
	return to.Query()
}

// TestReturn specifies what happens to a browser that comes back from another page.
func TestReturn(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (*app, *harbor) {
		t.Helper()
		p := newHarbor()
		p.hosted = true
		return newHarborApp(t, p, func(c *bankhttp.Config) { c.ReturnTo = "/banks?open=tab" }), p
	}
	start := func(t *testing.T, a *app) (string, []*http.Cookie) {
		t.Helper()
		w := a.send(t, "rosa", "POST", "/sessions", "")
		return object[started](t, w, 200).Session, cookiesOf(w)
	}
	query := func(session string) string { return "session=" + session + "&code=c" + session }

	t.Run("a hosted flow becomes a connection", func(t *testing.T) {
		t.Parallel()
		a, p := open(t)
		session, cookies := start(t, a)
		require.Len(t, cookies, 1)
		assert.True(t, cookies[0].HttpOnly && cookies[0].Secure)
		assert.Equal(t, http.SameSiteLaxMode, cookies[0].SameSite)
		to := a.returned(t, "rosa", query(session), cookies)
		assert.Equal(t, session, to.Get("session"))
		assert.Empty(t, to.Get("problem"))
		assert.NotEmpty(t, a.stored(t, "rosa", to.Get("connection")).ID)
		assert.Equal(t, to, a.returned(t, "rosa", query(session), cookies),
			"a page that was loaded again finds the same")
		assert.Equal(t, 1, p.count(bankmux.OpExchangeToken))
	})
	t.Run("the cookie names another tab, or there is none", func(t *testing.T) {
		t.Parallel()
		a, _ := open(t)
		one, _ := start(t, a)
		_, second := start(t, a)
		first := a.returned(t, "rosa", query(one), second)
		assert.NotEmpty(t, first.Get("connection"))
		assert.Equal(t, first.Get("connection"), a.returned(t, "rosa", query(one), nil).Get("connection"))
	})
	t.Run("the user has left the provider's page", func(t *testing.T) {
		t.Parallel()
		a, p := open(t)
		_, cookies := start(t, a)
		assert.EqualValues(t, bankmux.ErrUserAction,
			a.returned(t, "rosa", "error=access_denied", cookies).Get("problem"))
		assert.Zero(t, p.links)
	})
	t.Run("a query that is repeated or not text", func(t *testing.T) {
		t.Parallel()
		a, _ := open(t)
		_, cookies := start(t, a)
		assert.EqualValues(t, bankmux.ErrInvalid, a.returned(t, "rosa", "code=1&code=2", cookies).Get("problem"))
		assert.EqualValues(t, bankmux.ErrInvalid, a.returned(t, "rosa", "code=%ff", cookies).Get("problem"))
	})
	t.Run("a query with a malformed part is not exchanged without that part", func(t *testing.T) {
		t.Parallel()
		a, p := open(t)
		session, cookies := start(t, a)
		for _, part := range []string{"&error=%zz", "&error;=denied", "&%f=1"} {
			to := a.returned(t, "rosa", query(session)+part, cookies)
			assert.EqualValues(t, bankmux.ErrInvalid, to.Get("problem"), part)
			assert.Equal(t, session, to.Get("session"), part)
			assert.Empty(t, to.Get("connection"), part)
		}
		assert.Zero(t, p.count(bankmux.OpExchangeToken))
		assert.NotEmpty(t, a.returned(t, "rosa", query(session), cookies).Get("connection"), "the session stays open")
	})
	t.Run("no user is logged in: the query is passed on, to come back with after the login", func(t *testing.T) {
		t.Parallel()
		a, _ := open(t)
		session, cookies := start(t, a)
		to := a.returned(t, "", query(session), cookies)
		assert.EqualValues(t, bankhttp.KindNoUser, to.Get("problem"))
		assert.Equal(t, "https://app.example.com/bank/return?"+query(session), to.Get("return"))
	})
	t.Run("the session of another user", func(t *testing.T) {
		t.Parallel()
		a, p := open(t)
		session, cookies := start(t, a)
		assert.EqualValues(t, bankmux.ErrNotFound, a.returned(t, "omar", query(session), cookies).Get("problem"))
		assert.Zero(t, p.links)
	})
	t.Run("a bank's own page in the middle of a flow: the launcher goes on", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *bankhttp.Config) { c.ReturnTo = "/banks?open=tab" })
		s := a.start(t, "user-rosa", moneykit.Name)
		to := a.returned(t, "user-rosa", "state=a%26b", nil)
		assert.Equal(t, s.Session, to.Get("session"))
		assert.Equal(t, "https://app.example.com/bank/return?state=a%26b", to.Get("return"))
	})
	t.Run("of two tabs the service knows the newest, and the session of the other stays open", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *bankhttp.Config) { c.ReturnTo = "/banks?open=tab" })
		first := a.start(t, "user-rosa", moneykit.Name)
		w := a.send(t, "user-rosa", "POST", "/sessions", `{"country":"US"}`)
		second := object[started](t, w, 200)
		to := a.returned(t, "user-rosa", "state=of+the+first", cookiesOf(w))
		assert.Equal(t, second.Session, to.Get("session"))
		assert.Equal(t, "https://app.example.com/bank/return?state=of+the+first", to.Get("return"))
		again := a.send(t, "user-rosa", "GET", "/sessions/"+first.Session, "")
		assert.Equal(t, first.Launch, object[started](t, again, 200).Launch, "the tab knows the id of its session")
	})
	t.Run("a browser that only asks whether the page is there changes nothing", func(t *testing.T) {
		t.Parallel()
		a, p := open(t)
		session, _ := start(t, a)
		w := a.send(t, "rosa", "HEAD", "/return?"+query(session), "")
		problem(t, w, 405)
		assert.Equal(t, "GET", w.Header().Get("Allow"))
		assert.Zero(t, p.links)
	})
}

// TestReturnElsewhere specifies the addresses to which the provider sends the browser back.
func TestReturnElsewhere(t *testing.T) {
	t.Parallel()
	// visit starts a first session and a newer one of another browser. Then the first browser comes
	// back to the address, by its cookies. It returns the query of the page after it.
	visit := func(t *testing.T, a *app, link, back, user string) (session string, to url.Values) {
		t.Helper()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		at, err := url.Parse(back)
		require.NoError(t, err)
		request := at.RequestURI()
		at.Path = at.EscapedPath() // to which a browser compares the path of a cookie
		var ids []string
		for range 2 {
			r := newRequest(t, "rosa", "POST", link, "")
			w := serve(t, a.handler, r)
			if len(ids) == 0 {
				jar.SetCookies(at.ResolveReference(&url.URL{Path: link}), cookiesOf(w))
			}
			ids = append(ids, object[started](t, w, 200).Session)
		}
		r := newRequest(t, user, "GET", request, "")
		for _, c := range jar.Cookies(at) {
			r.AddCookie(c)
		}
		w := serve(t, a.handler, r)
		require.Equal(t, http.StatusSeeOther, w.Code)
		next, err := url.Parse(w.Header().Get("Location"))
		require.NoError(t, err)
		return ids[0], next.Query()
	}
	for name, c := range map[string]struct{ public, redirect, link, back string }{
		"below the public address": {
			"https://app.example.com/bank", "", "/bank/sessions", "https://app.example.com/bank/return",
		},
		"a public address with letters of other languages": {
			"https://app.example.com/b%C3%A4nk", "", "/b%C3%A4nk/sessions", "https://app.example.com/b%C3%A4nk/return",
		},
		"a public address with an escaped slash": {
			"https://app.example.com/a%2Fb", "", "/a%2Fb/sessions", "https://app.example.com/a%2Fb/return",
		},
		"paths of the application's own": {
			"", "https://app.example.com/back", "/link", "https://app.example.com/back",
		},
		"a path of its own that no session names": {"", "", "/link", "https://app.example.com/back"},
	} {
		t.Run(name+": the cookie names the session", func(t *testing.T) {
			t.Parallel()
			a := newHarborApp(t, newHarbor(), func(config *bankhttp.Config) {
				config.PublicURL, config.Session.RedirectURI = c.public, c.redirect
			})
			mux := http.NewServeMux()
			mux.Handle("POST /link", a.service.Link())
			mux.Handle("GET /back", a.service.Return())
			mux.Handle("/", a.handler)
			a.handler = mux
			session, to := visit(t, a, c.link, c.back+"?state=1", "rosa")
			assert.Equal(t, session, to.Get("session"))
			if c.public+c.redirect == "" {
				assert.Equal(t, "/back?state=1", to.Get("return"))
			} else {
				assert.Equal(t, c.back+"?state=1", to.Get("return"))
			}
		})
	}
	t.Run("behind a proxy that ends TLS, the cookie is still for https alone", func(t *testing.T) {
		t.Parallel()
		for redirect, secure := range map[string]bool{
			"https://app.example.com/back": true, "http://127.0.0.1/back": false,
		} {
			a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
				c.PublicURL, c.Session.RedirectURI = "", redirect
			})
			r := newRequest(t, "rosa", "POST", "/bank/sessions", "")
			r.TLS = nil
			w := serve(t, a.handler, r)
			require.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, secure, cookiesOf(w)[0].Secure, redirect)
		}
	})
	t.Run("a session with an address of its own", func(t *testing.T) {
		t.Parallel()
		const brand = "https://brand.example.net/bank/return"
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.PrepareSession = func(_ *http.Request, req *bankmux.SessionRequest) error {
				req.RedirectURI = brand
				return nil
			}
		})
		session, to := visit(t, a, "/bank/sessions", brand+"?state=1", "rosa")
		assert.Equal(t, session, to.Get("session"))
		assert.Equal(t, brand+"?state=1", to.Get("return"))
		_, to = visit(t, a, "/bank/sessions", brand+"?state=1", "")
		assert.EqualValues(t, bankhttp.KindNoUser, to.Get("problem"))
		assert.Equal(t, brand+"?state=1", to.Get("return"), "also if no user is logged in any more")
	})
}

func cookiesOf(w *httptest.ResponseRecorder) []*http.Cookie {
	return (&http.Response{Header: w.Header()}).Cookies()
}
