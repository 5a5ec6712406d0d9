package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caller speaks to a bank's handlers without a socket.
type caller struct {
	t    testing.TB
	bank *virtualbank.Bank
}

type answer struct {
	Status int
	Body   map[string]any
	Header http.Header
}

func (c caller) do(h http.Handler, method, path, token string, body any) answer {
	c.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(c.t, err)
		reader = bytes.NewReader(raw)
	}
	r := httptest.NewRequest(method, path, reader)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{Status: w.Code, Header: w.Header()}
	if w.Body.Len() > 0 {
		require.NoError(c.t, json.Unmarshal(w.Body.Bytes(), &a.Body), w.Body.String())
	}
	return a
}

func (c caller) mk(method, path, token string, body any) answer {
	return c.do(c.bank.MoneyKit(), method, path, token, body)
}

func (c caller) dapi(path, token string, body any) answer {
	return c.do(c.bank.Dapi(), http.MethodPost, "/v2"+path, token, body)
}

func open(t testing.TB, o virtualbank.Options) caller { return caller{t, virtualbank.New(o)} }

func (c caller) token() string {
	creds := c.bank.Credentials().MoneyKit
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {creds.ClientID},
		"client_secret": {creds.ClientSecret},
	}
	r := httptest.NewRequest(http.MethodPost, "/auth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.bank.MoneyKit().ServeHTTP(w, r)
	require.Equal(c.t, http.StatusCreated, w.Code)
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	require.NoError(c.t, json.Unmarshal(w.Body.Bytes(), &out))
	assert.Equal(c.t, 3600, out.ExpiresIn)
	return out.AccessToken
}

type object = map[string]any

func session(user string) object {
	return object{
		"customer_user": object{"id": user},
		"redirect_uri":  "https://app.example.com/oauth",
		"link_tags":     []string{"tag"},
		"webhook":       "https://app.example.com/hook",
	}
}

// exchangeable links a user in Connect and returns the token for the back end.
func (c caller) exchangeable(token string) string {
	a := c.mk("POST", "/link-session", token, session("user-1"))
	require.Equal(c.t, http.StatusCreated, a.Status, a.Body)
	b := c.do(
		c.bank.MoneyKit(),
		"POST",
		"/virtualbank/link",
		"",
		object{"link_session_token": a.Body["link_session_token"]},
	)
	require.Equal(c.t, http.StatusOK, b.Status, b.Body)
	return b.Body["exchangeable_token"].(string)
}

func (c caller) exchange(token, exchangeable string) answer {
	return c.mk("POST", "/link-session/exchange-token", token, object{"exchangeable_token": exchangeable})
}

func TestMoneyKitLinksFromSessionToDeletion(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	a := c.exchange(token, c.exchangeable(token))
	require.Equal(t, http.StatusCreated, a.Status)
	link := a.Body["link"].(object)
	id := link["link_id"].(string)
	assert.Equal(t, id, a.Body["link_id"])
	assert.Equal(t, "connected", link["state"])
	assert.Equal(t, []any{"tag"}, link["link_tags"])
	assert.Len(t, link["products"], 6, "absent products are null")
	assert.Contains(t, link, "error_code")
	assert.Nil(t, link["error_code"])
	assert.Equal(t, http.StatusOK, c.mk("GET", "/links/"+id, token, nil).Status)
	assert.Contains(t, c.mk("GET", "/users/user-1/links", token, nil).Body["links"], id)
	assert.Empty(t, c.mk("GET", "/users/nobody/links", token, nil).Body["links"])

	require.Equal(t, http.StatusOK, c.mk("POST", "/links/"+id+"/reset", token, nil).Status)
	assert.Equal(t, "auth_expired", c.mk("GET", "/links/"+id, token, nil).Body["error_code"])
	require.Equal(t, http.StatusNoContent, c.mk("DELETE", "/links/"+id, token, nil).Status)
	gone := c.mk("GET", "/links/"+id, token, nil)
	assert.Equal(t, http.StatusGone, gone.Status)
	assert.Equal(t, "link_error.deleted", gone.Body["error_code"])
	c.bank.Advance(91 * 24 * time.Hour)
	assert.Equal(t, http.StatusNotFound, c.mk("GET", "/links/"+id, c.token(), nil).Status)
}

func TestAReconnectErasesWhatItsSessionLeavesOut(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	id := c.exchange(token, c.exchangeable(token)).Body["link_id"].(string)
	require.NoError(t, c.bank.Lapse(id))
	a := c.mk(
		"POST",
		"/link-session",
		token,
		object{"customer_user": object{"id": "user-1"}, "redirect_uri": "https://a.example/x", "existing_link_id": id},
	)
	require.Equal(t, http.StatusCreated, a.Status, a.Body)
	b := c.do(
		c.bank.MoneyKit(),
		"POST",
		"/virtualbank/link",
		"",
		object{"link_session_token": a.Body["link_session_token"]},
	)
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	assert.NotContains(t, b.Body, "exchangeable_token")
	link := c.mk("GET", "/links/"+id, token, nil).Body
	assert.Equal(t, "connected", link["state"])
	assert.Nil(t, link["webhook"])
	assert.Empty(t, link["link_tags"])
}

