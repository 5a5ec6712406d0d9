package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestFeed(t *testing.T) {
	t.Parallel()
	t.Run("each change of a row is reported", feedReportsEachChange)
	t.Run("only the accounts asked for are synced", feedKeepsToItsAccounts)
	t.Run("a record that is not ready is not empty", feedThatIsNotReady)
	t.Run("an id that a page has twice is two payments or its last row", feedWithOneIDTwice)
	t.Run("accounts and rows that could not be read are reported", feedReportsFailures)
}

func feedWithOneIDTwice(t *testing.T) {
	t.Parallel()
	lunch, dinner := paid("one", "checking", 1, "-9.00", "LUNCH"), paid("one", "checking", 0, "-20.00", "DINNER")
	dinner.Status = bankmux.StatusPending
	for one, rows := range map[bool]int{false: 2, true: 1} {
		feed := newRecord("checking").feed()
		feed.OneRowPerID = one
		feed.Page = func(context.Context, reconcile.FeedRequest) (reconcile.FeedPage, error) {
			return reconcile.FeedPage{Created: []bankmux.Transaction{lunch, dinner}, Next: "1"}, nil
		}
		feed.Stored = nil
		delta, err := feed.Sync(t.Context(), bankmux.SyncRequest{Accounts: []string{"checking"}})
		require.NoError(t, err)
		require.Len(t, delta.Added, rows)
		assert.Equal(t, "DINNER", delta.Added[rows-1].Row.Description)
	}
}

func feedReportsEachChange(t *testing.T) {
	t.Parallel()
	// Each case runs with one row per page, and with all rows on one page.
	for name, c := range map[string]struct {
		change                                      func(*record)
		added, modified, replaced, removed, missing int
	}{
		"nothing":   {change: func(*record) {}},
		"a new row": {func(r *record) { r.put(paid("new", "checking", 0, "-1.00", "NEW")) }, 1, 0, 0, 0, 0},
		"an equal second row": {
			func(r *record) { r.put(paid("twin", "checking", 0, "-1.50", "SHOP 0")) },
			1,
			0,
			0,
			0,
			0,
		},
		"a changed amount": {
			func(r *record) { r.put(paid("row-0", "checking", 0, "-8.00", "SHOP 0")) },
			0,
			1,
			0,
			0,
			0,
		},
		"a changed text": {
			func(r *record) { r.put(paid("row-0", "checking", 0, "-1.50", "Shop nought")) },
			0,
			1,
			0,
			0,
			0,
		},
		"a day that moved far": {
			func(r *record) { r.put(paid("row-0", "checking", 200, "-1.50", "SHOP 0")) },
			0,
			1,
			0,
			0,
			0,
		},
		"a removed row": {func(r *record) { r.remove("row-0") }, 0, 0, 0, 1, 0},
		"a row of another id": {func(r *record) {
			r.remove("row-0")
			r.put(paid("other", "checking", 0, "-1.50", "SHOP 0"))
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted, on a page after its removal": {func(r *record) {
			r.remove("hold")
			r.put(replacing("hold", paid("booked", "checking", 0, "-23.00", "DINNER AND TIP")))
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted, on a page before its removal": {func(r *record) {
			r.put(replacing("hold", paid("booked", "checking", 0, "-23.00", "DINNER AND TIP")))
			r.remove("hold")
		}, 0, 0, 1, 0, 0},
		"a pending row that was posted under an id that the provider does not link": {func(r *record) {
			r.remove("hold")
			r.put(paid("booked", "checking", 0, "-20.00", "DINNER"))
		}, 0, 0, 1, 0, 0},
		"an id with the content of a removed row": {func(r *record) {
			r.remove("row-0")
			r.put(paid("row-2", "checking", 0, "-1.50", "SHOP 0"))
		}, 0, 0, 1, 1, 0},
		"a released hold": {func(r *record) { r.remove("hold") }, 0, 0, 0, 1, 0},
		"a row that was removed and returned": {func(r *record) {
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

func feedKeepsToItsAccounts(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100} {
		r, s := filled(8), newStore()
		strange := bankmux.Failure{
			Account:     "savings",
			Transaction: "bad-1",
			Err:         &bankmux.Error{Kind: bankmux.ErrMalformed},
		}
		r.page = func(p *reconcile.FeedPage) { p.Failed = append(p.Failed, strange) }
		d := s.round(t, r.feed(), size, "checking")
		assert.Len(t, d.Added, 4)
		assert.Empty(t, d.Failed, "failures of other accounts are left out")
		r.put(paid("row-1", "savings", 1, "-99.00", "SHOP 1"))
		r.remove("row-3")
		r.put(paid("row-0", "checking", 0, "-98.00", "SHOP 0"))
		r.remove("row-2")
		r.put(paid("row-4", "savings", 0, "-5.50", "SHOP 4")) // a row that moved to another account
		d = s.round(t, r.feed(), size, "checking")
		assert.Len(t, d.Modified, 1)
		require.Len(t, d.Removed, 1)
		assert.Equal(t, []string{"id:acme:row-2"}, d.Removed[0].Known.Aliases)

		_, err := r.feed().Sync(t.Context(), s.request(size, "savings"))
		assert.Contains(t, refused(t, err, "SyncRequest.Accounts").Detail, "omit the cursor")
		_, err = r.feed().Sync(t.Context(), s.request(size))
		_ = refused(t, err, "SyncRequest.Accounts")

		cards := bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}, Cards: []string{"savings"}}
		d, err = r.feed().Sync(t.Context(), cards)
		require.NoError(t, err)
		require.NotEmpty(t, d.Added)
		for _, a := range d.Added {
			assert.Equal(t, "savings", a.Row.Account, "a card that is named is not all accounts")
		}
	}
}

func feedThatIsNotReady(t *testing.T) {
	t.Parallel()
	r, s := newRecord("checking"), newStore()
	notReady := func(p *reconcile.FeedPage) { p.NotReady, p.Next = true, "" }
	r.page = notReady
	_, err := r.feed().Sync(t.Context(), s.request(0))
	require.ErrorIs(t, err, bankmux.ErrNotReady)

	r.put(paid("row", "checking", 0, "-1.00", "SHOP"))
	assert.Len(t, s.round(t, r.feed(), 0).Added, 1, "rows win over NotReady")
	_, err = r.feed().
		Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}, Cursor: s.cursor, Known: s.known},
		)
	require.NoError(t, err, "the cursor stayed at the start, where the row is")

	r.page = nil
	s.round(t, r.feed(), 0)
	cursor := s.cursor
	r.page = func(p *reconcile.FeedPage) { p.Next = "" }
	s.round(t, r.feed(), 0)
	assert.Equal(t, cursor, s.cursor, "an empty Next keeps the cursor")
	empty, fresh := newRecord("checking"), newStore()
	empty.page = r.page
	fresh.round(t, empty.feed(), 0)
	empty.page = nil
	empty.put(paid("row", "checking", 0, "-1.00", "SHOP"))
	assert.Len(t, fresh.round(t, empty.feed(), 0).Added, 1, "an empty Next keeps the cursor")
}

