package moneykit_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestImport(t *testing.T) {
	t.Parallel()
	t.Run("data are returned as they were sent", importedData)
	t.Run("an invalid import is refused", strictImports)
}

// importedLink returns a valid import.
func importedLink() object {
	return object{
		"customer_user": object{"id": "user-1", "email": object{"address": "rosa@example.com"}},
		"provider":      "plaid", "institution_id": "mx.northwind",
		"accounts": []object{
			{
				"account_id": "mine",
				"name":       "Old Checking",
				"nickname":   "Bills",
				"type":       "depository.checking",
				"mask":       "4410",
				"balances": object{
					"currency":     "USD",
					"current":      100.25,
					"available":    nil,
					"limit":        nil,
					"balance_date": "2026-11-20",
				},
			},
			{
				"account_id": "card", "name": "Card", "type": "Credit Card", "balances": object{},
			},
		},
		"transactions": []object{
			{
				"account_id":     "mine",
				"transaction_id": "t-1",
				"amount":         "-3.20",
				"date":           "2026-11-19",
				"description":    "Coffee",
			},
			{
				"account_id":  "mine",
				"amount":      "1000",
				"date":        "2026-11-18T09:30:00Z",
				"description": nil,
				"type":        "deposit",
			},
			{"account_id": "mine", "amount": "1000", "date": "2026-11-18"},
		},
	}
}

