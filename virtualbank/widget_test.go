package virtualbank_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestWidget(t *testing.T) {
	t.Parallel()
	t.Run("it gives the page what the bank's own call gives", sameAsTheCall)
	t.Run("it offers the banks and accounts of the session", offers)
	t.Run("a step out of its turn changes nothing", outOfTurn)
	t.Run("MoneyKit's features limit the accounts, and a renewal only adds", sharedAccounts)
	t.Run("a login on the bank's own page is used once", ownPage)
	t.Run("scripts and pages are served with headers that protect them", widgetHeaders)
	t.Run("a bank that Plaid cannot reach fails before it asks for a code", downAtPlaid)
	t.Run("a request that is not a step is refused", badSteps)
	t.Run("old runs are forgotten", oldRuns)
}

// widget sends the steps of a user to the widget of a provider.
type widget struct {
	banktest.Caller
	handler http.Handler
	run     any
}

// step sends a step and returns the view.
func (w *widget) step(step string, more banktest.Object) banktest.Object {
	w.T.Helper()
	body := banktest.With(banktest.Object{"run": w.run, "step": step}, more)
	a := w.Do(w.handler, http.MethodPost, "/connect/step", "", body)
	require.Equal(w.T, http.StatusOK, a.Status)
	assert.Equal(w.T, "no-store", a.Header.Get("Cache-Control"))
	if id, ok := a.Body["run"]; ok {
		w.run = id
	}
	return a.Body
}

var goodLogin = banktest.Object{"username": virtualbank.UserGood, "password": virtualbank.PassGood}

// openMoneyKit opens the widget with a session of the application.
func openMoneyKit(t *testing.T, c banktest.Caller, session banktest.Object) (*widget, string, banktest.Object) {
	t.Helper()
	a := c.MoneyKit("POST", "/link-session", c.Token(), session)
	require.Equal(t, http.StatusCreated, a.Status)
	token, _ := a.Body["link_session_token"].(string)
	w := &widget{Caller: c, handler: c.Bank.MoneyKit()}
	return w, token, w.step("open", banktest.Object{"token": token})
}

// names returns the names in a list of a view.
func names(view banktest.Object, list string) []string {
	var all []string
	for _, in := range banktest.List(view, list) {
		name, _ := in["name"].(string)
		all = append(all, name)
	}
	return all
}

// sameAsTheCall compares two banks with the same seed: one is used through the widget, the other
// through the call that plays the user.
func sameAsTheCall(t *testing.T) {
	t.Parallel()
	pair := func() (page, call banktest.Caller) {
		o := virtualbank.Options{Seed: 7, Start: banktest.Start}
		return banktest.Open(t, o), banktest.Open(t, o)
	}
	same := func(t *testing.T, view banktest.Object, raw json.RawMessage, err error, timed ...string) {
		t.Helper()
		require.NoError(t, err)
		var want banktest.Object
		require.NoError(t, json.Unmarshal(raw, &want))
		got, _ := view["result"].(banktest.Object)
		for _, name := range timed { // it has the time of the bank, to the second
			assert.NotEmpty(t, got[name])
			delete(want, name)
			delete(got, name)
		}
		assert.Equal(t, "done", view["view"])
		assert.Equal(t, want, got)
	}
	t.Run("MoneyKit", func(t *testing.T) {
		page, call := pair()
		w, _, _ := openMoneyKit(t, page, banktest.Session("user-1"))
		w.step("choose", banktest.Object{"institution": "harbor_trust"})
		w.step("login", goodLogin)
		view := w.step("consent",
			banktest.Object{"accounts": names(w.step("code", nil)["offer"].(banktest.Object), "accounts")})

		a := call.MoneyKit("POST", "/link-session", call.Token(), banktest.Session("user-1"))
		token, _ := a.Body["link_session_token"].(string)
		raw, err := call.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{
			LinkSessionToken: token, InstitutionID: "harbor_trust",
		})
		same(t, view, raw, err)
	})
	t.Run("Dapi", func(t *testing.T) {
		page, call := pair()
		key := page.Bank.Credentials().Dapi.AppKey
		w := &widget{Caller: page, handler: page.Bank.Dapi()}
		w.step("open", banktest.Object{"appKey": key, "countries": []string{"SA"}})
		w.step("choose", banktest.Object{"institution": "DAPIBANK_SA_SNB"})
		w.step("login", goodLogin)
		raw, err := call.Bank.LinkDapi(virtualbank.DapiLink{AppKey: key, InstitutionID: "DAPIBANK_SA_SNB"})
		same(t, w.step("consent", nil), raw, err, "accessCode")
	})
	t.Run("Plaid", func(t *testing.T) {
		page, call := pair()
		open := func(c banktest.Caller) string {
			token, _ := c.PlaidOK("/link/token/create", banktest.LinkRequest(nil))["link_token"].(string)
			return token
		}
		w := &widget{Caller: page, handler: page.Bank.Plaid()}
		w.step("open", banktest.Object{"token": open(page)})
		w.step("choose", banktest.Object{"institution": "ins_109511"})
		w.step("login", goodLogin)
		view := w.step("consent", banktest.Object{"accounts": []string{"Plaid Checking"}})
		raw, err := call.Bank.LinkPlaid(virtualbank.PlaidLink{
			LinkToken: open(call), InstitutionID: "ins_109511", Accounts: []string{"Plaid Checking"},
		})
		same(t, view, raw, err)
	})
}

