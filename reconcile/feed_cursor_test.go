package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFeedCursor(t *testing.T) {
	t.Parallel()
	t.Run("a cursor from elsewhere is rejected", foreignFeedCursorIsRejected)
	t.Run("pages that repeat or never end are an error", endlessPagesAreAnError)
	t.Run("a log is applied in its order", logIsAppliedInOrder)
}

func foreignFeedCursorIsRejected(t *testing.T) {
	t.Parallel()
	r, s := filled(3), newStore()
	s.round(t, r.feed(), 0)
	pages := r.pages
	for i := range s.cursor {
		req := s.request(0)
		req.Cursor = s.cursor[:i] + "~" + s.cursor[i+1:]
		_, err := r.feed().Sync(t.Context(), req)
		_ = refused(t, err, "SyncRequest.Cursor")
	}
	for _, garbage := range []string{"x", ".", s.cursor + "A", s.cursor[1:], strings.Repeat("A", 1<<20)} {
		req := s.request(0)
		req.Cursor = garbage
		_, err := r.feed().Sync(t.Context(), req)
		assert.True(t, refused(t, err, "SyncRequest.Cursor").NotSent)
	}
	other := s.request(0)
	other.Connection.ID = "conn-2"
	_, err := r.feed().Sync(t.Context(), other)
	assert.Contains(t, refused(t, err, "SyncRequest.Cursor").Detail, "another connection")
	assert.Equal(t, pages, r.pages, "rejected without a call to the provider")

	r.fails = func(string) *bankmux.Error {
		return &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "BAD_CURSOR", Status: 400}
	}
	_, err = r.feed().Sync(t.Context(), s.request(0))
	lost := refused(t, err, "SyncRequest.Cursor")
	assert.Contains(t, lost.Detail, "start without one")
	assert.Equal(t, "BAD_CURSOR", lost.Code)
	s.cursor = ""
	_, err = r.feed().Sync(t.Context(), s.request(0))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "start without one", "it started without one")
	r.fails = nil
	assert.Zero(t, changed(s.round(t, r.feed(), 0)), "a sync without a cursor doubles no row")
}

func endlessPagesAreAnError(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
	for name, page := range map[string]func(reconcile.FeedRequest) reconcile.FeedPage{
		"pages in a cycle": func(r reconcile.FeedRequest) reconcile.FeedPage {
			after := map[string]string{"": "a", "a": "b", "b": "c", "c": "a"}
			return reconcile.FeedPage{More: true, Next: after[r.Cursor]}
		},
		"a repeated page": func(reconcile.FeedRequest) reconcile.FeedPage {
			return reconcile.FeedPage{More: true, Next: "same", AsOf: day}
		},
		"more without a cursor": func(reconcile.FeedRequest) reconcile.FeedPage {
			return reconcile.FeedPage{More: true}
		},
		"pages that do not end": func(r reconcile.FeedRequest) reconcile.FeedPage {
			return reconcile.FeedPage{More: true, Next: r.Cursor + "x"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			f := newRecord().feed()
			f.Page = func(_ context.Context, req reconcile.FeedRequest) (reconcile.FeedPage, error) {
				calls++
				return page(req), nil
			}
			_, err := f.Sync(t.Context(), newStore().request(0))
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			assert.LessOrEqual(t, calls, 1000)
		})
	}
}

func logIsAppliedInOrder(t *testing.T) {
	t.Parallel()
	tea, more := paid("tea", "checking", 3, "-2.00", "TEA"), paid("tea", "checking", 3, "-3.00", "TEA")
	gone := []reconcile.FeedRow{{ID: "tea"}}
	type pages = []reconcile.FeedPage
	teas, mores := []bankmux.Transaction{tea}, []bankmux.Transaction{more}
	goneFromChecking := []reconcile.FeedRow{{ID: "tea", Account: "checking"}}
	for name, c := range map[string]struct {
		pages  pages
		amount string // of the row in the end, "" where there is none
	}{
		"created, then removed":                  {pages{{Created: teas}, {Removed: gone}}, ""},
		"created, then removed with its account": {pages{{Created: teas}, {Removed: goneFromChecking}}, ""},
		"removed in another account": {pages{
			{Removed: []reconcile.FeedRow{{ID: "rent", Account: "savings"}}}, {Created: teas},
		}, "-2.00"},
		"created and removed at once":         {pages{{Created: teas, Removed: gone}}, ""},
		"removed, then created":               {pages{{Removed: gone}, {Created: teas}}, "-2.00"},
		"removed, created, removed":           {pages{{Removed: gone}, {Created: teas}, {Removed: gone}}, ""},
		"created, then updated":               {pages{{Created: teas}, {Updated: mores}}, "-3.00"},
		"created, then updated twice":         {pages{{Created: teas}, {Updated: teas}, {Updated: mores}}, "-3.00"},
		"created twice, the later one counts": {pages{{Created: teas}, {Created: mores}}, "-3.00"},
		"created and updated at once":         {pages{{Created: teas, Updated: mores}}, "-3.00"},
	} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", known before ", known), func(t *testing.T) {
				t.Parallel()
				r, s := newRecord("checking", "savings"), newStore()
				if known {
					r.put(tea)
				}
				r.put(paid("rent", "checking", 9, "-900.00", "RENT"))
				s.round(t, r.feed(), 0)
				f := r.feed()
				f.Page = func(_ context.Context, req reconcile.FeedRequest) (reconcile.FeedPage, error) {
					at := 0
					if n, err := fmt.Sscanf(req.Cursor, "log-%d", &at); n != 1 || err != nil {
						at = 0
					}
					page := c.pages[at]
					page.More, page.Next = at+1 < len(c.pages), fmt.Sprint("log-", at+1)
					return page, nil
				}
				d := s.round(t, f, 0)
				for _, rows := range [][]bankmux.Absence{d.Removed, d.Missing} {
					assert.True(t, known || len(rows) == 0, "a row that was never reported is not reported as absent")
				}
				amount := ""
				for _, k := range s.rows {
					if k.Text == "TEA" || k.Text == "tea" {
						assert.Empty(t, amount, "one row")
						amount = k.Amount.Amount()
					}
				}
				assert.Equal(t, c.amount, amount, "the final row")

				d, err := f.Sync(t.Context(), bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}})
				require.NoError(t, err)
				assert.Equal(t, c.amount != "", len(d.Added) == 1, "without Known")
				removed := slices.ContainsFunc(
					d.Removed,
					func(m bankmux.Absence) bool { return m.Known.Account != "savings" },
				)
				assert.False(t, removed && len(d.Added) > 0, "without Known")
			})
		}
	}
}
