package dapi_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestDays specifies which days are requested and which rows are returned.
func TestDays(t *testing.T) {
	t.Parallel()
	t.Run(
		"rows of days that were not requested are dropped and counted",
		rowsOfDaysThatWereNotRequestedAreDroppedAndCounted,
	)
	t.Run(
		"a bank that selects by another day than it writes loses no row",
		aBankThatSelectsByAnotherDayThanItWritesLosesNoRow,
	)
	t.Run("a bank that refuses days is asked for fewer", aBankThatRefusesDaysIsAskedForFewer)
	t.Run("days beyond the bank's range are refused or left out", daysBeyondTheBanksRangeAreRefusedOrLeftOut)
	t.Run("the bank's range is read once an hour", theBanksRangeIsReadOnceAnHour)
	t.Run("today is the bank's day", todayIsTheBanksDay)
	t.Run(
		"an answered call whose days are then refused is repeated with fewer",
		anAnsweredCallWhoseDaysAreThenRefusedIsRepeatedWithFewer,
	)
}

func rowsOfDaysThatWereNotRequestedAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	t.Run("a list has each row once, and none before From or after To", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 200, plain)
		b.ignores = true
		req := bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-75), To: today.AddDays(-5)}
		days, outside, covered, _, err := listed(t, client, req)
		require.NoError(t, err)
		assert.Equal(t, writtenDays(b.rows[5:76]), days)
		assert.Positive(t, outside)
		assert.Equal(t, today.AddDays(-75), covered[len(covered)-1].From)
	})
	t.Run("a list without days has those of the last ninety", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 200, plain)
		b.ignores = true
		days, outside, _, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, writtenDays(b.rows[:90]), days)
		assert.Positive(t, outside)
	})
	t.Run("categorized and enriched lists do the same", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 100, plain)
		b.ignores = true
		req := bankmux.TransactionsRequest{
			Connection: conn,
			Accounts:   []string{"a1"},
			From:       today.AddDays(-20),
			To:         today.AddDays(-5),
		}
		page, err := dapi.CategorizedTransactions(t.Context(), client, req)
		require.NoError(t, err)
		assert.Len(t, page.Transactions, 16)
		assert.Positive(t, page.Outside)
		req.Enrich = true
		days, _, _, _, err := listed(t, client, req)
		require.NoError(t, err)
		assert.Len(t, days, 16)
	})
	t.Run("a sync has each row once, and none before the first day the bank promises", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 200, func(_ int, day bankmux.Date) []dayRow {
			return []dayRow{{day, day, "coffee"}, {day, day, "coffee"}} // two equal rows are two rows
		})
		b.ignores = true
		d := firstSync(t, client, conn)
		assert.Equal(t, writtenDays(b.rows[:180]), addedDays(d))
		asked := 0
		for _, days := range b.asked {
			from, _ := bankmux.ParseDate(days[:10])
			to, _ := bankmux.ParseDate(days[11:])
			asked += 2 * (to.DaysSince(from) + 1)
		}
		assert.Equal(
			t,
			len(b.asked)*len(b.rows)-asked,
			d.Outside,
			"all rows of a response whose days were not requested",
		)
	})
}

func aBankThatSelectsByAnotherDayThanItWritesLosesNoRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ days []int }{
		"three days later":                      {[]int{3}},
		"six days later":                        {[]int{6}},
		"three or six days later":               {[]int{3, 6}},
		"two days earlier":                      {[]int{-2}},
		"earlier and later":                     {[]int{-4, 0, 5, 1}},
		"a fortnight later":                     {[]int{14}},
		"the same day as a control of the test": {[]int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			latest, earliest := slices.Max(c.days), slices.Min(c.days)
			b, client, conn, today := openDays(t, "AE", noon, 90, later(c.days...))
			d := firstSync(t, client, conn)
			var want []dayRow // a row whose day is before all that the bank serves is left out
			for _, r := range b.rows {
				if !r.written.Before(today.AddDays(-89)) {
					want = append(want, r)
				}
			}
			assert.Equal(t, writtenDays(want), addedDays(d))
			require.Len(t, d.Covered, 1)
			if latest <= 10 {
				assert.False(
					t,
					d.Covered[0].From.Before(today.AddDays(-89+max(0, latest))),
					"rows selected before the first day prove nothing: %s",
					d.Covered[0].From,
				)
			}
			assert.Equal(t, today, d.Covered[0].To)
			if latest > 10 || earliest < -10 {
				return // a list reads one page at a time, and counts rows that are that far off
			}
			days, outside, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, writtenDays(want), days)
			if latest > 0 {
				assert.False(t, covered[len(covered)-1].From.Before(today.AddDays(-89+latest)))
			}
			if latest == 0 && earliest == 0 {
				assert.Zero(t, outside)
				assert.Equal(t, today.AddDays(-89), covered[len(covered)-1].From)
			}
		})
	}
}

