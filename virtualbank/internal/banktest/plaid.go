package banktest

// This file calls the Plaid API as an application does.

import (
	"encoding/json"
	"net/http"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// PlaidHeader is what an application sends with each call.
func (c Caller) PlaidHeader() http.Header {
	creds := c.Bank.Credentials().Plaid
	header := http.Header{"Content-Type": {"application/json"}, "Plaid-Version": {"2020-09-14"}}
	header.Set("Plaid-Client-Id", creds.ClientID)
	header.Set("Plaid-Secret", creds.Secret)
	return header
}

// Plaid calls a path.
func (c Caller) Plaid(path string, body Object) Response {
	c.T.Helper()
	raw, err := json.Marshal(body)
	require.NoError(c.T, err)
	return c.Raw(c.Bank.Plaid(), http.MethodPost, path, c.PlaidHeader(), string(raw))
}

// PlaidOK calls a path and returns the body of its success.
func (c Caller) PlaidOK(path string, body Object) Object {
	c.T.Helper()
	a := c.Plaid(path, body)
	require.Equal(c.T, http.StatusOK, a.Status, "%s: %v", path, a.Body)
	return a.Body
}

// PlaidRefused calls a path that refuses, and returns status and code.
func (c Caller) PlaidRefused(path string, body Object) (status int, code string) {
	c.T.Helper()
	a := c.Plaid(path, body)
	code, _ = a.Body["error_code"].(string)
	require.NotEmpty(c.T, code, "%s: %v", path, a.Body)
	return a.Status, code
}

// LinkRequest is a body of /link/token/create with every member that is required.
func LinkRequest(more Object) Object {
	return With(Object{
		"client_name": "App", "language": "en", "country_codes": []string{"US", "CA", "GB", "NL", "DE"},
		"user": Object{"client_user_id": "user-1"}, "products": []string{"transactions"},
	}, more)
}

// LinkPlaid links a user at an institution, exchanges the token, and returns the access token and
// the id of the Item.
func (c Caller) LinkPlaid(institution string, more Object) (access, item string) {
	c.T.Helper()
	token, _ := c.PlaidOK("/link/token/create", LinkRequest(more))["link_token"].(string)
	raw, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token, InstitutionID: institution})
	require.NoError(c.T, err)
	var out struct {
		Token string `json:"public_token"`
	}
	require.NoError(c.T, json.Unmarshal(raw, &out))
	body := c.PlaidOK("/item/public_token/exchange", Object{"public_token": out.Token})
	access, _ = body["access_token"].(string)
	item, _ = body["item_id"].(string)
	return access, item
}

// SyncPlaid plays a client that keeps rows by the protocol.
func (c Caller) SyncPlaid(access, cursor string, count int, rows map[string]Object) (next string, pages int) {
	c.T.Helper()
	for {
		body := c.PlaidOK("/transactions/sync", Object{"access_token": access, "cursor": cursor, "count": count})
		for _, t := range append(List(body, "added"), List(body, "modified")...) {
			rows[t["transaction_id"].(string)] = t
		}
		for _, t := range List(body, "removed") {
			delete(rows, t["transaction_id"].(string))
		}
		pages++
		cursor = body["next_cursor"].(string)
		if body["has_more"] == false {
			return cursor, pages
		}
	}
}
