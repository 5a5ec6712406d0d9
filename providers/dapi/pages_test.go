package dapi_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestPages specifies a list of transactions.
func TestPages(t *testing.T) {
	t.Parallel()
	t.Run("each row is listed once for all days that the bank selects and writes", eachRowIsListedOnce)
	t.Run("a list notices late that a bank writes distant days", aListNoticesLateThatABankWritesDistantDays)
	t.Run("a bank that ignores the days has each row once", aBankThatIgnoresTheDaysHasEachRowOnce)
	t.Run("a list without a refused day reports the gap", aListWithoutARefusedDayReportsTheGap)
}

func eachRowIsListedOnce(t *testing.T) {
	t.Parallel()
	for _, maxDays := range []int{0, 3, 7, 30, 40} {
		for _, drift := range [][]int{{0}, {3, 6}, {-6}, {-4, 0, 5, 1}, {10}, {-10}, {11}, {-14}, {0, 12, -13}} {
			t.Run(fmt.Sprintf("at most %d days per call, written %v days later", maxDays, drift), func(t *testing.T) {
				t.Parallel()
				b, client, conn, today := openDays(t, "AE", noon, 90, later(drift...))
				b.refuses = atMost(maxDays)
				days, _, covered, gaps, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
				require.NoError(t, err)
				assert.Equal(t, writtenDays(served(b, today)), days)
				assert.Empty(t, gaps)
				n := once(t, covered)
				switch last := slices.Max(drift); {
				case slices.Max(drift) > 10 || slices.Min(drift) < -10:
					assert.Zero(t, n, "a row that far off leaves nothing proved")
				case last == 0 && slices.Min(drift) == 0:
					assert.Equal(t, 90, n)
				default:
					assert.GreaterOrEqual(t, n, 80)
					assert.False(t, covered[len(covered)-1].From.Before(today.AddDays(-89+max(0, last))))
				}
				// A list of some days has the same rows for those days.
				from, to := today.AddDays(-60), today.AddDays(-20)
				days, _, covered, _, err = listed(
					t,
					client,
					bankmux.TransactionsRequest{Connection: conn, From: from, To: to},
				)
				require.NoError(t, err)
				var want []dayRow
				for _, r := range b.rows {
					near := r.booked.DaysSince(r.written) <= 10 && r.written.DaysSince(r.booked) <= 10
					if !r.written.Before(from) && !r.written.After(to) && near {
						want = append(want, r)
					}
				}
				assert.Subset(t, days, writtenDays(want))
				assert.GreaterOrEqual(t, len(days), len(want))
				once(t, covered)
			})
		}
	}
}

func aListNoticesLateThatABankWritesDistantDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, drift, maxDays int }{
		{35, -14, 0}, {50, 14, 0}, {50, -25, 0}, {62, -13, 30}, {70, 12, 7}, {35, 25, 0},
	} {
		t.Run(
			fmt.Sprintf("rows booked %d days ago and earlier are written %d days later", c.first, c.drift),
			func(t *testing.T) {
				t.Parallel()
				b, client, conn, today := openDays(t, "AE", noon, 90, func(back int, day bankmux.Date) []dayRow {
					if back < c.first {
						return plain(back, day)
					}
					return []dayRow{{day, day.AddDays(c.drift), "rent"}}
				})
				b.refuses = atMost(c.maxDays)
				days, _, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
				require.NoError(t, err)
				assert.Equal(t, writtenDays(served(b, today)), days)
				once(t, covered)
			},
		)
	}
}