func TestMoneyKitIsStrictAboutRequests(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{RedirectOrigins: []string{"https://app.example.com"}})
	token := c.token()
	with := func(key string, v any) object {
		s := session("user-1")
		s[key] = v
		return s
	}
	for name, tc := range map[string]struct {
		body   object
		status int
		code   string
	}{
		"a short user":         {session("abc"), 422, "api_error.request.validation_failed"},
		"no redirect":          {object{"customer_user": object{"id": "user-1"}}, 422, "api_error.request.validation_failed"},
		"a redirect query":     {with("redirect_uri", "https://app.example.com/x?y=1"), 422, "api_error.request.validation_failed"},
		"a strange origin":     {with("redirect_uri", "https://other.example/x"), 403, "link_session_error.forbidden_config"},
		"a bad tag":            {with("link_tags", []string{"-x"}), 422, "api_error.request.validation_failed"},
		"a long tag":           {with("link_tags", []string{strings.Repeat("x", 100)}), 422, "api_error.request.validation_failed"},
		"a strange country":    {with("settings", object{"countries": []string{"UK"}}), 422, "api_error.request.validation_failed"},
		"a strange provider":   {with("settings", object{"providers": []string{"x"}}), 422, "api_error.request.validation_failed"},
		"a typed boolean":      {with("settings", object{"products": object{"identity": object{"required": "yes"}}}), 422, "api_error.request.validation_failed"},
		"a bad routing number": {with("custom_sandbox_data", object{"accounts": []object{{"account_type": "x", "name": "n", "account_number": "1", "routing_number": "123456789"}}}), 422, "api_error.request.validation_failed"},
		"an unknown link":      {with("existing_link_id", "mk_nothing"), 404, "link_error.not_found"},
		"an unknown member":    {with("colour", "blue"), 201, ""},
	} {
		a := c.mk("POST", "/link-session", token, tc.body)
		assert.Equal(t, tc.status, a.Status, "%s: %v", name, a.Body)
		if tc.code != "" {
			assert.Equal(t, tc.code, a.Body["error_code"], name)
			assert.Contains(t, a.Body, "documentation_url", name)
		}
		if tc.status == 422 {
			assert.NotEmpty(t, a.Body["validation_errors"], name)
		}
	}
	assert.Equal(t, "api_error.auth.unauthorized", c.mk("GET", "/links", "wrong", nil).Body["error_code"])
	assert.Equal(t, http.StatusUnauthorized, c.mk("GET", "/links", "", nil).Status)
	assert.Equal(t, http.StatusNotFound, c.mk("GET", "/nothing", token, nil).Status)
	wrong := c.mk("PUT", "/link-session", token, nil)
	assert.Equal(t, http.StatusMethodNotAllowed, wrong.Status)
	assert.Equal(t, "POST", wrong.Header.Get("Allow"))
	assert.Equal(t, "link_error.not_found", c.mk("GET", "/links/x/accounts", token, nil).Body["error_code"])
	c.bank.Advance(time.Hour)
	assert.Equal(t, "api_error.auth.expired_access_token", c.mk("GET", "/links", token, nil).Body["error_code"])
}

func TestTokensAreGoodOnceAndForAWhile(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	spare := c.exchangeable(token)
	once := c.exchangeable(token)
	var created, refused atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			switch c.exchange(token, once).Status {
			case http.StatusCreated:
				created.Add(1)
			case http.StatusBadRequest:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, created.Load())
	assert.EqualValues(t, 31, refused.Load())
	c.bank.Advance(31 * time.Minute)
	assert.Equal(t, http.StatusBadRequest, c.exchange(c.token(), spare).Status)
}

