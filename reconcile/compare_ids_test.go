package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// completeness has the two kinds of reading by name.
var completeness = map[string]bool{"in a complete reading": true, "on a page of a record of changes": false}

func TestCompareIDs(t *testing.T) {
	t.Parallel()
	t.Run("content under another id wins over an id with other content", contentWinsOverID)
	t.Run("renumbered rows with similar content are found", renumberedRowsAreFound)
	t.Run("two payments under one id are two rows", twoPaymentsUnderOneID)
	t.Run("a row exists if one of its aliases does", rowExistsUnderAnyAlias)
	t.Run("the provider's Replaces decides which row was posted", replacesDecides)
	t.Run("a reused id is another row", reusedIDIsAnotherRow)
}

func contentWinsOverID(t *testing.T) {
	t.Parallel()
	bakery, pharmacy := tx("1", 1, -320, "BAKERY", booked), tx("2", 1, -900, "PHARMACY", booked)
	renumbered := []bankmux.Transaction{
		tx("1", 1, -1500, "LATE FEE", booked), tx("2", 1, -320, "BAKERY", booked), tx("3", 1, -900, "PHARMACY", booked),
	}
	for name, complete := range completeness {
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
	t.Run("a row that is gone does not keep its id", func(t *testing.T) {
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
	t.Run("an id alone pairs nothing while more rows may follow", func(t *testing.T) {
		t.Parallel()
		page := reading("mk", renumbered[0])
		page.Complete, page.More, page.Gone = false, true, func(string) bool { return true }
		assert.Equal(t, []string{"added LATE FEE -15.00"}, story(reconcile.Compare(stored(bakery, pharmacy), page)))
		page.Rows = []bankmux.Transaction{tx("1", 1, -330, "BAKERY", booked), tx("2", 1, -900, "CHEMIST", booked)}
		assert.Equal(
			t,
			[]string{"modified BAKERY: " + reconcile.ReasonContent, "modified CHEMIST: " + reconcile.ReasonContent},
			story(reconcile.Compare(stored(bakery, pharmacy), page)),
			"an edited row keeps its id",
		)
	})
	t.Run("an id pairs nothing if another row says nearly the same", func(t *testing.T) {
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
	t.Run("a former id alone pairs nothing", func(t *testing.T) {
		t.Parallel()
		known := stored(bakery)
		known = reconcile.Compare(known, reading("mk", tx("5", 1, -320, "BAKERY", booked))).Apply(known)
		res := reconcile.Compare(known, reading("mk", tx("1", 1, -1500, "LATE FEE", booked)))
		assert.Equal(t, []string{"added LATE FEE -15.00", "missing BAKERY: " + reconcile.ReasonAbsent}, story(res))
	})
	t.Run("a pending row that is posted under its id is not the equal pending row", func(t *testing.T) {
		t.Parallel()
		known := stored(tx("1", 1, -320, "BAKERY", pending))
		res := reconcile.Compare(
			known,
			reading("mk", tx("1", 2, -320, "BAKERY", booked), tx("2", 1, -320, "BAKERY", pending)),
		)
		assert.Equal(t, []string{"added BAKERY -3.20", "modified BAKERY: " + reconcile.ReasonPosted}, story(res))
	})
	t.Run("an edited row keeps its id if no other row has its content", func(t *testing.T) {
		t.Parallel()
		known := stored(bakery, pharmacy)
		res := reconcile.Compare(known, reading("mk", tx("1", 1, -330, "BAKERY", booked), pharmacy))
		assert.Equal(t, []string{"modified BAKERY: " + reconcile.ReasonContent}, story(res))
	})
}

func renumberedRowsAreFound(t *testing.T) {
	t.Parallel()
	referred := tx("2", 1, -320, "BAKERY", booked)
	referred.Reference = "FT9"
	for name, c := range map[string]struct{ known, rows []bankmux.Transaction }{
		"texts change slightly": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY 08:49", booked), tx("2", 1, -900, "PHARMACY", booked)},
			[]bankmux.Transaction{
				tx("1", 1, -1500, "LATE FEE", booked),
				tx("2", 1, -320, "BAKERY 08.49", booked),
				tx("3", 1, -900, "PHARMACY.", booked),
			},
		},
		"texts change slightly and amounts are the same": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY 08:49", booked), tx("2", 1, -320, "PHARMACY", booked)},
			[]bankmux.Transaction{
				tx("1", 1, -320, "LATE FEE", booked),
				tx("2", 1, -320, "BAKERY 08.49", booked),
				tx("3", 1, -320, "PHARMACY.", booked),
			},
		},
		"a reference is added": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY", booked), tx("2", 1, -900, "PHARMACY", booked)},
			[]bankmux.Transaction{
				tx("1", 1, -1500, "LATE FEE", booked),
				referred,
				tx("3", 1, -900, "PHARMACY", booked),
			},
		},
		"they are posted a day later": {
			[]bankmux.Transaction{tx("1", 1, -320, "BAKERY", pending), tx("2", 1, -900, "PHARMACY", pending)},
			[]bankmux.Transaction{
				tx("1", 2, -1500, "LATE FEE", booked),
				tx("2", 2, -320, "BAKERY", booked),
				tx("3", 2, -900, "PHARMACY", booked),
			},
		},
	} {
		for way, complete := range completeness {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				in := reading("mk", c.rows...)
				in.Complete = complete
				res := reconcile.Compare(stored(c.known...), in)
				require.Len(t, res.Added, 1)
				assert.Equal(t, "LATE FEE", res.Added[0].Known.Text)
				changes := slices.Concat(res.Modified, res.Replaced)
				require.Len(t, changes, 2)
				for _, ch := range changes {
					assert.Equal(t, ch.Was.Text[:6], ch.Known.Text[:6])
				}
			})
		}
	}
}

