package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// ledger is a bank that is read by account and days, without ids.
type ledger struct {
	rows     map[string][]bankmux.Transaction // by account
	today    bankmux.Date
	says     int                                        // days that it says it serves
	refuses  func(from, to bankmux.Date) bool           // days that it refuses
	selects  func(bankmux.Transaction) bankmux.Date     // the day that it selects rows by
	ids      bool                                       // its rows have ids
	ignores  bool                                       // it serves all it has
	unread   []bankmux.Transaction                      // rows that cannot be read
	fails    map[string]*bankmux.Error                  // by account
	asks     func(reconcile.DaysRequest) *bankmux.Error // instead of an answer
	requests []reconcile.DaysRequest
	calls    int // for accounts and served days
	renewed  int
}

func newLedger(accounts ...string) *ledger {
	l := &ledger{
		rows:    map[string][]bankmux.Transaction{},
		today:   today,
		selects: func(t bankmux.Transaction) bankmux.Date { return t.Date },
	}
	for _, id := range accounts {
		l.rows[id] = nil
	}
	return l
}

// put adds a row and returns what it says.
func (l *ledger) put(account string, back int, amount, text string) {
	row := paid("", account, back, amount, text)
	row.Status, row.BookingDate = "", bankmux.Date{}
	l.rows[account] = append(l.rows[account], row)
}

// drop takes a row away.
func (l *ledger) drop(account, text string) {
	l.rows[account] = slices.DeleteFunc(
		l.rows[account],
		func(t bankmux.Transaction) bool { return t.Description == text },
	)
}

var errDays = &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "BAD_DAYS", Status: 400}

func (l *ledger) read(_ context.Context, req reconcile.DaysRequest) (page reconcile.DaysPage, err error) {
	l.requests = append(l.requests, req)
	if l.asks != nil {
		if e := l.asks(req); e != nil {
			return page, e
		}
	}
	if e := l.fails[req.Account]; e != nil {
		return page, e
	}
	if l.refuses != nil && l.refuses(req.From, req.To) {
		return page, errDays
	}
	within := func(t bankmux.Transaction) bool {
		day := l.selects(t)
		return l.ignores || (!day.Before(req.From) && !day.After(req.To))
	}
	for i, row := range l.rows[req.Account] {
		if l.ids {
			row.ID = fmt.Sprint(req.Account, "-", i)
		}
		if within(row) {
			page.Rows = append(page.Rows, row)
		}
	}
	for i, row := range l.unread {
		if row.Account == req.Account && within(row) {
			failure := bankmux.Failure{
				Account:     req.Account,
				Transaction: fmt.Sprint("row ", i+1),
				Err:         &bankmux.Error{Kind: bankmux.ErrMalformed},
			}
			page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Row: row, Failure: failure})
		}
	}
	return page, nil
}

func (l *ledger) days() reconcile.Days {
	return reconcile.Days{
		Provider: "acme", Read: l.read, Today: func() bankmux.Date { return l.today },
		Accounts: func(context.Context, *bankmux.Answers) (ids []string, failed []bankmux.Failure, err error) {
			l.calls++
			for id := range l.rows {
				ids = append(ids, id)
			}
			sort.Strings(ids)
			return ids, nil, nil
		},
		Serves: func(_ context.Context, again bool) (int, error) {
			l.calls++
			if again {
				l.renewed++
			}
			return l.says, nil
		},
		Refused: func(e *bankmux.Error) bool { return e.Code == "BAD_DAYS" },
	}
}

// said is what the rows of an account say, sorted.
func said(rows []bankmux.Transaction) (all []string) {
	for _, t := range rows {
		all = append(all, t.Date.String()+" "+t.Amount.String()+" "+t.Description)
	}
	sort.Strings(all)
	return all
}

