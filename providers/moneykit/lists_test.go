package moneykit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
)

// TestLists specifies lists with unreadable elements.
func TestLists(t *testing.T) {
	t.Parallel()
	t.Run("each list loses only its unreadable element", eachListLosesOnlyItsUnreadableElement)
	t.Run("lists of a user lose only their unreadable element", listsOfAUserLoseOnlyTheirUnreadableElement)
	t.Run("a page of a sync is read around its unreadable elements", aPageOfASyncIsReadAroundItsUnreadableElements)
}

func eachListLosesOnlyItsUnreadableElement(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{
		"/accounts": `{"accounts":[{"account_id":"a1","account_type":"depository.checking","account_mask":4410,` +
			`"closed":"no","balances":{"currency":"USD","current":1}},
			"odd",{"account_id":"a2","balances":"none"},{"name":"no id"},{"account_id":"a3","account_id":"a4"}],` +
			freshLink + `}`,
		"/accounts/numbers": `{"accounts":[{"account_id":"a1","numbers":{"ach":[{"account_number":123,` +
			`"routing_number":"9"},"odd"],"eft":[{"account_number":""}]}},7,{"account_id":"a2","numbers":{"bacs":{}}},
			{"account_id":"a5","numbers":{"international":[{"iban":"GB1","bic":{}}]}}],` + freshLink + `}`,
		"/identity": `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"],"addresses":"none","phone_numbers":[{"number":50}],"emails":null},5]},[]],` +
			freshLink + `}`,
		"/holdings": `{"accounts":[{"account_id":"a1","balances":{"currency":"USD"}},9],` +
			`"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2","value":"NA","price":"3"},
			"odd",{"account_id":"a1","security_id":"s2"}],"securities":[{"security_id":"s1","name":5,` +
			`"close_price":"x","currency":"USD"},null,true],` + freshLink + `}`,
		"/investments/transactions": `{"total":"3","accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],"securities":[],"investment_transactions":[
			{"investment_transaction_id":1,"account_id":"a1","amount":"-4","fees":"NA","date":"2026-11-01",` +
			`"type":"buy"},"odd",{"investment_transaction_id":"i3"}],` + freshLink + `}`,
		"/institutions": `{"institutions":[{"institution_id":"x","name":"X","institution_id_aliases":"y",` +
			`"is_featured":1,"country":"US"},"odd",{"name":"no id"}],"cursors":{"next":null}}`,
		"/links": `{"links":[{"link_id":"mk_1","created_at":17},"odd",{"link_id":"mk_2"}],"next_cursor":""}`,
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
	assert.ElementsMatch(t, []string{"row 2", "row 3", "a1/row 1", "a1/row 2"}, places(err))
	require.Len(t, numbers.Accounts, 2)
	assert.Len(t, numbers.Accounts[0].Numbers, 1)
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
	assert.True(t, holdings.Holdings[0].Value.IsZero(), "an unreadable part is absent")
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

func listsOfAUserLoseOnlyTheirUnreadableElement(t *testing.T) {
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

func aPageOfASyncIsReadAroundItsUnreadableElements(t *testing.T) {
	t.Parallel()
	const link = freshLink
	client, conn := canned(t, map[string]string{
		"/sync": `{"transactions":{"created":[` + goodRow + `],"updated":["odd"],"removed":["t9",{"id":"t8"},7,null]},"cursor":{"next":5},"has_more":false,` +
			link + `}`,
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
	require.ErrorIs(t, err, bankmux.ErrMalformed, "has_more decides")
}
