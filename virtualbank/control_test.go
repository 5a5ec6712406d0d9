package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestControlPlane(t *testing.T) {
	t.Parallel()
	t.Run("it lists its calls, and every example succeeds", examplesSucceed)
	t.Run("invalid calls are refused, faults are injected and the clock moves", controlCalls)
	t.Run("bodies are strict, and time never runs backwards", strictBodies)
	t.Run("Connect is played without an application", connectWithoutApplication)
	t.Run("webhooks are sent, forged and disordered", controlWebhooks)
}

func TestRemoteClock(t *testing.T) {
	t.Parallel()
	t.Run("it follows the clock of the bank", remoteClock)
}

// serve starts a bank on three addresses and returns a function that calls them.
func serve(
	t *testing.T,
	o virtualbank.Options,
) (*virtualbank.Server, func(method, url string, body any) (int, map[string]any)) {
	t.Helper()
	server, err := virtualbank.Start(
		virtualbank.New(o), "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"),
	)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server, func(method, url string, body any) (int, map[string]any) {
		t.Helper()
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		if body == nil {
			raw = nil
		}
		req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(raw))
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(text, &answer), string(text))
		return res.StatusCode, answer
	}
}

func anys(s []string) []any {
	var all []any
	for _, v := range s {
		all = append(all, v)
	}
	return all
}

func examplesSucceed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "testing.md"))
	require.NoError(t, err)
	for name, url := range map[string]func(*virtualbank.Server) string{
		"moneykit": func(s *virtualbank.Server) string { return s.MoneyKitURL },
		"dapi":     func(s *virtualbank.Server) string { return strings.TrimSuffix(s.DapiURL, "/v2") },
		"plaid":    func(s *virtualbank.Server) string { return s.PlaidURL },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, call := serve(t, virtualbank.Options{}) // an outage of an example is for its provider alone
			base := url(server)
			status, index := call("GET", base+"/virtualbank/", nil)
			require.Equal(t, http.StatusOK, status)
			assert.Equal(t, name, index["provider"])
			bare, again := call("GET", base+"/virtualbank", nil)
			assert.Equal(t, http.StatusOK, bare, "with or without the slash")
			assert.Equal(t, index["calls"], again["calls"])

			seen := map[string]bool{}
			for _, c := range banktest.List(index, "calls") {
				method, path := c["method"].(string), c["path"].(string)
				what := name + " " + method + " " + path
				assert.False(t, seen[what], what)
				seen[what] = true
				assert.NotEmpty(t, c["about"], what)
				assert.Equal(
					t,
					method == http.MethodPost,
					c["example"] != nil,
					"%s: calls with a body have an example",
					what,
				)
				status, answer := call(method, base+path, c["example"])
				assert.Equal(t, http.StatusOK, status, "%s: %v", what, answer)
				if strings.HasSuffix(path, "/lapse") {
					id := slices.Collect(maps.Keys(c["example"].(object)))[0]
					title := map[string]string{"moneykit": "MoneyKit", "dapi": "Dapi", "plaid": "Plaid"}[name]
					named := strings.Contains(string(page), "`"+id+"` at "+title)
					assert.True(t, named, "docs/testing.md lacks %q", "`"+id+"` at "+title)
				}
				if c["example"] == nil || strings.HasSuffix(path, "/sink") {
					continue
				}
				status, answer = call(method, base+path, object{"no such member": 1})
				assert.Equal(t, http.StatusBadRequest, status, "%s reads its body strictly", what)
				assert.Contains(t, answer["error"], "no such member", what)
			}
			for _, path := range []string{
				"link", "fault", "clock", "lapse", "outage", "member", "situation", "webhook", "webhook/forge",
				"webhook/keys", "webhook/disorder",
			} {
				assert.True(t, seen[name+" POST /virtualbank/"+path], path)
			}
			for _, path := range []string{
				"fault", "clock", "situation", "webhook", "webhook/forge", "requests", "institutions", "links",
			} {
				assert.True(t, seen[name+" GET /virtualbank/"+path], path)
			}
			status, answer := call("POST", base+"/virtualbank/unheard-of", object{})
			assert.Equal(t, http.StatusNotFound, status)
			assert.Contains(t, answer["error"], "GET /virtualbank/")
			status, _ = call("DELETE", base+"/virtualbank/clock", nil)
			assert.Equal(t, http.StatusMethodNotAllowed, status)
		})
	}
}

