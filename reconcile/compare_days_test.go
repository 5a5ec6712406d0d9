package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// on returns a row with another day, of any calendar.
func on(row bankmux.Transaction, day bankmux.Date) bankmux.Transaction {
	row.Date = day
	return row
}

func TestCompareDays(t *testing.T) {
	t.Parallel()
	t.Run("a row of an implausible day proves nothing about others", implausibleDayProvesNothing)
	t.Run("an unreadable row leaves only its day open", unreadableRowLeavesItsDayOpen)
	t.Run("a recurring payment older than the reading is not moved", recurringPaymentIsNotMoved)
}

func implausibleDayProvesNothing(t *testing.T) {
	t.Parallel()
	for _, day := range []bankmux.Date{
		{Year: 1, Month: time.January, Day: 1},
		bankmux.NewDate(1448, time.May, 13), bankmux.NewDate(9999, time.December, 31),
		{},
		day1.AddDays(-400), bankmux.NewDate(2569, time.November, 20),
	} {
		known := stored(tx("", 1, -100, "OLD", ""), tx("", 2, -200, "OLDER", ""), tx("", 30, -300, "NEW", ""))
		for range 4 { // a bank that serves fewer days than it did
			res := reconcile.Compare(
				known,
				reading("dp", on(tx("", 0, -1, "ODD", ""), day), tx("", 30, -300, "NEW", "")),
			)
			assert.Empty(t, res.Removed, day)
			for _, m := range res.Missing {
				assert.Equal(t, reconcile.ReasonBefore, m.Reason, day)
			}
			known = res.Apply(known)
		}
		alone := reading("dp", on(tx("", 0, -1, "ODD", ""), day))
		for range 4 {
			res := reconcile.Compare(known, alone)
			assert.True(t, res.Suspect, "%s: there is no row of the days that were read", day)
			assert.Empty(t, res.Removed)
			known = res.Apply(known)
		}
	}
}

func unreadableRowLeavesItsDayOpen(t *testing.T) {
	t.Parallel()
	was := []bankmux.Transaction{
		tx(
			"",
			0,
			-1,
			"FIRST",
			"",
		),
		tx("", 5, -700, "TOLL", ""),
		tx("", 6, -800, "KIOSK", ""),
		tx("", 6, -900, "BOOKS", ""),
	}
	moved := []bankmux.Transaction{was[0], tx("", 7, -700, "TOLL", ""), was[2], was[3]}
	unread := func(in reconcile.Reading, rows ...bankmux.Transaction) reconcile.Reading {
		in.Unreadable = rows
		return in
	}
	bad := bankmux.Transaction{Account: "acc", Date: day1.AddDays(6), RawDescription: "SALARY"} // "1,234.56"
	undated := bankmux.Transaction{Account: "acc", Amount: usd(-800), RawDescription: "KIOSK"}
	for name, c := range map[string]struct {
		in   reconcile.Reading
		want []string
	}{
		"a moved row of another day is moved": {
			unread(reading("dp", moved...), bad),
			[]string{"replaced TOLL: " + reconcile.ReasonMoved},
		},
		"a row of another day is missing": {
			unread(reading("dp", was[0], was[2], was[3]), bad),
			[]string{"missing TOLL: " + reconcile.ReasonAbsent},
		},
		"a row of its day is not counted as absent": {
			unread(reading("dp", was[:3]...), bad),
			[]string{"missing BOOKS: " + reconcile.ReasonUnreadable},
		},
		"without a day it may be a row that agrees with it": {
			unread(reading("dp", was[:2]...), undated),
			[]string{"missing BOOKS: " + reconcile.ReasonAbsent, "missing KIOSK: " + reconcile.ReasonUnreadable},
		},
		"a row of a day that was not read may be none of them": {
			unread(reading("dp", was[:3]...), on(undated, day1.AddDays(-3))),
			[]string{"missing BOOKS: " + reconcile.ReasonAbsent},
		},
		"a reading of only unreadable rows counts as empty": {
			unread(reading("dp"), bad),
			[]string{
				"missing BOOKS: " + reconcile.ReasonEmpty,
				"missing FIRST: " + reconcile.ReasonEmpty,
				"missing KIOSK: " + reconcile.ReasonEmpty,
				"missing TOLL: " + reconcile.ReasonEmpty,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := stored(was...)
			assert.Equal(t, c.want, story(reconcile.Compare(known, c.in)))
			for range 5 {
				known = reconcile.Compare(known, c.in).Apply(known)
			}
			for _, text := range []string{"BOOKS", "KIOSK"} {
				if text == "KIOSK" || c.in.Unreadable[0].Date == day1.AddDays(6) {
					assert.NotEmpty(t, keyOf(known, text), "a row that may be the unreadable one is never removed")
				}
			}
		})
	}
	t.Run("a row without readable parts neither stops a move nor removes a row", func(t *testing.T) {
		t.Parallel()
		known := stored(was...)
		for range 4 {
			res := reconcile.Compare(known, unread(reading("dp", moved[:3]...), bankmux.Transaction{}))
			assert.Empty(t, res.Added)
			assert.Empty(t, res.Removed)
			known = res.Apply(known)
		}
		assert.Len(t, known, 4)
	})
	t.Run("a row that may be the unreadable one is not moved", func(t *testing.T) {
		t.Parallel()
		res := reconcile.Compare(
			stored(was...),
			unread(reading("dp", moved...), bankmux.Transaction{Date: day1.AddDays(5), RawDescription: "TOLL"}),
		)
		assert.Equal(
			t,
			[]string{
				"added TOLL -7.00",
				"missing TOLL: " + reconcile.ReasonUnreadable,
				"suggested TOLL, 1: " + reconcile.ReasonMoved,
			},
			story(res),
		)
	})
}

