package virtualbank_test

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

var began = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// linkMK links a user and returns an access token and the link's path.
func (c caller) linkMK() (token, path string) {
	token = c.token()
	link := c.exchange(token, c.exchangeable(token)).Body["link"].(object)
	return token, "/links/" + link["link_id"].(string)
}

func list(body object, name string) []object {
	var all []object
	for _, v := range body[name].([]any) {
		all = append(all, v.(object))
	}
	return all
}

func TestMoneyKitServesWhatWasFetchedAndNothingElse(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	a := c.mk("GET", path+"/transactions", token, nil)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	assert.Empty(t, a.Body["transactions"])
	products := a.Body["link"].(object)["products"].(object)
	assert.Nil(t, products["transactions"].(object)["refreshed_at"])

	ask := object{"products": []string{"transactions"}}
	a = c.mk("POST", path+"/products", token, ask)
	require.Equal(t, http.StatusAccepted, a.Status)
	assert.Empty(t, c.mk("GET", path+"/transactions", token, nil).Body["transactions"], "it is still being fetched")
	assert.Equal(t, "api_error.rate_limit_exceeded", c.mk("POST", path+"/products", token, ask).Body["error_code"])
	c.bank.Advance(10 * time.Second)
	a = c.mk("GET", path+"/transactions?size=3", token, nil)
	rows := list(a.Body, "transactions")
	require.Len(t, rows, 3)
	assert.Greater(t, a.Body["total"], 20.0)
	assert.Equal(t, 3.0, a.Body["size"])
	assert.Regexp(t, `^\d+\.\d\d$`, rows[0]["amount"], "text, never negative, zeros kept")
	assert.Contains(t, []any{"credit", "debit"}, rows[0]["type"])
	assert.GreaterOrEqual(t, rows[0]["date"], rows[2]["date"], "newest first")
	fetched := a.Body["total"]

	c.bank.Advance(10 * 24 * time.Hour)
	token = c.token()
	assert.LessOrEqual(
		t,
		c.mk("GET", path+"/transactions?start_date=2026-08-25&end_date=2026-11-23", token, nil).Body["total"],
		fetched,
		"reads never fetch",
	)
	require.Equal(t, http.StatusAccepted, c.mk("POST", path+"/products", token, ask).Status)
	assert.Equal(
		t,
		"api_error.request.validation_failed",
		c.mk("POST", path+"/products", token, object{"products": []string{}}).Body["error_code"],
	)
	assert.Equal(
		t,
		"api_error.request.validation_failed",
		c.mk("POST", path+"/products", token, object{"products": []string{"gold"}}).Body["error_code"],
	)
	for _, query := range []string{"page=0", "size=0", "size=1001", "size=x", "start_date=yesterday"} {
		assert.Equal(
			t,
			http.StatusUnprocessableEntity,
			c.mk("GET", path+"/transactions?"+query, token, nil).Status,
			query,
		)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, c.mk("GET", path+"/transactions/sync?size=501", token, nil).Status)
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		c.mk("GET", path+"/transactions/sync?cursor=made-up", token, nil).Status,
	)
}

