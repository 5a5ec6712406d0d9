package moneykit_test

import (
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestData(t *testing.T) {
	t.Parallel()
	t.Run("reads return what the last refresh fetched", fetchedData)
	t.Run("balances are numbers, and what is owed is positive", balances)
	t.Run("what the link cannot give is refused", refusedData)
	t.Run("a product is unavailable for a reason", unavailableProduct)
}

func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("booked rows stay in step, and the end of a pending row is not reported", syncedRows)
}

func TestEnrichment(t *testing.T) {
	t.Parallel()
	t.Run("a correction is kept and shown", keptCorrection)
}

func fetchedData(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	a := c.MoneyKit("GET", path+"/transactions", token, nil)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	assert.Empty(t, a.Body["transactions"])
	products := a.Body["link"].(object)["products"].(object)
	assert.Nil(t, products["transactions"].(object)["refreshed_at"])

	ask := object{"products": []string{"transactions"}}
	a = c.MoneyKit("POST", path+"/products", token, ask)
	require.Equal(t, http.StatusAccepted, a.Status)
	assert.Empty(t, c.MoneyKit("GET", path+"/transactions", token, nil).Body["transactions"],
		"it is still being fetched")
	assert.Equal(t, "api_error.rate_limit_exceeded",
		c.MoneyKit("POST", path+"/products", token, ask).Body["error_code"])
	c.Bank.Advance(10 * time.Second)
	a = c.MoneyKit("GET", path+"/transactions?size=3", token, nil)
	rows := banktest.List(a.Body, "transactions")
	require.Len(t, rows, 3)
	assert.Greater(t, a.Body["total"], 20.0)
	assert.EqualValues(t, 3, a.Body["size"])
	assert.Regexp(t, `^\d+\.\d\d$`, rows[0]["amount"], "text, never negative, zeros kept")
	assert.Contains(t, []any{"credit", "debit"}, rows[0]["type"])
	assert.GreaterOrEqual(t, rows[0]["date"], rows[2]["date"], "newest first")
	fetched := a.Body["total"]

	c.Bank.Advance(10 * 24 * time.Hour)
	token = c.Token()
	assert.LessOrEqual(
		t,
		c.MoneyKit("GET", path+"/transactions?start_date=2026-08-25&end_date=2026-11-23", token, nil).Body["total"],
		fetched,
		"reads never fetch",
	)
	require.Equal(t, http.StatusAccepted, c.MoneyKit("POST", path+"/products", token, ask).Status)
	assert.Equal(
		t,
		"api_error.request.validation_failed",
		c.MoneyKit("POST", path+"/products", token, object{"products": []string{}}).Body["error_code"],
	)
	assert.Equal(
		t,
		"api_error.request.validation_failed",
		c.MoneyKit("POST", path+"/products", token, object{"products": []string{"gold"}}).Body["error_code"],
	)
	for _, query := range []string{"page=0", "size=0", "size=1001", "size=x", "start_date=yesterday"} {
		assert.Equal(
			t,
			http.StatusUnprocessableEntity,
			c.MoneyKit("GET", path+"/transactions?"+query, token, nil).Status,
			query,
		)
	}
	assert.Equal(t, http.StatusUnprocessableEntity,
		c.MoneyKit("GET", path+"/transactions/sync?size=501", token, nil).Status)
	assert.Equal(
		t,
		http.StatusUnprocessableEntity,
		c.MoneyKit("GET", path+"/transactions/sync?cursor=made-up", token, nil).Status,
	)
}

