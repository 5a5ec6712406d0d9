package moneykit_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// Rows as banks send them: one odd member costs itself or its row, never the page, the sync or the
// breaker.

const goodRow = `{"transaction_id":"t1","account_id":"a1","amount":"1","type":"credit","currency":"USD","date":"2026-11-20","pending":false}`

// oddRows are rows of MoneyKit, and what is left of each: "" where the row fails.
var oddRows = map[string]struct {
	row   string
	check func(*testing.T, bankmux.Transaction)
}{
	"a numeric original id is read": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20","original_id":77`,
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
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20","enrichment":"none","description":{"en":"x"}`,
		func(t *testing.T, row bankmux.Transaction) {
			assert.Nil(t, row.Enrichment)
			assert.Empty(t, row.Description)
		},
	},
	"ids that are numbers are read": {
		`"transaction_id":2,"account_id":"a1","amount":5,"type":"debit","currency":"USD","date":"2026-11-20","pending":"true"`,
		func(t *testing.T, row bankmux.Transaction) {
			assert.Equal(t, "2", row.ID)
			assert.Equal(t, bankmux.StatusPending, row.Status)
		},
	},
	"a status that cannot be read is not told": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20","pending":{}`,
		func(t *testing.T, row bankmux.Transaction) { assert.Empty(t, row.Status) },
	},
	"a datetime of no calendar is absent": {
		`"transaction_id":"t2","account_id":"a1","amount":"5","type":"debit","currency":"USD","date":"2026-11-20","datetime":"9999-12-31T00:00:00Z"`,
		func(t *testing.T, row bankmux.Transaction) { assert.True(t, row.At.IsZero()) },
	},
	"an amount that is an object fails": {
		`"transaction_id":"t2","account_id":"a1","amount":{"value":5},"type":"debit","currency":"USD","date":"2026-11-20"`,
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
		`"transaction_id":"t2","account_id":"a1","amount":"5","amount":"6","type":"debit","currency":"USD","date":"2026-11-20"`,
		nil,
	},
}

// partly demands that an error, if there is one, is about what is missing from a good answer.
func partly(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		_, partial := errors.AsType[*bankmux.PartialError](err)
		require.True(t, partial, err)
	}
}

func TestOneOddRowNeverCostsThePage(t *testing.T) {
	t.Parallel()
	for name, c := range oddRows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := `[` + goodRow + `,{` + c.row + `},` + strings.Replace(goodRow, "t1", "t3", 1) + `]`
			client, conn := canned(t, map[string]string{
				"/transactions": `{"total":3,"transactions":` + page + `,"accounts":[],` + freshLink + `}`,
				"/sync":         `{"transactions":{"created":` + page + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink + `}`,
			})
			for range 7 { // one more than opens a circuit
				var rows []bankmux.Transaction
				var failed []string
				for row, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Enrich: true}) {
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

func TestADayThatCannotBeMeantFailsAndIsQuoted(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"1448-05-13", "0001-01-01", "9999-12-31", "2569-11-20", "1970-01-01T00:00:00Z", "1900-01-01", "2099-12-31"} {
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
			"/investments/transactions": `{"total":1,"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],"securities":[{"security_id":"s","close_date":"` + day + `"}],
				"investment_transactions":[{"investment_transaction_id":"i1","account_id":"a1","amount":"1","date":"` + day + `","type":"buy"}],` + freshLink + `}`,
			"/transactions": `{"total":2,"transactions":` + row + `,"accounts":[],` + freshLink + `}`,
			"/sync":         `{"transactions":{"created":` + row + `,"updated":[],"removed":[]},"cursor":{"next":"c"},"has_more":false,` + freshLink + `}`,
		})
		var list, investments []error
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			list = append(list, err)
		}
		require.Len(t, list, 2, day)
		require.NoError(t, list[0])
		require.ErrorContains(t, list[1], "transaction t1")
		require.ErrorContains(t, list[1], `"`+day+`"`)
		delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
		partly(t, err)
		require.Len(t, delta.Added, 1)
		require.Len(t, delta.Failed, 1)
		require.ErrorContains(t, delta.Failed[0], `"`+day+`"`)
		for _, err := range client.InvestmentTransactions(t.Context(), bankmux.InvestmentTransactionsRequest{Connection: conn}) {
			investments = append(investments, err)
		}
		require.NotEmpty(t, investments)
		require.ErrorContains(t, investments[0], `"`+day+`"`)
		if len(investments) > 1 { // 1900, 1970 and 2099 may be the day of a price
			require.ErrorContains(t, investments[1], `"`+day+`"`)
		}
	}
}