func TestMoneyKitWritesBalancesAsNumbersAndDebtsAsPositive(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	accounts := list(c.mk("GET", path+"/accounts", token, nil).Body, "accounts")
	require.Len(t, accounts, 5)
	truth, err := c.bank.Accounts(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	for i, a := range accounts {
		balances := a["balances"].(object)
		booked, ok := new(big.Rat).SetString(truth[i].Booked)
		require.True(t, ok)
		if truth[i].Debt {
			booked.Neg(booked)
		}
		want, _ := booked.Float64()
		assert.InDelta(t, want, balances["current"], 0.001, truth[i].Name)
		assert.Equal(t, truth[i].MoneyKitID, a["account_id"])
	}
	assert.Equal(t, "liability.credit_card", accounts[2]["account_type"])
	id := accounts[0]["account_id"].(string)
	assert.Equal(t, id, c.mk("GET", path+"/accounts/"+id, token, nil).Body["account"].(object)["account_id"])
	assert.Equal(t, http.StatusNotFound, c.mk("GET", path+"/accounts/nobody", token, nil).Status)
	assert.Len(
		t,
		list(c.mk("GET", path+"/accounts?account_ids="+id+"&account_ids=nobody", token, nil).Body, "accounts"),
		1,
	)
	numbers := list(c.mk("GET", path+"/accounts/numbers", token, nil).Body, "accounts")
	assert.Empty(t, numbers, "not fetched")
	require.NoError(t, c.bank.Refresh(strings.TrimPrefix(path, "/links/")))
	numbers = list(c.mk("GET", path+"/accounts/numbers", token, nil).Body, "accounts")
	require.Len(t, numbers, 2, "cards, loans and investments have none")
	n := numbers[0]["numbers"].(object)
	assert.Len(t, n["ach"], 1)
	for _, none := range []string{"eft", "bacs", "international"} {
		assert.Equal(t, []any{}, n[none])
	}
}

func TestMoneyKitRefusesWhatTheLinkCannotGive(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.bank.Disable(id, "identity"))
	a := c.mk("GET", path+"/identity", token, nil)
	assert.Equal(t, http.StatusForbidden, a.Status)
	assert.Equal(t, "link_error.forbidden_action", a.Body["error_code"])
	require.Error(t, c.bank.Disable(id, "identity"))
	require.Equal(t, http.StatusOK, c.mk("POST", path+"/reset", token, nil).Status)
	a = c.mk("GET", path+"/accounts", token, nil)
	assert.Equal(t, http.StatusUnprocessableEntity, a.Status)
	assert.Equal(t, "auth_expired", a.Body["link_error_code"])
	require.Equal(t, http.StatusNoContent, c.mk("DELETE", path, token, nil).Status)
	assert.Equal(t, http.StatusGone, c.mk("GET", path+"/accounts", token, nil).Status)
	assert.Equal(t, http.StatusNotFound, c.mk("GET", "/links/nobody/accounts", token, nil).Status)
}

// synced plays a client that keeps rows by the protocol.
func (c caller) synced(token, path, cursor string, rows map[string]object) (next string, pages int) {
	for {
		a := c.mk("GET", path+"/transactions/sync?size=100&cursor="+cursor, token, nil)
		require.Equal(c.t, http.StatusOK, a.Status, a.Body)
		changes := a.Body["transactions"].(object)
		for _, t := range append(list(changes, "created"), list(changes, "updated")...) {
			rows[t["transaction_id"].(string)] = t
		}
		for _, id := range changes["removed"].([]any) {
			delete(rows, id.(string))
		}
		pages++
		cursor = a.Body["cursor"].(object)["next"].(string)
		if a.Body["has_more"] == false {
			return cursor, pages
		}
	}
}

func TestSyncKeepsBookedRowsInStepAndForgetsPendingOnesInSilence(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.bank.Refresh(id))
	rows := map[string]object{}
	cursor, pages := c.synced(token, path, "", rows)
	assert.Greater(t, pages, 3)
	pending := map[string]bool{}
	for id, row := range rows {
		if row["pending"] == true {
			pending[id] = true
		}
	}
	again := map[string]object{}
	next, _ := c.synced(token, path, cursor, again)
	assert.Empty(t, again, "nothing changed")
	c.bank.Advance(5 * 24 * time.Hour)
	token = c.token()
	require.NoError(t, c.bank.Refresh(id))
	c.synced(token, path, next, rows)
	for id := range pending {
		assert.Contains(t, rows, id, "its end is not reported")
		delete(rows, id)
	}
	truth, err := c.bank.Transactions(id)
	require.NoError(t, err)
	assert.Len(t, rows, len(truth), "what is left is what the bank has")

	cursor, _ = c.synced(token, path, "", map[string]object{})
	require.NoError(t, c.bank.ChurnIDs(id))
	require.NoError(t, c.bank.Refresh(id))
	a := c.mk("GET", path+"/transactions/sync?size=500&cursor="+cursor, token, nil)
	assert.NotEmpty(t, a.Body["transactions"].(object)["created"])
}

func (c caller) linkDapi(institution string) (connectionID, token string, secrets object) {
	creds := c.bank.Credentials().Dapi
	raw, err := c.bank.LinkDapi(virtualbank.DapiLink{AppKey: creds.AppKey, InstitutionID: institution})
	require.NoError(c.t, err)
	var payload map[string]any
	require.NoError(c.t, json.Unmarshal(raw, &payload))
	a := c.dapi(
		"/auth/ExchangeToken",
		"",
		object{
			"appSecret":    creds.AppSecret,
			"accessCode":   payload["accessCode"],
			"connectionID": payload["connectionID"],
		},
	)
	require.Equal(c.t, http.StatusOK, a.Status)
	return payload["connectionID"].(string), a.Body["accessToken"].(string), object{
		"appSecret":  creds.AppSecret,
		"userSecret": payload["userSecret"],
	}
}

