package reconcile_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFeedCarriedRows(t *testing.T) {
	t.Parallel()
	t.Run("rows that were known before the first page are found", rowsKnownBeforeAreFound)
}

func rowsKnownBeforeAreFound(t *testing.T) {
	t.Parallel()
	t.Run("rows of a connection that was replaced get their new ids", func(t *testing.T) {
		t.Parallel()
		old, s := filled(9), newStore()
		s.round(t, old.feed(), 2)
		r := newRecord("checking", "savings")
		for _, id := range old.present() {
			row := old.rows[id].row
			row.ID = "new-" + id
			r.put(row)
		}
		r.put(paid("later", "checking", 0, "-1.50", "SHOP 0"))
		s.cursor = ""
		d := s.round(t, r.feed(), 2)
		assert.Len(t, d.Replaced, 9)
		assert.Len(t, d.Added, 1)
		s.agree(t, r)
	})

	for _, empty := range []bool{false, true} {
		t.Run(
			fmt.Sprint("rows of a new connection whose history comes later, starting empty: ", empty),
			func(t *testing.T) {
				t.Parallel()
				old, s := filled(19), newStore()
				old.put(paid("twin", "checking", 18, "-19.50", "SHOP 18")) // equal to row-18
				s.round(t, old.feed(), 2)
				r := newRecord("checking", "savings")
				again := func(back func(int) bool) {
					for _, id := range old.present() {
						if row := old.rows[id].row; back(today.DaysSince(row.Date)) {
							row.ID = "new-" + id
							r.put(row)
						}
					}
				}
				if !empty {
					again(func(back int) bool { return back < 6 })
				}
				s.cursor = ""
				s.round(t, r.feed(), 2)
				require.Len(t, s.rows, 20)
				again(func(back int) bool { return empty || back >= 6 })
				r.put(paid("triplet", "checking", 18, "-19.50", "SHOP 18"))
				d := s.round(t, r.feed(), 2)
				assert.Len(t, d.Added, 1, "the third of three equal rows")
				s.agree(t, r)
				r.put(paid("quadruplet", "checking", 18, "-19.50", "SHOP 18"))
				assert.Len(t, s.round(t, r.feed(), 2).Added, 1, "the fourth equal row")
				s.agree(t, r)
			},
		)
	}

	t.Run("a missing row that appears under another id is replaced", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		s.round(t, r.feed(), 0)
		r.rows["row-2"].gone = 1
		s.cursor = ""
		require.Len(t, s.round(t, r.feed(), 0).Missing, 1)
		row := r.rows["row-2"].row
		row.ID = "late"
		r.put(row)
		assert.Len(t, s.round(t, r.feed(), 0).Replaced, 1)
		s.agree(t, r)
	})

	t.Run("rows that the whole record does not show are missing, and removed the second time", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		s.round(t, r.feed(), 2)
		r.rows["row-0"].gone = 1 // its removal is not in the record any more
		s.cursor = ""
		d := s.round(t, r.feed(), 2)
		require.Len(t, d.Missing, 1)
		assert.Equal(t, 1, d.Missing[0].Known.Missed)
		assert.Equal(t, reconcile.ReasonVanished, d.Missing[0].Reason)
		assert.Zero(t, changed(s.round(t, r.feed(), 2)), "a later part of the record proves nothing")
		s.cursor = ""
		d = s.round(t, r.feed(), 2)
		require.Len(t, d.Removed, 1)
		assert.Zero(t, len(d.Missing)+len(d.Added))
		s.agree(t, r)
	})

	t.Run("rows before the first that the record shows stay", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		r.put(paid("old", "checking", 300, "-1.00", "OLD"))
		s.round(t, r.feed(), 0)
		r.rows["old"].gone = 1
		s.cursor = ""
		assert.Zero(t, changed(s.round(t, r.feed(), 0)))
	})

	t.Run("an empty record proves nothing", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		s.round(t, r.feed(), 0)
		s.cursor = ""
		d := s.round(t, newRecord("checking", "savings").feed(), 0)
		assert.Zero(t, changed(d))
		assert.Equal(t, []string{"checking", "savings"}, d.Suspect)
	})

	t.Run("a row that cannot be read may be any of its account", func(t *testing.T) {
		t.Parallel()
		r, s, unread := filled(9), newStore(), ""
		s.round(t, r.feed(), 0)
		s.cursor = ""
		r.rows["row-0"].gone, r.rows["row-1"].gone = 1, 1
		r.page = func(p *reconcile.FeedPage) {
			p.Failed = append(
				p.Failed,
				bankmux.Failure{Account: unread, Transaction: "row 7", Err: &bankmux.Error{Kind: bankmux.ErrMalformed}},
			)
		}
		assert.Zero(t, changed(s.round(t, r.feed(), 0)), "or of any account, where it names none")
		s.cursor, unread = "", "checking"
		d := s.round(t, r.feed(), 0)
		require.Len(t, d.Missing, 1)
		assert.Equal(t, "savings", d.Missing[0].Known.Account)
	})
}
