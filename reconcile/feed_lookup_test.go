package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFeedLookup(t *testing.T) {
	t.Parallel()
	t.Run("known rows are looked up in the list of stored rows", knownRowsAreLookedUp)
	t.Run("the only row of some weeks can be removed", onlyRowCanBeRemoved)
	t.Run("a missing row that may be unreadable is looked up again", missingRowIsLookedUpAgain)
	t.Run("renumbered rows keep their keys", renumberedRowsKeepKeys)
}

func knownRowsAreLookedUp(t *testing.T) {
	t.Parallel()
	t.Run("one call reads one page if pages may be stored", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		d, err := r.believed().Sync(t.Context(), s.request(2))
		require.NoError(t, err)
		assert.Len(t, d.Added, 2)
		assert.True(t, d.More)
		s.round(t, r.believed(), 2)
		s.agree(t, r)
	})

	t.Run("a list whose pages do not end is malformed", func(t *testing.T) {
		t.Parallel()
		r, s := filled(3), newStore()
		r.put(held("hold", "checking", 1, "-20.00", "DINNER"))
		s.round(t, r.believed(), 0)
		f := r.believed()
		f.Stored = func(ctx context.Context, req reconcile.StoredRequest) (reconcile.StoredPage, error) {
			req.Page = ""
			page, err := r.list(ctx, req)
			page.Next = fmt.Sprint(r.listed)
			if r.listed > 2000 {
				err = &bankmux.Error{Kind: bankmux.ErrUnavailable}
			}
			return page, err
		}
		_, err := f.Sync(t.Context(), s.request(0))
		assert.ErrorIs(t, err, bankmux.ErrMalformed)
	})

	for name, f := range map[string]func(*record) reconcile.Feed{
		"page by page": (*record).believed,
		"in rounds": func(r *record) reconcile.Feed {
			f := r.feed()
			f.Stored = r.list
			return f
		},
	} {
		t.Run("a hold that disappeared is removed, "+name, func(t *testing.T) {
			t.Parallel()
			r, s := filled(4), newStore()
			r.put(held("hold", "checking", 1, "-20.00", "DINNER"))
			s.round(t, f(r), 2)
			r.rows["hold"].gone = 1
			d := s.round(t, f(r), 2)
			require.Len(t, d.Removed, 1)
			assert.Equal(t, reconcile.ReasonVanished, d.Removed[0].Reason)
		})
		t.Run("a hold on the last page of the list stays until it disappears, "+name, func(t *testing.T) {
			t.Parallel()
			r, s := filled(12), newStore()
			r.put(held("the-hold", "checking", 15, "-20.00", "DINNER")) // listed by id, after the others
			s.round(t, f(r), 100)
			r.listed = 0
			assert.Zero(t, changed(s.round(t, f(r), 100)))
			assert.Equal(t, 2, r.listed, "the pages of the list")
			r.rows["the-hold"].gone = 1
			assert.Len(t, s.round(t, f(r), 100).Removed, 1)
			s.agree(t, r)
		})
		t.Run("an id that changed silently is the same row, "+name, func(t *testing.T) {
			t.Parallel()
			r, s := filled(4), newStore()
			s.round(t, f(r), 2)
			r.rows["row-0"].gone = 1
			r.put(paid("other", "checking", 0, "-1.50", "SHOP 0"))
			assert.Len(t, s.round(t, f(r), 2).Replaced, 1)
			r.put(paid("twin", "checking", 0, "-1.50", "SHOP 0"))
			assert.Len(t, s.round(t, f(r), 2).Added, 1, "a second equal row is a row")
			s.agree(t, r)
		})
	}
}

// onlyRowCanBeRemoved removes the only row of some weeks, so that their list is rightly empty.
func onlyRowCanBeRemoved(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100} {
		t.Run(fmt.Sprint("pages of ", size), func(t *testing.T) {
			t.Parallel()
			r, s := newRecord("checking"), newStore()
			r.put(paid("alone", "checking", 50, "-5.00", "INTEREST"))
			r.put(paid("last", "checking", 2, "-6.00", "RENT"))
			s.round(t, r.believed(), size)
			r.remove("alone")
			r.put(paid("last", "checking", 2, "-7.00", "RENT"))
			d := s.round(t, r.believed(), size)
			assert.Len(t, d.Removed, 1)
			assert.Empty(t, d.Suspect)
			s.agree(t, r)
			assert.Zero(t, changed(s.round(t, r.believed(), size)))
		})
	}
	t.Run("the only row of its account", func(t *testing.T) {
		t.Parallel()
		r, s := newRecord("checking", "savings"), newStore()
		r.put(paid("alone", "savings", 5, "-5.00", "INTEREST"))
		r.put(paid("last", "checking", 20, "-6.00", "RENT"))
		s.round(t, r.believed(), 1)
		r.remove("alone")
		r.put(paid("last", "checking", 20, "-7.00", "RENT"))
		assert.Len(t, s.round(t, r.believed(), 1).Removed, 1)
		s.agree(t, r)
	})
	t.Run("the only row of its account, if the list of a day has pages", func(t *testing.T) {
		t.Parallel()
		r, s := newRecord("checking", "savings"), newStore()
		r.put(paid("alone", "checking", 50, "-5.00", "INTEREST"))
		r.put(paid("last", "checking", 2, "-6.00", "RENT"))
		for i := range 6 { // listed by id, before the last row
			r.put(paid(fmt.Sprint("bakery-", i), "savings", 2, "-1.00", fmt.Sprint("BAKERY ", i)))
		}
		s.round(t, r.believed(), 1)
		r.remove("alone")
		r.put(paid("last", "checking", 2, "-7.00", "RENT"))
		assert.Len(t, s.round(t, r.believed(), 1).Removed, 1)
		s.agree(t, r)
	})
	t.Run("nothing is removed if the list has no known row at all", func(t *testing.T) {
		t.Parallel()
		r, s := newRecord("checking"), newStore()
		r.put(paid("alone", "checking", 50, "-5.00", "INTEREST"))
		r.put(paid("last", "checking", 2, "-6.00", "RENT"))
		s.round(t, r.believed(), 1)
		r.remove("alone")
		r.put(paid("last", "checking", 2, "-7.00", "RENT"))
		r.hidden["last"] = true
		for range 3 {
			d := s.round(t, r.believed(), 1)
			assert.Empty(t, d.Removed)
			assert.Contains(t, d.Suspect, "checking")
		}
		delete(r.hidden, "last")
		assert.Len(t, s.round(t, r.believed(), 1).Removed, 1)
		s.agree(t, r)
	})
}

