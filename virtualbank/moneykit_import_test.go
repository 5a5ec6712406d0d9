package virtualbank_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

// importedLink is a request that every rule allows.
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

func TestAnImportIsGivenBackAsItWasSent(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token := c.token()
	a := c.mk("POST", "/links/import", token, importedLink())
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	path := "/links/" + a.Body["link_id"].(string)
	assert.Equal(t, "error", a.Body["state"])
	assert.Equal(t, "auth_expired", a.Body["error_code"])
	assert.Equal(t, "plaid", a.Body["provider"])

	accounts := list(c.mk("GET", path+"/accounts", token, nil).Body, "accounts")
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
		"any text is turned into one of MoneyKit's types",
	)
	assert.Nil(t, accounts[1]["balances"].(object)["currency"])

	rows := list(c.mk("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body, "transactions")
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
		"rows without an id of their own are rows of their own",
	)

	more := object{"transactions": []object{
		{"account_id": "mine", "transaction_id": "t-1", "amount": "-3.20", "date": "2026-11-19"},
		{"account_id": "mine", "transaction_id": "t-2", "amount": "0.01", "date": "2026-11-21"},
	}}
	for range 2 {
		require.Equal(t, http.StatusOK, c.mk("POST", path+"/import/transactions", token, more).Status)
	}
	rows = list(c.mk("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body, "transactions")
	require.Len(t, rows, 4, "a row whose id is there already is passed over")
	assert.Equal(t, "t-2", rows[0]["original_id"])
	t.Run("with the time of day where one was sent", func(t *testing.T) { importedMoments(t, c, token) })
}

// importedMoments imports days and timestamps, and reads them in both forms of timestamps.
func importedMoments(t *testing.T, c caller, token string) {
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
	in = changed(in, "2026-02-20T23:30:00-08:00", "accounts", "balances", "balance_date")
	a := c.mk("POST", "/links/import", token, in)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	path := "/links/" + a.Body["link_id"].(string)
	a = c.mk("POST", path+"/import/transactions", token, object{"transactions": sent[3:]})
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	for _, zoneless := range []bool{false, true} {
		c.bank.SetForms(virtualbank.Forms{ZonelessTimes: zoneless})
		listed := list(c.mk("GET", path+"/transactions?start_date=1900-01-01", token, nil).Body, "transactions")
		changes := c.mk("GET", path+"/transactions/sync", token, nil).Body["transactions"].(object)
		for name, rows := range map[string][]object{"list": listed, "sync": list(changes, "created")} {
			require.Len(t, rows, len(cases), name)
			for i, tc := range cases {
				want := tc.zoned
				if zoneless {
					want = tc.zoneless
				}
				assert.Equal(t, tc.sent+" row", rows[i]["original_id"], name)
				assert.Equal(t, tc.day, rows[i]["date"], "%s: the day as it was sent", name)
				assert.Equal(t, want, rows[i]["datetime"], "%s: %s, zoneless %t", name, tc.sent, zoneless)
			}
		}
		balances := list(c.mk("GET", path+"/accounts", token, nil).Body, "accounts")[0]["balances"].(object)
		want := map[bool]string{false: "2026-02-20T23:30:00-08:00", true: "2026-02-21T07:30:00"}[zoneless]
		assert.Equal(t, want, balances["balance_date"], "the day of a balance")
	}
}

// changed is a deep copy of an import with one member set, or taken away with absent.
func changed(in object, value any, path ...string) object {
	out := maps.Clone(in)
	name := path[0]
	switch inner := out[name].(type) {
	case []object:
		if len(path) > 1 {
			inner = slices.Clone(inner)
			inner[0] = changed(inner[0], value, path[1:]...)
			out[name] = inner
			return out
		}
	case object:
		if len(path) > 1 {
			out[name] = changed(inner, value, path[1:]...)
			return out
		}
	}
	if out[name] = value; value == absent {
		delete(out, name)
	}
	return out
}

type absence struct{}

var absent any = absence{}

func TestImportsAreAsStrictAsSessions(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token := c.token()
	a := c.mk("POST", "/links/import", token, importedLink())
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	more := "/links/" + a.Body["link_id"].(string) + "/import/transactions"
	for name, tc := range map[string]struct {
		value any
		path  string
	}{
		"no user":                           {absent, "customer_user"},
		"a short user id":                   {"abc", "customer_user.id"},
		"a user id that is a number":        {1234, "customer_user.id"},
		"a short address":                   {"a@b", "customer_user.email.address"},
		"a provider nobody knows":           {"acme", "provider"},
		"a provider that is null":           {nil, "provider"},
		"an institution nobody knows":       {"nowhere", "institution_id"},
		"no institution":                    {absent, "institution_id"},
		"accounts that are no list":         {object{}, "accounts"},
		"no accounts":                       {absent, "accounts"},
		"no transactions":                   {absent, "transactions"},
		"an account without id":             {absent, "accounts.account_id"},
		"an account with an empty id":       {"", "accounts.account_id"},
		"an account id twice":               {"card", "accounts.account_id"},
		"an account without name":           {absent, "accounts.name"},
		"an account without type":           {absent, "accounts.type"},
		"a nickname that is a number":       {7, "accounts.nickname"},
		"an account without balances":       {absent, "accounts.balances"},
		"a balance that is text":            {"100.25", "accounts.balances.current"},
		"a balance date that is none":       {"yesterday", "accounts.balances.balance_date"},
		"a currency that is none":           {"dollars", "accounts.balances.currency"},
		"a row of an account nobody has":    {"other", "transactions.account_id"},
		"a row without account":             {absent, "transactions.account_id"},
		"a row without amount":              {absent, "transactions.amount"},
		"an amount that is no number":       {"abc", "transactions.amount"},
		"an amount that is no text":         {-3.2, "transactions.amount"},
		"an amount with an exponent":        {"1e3", "transactions.amount"},
		"an amount with a plus":             {"+1", "transactions.amount"},
		"an amount with thousands":          {"1,000.00", "transactions.amount"},
		"an empty amount":                   {"", "transactions.amount"},
		"a row without date":                {absent, "transactions.date"},
		"a date that is none":               {"yesterday", "transactions.date"},
		"a day the calendar does not have":  {"2026-02-30", "transactions.date"},
		"a date in another order":           {"19/11/2026", "transactions.date"},
		"an empty date":                     {"", "transactions.date"},
		"a description that is a number":    {1, "transactions.description"},
		"a transaction id that is a number": {1, "transactions.transaction_id"},
	} {
		path := strings.Split(tc.path, ".")
		in := changed(importedLink(), tc.value, path...)
		a := c.mk("POST", "/links/import", token, in)
		assert.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s: %v", name, a.Body)
		assert.Equal(t, "api_error.request.validation_failed", a.Body["error_code"], name)
		if faults := a.Body["validation_errors"]; assert.NotEmpty(t, faults, name) {
			at := faults.([]any)[0].(object)["location"].([]any)
			assert.Equal(t, path[len(path)-1], at[len(at)-1], "%s: it says where", name)
		}
		if path[0] == "transactions" {
			rows := object{"transactions": in["transactions"]}
			assert.Equal(
				t,
				http.StatusUnprocessableEntity,
				c.mk("POST", more, token, rows).Status,
				"%s, later on",
				name,
			)
		}
	}
	twice := importedLink()
	twice["transactions"] = []object{
		{"account_id": "mine", "transaction_id": "t", "amount": "1", "date": "2026-11-01"},
		{"account_id": "mine", "transaction_id": "t", "amount": "2", "date": "2026-11-02"},
	}
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		c.mk("POST", "/links/import", token, twice).Status,
		"a transaction id twice",
	)
	var links int
	for _, l := range c.bank.Links() {
		if l.Provider == "moneykit" {
			links++
		}
	}
	assert.Equal(t, 1, links, "what is refused makes no link")

	_, path := c.linkMK()
	own := object{"transactions": []object{{"account_id": "checking", "amount": "1", "date": "2026-11-01"}}}
	a = c.mk("POST", path+"/import/transactions", token, own)
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		a.Status,
		"a link that was not imported has no account of that name",
	)
}

