package plaid_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestLink(t *testing.T) {
	t.Parallel()
	t.Run("a public token works once, for 30 minutes", publicTokens)
	t.Run("update mode keeps the token and heals the Item", updateMode)
	t.Run("a hosted session of several Items shows them to /link/token/get", severalItems)
	t.Run("a failed login is an exit of the session", failedLogin)
	t.Run("each list of products has its effect", productLists)
	t.Run("an Item that was removed stays unknown", removedItem)
	t.Run("the user can heal or revoke an Item elsewhere", elsewhere)
	t.Run("without Link events only hosted sessions show results", hostedResults)
	t.Run("the user shares some accounts, and others later", sharedAccounts)
	t.Run("the sandbox makes an Item without Link", sandboxItem)
	t.Run("the banks of the sandbox are there, with their health", sandboxBanks)
	t.Run("the control plane plays the user", controlPlane)
}

// posted is what Link hands to the page.
type posted struct {
	Token    *string `json:"public_token"`
	Metadata struct {
		Institution map[string]string `json:"institution"`
		Accounts    []object          `json:"accounts"`
		Session     string            `json:"link_session_id"`
	} `json:"metadata"`
}

func play(t *testing.T, c banktest.Caller, in virtualbank.PlaidLink) posted {
	t.Helper()
	raw, err := c.Bank.LinkPlaid(in)
	require.NoError(t, err)
	var out posted
	require.NoError(t, json.Unmarshal(raw, &out))
	return out
}

func linkToken(c banktest.Caller, more object) string {
	c.T.Helper()
	token, _ := c.PlaidOK("/link/token/create", banktest.LinkRequest(more))["link_token"].(string)
	return token
}

func publicTokens(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := linkToken(c, nil)
	first := play(t, c, virtualbank.PlaidLink{LinkToken: token})
	assert.Equal(t, map[string]string{"name": "Northwind Bank", "institution_id": "ins_900101"},
		first.Metadata.Institution)
	assert.Len(t, first.Metadata.Accounts, 5)
	c.PlaidOK("/item/public_token/exchange", object{"public_token": *first.Token})
	_, code := c.PlaidRefused("/item/public_token/exchange", object{"public_token": *first.Token})
	assert.Equal(t, "INVALID_PUBLIC_TOKEN", code, "twice")

	late := play(t, c, virtualbank.PlaidLink{LinkToken: token})
	c.Bank.Advance(30 * time.Minute)
	_, code = c.PlaidRefused("/item/public_token/exchange", object{"public_token": *late.Token})
	assert.Equal(t, "INVALID_PUBLIC_TOKEN", code, "expired")

	c.Bank.Advance(4 * time.Hour)
	_, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token})
	require.Error(t, err, "the link token expired")

	lenient := banktest.Open(t, virtualbank.Options{Plaid: virtualbank.PlaidOptions{RepeatableExchange: true}})
	again := play(t, lenient, virtualbank.PlaidLink{LinkToken: linkToken(lenient, nil)})
	one := lenient.PlaidOK("/item/public_token/exchange", object{"public_token": *again.Token})
	two := lenient.PlaidOK("/item/public_token/exchange", object{"public_token": *again.Token})
	assert.Equal(t, one["item_id"], two["item_id"])
	assert.NotEqual(t, one["access_token"], two["access_token"])
}

func updateMode(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, id := c.LinkPlaid("ins_900101", nil)
	c.PlaidOK("/sandbox/item/reset_login", object{"access_token": access})
	status, code := c.PlaidRefused("/accounts/get", object{"access_token": access})
	assert.Equal(t, "ITEM_LOGIN_REQUIRED", code)
	assert.Equal(t, http.StatusBadRequest, status)
	item := c.PlaidOK("/item/get", object{"access_token": access})["item"].(object)
	assert.Equal(t, "ITEM_LOGIN_REQUIRED", item["error"].(object)["error_code"])

	body := c.PlaidOK("/link/token/create", banktest.LinkRequest(object{
		"products": nil, "access_token": access, "webhook": "https://app.example.com/other",
		"additional_consented_products": []string{"auth"},
	}))
	until, err := time.Parse(time.RFC3339, body["expiration"].(string))
	require.NoError(t, err)
	assert.LessOrEqual(t, until.Sub(c.Bank.Now()), 30*time.Minute)
	token := body["link_token"].(string)
	_, err = c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token, Username: "other"})
	require.Error(t, err, "another user name")
	out := play(t, c, virtualbank.PlaidLink{LinkToken: token})
	assert.Nil(t, out.Token)
	item = c.PlaidOK("/item/get", object{"access_token": access})["item"].(object)
	assert.Nil(t, item["error"])
	assert.Equal(t, id, item["item_id"])
	assert.Nil(t, item["webhook"], "update mode does not change it")
	c.PlaidOK("/auth/get", object{"access_token": access})
}

