package plaid_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

type object = banktest.Object

func TestForm(t *testing.T) {
	t.Parallel()
	t.Run("an invalid request is an error of status 400 with one of Plaid's codes", invalidRequests)
	t.Run("credentials are taken from headers or from the body", credentials)
	t.Run("an error has every member of Plaid's envelope", envelope)
	t.Run("link tokens are refused for every invalid member", invalidLinkTokens)
}

func invalidRequests(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	good := `{"count":1,"offset":0,"country_codes":["US"]}`
	for name, tc := range map[string]struct {
		path, kind, body string
		status           int
		code             string
	}{
		"a body that is not JSON":          {"", "", `{`, 400, "INVALID_BODY"},
		"a body with a second value":       {"", "", good + `{}`, 400, "INVALID_BODY"},
		"a list in place of an object":     {"", "", `[]`, 400, "INVALID_BODY"},
		"another content type":             {"", "text/plain", good, 400, "INVALID_BODY"},
		"no content type":                  {"", "-", good, 400, "INVALID_HEADERS"},
		"a content type with a charset":    {"", "application/json; charset=utf-8", good, 200, ""},
		"an unknown path":                  {"/accounts/list", "", good, 404, "NOT_FOUND"},
		"an unknown member":                {"", "", `{"count":1,"offset":0,"country_codes":["US"],"page":1}`, 400, "UNKNOWN_FIELDS"},
		"an unknown member of the options": {"", "", `{"count":1,"offset":0,"country_codes":["US"],"options":{"page":1}}`, 400, "UNKNOWN_FIELDS"},
		"a missing member":                 {"", "", `{"count":1,"country_codes":["US"]}`, 400, "MISSING_FIELDS"},
		"a member of another type":         {"", "", `{"count":"1","offset":0,"country_codes":["US"]}`, 400, "INVALID_FIELD"},
		"a number beyond its bounds":       {"", "", `{"count":501,"offset":0,"country_codes":["US"]}`, 400, "INVALID_FIELD"},
		"an unknown country":               {"", "", `{"count":1,"offset":0,"country_codes":["XX"]}`, 400, "INVALID_FIELD"},
		"no country":                       {"", "", `{"count":1,"offset":0,"country_codes":[]}`, 400, "INVALID_FIELD"},
		"options that are null":            {"", "", `{"count":1,"offset":0,"country_codes":["US"],"options":null}`, 400, "INVALID_FIELD"},
		"a token of another form":          {"/accounts/get", "", `{"access_token":"x"}`, 400, "INVALID_ACCESS_TOKEN"},
		"a token of another environment":   {"/accounts/get", "", `{"access_token":"access-production-1"}`, 400, "INVALID_ACCESS_TOKEN"},
		"an unknown public token":          {"/item/public_token/exchange", "", `{"public_token":"public-sandbox-1"}`, 400, "INVALID_PUBLIC_TOKEN"},
		"an unknown link token":            {"/link/token/get", "", `{"link_token":"link-sandbox-1"}`, 400, "INVALID_LINK_TOKEN"},
		"an unknown institution":           {"/institutions/get_by_id", "", `{"institution_id":"ins_0","country_codes":["US"]}`, 400, "INVALID_INSTITUTION"},
		"an institution of another land": {
			"/institutions/get_by_id", "", `{"institution_id":"ins_900101","country_codes":["NL"]}`, 400,
			"INVALID_INSTITUTION",
		},
		"an unknown key of webhooks": {"/webhook_verification_key/get", "", `{"key_id":"x"}`, 400, "INVALID_WEBHOOK_VERIFICATION_KEY_ID"},
	} {
		t.Run(name, func(t *testing.T) {
			header := c.PlaidHeader()
			switch tc.kind {
			case "":
			case "-":
				header.Del("Content-Type")
			default:
				header.Set("Content-Type", tc.kind)
			}
			path := tc.path
			if path == "" {
				path = "/institutions/get"
			}
			a := c.Raw(c.Bank.Plaid(), http.MethodPost, path, header, tc.body)
			require.Equal(t, tc.status, a.Status, a.Body)
			assert.Len(t, a.Body["request_id"], 15)
			if tc.code != "" {
				assert.Equal(t, tc.code, a.Body["error_code"])
			}
		})
	}
	t.Run("a read by GET is an unknown path", func(t *testing.T) {
		a := c.Raw(c.Bank.Plaid(), http.MethodGet, "/institutions/get", c.PlaidHeader(), "")
		assert.Equal(t, http.StatusNotFound, a.Status)
	})
}