// agree checks that the store has what the bank has.
func (l *ledger) agree(t fixture, s *store) {
	t.Helper()
	var have, want []string
	for _, k := range s.rows {
		have = append(have, k.Account+" "+k.Date.String()+" "+k.Amount.String()+" "+strings.ToUpper(k.Text))
	}
	for account, rows := range l.rows {
		for _, one := range said(rows) {
			want = append(want, account+" "+one)
		}
	}
	sort.Strings(have)
	sort.Strings(want)
	require.Equal(t, want, have)
	if l.ids {
		require.Len(t, slices.Compact(s.ids()), len(want), "each under its own id")
	}
}

// month is a ledger with a row each third day, and two times two equal ones.
func month(days int) *ledger {
	l := newLedger("checking", "savings")
	for back := 0; back < days; back += 3 {
		l.put("checking", back, fmt.Sprintf("-%d.50", 1+back), fmt.Sprint("SHOP ", back))
	}
	for _, back := range []int{2, 2, 31, 31} {
		l.put("checking", back, "-3.00", "COFFEE")
	}
	return l
}

func TestDaysOfABankAreReadWhateverItServes(t *testing.T) {
	t.Parallel()
	late := func(n int) func(bankmux.Transaction) bankmux.Date {
		return func(t bankmux.Transaction) bankmux.Date { return earlierOf(t.Date.AddDays(n), today) }
	}
	for name, set := range map[string]func(*ledger){
		"all that it says":               func(*ledger) {},
		"at most seven days per call":    func(l *ledger) { l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 } },
		"one day per call":               func(l *ledger) { l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 1 } },
		"days of booking, written later": func(l *ledger) { l.selects = late(-5) },
		"days of value, written earlier": func(l *ledger) { l.selects = late(4) },
		"days of booking far from those it writes, seven per call": func(l *ledger) {
			l.selects = late(14)
			l.refuses = func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 }
		},
		"all it has, whatever the days": func(l *ledger) { l.ignores = true },
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
				assert.Zero(t, changed(s.round(t, l.days(), 0)), "begun without a cursor, nothing is doubled")

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
		assert.Equal(t, 2, l.renewed, "its range is asked again, once per account")
		l.refuses = nil
		l.today = today.AddDays(7) // all days are read again
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("not its own tomorrow", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.refuses = func(_, to bankmux.Date) bool { return to.After(today) }
		l.today = today.AddDays(1)
		s.round(t, l.days(), 0)
		l.agree(t, s)
	})
	t.Run("no day at all", func(t *testing.T) {
		t.Parallel()
		l := month(60)
		l.refuses = func(_, _ bankmux.Date) bool { return true }
		d, err := l.days().Sync(t.Context(), newStore().request(0))
		require.NoError(t, err, "it is a failure of this account")
		require.Len(t, d.Failed, 1)
		assert.Equal(t, "checking", d.Failed[0].Account)
		assert.LessOrEqual(t, len(l.requests), 20, "asked a few times, and no more")
	})
}

func TestDaysProveWhatIsGone(t *testing.T) {
	t.Parallel()
	t.Run("after two readings", func(t *testing.T) {
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
	t.Run("but not by an empty one", func(t *testing.T) {
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
	t.Run("and the days of an empty one are read again", func(t *testing.T) {
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
	t.Run("a row that cannot be read is reported once, though two calls have it", func(t *testing.T) {
		t.Parallel()
		l, s := month(60), newStore()
		l.unread = []bankmux.Transaction{
			{Account: "checking", Date: today.AddDays(-25)},
			{Account: "checking", Date: today.AddDays(-25)},
		}
		assert.Len(t, s.round(t, l.days(), 0).Failed, 2, "two equal ones are two")
	})
	t.Run("nor by one with a row of the day that cannot be read", func(t *testing.T) {
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
	t.Run("of days to come as well", func(t *testing.T) {
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
	t.Run("of late rows in the last weeks at once, and of older ones within a week", func(t *testing.T) {
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

func earlierOf(a, b bankmux.Date) bankmux.Date {
	if b.Before(a) {
		return b
	}
	return a
}

// A store and a bank go through any changes, and end the same once the bank rests.
func TestAStoreEndsAsTheBankWhateverHappens(t *testing.T) {
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
