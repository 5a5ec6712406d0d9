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

// TestRow specifies how a row is read.
func TestRow(t *testing.T) {
	t.Parallel()
	t.Run("running balances decide the sign", runningBalancesDecideTheSign)
	t.Run("a running balance is in the account's currency", aRunningBalanceIsInTheAccountsCurrency)
	t.Run("one unreadable row never costs the page", oneUnreadableRowNeverCostsThePage)
	t.Run("a day that cannot be meant fails and is quoted", aDayThatCannotBeMeantFailsAndIsQuoted)
}

func runningBalancesDecideTheSign(t *testing.T) {
	t.Parallel()
	row := func(amount, word, before, after string) string {
		return fmt.Sprintf(
			`{"amount":%s,"date":"%s","type":"%s","beforeAmount":%s,"afterAmount":%s,%s}`,
			amount,
			yesterday(),
			word,
			before,
			after,
			aed,
		)
	}
	for name, c := range map[string]struct{ row, want string }{
		"a negative debit that raises the balance is a refund": {row("-52.42", "debit", "947.58", "1000.00"), "52.42 AED"},
		"a negative debit that lowers it is a debit":           {row("-52.42", "debit", "1000.00", "947.58"), "-52.42 AED"},
		"a negative credit that lowers it is a reversal":       {row("-52.42", "credit", "1000.00", "947.58"), "-52.42 AED"},
		"a negative debit without balances":                    {row("-52.42", "debit", "null", "1000.00"), "-52.42 AED"},
		"a debit that lowers it":                               {row("52.42", "debit", "1000", "947.58"), "-52.42 AED"},
		"a credit that raises it":                              {row("52.42", "credit", "947.58", "1000"), "52.42 AED"},
		"a debit that raises it by its amount":                 {row("52.42", "debit", "947.58", "1000.00"), ""},
		"a credit that lowers it by its amount":                {row("52.42", "credit", "1000.00", "947.58"), ""},
		"a debit that raises it by another amount":             {row("52.42", "debit", "947.58", "2000"), ""},
		"a negative debit that raises it by another amount":    {row("-52.42", "debit", "947.58", "2000"), "52.42 AED"},
		"a debit that lowers it by another amount":             {row("52.42", "debit", "2000", "947.58"), "-52.42 AED"},
		"balances of different scale that rise":                {row("-52.42", "debit", "947.580", "1000.0"), "52.42 AED"},
		"balances below zero that fall":                        {row("-52.42", "credit", "-947.58", "-1000"), "-52.42 AED"},
		"a negative credit whose balances do not move":         {row("-52.42", "credit", "1000", "1000.00"), "52.42 AED"},
		"balances that do not move":                            {row("52.42", "debit", "1000", "1000.00"), "-52.42 AED"},
		"balances that cannot be read":                         {row("52.42", "debit", `"NA"`, "1000"), "-52.42 AED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, conn, _ := canned(
				t,
				map[string]string{
					"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row(
						"1",
						"credit",
						"1",
						"2",
					) + `,` + c.row + `]}`,
				},
			)
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
	t.Run("a row has the same sign beside any other rows", func(t *testing.T) {
		t.Parallel()
		refund := func(i int) string {
			return row("-10", "debit", fmt.Sprint(i*10), fmt.Sprint(i*10+10))
		}
		owed := func(i int) string {
			return row("10", "debit", fmt.Sprint(i*10), fmt.Sprint(i*10+10))
		}
		purchase := row("10", "debit", "60", "50")
		for _, last := range []string{refund(0), purchase} {
			all := []string{last}
			for n := range 8 {
				client, conn, _ := canned(
					t,
					map[string]string{
						"/v2/data/transactions/get": `{` + done + `,"transactions":[` + strings.Join(all, ",") + `]}`,
					},
				)
				rows, failed, delta := rowsOf(t, client, conn)
				require.Len(t, rows, 1+n/2)
				require.Len(t, failed, n-n/2)
				require.Len(t, delta.Failed, n-n/2)
				for _, r := range rows[1:] {
					assert.Equal(t, "10.00 AED", r.Amount.String())
				}
				if n%2 == 0 {
					all = append(all, owed(n))
				} else {
					all = append(all, refund(n))
				}
			}
		}
	})
	t.Run("a card's running balance may be what is owed", func(t *testing.T) {
		t.Parallel()
		client, conn, _ := canned(
			t,
			map[string]string{
				"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row(
					"52.42",
					"debit",
					"947.58",
					"1000.00",
				) + `]}`,
			},
		)
		for row, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{
			Connection: conn, Cards: []string{"c1"}, From: bankmux.DateOf(time.Now().UTC()).AddDays(-3),
		}) {
			require.NoError(t, err)
			assert.Equal(t, "-52.42 AED", row.Amount.String())
		}
	})
}

