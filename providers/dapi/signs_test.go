package dapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestRunningBalancesDecideTheSign(t *testing.T) {
	t.Parallel()
	row := func(amount, word, before, after string) string {
		return fmt.Sprintf(`{"amount":%s,"date":"%s","type":"%s","beforeAmount":%s,"afterAmount":%s,%s}`, amount, yesterday(), word, before, after, aed)
	}
	for name, c := range map[string]struct{ row, want string }{
		"a negative debit that raises the balance is money back": {row("-52.42", "debit", "947.58", "1000.00"), "52.42 AED"},
		"a negative debit that lowers it is a debit":             {row("-52.42", "debit", "1000.00", "947.58"), "-52.42 AED"},
		"a negative credit that lowers it is taken back":         {row("-52.42", "credit", "1000.00", "947.58"), "-52.42 AED"},
		"a negative debit whose balances are not told":           {row("-52.42", "debit", "null", "1000.00"), "-52.42 AED"},
		"a debit that lowers it":                                 {row("52.42", "debit", "1000", "947.58"), "-52.42 AED"},
		"a credit that raises it":                                {row("52.42", "credit", "947.58", "1000"), "52.42 AED"},
		"a debit that raises it by its amount":                   {row("52.42", "debit", "947.58", "1000.00"), ""},
		"a credit that lowers it by its amount":                  {row("52.42", "credit", "1000.00", "947.58"), ""},
		"balances that are not of this row":                      {row("52.42", "debit", "947.58", "2000"), "-52.42 AED"},
		"a negative credit whose balances do not move":           {row("-52.42", "credit", "1000", "1000.00"), "52.42 AED"},
		"balances that do not move":                              {row("52.42", "debit", "1000", "1000.00"), "-52.42 AED"},
		"balances that cannot be read":                           {row("52.42", "debit", `"NA"`, "1000"), "-52.42 AED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, conn, _ := canned(t, map[string]string{"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row("1", "credit", "1", "2") + `,` + c.row + `]}`})
			rows, failed, delta := rowsOf(t, client, conn)
			if c.want == "" {
				require.Len(t, failed, 1)
				require.ErrorContains(t, failed[0], "row 2")
				require.ErrorContains(t, failed[0], "contradict")
				require.Len(t, delta.Failed, 1)
				return
			}
			require.Empty(t, failed)
			require.Len(t, rows, 2)
			assert.Equal(t, c.want, rows[1].Amount.String())
			require.Len(t, delta.Added, 2)
		})
	}
	t.Run("a bank that writes what is owed contradicts every word, and the words decide", func(t *testing.T) {
		t.Parallel()
		owed := []string{row("10", "debit", "0", "10"), row("20", "debit", "10", "30"), row("-5", "debit", "30", "35"), row("30", "credit", "35", "5"), row("1", "debit", "5", "6")}
		client, conn, _ := canned(t, map[string]string{"/v2/data/transactions/get": `{` + done + `,"transactions":[` + strings.Join(owed, ",") + `]}`})
		rows, failed, _ := rowsOf(t, client, conn)
		require.Empty(t, failed)
		var amounts []string
		for _, r := range rows {
			amounts = append(amounts, r.Amount.String())
		}
		assert.Equal(t, []string{"-10 AED", "-20 AED", "-5 AED", "30 AED", "-1 AED"}, amounts)
		client, conn, _ = canned(t, map[string]string{"/v2/data/transactions/get": `{` + done + `,"transactions":[` + strings.Join(append(owed, row("1", "debit", "6", "5")), ",") + `]}`})
		rows, failed, _ = rowsOf(t, client, conn)
		assert.Len(t, failed, 4, "unless one agrees")
		assert.Len(t, rows, 2)
	})
	t.Run("a card's running balance may be what is owed", func(t *testing.T) {
		t.Parallel()
		client, conn, _ := canned(t, map[string]string{"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row("52.42", "debit", "947.58", "1000.00") + `]}`})
		for row, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Cards: []string{"c1"}, From: bankmux.DateOf(time.Now().UTC()).AddDays(-3)}) {
			require.NoError(t, err)
			assert.Equal(t, "-52.42 AED", row.Amount.String())
		}
	})
}

func TestARunningBalanceIsInTheAccountsCurrency(t *testing.T) {
	t.Parallel()
	row := func(members string) string {
		return `{"date":"` + yesterday() + `","type":"debit",` + members + `}`
	}
	const usd = `"currency":{"code":"USD"}`
	body := `{` + done + `,"transactions":[` + strings.Join([]string{
		row(`"amount":13.53,"afterAmount":950.31,` + usd), row(`"amount":13.53,"beforeAmount":1000,"afterAmount":950.31,` + usd),
		row(`"amount":49.69,"beforeAmount":1000,"afterAmount":950.31,` + aed), row(`"amount":1,"afterAmount":949.31,` + aed),
		row(`"amount":-13.53,"beforeAmount":900.62,"afterAmount":950.31,` + usd), row(`"amount":13.53,"beforeAmount":13.53,` + usd),
	}, ",") + `]}`
	client, conn, _ := canned(t, map[string]string{
		"/v2/data/transactions/get": body,
		"/v2/data/accounts/get":     `{` + done + `,"accounts":[{"id":"a1","type":"current",` + aed + `}]}`,
	})
	told := func(of bankmux.Connection) (all []string) {
		rows, failed, _ := rowsOf(t, client, of)
		require.Empty(t, failed)
		for _, r := range rows {
			all = append(all, strings.Join([]string{r.Amount.String(), r.BalanceBefore.String(), r.BalanceAfter.String()}, "/"))
		}
		return all
	}
	// Rows whose running balances contradict their word come last.
	unknown := []string{"-13.53 USD//", "-13.53 USD//", "-49.69 AED/1000 AED/950.31 AED", "-1 AED//", "-13.53 USD//", "13.53 USD//"}
	assert.Equal(t, unknown, told(conn), "the account's currency is not known")
	_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"-13.53 USD//950.31 AED", "-13.53 USD/1000 AED/950.31 AED", "-49.69 AED/1000 AED/950.31 AED", "-1 AED//949.31 AED", "-13.53 USD/13.53 AED/", "13.53 USD/900.62 AED/950.31 AED",
	}, told(conn), "it is")
	other := conn
	other.ID = "another-connection"
	assert.Equal(t, unknown, told(other), "an account of another connection is another account")

	client, conn, _ = canned(t, map[string]string{
		"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row(`"amount":13.53,"beforeAmount":900.62,"afterAmount":950.31,`+usd) + `]}`,
		"/v2/data/accounts/get":     `{` + done + `,"accounts":[{"id":"a1","type":"current",` + aed + `}]}`,
	})
	rows, failed, _ := rowsOf(t, client, conn)
	assert.Len(t, rows, 1, "balances in another currency cannot be compared until that is known")
	assert.Empty(t, failed)
	_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	rows, failed, _ = rowsOf(t, client, conn)
	assert.Empty(t, rows)
	assert.Len(t, failed, 1, "they rise, and the word says debit")
}
