package plaid_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestTransactions specifies how rows are read.
func TestTransactions(t *testing.T) {
	t.Parallel()
	t.Run("a positive amount is money out of the account", aPositiveAmountIsMoneyOut)
	t.Run("an unofficial currency is kept", anUnofficialCurrencyIsKept)
	t.Run("a row is read whole", aRowIsReadWhole)
	t.Run("midnight is not an instant", midnightIsNotAnInstant)
	t.Run("rows are not ready before the first fetch", rowsAreNotReadyBeforeTheFirstFetch)
	t.Run("days are covered once the history is complete", daysAreCoveredOnceTheHistoryIsComplete)
	t.Run("an unknown account does not fail the others", anUnknownAccountDoesNotFailTheOthers)
	t.Run("a list that shrinks is read again from where it moved", aListThatShrinksIsReadAgain)
	t.Run("several pages cover days if nothing changed meanwhile", pagesCoverDaysIfNothingChanged)
	t.Run("a list that lacks its total is malformed", aListThatLacksItsTotalIsMalformed)
	t.Run("a refresh names one product", aRefreshNamesOneProduct)
}

// listed is a response of POST /transactions/get.
func listed(rows string, total int) string {
	return `{"accounts":[],"transactions":[` + rows + `],"total_transactions":` + strconv.Itoa(total) +
		`,"item":{"item_id":"i"},"request_id":"r"}`
}

func (s *setup) transactions(conn bankmux.Connection, ids ...string) (rows []bankmux.Transaction, failed []error) {
	s.t.Helper()
	req := bankmux.TransactionsRequest{
		Connection: conn, Accounts: ids, Enrich: true, From: bankmux.NewDate(2026, 1, 1),
	}
	for row, err := range s.client.Transactions(s.t.Context(), req) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, failed
}

func aPositiveAmountIsMoneyOut(t *testing.T) {
	t.Parallel()
	rows := wireRow("out", "12.50") + "," + wireRow("in", "-1200.00") + "," + wireRow("zero", "0")
	s, conn := canned(t, map[string]string{transactionsPath: listed(rows, 3)})
	got, failed := s.transactions(conn)
	require.Empty(t, failed)
	require.Len(t, got, 3)
	assert.Equal(t, "-12.50 USD", got[0].Amount.String())
	assert.Equal(t, "1200.00 USD", got[1].Amount.String())
	assert.Equal(t, "0.00 USD", got[2].Amount.String())
}

func anUnofficialCurrencyIsKept(t *testing.T) {
	t.Parallel()
	row := func(id, code string) string {
		return strings.Replace(
			wireRow(id, "1.5"), `"iso_currency_code":"USD","unofficial_currency_code":null`,
			`"iso_currency_code":null,"unofficial_currency_code":`+code, 1,
		)
	}
	rows := row("t1", `"DOGE"`) + "," + row("t2", `"GBX"`) + "," + row("t3", `"USDT"`) + "," + row("t4", "null")
	s, conn := canned(t, map[string]string{transactionsPath: listed(rows, 4)})
	got, failed := s.transactions(conn)
	require.Len(t, got, 3)
	assert.Equal(t, "-1.5 DOGE", got[0].Amount.String())
	assert.Equal(t, "-1.5 GBX", got[1].Amount.String(), "pence stay pence")
	assert.Equal(t, "-1.5 USDT", got[2].Amount.String())
	require.Len(t, failed, 1, "an amount without currency is never a guess")
	require.ErrorIs(t, failed[0], bankmux.ErrMalformed)
}

