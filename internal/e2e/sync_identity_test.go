package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/reconcile"
)

// TestSyncIdentity specifies which rows of two readings are the same row.
func TestSyncIdentity(t *testing.T) {
	t.Parallel()
	t.Run("one id in two accounts or of two payments is two rows", oneIdInTwoAccountsOrOfTwoPaymentsIsTwoRows)
	t.Run("a list drops no payment for the id of another", aListDropsNoPaymentForTheIdOfAnother)
	t.Run("a day whose ids are renumbered keeps its rows", aDayWhoseIdsAreRenumberedKeepsItsRows)
	t.Run("an id that a row had before may be that of a new row", anIdThatARowHadBeforeMayBeThatOfANewRow)
	t.Run("two links to one account do not remove each other's rows", twoLinksToOneAccountDoNotRemoveEachOthersRows)
	t.Run("a renumbered row with nearly the same text is suggested first", aRenumberedRowWithNearlyTheSameText)
}

func oneIdInTwoAccountsOrOfTwoPaymentsIsTwoRows(t *testing.T) {
	t.Parallel()
	a, b := mkRow("x", 3, "50", "TRANSFER", false), of("acc-2", mkRow("x", 3, "50", "TRANSFER", false))
	for name, c := range map[string]struct {
		created, updated []string
		want             []string
	}{
		"a transfer between two accounts": {[]string{a, b}, nil, []string{"acc -50 TRANSFER", "acc-2 -50 TRANSFER"}},
		"one of them is updated": {
			[]string{a, b},
			[]string{of("acc-2", mkRow("x", 3, "51", "TRANSFER", false))},
			[]string{"acc -50 TRANSFER", "acc-2 -51 TRANSFER"},
		},
		"two payments": {[]string{a, mkRow("x", 3, "7", "KIOSK", false)}, nil, []string{"acc -50 TRANSFER", "acc -7 KIOSK"}},
		"two payments, one of which is returned late": {
			[]string{a},
			[]string{mkRow("x", 3, "51", "TRANSFER", false), mkRow("x", 3, "7", "KIOSK", false)},
			[]string{"acc -51 TRANSFER", "acc -7 KIOSK"},
		},
		"one payment twice":         {[]string{a, a}, nil, []string{"acc -50 TRANSFER"}},
		"one payment in both lists": {[]string{a}, []string{a}, []string{"acc -50 TRANSFER"}},
		"pending and posted": {
			[]string{mkRow("x", 1, "50", "TRANSFER", false), mkRow("x", 3, "45", "TRANSFER", true)},
			nil,
			[]string{"acc -50 TRANSFER"},
		},
		"posted in the second list": {[]string{mkRow("x", 3, "45", "TRANSFER", true)}, []string{a}, []string{"acc -50 TRANSFER"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.has("acc", "acc-2")
				w.lists(slices.Concat(c.created, c.updated)...)
				w.says["/transactions/sync"] = mkPage(c.created, c.updated, nil)
				for range 2 { // the same page again changes nothing
					for _, d := range w.Round(t) {
						assert.Empty(t, d.Removed)
					}
					var got []string
					for _, k := range w.Rows {
						got = append(got, k.Account+" "+k.Amount.Amount()+" "+k.Text)
					}
					slices.Sort(got)
					assert.Equal(t, c.want, got)
					time.Sleep(time.Hour)
				}
			})
		})
	}
}

