package moneykit_test

import (
	"errors"
	"fmt"
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
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestPages specifies a list of transactions.
func TestPages(t *testing.T) {
	t.Parallel()
	t.Run(
		"a list that shifts while it is read loses and repeats nothing",
		aListThatShiftsWhileItIsReadLosesAndRepeatsNothing,
	)
	t.Run("a list that repeats its first page ends", aListThatRepeatsItsFirstPageEnds)
	t.Run("pages have at most the size that MoneyKit serves", pagesHaveAtMostTheSizeThatMoneyKitServes)
	t.Run("days in the future are not covered", daysInTheFutureAreNotCovered)
	t.Run(
		"rows of days that were not requested are dropped and counted",
		rowsOfDaysThatWereNotRequestedAreDroppedAndCounted,
	)
	t.Run(
		"a list covers nothing if rows have days that were not requested",
		aListCoversNothingIfRowsHaveDaysThatWereNotRequested,
	)
}

func aListThatShiftsWhileItIsReadLosesAndRepeatsNothing(t *testing.T) {
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
		"it does not change":       {nil, nil, 95, ""},
		"pages are cut to seven":   {func(s *shifting) { s.maxSize = 7 }, nil, 95, ""},
		"and the total lies high":  {func(s *shifting) { s.maxSize = 7 }, func(n int) int { return n + 1000 }, 95, ""},
		"rows come":                {func(s *shifting) { s.rows = append([]int{1000 + s.reads}, s.rows...) }, nil, 95, ""},
		"rows leave at the top":    {func(s *shifting) { s.rows = s.rows[1:] }, nil, 0, ""},
		"the total lies low":       {nil, func(int) int { return 3 }, 95, ""},
		"the total lies high":      {nil, func(n int) int { return n + 1000 }, 95, ""},
		"it never stops shrinking": {nil, func() func(int) int { n := 1 << 20; return func(int) int { n -= 1000; return n } }(), 0, bankmux.ErrMalformed},
		"it shrinks, then stops": {func(s *shifting) {
			if s.reads == 3 {
				s.rows = s.rows[35:]
			}
		}, nil, 0, ""},
		"rows arrive at the old end": {func(s *shifting) {
			if s.reads == 3 {
				s.rows = append(s.rows, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012)
			}
		}, nil, 95, ""},
		"rows arrive at the old end and leave at the top": {func(s *shifting) {
			switch s.reads {
			case 3:
				s.rows = append(s.rows, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012)
			case 5:
				s.rows = s.rows[15:]
			}
		}, nil, 0, ""},
		"it repeats one page": {func(s *shifting) { s.only = 1 }, nil, 0, bankmux.ErrMalformed},
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
				Now:          func() time.Time { return cannedNow },
			},
		)
		require.NoError(t, err)
		seen := map[string]bool{}
		totals := map[int]bool{} // after each page
		var covered []bankmux.Covered
		var last error
		for page, err := range client.TransactionPages(t.Context(),
			bankmux.TransactionsRequest{Connection: conn, PageSize: 10}) {
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
			"%s: days are covered if the list did not change",
			name,
		)
		if c.kind != "" {
			continue
		}
		for _, n := range list.rows { // a row that existed at the start and at the end was seen
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

func aListThatRepeatsItsFirstPageEnds(t *testing.T) {
	t.Parallel()
	rows := make([]string, 500)
	for i := range rows {
		rows[i] = fmt.Sprintf(
			`{"transaction_id":"t%d","account_id":"a","amount":"1","type":"credit","currency":"USD",`+
				`"date":"2026-11-01"}`,
			i,
		)
	}
	investment := `{"investment_transaction_id":"i1","account_id":"a","amount":1,"quantity":1,"price":1,"fees":0,` +
		`"type":"buy","date":"2026-11-01"}`
	client, conn := canned(t, map[string]string{
		"/users/user-1/transactions": `{"total":500,"page":1,"size":500,"transactions":[` + strings.Join(
			rows,
			",",
		) + `],"accounts":{}}`,
		"/investments/transactions": `{"total":1,"page":1,"size":1,"accounts":[{"account_id":"a",` +
			`"balances":{"currency":"USD"}}],"securities":[],"investment_transactions":[` +
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
	for _, err := range client.InvestmentTransactions(t.Context(),
		bankmux.InvestmentTransactionsRequest{Connection: conn, PageSize: 1}) {
		if last = err; err == nil {
			count++
		}
	}
	require.ErrorIs(t, last, bankmux.ErrMalformed)
	e, _ := errors.AsType[*bankmux.Error](last)
	assert.Equal(t, conn.ID, e.Connection)
	assert.Equal(t, 1, count)
}

func pagesHaveAtMostTheSizeThatMoneyKitServes(t *testing.T) {
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
		for _, err := range client.Transactions(t.Context(),
			bankmux.TransactionsRequest{Connection: conn, PageSize: size}) {
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

func daysInTheFutureAreNotCovered(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	tomorrow := bankmux.DateOf(time.Now().UTC().Add(time.Hour)).AddDays(1)
	for page, err := range s.client.TransactionPages(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, From: tomorrow}) {
		if errors.Is(err, bankmux.ErrInvalid) {
			return // it is not a day anywhere on earth yet
		}
		require.NoError(t, err)
		assert.Empty(t, page.Covered)
		assert.Empty(t, page.Transactions)
	}
}

func rowsOfDaysThatWereNotRequestedAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	today := bankmux.DateOf(time.Now().UTC())
	for name, days := range map[string]struct{ from, to, first, last bankmux.Date }{
		"both days":     {today.AddDays(-60), today.AddDays(-5), today.AddDays(-60), today.AddDays(-5)},
		"the first day": {today.AddDays(-60), bankmux.Date{}, today.AddDays(-60), today.AddDays(1)},
		"the last day":  {bankmux.Date{}, today.AddDays(-5), today.AddDays(-95), today.AddDays(-5)},
		"no day":        {bankmux.Date{}, bankmux.Date{}, today.AddDays(-91), today.AddDays(1)},
	} {
		inside := func(t *testing.T, day bankmux.Date) {
			t.Helper()
			assert.False(t, day.Before(days.first) || day.After(days.last), day.String())
		}
		t.Run("a list with "+name, func(t *testing.T) {
			read := func() (rows, outside int) {
				ids := map[string]bool{}
				req := bankmux.TransactionsRequest{Connection: conn, From: days.from, To: days.to, PageSize: 40}
				for page, err := range s.client.TransactionPages(t.Context(), req) {
					require.NoError(t, err)
					require.Empty(t, page.Failed)
					for _, row := range page.Transactions {
						assert.False(t, ids[row.ID], "once")
						ids[row.ID] = true
						inside(t, row.Date)
					}
					outside += page.Outside
				}
				return len(ids), outside
			}
			rows, outside := read()
			require.Positive(t, rows)
			require.Zero(t, outside, "nothing is staged yet")
			require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysIgnored))
			same, outside := read()
			assert.Equal(t, rows, same)
			assert.Positive(t, outside)
			s.bank.Advance(2 * time.Hour)
		})
		t.Run("investments with "+name, func(t *testing.T) {
			read := func() (rows, outside int) {
				req := bankmux.InvestmentTransactionsRequest{
					Connection: conn,
					From:       days.from,
					To:         days.to,
					PageSize:   3,
				}
				for page, err := range s.client.InvestmentTransactionPages(t.Context(), req) {
					require.NoError(t, err)
					for _, row := range page.Transactions {
						inside(t, row.Date)
					}
					rows, outside = rows+len(page.Transactions), outside+page.Outside
				}
				return rows, outside
			}
			rows, outside := read()
			require.Positive(t, rows)
			require.Zero(t, outside)
			require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysIgnored))
			same, outside := read()
			assert.Equal(t, rows, same)
			assert.Positive(t, outside)
			s.bank.Advance(2 * time.Hour)
		})
	}
	t.Run("the rows of a user", func(t *testing.T) {
		require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysIgnored))
		n, from, to := 0, today.AddDays(-40), today.AddDays(-5)
		for row, err := range moneykit.UserTransactions(t.Context(), s.client, conn.User, from, to) {
			require.NoError(t, err)
			assert.False(t, row.Date.Before(from) || row.Date.After(to), row.Date.String())
			n++
		}
		assert.Positive(t, n)
	})
}