func aRunningBalanceIsInTheAccountsCurrency(t *testing.T) {
	t.Parallel()
	row := func(members string) string {
		return `{"date":"` + yesterday() + `","type":"debit",` + members + `}`
	}
	const usd = `"currency":{"code":"USD"}`
	body := `{` + done + `,"transactions":[` + strings.Join([]string{
		row(
			`"amount":13.53,"afterAmount":950.31,` + usd,
		),
		row(`"amount":13.53,"beforeAmount":1000,"afterAmount":950.31,` + usd),
		row(
			`"amount":49.69,"beforeAmount":1000,"afterAmount":950.31,` + aed,
		),
		row(`"amount":1,"afterAmount":949.31,` + aed),
		row(
			`"amount":-13.53,"beforeAmount":900.62,"afterAmount":950.31,` + usd,
		),
		row(`"amount":13.53,"beforeAmount":13.53,` + usd),
	}, ",") + `]}`
	client, conn, _ := canned(t, map[string]string{
		"/v2/data/transactions/get": body,
		"/v2/data/accounts/get":     `{` + done + `,"accounts":[{"id":"a1","type":"current",` + aed + `}]}`,
	})
	printed := func(of bankmux.Connection) (all []string) {
		rows, failed, _ := rowsOf(t, client, of)
		require.Empty(t, failed)
		for _, r := range rows {
			all = append(
				all,
				strings.Join([]string{r.Amount.String(), r.BalanceBefore.String(), r.BalanceAfter.String()}, "/"),
			)
		}
		return all
	}
	unknown := []string{
		"-13.53 USD//",
		"-13.53 USD//",
		"-49.69 AED/1000.00 AED/950.31 AED",
		"-1.00 AED//",
		"13.53 USD//",
		"-13.53 USD//",
	}
	assert.Equal(t, unknown, printed(conn), "the account's currency is not known")
	_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"-13.53 USD//950.31 AED",
		"-13.53 USD/1000.00 AED/950.31 AED",
		"-49.69 AED/1000.00 AED/950.31 AED",
		"-1.00 AED//949.31 AED",
		"13.53 USD/900.62 AED/950.31 AED",
		"-13.53 USD/13.53 AED/",
	}, printed(conn), "it is")
	other := conn
	other.ID = "another-connection"
	assert.Equal(t, unknown, printed(other), "an account of another connection is another account")

	client, conn, _ = canned(t, map[string]string{
		"/v2/data/transactions/get": `{` + done + `,"transactions":[` + row(
			`"amount":13.53,"beforeAmount":900.62,"afterAmount":950.31,`+usd,
		) + `]}`,
		"/v2/data/accounts/get": `{` + done + `,"accounts":[{"id":"a1","type":"current",` + aed + `}]}`,
	})
	for _, listed := range []bool{false, true} {
		if listed {
			_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			require.NoError(t, err)
		}
		rows, failed, _ := rowsOf(t, client, conn)
		assert.Empty(t, rows)
		assert.Len(t, failed, 1, "the balances rise, and the type is debit, with or without a known currency")
	}
}