func feedReportsFailures(t *testing.T) {
	t.Parallel()
	t.Run("no row of an account that failed is absent", func(t *testing.T) {
		t.Parallel()
		down := bankmux.Failure{Account: "savings", Err: &bankmux.Error{Kind: bankmux.ErrInstitution}}
		for name, fail := range map[string]func(*record){
			"on the page": func(r *record) {
				r.page = func(p *reconcile.FeedPage) { p.Failed = []bankmux.Failure{down} }
			},
			"in the list of accounts": func(r *record) { r.failed = []bankmux.Failure{down} },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r, s := filled(9), newStore()
				s.round(t, r.feed(), 0)
				s.cursor = ""
				for id, have := range r.rows {
					if have.row.Account == "savings" && id != "row-7" { // the oldest
						have.gone = 1
					}
				}
				fail(r)
				d := s.round(t, r.feed(), 0)
				assert.Equal(t, []bankmux.Failure{down}, d.Failed)
				assert.Zero(t, changed(d))
				assert.Empty(t, d.Suspect)
			})
		}
	})

	t.Run("rows that lack a required part", func(t *testing.T) {
		t.Parallel()
		r, s := filled(2), newStore()
		r.page = func(p *reconcile.FeedPage) {
			nameless, dayless, amountless := paid(
				"",
				"checking",
				0,
				"-1.00",
				"X",
			), paid(
				"a",
				"checking",
				0,
				"-1.00",
				"X",
			), paid(
				"b",
				"checking",
				0,
				"-1.00",
				"X",
			)
			dayless.Date, amountless.Amount = bankmux.Date{}, bankmux.Money{}
			p.Created = append(p.Created, nameless, dayless)
			p.Updated = append(p.Updated, amountless, paid("c", "", 0, "-1.00", "X"))
			p.Removed = append(p.Removed, reconcile.FeedRow{Account: "checking"})
		}
		d := s.round(t, r.feed(), 0)
		assert.Len(t, d.Added, 2)
		assert.Len(t, d.Failed, 5)
		for _, f := range d.Failed {
			require.ErrorIs(t, f, bankmux.ErrMalformed)
			assert.NotEmpty(t, f.Transaction, "a failure of a row, not of the account")
			assert.Equal(t, bankmux.ScopeCall, f.Err.Affects())
		}
	})

	t.Run("failures of a discarded attempt are not reported", func(t *testing.T) {
		t.Parallel()
		r, s := filled(9), newStore()
		r.hook = func(r *record, n int) {
			if n == 3 {
				mutations["a row is changed"](r)
			}
		}
		bad := bankmux.Failure{Account: "checking", Transaction: "bad", Err: &bankmux.Error{Kind: bankmux.ErrMalformed}}
		r.page = func(p *reconcile.FeedPage) {
			if len(r.asked) == 1 {
				p.Failed = append(p.Failed, bad)
			}
		}
		assert.Empty(t, s.round(t, r.feed(), 2).Failed)
	})
}
