package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestDays(t *testing.T) {
	t.Parallel()
	t.Run("each row is read once, whatever the bank serves", daysAreReadOnce)
	t.Run("a row is removed only where readings prove its absence", daysProveAbsence)
	t.Run("a page is one account", pageIsOneAccount)
	t.Run("the answers are sent to the interrupted call first", daysAnswersGoFirst)
	t.Run("the store ends with the rows of the bank, whatever happens", storeEndsAsTheBank)
}

func daysAreReadOnce(t *testing.T) {
	t.Parallel()
	late := func(n int) func(bankmux.Transaction) bankmux.Date {
		return func(t bankmux.Transaction) bankmux.Date { return earlierOf(t.Date.AddDays(n), today) }
	}
	for name, set := range map[string]func(*ledger){
		"all days that it says": func(*ledger) {},
		"at most seven days per call": func(l *ledger) {
			l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 }
		},
		"one day per call": func(l *ledger) {
			l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 1 }
		},
		"booking dates, written later": func(l *ledger) { l.selects = late(-5) },
		"value dates, written earlier": func(l *ledger) { l.selects = late(4) },
		"booking dates far from those it writes, seven days per call": func(l *ledger) {
			l.selects = late(14)
			l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 }
		},
		"all rows, whatever the days": func(l *ledger) { l.ignores = true },
	} {
		for _, ids := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", ids ", ids), func(t *testing.T) {
				t.Parallel()
				l, s := month(60), newStore()
				l.ids = ids
				set(l)
				d := s.round(t, l.days(), 0)
				l.agree(t, s)
				assert.Empty(t, d.Gaps)
				assert.Zero(t, changed(s.round(t, l.days(), 0)), "nothing is reported twice")

				l.put("checking", 0, "-3.00", "COFFEE")
				l.put("savings", 1, "5.00", "INTEREST")
				d = s.round(t, l.days(), 0)
				assert.Len(t, d.Added, 2)
				assert.Equal(t, 2, changed(d))

				s.cursor = ""
				assert.Zero(t, changed(s.round(t, l.days(), 0)), "a sync without a cursor doubles no row")

				var rows []bankmux.Transaction
				for req := (bankmux.TransactionsRequest{Accounts: []string{"checking"}, From: today.AddDays(-59)}); ; {
					page, err := l.days().TransactionPage(t.Context(), req)
					require.NoError(t, err)
					rows = append(rows, page.Transactions...)
					if req.Page = page.Next; page.Next == "" {
						break
					}
				}
				slices.SortFunc(rows, func(a, b bankmux.Transaction) int { return a.Date.Compare(b.Date) })
				if l.ignores { // the application knows rows again that the bank repeats
					rows = slices.CompactFunc(rows, func(a, b bankmux.Transaction) bool {
						return a.Description == b.Description && a.Description != "COFFEE"
					})
				}
				assert.Subset(t, said(l.rows["checking"]), said(rows))
				assert.Len(t, rows, len(l.rows["checking"]), "each row is on one page")
			})
		}
	}

	t.Run("fewer days than it says are gaps", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.refuses = func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-30)) }
		d := s.round(t, l.days(), 0)
		require.NotEmpty(t, d.Gaps)
		assert.Equal(t, today.AddDays(-31), d.Gaps[0].To)
		assert.Equal(t, 2, l.renewed, "its range is asked for again, once per account")
		l.refuses = nil
		l.today = today.AddDays(7) // all days are read again
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("a bank that refuses its tomorrow", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.refuses = func(_, to bankmux.Date) bool { return to.After(today) }
		l.today = today.AddDays(1)
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("a bank that refuses all days", func(t *testing.T) {
		t.Parallel()
		l := month(60)
		l.refuses = func(_, _ bankmux.Date) bool { return true }
		d, err := l.days().Sync(t.Context(), newStore().request(0))
		require.NoError(t, err, "it is a failure of this account")
		require.Len(t, d.Failed, 1)
		assert.Equal(t, "checking", d.Failed[0].Account)
		assert.LessOrEqual(t, len(l.requests), 20, "only a few calls are made")
	})
}