func aListDropsNoPaymentForTheIdOfAnother(t *testing.T) {
	t.Parallel()
	a := mkRow("x", 3, "50", "TRANSFER", false)
	for name, c := range map[string]struct {
		rows []string
		want []string
	}{
		"a transfer between two accounts": {[]string{a, of("acc-2", a)}, []string{"acc -50 TRANSFER", "acc-2 -50 TRANSFER"}},
		"two payments":                    {[]string{a, mkRow("x", 3, "7", "KIOSK", false)}, []string{"acc -50 TRANSFER", "acc -7 KIOSK"}},
		"two of one text":                 {[]string{a, mkRow("x", 3, "7", "TRANSFER", false), a}, []string{"acc -50 TRANSFER", "acc -7 TRANSFER"}},
		"two of one text and amount":      {[]string{a, mkRow("x", 2, "50", "TRANSFER", false)}, []string{"acc -50 TRANSFER", "acc -50 TRANSFER"}},
		"three, each twice": {
			[]string{
				a, mkRow("x", 3, "7", "KIOSK", false), mkRow("x", 3, "9", "SHOP", false), a,
				mkRow("x", 3, "9", "SHOP", false), mkRow("x", 3, "7", "KIOSK", false),
			},
			[]string{"acc -50 TRANSFER", "acc -7 KIOSK", "acc -9 SHOP"},
		},
		"one payment twice":                     {[]string{a, a}, []string{"acc -50 TRANSFER"}},
		"one that was posted while it was read": {[]string{a, mkRow("x", 5, "45", "TRANSFER", true)}, []string{"acc -50 TRANSFER"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.lists(c.rows...)
				var got []string
				for row, err := range w.Client.Transactions(t.Context(),
					bankmux.TransactionsRequest{Connection: w.Conn}) {
					require.NoError(t, err)
					got = append(got, row.Account+" "+row.Amount.Amount()+" "+row.RawDescription)
				}
				slices.Sort(got)
				assert.Equal(t, c.want, got)
				got = nil
				for row, err := range moneykit.UserTransactions(t.Context(), w.Client, "user-1", bankmux.Date{},
					bankmux.Date{}) {
					require.NoError(t, err)
					got = append(got, row.Account+" "+row.Amount.Amount()+" "+row.RawDescription)
				}
				slices.Sort(got)
				assert.Equal(t, c.want, got, "a user's list")
			})
		})
	}
}

// reportedPage is a page as MoneyKit reports it. last means that a round ends with it.
type reportedPage struct {
	created, updated, removed []string
	last                      bool
}

func aDayWhoseIdsAreRenumberedKeepsItsRows(t *testing.T) {
	t.Parallel()
	drifting := mkRow("1", 3, "3", "BAKERY 08:49:31", false)
	first := []string{mkRow("1", 3, "3", "BAKERY", false), mkRow("2", 3, "9", "PHARMACY", false)}
	fee, bakery, pharmacy := mkRow(
		"1",
		3,
		"15",
		"LATE FEE",
		false,
	), mkRow(
		"2",
		3,
		"3",
		"BAKERY",
		false,
	), mkRow(
		"3",
		3,
		"9",
		"PHARMACY",
		false,
	)
	drifted := mkRow("2", 3, "3", "BAKERY 08.49.31", false)
	now := []string{fee, bakery, pharmacy}
	created := func(row string) reportedPage { return reportedPage{created: []string{row}} }
	updated := func(rows ...string) reportedPage { return reportedPage{updated: rows} }
	round := func(p reportedPage) reportedPage { p.last = true; return p }
	feeAfter := []string{mkRow("1", 3, "9", "PHARMACY", false)}
	for name, c := range map[string]struct {
		first []string
		pages []reportedPage
		now   []string
		gone  string
	}{
		"as updates and a new row": {pages: []reportedPage{{created: []string{pharmacy}, updated: []string{fee, bakery}}}},
		"as new rows alone":        {pages: []reportedPage{{created: []string{fee, bakery, pharmacy}}}},
		"removed and made again": {pages: []reportedPage{{created: []string{
			mkRow("7", 3, "15", "LATE FEE", false), mkRow("8", 3, "3", "BAKERY", false),
			mkRow("9", 3, "9", "PHARMACY", false),
		}, removed: []string{"1", "2"}}}, now: []string{}},
		"over two pages":                  {pages: []reportedPage{updated(fee, bakery), created(pharmacy)}},
		"over two pages, turned":          {pages: []reportedPage{created(pharmacy), updated(fee, bakery)}},
		"a row a page":                    {pages: []reportedPage{updated(fee), updated(bakery), created(pharmacy)}},
		"a row a page, the new one last":  {pages: []reportedPage{created(pharmacy), updated(bakery), updated(fee)}},
		"a row a page, mixed":             {pages: []reportedPage{updated(bakery), updated(fee), created(pharmacy)}},
		"a row a page, mixed otherwise":   {pages: []reportedPage{created(pharmacy), updated(fee), updated(bakery)}},
		"over two rounds":                 {pages: []reportedPage{round(updated(fee, bakery)), created(pharmacy)}},
		"a row a round":                   {pages: []reportedPage{round(updated(fee)), round(updated(bakery)), created(pharmacy)}},
		"a row a round, mixed":            {pages: []reportedPage{round(updated(bakery)), round(updated(fee)), created(pharmacy)}},
		"a row a round, the new one last": {pages: []reportedPage{round(created(pharmacy)), round(updated(bakery)), updated(fee)}},
		"and a text drifts": {
			first: []string{drifting, first[1]},
			pages: []reportedPage{{created: []string{pharmacy}, updated: []string{fee, drifted}}},
			now:   []string{fee, drifted, pharmacy},
		},
		"and a text drifts, on two pages": {
			first: []string{drifting, first[1]},
			pages: []reportedPage{updated(fee), {created: []string{pharmacy}, updated: []string{drifted}}},
			now:   []string{fee, drifted, pharmacy},
		},
		"where the first row is gone":     {pages: []reportedPage{{updated: feeAfter, removed: []string{"2"}}}, now: feeAfter, gone: "BAKERY"},
		"where it is, and a page follows": {pages: []reportedPage{{updated: feeAfter, removed: []string{"2"}}, {}}, now: feeAfter, gone: "BAKERY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if c.first == nil {
					c.first = first
				}
				if c.now == nil {
					c.now = now
				}
				w := openWire(t)
				w.lists(c.first...)
				w.page(t, false, c.first, nil, nil)
				w.lists(c.now...)
				fates := w.follow()
				for i, p := range c.pages {
					fates.note(t, w.page(t, i < len(c.pages)-1 && !p.last, p.created, p.updated, p.removed))
				}
				fates.note(t, w.page(t, false, nil, nil, nil)) // and nothing is lost later
				want := []string{"BAKERY", "LATE FEE", "PHARMACY"}
				if c.gone != "" {
					want = []string{"PHARMACY"}
				}
				var after []string
				for _, k := range w.Rows {
					after = append(after, label(k.Text))
				}
				slices.Sort(after)
				assert.Equal(t, want, after)
				for text := range fates {
					assert.Equal(t, text != c.gone, fates[text] != "", "%s keeps what the user wrote of it", text)
				}
			})
		})
	}
}

