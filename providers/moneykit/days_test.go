package moneykit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestRowsOfDaysThatWereNotAskedForAreDroppedAndCounted(t *testing.T) {
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

func TestAListClaimsNothingWhereRowsSayOtherDaysThanWereAskedFor(t *testing.T) {
	t.Parallel()
	today := bankmux.DateOf(time.Now().UTC())
	for name, c := range map[string]struct {
		day     bankmux.Date
		covered int
	}{
		"a row after To":              {today.AddDays(-2), 0},
		"a row before From":           {today.AddDays(-21), 0},
		"a control of the test":       {today.AddDays(-6), 1},
		"a row of the last day asked": {today.AddDays(-5), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := func(id string, day bankmux.Date) string {
				return `{"transaction_id":"` + id + `","account_id":"a1","amount":"1","type":"credit","currency":"USD","date":"` + day.String() + `","pending":false}`
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
			for page, err := range client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-20), To: today.AddDays(-5)}) {
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

func TestAStatusKeepsWhenTheBankAsked(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	conn.Status.AskedAt = bankmux.Moment(time.Now())
	got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, conn.Status.AskedAt, got.Connection.Status.AskedAt)
}