func TestCorrectionsAreKeptAndShown(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.bank.Refresh(id))
	rows := map[string]object{}
	cursor, _ := c.synced(token, path, "", rows)
	var groceries string
	total := 0
	for key, row := range rows {
		if row["description"] == "Groceries" && row["pending"] == false {
			groceries = key
			total++
		}
	}
	require.NotEmpty(t, groceries)

	target := path + "/transactions/" + groceries + "/enrichment"
	for name, body := range map[string]object{
		"a category nobody knows":          {"category": "Food"},
		"no category":                      {"subcategory": "groceries"},
		"a category that is null":          {"category": nil},
		"a subcategory nobody knows":       {"category": "shopping", "subcategory": "things"},
		"a subcategory for a category":     {"category": "groceries"},
		"a category that is another's sub": {"category": "shopping", "subcategory": "food_and_drink"},
	} {
		a := c.mk("POST", target, token, body)
		assert.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s: %v", name, a.Body)
		assert.NotEmpty(t, a.Body["validation_errors"], name)
	}
	told := object{"category": "shopping", "subcategory": "other_shopping"}
	unknown := c.mk("POST", path+"/transactions/txn_nothing/enrichment", token, told)
	assert.Equal(t, http.StatusNotFound, unknown.Status)

	categories := func(row object) [2]any {
		e := row["enrichment"].(object)
		sub, _ := e["subcategory"].(object)
		return [2]any{e["category"].(object)["value"], sub["value"]}
	}
	want := [2]any{"shopping", "other_shopping"}
	a := c.mk("POST", target, token, told)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	answered := list(a.Body, "transactions")
	assert.Len(t, answered, total, "the row and those like it")
	for _, row := range answered {
		assert.Equal(t, want, categories(row))
		assert.Equal(t, "Groceries", row["enrichment"].(object)["merchant"].(object)["name"], "the merchant stays")
	}

	shown := func(list []object) {
		t.Helper()
		seen := 0
		for _, row := range list {
			if row["description"] == "Groceries" {
				seen++
				assert.Equal(t, want, categories(row))
			}
		}
		assert.Positive(t, seen)
	}
	shown(list(c.mk("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body, "transactions"))
	shown(
		list(
			c.mk("GET", "/users/user-1/transactions?size=1000&start_date=1900-01-01", token, nil).Body,
			"transactions",
		),
	)
	update := c.mk("GET", path+"/transactions/sync?size=500&cursor="+cursor, token, nil).Body
	assert.Len(t, update["transactions"].(object)["updated"], total, "the next sync has them")
	assert.Empty(t, update["transactions"].(object)["removed"])
	next := update["cursor"].(object)["next"].(string)

	c.bank.Advance(20 * time.Minute)
	require.NoError(t, c.bank.Refresh(id))
	shown(list(c.mk("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body, "transactions"))
	later := c.mk("GET", path+"/transactions/sync?size=500&cursor="+next, token, nil).Body
	assert.Empty(t, later["transactions"].(object)["updated"], "once")

	again := object{"category": "charity"}
	require.Equal(t, http.StatusOK, c.mk("POST", target, token, again).Status)
	want = [2]any{"charity", nil}
	shown(list(c.mk("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body, "transactions"))
}

func TestTestWebhooksAreOfKnownEventsAndCarryTheirToken(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token, id := c.linkWithHook()
	c.deliver(&receiver{})
	for _, event := range []any{"link.exploded", "links.state_changed", "connection.deleted", "", nil, 7} {
		a := c.mk(
			"POST",
			"/webhooks/test/link/"+id,
			token,
			object{"webhook_event": event, "webhook_idempotency_key": "key"},
		)
		assert.Equal(t, http.StatusUnprocessableEntity, a.Status, "%v: %v", event, a.Body)
	}
	r := &receiver{}
	c.deliver(r)
	assert.Empty(t, r.got, "what is refused is not delivered")

	for _, event := range virtualbank.MoneyKitEvents() {
		a := c.mk(
			"POST",
			"/webhooks/test/link/"+id,
			token,
			object{"webhook_event": event, "webhook_idempotency_key": "key-" + event},
		)
		require.Equal(t, http.StatusOK, a.Status, a.Body)
		r := &receiver{status: http.StatusBadGateway}
		c.deliver(r)
		c.bank.Advance(time.Minute)
		r.status = 0
		c.deliver(r)
		require.Len(t, r.got, 2, "it is delivered again")
		for _, delivery := range r.got {
			assert.Equal(t, a.Body["delivery_token"], delivery.Header.Get("MoneyKit-Delivery-Token"), event)
		}
		assert.Contains(t, r.bodies[0], `"webhook_idempotency_key":"key-`+event+`"`)
		last := c.bank.Deliveries()
		assert.Equal(t, a.Body["delivery_token"], last[len(last)-1].Token)
	}
}

func TestCustomSandboxDataAreGivenBack(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	token := c.token()
	owner := object{
		"names": []any{"Rosa Example"}, "emails": []any{object{"address": "rosa@example.com", "primary": true}},
		"addresses":     []any{object{"street": "1 High Street", "city": nil}},
		"phone_numbers": []any{object{"number": "+15550100", "type": "work", "primary": nil}},
	}
	account := object{
		"account_type":   "depository.savings",
		"name":           "Mine",
		"account_number": "000123454410",
		"routing_number": "123456780",
	}
	custom := func(owner object) object {
		in := session("user-1")
		in["custom_sandbox_data"] = object{
			"accounts": []object{with(account, object{"routing_number": "021000021"})},
			"owners":   []object{owner},
		}
		return in
	}
	a := c.mk("POST", "/link-session", token, custom(owner))
	require.Equal(t, http.StatusCreated, a.Status, a.Body)
	b := c.do(c.bank.MoneyKit(), "POST", "/virtualbank/link", "", object{
		"link_session_token": a.Body["link_session_token"],
		"institution_id":     "credentials_bank",
		"username":           virtualbank.UserCustom,
	})
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	id := c.exchange(token, b.Body["exchangeable_token"].(string)).Body["link_id"].(string)
	require.NoError(t, c.bank.Refresh(id))
	identity := list(c.mk("GET", "/links/"+id+"/identity", token, nil).Body, "accounts")
	require.Len(t, identity, 1)
	assert.Equal(t, []any{owner}, identity[0]["owners"])
	numbers := list(c.mk("GET", "/links/"+id+"/accounts/numbers", token, nil).Body, "accounts")
	ach := numbers[0]["numbers"].(object)["ach"].([]any)[0].(object)
	assert.Equal(t, "021000021", ach["routing_number"])
	assert.Equal(t, "000123454410", ach["account_number"])

	t.Run("an empty list of owners means none, and null or no list random ones", func(t *testing.T) {
		for name, tc := range map[string]struct {
			owners any
			want   int
		}{"empty": {[]any{}, 0}, "null": {nil, 1}, "absent": {absent, 1}} {
			in := custom(owner)
			in["custom_sandbox_data"] = changed(in["custom_sandbox_data"].(object), tc.owners, "owners")
			a := c.mk("POST", "/link-session", token, in)
			require.Equal(t, http.StatusCreated, a.Status, a.Body)
			b := c.do(c.bank.MoneyKit(), "POST", "/virtualbank/link", "", object{
				"link_session_token": a.Body["link_session_token"],
				"institution_id":     "credentials_bank",
				"username":           virtualbank.UserCustom,
			})
			require.Equal(t, http.StatusOK, b.Status, b.Body)
			id := c.exchange(token, b.Body["exchangeable_token"].(string)).Body["link_id"].(string)
			require.NoError(t, c.bank.Refresh(id))
			identity := list(c.mk("GET", "/links/"+id+"/identity", token, nil).Body, "accounts")
			require.Len(t, identity, 1)
			assert.Len(t, identity[0]["owners"], tc.want, name)
		}
	})
	for name, more := range map[string]object{
		"a name that is none":         {"names": []any{1}},
		"a telephone without type":    {"phone_numbers": []any{object{"number": "1"}}},
		"a telephone of another type": {"phone_numbers": []any{object{"number": "1", "type": "fax"}}},
		"a mail without address":      {"emails": []any{object{}}},
		"an address that is a word":   {"addresses": []any{"1 High Street"}},
		"no emails":                   {"emails": nil},
	} {
		a := c.mk("POST", "/link-session", token, custom(with(owner, more)))
		assert.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s: %v", name, a.Body)
	}
}