func aRowIsReadWhole(t *testing.T) {
	t.Parallel()
	row := `{"transaction_id":"b1","account_id":"a1","amount":42.9,"iso_currency_code":"USD","date":"2026-11-20",
		"datetime":"2026-11-20T09:30:00Z","authorized_date":"2026-11-18","pending":false,"pending_transaction_id":"p1",
		"name":"SQ *COFFEE","merchant_name":"Coffee","original_description":"SQ *COFFEE 0042","merchant_entity_id":"m1",
		"logo_url":"https://plaid-merchant-logos.plaid.com/coffee.png","payment_channel":"in store",
		"payment_meta":{"reference_number":"R7","payee":"Coffee Ltd","payer":null},
		"personal_finance_category":{"primary":"FOOD_AND_DRINK","detailed":"FOOD_AND_DRINK_COFFEE",` +
		`"confidence_level":"HIGH"},
		"counterparties":[{"name":"Coffee","type":"merchant","entity_id":"m1","confidence_level":"VERY_HIGH"},
			{"name":"Square","type":"payment_terminal","entity_id":"m2","logo_url":null,"confidence_level":"LOW"}]}`
	s, conn := canned(t, map[string]string{transactionsPath: listed(row, 1)})
	got, failed := s.transactions(conn)
	require.Empty(t, failed)
	require.Len(t, got, 1)
	one := got[0]
	assert.Equal(t, "p1", one.Replaces)
	assert.Equal(t, bankmux.StatusBooked, one.Status)
	assert.Equal(t, "2026-11-20", one.Date.String())
	assert.Equal(t, "2026-11-20", one.BookingDate.String())
	assert.Equal(t, "2026-11-20T09:30:00Z", one.At.Format(time.RFC3339))
	assert.Equal(t, "Coffee", one.Description)
	assert.Equal(t, "SQ *COFFEE 0042", one.RawDescription)
	assert.Equal(t, "R7", one.Reference)
	assert.Equal(t, &bankmux.Counterparty{Name: "Coffee Ltd"}, one.Counterparty)
	assert.Equal(t, &bankmux.Enrichment{
		Category:    bankmux.Category{Name: "FOOD_AND_DRINK", Confidence: 95},
		Subcategory: bankmux.Category{Name: "FOOD_AND_DRINK_COFFEE", Confidence: 95},
		Merchant: bankmux.Merchant{
			ID: "m1", Name: "Coffee", LogoURL: "https://plaid-merchant-logos.plaid.com/coffee.png", Confidence: 99,
		},
		Processor: bankmux.Merchant{ID: "m2", Name: "Square"},
	}, one.Enrichment)
}

func midnightIsNotAnInstant(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{
		transactionsPath: listed(wireRow("t1", "1", `"datetime":"2026-11-20T00:00:00Z"`), 1),
	})
	got, _ := s.transactions(conn)
	require.Len(t, got, 1)
	assert.True(t, got[0].At.IsZero())
}

func rowsAreNotReadyBeforeTheFirstFetch(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.errorWith(transactionsPath, "ITEM_ERROR", "PRODUCT_NOT_READY")
	_, failed := s.transactions(conn)
	require.Len(t, failed, 1)
	require.ErrorIs(t, failed[0], bankmux.ErrNotReady)
}

func daysAreCoveredOnceTheHistoryIsComplete(t *testing.T) {
	t.Parallel()
	for status, covered := range map[string]bool{
		"HISTORICAL_UPDATE_COMPLETE": true, "INITIAL_UPDATE_COMPLETE": false, "TRANSACTIONS_UPDATE_STATUS_UNKNOWN": false,
	} {
		s, conn := canned(t, map[string]string{
			transactionsPath: listed(wireRow("t1", "1"), 1),
			syncPath: `{"added":[],"modified":[],"removed":[],"next_cursor":"now1","has_more":false,` +
				`"transactions_update_status":"` + status + `"}`,
		})
		for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			require.NoError(t, err)
			assert.Equal(t, covered, len(page.Covered) == 1, status)
		}
		assert.Equal(t, "now", s.lastSent(syncPath)["cursor"], "no row is read for it")
	}
}

func anUnknownAccountDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	accounts, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	id := accounts.Accounts[0].ID
	rows, failed := s.transactions(conn, id, "gone")
	assert.NotEmpty(t, rows)
	require.Len(t, failed, 1)
	var f bankmux.Failure
	require.ErrorAs(t, failed[0], &f)
	assert.Equal(t, "gone", f.Account)
	require.ErrorIs(t, f, bankmux.ErrNotFound)
	rows, failed = s.transactions(conn, "gone")
	assert.Empty(t, rows)
	require.Len(t, failed, 1)
}

// shrinkingList serves ten rows, one a page, and loses rows after the third page.
type shrinkingList struct{ pages, gone int }

func (l *shrinkingList) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == syncPath { // the history is complete
		return write(w, http.StatusOK, syncPage("", "", "", "now1", false))
	}
	if r.URL.Path != transactionsPath {
		return false
	}
	var body struct {
		Options struct{ Offset, Count int }
	}
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &body)
	first := 0
	if l.pages++; l.pages > 3 {
		first = l.gone // the newest rows are removed, so all others move up
	}
	var rows []string
	for n := first + body.Options.Offset; n < 10 && len(rows) < body.Options.Count; n++ {
		rows = append(rows, wireRow("t"+strconv.Itoa(n), "1"))
	}
	return write(w, http.StatusOK, listed(strings.Join(rows, ","), 10-first))
}