func severalItems(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	user := c.PlaidOK("/user/create", object{"client_user_id": "user-1"})["user_id"]
	token := linkToken(c, object{
		"hosted_link": object{}, "enable_multi_item_link": true, "user_id": user, "webhook": banktest.Hook,
	})
	one := play(t, c, virtualbank.PlaidLink{LinkToken: token, InstitutionID: "ins_900301", More: true})
	two := play(t, c, virtualbank.PlaidLink{LinkToken: token, InstitutionID: "ins_900201"})
	assert.Equal(t, one.Metadata.Session, two.Metadata.Session)
	got := c.PlaidOK("/link/token/get", object{"link_token": token})
	sessions := banktest.List(got, "link_sessions")
	require.Len(t, sessions, 1)
	results := banktest.List(sessions[0]["results"].(object), "item_add_results")
	require.Len(t, results, 2)
	assert.Equal(t, *one.Token, results[0]["public_token"])
	assert.Equal(t, *two.Token, results[1]["public_token"])

	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Equal(t, []string{"LINK:ITEM_ADD_RESULT", "LINK:ITEM_ADD_RESULT", "LINK:SESSION_FINISHED"}, events(t, r))
	last := bodyOf(t, r.Bodies[2])
	assert.Equal(t, "SUCCESS", last["status"])
	assert.Equal(t, []any{*one.Token, *two.Token}, last["public_tokens"])

	c.Bank.Advance(6 * time.Hour)
	_, code := c.PlaidRefused("/link/token/get", object{"link_token": token})
	assert.Equal(t, "INVALID_LINK_TOKEN", code)
}

func failedLogin(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	token := linkToken(c, object{"hosted_link": object{}, "webhook": banktest.Hook})
	for password, want := range map[string]string{"wrong": "INVALID_CREDENTIALS", "error_ITEM_LOCKED": "ITEM_LOCKED"} {
		_, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token, Password: password})
		require.Error(t, err)
		sessions := banktest.List(c.PlaidOK("/link/token/get", object{"link_token": token}), "link_sessions")
		exit := sessions[len(sessions)-1]["exit"].(object)
		assert.Equal(t, want, exit["error"].(object)["error_code"])
	}
	_, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token, Exit: true})
	require.NoError(t, err)
	r := &banktest.Receiver{}
	c.Deliver(r)
	for _, body := range r.Bodies {
		assert.Equal(t, "EXITED", bodyOf(t, body)["status"])
	}
	assert.Len(t, r.Bodies, 3)
}

func productLists(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	_, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{
		LinkToken: linkToken(c, object{"products": []string{"investments"}}), InstitutionID: "ins_900102",
	})
	require.Error(t, err, "products limit the institutions")

	access, _ := c.LinkPlaid("ins_900102", object{
		"products": []string{"identity"}, "required_if_supported_products": []string{"investments"},
		"optional_products": []string{"auth"}, "additional_consented_products": []string{"transactions"},
	})
	item := c.PlaidOK("/item/get", object{"access_token": access})["item"].(object)
	assert.ElementsMatch(t, []any{"identity", "auth"}, item["products"])
	assert.ElementsMatch(t, []any{"identity", "auth", "transactions"}, item["consented_products"])
	assert.ElementsMatch(t, []any{"transactions", "liabilities"}, item["available_products"])
	_, code := c.PlaidRefused("/liabilities/get", object{"access_token": access})
	assert.Equal(t, "ADDITIONAL_CONSENT_REQUIRED", code)
	_, code = c.PlaidRefused("/investments/holdings/get", object{"access_token": access})
	assert.Equal(t, "PRODUCTS_NOT_SUPPORTED", code)
	c.PlaidOK("/transactions/sync", object{"access_token": access})
	item = c.PlaidOK("/item/get", object{"access_token": access})["item"].(object)
	assert.Contains(t, item["products"], "transactions", "the first call added it")

	access, _ = c.LinkPlaid("ins_900301", nil)
	_, code = c.PlaidRefused("/auth/get", object{"access_token": access})
	assert.Equal(t, "PRODUCT_NOT_ENABLED", code, "in Europe")
}