// label returns a text without the time that follows it.
func label(text string) string { return strings.TrimRight(text, " 0123456789:.") }

// fates has the current key of each row by its first text.
type fates map[string]string

// note follows the rows through a page. No row takes another row's text.
func (f fates) note(t *testing.T, d bankmux.Delta) {
	t.Helper()
	for _, ch := range slices.Concat(d.Modified, d.Replaced) {
		assert.Equal(t, label(ch.Was.Text), label(ch.Known.Text), "the notes of a row move to another row")
		if f[label(ch.Was.Text)] == ch.Was.Key {
			f[label(ch.Was.Text)] = ch.Known.Key
		}
	}
	for _, m := range d.Removed {
		if f[label(m.Known.Text)] == m.Known.Key {
			f[label(m.Known.Text)] = ""
		}
	}
}

func anIdThatARowHadBeforeMayBeThatOfANewRow(t *testing.T) {
	t.Parallel()
	type reported = reportedPage
	bakery, renamed, pharmacy := mkRow(
		"1",
		3,
		"3",
		"BAKERY",
		false,
	), mkRow(
		"2",
		3,
		"3",
		"BAKERY",
		false,
	), mkRow(
		"3",
		3,
		"9",
		"PHARMACY",
		false,
	)
	fee := mkRow("1", 3, "15", "LATE FEE", false)
	for name, c := range map[string]struct {
		first        []string
		renames, fee reported
		listed, then []string
	}{
		"removed and created, then created": {
			[]string{bakery},
			reported{created: []string{renamed}, removed: []string{"1"}},
			reported{created: []string{fee}},
			[]string{renamed},
			[]string{renamed, fee},
		},
		"removed and created, then updated": {
			[]string{bakery},
			reported{created: []string{renamed}, removed: []string{"1"}},
			reported{updated: []string{fee}},
			[]string{renamed},
			[]string{renamed, fee},
		},
		"renumbered, then updated": {
			[]string{bakery, mkRow("2", 3, "9", "PHARMACY", false)},
			reported{created: []string{pharmacy}, updated: []string{renamed}},
			reported{updated: []string{fee}},
			[]string{renamed, pharmacy},
			[]string{fee, renamed, pharmacy},
		},
		"of the same amount": {
			[]string{bakery},
			reported{created: []string{renamed}, removed: []string{"1"}},
			reported{created: []string{mkRow("1", 3, "3", "KIOSK", false)}},
			[]string{renamed},
			[]string{renamed, mkRow("1", 3, "3", "KIOSK", false)},
		},
		"of the same text": {
			[]string{bakery},
			reported{created: []string{renamed}, removed: []string{"1"}},
			reported{created: []string{mkRow("1", 3, "4", "BAKERY", false)}},
			[]string{renamed},
			[]string{renamed, mkRow("1", 3, "4", "BAKERY", false)},
		},
		"pending, of the same amount": {
			[]string{mkRow("1", 3, "3", "BAKERY", true)},
			reported{created: []string{mkRow("2", 3, "3", "BAKERY", true)}, removed: []string{"1"}},
			reported{created: []string{mkRow("1", 3, "3", "KIOSK", true)}},
			[]string{mkRow("2", 3, "3", "BAKERY", true)},
			[]string{mkRow("2", 3, "3", "BAKERY", true), mkRow("1", 3, "3", "KIOSK", true)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := openWire(t)
				w.lists(c.first...)
				w.page(t, false, c.first, nil, nil)
				fates := w.follow()
				w.lists(c.listed...)
				renamed := w.page(t, false, c.renames.created, c.renames.updated, c.renames.removed)
				require.NotEmpty(t, renamed.Replaced)
				fates.note(t, renamed)
				w.lists(c.then...)
				d := w.page(t, false, c.fee.created, c.fee.updated, nil)
				assert.Len(t, d.Added, 1)
				assert.Empty(t, slices.Concat(d.Modified, d.Replaced))
				for range 2 {
					fates.note(t, w.page(t, false, nil, nil, nil))
				}
				assert.Len(t, w.Rows, len(c.then))
				assert.NotEmpty(t, fates["BAKERY"])
			})
		})
	}
}

