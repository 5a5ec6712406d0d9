package virtualbank_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestAnAddedTransactionIsCorrectedPostedAndTakenBack(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	token, path := c.linkMK()
	link := strings.TrimPrefix(path, "/links/")
	accounts, err := c.bank.Accounts(link)
	require.NoError(t, err)
	id := accounts[0].MoneyKitID
	added := virtualbank.TransactionSpec{Amount: "12.00", Type: "debit", Text: "restaurant", Pending: true}
	read := func() []object {
		c.bank.Advance(time.Minute)
		require.NoError(t, c.bank.Refresh(link))
		var found []object
		for _, row := range list(c.mk("GET", path+"/transactions?size=1000&account_ids="+id, token, nil).Body, "transactions") {
			if row["raw_description"] == added.Text {
				found = append(found, row)
			}
		}
		return found
	}
	require.NoError(t, c.bank.AddTransaction(link, id, added))
	held := read()
	require.Len(t, held, 1)
	assert.Equal(t, true, held[0]["pending"])

	added.Amount, added.Pending = "14.20", false
	require.NoError(t, c.bank.ChangeTransaction(link, id, added))
	booked := read()
	require.Len(t, booked, 1)
	assert.Equal(t, "14.20", booked[0]["amount"])
	assert.Equal(t, false, booked[0]["pending"])
	assert.NotEqual(t, held[0]["transaction_id"], booked[0]["transaction_id"], "a posted row has another id")

	require.NoError(t, c.bank.RemoveTransaction(link, id, added.Text))
	assert.Empty(t, read())
	for name, err := range map[string]error{
		"a row that is gone":      c.bank.ChangeTransaction(link, id, added),
		"a row of another text":   c.bank.RemoveTransaction(link, id, "nothing"),
		"an account that is none": c.bank.RemoveTransaction(link, "nothing", added.Text),
		"a link that is none":     c.bank.RemoveTransaction("nothing", id, added.Text),
	} {
		refusal, ok := errors.AsType[*virtualbank.Refusal](err)
		require.True(t, ok, name)
		assert.Equal(t, http.StatusNotFound, refusal.Status, name)
	}
}

func TestASessionTellsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	c := open(t, virtualbank.Options{Start: began})
	_, err := c.bank.Session("nothing")
	refusal, ok := errors.AsType[*virtualbank.Refusal](err)
	require.True(t, ok)
	assert.Equal(t, http.StatusNotFound, refusal.Status)
}
