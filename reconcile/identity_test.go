package reconcile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// on is a row of a day of any calendar.
func on(row bankmux.Transaction, day bankmux.Date) bankmux.Transaction {
	row.Date = day
	return row
}

// keyOf is the key under which a row is known, "" if it is not.
func keyOf(known []reconcile.Known, text string) string {
	for _, k := range known {
		if k.Text == text {
			return k.Key
		}
	}
	return ""
}

func TestContentUnderAnotherIDGoesBeforeAnIDWithOtherContent(t *testing.T) {
	t.Parallel()
	bakery, pharmacy := tx("1", 1, -320, "BAKERY", booked), tx("2", 1, -900, "PHARMACY", booked)
	renumbered := []bankmux.Transaction{
		tx("1", 1, -1500, "LATE FEE", booked), tx("2", 1, -320, "BAKERY", booked), tx("3", 1, -900, "PHARMACY", booked),
	}
	for name, complete := range map[string]bool{"in a complete reading": true, "on a page of a record of changes": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := stored(bakery, pharmacy)
			in := reading("mk", renumbered...)
			in.Complete = complete
			res := reconcile.Compare(known, in)
			assert.Equal(t, []string{
				"added LATE FEE -15.00",
				"replaced BAKERY: " + reconcile.ReasonID,
				"replaced PHARMACY: " + reconcile.ReasonID,
			}, story(res))
			after := res.Apply(known)
			assert.Equal(t, keyOf(known, "BAKERY"), keyOf(after, "BAKERY"))
			assert.Equal(t, keyOf(known, "PHARMACY"), keyOf(after, "PHARMACY"))
			assert.Empty(t, story(reconcile.Compare(after, in)), "the same reading again")
		})
	}
	t.Run("a row that is gone keeps no other from its id", func(t *testing.T) {
		t.Parallel()
		known := stored(bakery, pharmacy)
		res := reconcile.Compare(
			known,
			reading("mk", tx("0", 0, -1, "X", booked), tx("1", 1, -900, "PHARMACY", booked)),
		)
		assert.Equal(
			t,
			[]string{
				"added X -0.01",
				"missing BAKERY: " + reconcile.ReasonAbsent,
				"replaced PHARMACY: " + reconcile.ReasonID,
			},
			story(res),
		)
	})
	t.Run("while more rows may follow, an id alone makes no row another", func(t *testing.T) {
		t.Parallel()
		page := reading("mk", renumbered[0])
		page.Complete, page.More, page.Gone = false, true, func(string) bool { return true }
		assert.Equal(t, []string{"added LATE FEE -15.00"}, story(reconcile.Compare(stored(bakery, pharmacy), page)))
		page.Rows = []bankmux.Transaction{tx("1", 1, -330, "BAKERY", booked), tx("2", 1, -900, "CHEMIST", booked)}
		assert.Equal(
			t,
			[]string{"modified BAKERY: " + reconcile.ReasonContent, "modified CHEMIST: " + reconcile.ReasonContent},
			story(reconcile.Compare(stored(bakery, pharmacy), page)),
			"but an edited row stays itself",
		)
	})
	t.Run("nor is an id where another row says nearly the same", func(t *testing.T) {
		t.Parallel()
		known := stored(tx("1", 1, -320, "BAKERY 08:49", booked))
		res := reconcile.Compare(
			known,
			reading("mk", tx("1", 1, -1500, "LATE FEE", booked), tx("2", 1, -320, "BAKERY", booked)),
		)
		assert.Equal(t, []string{
			"added BAKERY -3.20",
			"added LATE FEE -15.00",
			"missing BAKERY 08:49: " + reconcile.ReasonAbsent,
			"suggested BAKERY 08:49, 1: " + reconcile.ReasonNear,
		}, story(res))
	})
	t.Run("an id that a row had before is not enough", func(t *testing.T) {
		t.Parallel()
		known := stored(bakery)
		known = reconcile.Compare(known, reading("mk", tx("5", 1, -320, "BAKERY", booked))).Apply(known)
		res := reconcile.Compare(known, reading("mk", tx("1", 1, -1500, "LATE FEE", booked)))
		assert.Equal(t, []string{"added LATE FEE -15.00", "missing BAKERY: " + reconcile.ReasonAbsent}, story(res))
	})
	t.Run("a pending row that is posted under its id is not its twin", func(t *testing.T) {
		t.Parallel()
		known := stored(tx("1", 1, -320, "BAKERY", pending))
		res := reconcile.Compare(
			known,
			reading("mk", tx("1", 2, -320, "BAKERY", booked), tx("2", 1, -320, "BAKERY", pending)),
		)
		assert.Equal(t, []string{"added BAKERY -3.20", "modified BAKERY: " + reconcile.ReasonPosted}, story(res))
	})
	t.Run("an edited row keeps its id where no other has its content", func(t *testing.T) {
		t.Parallel()
		known := stored(bakery, pharmacy)
		res := reconcile.Compare(known, reading("mk", tx("1", 1, -330, "BAKERY", booked), pharmacy))
		assert.Equal(t, []string{"modified BAKERY: " + reconcile.ReasonContent}, story(res))
	})
}