func aBankThatRefusesDaysIsAskedForFewer(t *testing.T) {
	t.Parallel()
	type refuses func(today bankmux.Date) func(from, to bankmux.Date) bool
	for name, c := range map[string]struct {
		refuses  refuses
		days     int // days to read; 0 means all ninety
		gap      int // refused days
		maxCalls int // the largest number of calls of a first sync
	}{
		"days older than thirty days": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-29)) }
		}, 30, 60, 14},
		"days older than one day": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, _ bankmux.Date) bool { return from.Before(today) }
		}, 1, 89, 14},
		"more than thirty days at a time": {func(bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 30 }
		}, 90, 0, 10},
		"more than a week at a time": {func(bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 }
		}, 90, 0, 40},
		"today, which is tomorrow by its clock": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(_, to bankmux.Date) bool { return !to.Before(today) }
		}, 89, 0, 6},
		"today and days older than thirty days": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return !to.Before(today) || from.Before(today.AddDays(-30)) }
		}, 30, 59, 16},
	} {
		t.Run("the bank refuses "+name, func(t *testing.T) {
			t.Parallel()
			b, client, conn, today := openDays(t, "AE", noon, 90, plain)
			b.refuses = c.refuses(today)
			d := firstSync(t, client, conn)
			assert.Len(t, d.Added, c.days)
			assert.LessOrEqual(t, len(b.asked), c.maxCalls, "%v", b.asked)
			var gaps []bankmux.Covered
			if c.gap > 0 {
				gaps = []bankmux.Covered{{Account: "a1", From: today.AddDays(-89), To: today.AddDays(-90 + c.gap)}}
			}
			assert.Equal(t, gaps, d.Gaps)

			// A list does the same for a caller who accepts a part. Others get an error.
			days, _, covered, left, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Len(t, days, c.days)
			assert.Equal(t, gaps, left)
			seen := map[bankmux.Date]bool{}
			for _, span := range covered {
				for day := span.From; !day.After(span.To); day = day.AddDays(1) {
					assert.False(t, seen[day], "%s is covered once", day)
					seen[day] = true
				}
			}
			assert.Len(t, seen, c.days)
			days, _, _, _, err = listed(
				t,
				client,
				bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-89)},
			)
			assert.Len(t, days, c.days)
			if c.gap > 0 {
				require.ErrorIs(t, err, bankmux.ErrInvalid)
			} else {
				require.NoError(t, err)
			}
		})
	}
	t.Run("a bank that refuses every day is asked a bounded number of times", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 90, plain)
		b.refuses = func(bankmux.Date, bankmux.Date) bool { return true }
		d, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.Len(t, d.Failed, 1)
		require.ErrorIs(t, d.Failed[0], bankmux.ErrInvalid)
		assert.LessOrEqual(t, len(b.asked), 17, "the calls end: %v", b.asked)
	})
	t.Run("a refusal is remembered by the cursor until all days are read again", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 90, plain)
		b.refuses = func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-19)) }
		d := firstSync(t, client, conn)
		assert.Len(t, d.Added, 20)
		b.asked, b.refused = nil, 0
		d, err := client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}, Cursor: d.Next},
		)
		require.NoError(t, err)
		assert.Zero(t, b.refused, "%v", b.asked)
		assert.Len(t, d.Added, 20)
		assert.Empty(t, d.Gaps, "the caller has the answer")
	})
}

