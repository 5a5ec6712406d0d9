package virtualbank_test

// This file has the visits to a widget that end without a link, or before it.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWidgetWithoutALink(t *testing.T) {
	t.Parallel()
	t.Run("a widget that does not open says why", doesNotOpen)
	t.Run("Plaid's exit says where the user was, to the page and to the back end", exitStatuses)
	t.Run("a run of several banks continues and finishes only after a link", severalBanks)
	t.Run("a login at the bank's own page is forgotten with its run", forgottenLogin)
}

// linkTokenOf makes a link token of Plaid's.
func linkTokenOf(c banktest.Caller, more banktest.Object) string {
	token, _ := c.PlaidOK("/link/token/create", banktest.LinkRequest(more))["link_token"].(string)
	return token
}

func doesNotOpen(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	at := func(h http.Handler, opening banktest.Object) banktest.Object {
		return (&widget{Caller: c, handler: h}).step("open", opening)
	}
	hosted := func(more banktest.Object) banktest.Object {
		name := strings.TrimPrefix(linkTokenOf(c, more), "link-sandbox-")
		return at(c.Bank.Plaid(), banktest.Object{"hosted": name})
	}
	access, _ := c.LinkPlaid("ins_109508", nil)
	update := linkTokenOf(c, banktest.Object{"access_token": access, "products": nil})
	c.PlaidOK("/item/remove", banktest.Object{"access_token": access})
	token, path := c.LinkMoneyKit()
	session := banktest.With(banktest.Session("user-1"),
		banktest.Object{"existing_link_id": strings.TrimPrefix(path, "/links/")})
	renewal := c.MoneyKit("POST", "/link-session", token, session).Body["link_session_token"]
	require.Equal(t, http.StatusNoContent, c.MoneyKit("DELETE", path, token, nil).Status)

	assert.Equal(t, "choose", hosted(banktest.Object{"hosted_link": banktest.Object{}})["view"])
	for name, tc := range map[string]struct {
		view   banktest.Object
		code   string
		member string // of what the application gets
	}{
		"the hosted page of a session without one": {hosted(nil), "INVALID_LINK_TOKEN", "error"},
		"an Item that was removed": {
			at(c.Bank.Plaid(), banktest.Object{"token": update}), "ITEM_NOT_FOUND", "error",
		},
		"a link that was deleted": {
			at(c.Bank.MoneyKit(), banktest.Object{"token": renewal}), "link_deleted", "error_id",
		},
		"a country without a bank": {
			at(c.Bank.Dapi(), banktest.Object{
				"appKey": c.Bank.Credentials().Dapi.AppKey, "countries": []string{"FR"},
			}), "INVALID_ARGS", "type",
		},
	} {
		assert.Equal(t, "failed", tc.view["view"], name)
		assert.Equal(t, tc.code, tc.view["code"], name)
		result, _ := tc.view["result"].(banktest.Object)
		got := result[tc.member]
		if inner, ok := got.(banktest.Object); ok {
			got = inner["error_code"]
		}
		assert.Equal(t, tc.code, got, name)
	}
}

func exitStatuses(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	choose := func(id string) banktest.Object { return banktest.Object{"step": "choose", "institution": id} }
	login := func(password string) banktest.Object {
		return banktest.Object{"step": "login", "username": virtualbank.UserGood, "password": password}
	}
	for name, tc := range map[string]struct {
		steps       []banktest.Object
		status      string
		institution any
		code        any
	}{
		"before a bank is chosen": {nil, "requires_credentials", nil, nil},
		"before the login":        {[]banktest.Object{choose("ins_109508")}, "requires_credentials", "ins_109508", nil},
		"after a wrong login": {
			[]banktest.Object{choose("ins_109508"), login("wrong")},
			"requires_credentials", "ins_109508",
			"INVALID_CREDENTIALS",
		},
		"before the code": {
			[]banktest.Object{choose("ins_109508"), login("mfa_device")}, "requires_code", "ins_109508", nil,
		},
		"before the bank's own page": {[]banktest.Object{choose("ins_127287")}, "requires_oauth", "ins_127287", nil},
		"before the accounts": {
			[]banktest.Object{choose("ins_109508"), login(virtualbank.PassGood)},
			"requires_account_selection",
			"ins_109508", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			token := linkTokenOf(c, nil)
			w := &widget{Caller: c, handler: c.Bank.Plaid()}
			w.step("open", banktest.Object{"token": token})
			for _, more := range tc.steps {
				w.step(more["step"].(string), more)
			}
			view := w.step("leave", nil)
			assert.Equal(t, "left", view["view"])
			exit, _ := view["result"].(banktest.Object)
			metadata, _ := exit["metadata"].(banktest.Object)
			assert.Equal(t, tc.status, metadata["status"])
			institution, _ := metadata["institution"].(banktest.Object)
			assert.Equal(t, tc.institution, institution["institution_id"])
			problem, _ := exit["error"].(banktest.Object)
			assert.Equal(t, tc.code, problem["error_code"])

			session := banktest.List(c.PlaidOK("/link/token/get", banktest.Object{"link_token": token}),
				"link_sessions")[0]
			assert.Equal(t, exit, session["exit"])
		})
	}
}

func severalBanks(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	user := c.PlaidOK("/user/create", banktest.Object{"client_user_id": "user-1"})["user_id"]
	token := linkTokenOf(c, banktest.Object{"enable_multi_item_link": true, "user_id": user})
	w := &widget{Caller: c, handler: c.Bank.Plaid()}
	assert.Equal(t, "choose", w.step("open", banktest.Object{"token": token})["view"])
	assert.Equal(t, "choose", w.step("finish", nil)["view"])
	assert.Equal(t, "choose", w.step("unknown", nil)["view"], "what is not a step changes nothing")
	all := banktest.Object{"accounts": []string{"Plaid Checking"}}
	for i, id := range []string{"ins_109508", "ins_109511"} {
		w.step("choose", banktest.Object{"institution": id})
		w.step("login", goodLogin)
		assert.Equal(t, "consent", w.step("finish", nil)["view"])
		assert.Equal(t, "more", w.step("consent", all)["view"])
		assert.Equal(t, "more", w.step("consent", all)["view"], "a second time")
		assert.Len(t, c.Bank.Links(), i+1)
		if i == 0 {
			assert.Equal(t, "choose", w.step("back", nil)["view"])
		}
	}
	assert.Equal(t, "done", w.step("finish", nil)["view"])
}

func forgottenLogin(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	w, token, _ := openMoneyKit(t, c, banktest.Session("user-1"))
	address, _ := w.step("choose", banktest.Object{"institution": "oauth_bank"})["page"].(string)
	login := banktest.Object{"login": strings.TrimPrefix(address, "/connect/bank?login=")}
	assert.Equal(t, "bank", w.step("bank", login)["view"])
	for range 1000 {
		w.step("open", banktest.Object{"token": token})
	}
	assert.Equal(t, "failed", w.step("bank", login)["view"])
}
