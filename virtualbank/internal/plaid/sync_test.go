package plaid_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestSync(t *testing.T) {
	t.Parallel()
	t.Run("a new Item is not ready, and then has 30 days, and then all", notReadyFirst)
	t.Run("pages add up to the list", pagesAddUp)
	t.Run("a pending row is removed when the posted one is added, perhaps on another page", pendingBecomesPosted)
	t.Run("a change within a round refuses its next page", mutations)
	t.Run("a cursor belongs to its Item and its account", cursors)
	t.Run("situations do what they say", situations)
	t.Run("a window of days is served in pages", window)
	t.Run("signs and currencies are Plaid's", signs)
}

func linked(t *testing.T, o virtualbank.Options, more object) (c banktest.Caller, access, id string) {
	t.Helper()
	c = banktest.Open(t, o)
	access, id = c.LinkPlaid("ins_900101", more)
	require.NoError(t, c.Bank.Refresh(id))
	return c, access, id
}

func notReadyFirst(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	access, _ := c.LinkPlaid("ins_900101", object{"transactions": object{"days_requested": 200}})
	body := c.PlaidOK("/transactions/sync", object{"access_token": access})
	assert.Equal(t, "NOT_READY", body["transactions_update_status"])
	assert.Empty(t, body["next_cursor"])
	assert.Empty(t, body["added"])
	assert.Empty(t, body["accounts"])
	assert.Equal(t, false, body["has_more"])
	window := object{"access_token": access, "start_date": "2026-10-01", "end_date": "2026-11-23"}
	_, code := c.PlaidRefused("/transactions/get", window)
	assert.Equal(t, "PRODUCT_NOT_READY", code)

	c.Bank.Advance(4 * time.Second)
	rows := map[string]object{}
	body = c.PlaidOK("/transactions/sync", object{"access_token": access, "count": 500})
	assert.Equal(t, "INITIAL_UPDATE_COMPLETE", body["transactions_update_status"])
	for _, r := range banktest.List(body, "added") {
		assert.GreaterOrEqual(t, r["date"], "2026-10-24")
	}
	c.Bank.Advance(4 * time.Second)
	_, pages := c.SyncPlaid(access, body["next_cursor"].(string), 500, rows)
	assert.Equal(t, 1, pages)
	oldest := "9"
	for _, r := range rows {
		oldest = min(oldest, r["date"].(string))
	}
	assert.Less(t, oldest, "2026-05-15")
	assert.GreaterOrEqual(t, oldest, "2026-05-07")
}

func pagesAddUp(t *testing.T) {
	t.Parallel()
	c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	whole, paged := map[string]object{}, map[string]object{}
	_, pages := c.SyncPlaid(access, "", 500, whole)
	assert.Equal(t, 1, pages)
	cursor, pages := c.SyncPlaid(access, "", 7, paged)
	assert.Greater(t, pages, 5)
	assert.Equal(t, whole, paged)
	for _, situation := range []string{virtualbank.Edited, virtualbank.Withdrawn, virtualbank.Late} {
		require.NoError(t, c.Bank.Stage(id, situation))
	}
	c.PlaidOK("/transactions/refresh", object{"access_token": access})
	page := c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
	assert.Len(t, page["added"], 1)
	assert.Len(t, page["removed"], 1)
	now := c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": "now"})
	assert.Empty(t, now["added"])
	assert.NotEmpty(t, now["next_cursor"])
}

func pendingBecomesPosted(t *testing.T) {
	t.Parallel()
	c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	cursor, _ := c.SyncPlaid(access, "", 500, map[string]object{})
	require.NoError(t, c.Bank.Stage(id, virtualbank.Tip))
	require.NoError(t, c.Bank.Refresh(id))
	page := c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
	pending := banktest.List(page, "added")[0]
	assert.Equal(t, true, pending["pending"])
	assert.Nil(t, pending["pending_transaction_id"])
	assert.InDelta(t, 50.0, pending["amount"], 0)
	c.Bank.Advance(24 * time.Hour)
	require.NoError(t, c.Bank.Refresh(id))
	cursor = page["next_cursor"].(string)
	var posted object
	removedOn, addedOn := 0, 0
	for n := 1; ; n++ {
		page = c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor, "count": 1})
		for _, r := range banktest.List(page, "added") {
			if r["pending_transaction_id"] == pending["transaction_id"] {
				posted, addedOn = r, n
			}
		}
		for _, r := range banktest.List(page, "removed") {
			if r["transaction_id"] == pending["transaction_id"] {
				removedOn = n
			}
		}
		cursor = page["next_cursor"].(string)
		if page["has_more"] == false {
			break
		}
	}
	require.NotNil(t, posted)
	assert.NotEqual(t, pending["transaction_id"], posted["transaction_id"])
	assert.InDelta(t, 59.0, posted["amount"], 0)
	assert.Greater(t, removedOn, addedOn, "on another page")

	require.NoError(t, c.Bank.Stage(id, virtualbank.PostedUnmatched))
	require.NoError(t, c.Bank.Refresh(id))
	cursor, _ = c.SyncPlaid(access, cursor, 500, map[string]object{})
	c.Bank.Advance(24 * time.Hour)
	require.NoError(t, c.Bank.Refresh(id))
	page = c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
	assert.Len(t, page["removed"], 1)
	for _, r := range banktest.List(page, "added") {
		assert.Nil(t, r["pending_transaction_id"])
	}
}