func balances(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	accounts := banktest.List(c.MoneyKit("GET", path+"/accounts", token, nil).Body, "accounts")
	require.Len(t, accounts, 5)
	truth, err := c.Bank.Accounts(strings.TrimPrefix(path, "/links/"))
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
	assert.Equal(t, id, c.MoneyKit("GET", path+"/accounts/"+id, token, nil).Body["account"].(object)["account_id"])
	assert.Equal(t, http.StatusNotFound, c.MoneyKit("GET", path+"/accounts/unknown", token, nil).Status)
	assert.Len(
		t,
		banktest.List(c.MoneyKit("GET", path+"/accounts?account_ids="+id+"&account_ids=unknown", token, nil).Body,
			"accounts"),
		1,
	)
	numbers := banktest.List(c.MoneyKit("GET", path+"/accounts/numbers", token, nil).Body, "accounts")
	assert.Empty(t, numbers, "not fetched")
	require.NoError(t, c.Bank.Refresh(strings.TrimPrefix(path, "/links/")))
	numbers = banktest.List(c.MoneyKit("GET", path+"/accounts/numbers", token, nil).Body, "accounts")
	require.Len(t, numbers, 2, "cards, loans and investments have none")
	n := numbers[0]["numbers"].(object)
	assert.Len(t, n["ach"], 1)
	for _, none := range []string{"eft", "bacs", "international"} {
		assert.Equal(t, []any{}, n[none])
	}
}

func refusedData(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.Bank.Disable(id, "identity"))
	a := c.MoneyKit("GET", path+"/identity", token, nil)
	assert.Equal(t, http.StatusForbidden, a.Status)
	assert.Equal(t, "link_error.forbidden_action", a.Body["error_code"])
	require.Error(t, c.Bank.Disable(id, "identity"))
	require.Equal(t, http.StatusOK, c.MoneyKit("POST", path+"/reset", token, nil).Status)
	a = c.MoneyKit("GET", path+"/accounts", token, nil)
	assert.Equal(t, http.StatusUnprocessableEntity, a.Status)
	assert.Equal(t, "auth_expired", a.Body["link_error_code"])
	require.Equal(t, http.StatusNoContent, c.MoneyKit("DELETE", path, token, nil).Status)
	assert.Equal(t, http.StatusGone, c.MoneyKit("GET", path+"/accounts", token, nil).Status)
	assert.Equal(t, http.StatusNotFound, c.MoneyKit("GET", "/links/unknown/accounts", token, nil).Status)
}

func unavailableProduct(t *testing.T) {
	t.Parallel()
	const reason = "The institution is moving to another provider."
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.Bank.Refresh(id))
	before := len(banktest.List(c.MoneyKit("GET", path+"/transactions", token, nil).Body, "transactions"))
	require.Positive(t, before)
	require.NoError(t, c.Bank.SetUnavailable(id, "transactions", reason))
	product := func() object {
		return c.MoneyKit("GET", path, token, nil).Body["products"].(object)["transactions"].(object)
	}
	was := product()
	assert.Equal(t, reason, was["unavailable"])
	assert.Nil(t, c.MoneyKit("GET", path, token, nil).Body["products"].(object)["accounts"].(object)["unavailable"])

	c.Bank.Advance(30 * time.Minute)
	require.Equal(
		t,
		http.StatusAccepted,
		c.MoneyKit("POST", path+"/products", token, object{"products": []string{"transactions"}}).Status,
	)
	c.Bank.Advance(time.Minute)
	assert.Equal(t, was, product(), "nothing is fetched")
	assert.Len(
		t,
		banktest.List(c.MoneyKit("GET", path+"/transactions", token, nil).Body, "transactions"),
		before,
		"what was fetched can be read",
	)

	require.NoError(t, c.Bank.SetUnavailable(id, "transactions", ""))
	assert.Nil(t, product()["unavailable"])
	require.NoError(t, c.Bank.Refresh(id))
	assert.NotEqual(t, was["refreshed_at"], product()["refreshed_at"])
	require.Error(t, c.Bank.SetUnavailable("mk_nothing", "transactions", reason))
	require.Error(t, c.Bank.SetUnavailable(id, "horoscopes", reason))
}

