package moneykit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// canned answers data calls with texts, by the end of the path, the longest there is; the rest goes
// to the bank.
func canned(t *testing.T, answers map[string]string) (*bankmux.Client, bankmux.Connection) {
	t.Helper()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := ""
		for suffix := range answers {
			if strings.HasSuffix(r.URL.Path, suffix) && len(suffix) > len(end) {
				end = suffix
			}
		}
		if end != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answers[end])
			return
		}
		s.bank.MoneyKit().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
	})
	require.NoError(t, err)
	return client, conn
}

const freshLink = `"link":{"link_id":"mk_1","state":"connected","products":{
	"accounts":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"},"transactions":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"},
	"investments":{"refreshed_at":"2026-11-20T14:03:27+00:00"}}}`

func TestBalancesOfTheFactSheetAreRead(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[
		{"account_id":"a1","account_type":"depository.checking","name":"Everyday","account_mask":"4410",
		 "balances":{"currency":"USD","available":1841.07,"current":1902.55,"limit":null,"balance_date":"2026-11-20T14:03:00"}},
		{"account_id":"a2","account_type":"liability.credit_card","name":"Card",
		 "balances":{"currency":"usd","available":3215.4,"current":784.6,"limit":4000,"balance_date":null}},
		{"account_id":"a3","account_type":"credit_card","name":"Overpaid","balances":{"currency":"USD","current":-15.25}},
		{"account_id":"a4","account_type":"loan.mortgage","name":"House","balances":{"currency":"USD","current":"240000.00"}},
		{"account_id":"a5","account_type":"crystal.ball","name":"New kind","balances":{"currency":"USD","available":null,"current":null,"limit":null}},
		{"account_id":"a6","account_type":"depository.savings","name":"No currency","balances":{"currency":null,"current":5}},
		{"account_id":"a7","account_type":"depository.savings","name":"Strange","balances":{"currency":"USD","current":{"amount":5}}}],` + freshLink + `}`})
	got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	require.Len(t, partial.Failed, 2)
	assert.Equal(t, "a6", partial.Failed[0].Account)
	assert.Equal(t, "a7", partial.Failed[1].Account)
	require.ErrorIs(t, err, bankmux.ErrMalformed)
	text := map[string]string{}
	for _, b := range got.Balances {
		for _, kind := range []bankmux.BalanceKind{bankmux.BalanceBooked, bankmux.BalanceAvailable, bankmux.BalanceLimit} {
			if m, ok := b.Of(kind); ok {
				text[b.Account] += m.String() + " "
			}
		}
	}
	assert.Equal(t, map[string]string{
		"a1": "1902.55 USD 1841.07 USD ",
		"a2": "-784.60 USD 3215.40 USD 4000.00 USD ",
		"a3": "15.25 USD ",
		"a4": "-240000.00 USD ",
	}, text)
	assert.Len(t, got.Balances, 5, "an account of which nothing is told has no balances, and is there")
	assert.Equal(
		t,
		time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC),
		got.Balances[0].Balances[0].AsOf,
		"no zone means UTC",
	)
	assert.Equal(
		t,
		time.Date(2026, 11, 20, 14, 3, 27, 418502000, time.UTC),
		got.Balances[1].Balances[0].AsOf,
		"else when it was fetched",
	)

	accounts, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	var kinds []bankmux.AccountKind
	for _, a := range accounts.Accounts {
		kinds = append(kinds, a.Kind)
	}
	assert.Equal(t, []bankmux.AccountKind{
		bankmux.AccountChecking,
		bankmux.AccountCreditCard,
		bankmux.AccountCreditCard,
		bankmux.AccountMortgage,
		bankmux.AccountUnknown,
		bankmux.AccountSavings,
		bankmux.AccountSavings,
	}, kinds)
	assert.Equal(t, "crystal.ball", accounts.Accounts[4].ProviderKind, "an unknown word is kept")
}

func TestTransactionsOfTheFactSheetAreRead(t *testing.T) {
	t.Parallel()
	client, conn := canned(t, map[string]string{"/transactions": `{"total":6,"page":1,"size":6,"transactions":[
		{"transaction_id":"t1","account_id":"a1","amount":"42.90","type":"debit","currency":"USD","date":"2026-11-19","datetime":null,
		 "description":"Harbor Coffee","raw_description":"HARBOR COFFEE #221","pending":false,"category":"food.coffee",
		 "enrichment":{"category":{"value":"food_and_drink","confidence":97},"subcategory":null,"merchant":{"id":"m1","name":"Harbor","logo":null,"confidence":88},
		 "processor":null,"recurrence":{"frequency":"monthly","next_predicted_date":"2026-12-19"}},"original_id":"mine-1"},
		{"transaction_id":"t2","account_id":"a1","amount":384.05,"type":"credit","currency":"USD","date":"2026-11-20T00:00:00","datetime":"2026-11-20T09:15:00-08:00","pending":true,"new_member":{"x":[1]}},
		{"transaction_id":"t3","account_id":"a1","amount":"1","type":"sideways","currency":"USD","date":"2026-11-20","pending":false},
		{"transaction_id":"t4","account_id":"a1","amount":"1","type":"credit","currency":"USD","date":"yesterday","pending":false},
		{"transaction_id":"t5","account_id":"a1","amount":"12,5","type":"credit","currency":"USD","date":"2026-11-20","pending":false},
		{"transaction_id":"t6","account_id":"a1","amount":"7","type":"credit","currency":"ZZZ","date":"2026-11-18","pending":false}],"accounts":[],` + freshLink + `}`})
	var rows []bankmux.Transaction
	var failed []string
	for row, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Enrich: true}) {
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
	assert.Equal(t, bankmux.Currency("ZZZ"), rows[2].Amount.Currency(), "a currency in no list is kept")
}

func TestWhatWasNotFetchedOrGrantedIsNoEmptyAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		link string
		kind bankmux.Kind
	}{
		"never fetched":       {`{"link_id":"mk_1","state":"connected","products":{"transactions":{"refreshed_at":null}}}`, bankmux.ErrNotReady},
		"not granted":         {`{"link_id":"mk_1","state":"connected","products":{"transactions":null}}`, bankmux.ErrConsent},
		"failed at the bank":  {`{"link_id":"mk_1","state":"connected","products":{"transactions":{"refreshed_at":null,"error_code":"institution_error"}}}`, bankmux.ErrInstitution},
		"deleted":             {`{"link_id":"mk_1","state":"deleted","products":{}}`, bankmux.ErrGone},
		"an older, thin link": {`{"link_id":"mk_1","state":"connected"}`, ""},
	} {
		client, conn := canned(
			t,
			map[string]string{"/transactions": `{"total":0,"page":1,"size":0,"transactions":[],"link":` + c.link + `}`},
		)
		var last error
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			last = err
		}
		assert.Equal(t, c.kind, bankmux.KindOf(last), name)
	}
}

// shifting is a list with page numbers that changes while it is read.
type shifting struct {
	rows   []int // newest first
	reads  int
	before func(s *shifting)
	total  func(n int) int
	most   int // rows a page, whatever is asked for; 0 for what is asked
	only   int // the page that is served, whatever is asked for; 0 for what is asked
}

func (s *shifting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.reads++
	if s.before != nil {
		s.before(s)
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("size"))
	if s.most > 0 {
		size = min(size, s.most)
	}
	if s.only > 0 {
		page = s.only
	}
	from := min((page-1)*size, len(s.rows))
	rows := []string{}
	for _, n := range s.rows[from:min(from+size, len(s.rows))] {
		rows = append(
			rows,
			fmt.Sprintf(
				`{"transaction_id":"t%d","account_id":"a","amount":"1","type":"credit","currency":"USD","date":"2026-11-01"}`,
				n,
			),
		)
	}
	total := len(s.rows)
	if s.total != nil {
		total = s.total(total)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(
		w,
		`{"total":%d,"page":%d,"size":%d,"transactions":[%s],%s}`,
		total,
		page,
		len(rows),
		strings.Join(rows, ","),
		freshLink,
	)
}

func TestAListThatShiftsWhileItIsReadLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	count := func(n int) []int {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = i
		}
		return rows
	}
	for name, c := range map[string]struct {
		change func(*shifting)
		total  func(int) int
		want   int
		kind   bankmux.Kind
	}{
		"it stands still":          {nil, nil, 95, ""},
		"pages are cut to seven":   {func(s *shifting) { s.most = 7 }, nil, 95, ""},
		"and the total lies high":  {func(s *shifting) { s.most = 7 }, func(n int) int { return n + 1000 }, 95, ""},
		"rows come":                {func(s *shifting) { s.rows = append([]int{1000 + s.reads}, s.rows...) }, nil, 95, ""},
		"rows go from the top":     {func(s *shifting) { s.rows = s.rows[1:] }, nil, 0, ""},
		"the total lies low":       {nil, func(int) int { return 3 }, 95, ""},
		"the total lies high":      {nil, func(n int) int { return n + 1000 }, 95, ""},
		"it never stops shrinking": {nil, func() func(int) int { n := 1 << 20; return func(int) int { n -= 1000; return n } }(), 0, bankmux.ErrMalformed},
		"it shrinks, then it stands": {func(s *shifting) {
			if s.reads == 3 {
				s.rows = s.rows[35:]
			}
		}, nil, 0, ""},
		"rows come at the old end": {func(s *shifting) {
			if s.reads == 3 {
				s.rows = append(s.rows, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012)
			}
		}, nil, 95, ""},
		"rows come at the old end, and go from the top": {func(s *shifting) {
			switch s.reads {
			case 3:
				s.rows = append(s.rows, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012)
			case 5:
				s.rows = s.rows[15:]
			}
		}, nil, 0, ""},
		"it is one page for ever": {func(s *shifting) { s.only = 1 }, nil, 0, bankmux.ErrMalformed},
		"rows come and go": {func(s *shifting) {
			if s.reads%3 == 0 {
				s.rows = s.rows[3:]
			}
			s.rows = append([]int{1000 + s.reads}, s.rows...)
		}, nil, 0, ""},
	} {
		list := &shifting{rows: count(95), before: c.change, total: c.total}
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/transactions") {
				list.ServeHTTP(w, r)
				return
			}
			s.bank.MoneyKit().ServeHTTP(w, r)
		}))
		creds := s.bank.Credentials().MoneyKit
		client, err := moneykit.New(
			moneykit.Config{
				ClientID:     creds.ClientID,
				ClientSecret: bankmux.NewSecret(creds.ClientSecret),
				Environment:  bankmux.Sandbox,
				BaseURL:      server.URL,
			},
		)
		require.NoError(t, err)
		seen := map[string]bool{}
		totals := map[int]bool{} // after each page
		var covered []bankmux.Covered
		var last error
		for page, err := range client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn, PageSize: 10}) {
			if last = err; err != nil {
				break
			}
			for _, row := range page.Transactions {
				assert.False(t, seen[row.ID], "%s: %s twice", name, row.ID)
				seen[row.ID] = true
			}
			covered = append(covered, page.Covered...)
			totals[len(list.rows)] = true
		}
		server.Close()
		assert.Equal(t, c.kind, bankmux.KindOf(last), name)
		assert.Equal(
			t,
			c.kind == "" && len(totals) == 1,
			len(covered) == 1,
			"%s: days are covered where the list stood still",
			name,
		)
		if c.kind != "" {
			continue
		}
		for _, n := range list.rows { // whatever is there at the end and was there at the beginning was seen
			if n < 1000 {
				assert.True(t, seen["t"+strconv.Itoa(n)], "%s: t%d was lost", name, n)
			}
		}
		if c.want > 0 {
			assert.GreaterOrEqual(t, len(seen), c.want, name)
		}
		assert.Less(t, list.reads, 60, name)
	}
}

func TestAListWhoseFirstPageIsServedForEverEnds(t *testing.T) {
	t.Parallel()
	rows := make([]string, 500)
	for i := range rows {
		rows[i] = fmt.Sprintf(
			`{"transaction_id":"t%d","account_id":"a","amount":"1","type":"credit","currency":"USD","date":"2026-11-01"}`,
			i,
		)
	}
	investment := `{"investment_transaction_id":"i1","account_id":"a","amount":1,"quantity":1,"price":1,"fees":0,"type":"buy","date":"2026-11-01"}`
	client, conn := canned(t, map[string]string{
		"/users/user-1/transactions": `{"total":500,"page":1,"size":500,"transactions":[` + strings.Join(
			rows,
			",",
		) + `],"accounts":{}}`,
		"/investments/transactions": `{"total":1,"page":1,"size":1,"accounts":[{"account_id":"a","balances":{"currency":"USD"}}],"securities":[],"investment_transactions":[` +
			investment + `],` + freshLink + `}`,
	})
	count := 0
	var last error
	for _, err := range moneykit.UserTransactions(t.Context(), client, "user-1", bankmux.Date{}, bankmux.Date{}) {
		if last = err; err == nil {
			count++
		}
	}
	require.ErrorIs(t, last, bankmux.ErrMalformed)
	assert.Equal(t, 500, count)
	count = 0
	for _, err := range client.InvestmentTransactions(t.Context(), bankmux.InvestmentTransactionsRequest{Connection: conn, PageSize: 1}) {
		if last = err; err == nil {
			count++
		}
	}
	require.ErrorIs(t, last, bankmux.ErrMalformed)
	e, _ := errors.AsType[*bankmux.Error](last)
	assert.Equal(t, conn.ID, e.Connection)
	assert.Equal(t, 1, count)
}

func TestOperationsOfMoneyKitAloneAreReachable(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL = "https://app.example.com/hooks"
	conn := s.connect(req)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	ctx := t.Context()

	accounts, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	one, err := moneykit.ReadAccount(ctx, s.client, conn, accounts.Accounts[0].ID)
	require.NoError(t, err)
	assert.Equal(t, accounts.Accounts[0], one)
	_, err = moneykit.ReadAccount(ctx, s.client, conn, "nobody")
	require.ErrorIs(t, err, bankmux.ErrGone)

	hook := "https://app.example.com/other"
	link, err := moneykit.UpdateLink(
		ctx,
		s.client,
		conn,
		moneykit.LinkUpdate{Webhook: &hook, Tags: []string{"tier:gold"}},
	)
	require.NoError(t, err)
	assert.Equal(t, hook, link.Webhook)
	assert.Equal(t, []string{"tier:gold"}, link.Tags)
	token, err := moneykit.TestWebhook(ctx, s.client, conn, "link.state_changed", "key-1")
	require.NoError(t, err)
	assert.NotEmpty(t, token)
	none := ""
	link, err = moneykit.UpdateLink(ctx, s.client, conn, moneykit.LinkUpdate{Webhook: &none})
	require.NoError(t, err)
	assert.Empty(t, link.Webhook)
	_, err = moneykit.TestWebhook(ctx, s.client, conn, "link.state_changed", "key-2")
	require.ErrorIs(t, err, bankmux.ErrInvalid)

	keys, err := moneykit.WebhookKeys(ctx, s.client)
	require.NoError(t, err)
	assert.Contains(t, string(keys[0]), `"P-256"`)

	var ids []string
	for l, err := range moneykit.Links(ctx, s.client) {
		require.NoError(t, err)
		ids = append(ids, l.ID.Reveal())
		assert.Equal(t, conn.ReferenceKey, l.ReferenceKey)
	}
	assert.Equal(t, []string{conn.Reference()}, ids)
	links, err := moneykit.UserLinks(ctx, s.client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, links[conn.ReferenceKey].Status.State)
	groups, err := moneykit.UserAccounts(ctx, s.client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, accounts.Accounts, groups[conn.ReferenceKey])

	today := bankmux.DateOf(time.Now().UTC())
	var all []moneykit.UserTransaction
	for row, err := range moneykit.UserTransactions(ctx, s.client, conn.User, today.AddDays(-300), today) {
		require.NoError(t, err)
		all = append(all, row)
	}
	require.Greater(t, len(all), 100)
	assert.Equal(t, conn.ReferenceKey, all[0].ReferenceKey)
	corrected, err := moneykit.CorrectEnrichment(ctx, s.client, conn, moneykit.Correction{
		Transaction: all[0].ID, Category: "shopping", Subcategory: "other_shopping",
	})
	require.NoError(t, err)
	require.NotEmpty(t, corrected)
	assert.Equal(t, "shopping", corrected[0].Enrichment.Category.Name)

	link, err = moneykit.ResetLink(ctx, s.client, conn)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateReauth, link.Status.State)
}

func TestImportedDataAreALinkThatCanBeReadAndReconnected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	ctx := t.Context()
	owed, err := bankmux.NewMoney("100.25", "USD")
	require.NoError(t, err)
	spent, err := bankmux.NewMoney("-3.20", "USD")
	require.NoError(t, err)
	day := bankmux.DateOf(time.Now().UTC()).AddDays(-5)
	link, err := moneykit.ImportLink(ctx, s.client, moneykit.Import{
		User:        "user-1",
		Provider:    "mx",
		Institution: "mx.northwind",
		Accounts: []moneykit.ImportAccount{
			{ID: "mine", Name: "Old", Type: "depository.checking", Mask: "4410", Balance: owed},
			{ID: "card", Name: "Card", Type: "liability.credit_card", Mask: "9907", Balance: spent},
		},
		Transactions: []moneykit.ImportTransaction{
			{Account: "mine", ID: "row-1", Amount: spent, Date: day, Description: "Coffee"},
		},
	})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateReauth, link.Status.State)
	conn, err := moneykit.Adopt(ctx, s.client, "user-1", link.ID)
	require.NoError(t, err)
	assert.Equal(t, link.ID.Reveal(), conn.Reference())
	assert.Equal(t, link.ReferenceKey, conn.ReferenceKey)
	_, err = moneykit.ImportTransactions(
		ctx,
		s.client,
		conn,
		[]moneykit.ImportTransaction{{Account: "mine", Amount: owed, Date: day}},
	)
	require.NoError(t, err)
	balances, err := s.client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
	require.NoError(t, err, "before it is reconnected")
	require.Len(t, balances.Balances, 2)
	for i, want := range []bankmux.Money{owed, spent} {
		got, ok := balances.Balances[i].Of(bankmux.BalanceBooked)
		require.True(t, ok)
		assert.Equal(t, want.String(), got.String())
	}

	req := request
	req.Reconnect = &conn
	renewed, err := single.Connection(s.client.ExchangeToken(ctx, s.post(req)))
	require.NoError(t, err)
	var rows []bankmux.Transaction
	for row, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: renewed}) {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	require.Len(t, rows, 2)
	amounts := []string{rows[0].Amount.Amount(), rows[1].Amount.Amount()}
	assert.ElementsMatch(t, []string{"-3.20", "100.25"}, amounts)
	var sent struct {
		Accounts []struct{ Balances json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(s.sent("POST /links/import")[0], &sent))
	assert.JSONEq(t, `{"currency":"USD","current":100.25}`, string(sent.Accounts[0].Balances))
	assert.JSONEq(
		t,
		`{"currency":"USD","current":3.20}`,
		string(sent.Accounts[1].Balances),
		"what is owed is positive at MoneyKit",
	)
}

func TestARefreshThatFailsAtTheBankNamesTheProduct(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Outage("credentials_bank", true))
	require.NoError(t, s.bank.Outage("northwind", true))
	started, err := s.client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.client.AwaitRefresh(ctx, started)
	require.ErrorIs(t, err, bankmux.ErrContextDone, "it goes on at the provider")
	s.bank.Advance(time.Minute)
	_, err = s.client.AwaitRefresh(t.Context(), started)
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	assert.Equal(t, bankmux.ProductTransactions, partial.Failed[0].Product)
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	_, err = s.client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductCards}},
	)
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
}

// intercepted is a client whose calls pass through a handler first; false goes on to the bank.
func intercepted(t *testing.T, s *setup, handle func(http.ResponseWriter, *http.Request) bool) *bankmux.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !handle(w, r) {
			s.bank.MoneyKit().ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	creds := s.bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     creds.ClientID,
		ClientSecret: bankmux.NewSecret(creds.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.URL,
		Guard: guard.New(
			guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{Disabled: true}},
		),
	})
	require.NoError(t, err)
	return client
}

func write(w http.ResponseWriter, status int, kind, body string) bool {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return true
}

func TestAPageUnder200IsNoDisconnect(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	for _, page := range []string{"<html>hello</html>", ""} {
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodDelete && write(w, 200, "text/html", page)
		})
		_, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrMalformed)
	}
	_, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	require.NoError(t, err)
}

func TestALinkIsNotSaidToBeLostWhileNobodyCouldLook(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	down := true
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return down && strings.HasPrefix(r.URL.Path, "/users/") && write(w, 503, "text/html", "down")
	})
	require.NoError(
		t,
		s.bank.Inject(virtualbank.Fault{Name: "reset_after", Operation: "POST /link-session/exchange-token", Times: 1}),
	)
	for range 2 { // the answer is lost; then the token is spent, and for what cannot be read
		_, err := client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, bankmux.ErrTokenSpent)
	}
	down = false
	conn, err := single.Connection(client.ExchangeToken(t.Context(), post))
	require.NoError(t, err)
	assert.Equal(t, post.Session.ConnectionID, conn.ID)
}

func TestALinkThatCannotEvenBeReadCanBeReconnected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL, req.Tags = "https://app.example.com/hooks", []string{"tier:gold"}
	conn := s.connect(req)
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	refused := true
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return refused && r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/links/") &&
			write(
				w,
				422,
				"application/json",
				`{"error_code":"link_error.bad_state","error_message":"x","link_error_code":"auth_expired"}`,
			)
	})
	session, err := client.CreateSession(
		t.Context(),
		bankmux.SessionRequest{User: conn.User, RedirectURI: request.RedirectURI, Reconnect: &conn},
	)
	require.NoError(t, err)
	payload, err := s.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	require.NoError(t, err)
	refused = false
	renewed, err := single.Connection(
		client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: conn.User, Payload: bankmux.NewSecret(payload)},
		),
	)
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	links, err := moneykit.UserLinks(t.Context(), client, conn.User)
	require.NoError(t, err)
	assert.Equal(t, req.WebhookURL, links[conn.ReferenceKey].Webhook, "nothing was erased")
	assert.Contains(t, links[conn.ReferenceKey].Tags, "tier:gold")
}

func TestWhatALinkCannotGiveHasItsKind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		kind   bankmux.Kind
	}{
		"deleted":               {410, `{"error_code":"link_error.deleted"}`, bankmux.ErrGone},
		"deleted long ago":      {404, `{"error_code":"link_error.not_found"}`, bankmux.ErrGone},
		"lapsed":                {422, `{"error_code":"link_error.bad_state","link_error_code":"auth_expired"}`, bankmux.ErrReauth},
		"the bank is failing":   {422, `{"error_code":"link_error.bad_state","link_error_code":"institution_error"}`, bankmux.ErrInstitution},
		"not permitted":         {403, `{"error_code":"link_error.forbidden_action"}`, bankmux.ErrConsent},
		"another application's": {401, `{"error_code":"link_error.unauthorized_access"}`, bankmux.ErrNotFound},
		"too often":             {429, `{"error_code":"api_error.rate_limit_exceeded"}`, bankmux.ErrRateLimited},
		"a malformed query":     {422, `{"error_code":"api_error.request.validation_failed","validation_errors":[{"location":["query","size"]}]}`, bankmux.ErrInvalid},
	} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/links/") && write(w, c.status, "application/json", c.body)
		})
		_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, c.kind, name)
		_, err = client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
		require.ErrorIs(t, err, c.kind, name)
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			require.ErrorIs(t, err, c.kind, name)
		}
	}
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Disable(conn.Reference(), "identity"))
	_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrConsent)
}

func TestPagesAreNoLargerThanMoneyKitServes(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	var mu sync.Mutex
	var queries []string
	client := intercepted(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		queries = append(queries, r.URL.RawQuery)
		return false
	})
	for _, size := range []int{0, 7, 5000} {
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, PageSize: size}) {
			require.NoError(t, err)
		}
		for _, err := range client.Institutions(t.Context(), bankmux.InstitutionsRequest{PageSize: size}) {
			require.NoError(t, err)
		}
	}
	all := strings.Join(queries, " ")
	for _, want := range []string{"size=500", "size=7", "size=1000", "limit=100", "limit=7"} {
		assert.Contains(t, all, want)
	}
	assert.NotContains(t, all, "5000")
	assert.Contains(t, all, "start_date=", "both days are always sent")
	assert.Contains(t, all, "end_date=")
}

func TestAnAccountThatTheConnectionDoesNotHaveIsNamedAndNotCovered(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	for _, ids := range [][]string{{"nobody's", all.Accounts[0].ID}, {"nobody's"}} {
		rows, unknown := 0, 0
		for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: ids, PageSize: 10}) {
			require.NoError(t, err)
			rows += len(page.Transactions)
			for _, f := range page.Failed {
				require.ErrorIs(t, f, bankmux.ErrNotFound)
				assert.Equal(t, "nobody's", f.Account)
				unknown++
			}
			for _, c := range page.Covered {
				assert.Equal(t, ids[1], c.Account)
			}
		}
		assert.Equal(t, 1, unknown, "once, on the first page")
		assert.Equal(t, len(ids) > 1, rows > 10)
	}
}

func TestDaysThatHaveNotComeAreNotCovered(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	tomorrow := bankmux.DateOf(time.Now().UTC().Add(time.Hour)).AddDays(1)
	for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn, From: tomorrow}) {
		if errors.Is(err, bankmux.ErrInvalid) {
			return // it is no day anywhere on earth yet
		}
		require.NoError(t, err)
		assert.Empty(t, page.Covered)
		assert.Empty(t, page.Transactions)
	}
}

func TestAListOfNoAccountsIsRefusedAndNotTakenForAll(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn, none := s.connect(request), []string{}
	sent := len(s.bank.Requests())
	for name, call := range map[string]func() error{
		"Accounts": func() error {
			_, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn, Accounts: none})
			return err
		},
		"Balances": func() error {
			_, err := s.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn, Accounts: none})
			return err
		},
		"Identity": func() error {
			_, err := s.client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn, Accounts: none})
			return err
		},
		"Holdings": func() error {
			_, err := s.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn, Accounts: none})
			return err
		},
		"Sync": func() error {
			_, err := s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: none})
			return err
		},
		"Transactions": func() (last error) {
			for _, last = range s.client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: none}) {
			}
			return last
		},
	} {
		e, _ := errors.AsType[*bankmux.Error](call())
		require.NotNil(t, e, name)
		assert.Equal(t, bankmux.ErrInvalid, e.Kind, name)
		assert.Contains(t, e.Detail, "nil means all", name)
	}
	assert.Len(t, s.bank.Requests(), sent)
}

func TestAProductThatCannotBeRefreshedIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/links/"+conn.Reference() && r.URL.Path != "/links/"+conn.Reference()+"/products" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(
			w,
			`{"link_id":"`+conn.Reference()+`","institution_id":"northwind","institution_name":"Northwind","state":"connected","products":{
			"transactions":{"refreshed_at":"2026-11-20T14:03:27+00:00","last_attempted_at":"2026-11-20T14:03:27+00:00","unavailable":"the institution does not serve it any more"}}}`,
		)
		return true
	})
	started, err := client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	res, err := client.AwaitRefresh(t.Context(), started)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.True(t, res.Products[0].Unavailable)
	assert.Empty(t, res.Products[0].UnavailableReason, "a sentence is not kept")
	assert.NotContains(t, err.Error(), "does not serve it any more", "a text of the provider's")
}