func aListCoversNothingIfRowsHaveDaysThatWereNotRequested(t *testing.T) {
	t.Parallel()
	today := bankmux.DateOf(cannedNow)
	for name, c := range map[string]struct {
		day     bankmux.Date
		covered int
	}{
		"a row after To":                  {today.AddDays(-2), 0},
		"a row before From":               {today.AddDays(-21), 0},
		"a control of the test":           {today.AddDays(-6), 1},
		"a row of the last day requested": {today.AddDays(-5), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := func(id string, day bankmux.Date) string {
				return `{"transaction_id":"` + id + `","account_id":"a1","amount":"1","type":"credit",` +
					`"currency":"USD","date":"` + day.String() + `","pending":false}`
			}
			client, conn := canned(t, map[string]string{
				"/transactions": `{"total":2,"transactions":[` + row(
					"t1",
					today.AddDays(-10),
				) + `,` + row(
					"t2",
					c.day,
				) + `],"accounts":[],` + freshLink + `}`,
			})
			var covered []bankmux.Covered
			outside := 0
			for page, err := range client.TransactionPages(t.Context(),
				bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-20), To: today.AddDays(-5)}) {
				require.NoError(t, err)
				covered, outside = append(covered, page.Covered...), outside+page.Outside
			}
			assert.Len(t, covered, c.covered)
			assert.Equal(t, 1-c.covered, outside)
		})
	}
	t.Run("a row on the first of two pages counts for the list", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		require.NoError(t, s.bank.Refresh(conn.Reference()))
		require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysIgnored))
		pages := 0
		for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{
			Connection: conn, From: today.AddDays(-60), To: today.AddDays(-5), PageSize: 40,
		}) {
			require.NoError(t, err)
			assert.Empty(t, page.Covered)
			pages++
		}
		assert.Greater(t, pages, 1)
	})
}

// shifting is a list with page numbers that changes while it is read.
type shifting struct {
	rows    []int // newest first
	reads   int
	before  func(s *shifting)
	total   func(n int) int
	maxSize int // rows per page, whatever is requested; 0 for the requested number
	only    int // the page that is served, whatever is requested; 0 for the requested page
}

func (s *shifting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.reads++
	if s.before != nil {
		s.before(s)
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("size"))
	if s.maxSize > 0 {
		size = min(size, s.maxSize)
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
				`{"transaction_id":"t%d","account_id":"a","amount":"1","type":"credit","currency":"USD",`+
					`"date":"2026-11-01"}`,
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