func removedItem(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, id := c.LinkPlaid("ins_900101", nil)
	rotated := c.PlaidOK("/item/access_token/invalidate", object{"access_token": access})["new_access_token"].(string)
	_, code := c.PlaidRefused("/item/get", object{"access_token": access})
	assert.Equal(t, "INVALID_ACCESS_TOKEN", code)
	_, code = c.PlaidRefused("/item/remove", object{"access_token": rotated, "reason_code": "BORED"})
	assert.Equal(t, "INVALID_FIELD", code)
	c.PlaidOK("/item/remove", object{"access_token": rotated, "reason_code": "OTHER"})
	for _, path := range []string{"/item/remove", "/item/get", "/accounts/get"} {
		_, code = c.PlaidRefused(path, object{"access_token": rotated})
		assert.Equal(t, "ITEM_NOT_FOUND", code, path)
	}
	require.Error(t, c.Bank.Lapse(id))
}

func elsewhere(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	access, id := c.LinkPlaid("ins_900101", object{"webhook": banktest.Hook})
	require.NoError(t, c.Bank.Lapse(id))
	require.NoError(t, c.Bank.Repair(id))
	c.PlaidOK("/accounts/get", object{"access_token": access})
	require.NoError(t, c.Bank.Revoke(id))
	_, code := c.PlaidRefused("/accounts/get", object{"access_token": access})
	assert.Equal(t, "USER_PERMISSION_REVOKED", code)
	r := &banktest.Receiver{}
	c.Deliver(r)
	assert.Equal(t, []string{"ITEM:ERROR", "ITEM:LOGIN_REPAIRED", "ITEM:USER_PERMISSION_REVOKED"}, events(t, r))
}

func hostedResults(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Plaid: virtualbank.PlaidOptions{HostedResultsOnly: true}})
	for hosted, more := range map[bool]object{false: nil, true: {"hosted_link": object{}}} {
		token := linkToken(c, more)
		play(t, c, virtualbank.PlaidLink{LinkToken: token})
		session := banktest.List(c.PlaidOK("/link/token/get", object{"link_token": token}), "link_sessions")[0]
		_, shown := session["results"]
		assert.Equal(t, hosted, shown)
	}
}

func sharedAccounts(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	one := play(t, c, virtualbank.PlaidLink{LinkToken: linkToken(c, nil), Accounts: []string{"Travel Card"}})
	assert.Len(t, one.Metadata.Accounts, 1)
	access := c.PlaidOK("/item/public_token/exchange", object{"public_token": *one.Token})["access_token"]
	names := func() (all []any) {
		for _, a := range banktest.List(c.PlaidOK("/accounts/get", object{"access_token": access}), "accounts") {
			all = append(all, a["name"])
		}
		return all
	}
	assert.Equal(t, []any{"Travel Card"}, names())
	update := object{"products": nil, "access_token": access}
	other := []string{"Everyday Checking"}
	play(t, c, virtualbank.PlaidLink{LinkToken: linkToken(c, update), Accounts: other})
	assert.Equal(t, []any{"Travel Card"}, names(), "without account selection")
	update["update"] = object{"account_selection_enabled": true}
	play(t, c, virtualbank.PlaidLink{LinkToken: linkToken(c, update), Accounts: other})
	assert.Equal(t, []any{"Everyday Checking"}, names())
	_, err := c.Bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: linkToken(c, nil), Accounts: []string{"Vault"}})
	require.Error(t, err)
}