func twoPaymentsUnderOneID(t *testing.T) {
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
	assert.Empty(t, story(reconcile.Compare(known, in)), "each row is found")
	in.Complete = false
	in.Rows = in.Rows[1:2]
	assert.Empty(t, story(reconcile.Compare(known, in)))
}

func rowExistsUnderAnyAlias(t *testing.T) {
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
		"the row is listed under its former id",
	)
	page.Gone = func(string) bool { return true }
	assert.Equal(t, []string{"replaced DINER 7: " + reconcile.ReasonPosted}, story(reconcile.Compare(known, page)))
	page.Rows = []bankmux.Transaction{tx("a1", 3, -320, "DINER 7", booked)}
	page.Gone = func(alias string) bool { return alias == "id:mk:b1" }
	assert.Equal(
		t,
		[]string{"modified DINER 7: " + reconcile.ReasonPosted},
		story(reconcile.Compare(known, page)),
		"the first link shows it posted under its own id",
	)
}

func replacesDecides(t *testing.T) {
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
		"content would choose another row": {
			[]bankmux.Transaction{posted("q1", "p2", 3, -5000, "DINER 7"), posted("q2", "p1", 3, -5900, "DINER 7")},
			map[string]string{"q1": "p2", "q2": "p1"},
		},
		"nothing else agrees": {
			[]bankmux.Transaction{posted("q1", "p3", 20, -1200, "KIOSK AT THE STATION")},
			map[string]string{"q1": "p3"},
		},
		"unknown: it names no known row": {
			[]bankmux.Transaction{posted("q1", "p9", 3, -900, "KIOSK")},
			map[string]string{"q1": "p3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := reading("mk", c.rows...)
			in.Complete = false
			in.Gone = func(string) bool { return name[0] == 'u' }
			res := reconcile.Compare(known, in)
			got := map[string]string{}
			for _, ch := range res.Replaced {
				got[ch.Row.ID] = ch.Was.Aliases[0][len("id:mk:"):]
				assert.Contains(t, []string{reconcile.ReasonPosted, reconcile.ReasonAmount}, ch.Reason)
			}
			assert.Equal(t, c.want, got)
			assert.Empty(t, res.Added)
			again := reconcile.Compare(res.Apply(known), in)
			assert.Empty(t, story(again), "the same rows change nothing the second time")
		})
	}
}

func reusedIDIsAnotherRow(t *testing.T) {
	t.Parallel()
	known := stored(tx("a", 1, -320, "COFFEE", booked))
	known = reconcile.Compare(known, reading("mk", tx("b", 1, -320, "COFFEE", booked))).Apply(known)
	res := reconcile.Compare(known, reading("mk", tx("a", 0, -900, "SHOP", booked), tx("b", 1, -320, "COFFEE", booked)))
	assert.Equal(t, []string{"added SHOP -9.00"}, story(res))
	back := reading("mk", tx("a", 1, -330, "COFFEE", booked))
	assert.Equal(
		t,
		[]string{"modified COFFEE: " + reconcile.ReasonContent},
		story(reconcile.Compare(known, back)),
		"a provider may return to a former id",
	)
	back.Complete = false
	assert.Equal(
		t,
		[]string{"added COFFEE -3.30"},
		story(reconcile.Compare(known, back)),
		"not while the other id may still exist",
	)
}