func credentials(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	creds := c.Bank.Credentials().Plaid
	for name, tc := range map[string]struct{ headerID, headerSecret, bodyID, bodySecret, code string }{
		"headers":                     {creds.ClientID, creds.Secret, "", "", ""},
		"the body":                    {"", "", creds.ClientID, creds.Secret, ""},
		"one in each":                 {creds.ClientID, "", "", creds.Secret, ""},
		"a wrong secret":              {creds.ClientID, "x", "", "", "INVALID_API_KEYS"},
		"another client":              {strings.Repeat("0", 24), creds.Secret, "", "", "INVALID_API_KEYS"},
		"a client of another form":    {"x", creds.Secret, "", "", "INVALID_FIELD"},
		"none":                        {"", "", "", "", "MISSING_FIELDS"},
		"a secret without its client": {"", creds.Secret, "", "", "MISSING_FIELDS"},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Content-Type": {"application/json"}}
			header.Set("Plaid-Client-Id", tc.headerID)
			header.Set("Plaid-Secret", tc.headerSecret)
			body := `{"count":1,"offset":0,"country_codes":["US"]`
			if tc.bodyID != "" {
				body += `,"client_id":"` + tc.bodyID + `"`
			}
			if tc.bodySecret != "" {
				body += `,"secret":"` + tc.bodySecret + `"`
			}
			a := c.Raw(c.Bank.Plaid(), http.MethodPost, "/institutions/get", header, body+"}")
			if tc.code == "" {
				assert.Equal(t, http.StatusOK, a.Status, a.Body)
				return
			}
			assert.Equal(t, http.StatusBadRequest, a.Status)
			assert.Equal(t, tc.code, a.Body["error_code"])
		})
	}
	t.Run("the journal masks them", func(t *testing.T) {
		for _, r := range c.Bank.Requests() {
			assert.NotContains(t, r.Body, creds.Secret)
			for _, value := range r.Header {
				assert.NotContains(t, value, creds.Secret)
			}
		}
	})
}

func envelope(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	a := c.Plaid("/accounts/get", object{"access_token": "access-sandbox-0"})
	for _, name := range []string{
		"error_type", "error_code", "error_message", "display_message", "request_id", "documentation_url",
		"suggested_action",
	} {
		assert.Contains(t, a.Body, name)
	}
	assert.Equal(t, "INVALID_INPUT", a.Body["error_type"])
	assert.Nil(t, a.Body["display_message"])
}

func invalidLinkTokens(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Plaid: virtualbank.PlaidOptions{
		RedirectURIs: []string{"https://app.example.com/oauth"},
	}})
	access, _ := c.LinkPlaid("ins_900101", nil)
	for name, tc := range map[string]struct {
		more object
		code string
	}{
		"an empty name":                   {object{"client_name": ""}, "INVALID_FIELD"},
		"an unknown language":             {object{"language": "xx"}, "INVALID_FIELD"},
		"a user that is an address":       {object{"user": object{"client_user_id": "rosa@example.com"}}, "INVALID_FIELD"},
		"a user that is a phone number":   {object{"user": object{"client_user_id": "+15550100123"}}, "INVALID_FIELD"},
		"a user without an id":            {object{"user": object{}}, "MISSING_FIELDS"},
		"a phone number of another form":  {object{"user": object{"client_user_id": "u", "phone_number": "555"}}, "INVALID_FIELD"},
		"an unknown user_id":              {object{"user_id": "usr_x"}, "INVALID_USER_ID"},
		"no product":                      {object{"products": []string{}}, "INVALID_FIELD"},
		"balance as a product":            {object{"products": []string{"balance"}}, "INVALID_PRODUCT"},
		"recurring transactions":          {object{"optional_products": []string{"recurring_transactions"}}, "INVALID_PRODUCT"},
		"a product in two lists":          {object{"optional_products": []string{"transactions"}}, "INVALID_FIELD"},
		"products in update mode":         {object{"access_token": access}, "INVALID_FIELD"},
		"update mode of an unknown token": {object{"access_token": "access-sandbox-0", "products": nil}, "INVALID_ACCESS_TOKEN"},
		"filters in update mode without account selection": {object{
			"access_token": access, "products": nil,
			"account_filters": object{"depository": object{"account_subtypes": []string{"all"}}},
		}, "INVALID_FIELD"},
		"update settings of a new Item":    {object{"update": object{"account_selection_enabled": true}}, "INVALID_FIELD"},
		"a redirect that is not listed":    {object{"redirect_uri": "https://app.example.com/other"}, "INVALID_FIELD"},
		"a redirect with a query":          {object{"redirect_uri": "https://app.example.com/oauth?a=1"}, "INVALID_FIELD"},
		"a redirect with a fragment":       {object{"redirect_uri": "https://app.example.com/oauth#a"}, "INVALID_FIELD"},
		"a redirect without TLS":           {object{"redirect_uri": "http://app.example.com/oauth"}, "INVALID_FIELD"},
		"a redirect of another scheme":     {object{"redirect_uri": "app://oauth"}, "INVALID_FIELD"},
		"a webhook that is not a URL":      {object{"webhook": "app.example.com"}, "INVALID_FIELD"},
		"more days than there are":         {object{"transactions": object{"days_requested": 731}}, "INVALID_FIELD"},
		"no days":                          {object{"transactions": object{"days_requested": 0}}, "INVALID_FIELD"},
		"a hosted link for more than 21 d": {object{"hosted_link": object{"url_lifetime_seconds": 21*86400 + 1}}, "INVALID_FIELD"},
		"multi-item Link without a user":   {object{"enable_multi_item_link": true}, "INVALID_FIELD"},
		"filters without subtypes":         {object{"account_filters": object{"depository": object{}}}, "MISSING_FIELDS"},
		"an unknown member":                {object{"color": "red"}, "UNKNOWN_FIELDS"},
	} {
		t.Run(name, func(t *testing.T) {
			status, code := c.PlaidRefused("/link/token/create", banktest.LinkRequest(tc.more))
			assert.Equal(t, http.StatusBadRequest, status)
			assert.Equal(t, tc.code, code)
		})
	}
	t.Run("the listed redirect is accepted", func(t *testing.T) {
		body := c.PlaidOK("/link/token/create", banktest.LinkRequest(object{
			"redirect_uri": "https://app.example.com/oauth",
		}))
		assert.Regexp(t, `^link-sandbox-[0-9a-f-]{36}$`, body["link_token"])
	})
}