func aListThatShrinksIsReadAgain(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.answers((&shrinkingList{gone: 2}).serve)
	req := bankmux.TransactionsRequest{Connection: conn, From: bankmux.NewDate(2026, 1, 1), PageSize: 1}
	seen := map[string]bool{}
	for page, err := range s.client.TransactionPages(t.Context(), req) {
		require.NoError(t, err)
		assert.Empty(t, page.Covered, "a list that moved is not proved to be complete")
		for _, row := range page.Transactions {
			seen[row.ID] = true
		}
	}
	assert.Len(t, seen, 10, "no row is passed over")
}

// changingList serves two rows a page and has a record of changes, whose cursor counts them. After
// its first page, change changes the list.
type changingList struct {
	rows    []string
	change  func(*changingList)
	changes int
}

func (l *changingList) serve(w http.ResponseWriter, r *http.Request) bool {
	var body struct {
		Cursor  string
		Options struct{ Offset int }
	}
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &body)
	switch now := "after-" + strconv.Itoa(l.changes); {
	case r.URL.Path == syncPath && (body.Cursor == "now" || body.Cursor == now):
		return write(w, http.StatusOK, syncPage("", "", "", now, false))
	case r.URL.Path == syncPath:
		return write(w, http.StatusOK, syncPage(wireRow("late", "1"), "", "", now, false))
	case r.URL.Path != transactionsPath:
		return false
	}
	from := body.Options.Offset
	page := listed(strings.Join(l.rows[from:from+2], ","), len(l.rows))
	if from == 0 {
		l.change(l)
	}
	return write(w, http.StatusOK, page)
}

func pagesCoverDaysIfNothingChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*changingList)
		covered int
	}{
		"a list that stays": {func(*changingList) {}, 1},
		"a row disappears and an older one appears": {func(l *changingList) {
			l.changes++
			l.rows = []string{l.rows[1], l.rows[2], l.rows[3], wireRow("late", "1")}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := canned(t, nil)
			list := &changingList{change: test.change}
			for _, id := range []string{"t1", "t2", "t3", "t4"} {
				list.rows = append(list.rows, wireRow(id, "1"))
			}
			s.answers(list.serve)
			covered := 0
			for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{
				Connection: conn, Accounts: []string{"a1"}, From: bankmux.NewDate(2026, 11, 1), PageSize: 2,
			}) {
				require.NoError(t, err)
				assert.Len(t, page.Transactions, 2)
				covered += len(page.Covered)
			}
			assert.Equal(t, test.covered, covered)
			assert.Len(t, s.sent(syncPath), 2, "a cursor before the first page, and what changed since")
		})
	}
}

func aListThatLacksItsTotalIsMalformed(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{transactionsPath: `{"transactions":[]}`})
	_, failed := s.transactions(conn)
	require.Len(t, failed, 1)
	require.ErrorIs(t, failed[0], bankmux.ErrMalformed)
}

func aRefreshNamesOneProduct(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	for _, products := range [][]bankmux.Product{
		{bankmux.ProductIdentity}, {bankmux.ProductTransactions, bankmux.ProductInvestments},
	} {
		_, err := s.client.Refresh(t.Context(), bankmux.RefreshRequest{Connection: conn, Products: products})
		require.ErrorIs(t, err, bankmux.ErrUnsupported)
	}
	assert.Empty(t, s.sent("/transactions/refresh"))
	for path, products := range map[string][]bankmux.Product{
		"/transactions/refresh": {bankmux.ProductTransactions, bankmux.ProductEnrichment},
		"/investments/refresh":  {bankmux.ProductInvestments},
	} {
		_, err := s.client.Refresh(t.Context(), bankmux.RefreshRequest{Connection: conn, Products: products})
		require.NoError(t, err)
		assert.Len(t, s.sent(path), 1)
	}
	s.fails(itemPath, http.StatusInternalServerError, "")
	_, err := s.client.Refresh(t.Context(), bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	})
	require.Error(t, err)
	assert.True(t, bankmux.OutcomeKnown(err), "nothing was started")
}
