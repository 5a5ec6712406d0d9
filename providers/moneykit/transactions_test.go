package moneykit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestRow specifies how a row is read.
func TestRow(t *testing.T) {
	t.Parallel()
	t.Run("the documented rows are read", theDocumentedRowsAreRead)
	t.Run("one unreadable row never costs the page", oneUnreadableRowNeverCostsThePage)
	t.Run("a day that cannot be meant fails and is quoted", aDayThatCannotBeMeantFailsAndIsQuoted)
	t.Run("timestamps are read with a zone and without", timestampsAreReadWithAZoneAndWithout)
}

func theDocumentedRowsAreRead(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/transactions": `{"total":6,"page":1,"size":6,"transactions":[
		{"transaction_id":"t1","account_id":"a1","amount":"42.90","type":"debit","currency":"USD","date":"2026-11-19","datetime":null,
		 "description":"Harbor Coffee","raw_description":"HARBOR COFFEE #221","pending":false,"category":"food.coffee",
		 "enrichment":{"category":{"value":"food_and_drink","confidence":97},` +
		`"subcategory":null,"merchant":{"id":"m1","name":"Harbor","logo":null,"confidence":88},
		 "processor":null,"recurrence":{"frequency":"monthly","next_predicted_date":"2026-12-19"}},` +
		`"original_id":"mine-1"},
		{"transaction_id":"t2","account_id":"a1","amount":384.05,"type":"credit","currency":"USD",` +
		`"date":"2026-11-20T00:00:00","datetime":"2026-11-20T09:15:00-08:00","pending":true,"new_member":{"x":[1]}},
		{"transaction_id":"t3","account_id":"a1","amount":"1","type":"sideways","currency":"USD","date":"2026-11-20","pending":false},
		{"transaction_id":"t4","account_id":"a1","amount":"1","type":"credit","currency":"USD","date":"yesterday","pending":false},
		{"transaction_id":"t5","account_id":"a1","amount":"12,5","type":"credit","currency":"USD","date":"2026-11-20","pending":false},
		{"transaction_id":"t6","account_id":"a1","amount":"7","type":"credit","currency":"ZZZ","date":"2026-11-18","pending":false}],"accounts":[],` +
		freshLink + `}`})
	var rows []bankmux.Transaction
	var failed []string
	for row, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, Enrich: true}) {
		if err != nil {
			failed = append(failed, row.ID)
			continue
		}
		rows = append(rows, row)
	}
	assert.Equal(t, []string{"t3", "t4", "t5"}, failed)
	require.Len(t, rows, 3)
	assert.Equal(t, "-42.90 USD", rows[0].Amount.String())
	assert.Equal(t, bankmux.StatusBooked, rows[0].Status)
	assert.Equal(t, "2026-11-19", rows[0].Date.String())
	assert.Equal(t, rows[0].Date, rows[0].BookingDate, "MoneyKit's date is the day of posting")
	assert.Zero(t, rows[1].BookingDate, "a pending row has none")
	assert.Zero(t, rows[0].ValueDate)
	assert.Nil(t, rows[0].Counterparty)
	assert.Empty(t, rows[0].Replaces)
	assert.True(t, rows[0].At.IsZero())
	assert.Equal(t, "mine-1", rows[0].OriginalID)
	assert.Equal(t, &bankmux.Enrichment{
		Category: bankmux.Category{
			Name:       "food_and_drink",
			Confidence: 97,
		},
		Merchant:   bankmux.Merchant{ID: "m1", Name: "Harbor", Confidence: 88},
		Recurrence: bankmux.Recurrence{Frequency: "monthly", Next: bankmux.NewDate(2026, 12, 19)},
	}, rows[0].Enrichment)
	assert.Equal(t, "384.05 USD", rows[1].Amount.String(), "older samples have numbers")
	assert.Equal(t, bankmux.StatusPending, rows[1].Status)
	assert.Equal(t, "2026-11-20", rows[1].Date.String(), "the day as the bank writes it")
	assert.Equal(t, time.Date(2026, 11, 20, 17, 15, 0, 0, time.UTC), rows[1].At)
	assert.Equal(t, bankmux.Currency("ZZZ"), rows[2].Amount.Currency(), "an unlisted currency is kept")
}

func oneUnreadableRowNeverCostsThePage(t *testing.T) {
	t.Parallel()
	for name, c := range oddRows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := `[` + goodRow + `,{` + c.row + `},` + strings.Replace(goodRow, "t1", "t3", 1) + `]`
			client, conn := canned(t, map[string]string{
				"/transactions": `{"total":3,"transactions":` + page + `,"accounts":[],` + freshLink + `}`,
				"/sync": `{"transactions":{"created":` + page + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink +
					`}`,
			})
			for range 7 { // one more than opens a circuit
				var rows []bankmux.Transaction
				var failed []string
				for row, err := range client.Transactions(t.Context(),
					bankmux.TransactionsRequest{Connection: conn, Enrich: true}) {
					if err != nil {
						require.ErrorIs(t, err, bankmux.ErrMalformed)
						failed = append(failed, row.ID)
						continue
					}
					rows = append(rows, row)
				}
				delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
				partly(t, err)
				if c.check == nil {
					require.Len(t, rows, 2)
					require.Len(t, failed, 1)
					assert.Contains(t, []string{"t2", "row 2"}, failed[0])
					require.Len(t, delta.Added, 2)
					require.Len(t, delta.Failed, 1)
					assert.Contains(t, []string{"t2", "created row 2"}, delta.Failed[0].Transaction)
					continue
				}
				require.Empty(t, failed)
				require.Len(t, rows, 3)
				assert.Equal(t, "-5.00 USD", rows[1].Amount.String())
				c.check(t, rows[1])
				require.Empty(t, delta.Failed)
				require.Len(t, delta.Added, 3)
			}
		})
	}
}

func aDayThatCannotBeMeantFailsAndIsQuoted(t *testing.T) {
	t.Parallel()
	for _, day := range []string{
		"1448-05-13", "0001-01-01", "9999-12-31", "2569-11-20", "1970-01-01T00:00:00Z", "1900-01-01", "2099-12-31",
	} {
		row := `[` + strings.Replace(
			goodRow,
			"2026-11-20",
			day,
			1,
		) + `,` + strings.Replace(
			goodRow,
			"t1",
			"t3",
			1,
		) + `]`
		client, conn := canned(t, map[string]string{
			"/investments/transactions": `{"total":1,"accounts":[{"account_id":"a1",` +
				`"balances":{"currency":"USD"}}],"securities":[{"security_id":"s","close_date":"` + day + `"}],
				"investment_transactions":[{"investment_transaction_id":"i1","account_id":"a1","amount":"1","date":"` +
				day + `","type":"buy"}],` + freshLink + `}`,
			"/transactions": `{"total":2,"transactions":` + row + `,"accounts":[],` + freshLink + `}`,
			"/sync":         `{"transactions":{"created":` + row + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink + `}`,
		})
		var list, investments []error
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			list = append(list, err)
		}
		require.Len(t, list, 2, day)
		require.NoError(t, list[0])
		require.ErrorContains(t, list[1], "row t1")
		require.ErrorContains(t, list[1], `"`+day+`"`)
		delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
		partly(t, err)
		require.Len(t, delta.Added, 1)
		require.Len(t, delta.Failed, 1)
		require.ErrorContains(t, delta.Failed[0], `"`+day+`"`)
		for _, err := range client.InvestmentTransactions(t.Context(),
			bankmux.InvestmentTransactionsRequest{Connection: conn}) {
			investments = append(investments, err)
		}
		require.NotEmpty(t, investments)
		require.ErrorContains(t, investments[0], `"`+day+`"`)
		if len(investments) > 1 { // 1900, 1970 and 2099 may be the day of a price
			require.ErrorContains(t, investments[1], `"`+day+`"`)
		}
	}
}