func with(body object, more object) object {
	all := object{}
	for _, m := range []object{body, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestDapiServesTheBankLive(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	id, token, secrets := c.linkDapi("DAPIBANK_KW_NBK")
	accounts := list(c.dapi("/data/accounts/get", token, secrets).Body, "accounts")
	require.Len(t, accounts, 2, "cards are listed apart")
	assert.Equal(t, "KWD", accounts[0]["currency"].(object)["code"])
	assert.Nil(t, accounts[1]["iban"])
	account := accounts[0]["id"].(string)
	assert.Len(t, account, 88)
	cards := list(c.dapi("/data/cards/get", token, secrets).Body, "cards")
	require.Len(t, cards, 1)
	truth, err := c.bank.Accounts(id)
	require.NoError(t, err)
	balance := c.dapi("/data/balance/get", token, with(secrets, object{"accountID": account})).Body["balance"].(object)
	want, _ := new(big.Rat).SetString(truth[0].Booked)
	exact, _ := want.Float64()
	assert.InDelta(t, exact, balance["amount"], 0.0001)
	card := c.dapi("/data/balance/get", token, with(secrets, object{"cardID": cards[0]["id"]})).Body["balance"].(object)
	assert.Contains(t, card, "outstandingBalance")
	days := object{"accountID": account, "fromDate": "2026-10-24", "toDate": "2026-11-23"}
	rows := list(c.dapi("/data/transactions/get", token, with(secrets, days)).Body, "transactions")
	require.NotEmpty(t, rows)
	assert.NotContains(t, rows[0], "id", "there are no ids")
	assert.NotContains(t, rows[0], "category")
	assert.Regexp(t, `T00:00:00.000Z$`, rows[0]["date"])
	complete := list(c.dapi("/data/completeAccounts/get", token, secrets).Body, "accounts")
	assert.Equal(t, balance["amount"], complete[0]["balance"].(object)["amount"])
	named := 0
	for _, row := range list(c.dapi("/data/enrichedTransactions/get", token, with(secrets, days)).Body, "transactions") {
		if row["brandDetails"] != nil {
			named++
		}
	}
	assert.Positive(t, named)
	assert.NotNil(t, c.dapi("/data/identity/get", token, secrets).Body["identity"].(object)["name"])

	for name, c2 := range map[string]struct {
		path   string
		body   object
		status int
		kind   string
	}{
		"no account":         {"/data/balance/get", object{}, 400, "INVALID_ARGS"},
		"unknown account":    {"/data/balance/get", object{"accountID": "x"}, 404, "INVALID_ACCOUNT_ID"},
		"unknown card":       {"/data/balance/get", object{"cardID": "x"}, 404, "INVALID_CARD_ID"},
		"a card to enrich":   {"/data/enrichedTransactions/get", object{"cardID": cards[0]["id"], "fromDate": "2026-11-01", "toDate": "2026-11-02"}, 400, "INVALID_ARGS"},
		"no dates":           {"/data/transactions/get", object{"accountID": account}, 422, "PARAMETER_MISSING"},
		"reversed":           {"/data/transactions/get", object{"accountID": account, "fromDate": "2026-11-02", "toDate": "2026-11-01"}, 400, "PARAMETER_ERROR"},
		"too far back":       {"/data/transactions/get", object{"accountID": account, "fromDate": "2026-08-01", "toDate": "2026-11-01"}, 400, "INVALID_DATE_RANGE"},
		"in the future":      {"/data/transactions/get", object{"accountID": account, "fromDate": "2026-11-01", "toDate": "2026-12-01"}, 400, "INVALID_DATE_RANGE"},
		"a field of a wrong": {"/data/balance/get", object{"accountID": 5}, 400, "INVALID_ARGS"},
	} {
		a := c.dapi(c2.path, token, with(secrets, c2.body))
		assert.Equal(t, c2.status, a.Status, name)
		assert.Equal(t, c2.kind, a.Body["type"], name)
	}
	require.NoError(t, c.bank.Outage("DAPIBANK_KW_NBK", true))
	assert.Equal(t, "UNKNOWN_ERROR", c.dapi("/data/accounts/get", token, secrets).Body["type"])
	require.NoError(t, c.bank.Outage("DAPIBANK_KW_NBK", false))
	require.NoError(t, c.bank.ServeDays("DAPIBANK_KW_NBK", 10))
	assert.Equal(t, "INVALID_DATE_RANGE", c.dapi("/data/transactions/get", token, with(secrets, days)).Body["type"])
}

func TestDapiAsksAndIsStrictAboutTheAnswers(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	id, token, secrets := c.linkDapi("DAPIBANK_AE_ENBD")
	const path = "/data/accounts/get"
	ask := func(rounds ...[]string) object {
		require.NoError(t, c.bank.RequireInput(id, path, rounds...))
		a := c.dapi(path, token, secrets)
		require.Equal(t, http.StatusOK, a.Status)
		assert.Equal(t, true, a.Body["success"])
		require.Equal(t, "user_input_required", a.Body["status"])
		return a.Body
	}
	answers := func(asked object, texts ...string) object {
		var inputs []object
		for i, text := range texts {
			in := asked["userInputs"].([]any)[i].(object)
			inputs = append(inputs, object{"id": in["id"], "index": in["index"], "answer": text})
		}
		return with(secrets, object{"operationID": asked["operationID"], "userInputs": inputs})
	}
	asked := ask([]string{"otp"}, []string{"pin", "secret_question"})
	a := c.dapi(path, token, answers(asked, "123456"))
	require.Equal(t, "user_input_required", a.Body["status"], "another round")
	a = c.dapi(path, token, answers(a.Body, "1234", "blue"))
	require.Equal(t, "done", a.Body["status"])

	for name, c2 := range map[string]struct {
		status int
		kind   string
		do     func(object) answer
	}{
		"a wrong answer": {401, "INVALID_MFA", func(o object) answer { return c.dapi(path, token, answers(o, "000000")) }},
		"another path":   {400, "PARAMETER_ERROR", func(o object) answer { return c.dapi("/data/identity/get", token, answers(o, "123456")) }},
		"other arguments": {400, "PARAMETER_ERROR", func(o object) answer {
			return c.dapi(path, token, with(answers(o, "123456"), object{"accountID": "x"}))
		}},
		"a strange operation": {401, "SESSION_INVALIDATED", func(o object) answer {
			return c.dapi(path, token, with(answers(o, "123456"), object{"operationID": "x"}))
		}},
		"another call before": {401, "SESSION_INVALIDATED", func(o object) answer {
			c.dapi("/data/identity/get", token, secrets)
			return c.dapi(path, token, answers(o, "123456"))
		}},
		"too late": {401, "SESSION_EXPIRED", func(o object) answer {
			c.bank.Advance(5 * time.Minute)
			return c.dapi(path, token, answers(o, "123456"))
		}},
	} {
		got := c2.do(ask([]string{"otp"}))
		assert.Equal(t, c2.status, got.Status, name)
		assert.Equal(t, c2.kind, got.Body["type"], name)
	}
	require.NoError(t, c.bank.Defer(id, path, 1))
	a = c.dapi(path, token, secrets)
	require.Equal(t, "initialized", a.Body["status"])
	creds := c.bank.Credentials().Dapi
	status := func() any {
		return c.dapi("/operation/get", "", object{"appKey": creds.AppKey, "appSecret": creds.AppSecret, "operationID": a.Body["operationID"]}).Body["opInfo"].(object)["status"]
	}
	assert.Equal(t, "initialized", status())
	assert.Equal(t, "done", status())
	assert.Equal(
		t,
		"done",
		c.dapi(path, token, with(secrets, object{"operationID": a.Body["operationID"]})).Body["status"],
	)

	_, token, secrets = c.linkDapi("DAPIBANK_AE_ADCB")
	asked = c.dapi(path, token, secrets).Body
	require.Equal(t, "user_input_required", asked["status"], "this bank wants a password of its own accord")
	require.Equal(t, "done", c.dapi(path, token, answers(asked, "123456")).Body["status"])
	require.Equal(t, "done", c.dapi("/data/identity/get", token, secrets).Body["status"], "and trusts for a while")
	c.bank.Advance(10 * time.Minute)
	require.Equal(t, "user_input_required", c.dapi(path, token, secrets).Body["status"])
	require.Error(t, c.bank.RequireInput("nobody", "", []string{"otp"}))
	require.Error(t, c.bank.RequireInput(id, "", []string{"retina"}))
}

func TestTheLedgerAddsUpAndTellsTheSameStoryToBothProviders(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began, Seed: 7})
	token, path := c.linkMK()
	_ = token
	mk, err := c.bank.Transactions(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	require.Greater(t, len(mk), 500, "two years")
	kinds := map[string]int{}
	equal := map[string]int{}
	for _, row := range mk {
		kinds[row.Text]++
		equal[row.AccountID+row.Date+row.Text+row.Amount]++
		if row.Pending {
			kinds["pending"]++
		}
	}
	for _, want := range []string{"Salary", "Rent", "Refund", "Restaurant", "Fuel Station", "Toll Road"} {
		assert.Positive(t, kinds[want], want)
	}
	twice := 0
	for _, n := range equal {
		if n > 1 {
			twice++
		}
	}
	assert.Positive(t, twice, "two equal rows on one day")

	before, err := c.bank.Accounts(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, row := range mk {
		seen[row.Event] = true
	}
	late := 0
	for range 60 {
		c.bank.Advance(24 * time.Hour)
		today := c.bank.Now()
		now, err := c.bank.Transactions(strings.TrimPrefix(path, "/links/"))
		require.NoError(t, err)
		for _, row := range now {
			dated, err := time.Parse(time.DateOnly, row.Date)
			require.NoError(t, err)
			if !seen[row.Event] && today.Sub(dated) > 3*24*time.Hour {
				late++
			}
			seen[row.Event] = true
		}
	}
	assert.Positive(t, late, "some rows are posted days after their date")
	after, err := c.bank.Accounts(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	rows, err := c.bank.Transactions(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	known := map[string]bool{}
	for _, row := range mk {
		known[row.Event] = !row.Pending
	}
	for i := range before {
		sum, _ := new(big.Rat).SetString(before[i].Booked)
		for _, row := range rows {
			if row.AccountID == before[i].MoneyKitID && !known[row.Event] && !row.Pending {
				amount, _ := new(big.Rat).SetString(row.Amount)
				sum.Add(sum, amount)
			}
		}
		want, _ := new(big.Rat).SetString(after[i].Booked)
		assert.Zero(
			t,
			want.Cmp(sum),
			"%s: %s and the new rows are not %s",
			before[i].Name,
			before[i].Booked,
			after[i].Booked,
		)
	}
	same := open(t, virtualbank.Options{Start: began, Seed: 7})
	_, other := same.linkMK()
	again, err := same.bank.Transactions(strings.TrimPrefix(other, "/links/"))
	require.NoError(t, err)
	require.Len(t, again, len(mk))
	assert.Equal(t, mk[10].Event, again[10].Event, "the same seed tells the same story")
}

func TestTheControlPlaneAndTheClockAreStrict(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{})
	for _, body := range []string{`{"advance":"1h"}}`, `{"advance":"1h"}]`, `{"advance":"1h"} {}`} {
		r := httptest.NewRequest(http.MethodPost, "/virtualbank/clock", strings.NewReader(body))
		w := httptest.NewRecorder()
		c.bank.MoneyKit().ServeHTTP(w, r)
		assert.Equal(t, http.StatusBadRequest, w.Code, body)
	}
	before := c.bank.Now()
	for range 3 {
		c.bank.Advance(2_000_000 * time.Hour)
		assert.False(t, c.bank.Now().Before(before), "time never runs backwards")
		before = c.bank.Now()
	}
	require.NoError(t, c.bank.Inject(virtualbank.Fault{Name: "unavailable"}))
	require.Equal(t, http.StatusOK, c.do(c.bank.Dapi(), "DELETE", "/virtualbank/fault", "", nil).Status)
	assert.NotEqual(t, http.StatusServiceUnavailable, c.dapi("/data/accounts/get", "", object{}).Status, "cleared here")
	assert.Equal(t, http.StatusServiceUnavailable, c.mk("GET", "/links", "", nil).Status, "and kept there")
}