func syncedRows(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.Bank.Refresh(id))
	rows := map[string]object{}
	cursor, pages := c.Sync(token, path, "", rows)
	assert.Greater(t, pages, 3)
	pending := map[string]bool{}
	for id, row := range rows {
		if row["pending"] == true {
			pending[id] = true
		}
	}
	again := map[string]object{}
	next, _ := c.Sync(token, path, cursor, again)
	assert.Empty(t, again, "nothing changed")
	c.Bank.Advance(5 * 24 * time.Hour)
	token = c.Token()
	require.NoError(t, c.Bank.Refresh(id))
	c.Sync(token, path, next, rows)
	for id := range pending {
		assert.Contains(t, rows, id, "its end is not reported")
		delete(rows, id)
	}
	truth, err := c.Bank.Transactions(id)
	require.NoError(t, err)
	assert.Len(t, rows, len(truth), "what is left is what the bank has")

	cursor, _ = c.Sync(token, path, "", map[string]object{})
	require.NoError(t, c.Bank.ChurnIDs(id))
	require.NoError(t, c.Bank.Refresh(id))
	a := c.MoneyKit("GET", path+"/transactions/sync?size=500&cursor="+cursor, token, nil)
	assert.NotEmpty(t, a.Body["transactions"].(object)["created"])
}

func keptCorrection(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	id := strings.TrimPrefix(path, "/links/")
	require.NoError(t, c.Bank.Refresh(id))
	rows := map[string]object{}
	cursor, _ := c.Sync(token, path, "", rows)
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
		"an unknown category":              {"category": "Food"},
		"no category":                      {"subcategory": "groceries"},
		"a category that is null":          {"category": nil},
		"an unknown subcategory":           {"category": "shopping", "subcategory": "things"},
		"a subcategory for a category":     {"category": "groceries"},
		"a category that is another's sub": {"category": "shopping", "subcategory": "food_and_drink"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.MoneyKit("POST", target, token, body)
			assert.Equal(t, http.StatusUnprocessableEntity, a.Status, a.Body)
			assert.NotEmpty(t, a.Body["validation_errors"])
		})
	}
	given := object{"category": "shopping", "subcategory": "other_shopping"}
	unknown := c.MoneyKit("POST", path+"/transactions/txn_nothing/enrichment", token, given)
	assert.Equal(t, http.StatusNotFound, unknown.Status)

	categories := func(row object) [2]any {
		e := row["enrichment"].(object)
		sub, _ := e["subcategory"].(object)
		return [2]any{e["category"].(object)["value"], sub["value"]}
	}
	want := [2]any{"shopping", "other_shopping"}
	a := c.MoneyKit("POST", target, token, given)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	answered := banktest.List(a.Body, "transactions")
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
	shown(banktest.List(c.MoneyKit("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body,
		"transactions"))
	shown(
		banktest.List(
			c.MoneyKit("GET", "/users/user-1/transactions?size=1000&start_date=1900-01-01", token, nil).Body,
			"transactions",
		),
	)
	update := c.MoneyKit("GET", path+"/transactions/sync?size=500&cursor="+cursor, token, nil).Body
	assert.Len(t, update["transactions"].(object)["updated"], total, "the next sync has them")
	assert.Empty(t, update["transactions"].(object)["removed"])
	next := update["cursor"].(object)["next"].(string)

	c.Bank.Advance(20 * time.Minute)
	require.NoError(t, c.Bank.Refresh(id))
	shown(banktest.List(c.MoneyKit("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body,
		"transactions"))
	later := c.MoneyKit("GET", path+"/transactions/sync?size=500&cursor="+next, token, nil).Body
	assert.Empty(t, later["transactions"].(object)["updated"], "once")

	again := object{"category": "charity"}
	require.Equal(t, http.StatusOK, c.MoneyKit("POST", target, token, again).Status)
	want = [2]any{"charity", nil}
	shown(banktest.List(c.MoneyKit("GET", path+"/transactions?size=1000&start_date=1900-01-01", token, nil).Body,
		"transactions"))
}