func daysProveAbsence(t *testing.T) {
	t.Parallel()
	t.Run("two readings prove absence", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		s.round(t, l.days(), 0)
		l.drop("checking", "SHOP 9")
		d := s.round(t, l.days(), 0)
		require.Len(t, d.Missing, 1)
		assert.Equal(t, reconcile.ReasonAbsent, d.Missing[0].Reason)
		assert.Len(t, s.round(t, l.days(), 0).Removed, 1)
		l.agree(t, s)
	})
	t.Run("empty readings do not", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		s.round(t, l.days(), 0)
		rows := l.rows["checking"]
		l.rows["checking"] = nil
		for range 3 {
			d := s.round(t, l.days(), 0)
			assert.Equal(t, []string{"checking"}, d.Suspect)
			assert.Empty(t, d.Removed)
		}
		l.rows["checking"] = rows
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("the days of an empty reading are read again", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		s.round(t, l.days(), 0)
		l.put("checking", -2, "-4.00", "MEANWHILE")
		rows := l.rows["checking"]
		l.rows["checking"], l.today = nil, today.AddDays(30)
		assert.NotEmpty(t, s.round(t, l.days(), 0).Suspect)
		l.rows["checking"], l.today = rows, today.AddDays(31)
		assert.Len(t, s.round(t, l.days(), 0).Added, 1)
	})
	t.Run("an unreadable row in two calls is reported once", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.unread = []bankmux.Transaction{
			{Account: "checking", Date: today.AddDays(-25)},
			{Account: "checking", Date: today.AddDays(-25)},
		}
		assert.Len(t, s.round(t, l.days(), 0).Failed, 2, "two equal unreadable rows are two")
	})
	t.Run("readings with an unreadable row of the day do not", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		s.round(t, l.days(), 0)
		l.drop("checking", "SHOP 9")
		l.unread = []bankmux.Transaction{{Account: "checking", Date: today.AddDays(-9)}}
		for range 3 {
			d := s.round(t, l.days(), 0)
			assert.Len(t, d.Failed, 1, "reported in each round")
			require.Len(t, d.Missing, 1)
			assert.Equal(t, reconcile.ReasonUnreadable, d.Missing[0].Reason)
			assert.Empty(t, d.Removed)
		}
	})
	t.Run("a value date in the future may move nearer", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.selects = func(t bankmux.Transaction) bankmux.Date { return earlierOf(t.Date, today) }
		l.put("checking", -4, "-50.00", "VALUE")
		assert.Len(t, s.round(t, l.days(), 0).Added, len(l.rows["checking"]))
		l.drop("checking", "VALUE")
		l.put("checking", 0, "-50.00", "VALUE")
		d := s.round(t, l.days(), 0)
		assert.Equal(t, 1, changed(d), "its day moved nearer")
		require.Len(t, d.Replaced, 1)
		assert.Equal(t, reconcile.ReasonMoved, d.Replaced[0].Reason)
	})
	t.Run("late rows of the last weeks appear at once, older ones within a week", func(t *testing.T) {
		t.Parallel()
		l, s := month(80), newStore()
		s.round(t, l.days(), 0)
		l.put("checking", 20, "-8.00", "LATE")
		l.put("checking", 70, "-9.00", "VERY LATE")
		l.today = today.AddDays(1)
		assert.Len(t, s.round(t, l.days(), 0).Added, 1)
		l.today = today.AddDays(7)
		assert.Len(t, s.round(t, l.days(), 0).Added, 1)
		l.agree(t, s)
	})
}

// storeEndsAsTheBank makes random changes at a bank, and compares once the bank rests.
func storeEndsAsTheBank(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, s := newLedger("checking"), newStore()
		l.says = 200
		l.put("checking", 85, "-1.00", "FIRST") // absence counts from the first row on
		most := rapid.IntRange(1, 40).Draw(t, "days per call")
		l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= most }
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				rows := l.rows["checking"]
				if len(rows) > 3 && rapid.Bool().Draw(t, "removed") {
					i := rapid.IntRange(1, len(rows)-1).Draw(t, "which")
					l.rows["checking"] = slices.Delete(rows, i, i+1)
					continue
				}
				l.put(
					"checking",
					today.DaysSince(l.today)+rapid.IntRange(0, 20).Draw(t, "day"),
					fmt.Sprintf("-%d.00", rapid.IntRange(1, 3).Draw(t, "amount")),
					rapid.SampledFrom([]string{"TEA", "RENT"}).Draw(t, "text"),
				)
			}
			s.round(t, l.days(), 0)
			l.today = l.today.AddDays(rapid.IntRange(0, 2).Draw(t, "later"))
		}
		for range 2 { // all days are read again
			l.today = l.today.AddDays(7)
			s.round(t, l.days(), 0)
		}
		l.agree(t, s)
	})
}
