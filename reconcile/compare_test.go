package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

var (
	day1 = bankmux.NewDate(2026, time.November, 1)
	usd  = func(cents int64) bankmux.Money {
		m, err := bankmux.MoneyFromMinor(cents, "USD")
		if err != nil {
			panic(err)
		}
		return m
	}
)

func tx(id string, day int, cents int64, text string, status bankmux.TransactionStatus) bankmux.Transaction {
	return bankmux.Transaction{
		ID:             id,
		Account:        "acc",
		Date:           day1.AddDays(day),
		Amount:         usd(cents),
		RawDescription: text,
		Status:         status,
	}
}

func reading(provider string, rows ...bankmux.Transaction) reconcile.Reading {
	return reconcile.Reading{
		Provider: provider,
		Account:  "main",
		From:     day1,
		To:       day1.AddDays(60),
		Rows:     rows,
		Complete: true,
	}
}

// stored returns what an application knows after a first reading.
func stored(rows ...bankmux.Transaction) []reconcile.Known {
	return reconcile.Compare(nil, reading("mk", rows...)).Apply(nil)
}

const (
	booked  = bankmux.StatusBooked
	pending = bankmux.StatusPending
)

// story writes a result as text.
func story(r reconcile.Result) []string {
	var all []string
	for _, a := range r.Added {
		all = append(all, "added "+a.Row.RawDescription+" "+a.Row.Amount.Amount())
	}
	for _, c := range r.Modified {
		all = append(all, "modified "+c.Row.RawDescription+": "+c.Reason)
	}
	for _, c := range r.Replaced {
		all = append(all, "replaced "+c.Row.RawDescription+": "+c.Reason)
	}
	for _, m := range r.Missing {
		all = append(all, "missing "+m.Known.Text+": "+m.Reason)
	}
	for _, m := range r.Removed {
		all = append(all, "removed "+m.Known.Text+": "+m.Reason)
	}
	for _, s := range r.Suggested {
		all = append(all, fmt.Sprintf("suggested %s, %d: %s", s.Was.Text, len(s.May), s.Reason))
	}
	slices.Sort(all)
	return all
}

// keyOf returns the key of a known text, "" if no row has it.
func keyOf(known []reconcile.Known, text string) string {
	for _, k := range known {
		if k.Text == text {
			return k.Key
		}
	}
	return ""
}

// withID gives a row an id.
func withID(id string, row bankmux.Transaction) bankmux.Transaction {
	row.ID = id
	return row
}

func texts(changes []reconcile.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.Row.RawDescription)
	}
	return all
}

func suggested(res reconcile.Result) (all []string) {
	for _, s := range res.Suggested {
		for _, k := range s.May {
			all = append(all, k.Text)
		}
	}
	return all
}

func TestCompare(t *testing.T) {
	t.Parallel()
	t.Run("a row is paired, reported or suggested", rowIsPairedOrSuggested)
	t.Run("a row is removed after two complete readings without it", rowIsRemovedAfterTwoReadings)
	t.Run("a part of a list replaces only rows that are gone", partialListReplacesGoneRows)
	t.Run("a reference of only one provider separates no rows", referenceOfOneProvider)
	t.Run("a key stays, and former ids and keys are aliases", keysStay)
	t.Run("a year of readings ends with the rows of the bank", yearOfReadings)
}

// compareCase has stored rows, a reading, and the changes that story lists.
type compareCase struct {
	was  []bankmux.Transaction
	now  reconcile.Reading
	want []string
}

func rowIsPairedOrSuggested(t *testing.T) {
	t.Parallel()
	t.Run("a row stays, changes or is new", rowsThatStayOrChange)
	t.Run("a pending row posts", pendingRowsThatPost)
	t.Run("a row that is not certain is not paired", rowsThatAreNotPaired)
	t.Run("a part of a list proves no absence", partialListProvesNoAbsence)
	t.Run("absence counts from the day that the adapter proves", absenceCountsFromProvedDay)
}

func compareRows(t *testing.T, cases map[string]compareCase) {
	t.Helper()
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, story(reconcile.Compare(stored(c.was...), c.now)))
		})
	}
}