func controlCalls(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)})
	control := func(h http.Handler, method, path string, body any) banktest.Response {
		return c.Do(h, method, "/virtualbank/"+path, "", body)
	}
	mk, dp := c.Bank.MoneyKit(), c.Bank.Dapi()
	token := c.Token()
	opened := c.MoneyKit("POST", "/link-session", token, banktest.Session("user-1")).Body["link_session_token"]
	for name, tc := range map[string]struct {
		h      http.Handler
		path   string
		body   object
		status int
		says   string
	}{
		"a wrong password":              {mk, "link", object{"link_session_token": opened, "password": "x"}, 422, "wrong username or password"},
		"a wrong user at Dapi":          {dp, "link", object{"appKey": c.Bank.Credentials().Dapi.AppKey, "username": "x"}, 422, "wrong username or password"},
		"an unknown session":            {mk, "link", object{"link_session_token": "x"}, 404, "unknown link_session_token"},
		"an unknown institution":        {mk, "link", object{"link_session_token": opened, "institution_id": "x"}, 404, `no institution "x"`},
		"an unknown key":                {dp, "link", object{"appKey": "x"}, 422, "unknown appKey"},
		"an unknown member":             {mk, "link", object{"token": "x"}, 400, `"token"`},
		"an unknown fault":              {mk, "fault", object{"fault": "x"}, 400, `unknown fault "x"`},
		"a negative count":              {mk, "fault", object{"fault": "hang", "times": -1}, 400, "negative"},
		"an unknown operation":          {dp, "fault", object{"fault": "hang", "operation": "/x"}, 400, `unknown operation "/x"`},
		"a fault of the other provider": {dp, "fault", object{"fault": "quota_reached"}, 400, "dapi has no fault"},
		"an invalid duration":           {mk, "clock", object{"advance": "soon"}, 400, "not a duration"},
		"time running backwards":        {mk, "clock", object{"advance": "-1h"}, 400, "not a duration"},
		"the lapse of an unknown link":  {mk, "lapse", object{"link_id": "x"}, 404, "no such link"},
	} {
		t.Run(name, func(t *testing.T) {
			a := control(tc.h, "POST", tc.path, tc.body)
			assert.Equal(t, tc.status, a.Status, a.Body)
			assert.Contains(t, a.Body["error"], tc.says)
		})
	}
	assert.Equal(
		t,
		http.StatusOK,
		control(mk, "POST", "link", object{"link_session_token": opened}).Status,
		"a session may be tried again",
	)
	assert.Contains(t, control(mk, "POST", "link", object{"link_session_token": opened}).Body["error"], "used already")

	assert.ElementsMatch(t, anys(virtualbank.FaultNames()), control(mk, "GET", "fault", nil).Body["faults"])
	require.Equal(
		t,
		http.StatusOK,
		control(mk, "POST", "fault", object{"fault": "unavailable", "times": 2, "operation": "GET /links"}).Status,
	)
	assert.Equal(t, http.StatusOK, c.MoneyKit("GET", "/institutions", token, nil).Status, "another operation")
	assert.Equal(t, http.StatusServiceUnavailable, c.MoneyKit("GET", "/links", token, nil).Status)
	assert.Equal(t, http.StatusServiceUnavailable, c.MoneyKit("GET", "/links", token, nil).Status)
	assert.Equal(t, http.StatusOK, c.MoneyKit("GET", "/links", token, nil).Status)
	require.Equal(t, http.StatusOK, control(mk, "POST", "fault", object{"fault": "server_error"}).Status)
	require.Equal(t, http.StatusOK, control(dp, "DELETE", "fault", nil).Status)
	assert.Equal(
		t,
		http.StatusInternalServerError,
		c.MoneyKit("GET", "/links", token, nil).Status,
		"the other side's are left alone",
	)
	require.Equal(t, http.StatusOK, control(mk, "DELETE", "fault", nil).Status)
	assert.Equal(t, http.StatusOK, c.MoneyKit("GET", "/links", token, nil).Status)

	now := control(mk, "POST", "clock", object{"advance": "24h"}).Body["now"].(string)
	assert.True(t, strings.HasPrefix(now, "2026-11-23T09:00:"), now)
}

func strictBodies(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	for _, body := range []string{`{"advance":"1h"}}`, `{"advance":"1h"}]`, `{"advance":"1h"} {}`} {
		r := httptest.NewRequest(http.MethodPost, "/virtualbank/clock", strings.NewReader(body))
		w := httptest.NewRecorder()
		c.Bank.MoneyKit().ServeHTTP(w, r)
		assert.Equal(t, http.StatusBadRequest, w.Code, body)
	}
	before := c.Bank.Now()
	for range 3 {
		c.Bank.Advance(2_000_000 * time.Hour)
		assert.False(t, c.Bank.Now().Before(before), "time never runs backwards")
		before = c.Bank.Now()
	}
	require.NoError(t, c.Bank.Inject(virtualbank.Fault{Name: "unavailable"}))
	require.Equal(t, http.StatusOK, c.Do(c.Bank.Dapi(), "DELETE", "/virtualbank/fault", "", nil).Status)
	assert.NotEqual(t, http.StatusServiceUnavailable, c.Dapi("/data/accounts/get", "", object{}).Status, "cleared here")
	assert.Equal(t, http.StatusServiceUnavailable, c.MoneyKit("GET", "/links", "", nil).Status, "and kept there")
}