func TestEveryListLosesOnlyTheOddElement(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{
		"/accounts": `{"accounts":[{"account_id":"a1","account_type":"depository.checking","account_mask":4410,"closed":"no","balances":{"currency":"USD","current":1}},
			"odd",{"account_id":"a2","balances":"none"},{"name":"no id"},{"account_id":"a3","account_id":"a4"}],` + freshLink + `}`,
		"/accounts/numbers": `{"accounts":[{"account_id":"a1","numbers":{"ach":[{"account_number":123,"routing_number":"9"},"odd"],"eft":null}},7,{"account_id":"a2","numbers":{"bacs":{}}},
			{"account_id":"a5","numbers":{"international":[{"iban":"GB1","bic":{}}]}}],` + freshLink + `}`,
		"/identity": `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"],"addresses":"none","phone_numbers":[{"number":50}],"emails":null},5]},[]],` + freshLink + `}`,
		"/holdings": `{"accounts":[{"account_id":"a1","balances":{"currency":"USD"}},9],"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2","value":"NA","price":"3"},
			"odd",{"account_id":"a1","security_id":"s2"}],"securities":[{"security_id":"s1","name":5,"close_price":"x","currency":"USD"},null,true],` + freshLink + `}`,
		"/investments/transactions": `{"total":"3","accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],"securities":[],"investment_transactions":[
			{"investment_transaction_id":1,"account_id":"a1","amount":"-4","fees":"NA","date":"2026-11-01","type":"buy"},"odd",{"investment_transaction_id":"i3"}],` + freshLink + `}`,
		"/institutions": `{"institutions":[{"institution_id":"x","name":"X","institution_id_aliases":"y","is_featured":1,"country":"US"},"odd",{"name":"no id"}],"cursors":{"next":null}}`,
		"/links":        `{"links":[{"link_id":"mk_1","created_at":17},"odd",{"link_id":"mk_2"}],"next_cursor":""}`,
	})
	ctx := t.Context()
	places := func(err error) (names []string) {
		partial, ok := errors.AsType[*bankmux.PartialError](err)
		require.True(t, ok, err)
		require.ErrorIs(t, err, bankmux.ErrMalformed)
		for _, f := range partial.Failed {
			names = append(names, strings.Trim(f.Account+"/"+f.Transaction, "/"))
		}
		return names
	}
	for range 7 {
		accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
		assert.ElementsMatch(t, []string{"row 2", "row 4", "row 5"}, places(err))
		require.Len(t, accounts.Accounts, 2)
		assert.Equal(t, "4410", accounts.Accounts[0].Mask)
		assert.False(t, accounts.Accounts[0].Closed)
	}
	numbers, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "row 3", "a1/row 2"}, places(err))
	require.Len(t, numbers.Accounts, 2)
	assert.Equal(t, "123", numbers.Accounts[0].Numbers[0].Number)
	assert.Equal(t, "GB1", numbers.Accounts[1].Numbers[0].IBAN)
	who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "a1/row 2"}, places(err))
	assert.Equal(
		t,
		[]bankmux.Owner{{Accounts: []string{"a1"}, Names: []string{"Rosa"}, Phones: []bankmux.Phone{{Number: "50"}}}},
		who.Owners,
	)
	holdings, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn})
	assert.ElementsMatch(t, []string{"row 2", "a1/s1", "row 2", "a1/s2", "s1", "row 3"}, places(err))
	require.Len(t, holdings.Holdings, 1)
	assert.True(t, holdings.Holdings[0].Value.IsZero(), "what cannot be read is absent")
	assert.Equal(t, "3.00 USD", holdings.Holdings[0].Price.String())
	assert.Equal(t, "5", holdings.Securities[0].Name)
	page, failed := []bankmux.InvestmentTransaction{}, 0
	for row, err := range client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: conn}) {
		if err != nil {
			failed++
			continue
		}
		page = append(page, row)
	}
	assert.Equal(t, 3, failed, "a fee, an element, a row")
	require.Len(t, page, 1)
	assert.Equal(t, "4.00 USD", page[0].Amount.String())
	banks, failed := []string{}, 0
	for bank, err := range client.Institutions(ctx, bankmux.InstitutionsRequest{}) {
		if err != nil {
			failed++
			continue
		}
		banks = append(banks, bank.ID)
	}
	assert.Equal(t, []string{"x"}, banks)
	assert.Equal(t, 2, failed)
	links, failed := []string{}, 0
	for link, err := range moneykit.Links(ctx, client) {
		if err != nil {
			failed++
			continue
		}
		links = append(links, link.ID.Reveal())
	}
	assert.Equal(t, []string{"mk_1", "mk_2"}, links)
	assert.Equal(t, 1, failed)
}