func sandboxItem(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	request := object{"institution_id": "ins_109508", "initial_products": []string{"auth"}}
	token := c.PlaidOK("/sandbox/public_token/create", request)["public_token"]
	access := c.PlaidOK("/item/public_token/exchange", object{"public_token": token})["access_token"]
	numbers := c.PlaidOK("/auth/get", object{"access_token": access})["numbers"].(object)
	assert.Len(t, numbers["ach"], 2)
	request["options"] = object{"override_username": "user_good", "override_password": "error_ITEM_LOCKED"}
	_, code := c.PlaidRefused("/sandbox/public_token/create", request)
	assert.Equal(t, "ITEM_LOCKED", code)

	request = object{
		"institution_id": "ins_109508", "initial_products": []string{"transactions"},
		"options": object{"override_username": "user_transactions_dynamic", "override_password": "any"},
	}
	token = c.PlaidOK("/sandbox/public_token/create", request)["public_token"]
	body := c.PlaidOK("/item/public_token/exchange", object{"public_token": token})
	access = body["access_token"]
	require.NoError(t, c.Bank.Refresh(body["item_id"].(string)))
	rows := map[string]object{}
	cursor, _ := c.SyncPlaid(access.(string), "", 500, rows)
	assert.Len(t, rows, 50)
	c.PlaidOK("/transactions/refresh", object{"access_token": access})
	page := c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
	assert.Len(t, page["added"], 6, "five are posted, one is pending")
	assert.Len(t, page["removed"], 5)
	assert.Len(t, page["modified"], 1)
	today := c.Bank.Now().UTC().Format(time.DateOnly)
	row := object{"amount": 10.5, "date_posted": today, "date_transacted": today, "description": "Mine"}
	c.PlaidOK("/sandbox/transactions/create", object{"access_token": access, "transactions": []object{row}})
	page = c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": page["next_cursor"]})
	require.Len(t, page["added"], 1)
	assert.InDelta(t, 10.5, banktest.List(page, "added")[0]["amount"], 0)
}

func sandboxBanks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	for id, want := range map[string]struct{ country, health, code string }{
		"ins_109508": {"US", "HEALTHY", ""}, "ins_130016": {"US", "HEALTHY", ""}, "ins_109509": {"US", "HEALTHY", ""},
		"ins_109510": {"US", "HEALTHY", ""}, "ins_109511": {"US", "HEALTHY", ""}, "ins_109512": {"US", "HEALTHY", ""},
		"ins_135858": {"US", "HEALTHY", ""}, "ins_127287": {"US", "HEALTHY", ""}, "ins_132241": {"US", "HEALTHY", ""},
		"ins_116834": {"GB", "HEALTHY", ""}, "ins_117181": {"GB", "HEALTHY", ""}, "ins_117650": {"GB", "HEALTHY", ""},
		"ins_43":     {"CA", "HEALTHY", ""},
		"ins_132363": {"US", "DEGRADED", ""},
		"ins_132361": {"US", "DOWN", "INSTITUTION_DOWN"},
		"ins_133402": {"US", "HEALTHY", "INSTITUTION_NO_LONGER_SUPPORTED"},
	} {
		shown := c.PlaidOK("/institutions/get_by_id", object{
			"institution_id": id, "country_codes": []string{want.country}, "options": object{"include_status": true},
		})["institution"].(object)
		status := shown["status"].(object)["item_logins"].(object)
		assert.Equal(t, want.health, status["status"], id)
		request := object{"institution_id": id, "initial_products": []string{"transactions"}}
		if want.code == "" {
			c.PlaidOK("/sandbox/public_token/create", request)
			continue
		}
		_, code := c.PlaidRefused("/sandbox/public_token/create", request)
		assert.Equal(t, want.code, code, id)
	}
}

func controlPlane(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	index := c.Do(c.Bank.Plaid(), http.MethodGet, "/virtualbank/", "", nil)
	for _, call := range banktest.List(index.Body, "calls") {
		if path := call["path"].(string); call["example"] != nil && path != "/virtualbank/webhook/forge" {
			a := c.Do(c.Bank.Plaid(), call["method"].(string), path, "", call["example"])
			assert.Equal(t, http.StatusOK, a.Status, "%s: %v", path, a.Body)
		}
	}
	require.NoError(t, c.Bank.Outage("ins_900101", false))
	_, id := c.LinkPlaid("ins_900101", nil)
	a := c.Do(c.Bank.Plaid(), http.MethodPost, "/virtualbank/lapse", "", object{"reference": id})
	assert.Equal(t, http.StatusOK, a.Status, a.Body)
	assert.Equal(t, "error", c.Bank.Links()[len(c.Bank.Links())-1].State)
}
