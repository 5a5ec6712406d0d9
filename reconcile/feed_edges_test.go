package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

func TestAFeedKeepsToTheAccountsThatWereAskedFor(t *testing.T) {
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
		assert.Empty(t, d.Failed, "failures of other accounts are theirs")
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
		assert.Contains(t, refused(t, err, "SyncRequest.Accounts").Detail, "start without a cursor")
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

func TestAFeedThatIsNotReadyIsNotEmpty(t *testing.T) {
	t.Parallel()
	r, s := newRecord("checking"), newStore()
	notReady := func(p *reconcile.FeedPage) { p.NotReady, p.Next = true, "" }
	r.page = notReady
	_, err := r.feed().Sync(t.Context(), s.request(0))
	require.ErrorIs(t, err, bankmux.ErrNotReady)

	r.put(paid("row", "checking", 0, "-1.00", "SHOP"))
	assert.Len(t, s.round(t, r.feed(), 0).Added, 1, "rows win over what the page says of itself")
	_, err = r.feed().
		Sync(t.Context(), bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}, Cursor: s.cursor, Known: s.known})
	require.NoError(t, err, "the cursor stayed at the beginning, where the row is")

	r.page = nil
	s.round(t, r.feed(), 0)
	cursor := s.cursor
	r.page = func(p *reconcile.FeedPage) { p.Next = "" }
	s.round(t, r.feed(), 0)
	assert.Equal(t, cursor, s.cursor, "no cursor is not a position")
	empty, fresh := newRecord("checking"), newStore()
	empty.page = r.page
	fresh.round(t, empty.feed(), 0)
	empty.page = nil
	empty.put(paid("row", "checking", 0, "-1.00", "SHOP"))
	assert.Len(t, fresh.round(t, empty.feed(), 0).Added, 1, "no cursor is not a position")
}

func TestAFeedRefusesACursorThatIsNotItsOwn(t *testing.T) {
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
	assert.Equal(t, pages, r.pages, "refused without asking the provider")

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
	assert.Zero(t, changed(s.round(t, r.feed(), 0)), "started without one, nothing is doubled")
}

func TestAFeedRecognisesWhatWasKnownBefore(t *testing.T) {
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
			fmt.Sprint("rows of a new connection whose history comes later, an empty beginning ", empty),
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
				assert.Len(t, d.Added, 1, "the third of three equal ones")
				s.agree(t, r)
				r.put(paid("quadruplet", "checking", 18, "-19.50", "SHOP 18"))
				assert.Len(t, s.round(t, r.feed(), 2).Added, 1, "and a fourth")
				s.agree(t, r)
			},
		)
	}

	t.Run("a missing row that the record has under another id after all is back", func(t *testing.T) {
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

func TestAFeedReportsWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	t.Run("an account that failed, of which nothing is absent", func(t *testing.T) {
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

	t.Run("rows that lack what every row has", func(t *testing.T) {
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

	t.Run("failures of pages that were read in vain are not reported", func(t *testing.T) {
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

func TestAFeedThatIsALogIsAppliedInItsOrder(t *testing.T) {
	t.Parallel()
	tea, more := paid("tea", "checking", 3, "-2.00", "TEA"), paid("tea", "checking", 3, "-3.00", "TEA")
	gone := []reconcile.FeedRow{{ID: "tea"}}
	for name, c := range map[string]struct {
		pages  []reconcile.FeedPage
		amount string // of the row in the end, "" where there is none
	}{
		"created, then removed":                  {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}}, {Removed: gone}}, ""},
		"created, then removed with its account": {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}}, {Removed: []reconcile.FeedRow{{ID: "tea", Account: "checking"}}}}, ""},
		"removed in another account": {[]reconcile.FeedPage{
			{Removed: []reconcile.FeedRow{{ID: "rent", Account: "savings"}}}, {Created: []bankmux.Transaction{tea}},
		}, "-2.00"},
		"created and removed at once":         {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}, Removed: gone}}, ""},
		"removed, then created":               {[]reconcile.FeedPage{{Removed: gone}, {Created: []bankmux.Transaction{tea}}}, "-2.00"},
		"removed, created, removed":           {[]reconcile.FeedPage{{Removed: gone}, {Created: []bankmux.Transaction{tea}}, {Removed: gone}}, ""},
		"created, then updated":               {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}}, {Updated: []bankmux.Transaction{more}}}, "-3.00"},
		"created, then updated twice":         {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}}, {Updated: []bankmux.Transaction{tea}}, {Updated: []bankmux.Transaction{more}}}, "-3.00"},
		"created twice, the later one counts": {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}}, {Created: []bankmux.Transaction{more}}}, "-3.00"},
		"created and updated at once":         {[]reconcile.FeedPage{{Created: []bankmux.Transaction{tea}, Updated: []bankmux.Transaction{more}}}, "-3.00"},
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
					assert.True(t, known || len(rows) == 0, "of a row that was never reported nothing is")
				}
				amount := ""
				for _, k := range s.rows {
					if k.Text == "TEA" || k.Text == "tea" {
						assert.Empty(t, amount, "one row")
						amount = k.Amount.Amount()
					}
				}
				assert.Equal(t, c.amount, amount, "the row in the end")

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