func daysBeyondTheBanksRangeAreRefusedOrLeftOut(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	ctx := t.Context()
	require.NoError(t, s.bank.ServeDays(conn.Institution.ID, 60))
	all, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	today := bankmux.DateOf(time.Now().UTC().Add(4 * time.Hour))
	read := func(req bankmux.TransactionsRequest) (covered []bankmux.Covered, err error) {
		req.Connection, req.Accounts = conn, []string{all.Accounts[0].ID}
		for page, failed := range s.client.TransactionPages(ctx, req) {
			if failed != nil {
				return covered, failed
			}
			for _, f := range page.Failed {
				err = f
			}
			covered = append(covered, page.Covered...)
		}
		return covered, err
	}
	_, err = read(bankmux.TransactionsRequest{From: today.AddDays(-100)})
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "60 days")
	covered, err := read(bankmux.TransactionsRequest{From: today.AddDays(-100), Beyond: bankmux.RangeClamp})
	require.NoError(t, err)
	require.Len(t, covered, 2, "a long range is split")
	assert.Equal(t, today, covered[0].To)
	assert.Equal(t, covered[0].From.AddDays(-1), covered[1].To)
	assert.Equal(t, today.AddDays(-59), covered[1].From)
	covered, err = read(bankmux.TransactionsRequest{})
	require.NoError(t, err, "without From it is never beyond")
	assert.Equal(t, today.AddDays(-59), covered[len(covered)-1].From)
	covered, err = read(
		bankmux.TransactionsRequest{From: today.AddDays(-200), To: today.AddDays(-150), Beyond: bankmux.RangeClamp},
	)
	require.NoError(t, err)
	assert.Empty(t, covered, "nothing was served, and the page says so")
}

func theBanksRangeIsReadOnceAnHour(t *testing.T) {
	t.Parallel()
	client, conn, calls := canned(t, nil)
	for range 3 {
		for _, err := range client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			require.NoError(t, err)
		}
	}
	assert.Equal(t, 1, calls["/v2/metadata/accounts/get"])
}

func todayIsTheBanksDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ country, at, today string }{
		"Dubai at half past midnight":             {"AE", "2026-09-30T20:30:00Z", "2026-10-01"},
		"Kuwait at half past eleven":              {"KW", "2026-09-30T20:30:00Z", "2026-09-30"},
		"Riyadh at half past eleven":              {"SA", "2026-09-30T20:30:00Z", "2026-09-30"},
		"Manama at half past midnight":            {"BH", "2026-09-30T21:30:00Z", "2026-10-01"},
		"New York on the evening before, in UTC":  {"US", "2026-10-01T02:30:00Z", "2026-09-30"},
		"New York at noon":                        {"US", "2026-09-30T16:00:00Z", "2026-09-30"},
		"New York a few minutes before its night": {"US", "2026-01-15T04:55:00Z", "2026-01-14"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339, c.at)
			require.NoError(t, err)
			b, client, conn, _ := openDays(t, c.country, at, 0, plain)
			today, err := bankmux.ParseDate(c.today)
			require.NoError(t, err)
			b.refuses = func(_, to bankmux.Date) bool { return to.After(today) }
			d := firstSync(t, client, conn)
			assert.Zero(t, b.refused, "tomorrow was requested: %v", b.asked)
			assert.Equal(t, today, d.Covered[0].To)
			_, _, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Zero(t, b.refused)
			assert.Equal(t, today, covered[0].To)
		})
	}
}

func anAnsweredCallWhoseDaysAreThenRefusedIsRepeatedWithFewer(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	ids := []string{all.Accounts[0].ID}
	require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysRefused))
	answered := func(t *testing.T, call func(*bankmux.Answers) error) {
		t.Helper()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/transactions/get", []string{"otp"}))
		e, ok := errors.AsType[*bankmux.Error](call(nil))
		require.True(t, ok)
		require.NotNil(t, e.Challenge)
		require.NoError(t, call(e.Challenge.Answer("123456")))
	}
	t.Run("a sync after a challenge returns the rows and the gap", func(t *testing.T) {
		var d bankmux.Delta
		answered(t, func(answers *bankmux.Answers) (err error) {
			d, err = s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: ids, Answers: answers})
			return err
		})
		assert.NotEmpty(t, d.Added)
		require.Len(t, d.Gaps, 1)
		assert.Equal(t, 50, d.Gaps[0].To.DaysSince(d.Gaps[0].From)+1)
	})
	t.Run("a list after a challenge returns the rows and the gap", func(t *testing.T) {
		rows, gaps := 0, []bankmux.Covered(nil)
		answered(t, func(answers *bankmux.Answers) error {
			for page, err := range s.client.TransactionPages(t.Context(),
				bankmux.TransactionsRequest{Connection: conn, Accounts: ids, Answers: answers}) {
				if err != nil {
					return err
				}
				rows, gaps = rows+len(page.Transactions), append(gaps, page.Gaps...)
			}
			return nil
		})
		assert.Positive(t, rows)
		require.Len(t, gaps, 1)
		assert.Equal(t, 50, gaps[0].To.DaysSince(gaps[0].From)+1)
	})
}