func recurringPaymentIsNotMoved(t *testing.T) {
	t.Parallel()
	weekly := func(days ...int) (rows []bankmux.Transaction) {
		for _, d := range days {
			rows = append(rows, tx("", d, -10000, "GYM", ""))
		}
		return rows
	}
	held := func(day int) []bankmux.Transaction {
		return []bankmux.Transaction{tx("1", day, -10000, "GYM", pending)}
	}
	posted := func(day int, cents int64) []bankmux.Transaction {
		return []bankmux.Transaction{tx("2", day, cents, "GYM", booked)}
	}
	for name, c := range map[string]struct {
		was, now []bankmux.Transaction
		want     []string
	}{
		"one week later": {
			weekly(13),
			append(weekly(20), tx("", 17, -1, "X", "")),
			[]string{
				"added GYM -100.00",
				"added X -0.01",
				"missing GYM: " + reconcile.ReasonBefore,
				"suggested GYM, 1: " + reconcile.ReasonMoved,
			},
		},
		"one week later, as the first row": {
			weekly(13),
			weekly(20),
			[]string{
				"added GYM -100.00",
				"missing GYM: " + reconcile.ReasonBefore,
				"suggested GYM, 1: " + reconcile.ReasonMoved,
			},
		},
		"a few days later": {
			weekly(13),
			append(weekly(15), tx("", 14, -1, "X", "")),
			[]string{
				"added GYM -100.00",
				"added X -0.01",
				"missing GYM: " + reconcile.ReasonBefore,
				"suggested GYM, 1: " + reconcile.ReasonMoved,
			},
		},
		"pending, one week later": {
			held(13),
			append(posted(20, -10000), tx("3", 17, -1, "X", booked)),
			[]string{
				"added GYM -100.00",
				"added X -0.01",
				"missing GYM: " + reconcile.ReasonAbsent,
				"suggested GYM, 1: " + reconcile.ReasonMoved,
			},
		},
		"pending, of another amount": {
			held(13),
			append(posted(20, -10500), tx("3", 17, -1, "X", booked)),
			[]string{
				"added GYM -105.00",
				"added X -0.01",
				"missing GYM: " + reconcile.ReasonAbsent,
				"suggested GYM, 1: " + reconcile.ReasonDiffers,
			},
		},
		"pending, posted within the week": {
			held(13),
			posted(16, -10000),
			[]string{"replaced GYM: " + reconcile.ReasonPosted},
		},
		"pending, and an older row": {
			held(13),
			append(posted(20, -10500), tx("3", 12, -1, "X", booked)),
			[]string{"added X -0.01", "replaced GYM: " + reconcile.ReasonAmount},
		},
		"an older row shows that it is gone": {
			weekly(13),
			append(weekly(15), tx("", 12, -1, "X", "")),
			[]string{"added X -0.01", "replaced GYM: " + reconcile.ReasonMoved},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, story(reconcile.Compare(stored(c.was...), reading("mk", c.now...))))
		})
	}
}