func TestAFeedThatMakesNoSenseEnds(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)
	for name, page := range map[string]func(reconcile.FeedRequest) reconcile.FeedPage{
		"pages that go round": func(r reconcile.FeedRequest) reconcile.FeedPage {
			return reconcile.FeedPage{More: true, Next: map[string]string{"": "a", "a": "b", "b": "c", "c": "a"}[r.Cursor]}
		},
		"a page that comes again": func(reconcile.FeedRequest) reconcile.FeedPage {
			return reconcile.FeedPage{More: true, Next: "same", AsOf: day}
		},
		"more without a cursor": func(reconcile.FeedRequest) reconcile.FeedPage { return reconcile.FeedPage{More: true} },
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

func TestWhatTheAdapterOrTheApplicationLeftOutDoesNotPanic(t *testing.T) {
	t.Parallel()
	req := &bankmux.SyncRequest{Connection: bankmux.Connection{ID: "conn-1"}}
	on := reconcile.AccountDays{Account: "checking", From: today, To: today}
	rows, err := reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Empty(t, rows, "without Known nothing is known")
	found, err := reconcile.KnowsAny(t.Context(), req, "checking")
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, reconcile.CheckNames(req, []string{"a", "b"}))

	s := newStore()
	s.rows["k"] = bankmux.Known{Key: "k", Account: "checking", Date: today}
	req.Known = s.known
	rows, err = reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Len(t, rows, 1, "without a filter all is wanted")
	req.Known = func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] { return nil }
	rows, err = reconcile.KnownRows(t.Context(), req, on, nil)
	require.NoError(t, err)
	assert.Empty(t, rows)

	for name, f := range map[string]reconcile.Feed{"nothing": {}, "no list of accounts": {Page: newRecord().read}} {
		_, err := f.Sync(t.Context(), *req)
		_ = refused(t, err, "Feed")
		require.ErrorContains(t, err, "lacks", name)
	}
	r := filled(3)
	bare := reconcile.Feed{Provider: "acme", Page: r.read, Accounts: r.feed().Accounts}
	d, err := bare.Sync(t.Context(), newStore().request(0))
	require.NoError(t, err)
	assert.Len(t, d.Added, 3)
	r.hook = func(r *record, _ int) { r.put(paid(fmt.Sprint(r.seq), "checking", 0, "-1.00", "X")) }
	_, err = bare.Sync(t.Context(), newStore().request(1))
	assert.Equal(t, bankmux.ErrInvalid, bankmux.KindOf(err), "the provider's error as it came")
}