func connectWithoutApplication(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	link := func(body object) banktest.Response {
		return c.Do(c.Bank.MoneyKit(), "POST", "/virtualbank/link", "", body)
	}
	a := link(object{"user": "user-9", "institution_id": "thames_mutual"})
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	exchanged := c.Exchange(c.Token(), a.Body["exchangeable_token"].(string))
	require.Equal(t, http.StatusCreated, exchanged.Status, exchanged.Body)
	assert.Equal(t, "user-9", c.Bank.Links()[0].User)
	assert.Equal(t, http.StatusBadRequest, link(object{}).Status)
	assert.Equal(t, http.StatusBadRequest, link(object{"user": "abc"}).Status, "an id that a session would refuse")
}

func controlWebhooks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	control := func(method, path string, body any) banktest.Response {
		return c.Do(c.Bank.Dapi(), method, "/virtualbank/webhook"+path, "", body)
	}
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		control("POST", "", object{"event": "x", "reference": "r"}).Status,
		"there is no address",
	)
	assert.Equal(t, http.StatusOK,
		control("POST", "", object{"event": "x", "reference": "r", "url": banktest.Hook}).Status)
	for _, event := range []string{"BRAND", "BRAND:", ":NEW", ""} {
		got := c.Do(c.Bank.Plaid(), "POST", "/virtualbank/webhook", "", object{"event": event, "url": banktest.Hook})
		assert.Equal(t, http.StatusBadRequest, got.Status, "an event of Plaid has a type and a code: %q", event)
	}
	assert.Equal(t, http.StatusOK, control("POST", "/disorder", object{"shuffle": true, "repeat": 1}).Status)
	assert.Equal(t, http.StatusOK, control("POST", "/keys", object{"action": "rotate"}).Status)
	assert.Equal(t, http.StatusBadRequest, control("POST", "/keys", object{"action": "burn"}).Status)
	assert.Equal(t, http.StatusBadRequest, control("POST", "/forge", object{"forgery": "stale"}).Status)
	assert.Equal(
		t,
		http.StatusBadRequest,
		control("POST", "/forge", object{"forgery": "algorithm_none", "url": banktest.Hook}).Status,
		"that forgery is MoneyKit's",
	)
	assert.Contains(t, control("GET", "/forge", nil).Body["forgeries"], "stale")
	assert.Equal(t, virtualbank.Tally{Sent: 2, Accepted: 1}, c.Deliver(&banktest.Receiver{}))
	list := control("GET", "", nil).Body["deliveries"].([]any)
	require.Len(t, list, 1)
	assert.Equal(t, true, list[0].(object)["accepted"])
	assert.Empty(t, c.Do(c.Bank.MoneyKit(), "GET", "/virtualbank/webhook", "", nil).Body["deliveries"])
}

func remoteClock(t *testing.T) {
	t.Parallel()
	start := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	server, call := serve(t, virtualbank.Options{Start: start})
	read := func(base string) time.Time {
		t.Helper()
		status, answer := call("GET", base+"/virtualbank/clock", nil)
		require.Equal(t, http.StatusOK, status)
		at, err := time.Parse(time.RFC3339Nano, answer["now"].(string))
		require.NoError(t, err)
		return at
	}
	near := func(want, got time.Time) {
		t.Helper()
		assert.WithinRange(t, got, want, want.Add(time.Minute))
	}
	dapi := strings.TrimSuffix(server.DapiURL, "/v2")
	near(start, read(server.MoneyKitURL))
	near(start, read(dapi))

	for _, address := range []string{server.MoneyKitURL, server.DapiURL, dapi + "/"} {
		now, err := virtualbank.RemoteClock(address)
		require.NoError(t, err)
		near(read(dapi), now())
		before := read(dapi)
		_, _ = call("POST", dapi+"/virtualbank/clock", object{"advance": "240h"})
		near(before.Add(240*time.Hour), now())
	}
	now, err := virtualbank.RemoteClock(server.DapiURL)
	require.NoError(t, err)
	last := now()
	require.NoError(t, server.Close())
	near(last, now())
	_, err = virtualbank.RemoteClock(server.DapiURL)
	require.Error(t, err, "no bank is there any more")
	_, err = virtualbank.RemoteClock("the bank")
	require.Error(t, err)
}