func offers(t *testing.T) {
	t.Parallel()
	t.Run("MoneyKit has the session's countries, in their order", func(t *testing.T) {
		t.Parallel()
		c := banktest.Open(t, virtualbank.Options{})
		session := banktest.With(banktest.Session("user-1"),
			banktest.Object{"settings": banktest.Object{"countries": []string{"CA", "GB"}}})
		_, _, view := openMoneyKit(t, c, session)
		assert.Equal(t, []string{"Rideau Bank", "Maple Credit Union", "Thames Mutual", "Albion Bank"},
			names(view, "institutions"))
	})
	t.Run("an institution of the session is not chosen again", func(t *testing.T) {
		t.Parallel()
		c := banktest.Open(t, virtualbank.Options{})
		session := banktest.With(banktest.Session("user-1"), banktest.Object{"institution_id": "plaid.ins_900101"})
		_, _, view := openMoneyKit(t, c, session)
		assert.Equal(t, "login", view["view"])
		assert.Nil(t, view["can_go_back"])
	})
	t.Run("Dapi has no institution with a page of its own, and shares all accounts", func(t *testing.T) {
		t.Parallel()
		c := banktest.Open(t, virtualbank.Options{})
		w := &widget{Caller: c, handler: c.Bank.Dapi()}
		view := w.step("open", banktest.Object{"appKey": c.Bank.Credentials().Dapi.AppKey})
		all := banktest.List(view, "institutions")
		assert.Len(t, all, 10)
		for _, in := range all {
			assert.Equal(t, false, in["oauth"], in["name"])
		}
		w.step("choose", banktest.Object{"institution": "DAPIBANK_AE_ENBD"})
		offer, _ := w.step("login", goodLogin)["offer"].(banktest.Object)
		assert.Equal(t, "none", offer["select"])
	})
	t.Run("Plaid has the accounts that the filters of the session show", func(t *testing.T) {
		t.Parallel()
		c := banktest.Open(t, virtualbank.Options{})
		request := banktest.LinkRequest(banktest.Object{"account_filters": banktest.Object{
			"credit": banktest.Object{"account_subtypes": []string{"credit card"}},
		}})
		w := &widget{Caller: c, handler: c.Bank.Plaid()}
		view := w.step("open", banktest.Object{"token": c.PlaidOK("/link/token/create", request)["link_token"]})
		assert.Equal(t, "App", view["app"])
		w.step("choose", banktest.Object{"institution": "ins_109508"})
		offer, _ := w.step("login", goodLogin)["offer"].(banktest.Object)
		assert.Equal(t, []string{"Plaid Credit Card"}, names(offer, "accounts"))
	})
}