// importedMoments imports days and timestamps. It reads them in both forms of timestamps.
func importedMoments(t *testing.T, c banktest.Caller, token string) {
	t.Helper()
	cases := []struct {
		sent, day       string
		zoned, zoneless any
	}{
		{"2026-02-20T23:30:00-08:00", "2026-02-20", "2026-02-20T23:30:00-08:00", "2026-02-21T07:30:00"},
		{"2026-02-19T00:15:00.250000+05:30", "2026-02-19", "2026-02-19T00:15:00.250000+05:30", "2026-02-18T18:45:00"},
		{"2026-02-18T09:30:00Z", "2026-02-18", "2026-02-18T09:30:00Z", "2026-02-18T09:30:00"},
		{"2026-02-17T09:30:00", "2026-02-17", "2026-02-17T09:30:00+00:00", "2026-02-17T09:30:00"},
		{"2026-02-16T09:30:00.5", "2026-02-16", "2026-02-16T09:30:00.5+00:00", "2026-02-16T09:30:00"},
		{"2026-02-15", "2026-02-15", nil, nil},
	}
	in := importedLink()
	var sent []object
	for _, tc := range cases {
		sent = append(
			sent,
			object{"account_id": "mine", "transaction_id": tc.sent + " row", "amount": "1", "date": tc.sent},
		)
	}
	in["transactions"] = sent[:3]
	in = banktest.Changed(in, "2026-02-20T23:30:00-08:00", "accounts", "balances", "balance_date")
	a := c.MoneyKit("POST", "/links/import", token, in)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	path := "/links/" + a.Body["link_id"].(string)
	a = c.MoneyKit("POST", path+"/import/transactions", token, object{"transactions": sent[3:]})
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	for _, zoneless := range []bool{false, true} {
		c.Bank.SetForms(virtualbank.Forms{ZonelessTimes: zoneless})
		listed := banktest.List(c.MoneyKit("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body,
			"transactions")
		changes := c.MoneyKit("GET", path+"/transactions/sync", token, nil).Body["transactions"].(object)
		for name, rows := range map[string][]object{"list": listed, "sync": banktest.List(changes, "created")} {
			t.Run(name, func(t *testing.T) {
				require.Len(t, rows, len(cases))
				for i, tc := range cases {
					want := tc.zoned
					if zoneless {
						want = tc.zoneless
					}
					assert.Equal(t, tc.sent+" row", rows[i]["original_id"])
					assert.Equal(t, tc.day, rows[i]["date"], "the day as it was sent")
					assert.Equal(t, want, rows[i]["datetime"], "%s: %s, zoneless %t", name, tc.sent, zoneless)
				}
			})
		}
		balances := banktest.List(c.MoneyKit("GET", path+"/accounts", token, nil).Body,
			"accounts")[0]["balances"].(object)
		want := map[bool]string{false: "2026-02-20T23:30:00-08:00", true: "2026-02-21T07:30:00"}[zoneless]
		assert.Equal(t, want, balances["balance_date"], "the day of a balance")
	}
}

func importedData(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token := c.Token()
	a := c.MoneyKit("POST", "/links/import", token, importedLink())
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	path := "/links/" + a.Body["link_id"].(string)
	assert.Equal(t, "error", a.Body["state"])
	assert.Equal(t, "auth_expired", a.Body["error_code"])
	assert.Equal(t, "plaid", a.Body["provider"])

	accounts := banktest.List(c.MoneyKit("GET", path+"/accounts", token, nil).Body, "accounts")
	require.Len(t, accounts, 2)
	given := object{
		"name":         "Old Checking",
		"nickname":     "Bills",
		"account_mask": "4410",
		"original_id":  "mine",
		"account_type": "depository.checking",
		"balances": object{
			"currency":     "USD",
			"current":      100.25,
			"available":    nil,
			"limit":        nil,
			"balance_date": "2026-11-20",
		},
	}
	for key, want := range given {
		assert.Equal(t, want, accounts[0][key], key)
	}
	assert.Nil(t, accounts[1]["nickname"])
	assert.Nil(t, accounts[1]["account_mask"])
	assert.Equal(
		t,
		"liability.credit_card",
		accounts[1]["account_type"],
		"any text becomes one of MoneyKit's types",
	)
	assert.Nil(t, accounts[1]["balances"].(object)["currency"])

	rows := banktest.List(c.MoneyKit("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body,
		"transactions")
	require.Len(t, rows, 3)
	assert.Equal(t, "t-1", rows[0]["original_id"])
	assert.Equal(t, "3.20", rows[0]["amount"])
	assert.Equal(t, "debit", rows[0]["type"])
	assert.Equal(t, "Coffee", rows[0]["description"])
	assert.Equal(t, "2026-11-18", rows[1]["date"])
	assert.Nil(t, rows[1]["original_id"])
	assert.Nil(t, rows[1]["description"], "none was given")
	assert.NotEqual(
		t,
		rows[1]["transaction_id"],
		rows[2]["transaction_id"],
		"two rows without an id are two rows",
	)

	more := object{"transactions": []object{
		{"account_id": "mine", "transaction_id": "t-1", "amount": "-3.20", "date": "2026-11-19"},
		{"account_id": "mine", "transaction_id": "t-2", "amount": "0.01", "date": "2026-11-21"},
	}}
	for range 2 {
		require.Equal(t, http.StatusOK, c.MoneyKit("POST", path+"/import/transactions", token, more).Status)
	}
	rows = banktest.List(c.MoneyKit("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body, "transactions")
	require.Len(t, rows, 4, "a row whose id exists is ignored")
	assert.Equal(t, "t-2", rows[0]["original_id"])
	t.Run("times of day are returned if they were sent", func(t *testing.T) { importedMoments(t, c, token) })
}

func strictImports(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token := c.Token()
	a := c.MoneyKit("POST", "/links/import", token, importedLink())
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	more := "/links/" + a.Body["link_id"].(string) + "/import/transactions"
	for name, tc := range map[string]struct {
		value any
		path  string
	}{
		"no user":                           {banktest.Absent, "customer_user"},
		"a short user id":                   {"abc", "customer_user.id"},
		"a user id that is a number":        {1234, "customer_user.id"},
		"a short address":                   {"a@b", "customer_user.email.address"},
		"an unknown provider":               {"acme", "provider"},
		"a provider that is null":           {nil, "provider"},
		"an unknown institution":            {"nowhere", "institution_id"},
		"no institution":                    {banktest.Absent, "institution_id"},
		"accounts that are not a list":      {object{}, "accounts"},
		"no accounts":                       {banktest.Absent, "accounts"},
		"no transactions":                   {banktest.Absent, "transactions"},
		"an account without id":             {banktest.Absent, "accounts.account_id"},
		"an account with an empty id":       {"", "accounts.account_id"},
		"an account id twice":               {"card", "accounts.account_id"},
		"an account without name":           {banktest.Absent, "accounts.name"},
		"an account without type":           {banktest.Absent, "accounts.type"},
		"a nickname that is a number":       {7, "accounts.nickname"},
		"an account without balances":       {banktest.Absent, "accounts.balances"},
		"a balance that is text":            {"100.25", "accounts.balances.current"},
		"an invalid balance date":           {"yesterday", "accounts.balances.balance_date"},
		"an invalid currency":               {"dollars", "accounts.balances.currency"},
		"a row of an unknown account":       {"other", "transactions.account_id"},
		"a row without account":             {banktest.Absent, "transactions.account_id"},
		"a row without amount":              {banktest.Absent, "transactions.amount"},
		"an amount that is not a number":    {"abc", "transactions.amount"},
		"an amount that is not text":        {-3.2, "transactions.amount"},
		"an amount with an exponent":        {"1e3", "transactions.amount"},
		"an amount with a plus":             {"+1", "transactions.amount"},
		"an amount with thousands":          {"1,000.00", "transactions.amount"},
		"an empty amount":                   {"", "transactions.amount"},
		"a row without date":                {banktest.Absent, "transactions.date"},
		"an invalid date":                   {"yesterday", "transactions.date"},
		"a day the calendar does not have":  {"2026-02-30", "transactions.date"},
		"a date in another order":           {"19/11/2026", "transactions.date"},
		"an empty date":                     {"", "transactions.date"},
		"a description that is a number":    {1, "transactions.description"},
		"a transaction id that is a number": {1, "transactions.transaction_id"},
	} {
		t.Run(name, func(t *testing.T) {
			path := strings.Split(tc.path, ".")
			in := banktest.Changed(importedLink(), tc.value, path...)
			a := c.MoneyKit("POST", "/links/import", token, in)
			assert.Equal(t, http.StatusUnprocessableEntity, a.Status, a.Body)
			assert.Equal(t, "api_error.request.validation_failed", a.Body["error_code"])
			if faults := a.Body["validation_errors"]; assert.NotEmpty(t, faults) {
				at := faults.([]any)[0].(object)["location"].([]any)
				assert.Equal(t, path[len(path)-1], at[len(at)-1], "the error names the member")
			}
			if path[0] == "transactions" {
				rows := object{"transactions": in["transactions"]}
				assert.Equal(
					t,
					http.StatusUnprocessableEntity,
					c.MoneyKit("POST", more, token, rows).Status, "later on")
			}
		})
	}
	twice := importedLink()
	twice["transactions"] = []object{
		{"account_id": "mine", "transaction_id": "t", "amount": "1", "date": "2026-11-01"},
		{"account_id": "mine", "transaction_id": "t", "amount": "2", "date": "2026-11-02"},
	}
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		c.MoneyKit("POST", "/links/import", token, twice).Status,
		"a transaction id twice",
	)
	var links int
	for _, l := range c.Bank.Links() {
		if l.Provider == "moneykit" {
			links++
		}
	}
	assert.Equal(t, 1, links, "a refused import makes no link")

	_, path := c.LinkMoneyKit()
	own := object{"transactions": []object{{"account_id": "checking", "amount": "1", "date": "2026-11-01"}}}
	a = c.MoneyKit("POST", path+"/import/transactions", token, own)
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		a.Status,
		"a link that was not imported has no account of that name",
	)
}
