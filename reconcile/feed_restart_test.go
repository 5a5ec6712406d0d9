package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bankmux/bankmux"
)

// mutations are what may happen to a record between two of its pages.
var mutations = map[string]func(*record){
	"a row is added":   func(r *record) { r.put(paid("late", "checking", 0, "-9.99", "LATE")) },
	"a row is changed": func(r *record) { r.put(paid("row-1", "savings", 1, "-77.00", "SHOP 1")) },
	"a row that was shown is removed": func(r *record) {
		r.remove("row-0")
	},
	"a change is taken back": func(r *record) { r.put(paid("row-2", "checking", 2, "-3.50", "SHOP 2")) },
	"a pending row is posted": func(r *record) {
		r.remove("hold")
		r.put(replacing("hold", paid("booked", "checking", 0, "-21.00", "DINNER")))
	},
}

func TestFeedRestarts(t *testing.T) {
	t.Parallel()
	t.Run("a record that changes while it is read is read again", changedRecordIsReadAgain)
	t.Run("the store ends with the rows of the record, whatever happens", storeEndsAsTheRecord)
}

func changedRecordIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, mutate := range mutations {
		for _, first := range []bool{true, false} {
			for _, blind := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, first sync %t, without Known %t", name, first, blind), func(t *testing.T) {
					t.Parallel()
					for page := 2; page <= 5; page++ {
						r, s := filled(9), newStore()
						r.put(held("hold", "checking", 1, "-20.00", "DINNER"))
						if !first {
							s.round(t, r.feed(), 2)
							for i := range 9 {
								r.put(
									paid(
										fmt.Sprint("row-", i),
										r.accounts[i%2],
										i%20,
										fmt.Sprintf("-%d.75", i+1),
										fmt.Sprint("SHOP ", i),
									),
								)
							}
						}
						before := r.pages
						r.hook = func(r *record, n int) {
							if n == before+page {
								r.hook = nil
								mutate(r)
							}
						}
						if blind {
							d, err := r.feed().
								Sync(
									t.Context(),
									bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}, PageSize: 2},
								)
							require.NoError(t, err)
							assert.Len(t, d.Added, len(r.present()), "each row once, page %d", page)
							continue
						}
						s.round(t, r.feed(), 2)
						s.agree(t, r)
						assert.Greater(t, r.pages, before+page, "the round started again")
						assert.Zero(t, changed(s.round(t, r.feed(), 2)), "nothing is reported twice")
					}
				})
			}
		}
	}

	t.Run("it gives up after five attempts, with the provider's own code", func(t *testing.T) {
		t.Parallel()
		r := filled(9)
		r.hook = func(r *record, n int) { r.put(paid(fmt.Sprint("new-", n), "checking", 0, "-1.00", "NEW")) }
		_, err := r.feed().Sync(t.Context(), newStore().request(2))
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		e := err.(*bankmux.Error) //nolint:errorlint // its own type is the promise
		assert.Equal(t, bankmux.ScopeConnection, e.Scope)
		assert.Equal(t, mutated, e.Code)
		assert.Equal(t, 400, e.Status)
		assert.Equal(t, time.Minute, e.RetryAfter, "longer than the guard waits before a retry")
		assert.Equal(t, 10, r.pages, "five attempts of two pages each")
		for i, req := range r.asked {
			if i%2 == 0 {
				assert.Empty(t, req.Cursor, "each from the cursor of the round's first page")
			}
		}
	})

	t.Run("every page that the application stored stays stored", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		s.round(t, r.feed(), 2)
		cursor := s.cursor
		r.hook = func(r *record, _ int) { r.put(paid("row-1", "savings", 1, fmt.Sprintf("-%d.00", r.seq), "SHOP 1")) }
		for i := range 9 {
			r.put(
				paid(fmt.Sprint("row-", i), r.accounts[i%2], i%20, fmt.Sprintf("-%d.75", i+1), fmt.Sprint("SHOP ", i)),
			)
		}
		_, err := r.feed().Sync(t.Context(), s.request(2))
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, cursor, s.cursor)
		r.hook = nil
		s.round(t, r.feed(), 2)
		s.agree(t, r)
	})
}

// storeEndsAsTheRecord makes random changes in a record. Some come between two pages, some pages
// are read and not stored, and some cursors are given up.
func storeEndsAsTheRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, s, n := newRecord("checking", "savings"), newStore(), 0
		texts := []string{"COFFEE", "TEA", "RENT"}
		step := func() {
			n++
			ids := r.present()
			account := rapid.SampledFrom(r.accounts).Draw(t, "account")
			row := paid(
				fmt.Sprint("id-", n),
				account,
				rapid.IntRange(0, 30).Draw(t, "day"),
				fmt.Sprintf("-%d.00", rapid.IntRange(1, 3).Draw(t, "amount")),
				rapid.SampledFrom(texts).Draw(t, "text"),
			)
			if rapid.Bool().Draw(t, "pending") {
				row.Status, row.BookingDate = bankmux.StatusPending, bankmux.Date{}
			}
			what := rapid.IntRange(0, 3).Draw(t, "what")
			if len(ids) == 0 {
				what = 0
			}
			switch what {
			case 0:
				r.put(row)
			case 1, 2:
				old := rapid.SampledFrom(ids).Draw(t, "old")
				was := r.rows[old].row
				if what == 1 {
					row.ID, row.Account, row.Status = old, was.Account, was.Status
					r.put(row)
					return
				}
				r.remove(old)
				if was.Status == bankmux.StatusPending {
					row.Status, row.Account = bankmux.StatusBooked, was.Account
					row.Replaces, row.Description = old, was.Description
					r.put(row)
				}
			case 3:
				r.remove(rapid.SampledFrom(ids).Draw(t, "gone"))
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				step()
			}
			spoil := rapid.IntRange(0, 8).Draw(t, "spoiled page")
			at := r.pages + spoil
			r.hook = func(r *record, page int) {
				if spoil > 0 && page == at {
					r.hook = nil
					step()
				}
			}
			size := rapid.IntRange(1, 5).Draw(t, "size")
			if rapid.IntRange(0, 4).Draw(t, "crash") == 0 {
				_, err := r.feed().Sync(context.Background(), s.request(size)) // not stored
				require.NoError(t, err)
			}
			s.round(t, r.feed(), size)
			if s.cursor != "" && r.hook == nil {
				s.round(t, r.feed(), size) // what changed behind the last page
			}
		}
		r.hook = nil
		s.round(t, r.feed(), 3)
		s.agree(t, r)
		ids := slices.Clone(s.ids())
		s.cursor = "" // given up
		s.round(t, r.feed(), 3)
		assert.Equal(t, ids, s.ids(), "no row is doubled")
	})
}
