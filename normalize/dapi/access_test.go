package dapi_test

// This file tests that a credential is read as encoding/json reads it.

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize/dapi"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"as it is written":                 `{"access_token":"a","user_secret":"s","connection_id":"c","user_id":"u"}`,
		"without optional members":         `{"access_token":"a","user_secret":"s","connection_id":"c"}`,
		"with escapes":                     `{"access_token":"a\u003c","user_secret":"\ud83d\ude00","connection_id":"c\\"}`,
		"with bytes that are not UTF-8":    "{\"access_token\":\"a\",\"user_secret\":\"s\xff\",\"connection_id\":\"c\"}",
		"in another order":                 ` { "connection_id":"c", "user_secret":"s", "access_token":"a" } `,
		"with a member of a later version": `{"access_token":"a","later":{"x":[1]},"user_secret":"s","connection_id":"c"}`,
		"with null":                        `{"access_token":"a","user_secret":"s","connection_id":"c","user_id":null}`,
		"with a repeated member":           `{"access_token":"b","access_token":"a","user_secret":"s","connection_id":"c"}`,
		"in capitals":                      `{"ACCESS_TOKEN":"a","user_secret":"s","connection_id":"c"}`,
		"with a number":                    `{"access_token":1,"user_secret":"s","connection_id":"c"}`,
		"that goes on":                     `{"access_token":"a","user_secret":"s","connection_id":"c"} {}`,
		"that breaks off":                  `{"access_token":"a","user_secret":"s","connection_id":"c"`,
		"without its token":                `{"user_secret":"s","connection_id":"c"}`,
		"a list":                           `["a","s","c"]`,
		"of another provider":              `mk_7RkVhQ2mTz4XwPdLb9NcGa`,
		"null":                             `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want struct {
				Token  string `json:"access_token"`
				Secret string `json:"user_secret"`
				ID     string `json:"connection_id"`
			}
			readable := json.Unmarshal([]byte(text), &want) == nil
			token, secret, err := dapi.Access(bankmux.NewSecret(text))
			if !readable || want.Token == "" || want.Secret == "" || want.ID == "" {
				require.ErrorIs(t, err, bankmux.ErrInvalid)
				assert.Empty(t, token+secret)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want.Token, token)
			assert.Equal(t, want.Secret, secret)
		})
	}
}