func TestListsOfAUserLoseOnlyTheOddElement(t *testing.T) {
	t.Parallel()
	client, _ := canned(t, map[string]string{
		"/links":        `{"links":{"mk_1":{"link_id":"mk_1","state":"connected","link_tags":"x","webhook":5,"products":{"transactions":true}},"mk_2":"odd"}}`,
		"/accounts":     `{"links":{"mk_1":{"accounts":[{"account_id":"a1"},"odd"]},"mk_2":7}}`,
		"/transactions": `{"total":2,"transactions":[` + goodRow + `,"odd"],"accounts":{"a1":{"link_id":"mk_1"},"a2":"odd"}}`,
	})
	key := client.ReferenceKey(bankmux.NewSecret("mk_1"))
	links, err := moneykit.UserLinks(t.Context(), client, "user-1")
	_, partial := errors.AsType[*bankmux.PartialError](err)
	assert.True(t, partial, err)
	require.Len(t, links, 1)
	assert.Empty(t, links[key].Tags)
	accounts, err := moneykit.UserAccounts(t.Context(), client, "user-1")
	_, partial = errors.AsType[*bankmux.PartialError](err)
	assert.True(t, partial, err)
	assert.Len(t, accounts[key], 1)
	var rows, failed int
	for row, err := range moneykit.UserTransactions(t.Context(), client, "user-1", bankmux.Date{}, bankmux.Date{}) {
		if err != nil {
			failed++
			continue
		}
		rows++
		assert.Equal(t, key, row.ReferenceKey)
	}
	assert.Equal(t, [2]int{1, 1}, [2]int{rows, failed})
}

func TestASyncPageIsReadAroundItsOddElements(t *testing.T) {
	t.Parallel()
	const link = freshLink
	client, conn := canned(t, map[string]string{
		"/sync": `{"transactions":{"created":[` + goodRow + `],"updated":["odd"],"removed":["t9",{"id":"t8"},7,null]},"cursor":{"next":5},"has_more":false,` + link + `}`,
	})
	delta, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
	partly(t, err)
	assert.Len(t, delta.Added, 1)
	var removed, failed []string
	for _, a := range delta.Removed {
		removed = append(removed, a.Known.Aliases...)
	}
	for _, f := range delta.Failed {
		failed = append(failed, f.Transaction)
	}
	assert.Len(t, removed, 2)
	assert.Equal(t, []string{"updated row 1", "removed row 2", "removed row 4"}, failed)
	for _, odd := range []string{`"created":{}`, `"created":[],"removed":"t1"`} {
		client, conn := canned(
			t,
			map[string]string{
				"/sync": `{"transactions":{` + odd + `},"cursor":{"next":"c"},"has_more":false,` + link + `}`,
			},
		)
		_, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrMalformed, odd)
	}
	client, conn = canned(
		t,
		map[string]string{
			"/sync": `{"transactions":{"created":[]},"cursor":{"next":"c"},"has_more":"false",` + link + `}`,
		},
	)
	_, err = client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrMalformed, "whether there is more decides")
}

