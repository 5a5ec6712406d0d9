//go:build !race

package e2e_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/virtualbank"
)

// manyRows is more than the bytes that [banktest.Sync.Round] allows a cursor.
const manyRows = 2_000

func TestCursorSize(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"moneykit", "dapi", "plaid"} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, provider)
			accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
			require.NoError(t, err)
			today := bankmux.DateOf(time.Now().UTC())
			for i := range manyRows {
				require.NoError(
					t,
					s.Bank.AddTransaction(s.Conn.Reference(), accounts.Accounts[0].ID, virtualbank.TransactionSpec{
						Amount: fmt.Sprintf(
							"-%d.%02d",
							1+i%7,
							i%100,
						),
						Type: "debit",
						Date: today.AddDays(-i % 20).String(),
						Text: fmt.Sprint("SHOP ", i%50),
					}),
				)
			}
			s.Fetch(t)
			s.Round(t) // checks the length of each cursor
			assert.Greater(t, len(s.Rows), manyRows)
			for _, d := range s.Round(t) {
				assert.Empty(t, d.Added, "many of them are alike")
				assert.Empty(t, d.Replaced)
			}
		})
	}
}