func rowsThatStayOrChange(t *testing.T) {
	t.Parallel()
	compareRows(t, map[string]compareCase{
		"the same again": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("mk", tx("1", 1, -320, "coffee ", booked)),
			nil,
		},
		"a new row": {
			nil,
			reading("mk", tx("1", 1, -320, "COFFEE", booked)),
			[]string{"added COFFEE -3.20"},
		},
		"two equal rows": {
			nil,
			reading("dp", tx("", 1, -320, "COFFEE", ""), tx("", 1, -320, "COFFEE", "")),
			[]string{"added COFFEE -3.20", "added COFFEE -3.20"},
		},
		"a third of them": {
			[]bankmux.Transaction{tx("", 1, -320, "COFFEE", ""), tx("", 1, -320, "COFFEE", "")},
			reading("mk", tx("", 1, -320, "COFFEE", ""), tx("", 1, -320, "COFFEE", ""), tx("", 1, -320, "COFFEE", "")),
			[]string{"added COFFEE -3.20"},
		},
		"another id": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("mk", tx("2", 1, -320, "COFFEE", booked)),
			[]string{"replaced COFFEE: " + reconcile.ReasonID},
		},
		"another provider": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("other", tx("x", 1, -320, "COFFEE", booked)),
			[]string{"replaced COFFEE: " + reconcile.ReasonID},
		},
		"a provider with none": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("dp", tx("", 1, -320, "COFFEE", "")),
			nil,
		},
		"edited by the bank": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("mk", tx("1", 1, -330, "COFFEE", booked)),
			[]string{"modified COFFEE: " + reconcile.ReasonContent},
		},
	})
}

func pendingRowsThatPost(t *testing.T) {
	t.Parallel()
	compareRows(t, map[string]compareCase{
		"posted, id kept": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", pending)},
			reading("mk", tx("1", 3, -320, "COFFEE", booked)),
			[]string{"modified COFFEE: " + reconcile.ReasonPosted},
		},
		"posted the same day": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", pending)},
			reading("mk", tx("2", 1, -320, "COFFEE", booked)),
			[]string{"replaced COFFEE: " + reconcile.ReasonPosted},
		},
		"posted days later": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", pending)},
			reading("mk", tx("2", 4, -320, "COFFEE", booked)),
			[]string{"replaced COFFEE: " + reconcile.ReasonPosted},
		},
		"posted with a tip": {
			[]bankmux.Transaction{tx("1", 1, -5000, "DINER 7", pending)},
			reading("mk", tx("2", 3, -5900, "DINER 7", booked)),
			[]string{"replaced DINER 7: " + reconcile.ReasonAmount},
		},
		"a tip and a new diner": {
			[]bankmux.Transaction{tx("1", 1, -5000, "DINER 7", pending)},
			reading("mk", tx("2", 3, -5900, "DINER 7", booked), tx("3", 5, -700, "DINER 7", pending)),
			[]string{"added DINER 7 -7.00", "replaced DINER 7: " + reconcile.ReasonAmount},
		},
		"the hold was raised": {
			[]bankmux.Transaction{tx("1", 1, -5000, "DINER 7", pending)},
			reading("mk", tx("2", 1, -5900, "DINER 7", pending), tx("3", 0, -1, "X", booked)),
			[]string{
				"added DINER 7 -59.00",
				"added X -0.01",
				"missing DINER 7: " + reconcile.ReasonAbsent,
				"suggested DINER 7, 1: " + reconcile.ReasonDiffers,
			},
		},
		"two diners": {
			[]bankmux.Transaction{tx("1", 1, -5000, "DINER", pending)},
			reading("mk", tx("2", 3, -5900, "DINER", booked), tx("3", 4, -700, "DINER", booked)),
			[]string{
				"added DINER -59.00",
				"added DINER -7.00",
				"missing DINER: " + reconcile.ReasonAbsent,
				"suggested DINER, 2: " + reconcile.ReasonDiffers,
			},
		},
	})
}