// missingRowIsLookedUpAgain reports a row as missing, then lists an unreadable row that may be it.
func missingRowIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*reconcile.StoredPage){
		"a row of its day without id": func(p *reconcile.StoredPage) {
			p.Unreadable = append(p.Unreadable, bankmux.Transaction{Account: "checking", Date: today.AddDays(-5)})
		},
		"a list that changes while it is read": func(p *reconcile.StoredPage) { p.Moved = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := newRecord("checking"), newStore()
			feed, spoils := r.believed(), false
			list := feed.Stored
			feed.Stored = func(ctx context.Context, req reconcile.StoredRequest) (reconcile.StoredPage, error) {
				page, err := list(ctx, req)
				if spoils {
					spoil(&page)
				}
				return page, err
			}
			r.put(paid("gone", "checking", 5, "-5.00", "TAXI"))
			r.put(paid("stays", "checking", 4, "-6.00", "RENT"))
			s.round(t, feed, 1)
			r.remove("gone")
			r.put(paid("stays", "checking", 4, "-7.00", "RENT"))
			spoils = true
			d := s.round(t, feed, 1)
			assert.Len(t, d.Missing, 1)
			assert.Empty(t, d.Removed)
			assert.Empty(t, s.round(t, feed, 1).Removed)
			spoils = false
			assert.Len(t, s.round(t, feed, 1).Removed, 1)
			s.agree(t, r)
		})
	}
}

// renumberedRowsKeepKeys renumbers the rows of a day. Each must keep its key, so that the
// application's notes stay with it, and no row may appear twice.
func renumberedRowsKeepKeys(t *testing.T) {
	t.Parallel()
	const first, second, third = "TAXI -5", "RENT -6", "BAKERY -5"
	for name, now := range map[string][]string{
		"a new row comes first":                {"LATE FEE -7", first, second, third},
		"one of two rows of an amount is gone": {third, second},
		"reversed order":                       {third, second, first},
		"a new row comes between, one is gone": {second, "LATE FEE -9", third},
		"all move by two":                      {"LATE FEE -5", "FUEL -5", first, second, third},
	} {
		for status, row := range map[string]rowMaker{"booked": paid, "pending": held} {
			for _, size := range []int{1, 2, 3, 100} {
				for _, stored := range []bool{true, false} {
					t.Run(
						fmt.Sprintf("%s, %s, pages of %d, a list of stored rows %t", name, status, size, stored),
						func(t *testing.T) {
							t.Parallel()
							r, s := newRecord("checking"), newStore()
							feed := r.feed()
							if stored {
								feed = r.believed()
							}
							// otherwise the list would be empty
							r.put(paid("old", "checking", 6, "-1.00", "OLD"))
							was := []string{first, second, third}
							renumber(r, row, nil, was)
							s.round(t, feed, size)
							keys := s.keys()
							renumber(r, row, was, now)
							s.round(t, feed, size)
							s.round(t, feed, size)
							got := s.keys()
							want := append(slices.Clone(now), "OLD -1.00")
							assert.ElementsMatch(t, want, slices.Collect(maps.Keys(got)))
							assert.Len(t, s.rows, len(want))
							for text, key := range got {
								if before, known := keys[text]; known {
									assert.Equal(t, before, key, text)
								}
							}
							assert.Zero(t, changed(s.round(t, feed, size)))
						},
					)
				}
			}
		}
	}
}

// rowMaker makes a row some days back.
type rowMaker func(id, account string, back int, amount, text string) bankmux.Transaction

// renumber gives the rows of a day the ids 1, 2, 3 and so on, in the order of now.
func renumber(r *record, row rowMaker, was, now []string) {
	for i, one := range now {
		if i >= len(was) || was[i] != one {
			amount := one[len(one)-2:]
			r.put(row(fmt.Sprint(i+1), "checking", 5, amount, one[:len(one)-3]))
		}
	}
	for i := len(now); i < len(was); i++ {
		r.remove(fmt.Sprint(i + 1))
	}
}