func (c caller) dapiLink() map[string]string {
	raw, err := c.bank.LinkDapi(
		virtualbank.DapiLink{AppKey: c.bank.Credentials().Dapi.AppKey, Countries: []string{"AE"}},
	)
	require.NoError(c.t, err)
	var all object
	require.NoError(c.t, json.Unmarshal(raw, &all))
	out := map[string]string{"appSecret": c.bank.Credentials().Dapi.AppSecret}
	for k, v := range all {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

func TestDapiLinksFromExchangeToDelink(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	p := c.dapiLink()
	assert.Len(t, p["userID"], 88)
	assert.Len(t, strings.Split(p["accessCode"], "."), 3)
	bad := map[string]string{"appSecret": p["appSecret"], "connectionID": p["connectionID"]}
	a := c.dapi("/auth/ExchangeToken", "", bad)
	assert.Equal(t, http.StatusBadRequest, a.Status)
	assert.Equal(t, "INVALID_ARGS", a.Body["type"])
	assert.Contains(t, a.Body["msg"], "accessCode")

	a = c.dapi("/auth/ExchangeToken", "", p)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	token := a.Body["accessToken"].(string)
	again := c.dapi("/auth/ExchangeToken", "", p)
	assert.Equal(t, http.StatusUnauthorized, again.Status)
	assert.Equal(t, "INVALID_TOKEN", again.Body["type"])

	m := c.dapi("/metadata/accounts/get", token, p)
	require.Equal(t, "done", m.Body["status"], m.Body)
	assert.True(t, strings.HasPrefix(m.Body["operationID"].(string), "DAPIBANK_AE_ENBD:"))
	assert.Equal(t, "EBILAEAD", m.Body["accountsMetadata"].(object)["swiftCode"])
	assert.Equal(t, "INVALID_TOKEN", c.dapi("/metadata/accounts/get", "wrong", p).Body["type"])
	require.NoError(t, c.bank.Lapse(p["connectionID"]))
	assert.Equal(t, "INVALID_CREDENTIALS", c.dapi("/metadata/accounts/get", token, p).Body["type"])
	assert.Equal(t, "done", c.dapi("/users/DelinkUser", token, p).Body["status"])
	assert.Equal(t, "USER_DELINKED", c.dapi("/metadata/accounts/get", token, p).Body["type"])

	late := c.dapiLink()
	c.bank.Advance(5 * time.Minute)
	assert.Equal(t, "INVALID_TOKEN", c.dapi("/auth/ExchangeToken", "", late).Body["type"])
	p["appSecret"] = "wrong"
	assert.Equal(t, http.StatusUnauthorized, c.dapi("/auth/ExchangeToken", "", p).Status)
	assert.Equal(t, http.StatusNotFound, c.dapi("/auth/exchangetoken", "", p).Status, "exact case")
	assert.Equal(t, http.StatusMethodNotAllowed, c.do(c.bank.Dapi(), "GET", "/v2/auth/ExchangeToken", "", nil).Status)
}

func TestCallsThatOverlapOnOneDapiTokenAllFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, virtualbank.Options{})
		p := c.dapiLink()
		token := c.dapi("/auth/ExchangeToken", "", p).Body["accessToken"].(string)
		require.NoError(t, c.bank.Inject(virtualbank.Fault{Name: "slow", Provider: "dapi"}))
		var failed atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if c.dapi("/metadata/accounts/get", token, p).Body["status"] == "failed" {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 3, failed.Load())
		c.bank.ClearFaults()
		assert.Equal(t, "done", c.dapi("/metadata/accounts/get", token, p).Body["status"])
	})
}

func TestControlPlane(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)})
	control := func(h http.Handler, method, path string, body any) answer {
		return c.do(h, method, "/virtualbank/"+path, "", body)
	}
	mk, dp := c.bank.MoneyKit(), c.bank.Dapi()
	token := c.token()
	opened := c.mk("POST", "/link-session", token, session("user-1")).Body["link_session_token"]
	for name, tc := range map[string]struct {
		h      http.Handler
		path   string
		body   object
		status int
		says   string
	}{
		"a wrong password":       {mk, "link", object{"link_session_token": opened, "password": "x"}, 422, "wrong username or password"},
		"a wrong user at Dapi":   {dp, "link", object{"appKey": c.bank.Credentials().Dapi.AppKey, "username": "x"}, 422, "wrong username or password"},
		"an unknown session":     {mk, "link", object{"link_session_token": "x"}, 404, "unknown link_session_token"},
		"an unknown institution": {mk, "link", object{"link_session_token": opened, "institution_id": "x"}, 404, `no institution "x"`},
		"an unknown key":         {dp, "link", object{"appKey": "x"}, 422, "unknown appKey"},
		"an unknown member":      {mk, "link", object{"token": "x"}, 400, `"token"`},
		"an unknown fault":       {mk, "fault", object{"fault": "x"}, 400, `unknown fault "x"`},
		"a negative count":       {mk, "fault", object{"fault": "hang", "times": -1}, 400, "negative"},
		"an unknown operation":   {dp, "fault", object{"fault": "hang", "operation": "/x"}, 400, `unknown operation "/x"`},
		"the other side's fault": {dp, "fault", object{"fault": "quota_reached"}, 400, "dapi has no fault"},
		"no duration":            {mk, "clock", object{"advance": "soon"}, 400, "not a duration"},
		"time running backwards": {mk, "clock", object{"advance": "-1h"}, 400, "not a duration"},
		"lapsing nothing":        {mk, "lapse", object{"link_id": "x"}, 404, "no such link"},
	} {
		a := control(tc.h, "POST", tc.path, tc.body)
		assert.Equal(t, tc.status, a.Status, "%s: %v", name, a.Body)
		assert.Contains(t, a.Body["error"], tc.says, name)
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
	assert.Equal(t, http.StatusOK, c.mk("GET", "/institutions", token, nil).Status, "another operation")
	assert.Equal(t, http.StatusServiceUnavailable, c.mk("GET", "/links", token, nil).Status)
	assert.Equal(t, http.StatusServiceUnavailable, c.mk("GET", "/links", token, nil).Status)
	assert.Equal(t, http.StatusOK, c.mk("GET", "/links", token, nil).Status)
	require.Equal(t, http.StatusOK, control(mk, "POST", "fault", object{"fault": "server_error"}).Status)
	require.Equal(t, http.StatusOK, control(dp, "DELETE", "fault", nil).Status)
	assert.Equal(
		t,
		http.StatusInternalServerError,
		c.mk("GET", "/links", token, nil).Status,
		"the other side's are left alone",
	)
	require.Equal(t, http.StatusOK, control(mk, "DELETE", "fault", nil).Status)
	assert.Equal(t, http.StatusOK, c.mk("GET", "/links", token, nil).Status)

	now := control(mk, "POST", "clock", object{"advance": "24h"}).Body["now"].(string)
	assert.True(t, strings.HasPrefix(now, "2026-11-23T09:00:"), now)
}