func TestOneBalanceThatCannotBeReadCostsItself(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[
		{"account_id":"a1","account_type":"liability.credit_card","balances":{"currency":"USD","current":"NA","available":7500,"limit":{}}},
		{"account_id":"a2","account_type":"depository.checking","balances":{"currency":"USD","current":"NA"}}],` + freshLink + `}`})
	got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 2)
	assert.Equal(t, []string{"a1", "a2"}, []string{partial.Failed[0].Account, partial.Failed[1].Account})
	require.Len(t, got.Balances, 1, "an account of which nothing can be read is only in Failed")
	available, ok := got.Balances[0].Of(bankmux.BalanceAvailable)
	require.True(t, ok)
	assert.Equal(t, "7500.00 USD", available.String())
	_, ok = got.Balances[0].Of(bankmux.BalanceBooked)
	assert.False(t, ok)
}

func TestDataInAnAnswerWinOverWhatItsLinkSays(t *testing.T) {
	t.Parallel()
	for name, product := range map[string]string{
		"never fetched": `{"refreshed_at":null}`, "not granted": `null`, "failed": `{"refreshed_at":null,"error_code":"institution_error"}`, "odd": `[]`,
	} {
		all := `"transactions":` + product + `,"account_numbers":` + product + `,"identity":` + product + `,"investments":` + product + `,"accounts":` + product
		link := `"link":{"link_id":"mk_1","state":"connected","products":{` + all + `}}`
		client, conn := canned(t, map[string]string{
			"/accounts":                 `{"accounts":[{"account_id":"a1","balances":{"currency":"USD","current":1}}],` + link + `}`,
			"/accounts/numbers":         `{"accounts":[{"account_id":"a1","numbers":{"ach":[{"account_number":"1"}]}}],` + link + `}`,
			"/identity":                 `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"]}]}],` + link + `}`,
			"/transactions":             `{"total":1,"transactions":[` + goodRow + `],"accounts":[],` + link + `}`,
			"/sync":                     `{"transactions":{"created":[` + goodRow + `]},"cursor":{"next":"c"},"has_more":false,` + link + `}`,
			"/holdings":                 `{"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],"holdings":[{"account_id":"a1","security_id":"s","quantity":"1"}],"securities":[],` + link + `}`,
			"/investments/transactions": `{"total":1,"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],"securities":[],"investment_transactions":[{"investment_transaction_id":"i","account_id":"a1","amount":"1","date":"2026-11-01"}],` + link + `}`,
		})
		ctx := t.Context()
		_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
		require.NoError(t, err, name)
		numbers, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, numbers.Accounts, 1, name)
		who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, who.Owners, 1, name)
		for _, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
			require.NoError(t, err, name)
		}
		delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, delta.Added, 1, name)
		holdings, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, holdings.Holdings, 1, name)
		for _, err := range client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: conn}) {
			require.NoError(t, err, name)
		}
	}
}

func TestListsOfSandboxDataAreSentAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	rosa := []moneykit.Owner{{Names: []string{"Rosa"}}}
	for name, c := range map[string]struct {
		data moneykit.CustomSandboxData
		want string
	}{
		"nil lists are empty, and nil owners are left to chance": {moneykit.CustomSandboxData{}, `{"accounts":[]}`},
		"no owners at all": {
			moneykit.CustomSandboxData{Accounts: []moneykit.CustomSandboxAccount{}, Owners: []moneykit.Owner{}}, `{"accounts":[],"owners":[]}`,
		},
		"an owner with a name": {
			moneykit.CustomSandboxData{Owners: rosa},
			`{"accounts":[],"owners":[{"names":["Rosa"],"addresses":[],"phone_numbers":[],"emails":[]}]}`,
		},
		"an owner of whom nothing is known": {
			moneykit.CustomSandboxData{Owners: []moneykit.Owner{{}}},
			`{"accounts":[],"owners":[{"names":[],"addresses":[],"phone_numbers":[],"emails":[]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, virtualbank.Options{}, nil)
			var sent struct {
				Data json.RawMessage `json:"custom_sandbox_data"`
			}
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/link-session" {
					return false
				}
				body, _ := io.ReadAll(r.Body)
				assert.NoError(t, json.Unmarshal(body, &sent))
				return write(w, http.StatusCreated, "application/json", `{"link_session_token":"token"}`)
			})
			req := request
			req.Options = []bankmux.SessionOption{moneykit.SessionOptions{CustomSandboxData: &c.data}}
			_, err := client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			assert.JSONEq(t, c.want, string(sent.Data))
		})
	}
	assert.Nil(t, rosa[0].Emails, "the caller's value stays as it was")
}

func TestALinkWithOddMembersIsStillALink(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/links/") &&
			write(
				w,
				http.StatusOK,
				"application/json",
				`{"link_id":"mk_1","state":"connected","institution_name":{"en":"x"},"institution_avatar":7,"webhook":[],"link_tags":{"a":1},"available_products":"none",
			  "products":{"transactions":{"refreshed_at":17,"unavailable":[]},"identity":true,"investments":null}}`,
			)
	})
	got, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: s.connect(request)})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, got.Connection.Status.State)
	assert.ElementsMatch(
		t,
		[]bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity},
		got.Connection.Products,
	)
}