func mutations(t *testing.T) {
	t.Parallel()
	c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	first := c.PlaidOK("/transactions/sync", object{"access_token": access, "count": 10})
	second := object{"access_token": access, "count": 10, "cursor": first["next_cursor"]}
	c.PlaidOK("/transactions/sync", second)
	require.NoError(t, c.Bank.Stage(id, virtualbank.Late))
	require.NoError(t, c.Bank.Refresh(id))
	for range 2 {
		_, code := c.PlaidRefused("/transactions/sync", second)
		assert.Equal(t, "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", code, "the one call fails again")
	}
	rows := map[string]object{}
	cursor, _ := c.SyncPlaid(access, "", 10, rows)
	require.NoError(t, c.Bank.Stage(id, virtualbank.MutationDuringPagination))
	c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
	first = c.PlaidOK("/transactions/sync", object{"access_token": access, "count": 10})
	second["cursor"] = first["next_cursor"]
	_, code := c.PlaidRefused("/transactions/sync", second)
	assert.Equal(t, "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", code)
	again := map[string]object{}
	c.SyncPlaid(access, "", 10, again)
	assert.Equal(t, rows, again)
}

func cursors(t *testing.T) {
	t.Parallel()
	c, access, _ := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	other, otherID := c.LinkPlaid("ins_900101", nil)
	require.NoError(t, c.Bank.Refresh(otherID))
	waiting, _ := c.LinkPlaid("ins_900101", nil) // is not ready
	rows := map[string]object{}
	cursor, _ := c.SyncPlaid(access, "", 500, rows)
	account := ""
	for _, r := range rows {
		account = r["account_id"].(string)
	}
	for name, body := range map[string]object{
		"of another Item":                         {"access_token": other, "cursor": cursor},
		"of another Item, where nothing is ready": {"access_token": waiting, "cursor": cursor},
		"of all accounts":                         {"access_token": access, "cursor": cursor, "options": object{"account_id": account}},
		"that was made up":                        {"access_token": access, "cursor": "AAAA"},
		"that is too long":                        {"access_token": access, "cursor": string(make([]byte, 257))},
		"beside a bad count":                      {"access_token": access, "cursor": cursor, "count": 501},
	} {
		_, code := c.PlaidRefused("/transactions/sync", body)
		assert.Equal(t, "INVALID_FIELD", code, name)
	}
	one := c.PlaidOK("/transactions/sync", object{
		"access_token": access, "count": 500, "options": object{"account_id": account},
	})
	for _, r := range banktest.List(one, "added") {
		assert.Equal(t, account, r["account_id"])
	}
	assert.Len(t, one["accounts"], 1)
	fresh := c.PlaidOK("/item/access_token/invalidate", object{"access_token": access})["new_access_token"]
	c.PlaidOK("/transactions/sync", object{"access_token": fresh, "cursor": cursor})
}

func situations(t *testing.T) {
	t.Parallel()
	for _, s := range virtualbank.Situations() {
		for _, provider := range s.Providers {
			if provider != "plaid" || s.Name == virtualbank.CursorCircles {
				continue
			}
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
				rows := map[string]object{}
				cursor, _ := c.SyncPlaid(access, "", 50, rows)
				require.NoError(t, c.Bank.Stage(id, s.Name))
				require.NoError(t, c.Bank.Refresh(id))
				switch s.Name {
				case virtualbank.CursorForgotten:
					_, code := c.PlaidRefused("/transactions/sync", object{"access_token": access, "cursor": cursor})
					assert.Equal(t, "INVALID_FIELD", code)
					cursor, rows = "", map[string]object{} // from the start, no removal is reported
				case virtualbank.NotReady:
					body := c.PlaidOK("/transactions/sync", object{"access_token": access, "cursor": cursor})
					assert.Equal(t, "NOT_READY", body["transactions_update_status"])
					c.Bank.Advance(time.Hour)
				}
				c.Bank.Advance(26 * time.Hour)
				require.NoError(t, c.Bank.Refresh(id))
				c.SyncPlaid(access, cursor, 500, rows)
				whole := map[string]object{}
				c.SyncPlaid(access, "", 500, whole)
				assert.Equal(t, whole, rows, "the client has what the bank has")
			})
		}
	}
}

