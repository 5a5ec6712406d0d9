package moneykit_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestSDK(t *testing.T) {
	t.Parallel()
	t.Run("credentials are taken from the form, from the header or from both", signIn)
	t.Run("the requests of the Ruby and Python SDKs are served", sdkRequests)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func signIn(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	creds := c.Bank.Credentials().MoneyKit
	id, secret := creds.ClientID, creds.ClientSecret
	form := func(id, secret string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	}
	bare := url.Values{"grant_type": {"client_credentials"}}
	for name, tc := range map[string]struct {
		form   url.Values
		header string
		status int
	}{
		"the form alone":                                 {form(id, secret), "", 201},
		"the form beside an empty Basic header":          {form(id, secret), "Basic Og==", 201},
		"the form beside Basic without a value":          {form(id, secret), "Basic ", 201},
		"Basic alone":                                    {bare, basic(id, secret), 201},
		"Basic beside an empty form":                     {form("", ""), basic(id, secret), 201},
		"Basic in small letters":                         {bare, strings.Replace(basic(id, secret), "Basic", "basic", 1), 201},
		"both, the same":                                 {form(id, secret), basic(id, secret), 201},
		"the id in both, the secret in the form":         {form(id, secret), basic(id, ""), 201},
		"the id in the header, the secret in a form":     {form("", secret), basic(id, ""), 201},
		"both, and the header's secret is another":       {form(id, secret), basic(id, "x"), 401},
		"both, and the header's client is another":       {form(id, secret), basic("x", "y"), 401},
		"both, and the header's client alone is another": {form(id, secret), basic("x", secret), 401},
		"both, and the form's client is another":         {form("x", "y"), basic(id, secret), 401},
		"both empty":                                     {form("", ""), "Basic Og==", 401},
		"an amount of zero":                              {bare, "", 401},
		"a Basic header that is not base64":              {form(id, secret), "Basic ?", 401},
		"a Basic header without a colon":                 {form(id, secret), "Basic eA==", 401},
		"a wrong secret":                                 {form(id, "x"), "", 401},
		"the form beside a token that is of no use":      {form(id, secret), "Bearer x", 201},
		"another grant":                                  {url.Values{"grant_type": {"password"}, "client_id": {id}, "client_secret": {secret}}, "", 400},
		"the form beside an empty bearer token":          {form(id, secret), "Bearer ", 201},
		"Basic beside a form with only the client id":    {url.Values{"grant_type": {"client_credentials"}, "client_id": {id}}, basic(id, secret), 201},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			if tc.header != "" {
				header.Set("Authorization", tc.header)
			}
			a := c.Raw(c.Bank.MoneyKit(), "POST", "/auth/token", header, tc.form.Encode())
			assert.Equal(t, tc.status, a.Status, a.Body)
			if tc.status >= 400 {
				assert.Equal(t, "api_error.auth.unauthorized", a.Body["error_code"])
			}
		})
	}

	t.Run("an empty Authorization header does not hide the client headers of a call", func(t *testing.T) {
		for _, empty := range []string{"", "Bearer", "Bearer ", "Basic Og=="} {
			header := http.Header{"X-Client-Id": {id}, "X-Client-Secret": {secret}, "Authorization": {empty}}
			assert.Equal(t, 200, c.Raw(c.Bank.MoneyKit(), "GET", "/links", header, "").Status, empty)
		}
		header := http.Header{"X-Client-Id": {id}, "X-Client-Secret": {secret}, "Authorization": {"Bearer x"}}
		assert.Equal(
			t,
			401,
			c.Raw(c.Bank.MoneyKit(), "GET", "/links", header, "").Status,
			"a token that was sent counts",
		)
	})
}

// sdkRequests makes the calls in the READMEs of MoneyKit's Ruby and Python SDKs 0.2.3. The requests
// were recorded with the Ruby SDK against this bank.
func sdkRequests(t *testing.T) {
	t.Parallel()
	for name, sdk := range map[string]struct {
		agent    string
		signIn   http.Header // beside what all requests have
		everyone http.Header
	}{
		"Ruby": {
			"OpenAPI-Generator/0.2.3/ruby",
			http.Header{"Authorization": {"Basic Og=="}},
			http.Header{"Content-Type": {"application/json"}}, // on reads as well
		},
		"Python": {"OpenAPI-Generator/0.2.3/python", http.Header{}, http.Header{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := banktest.Open(t, virtualbank.Options{})
			creds := c.Bank.Credentials().MoneyKit
			token := ""
			send := func(method, target, contentType, body string) banktest.Response {
				t.Helper()
				header := http.Header{
					"Accept":           {"application/json"},
					"User-Agent":       {sdk.agent},
					"Moneykit-Version": {"2023-02-18"},
				}
				maps.Copy(header, sdk.everyone)
				if contentType != "" {
					header.Set("Content-Type", contentType)
				}
				if token != "" {
					header.Set("Authorization", "Bearer "+token)
				} else {
					maps.Copy(header, sdk.signIn)
				}
				return c.Raw(c.Bank.MoneyKit(), method, target, header, body)
			}
			const js = "application/json"
			form := "grant_type=client_credentials&client_id=" + creds.ClientID + "&client_secret=" + creds.ClientSecret
			a := send("POST", "/auth/token", "application/x-www-form-urlencoded", form)
			require.Equal(t, 201, a.Status, a.Body)
			token = a.Body["access_token"].(string)

			a = send(
				"POST",
				"/link-session",
				js,
				`{"customer_user":{"id":"user-1"},"redirect_uri":"http://localhost:3000"}`,
			)
			require.Equal(t, 201, a.Status, a.Body)
			raw, err := c.Bank.LinkMoneyKit(
				virtualbank.MoneyKitLink{LinkSessionToken: a.Body["link_session_token"].(string)},
			)
			require.NoError(t, err)
			var outcome map[string]any
			require.NoError(t, json.Unmarshal(raw, &outcome))
			a = send(
				"POST",
				"/link-session/exchange-token",
				js,
				`{"exchangeable_token":"`+outcome["exchangeable_token"].(string)+`"}`,
			)
			require.Equal(t, 201, a.Status, a.Body)
			id := a.Body["link_id"].(string)
			assert.NotEmpty(t, a.Body["link"].(object)["institution_id"])

			a = send("GET", "/links/"+id+"/accounts", "", "")
			require.Equal(t, 200, a.Status, a.Body)
			assert.NotEmpty(t, a.Body["accounts"])
			require.Equal(t, 202, send("POST", "/links/"+id+"/products", js, `{"products":["transactions"]}`).Status)
			c.Bank.Advance(time.Minute)
			assert.Len(
				t,
				send("GET", "/links/"+id+"/transactions/sync?size=5", "", "").Body["transactions"].(object)["created"],
				5,
			)
			assert.Equal(t, 200, send("GET", "/auth/introspect", "", "").Status)
			assert.Equal(t, 204, send("DELETE", "/links/"+id, "", "").Status)
		})
	}
}
