package plaid_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestData(t *testing.T) {
	t.Parallel()
	t.Run("account numbers have the scheme of the country", schemes)
	t.Run("filters show the accounts of their types alone", filters)
	t.Run("an institution that is down stops the calls that ask it", outages)
	t.Run("institutions are listed, found and described", institutions)
	t.Run("faults have Plaid's words", faults)
	t.Run("published limits are kept where the application wants them", limits)
	t.Run("a login ends after its lifetime", lifetimes)
}

func schemes(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	for institution, want := range map[string][]string{
		"ins_900101": {"ach"}, "ins_900401": {"eft"}, "ins_900201": {"bacs", "international"},
		"ins_900301": {"international"}, "ins_900302": {"international"},
	} {
		access, _ := c.LinkPlaid(institution, object{"products": []string{"auth", "identity"}})
		body := c.PlaidOK("/auth/get", object{"access_token": access})
		for scheme, list := range body["numbers"].(object) {
			for _, number := range list.([]any) {
				assert.Contains(t, want, scheme, institution)
				if text, ok := number.(object)["iban"].(string); ok {
					assert.True(t, validIBAN(text), text)
				}
			}
		}
		for _, scheme := range want {
			assert.Len(t, body["numbers"].(object)[scheme], 2, institution)
		}
		owner := banktest.List(c.PlaidOK("/identity/get", object{"access_token": access}), "accounts")[0]["owners"]
		assert.Len(t, owner, 1)
	}
	access, _ := c.LinkPlaid("ins_900101", object{"products": []string{"auth"}})
	_, code := c.PlaidRefused("/auth/get", object{
		"access_token": access, "options": object{"account_ids": []string{"x"}},
	})
	assert.Equal(t, "INVALID_ACCOUNT_ID", code)
}

func validIBAN(text string) bool {
	sum := 0
	for _, r := range text[4:] + text[:4] {
		if r >= 'A' {
			sum = (sum*100 + int(r-'A') + 10) % 97
			continue
		}
		sum = (sum*10 + int(r-'0')) % 97
	}
	return sum == 1
}

func filters(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, _ := c.LinkPlaid("ins_900101", object{
		"products": []string{"auth"},
		"account_filters": object{
			"depository": object{"account_subtypes": []string{"savings"}, "limited_purpose_types": []string{}},
			"loan":       object{"account_subtypes": []string{"all"}},
		},
		"additional_consented_products": []string{"investments"},
	})
	var names []any
	for _, a := range banktest.List(c.PlaidOK("/accounts/get", object{"access_token": access}), "accounts") {
		names = append(names, a["name"])
	}
	assert.Equal(t, []any{"Rainy Day Savings", "Car Loan"}, names)
	_, code := c.PlaidRefused("/investments/holdings/get", object{"access_token": access})
	assert.Equal(t, "NO_INVESTMENT_ACCOUNTS", code)
}

func outages(t *testing.T) {
	t.Parallel()
	c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	require.NoError(t, c.Bank.Outage("ins_900101", true))
	body := object{"access_token": access}
	c.PlaidOK("/accounts/get", body)
	for _, path := range []string{"/accounts/balance/get", "/transactions/refresh"} {
		_, code := c.PlaidRefused(path, body)
		assert.Equal(t, "INSTITUTION_DOWN", code)
	}
	require.NoError(t, c.Bank.Refresh(id))
	status := c.PlaidOK("/item/get", body)["status"].(object)["transactions"].(object)
	assert.NotNil(t, status["last_failed_update"])
	down := c.PlaidOK("/institutions/get_by_id", object{
		"institution_id": "ins_900101", "country_codes": []string{"US"}, "options": object{"include_status": true},
	})["institution"].(object)["status"].(object)["item_logins"].(object)
	assert.Equal(t, "DOWN", down["status"])
}

func institutions(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	list := func(offset int, options object) (names []any, total any) {
		body := c.PlaidOK("/institutions/get", object{
			"count": 3, "offset": offset, "country_codes": []string{"US", "GB"}, "options": options,
		})
		for _, in := range banktest.List(body, "institutions") {
			names = append(names, in["name"])
		}
		return names, body["total"]
	}
	all, total := list(0, object{})
	require.Len(t, all, 3)
	filtered, same := list(0, object{"products": []string{"investments"}})
	assert.Less(t, len(filtered), 3, "a page may be shorter")
	assert.Equal(t, total, same)
	past, _ := list(100, object{})
	assert.Empty(t, past)
	countries := map[any]bool{}
	for _, country := range []string{"US", "CA", "GB", "NL", "DE"} {
		body := c.PlaidOK("/institutions/search", object{"query": "bank", "country_codes": []string{country}})
		for _, in := range banktest.List(body, "institutions") {
			countries[in["country_codes"].([]any)[0]] = true
		}
	}
	assert.Len(t, countries, 5)
}

func faults(t *testing.T) {
	t.Parallel()
	c, access, _ := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	for name, want := range map[string]struct {
		path, code string
		status     int
	}{
		"credentials_rejected":     {"/accounts/get", "INVALID_API_KEYS", 400},
		"unknown_code":             {"/accounts/get", "UNHEARD_OF", 400},
		"institution_down":         {"/accounts/get", "INSTITUTION_DOWN", 400},
		"internal_error":           {"/accounts/get", "INTERNAL_SERVER_ERROR", 500},
		"planned_maintenance":      {"/accounts/get", "PLANNED_MAINTENANCE", 503},
		"item_rate_limited":        {"/accounts/balance/get", "BALANCE_LIMIT", 429},
		"institution_rate_limited": {"/accounts/balance/get", "INSTITUTION_RATE_LIMIT", 429},
		"not_ready":                {"/investments/transactions/get", "", 0},
		"sync_mutation":            {"/transactions/sync", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", 400},
		"consent_required":         {"/auth/get", "ADDITIONAL_CONSENT_REQUIRED", 400},
		"rate_limited":             {"/item/get", "RATE_LIMIT", 429},
	} {
		require.NoError(t, c.Bank.Inject(virtualbank.Fault{Name: name, Provider: "plaid", Times: 1}), name)
		if want.code != "" {
			status, code := c.PlaidRefused(want.path, object{"access_token": access})
			assert.Equal(t, want.code, code, name)
			assert.Equal(t, want.status, status, name)
		}
		c.Bank.ClearFaults()
	}
	require.Error(t, c.Bank.Inject(virtualbank.Fault{Name: "sync_mutation", Provider: "dapi"}))
}

func limits(t *testing.T) {
	t.Parallel()
	c, access, _ := linked(t, virtualbank.Options{
		Start: banktest.Start, Plaid: virtualbank.PlaidOptions{RateLimits: true},
	}, nil)
	body := object{"access_token": access}
	c.PlaidOK("/transactions/refresh", body)
	c.PlaidOK("/transactions/refresh", body)
	status, code := c.PlaidRefused("/transactions/refresh", body)
	assert.Equal(t, 429, status)
	assert.Equal(t, "TRANSACTIONS_REFRESH_LIMIT", code)
	c.Bank.Advance(time.Minute)
	c.PlaidOK("/transactions/refresh", body)
}

func lifetimes(t *testing.T) {
	t.Parallel()
	c, access, _ := linked(t, virtualbank.Options{
		Start: banktest.Start, Plaid: virtualbank.PlaidOptions{ItemLifetime: 30 * 24 * time.Hour},
	}, nil)
	c.Bank.Advance(30 * 24 * time.Hour)
	_, code := c.PlaidRefused("/accounts/get", object{"access_token": access})
	assert.Equal(t, "ITEM_LOGIN_REQUIRED", code)
}