func oneUnreadableRowNeverCostsThePage(t *testing.T) {
	t.Parallel()
	good := `{"amount":1,"date":"` + yesterday() + `","type":"credit","description":"GOOD",` + aed + `}`
	for name, c := range map[string]struct {
		row   string
		check func(*testing.T, bankmux.Transaction)
	}{
		"a numeric reference is read": {
			`{"amount":5,"date":"DAY","type":"debit","reference":998877,` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) { assert.Equal(t, "998877", row.Reference) },
		},
		"members for display are absent": {
			`{"amount":5,"date":"DAY","type":"debit","description":{"en":"x"},"details":[1],` +
				`"category":true,"brandDetails":"none",` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) {
				assert.Empty(t, row.Description+row.Details)
				assert.Nil(t, row.Enrichment)
			},
		},
		"a currency that is a code alone is read": {
			`{"amount":"5","date":"DAY","type":"DEBIT","currency":"AED"}`,
			func(*testing.T, bankmux.Transaction) {},
		},
		"case matters in a currency": {
			`{"amount":"5","date":"DAY","type":"DEBIT","currency":{"name":"Dirham","code":"AED","CODE":"EUR"}}`,
			func(t *testing.T, row bankmux.Transaction) {
				assert.Contains(t, row.Amount.String(), "AED")
			},
		},
		"a running balance that cannot be read is absent": {
			`{"amount":5,"date":"DAY","type":"debit","beforeAmount":"NA","afterAmount":{},` + aed + `}`,
			func(t *testing.T, row bankmux.Transaction) {
				assert.True(t, row.BalanceBefore.IsZero() && row.BalanceAfter.IsZero())
			},
		},
		"text is not a row":                 {`"row"`, nil},
		"a list is not a row":               {`[1]`, nil},
		"a row that repeats a key fails":    {`{"amount":5,"amount":6,"date":"DAY","type":"debit",` + aed + `}`, nil},
		"a currency that repeats a key":     {`{"amount":5,"date":"DAY","type":"debit","currency":{"code":"AED","code":"USD"}}`, nil},
		"an unknown word is not a credit":   {`{"amount":5,"date":"DAY","type":"sideways",` + aed + `}`, nil},
		"a word that is a number fails":     {`{"amount":5,"date":"DAY","type":1,` + aed + `}`, nil},
		"an amount that is an object fails": {`{"amount":{"value":5},"date":"DAY","type":"debit",` + aed + `}`, nil},
		"a day that is a number fails":      {`{"amount":5,"date":17,"type":"debit",` + aed + `}`, nil},
		"a currency by its name":            {`{"amount":5,"date":"DAY","type":"debit","currency":{"code":"dirham"}}`, nil},
		"a currency that is a number":       {`{"amount":5,"date":"DAY","type":"debit","currency":784}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{` + done + `,"transactions":[` + good + `,` + strings.ReplaceAll(
				c.row,
				"DAY",
				yesterday(),
			) + `,` + good + `]}`
			client, conn, _ := canned(t, map[string]string{"/v2/data/transactions/get": body})
			for range 7 { // one more than opens a circuit
				rows, failed, delta := rowsOf(t, client, conn)
				if c.check == nil {
					require.Len(t, rows, 2)
					require.Len(t, failed, 1)
					require.ErrorIs(t, failed[0], bankmux.ErrMalformed)
					require.ErrorContains(t, failed[0], "row 2")
					require.Len(t, delta.Failed, 1)
					assert.Equal(t, "row 2", delta.Failed[0].Transaction)
					continue
				}
				require.Empty(t, failed)
				require.Len(t, rows, 3)
				assert.Equal(t, "-5.00 AED", rows[1].Amount.String())
				c.check(t, rows[1])
				assert.Empty(t, delta.Failed)
				assert.Len(t, delta.Added, 3)
			}
		})
	}
}

func aDayThatCannotBeMeantFailsAndIsQuoted(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"1448-05-13", "0001-01-01", "9999-12-31", "2569-11-20T00:00:00.000Z", "1970-01-01"} {
		client, conn, _ := canned(t, map[string]string{
			"/v2/data/transactions/get": `{` + done + `,"transactions":[{"amount":5,"date":"` + day + `","type":"debit",` + aed + `}]}`,
			"/v2/data/balance/get":      `{` + done + `,"balance":{"outstandingBalance":5,"dueDate":"` + day + `",` + aed + `}}`,
			"/v2/data/cards/get":        `{` + done + `,"cards":[{"id":"c1","expiryDate":"` + day + `",` + aed + `}]}`,
			"/v2/data/identity/get":     `{` + done + `,"identity":{"name":"Rosa","dateOfBirth":"` + day + `"}}`,
		})
		rows, failed, delta := rowsOf(t, client, conn)
		assert.Empty(t, rows)
		require.Len(t, failed, 1)
		require.ErrorContains(t, failed[0], `"`+day+`"`)
		require.Len(t, delta.Failed, 1, "a sync names it, too")
		require.ErrorContains(t, delta.Failed[0], `"`+day+`"`)
		if strings.HasPrefix(day, "1970") {
			continue // a valid birthday
		}
		balances, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Cards: []string{"c1"}})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, balances.Balances, 1)
		assert.True(t, balances.Balances[0].Due.IsZero())
		cards, err := client.Cards(t.Context(), bankmux.CardsRequest{Connection: conn})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, cards.Cards, 1)
		who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		require.ErrorContains(t, err, `"`+day+`"`)
		require.Len(t, who.Owners, 1)
	}
}

// Parts of rows as banks send them. One unreadable member costs itself or its row, never the page,
// the sync or the circuit.

const (
	done = `"operationID":"X:1","success":true,"status":"done"`
	aed  = `"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"}`
)

// yesterday is a day that every reading requests.
func yesterday() string {
	return bankmux.DateOf(time.Now().UTC()).AddDays(-1).String()
}

// rowsOf reads the rows of account a1 from a list and from a sync, and the failures of each.
func rowsOf(
	t *testing.T,
	client *bankmux.Client,
	conn bankmux.Connection,
) (rows []bankmux.Transaction, failed []error, delta bankmux.Delta) {
	t.Helper()
	from := bankmux.DateOf(time.Now().UTC()).AddDays(-3)
	for row, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}, From: from}) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		rows = append(rows, row)
	}
	delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}})
	partly(t, err)
	return rows, failed, delta
}