func rowsThatAreNotPaired(t *testing.T) {
	t.Parallel()
	compareRows(t, map[string]compareCase{
		"amount alone": {
			[]bankmux.Transaction{tx("1", 1, -5000, "DINER", pending)},
			reading("mk", tx("2", 3, -5000, "PHARMACY", booked)),
			[]string{"added PHARMACY -50.00", "missing DINER: " + reconcile.ReasonAbsent},
		},
		"much later": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", pending)},
			reading("mk", tx("2", 20, -320, "COFFEE", booked)),
			[]string{"added COFFEE -3.20", "missing COFFEE: " + reconcile.ReasonAbsent},
		},
		"a booked row stays": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("mk", tx("2", 3, -320, "COFFEE", booked)),
			[]string{"added COFFEE -3.20", "missing COFFEE: " + reconcile.ReasonBefore},
		},
		"moved, no status": {
			[]bankmux.Transaction{tx("", 1, -320, "FUEL 9", "")},
			reading("dp", tx("", 0, -1, "X", ""), tx("", 3, -320, "FUEL 9", "")),
			[]string{"added X -0.01", "replaced FUEL 9: " + reconcile.ReasonMoved},
		},
		"fuel, no status": {
			[]bankmux.Transaction{tx("", 1, -10000, "FUEL 9", "")},
			reading("dp", tx("", 3, -4711, "FUEL 9", "")),
			[]string{
				"added FUEL 9 -47.11",
				"missing FUEL 9: " + reconcile.ReasonBefore,
				"suggested FUEL 9, 1: " + reconcile.ReasonDiffers,
			},
		},
		"an empty reading": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("mk"),
			[]string{"missing COFFEE: " + reconcile.ReasonEmpty},
		},
		"other words": {
			[]bankmux.Transaction{tx("1", 1, -320, "COFFEE", booked)},
			reading("dp", tx("", 2, -320, "Harbor Coffee", ""), tx("", 0, -1, "X", "")),
			[]string{
				"added Harbor Coffee -3.20",
				"added X -0.01",
				"missing COFFEE: " + reconcile.ReasonAbsent,
				"suggested COFFEE, 1: " + reconcile.ReasonText,
			},
		},
		"other days": {
			[]bankmux.Transaction{tx("1", -5, -320, "COFFEE", booked)},
			reading("mk", tx("2", 1, -1, "X", booked)),
			[]string{"added X -0.01"},
		},
		"a refund": {
			[]bankmux.Transaction{tx("1", 1, -320, "SHOP", pending)},
			reading("mk", tx("2", 2, 320, "SHOP", booked)),
			[]string{"added SHOP 3.20", "missing SHOP: " + reconcile.ReasonAbsent},
		},
	})
}

func partialListProvesNoAbsence(t *testing.T) {
	t.Parallel()
	part := reading("mk", tx("2", 1, -1, "X", booked))
	part.Complete = false
	assert.Equal(
		t,
		[]string{"added X -0.01"},
		story(reconcile.Compare(stored(tx("1", 1, -320, "COFFEE", pending)), part)),
	)
}

func absenceCountsFromProvedDay(t *testing.T) {
	t.Parallel()
	late := reading("dp", tx("", 0, -1, "X", ""), tx("", 6, -320, "FUEL 9", ""))
	late.ProvesFrom = day1.AddDays(6)
	known := stored(tx("", 5, -320, "FUEL 9", ""), tx("", 5, -400, "COFFEE", ""), tx("", 6, -500, "DINER", ""))
	assert.Equal(t, []string{
		"added FUEL 9 -3.20",
		"added X -0.01",
		"missing COFFEE: " + reconcile.ReasonBefore,
		"missing DINER: " + reconcile.ReasonAbsent,
		"missing FUEL 9: " + reconcile.ReasonBefore,
		"suggested FUEL 9, 1: " + reconcile.ReasonMoved,
	}, story(reconcile.Compare(known, late)))
}

func rowIsRemovedAfterTwoReadings(t *testing.T) {
	t.Parallel()
	known := stored(tx("0", 0, -1, "W", booked), tx("1", 1, -320, "COFFEE", booked), tx("2", 2, -1, "X", booked))
	without := reading("mk", tx("0", 0, -1, "W", booked), tx("2", 2, -1, "X", booked))
	first := reconcile.Compare(known, without)
	assert.Equal(t, []string{"missing COFFEE: " + reconcile.ReasonAbsent}, story(first))
	known = first.Apply(known)
	require.Len(t, known, 3)

	back := reconcile.Compare(
		known,
		reading("mk", tx("0", 0, -1, "W", booked), tx("1", 1, -320, "COFFEE", booked), tx("2", 2, -1, "X", booked)),
	)
	assert.Equal(t, []string{"modified COFFEE: it is there again"}, story(back))
	for _, k := range back.Apply(known) {
		assert.Zero(t, k.Missed)
	}
	empty := reconcile.Compare(known, reading("mk"))
	assert.True(t, empty.Suspect)
	assert.Empty(t, empty.Removed, "an empty reading removes nothing")
	second := reconcile.Compare(known, without)
	assert.Equal(t, []string{"removed COFFEE: " + reconcile.ReasonTwice}, story(second))
	assert.Len(t, second.Apply(known), 2)

	fewer := known
	for range 5 {
		res := reconcile.Compare(fewer, reading("mk", tx("2", 2, -1, "X", booked)))
		assert.Empty(t, res.Removed, "a bank that starts to serve fewer days removes nothing")
		fewer = res.Apply(fewer)
	}
	assert.Len(t, fewer, 3)
}