func outOfTurn(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	w, _, _ := openMoneyKit(t, c, banktest.Session("user-1"))
	all := banktest.Object{"accounts": []string{"Everyday Checking"}}
	for _, step := range []string{"login", "code", "consent"} {
		assert.Equal(t, "choose", w.step(step, banktest.With(all, goodLogin))["view"], step)
	}
	assert.Equal(t, "choose", w.step("choose", banktest.Object{"institution": "rideau"})["view"], "of another country")
	assert.Equal(t, "login", w.step("choose", banktest.Object{"institution": "northwind"})["view"])
	assert.Equal(t, "login", w.step("consent", all)["view"])
	device := banktest.Object{"username": virtualbank.UserGood, "password": "mfa_device"}
	assert.Equal(t, "code", w.step("login", device)["view"])
	assert.Equal(t, "code", w.step("consent", all)["view"], "the code is not skipped")
	assert.Equal(t, "code", w.step("code", banktest.Object{"code": ""})["view"])
	assert.Equal(t, "consent", w.step("code", banktest.Object{"code": "123456"})["view"])
	assert.Equal(t, "consent", w.step("consent", nil)["view"], "without an account")
	assert.Empty(t, c.Bank.Links())

	assert.Equal(t, "done", w.step("consent", all)["view"])
	assert.Equal(t, "failed", w.step("consent", all)["view"], "the run has ended")
	assert.Len(t, c.Bank.Links(), 1)

	// A link token of Plaid's works repeatedly, but a run of Link ends.
	w = &widget{Caller: c, handler: c.Bank.Plaid()}
	w.step("open", banktest.Object{"token": c.PlaidOK("/link/token/create", banktest.LinkRequest(nil))["link_token"]})
	w.step("choose", banktest.Object{"institution": "ins_109508"})
	w.step("login", goodLogin)
	all = banktest.Object{"accounts": []string{"Plaid Checking"}}
	assert.Equal(t, "done", w.step("consent", all)["view"])
	assert.Equal(t, "failed", w.step("consent", all)["view"])
	assert.Len(t, c.Bank.Links(), 2)
	w.run = "unknown"
	assert.Equal(t, "failed", w.step("leave", nil)["view"])
}