func window(t *testing.T) {
	t.Parallel()
	c, access, _ := linked(t, virtualbank.Options{Start: banktest.Start}, nil)
	body := func(offset, count int) object {
		return c.PlaidOK("/transactions/get", object{
			"access_token": access, "start_date": "2026-10-01", "end_date": "2026-10-31",
			"options": object{"count": count, "offset": offset, "include_original_description": true},
		})
	}
	whole := banktest.List(body(0, 500), "transactions")
	var paged []object
	for len(paged) < len(whole) {
		paged = append(paged, banktest.List(body(len(paged), 10), "transactions")...)
	}
	assert.Equal(t, whole, paged)
	assert.InDelta(t, len(whole), body(0, 1)["total_transactions"], 0)
	for i, r := range whole {
		assert.NotEmpty(t, r["original_description"])
		if i > 0 {
			assert.LessOrEqual(t, r["date"], whole[i-1]["date"], "the newest first")
		}
	}
	_, code := c.PlaidRefused("/transactions/get", object{
		"access_token": access, "start_date": "2026-10-31", "end_date": "2026-10-01",
	})
	assert.Equal(t, "INVALID_FIELD", code)
}

func signs(t *testing.T) {
	t.Parallel()
	c, access, id := linked(t, virtualbank.Options{Start: banktest.Start}, object{
		"additional_consented_products": []string{"investments", "liabilities"},
	})
	accounts, err := c.Bank.Accounts(id)
	require.NoError(t, err)
	for _, spec := range []virtualbank.TransactionSpec{
		{Amount: "12.50", Type: "debit", Text: "Out"},
		{Amount: "12.50", Type: "credit", Text: "In"},
		{Amount: "0.1", Type: "debit", Text: "Coin", Currency: "DOGE"},
		{Amount: "250", Type: "debit", Text: "Pence", Currency: "GBX"},
	} {
		require.NoError(t, c.Bank.AddTransaction(id, accounts[0].PlaidID, spec))
	}
	require.NoError(t, c.Bank.Refresh(id))
	rows := map[string]object{}
	c.SyncPlaid(access, "", 500, rows)
	byName := map[string]object{}
	for _, r := range rows {
		byName[r["name"].(string)] = r
	}
	assert.InDelta(t, 12.5, byName["Out"]["amount"], 0)
	assert.InDelta(t, -12.5, byName["In"]["amount"], 0)
	assert.Equal(t, "USD", byName["Out"]["iso_currency_code"])
	for name, code := range map[string]string{"Coin": "DOGE", "Pence": "GBX"} {
		assert.Nil(t, byName[name]["iso_currency_code"])
		assert.Equal(t, code, byName[name]["unofficial_currency_code"])
	}
	assert.Less(t, byName["Salary"]["amount"], 0.0)
	assert.Greater(t, byName["Rent"]["amount"], 0.0)

	body := c.PlaidOK("/investments/transactions/get", object{
		"access_token": access, "start_date": "2026-10-01", "end_date": "2026-10-31",
	})
	list := banktest.List(body, "investment_transactions")
	require.Len(t, list, 2)
	assert.InDelta(t, -12.4, list[0]["amount"], 0)
	assert.InDelta(t, 101.25, list[1]["amount"], 0)
	held := c.PlaidOK("/investments/holdings/get", object{"access_token": access})
	sum := 0.0
	for _, h := range banktest.List(held, "holdings") {
		sum += h["institution_value"].(float64)
	}
	owed := c.PlaidOK("/liabilities/get", object{"access_token": access})["liabilities"].(object)
	assert.Len(t, owed["credit"], 1)
	for _, a := range banktest.List(held, "accounts") {
		balance := a["balances"].(object)["current"].(float64)
		assert.Positive(t, balance, a["name"])
		if a["type"] == "investment" {
			assert.InDelta(t, balance, sum, 0.001)
		}
	}
}