// The samples of MoneyKit's documentation have no zone. Its recorded responses have one.
func timestampsAreReadWithAZoneAndWithout(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 14, 11, 0, time.UTC)
	for name, zoneless := range map[string]bool{"with": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *setup
			s = start(
				t,
				virtualbank.Options{Start: at, Forms: virtualbank.Forms{ZonelessTimes: zoneless}},
				func(c *moneykit.Config) {
					c.Now = func() time.Time { return s.bank.Now() }
				},
			)
			ctx := t.Context()
			conn := s.connect(request)
			require.NoError(t, s.bank.Refresh(conn.Reference()))
			near := func(what string, got time.Time) {
				t.Helper()
				assert.WithinRange(t, got, at, at.Add(time.Minute), what)
				assert.Equal(t, time.UTC, got.Location(), what)
			}
			status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			require.NotEmpty(t, status.Products)
			for _, p := range status.Products {
				near(string(p.Product)+" refreshed", p.RefreshedAt)
				near(string(p.Product)+" attempted", p.AttemptedAt)
			}
			balances, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
			require.NoError(t, err)
			require.NotEmpty(t, balances.Balances)
			near("a balance", balances.Balances[0].Balances[0].AsOf)
			for l, err := range moneykit.Links(ctx, s.client) {
				require.NoError(t, err)
				near("a link", l.CreatedAt)
			}
			header, body := s.bank.Sign(
				virtualbank.Webhook{Provider: "moneykit", Event: "link.state_changed", Reference: conn.Reference()},
			)
			got, err := s.client.ReadWebhook(ctx, bankmux.NewWebhookRequest(header, body))
			require.NoError(t, err)
			require.Len(t, got.Events, 1)
			near("an event", got.Events[0].At)
		})
	}
}