func TestRenumberedRowsThatSayNearlyTheSameAreFoundAgain(t *testing.T) {
	t.Parallel()
	referred := tx("2", 1, -320, "BAKERY", booked)
	referred.Reference = "FT9"
	for name, c := range map[string]struct{ known, rows []bankmux.Transaction }{
		"texts drift": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY 08:49", booked), tx("2", 1, -900, "PHARMACY", booked)},
			[]bankmux.Transaction{tx("1", 1, -1500, "LATE FEE", booked), tx("2", 1, -320, "BAKERY 08.49", booked), tx("3", 1, -900, "PHARMACY.", booked)},
		},
		"texts drift and amounts are the same": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY 08:49", booked), tx("2", 1, -320, "PHARMACY", booked)},
			[]bankmux.Transaction{tx("1", 1, -320, "LATE FEE", booked), tx("2", 1, -320, "BAKERY 08.49", booked), tx("3", 1, -320, "PHARMACY.", booked)},
		},
		"a reference comes": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY", booked), tx("2", 1, -900, "PHARMACY", booked)},
			[]bankmux.Transaction{tx("1", 1, -1500, "LATE FEE", booked), referred, tx("3", 1, -900, "PHARMACY", booked)},
		},
		"they are posted a day later": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY", pending), tx("2", 1, -900, "PHARMACY", pending)},
			[]bankmux.Transaction{tx("1", 2, -1500, "LATE FEE", booked), tx("2", 2, -320, "BAKERY", booked), tx("3", 2, -900, "PHARMACY", booked)},
		},
	} {
		for way, complete := range map[string]bool{"in a complete reading": true, "on a page of a record of changes": false} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				in := reading("mk", c.rows...)
				in.Complete = complete
				res := reconcile.Compare(stored(c.known...), in)
				require.Len(t, res.Added, 1)
				assert.Equal(t, "LATE FEE", res.Added[0].Known.Text)
				changes := append(res.Modified, res.Replaced...)
				require.Len(t, changes, 2)
				for _, ch := range changes {
					assert.Equal(t, ch.Was.Text[:6], ch.Known.Text[:6])
				}
			})
		}
	}
}

func TestTwoPaymentsUnderOneIDAreTwoRows(t *testing.T) {
	t.Parallel()
	in := reading(
		"mk",
		tx("1", 1, -320, "BAKERY", booked),
		tx("1", 1, -900, "PHARMACY", booked),
		tx("1", 2, -500, "KIOSK", booked),
	)
	res := reconcile.Compare(nil, in)
	require.Len(t, res.Added, 3)
	known := res.Apply(nil)
	assert.Empty(t, story(reconcile.Compare(known, in)), "each is found again")
	in.Complete = false
	in.Rows = in.Rows[1:2]
	assert.Empty(t, story(reconcile.Compare(known, in)))
}

func TestARowIsAliveIfAnyOfItsAliasesIs(t *testing.T) {
	t.Parallel()
	known := stored(tx("a1", 1, -320, "DINER 7", pending))
	// another link to the same account
	known = reconcile.Compare(known, reading("mk", tx("b1", 1, -320, "DINER 7", pending))).Apply(known)
	require.Equal(t, []string{"id:mk:b1", "id:mk:a1"}, known[0].Aliases)
	page := reading("mk", tx("a2", 1, -320, "DINER 7", booked))
	page.Complete = false
	page.Gone = func(alias string) bool { return alias == "id:mk:b1" }
	assert.Equal(
		t,
		[]string{"added DINER 7 -3.20"},
		story(reconcile.Compare(known, page)),
		"it is listed under its former id",
	)
	page.Gone = func(string) bool { return true }
	assert.Equal(t, []string{"replaced DINER 7: " + reconcile.ReasonPosted}, story(reconcile.Compare(known, page)))
	page.Rows = []bankmux.Transaction{tx("a1", 3, -320, "DINER 7", booked)}
	page.Gone = func(alias string) bool { return alias == "id:mk:b1" }
	assert.Equal(
		t,
		[]string{"modified DINER 7: " + reconcile.ReasonPosted},
		story(reconcile.Compare(known, page)),
		"the first link shows it posted under the id it gave",
	)
}

