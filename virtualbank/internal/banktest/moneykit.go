package banktest

// This file calls the MoneyKit API.

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// MoneyKit makes a request to the MoneyKit API.
func (c Caller) MoneyKit(method, path, token string, body any) Response {
	return c.Do(c.Bank.MoneyKit(), method, path, token, body)
}

// Token returns an access token.
func (c Caller) Token() string {
	creds := c.Bank.Credentials().MoneyKit
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {creds.ClientID},
		"client_secret": {creds.ClientSecret},
	}
	body := strings.NewReader(form.Encode())
	r := httptest.NewRequestWithContext(c.T.Context(), http.MethodPost, "/auth/token", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.Bank.MoneyKit().ServeHTTP(w, r)
	require.Equal(c.T, http.StatusCreated, w.Code)
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	require.NoError(c.T, json.Unmarshal(w.Body.Bytes(), &out))
	assert.Equal(c.T, 3600, out.ExpiresIn)
	return out.AccessToken
}

// Session returns a valid body of POST /link-session.
func Session(user string) Object {
	return Object{
		"customer_user": Object{"id": user},
		"redirect_uri":  "https://app.example.com/oauth",
		"link_tags":     []string{"tag"},
		"webhook":       "https://app.example.com/hook",
	}
}

// Exchangeable links a user and returns the exchangeable token.
func (c Caller) Exchangeable(token string) string {
	a := c.MoneyKit("POST", "/link-session", token, Session("user-1"))
	require.Equal(c.T, http.StatusCreated, a.Status, a.Body)
	b := c.Do(
		c.Bank.MoneyKit(),
		"POST",
		"/virtualbank/link",
		"",
		Object{"link_session_token": a.Body["link_session_token"]},
	)
	require.Equal(c.T, http.StatusOK, b.Status, b.Body)
	return as[string](b.Body["exchangeable_token"])
}

// Exchange exchanges an exchangeable token.
func (c Caller) Exchange(token, exchangeable string) Response {
	return c.MoneyKit("POST", "/link-session/exchange-token", token, Object{"exchangeable_token": exchangeable})
}

// LinkMoneyKit links a user. It returns an access token and the path of the link.
func (c Caller) LinkMoneyKit() (token, path string) {
	token = c.Token()
	link := as[Object](c.Exchange(token, c.Exchangeable(token)).Body["link"])
	return token, "/links/" + as[string](link["link_id"])
}

// Sync syncs a client's rows from a cursor to the end. It returns the next cursor.
func (c Caller) Sync(token, path, cursor string, rows map[string]Object) (next string, pages int) {
	for {
		a := c.MoneyKit("GET", path+"/transactions/sync?size=100&cursor="+cursor, token, nil)
		require.Equal(c.T, http.StatusOK, a.Status, a.Body)
		changes := as[Object](a.Body["transactions"])
		for _, t := range append(List(changes, "created"), List(changes, "updated")...) {
			rows[as[string](t["transaction_id"])] = t
		}
		for _, id := range as[[]any](changes["removed"]) {
			delete(rows, as[string](id))
		}
		pages++
		cursor = as[string](as[Object](a.Body["cursor"])["next"])
		if a.Body["has_more"] == false {
			return cursor, pages
		}
	}
}

// LinkWithHook links a user with the webhook address Hook.
func (c Caller) LinkWithHook() (token, id string) {
	c.T.Helper()
	token = c.Token()
	in := Session("user-1")
	in["webhook"] = Hook
	in["settings"] = Object{"products": Object{"transactions": Object{"prefetch": true}}}
	a := c.MoneyKit("POST", "/link-session", token, in)
	require.Equal(c.T, http.StatusCreated, a.Status, a.Body)
	opened := as[string](a.Body["link_session_token"])
	raw, err := c.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: opened})
	require.NoError(c.T, err)
	var out struct {
		Token string `json:"exchangeable_token"`
	}
	require.NoError(c.T, json.Unmarshal(raw, &out))
	a = c.Exchange(token, out.Token)
	require.Equal(c.T, http.StatusCreated, a.Status)
	return token, as[string](as[Object](a.Body["link"])["link_id"])
}
