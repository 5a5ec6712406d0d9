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
	"github.com/bankmux/bankmux/reconcile"
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
		r.put(posted("booked", "hold", "checking", 0, "-21.00", "DINNER"))
	},
}

func TestAFeedThatChangesWhileItIsReadBeginsAgain(t *testing.T) {
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
								Sync(t.Context(), bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}, PageSize: 2})
							require.NoError(t, err)
							assert.Len(t, d.Added, len(r.present()), "each row once, page %d", page)
							continue
						}
						s.round(t, r.feed(), 2)
						s.agree(t, r)
						assert.Greater(t, r.pages, before+page, "the round began again")
						assert.Zero(t, changed(s.round(t, r.feed(), 2)), "nothing is reported twice")
					}
				})
			}
		}
	}

	t.Run("and gives up after five attempts, with the provider's own code", func(t *testing.T) {
		t.Parallel()
		r := filled(9)
		r.hook = func(r *record, n int) { r.put(paid(fmt.Sprint("new-", n), "checking", 0, "-1.00", "NEW")) }
		_, err := r.feed().Sync(t.Context(), newStore().request(2))
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		e := err.(*bankmux.Error) //nolint:errorlint // its own type is the promise
		assert.Equal(t, bankmux.ScopeConnection, e.Scope)
		assert.Equal(t, mutated, e.Code)
		assert.Equal(t, 400, e.Status)
		assert.Equal(t, time.Minute, e.RetryAfter, "longer than the guard waits before it begins all of it again")
		assert.Equal(t, 10, r.pages, "five attempts of two pages each")
		for i, req := range r.asked {
			if i%2 == 0 {
				assert.Empty(t, req.Cursor, "each from the cursor of the round's first page")
			}
		}
	})

	t.Run("while every page that the application stored stays stored", func(t *testing.T) {
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

func TestAFeedReportsWhatBecameOfEachRow(t *testing.T) {
	t.Parallel()
	// Each with one row per page, and with all on one.
	for name, c := range map[string]struct {
		change                                      func(*record)
		added, modified, replaced, removed, missing int
	}{
		"nothing":              {change: func(*record) {}},
		"a new row":            {func(r *record) { r.put(paid("new", "checking", 0, "-1.00", "NEW")) }, 1, 0, 0, 0, 0},
		"an equal second row":  {func(r *record) { r.put(paid("twin", "checking", 0, "-1.50", "SHOP 0")) }, 1, 0, 0, 0, 0},
		"a changed amount":     {func(r *record) { r.put(paid("row-0", "checking", 0, "-8.00", "SHOP 0")) }, 0, 1, 0, 0, 0},
		"a changed text":       {func(r *record) { r.put(paid("row-0", "checking", 0, "-1.50", "Shop nought")) }, 0, 1, 0, 0, 0},
		"a day that moved far": {func(r *record) { r.put(paid("row-0", "checking", 200, "-1.50", "SHOP 0")) }, 0, 1, 0, 0, 0},
		"a removed row":        {func(r *record) { r.remove("row-0") }, 0, 0, 0, 1, 0},
		"a row of another id": {func(r *record) {
			r.remove("row-0")
			r.put(paid("other", "checking", 0, "-1.50", "SHOP 0"))
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted, on a page after its removal": {func(r *record) {
			r.remove("hold")
			r.put(posted("booked", "hold", "checking", 0, "-23.00", "DINNER AND TIP"))
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted, on a page before its removal": {func(r *record) {
			r.put(posted("booked", "hold", "checking", 0, "-23.00", "DINNER AND TIP"))
			r.remove("hold")
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted under another id, which the provider does not say": {func(r *record) {
			r.remove("hold")
			r.put(paid("booked", "checking", 0, "-20.00", "DINNER"))
		}, 0, 0, 1, 0, 0},
		"an id that got the content of a removed row": {func(r *record) {
			r.remove("row-0")
			r.put(paid("row-2", "checking", 0, "-1.50", "SHOP 0"))
		}, 0, 0, 1, 1, 0},
		"a hold that was released": {func(r *record) { r.remove("hold") }, 0, 0, 0, 1, 0},
		"a row that was removed and is there again": {func(r *record) {
			r.remove("row-0")
			r.put(paid("row-0", "checking", 0, "-1.50", "SHOP 0"))
		}, 0, 0, 0, 0, 0},
	} {
		for _, size := range []int{1, 100} {
			t.Run(fmt.Sprint(name, ", ", size, " per page"), func(t *testing.T) {
				t.Parallel()
				r, s := filled(4), newStore()
				r.put(held("hold", "checking", 1, "-20.00", "DINNER"))
				s.round(t, r.feed(), size)
				c.change(r)
				d := s.round(t, r.feed(), size)
				assert.Equal(
					t,
					[]int{c.added, c.modified, c.replaced, c.removed, c.missing},
					[]int{
						len(d.Added),
						len(d.Modified),
						len(d.Replaced),
						len(d.Removed),
						len(d.Missing),
					},
					"added, modified, replaced, removed, missing",
				)
				s.agree(t, r)
				assert.Zero(t, changed(s.round(t, r.feed(), size)), "nothing is reported twice")
			})
		}
	}

	t.Run("an older row of an account that no page names is found by its removal", func(t *testing.T) {
		t.Parallel()
		r, s := filled(4), newStore()
		r.put(paid("old", "savings", 900, "-4.00", "OLD"))
		s.round(t, r.feed(), 0)
		r.remove("old")
		r.page = func(p *reconcile.FeedPage) {
			for i := range p.Removed {
				p.Removed[i].Account = "" // the record does not say
			}
		}
		assert.Len(t, s.round(t, r.feed(), 0).Removed, 1)
	})

	t.Run("without Known by the provider's ids", func(t *testing.T) {
		t.Parallel()
		r := filled(3)
		blind := &store{rows: map[string]bankmux.Known{}, blind: true}
		first, err := r.feed().Sync(t.Context(), blind.request(1))
		require.NoError(t, err)
		assert.Len(t, first.Added, 3)
		r.put(paid("row-0", "checking", 0, "-8.00", "SHOP 0"))
		r.put(paid("new", "checking", 0, "-9.00", "NEW"))
		r.remove("row-1")
		blind.cursor = first.Next
		d, err := r.feed().Sync(t.Context(), blind.request(1))
		require.NoError(t, err)
		require.Len(t, d.Modified, 1)
		assert.Equal(t, []string{"id:acme:row-0"}, d.Modified[0].Was.Aliases)
		require.Len(t, d.Removed, 1)
		assert.Equal(t, []string{"id:acme:row-1"}, d.Removed[0].Known.Aliases)
		assert.Equal(t, "savings", d.Removed[0].Known.Account)
		require.Len(t, d.Added, 1)
		assert.False(t, d.AddedOnly)
	})
}

// A store and a record go through any changes, in any pages, with changes in between, crashes
// before a page is stored, and cursors that are given up.
func TestAStoreEndsAsTheRecordWhateverHappens(t *testing.T) {
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
					row.Status, row.Account, row.Replaces, row.Description = bankmux.StatusBooked, was.Account, old, was.Description
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
		assert.Equal(t, ids, s.ids(), "nothing is doubled")
	})
}