func TestTheProvidersWordWhichRowAPostedOneReplacesDecides(t *testing.T) {
	t.Parallel()
	posted := func(id, replaces string, day int, cents int64, text string) bankmux.Transaction {
		row := tx(id, day, cents, text, booked)
		row.Replaces = replaces
		return row
	}
	known := stored(
		tx("p1", 1, -5000, "DINER 7", pending),
		tx("p2", 1, -5000, "DINER 7", pending),
		tx("p3", 1, -900, "KIOSK", pending),
	)
	for name, c := range map[string]struct {
		rows []bankmux.Transaction
		want map[string]string // which pending row each posted one became
	}{
		"where content would choose another": {[]bankmux.Transaction{posted("q1", "p2", 3, -5000, "DINER 7"), posted("q2", "p1", 3, -5900, "DINER 7")}, map[string]string{"q1": "p2", "q2": "p1"}},
		"where nothing else agrees":          {[]bankmux.Transaction{posted("q1", "p3", 20, -1200, "KIOSK AT THE STATION")}, map[string]string{"q1": "p3"}},
		"and where it names no known row":    {[]bankmux.Transaction{posted("q1", "p9", 3, -900, "KIOSK")}, map[string]string{"q1": "p3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := reading("mk", c.rows...)
			in.Complete = false
			in.Gone = func(string) bool { return name[0] == 'a' }
			res := reconcile.Compare(known, in)
			got := map[string]string{}
			for _, ch := range res.Replaced {
				got[ch.Row.ID] = ch.Was.Aliases[0][len("id:mk:"):]
				assert.Contains(t, []string{reconcile.ReasonPosted, reconcile.ReasonAmount}, ch.Reason)
			}
			assert.Equal(t, c.want, got)
			assert.Empty(t, res.Added)
			assert.Empty(t, story(reconcile.Compare(res.Apply(known), in)), "the same rows again change nothing")
		})
	}
}

func TestARowOfAnImplausibleDayProvesNothingAboutOthers(t *testing.T) {
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

func TestARowThatCannotBeReadCastsDoubtOnItsDayAlone(t *testing.T) {
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
		"a moved row is moved":                          {unread(reading("dp", moved...), bad), []string{"replaced TOLL: " + reconcile.ReasonMoved}},
		"a row of another day is missing":               {unread(reading("dp", was[0], was[2], was[3]), bad), []string{"missing TOLL: " + reconcile.ReasonAbsent}},
		"a row of its day is not counted":               {unread(reading("dp", was[:3]...), bad), []string{"missing BOOKS: " + reconcile.ReasonUnreadable}},
		"without a day it may be what agrees with it":   {unread(reading("dp", was[:2]...), undated), []string{"missing BOOKS: " + reconcile.ReasonAbsent, "missing KIOSK: " + reconcile.ReasonUnreadable}},
		"and of a day that was not read it is none":     {unread(reading("dp", was[:3]...), on(undated, day1.AddDays(-3))), []string{"missing BOOKS: " + reconcile.ReasonAbsent}},
		"nothing but unread rows is as good as nothing": {unread(reading("dp"), bad), []string{"missing BOOKS: " + reconcile.ReasonEmpty, "missing FIRST: " + reconcile.ReasonEmpty, "missing KIOSK: " + reconcile.ReasonEmpty, "missing TOLL: " + reconcile.ReasonEmpty}},
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
					assert.NotEmpty(t, keyOf(known, text), "what may be the row that cannot be read is never removed")
				}
			}
		})
	}
	t.Run("a row of which nothing could be read keeps no row from moving, and removes none", func(t *testing.T) {
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

func TestWhatRecursIsNotMovedWhereTheReadingBeginsAfterTheOldRow(t *testing.T) {
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
		"one week on":                     {weekly(13), append(weekly(20), tx("", 17, -1, "X", "")), []string{"added GYM -100.00", "added X -0.01", "missing GYM: " + reconcile.ReasonBefore, "suggested GYM, 1: " + reconcile.ReasonMoved}},
		"where it is the first":           {weekly(13), weekly(20), []string{"added GYM -100.00", "missing GYM: " + reconcile.ReasonBefore, "suggested GYM, 1: " + reconcile.ReasonMoved}},
		"a few days on":                   {weekly(13), append(weekly(15), tx("", 14, -1, "X", "")), []string{"added GYM -100.00", "added X -0.01", "missing GYM: " + reconcile.ReasonBefore, "suggested GYM, 1: " + reconcile.ReasonMoved}},
		"pending, one week on":            {held(13), append(posted(20, -10000), tx("3", 17, -1, "X", booked)), []string{"added GYM -100.00", "added X -0.01", "missing GYM: " + reconcile.ReasonAbsent, "suggested GYM, 1: " + reconcile.ReasonMoved}},
		"pending, of another amount":      {held(13), append(posted(20, -10500), tx("3", 17, -1, "X", booked)), []string{"added GYM -105.00", "added X -0.01", "missing GYM: " + reconcile.ReasonAbsent, "suggested GYM, 1: " + reconcile.ReasonDiffers}},
		"pending, posted within the week": {held(13), posted(16, -10000), []string{"replaced GYM: " + reconcile.ReasonPosted}},
		"pending, and an older row":       {held(13), append(posted(20, -10500), tx("3", 12, -1, "X", booked)), []string{"added X -0.01", "replaced GYM: " + reconcile.ReasonAmount}},
		"an older row shows that it went": {weekly(13), append(weekly(15), tx("", 12, -1, "X", "")), []string{"added X -0.01", "replaced GYM: " + reconcile.ReasonMoved}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, story(reconcile.Compare(stored(c.was...), reading("mk", c.now...))))
		})
	}
}
