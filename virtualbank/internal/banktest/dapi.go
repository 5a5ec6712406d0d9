package banktest

// This file calls the Dapi API.

import (
	"encoding/json"
	"net/http"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// Dapi makes a request to the Dapi API.
func (c Caller) Dapi(path, token string, body any) Response {
	return c.Do(c.Bank.Dapi(), http.MethodPost, "/v2"+path, token, body)
}

// Login links a user. It returns the members of Connect's payload and the appSecret.
func (c Caller) Login() map[string]string {
	raw, err := c.Bank.LinkDapi(
		virtualbank.DapiLink{AppKey: c.Bank.Credentials().Dapi.AppKey, Countries: []string{"AE"}},
	)
	require.NoError(c.T, err)
	var all Object
	require.NoError(c.T, json.Unmarshal(raw, &all))
	out := map[string]string{"appSecret": c.Bank.Credentials().Dapi.AppSecret}
	for k, v := range all {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}

// LinkDapi links a user and exchanges the code. The result secrets holds the members that every
// call repeats.
func (c Caller) LinkDapi(institution string) (connectionID, token string, secrets Object) {
	creds := c.Bank.Credentials().Dapi
	raw, err := c.Bank.LinkDapi(virtualbank.DapiLink{AppKey: creds.AppKey, InstitutionID: institution})
	require.NoError(c.T, err)
	var payload map[string]any
	require.NoError(c.T, json.Unmarshal(raw, &payload))
	a := c.Dapi(
		"/auth/ExchangeToken",
		"",
		Object{
			"appSecret":    creds.AppSecret,
			"accessCode":   payload["accessCode"],
			"connectionID": payload["connectionID"],
		},
	)
	require.Equal(c.T, http.StatusOK, a.Status)
	return as[string](payload["connectionID"]), as[string](a.Body["accessToken"]), Object{
		"appSecret":  creds.AppSecret,
		"userSecret": payload["userSecret"],
	}
}