func partialListReplacesGoneRows(t *testing.T) {
	t.Parallel()
	known := stored(tx("1", 1, -320, "COFFEE", booked), tx("2", 1, -5000, "DINER 7", pending))
	part := reading("mk", tx("3", 1, -320, "COFFEE", booked), tx("4", 3, -5900, "DINER 7", booked))
	part.Complete = false
	assert.Equal(
		t,
		[]string{"added COFFEE -3.20", "added DINER 7 -59.00"},
		story(reconcile.Compare(known, part)),
		"a second equal row is a second row",
	)
	part.Gone = func(alias string) bool { return alias == reconcile.Alias("mk", "1") }
	assert.Equal(
		t,
		[]string{"added DINER 7 -59.00", "replaced COFFEE: " + reconcile.ReasonID},
		story(reconcile.Compare(known, part)),
	)
	part.Gone = func(string) bool { return true }
	assert.Equal(
		t,
		[]string{"replaced COFFEE: " + reconcile.ReasonID, "replaced DINER 7: " + reconcile.ReasonAmount},
		story(reconcile.Compare(known, part)),
	)
	part.Provider, part.Gone = "other", nil
	assert.Equal(
		t,
		[]string{"replaced COFFEE: " + reconcile.ReasonID, "replaced DINER 7: " + reconcile.ReasonAmount},
		story(reconcile.Compare(known, part)),
		"another provider's ids prove nothing",
	)
}

func referenceOfOneProvider(t *testing.T) {
	t.Parallel()
	with := func(row bankmux.Transaction, reference string) bankmux.Transaction {
		row.Reference = reference
		return row
	}
	rent := tx("", 1, -120000, "RENT", "")
	known := stored(tx("1", 1, -120000, "RENT", booked))
	res := reconcile.Compare(known, reading("dp", with(rent, "FT1")))
	assert.Equal(
		t,
		[]string{"replaced RENT: " + reconcile.ReasonID},
		story(reconcile.Compare(known, reading("other", with(tx("9", 1, -120000, "RENT", booked), "FT1")))),
	)
	require.Empty(t, res.Added)
	known = res.Apply(known)
	require.Equal(t, "FT1", known[0].Reference)
	assert.Empty(t, story(reconcile.Compare(known, reading("dp", with(rent, "FT1")))))
	apart := reconcile.Compare(known, reading("dp", with(rent, "FT2"), tx("", 0, -1, "X", "")))
	assert.Equal(
		t,
		[]string{"added RENT -1200.00", "added X -0.01", "missing RENT: " + reconcile.ReasonAbsent},
		story(apart),
		"two references are two rows",
	)
	assert.Equal(
		t,
		"FT1",
		reconcile.Compare(known, reading("other", tx("9", 1, -120000, "RENT", booked))).Replaced[0].Known.Reference,
		"a reference is kept once it is known",
	)
}

func keysStay(t *testing.T) {
	t.Parallel()
	known := stored(tx("1", 1, -5000, "DINER 7", pending))
	key := known[0].Key
	assert.Regexp(t, `^t1:[\w-]{20}#1$`, key)
	res := reconcile.Compare(known, reading("mk", tx("2", 3, -5900, "DINER 7", booked)))
	now := res.Apply(known)
	require.Len(t, now, 1)
	assert.NotEqual(t, key, now[0].Key)
	assert.ElementsMatch(t, []string{"id:mk:2", key, "id:mk:1"}, now[0].Aliases)
	again := reconcile.Compare(now, reading("other", tx("zz", 3, -5900, "DINER 7", booked)))
	assert.Equal(t, now[0].Key, again.Replaced[0].Known.Key, "another id is the same row")
	assert.Contains(t, again.Replaced[0].Known.Aliases, key)

	twins := stored(tx("", 1, -320, "COFFEE", ""), tx("", 1, -320, "COFFEE", ""))
	assert.Equal(t, twins[0].Key[:len(twins[0].Key)-1], twins[1].Key[:len(twins[1].Key)-1])
	assert.NotEqual(t, twins[0].Key, twins[1].Key)
}