func twoLinksToOneAccountDoNotRemoveEachOthersRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := openWire(t)
		one, two := "", "" // the cursors of the links
		as := func(cursor *string, listed string, created ...string) bankmux.Delta {
			w.Cursor = *cursor
			w.lists(listed)
			d := w.page(t, false, created, nil, nil)
			*cursor = w.Cursor
			return d
		}
		a, b := mkRow("a1", 2, "50", "HOTEL", true), mkRow("b1", 2, "50", "HOTEL", true)
		require.Len(t, as(&one, a, a).Added, 1)
		key := slices.Collect(maps.Keys(w.Rows))
		renamed := as(&two, b, b)
		require.Equal(t, []string{reconcile.ReasonID}, reasons(renamed.Replaced))
		for range 3 { // both jobs go on
			for _, d := range []bankmux.Delta{as(&one, a), as(&two, b)} {
				assert.Empty(t, slices.Concat(d.Removed, d.Missing), "it is listed under another of its ids")
			}
		}
		assert.Equal(t, key, slices.Collect(maps.Keys(w.Rows)))
		posted := as(&one, mkRow("a1", 1, "50", "HOTEL", false), mkRow("a1", 1, "50", "HOTEL", false))
		assert.Equal(
			t,
			[]string{reconcile.ReasonPosted},
			reasons(posted.Modified),
			"the first link posts it under the id that it gave",
		)
		again := as(&two, mkRow("b9", 1, "50", "HOTEL", false), mkRow("b9", 1, "50", "HOTEL", false))
		assert.Empty(t, again.Added, "and the second under another")
		assert.Len(t, w.Rows, 1)
		assert.Empty(t, as(&one, mkRow("a1", 1, "50", "HOTEL", false)).Removed)
	})
}

func aRenumberedRowWithNearlyTheSameText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := openWire(t)
		bakery := mkRow("1", 3, "3", "BAKERY 08:49", false)
		w.lists(bakery)
		w.page(t, false, []string{bakery}, nil, nil)
		fee, cut := mkRow("1", 3, "15", "LATE FEE", false), mkRow("2", 3, "3", "BAKERY", false)
		w.lists(fee, cut)
		d := w.page(t, false, []string{cut}, []string{fee}, nil)
		assert.Empty(t, slices.Concat(d.Modified, d.Replaced), "no row gets what the user wrote of another")
		require.Len(t, d.Suggested, 1)
		assert.Equal(t, "BAKERY 08:49", d.Suggested[0].Was.Text)
		assert.Empty(t, d.Removed, "the user decides first")
		require.Len(t, d.Missing, 1)
		assert.Len(t, w.page(t, false, nil, nil, nil).Removed, 1)
		assert.Len(t, w.Rows, 2)
	})
}