func sharedAccounts(t *testing.T) {
	t.Parallel()
	feature := func(name string) banktest.Object {
		return banktest.With(banktest.Session("user-1"),
			banktest.Object{"connect_features": banktest.Object{name: true}})
	}
	choose := func(w *widget) (offer banktest.Object) {
		w.step("choose", banktest.Object{"institution": "northwind"})
		offer, _ = w.step("login", goodLogin)["offer"].(banktest.Object)
		return offer
	}
	t.Run("only depository accounts", func(t *testing.T) {
		t.Parallel()
		w, token, _ := openMoneyKit(t, banktest.Open(t, virtualbank.Options{}),
			feature("permit_only_depository_accounts"))
		assert.Equal(t, []string{"Everyday Checking", "Rainy Day Savings"}, names(choose(w), "accounts"))
		_, err := w.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{
			LinkSessionToken: token, Accounts: []string{"Travel Card"},
		})
		require.ErrorContains(t, err, "only depository accounts")
	})
	t.Run("only one account", func(t *testing.T) {
		t.Parallel()
		w, token, _ := openMoneyKit(t, banktest.Open(t, virtualbank.Options{}), feature("permit_only_one_account"))
		assert.Equal(t, "one", choose(w)["select"])
		two := []string{"Everyday Checking", "Travel Card"}
		assert.Equal(t, "consent", w.step("consent", banktest.Object{"accounts": two})["view"])
		_, err := w.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: token, Accounts: two})
		require.ErrorContains(t, err, "only one account")
		other, token, _ := openMoneyKit(t, banktest.Open(t, virtualbank.Options{}), feature("permit_only_one_account"))
		raw, err := other.Bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: token})
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(string(raw), `"account_id"`), "without a choice")
		view := w.step("consent", banktest.Object{"accounts": two[1:]})
		assert.Equal(t, "done", view["view"])
	})
	t.Run("a renewal adds an account and keeps the others", func(t *testing.T) {
		t.Parallel()
		c := banktest.Open(t, virtualbank.Options{})
		w, _, _ := openMoneyKit(t, c, banktest.Session("user-1"))
		choose(w)
		result, _ := w.step("consent", banktest.Object{"accounts": []string{"Travel Card"}})["result"].(banktest.Object)
		exchangeable, _ := result["exchangeable_token"].(string)
		id := c.Exchange(c.Token(), exchangeable).Body["link_id"].(string)
		listed := func() []string {
			return names(c.MoneyKit("GET", "/links/"+id+"/accounts", c.Token(), nil).Body, "accounts")
		}
		assert.Equal(t, []string{"Travel Card"}, listed())

		w, _, view := openMoneyKit(t, c,
			banktest.With(banktest.Session("user-1"), banktest.Object{"existing_link_id": id}))
		assert.Equal(t, true, view["renewal"])
		offer, _ := w.step("login", goodLogin)["offer"].(banktest.Object)
		assert.Equal(t, "more", offer["select"])
		w.step("consent", banktest.Object{"accounts": []string{"Car Loan"}})
		assert.Equal(t, []string{"Travel Card", "Car Loan"}, listed())
	})
}

func ownPage(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	w, token, _ := openMoneyKit(t, c, banktest.Session("user-1"))
	view := w.step("choose", banktest.Object{"institution": "oauth_bank"})
	require.Equal(t, "oauth", view["view"])
	assert.Equal(t, "oauth", w.step("login", goodLogin)["view"], "the password is for the bank's own page")
	address, _ := view["page"].(string)
	login := banktest.Object{"login": strings.TrimPrefix(address, "/connect/bank?login=")}
	back := "https://app.example.com/oauth?oauth_state="
	resume := banktest.Object{"token": token, "redirect": back + login["login"].(string)}
	note := func(view banktest.Object) any { return view["note"] }

	assert.Contains(t, note(w.step("resume", resume)), "not known", "before the login")
	assert.Equal(t, "bank", w.step("bank", login)["view"])
	assert.NotEmpty(t, w.step("approve", login)["note"], "without a password")
	assert.NotEmpty(t,
		w.step("approve", banktest.With(login, banktest.Object{"username": "x", "password": "y"}))["note"])
	view = w.step("approve", banktest.With(login, goodLogin))
	assert.Equal(t, "return", view["view"])
	assert.Equal(t, resume["redirect"], view["return"])
	assert.Equal(t, "failed", w.step("approve", banktest.With(login, goodLogin))["view"], "a second time")

	w.run = "" // a page that was opened again
	assert.Contains(t, note(w.step("resume", banktest.With(resume, banktest.Object{"token": "other"}))),
		"another session")
	assert.Equal(t, "consent", w.step("resume", resume)["view"])
	assert.Contains(t, note(w.step("resume", resume)), "used already")
}