// Parts of rows as banks send them. One unreadable member costs itself or its row, never the page,
// the sync or the circuit.

const goodRow = `{"transaction_id":"t1","account_id":"a1","amount":"1","type":"credit","currency":"USD",` +
	`"date":"2026-11-20","pending":false}`

// oddRows are rows of MoneyKit, and what remains of each: "" if the row fails.
var oddRows = map[string]struct {
	row   string
	check func(*testing.T, bankmux.Transaction)
}{
	"a numeric original id is read": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20",` +
			`"original_id":77`,
		func(t *testing.T, row bankmux.Transaction) { assert.Equal(t, "77", row.OriginalID) },
	},
	"a broken confidence is absent": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20",
		 "enrichment":{"category":{"value":"food","confidence":97.5},"merchant":"Harbor","recurrence":[]}`,
		func(t *testing.T, row bankmux.Transaction) {
			assert.Equal(t, &bankmux.Enrichment{Category: bankmux.Category{Name: "food"}}, row.Enrichment)
		},
	},
	"an enrichment that is text is absent": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20",` +
			`"enrichment":"none","description":{"en":"x"}`,
		func(t *testing.T, row bankmux.Transaction) {
			assert.Nil(t, row.Enrichment)
			assert.Empty(t, row.Description)
		},
	},
	"ids that are numbers are read": {
		`"transaction_id":2,"account_id":"a1","amount":5,"type":"debit","currency":"USD","date":"2026-11-20",` +
			`"pending":"true"`,
		func(t *testing.T, row bankmux.Transaction) {
			assert.Equal(t, "2", row.ID)
			assert.Equal(t, bankmux.StatusPending, row.Status)
		},
	},
	"an unreadable status is absent": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20",` +
			`"pending":{}`,
		func(t *testing.T, row bankmux.Transaction) { assert.Empty(t, row.Status) },
	},
	"a datetime of no calendar is absent": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20",` +
			`"datetime":"9999-12-31T00:00:00Z"`,
		func(t *testing.T, row bankmux.Transaction) { assert.True(t, row.At.IsZero()) },
	},
	"an amount that is an object fails": {
		`"transaction_id":"t2","account_id":"a1","amount":{"value":5},` +
			`"type":"debit","currency":"USD","date":"2026-11-20"`,
		nil,
	},
	"a date that is an object fails": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":{"day":1}`,
		nil,
	},
	"an unknown word fails": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"sideways","currency":"USD","date":"2026-11-20"`,
		nil,
	},
	"an id that is a list fails": {
		`"transaction_id":["t2"],"account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20"`,
		nil,
	},
	"a currency's name fails": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"dollars","date":"2026-11-20"`,
		nil,
	},
	"a Hijri day fails": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"1448-05-13"`,
		nil,
	},
	"a repeated key fails": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","amount":"6","type":"debit","currency":"USD",` +
			`"date":"2026-11-20"`,
		nil,
	},
}
