package bankhttp_test

import (
	"net/http"
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

func cookiesOf(w *httptest.ResponseRecorder) []*http.Cookie {
	return (&http.Response{Header: w.Header()}).Cookies()
}