func widgetHeaders(t *testing.T) {
	t.Parallel()
	b := virtualbank.New(virtualbank.Options{})
	for name, tc := range map[string]struct {
		handler http.Handler
		paths   map[string]string
	}{
		"moneykit": {b.MoneyKit(), map[string]string{
			"/start": "html", "/relink": "html", "/continue": "html", "/connect/bank": "html", "/connect/return": "html",
			"/connect/moneykit.js": "javascript", "/connect/page.js": "javascript", "/connect/page.css": "css",
		}},
		"dapi": {b.Dapi(), map[string]string{"/connect/frame": "html", "/connect/v3/connector.js": "javascript"}},
		"plaid": {b.Plaid(), map[string]string{
			"/connect/frame": "html", "/link/anything": "html", "/link/v2/stable/link-initialize.js": "javascript",
		}},
	} {
		for path, kind := range tc.paths {
			w := httptest.NewRecorder()
			tc.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			require.Equal(t, http.StatusOK, w.Code, "%s %s", name, path)
			assert.Contains(t, w.Header().Get("Content-Type"), kind, path)
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), path)
			if kind == "html" {
				policy := w.Header().Get("Content-Security-Policy")
				assert.Contains(t, policy, "default-src 'none'", path)
				assert.NotContains(t, policy, "unsafe", path)
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"), path)
				assert.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"), path)
				framed := path != "/connect/bank" && path != "/connect/return" && path != "/link/anything"
				assert.Equal(t, !framed, strings.Contains(policy, "frame-ancestors 'none'"), path)
				assert.NotContains(t, w.Body.String(), "<style", path)
				assert.NotContains(t, w.Body.String(), "onclick", path)
			}
		}
	}
	w := httptest.NewRecorder()
	b.Dapi().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/start", nil))
	assert.Equal(t, http.StatusNotFound, w.Code, "MoneyKit's page is MoneyKit's alone")
	assert.Len(t, b.Requests(), 1, "pages are not requests to the API")
}

func downAtPlaid(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	w := &widget{Caller: c, handler: c.Bank.Plaid()}
	token := c.PlaidOK("/link/token/create", banktest.LinkRequest(nil))["link_token"]
	device := banktest.Object{"username": virtualbank.UserGood, "password": "mfa_device"}
	for id, code := range map[string]string{
		"ins_132361": "INSTITUTION_DOWN", "ins_133402": "INSTITUTION_NO_LONGER_SUPPORTED",
	} {
		w.step("open", banktest.Object{"token": token})
		require.Equal(t, "login", w.step("choose", banktest.Object{"institution": id})["view"], id)
		view := w.step("login", device)
		assert.Equal(t, "failed", view["view"], id)
		assert.Equal(t, code, view["code"])
		assert.Equal(t, true, view["can_go_back"], "the user can choose another bank")
		assert.Equal(t, "choose", w.step("back", nil)["view"])
		w.step("choose", banktest.Object{"institution": "ins_127287"})
	}
}

func badSteps(t *testing.T) {
	t.Parallel()
	h := virtualbank.New(virtualbank.Options{}).Plaid()
	for name, tc := range map[string]struct {
		kind, body string
		status     int
	}{
		"a form":                   {"text/plain", `{"step": "open"}`, http.StatusUnsupportedMediaType},
		"a body that is not JSON":  {"application/json", `step`, http.StatusBadRequest},
		"a body that is too large": {"application/json", `{"step": "` + strings.Repeat("x", 2<<20) + `"}`, http.StatusBadRequest},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/connect/step", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, tc.status, w.Code, name)
	}
}

func oldRuns(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{})
	open := func() *widget {
		w := &widget{Caller: c, handler: c.Bank.Dapi()}
		w.step("open", banktest.Object{"appKey": c.Bank.Credentials().Dapi.AppKey})
		return w
	}
	first := open()
	for range 999 {
		open()
	}
	assert.Equal(t, "choose", first.step("back", nil)["view"])
	second := open()
	assert.Equal(t, "failed", first.step("back", nil)["view"])
	assert.Equal(t, "choose", second.step("back", nil)["view"])

	w, _, _ := openMoneyKit(t, c, banktest.Session("user-1"))
	w.step("choose", banktest.Object{"institution": "northwind"})
	w.step("login", goodLogin)
	c.Bank.Advance(5 * time.Hour)
	view := w.step("consent", banktest.Object{"accounts": []string{"Travel Card"}})
	assert.Equal(t, "failed", view["view"], "the session has expired")
	assert.NotEmpty(t, view["note"])
	assert.Equal(t, "left", w.step("leave", nil)["view"])
}