func anys(s []string) []any {
	var all []any
	for _, v := range s {
		all = append(all, v)
	}
	return all
}

func TestJournalKeepsRequestsAndMasksSecrets(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	exchangeable := c.exchangeable(token)
	c.exchange(token, exchangeable)
	p := c.dapiLink()
	access := c.dapi("/auth/ExchangeToken", "", p).Body["accessToken"].(string)
	c.dapi("/metadata/accounts/get", access, p)
	c.mk("GET", "/links?token="+token, token, nil)
	raw, err := json.Marshal(c.bank.Requests())
	require.NoError(t, err)
	for _, secret := range []string{c.bank.Credentials().MoneyKit.ClientSecret, token, exchangeable, p["appSecret"], p["accessCode"], p["userSecret"], access} {
		assert.NotContains(t, string(raw), secret)
	}
	last := c.bank.Requests()[len(c.bank.Requests())-1]
	assert.Equal(t, "GET /links", last.Operation)
	assert.Equal(t, http.StatusOK, last.Status)
	assert.True(t, last.Handled)
}

func TestSameSeedSameBank(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	make2 := func(seed uint64) (virtualbank.Credentials, string) {
		c := open(t, virtualbank.Options{Seed: seed, Start: at})
		token := c.token()
		return c.bank.Credentials(), c.exchange(token, c.exchangeable(token)).Body["link_id"].(string)
	}
	creds1, link1 := make2(7)
	creds2, link2 := make2(7)
	creds3, link3 := make2(8)
	assert.Equal(t, creds1, creds2)
	assert.Equal(t, link1, link2)
	assert.NotEqual(t, creds1, creds3)
	assert.NotEqual(t, link1, link3)
	assert.Len(t, creds1.Dapi.AppKey, 64)
	assert.Len(t, creds1.Dapi.AppSecret, 256)
}

func TestCountriesAreServedAsPromised(t *testing.T) {
	t.Parallel()
	mk, dp := map[string]bool{}, map[string]bool{}
	for _, in := range open(t, virtualbank.Options{}).bank.Institutions() {
		if in.MoneyKitID != "" {
			mk[in.Country] = true
		}
		if in.DapiID != "" {
			dp[in.Country] = true
		}
	}
	assert.Equal(t, map[string]bool{"US": true, "GB": true, "CA": true}, mk)
	assert.Equal(t, map[string]bool{"US": true, "AE": true, "SA": true, "KW": true, "BH": true}, dp)
}

func TestStartListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{})
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:0", "127.0.0.1"} {
		_, err := virtualbank.Start(bank, addr, "127.0.0.1:0")
		require.Error(t, err, addr)
		_, err = virtualbank.Start(bank, "127.0.0.1:0", addr)
		require.Error(t, err, addr)
	}
	s, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(s.DapiURL, "/v2"))
	res, err := http.Get(s.MoneyKitURL + "/.well-known/jwks.json") //nolint:noctx // a test
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	http.DefaultClient.CloseIdleConnections()
}

func ExampleNew() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	_, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: bank.Credentials().Dapi.AppKey, Password: "wrong"})
	var refusal *virtualbank.Refusal
	fmt.Println(errors.As(err, &refusal), refusal.Status)
	// Output: true 422
}
