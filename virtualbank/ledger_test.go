package virtualbank_test

import (
	"encoding/json"
	"errors"
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

func TestLedger(t *testing.T) {
	t.Parallel()
	t.Run("it adds up, and a seed gives the same ledger again", ledgerAddsUp)
	t.Run("it goes back as many days as the options say", ledgerGoesBack)
}

func TestScript(t *testing.T) {
	t.Parallel()
	t.Run("an added transaction is corrected, posted and removed", addedTransaction)
	t.Run("an unknown session is refused", unknownSession)
}

func ledgerAddsUp(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start, Seed: 7})
	token, path := c.LinkMoneyKit()
	_ = token
	mk, err := c.Bank.Transactions(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	require.Greater(t, len(mk), 500, "two years")
	kinds := map[string]int{}
	equal := map[string]int{}
	for _, row := range mk {
		kinds[row.Text]++
		equal[row.AccountID+row.Date+row.Text+row.Amount]++
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

	before, err := c.Bank.Accounts(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, row := range mk {
		seen[row.Event] = true
	}
	late := 0
	for range 60 {
		c.Bank.Advance(24 * time.Hour)
		today := c.Bank.Now()
		now, err := c.Bank.Transactions(strings.TrimPrefix(path, "/links/"))
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
	after, err := c.Bank.Accounts(strings.TrimPrefix(path, "/links/"))
	require.NoError(t, err)
	rows, err := c.Bank.Transactions(strings.TrimPrefix(path, "/links/"))
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
	same := banktest.Open(t, virtualbank.Options{Start: banktest.Start, Seed: 7})
	_, other := same.LinkMoneyKit()
	again, err := same.Bank.Transactions(strings.TrimPrefix(other, "/links/"))
	require.NoError(t, err)
	require.Len(t, again, len(mk))
	assert.Equal(t, mk[10].Event, again[10].Event, "the same seed gives the same ledger")
}

func ledgerGoesBack(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.November, 20, 9, 0, 0, 0, time.UTC)
	for days, first := range map[int][2]string{0: {"2024-11-20", "2024-11-30"}, 30: {"2026-10-21", "2026-10-31"}} {
		bank := virtualbank.New(virtualbank.Options{Start: start, HistoryDays: days})
		raw, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: bank.Credentials().Dapi.AppKey})
		require.NoError(t, err)
		var payload struct{ ConnectionID string }
		require.NoError(t, json.Unmarshal(raw, &payload))
		rows, err := bank.Transactions(payload.ConnectionID)
		require.NoError(t, err)
		oldest := start.Format(time.DateOnly)
		for _, row := range rows {
			oldest = min(oldest, row.Date)
		}
		assert.GreaterOrEqual(t, oldest, first[0], days)
		assert.LessOrEqual(t, oldest, first[1], "%d: in ten days something happens", days)
	}
}

func addedTransaction(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	token, path := c.LinkMoneyKit()
	link := strings.TrimPrefix(path, "/links/")
	accounts, err := c.Bank.Accounts(link)
	require.NoError(t, err)
	id := accounts[0].MoneyKitID
	added := virtualbank.TransactionSpec{Amount: "12.00", Type: "debit", Text: "restaurant", Pending: true}
	read := func() []object {
		c.Bank.Advance(time.Minute)
		require.NoError(t, c.Bank.Refresh(link))
		var found []object
		for _, row := range banktest.List(c.MoneyKit("GET", path+"/transactions?size=1000&account_ids="+id, token,
			nil).Body, "transactions") {
			if row["raw_description"] == added.Text {
				found = append(found, row)
			}
		}
		return found
	}
	require.NoError(t, c.Bank.AddTransaction(link, id, added))
	held := read()
	require.Len(t, held, 1)
	assert.Equal(t, true, held[0]["pending"])

	added.Amount, added.Pending = "14.20", false
	require.NoError(t, c.Bank.ChangeTransaction(link, id, added))
	booked := read()
	require.Len(t, booked, 1)
	assert.Equal(t, "14.20", booked[0]["amount"])
	assert.Equal(t, false, booked[0]["pending"])
	assert.NotEqual(t, held[0]["transaction_id"], booked[0]["transaction_id"], "a posted row has another id")

	require.NoError(t, c.Bank.RemoveTransaction(link, id, added.Text))
	assert.Empty(t, read())
	for name, err := range map[string]error{
		"a row that is gone":    c.Bank.ChangeTransaction(link, id, added),
		"a row of another text": c.Bank.RemoveTransaction(link, id, "nothing"),
		"an unknown account":    c.Bank.RemoveTransaction(link, "nothing", added.Text),
		"an unknown link":       c.Bank.RemoveTransaction("nothing", id, added.Text),
	} {
		t.Run(name, func(t *testing.T) {
			refusal, ok := errors.AsType[*virtualbank.Refusal](err)
			require.True(t, ok)
			assert.Equal(t, http.StatusNotFound, refusal.Status)
		})
	}
}

func unknownSession(t *testing.T) {
	t.Parallel()
	c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
	_, err := c.Bank.Session("nothing")
	refusal, ok := errors.AsType[*virtualbank.Refusal](err)
	require.True(t, ok)
	assert.Equal(t, http.StatusNotFound, refusal.Status)
}