func aBankThatIgnoresTheDaysHasEachRowOnce(t *testing.T) {
	t.Parallel()
	for _, maxDays := range []int{0, 7, 30} {
		for _, history := range []int{1, 12, 35, 45, 60, 72, 200} {
			t.Run(fmt.Sprintf("at most %d days per call, %d days of rows", maxDays, history), func(t *testing.T) {
				t.Parallel()
				b, client, conn, today := openDays(t, "AE", noon, history, func(_ int, day bankmux.Date) []dayRow {
					return []dayRow{{day, day, "coffee"}, {day, day, "coffee"}} // two equal rows are two rows
				})
				b.ignores, b.refuses = true, atMost(maxDays)
				days, _, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
				require.NoError(t, err)
				assert.Equal(t, writtenDays(served(b, today)), days)
				once(t, covered)
			})
		}
	}
	t.Run("a few rows, and some that cannot be read", func(t *testing.T) {
		t.Parallel()
		for _, back := range []int{0, 5, 10, 20, 33, 55, 80} {
			b, client, conn, today := openDays(t, "AE", noon, 0, plain)
			b.ignores = true
			day := today.AddDays(-back)
			b.rows = []dayRow{{day, day, "one"}, {day, day.AddDays(-1), "other"}}
			b.odd = []string{
				`{"amount":7,"date":"31.02.2026","type":"debit","description":"no day","currency":{"code":"AED",` +
					`"name":"D"}}`,
				`{"amount":"abc","date":"` + day.String() +
					`T00:00:00.000Z","type":"debit","description":"x","currency":{"code":"AED","name":"D"}}`,
				`17`,
				`17`,
			}
			rows, failed, calls := 0, 0, 0
			for page, err := range client.TransactionPages(t.Context(),
				bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}}) {
				require.NoError(t, err)
				calls++
				rows, failed = rows+len(page.Transactions), failed+len(page.Failed)
			}
			assert.Equal(t, 2, rows, "%d days ago", back)
			assert.Equal(t, 4, failed, "%d days ago", back)
			assert.GreaterOrEqual(t, calls, 1)
		}
	})
	t.Run("each page remembers it", func(t *testing.T) {
		t.Parallel()
		// Only the first page sees a day that was not requested. The last one leaves out its
		// margin.
		b, client, conn, today := openDays(t, "AE", noon, 0, plain)
		b.rows = []dayRow{{today, today.AddDays(3), "soon"}}
		_, _, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, today.AddDays(-79), covered[len(covered)-1].From)
	})
}

func aListWithoutARefusedDayReportsTheGap(t *testing.T) {
	t.Parallel()
	for name, enrich := range map[string]bool{"a list": false, "an enriched list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, client, conn, today := openDays(t, "AE", noon, 90, plain)
			b.refuses = func(_, to bankmux.Date) bool { return !to.Before(today) }
			days, _, covered, gaps, err := listed(
				t,
				client,
				bankmux.TransactionsRequest{Connection: conn, From: today, To: today, Enrich: enrich},
			)
			require.NoError(t, err)
			assert.Empty(t, days)
			assert.Empty(t, covered)
			assert.Equal(t, []bankmux.Covered{{Account: "a1", From: today, To: today}}, gaps)
		})
	}
	t.Run("a list of days before those that the bank serves, although it promises them", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 90, plain)
		b.refuses = func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-19)) }
		req := bankmux.TransactionsRequest{
			Connection: conn,
			From:       today.AddDays(-60),
			To:         today.AddDays(-40),
			Beyond:     bankmux.RangeClamp,
		}
		days, _, covered, gaps, err := listed(t, client, req)
		require.NoError(t, err, "the caller accepts a part")
		assert.Empty(t, days)
		assert.Empty(t, covered)
		assert.Equal(t, []bankmux.Covered{{Account: "a1", From: req.From, To: req.To}}, gaps)
		req.Beyond = bankmux.RangeRefuse
		_, _, _, _, err = listed(t, client, req)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		b.refuses = func(bankmux.Date, bankmux.Date) bool { return true }
		_, _, _, _, err = listed(t, client, bankmux.TransactionsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrInvalid, "a bank that refuses its newest days refuses the call")
	})
	t.Run("a list of today at a bank that serves a week per call", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 90, later(3))
		b.refuses = atMost(7)
		days, _, _, gaps, err := listed(
			t,
			client,
			bankmux.TransactionsRequest{Connection: conn, From: today, To: today},
		)
		require.NoError(t, err)
		assert.Equal(t, []string{today.String()}, days)
		assert.Empty(t, gaps)
	})
}
