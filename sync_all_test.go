package bankmux_test

// This file tests the rounds of SyncAll.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// branch is a provider that is read by account and days, or by a record of changes. A test changes
// its accounts and rows, and fails its calls.
type branch struct {
	fake
	perAccount bool
	mu         sync.Mutex
	accounts   []bankmux.Account
	hidden     string              // an account that the list of accounts lacks
	unreadable string              // an account with a row that cannot be read
	rows       map[string][]string // texts by account, oldest first
	called     []string            // operations, with account or cursor
	fail       func(call string, answers *bankmux.Answers) error
}

func newBranch(perAccount bool, accounts ...string) *branch {
	b := &branch{fake: fake{provider: "heron"}, perAccount: perAccount, rows: map[string][]string{}}
	for _, id := range accounts {
		b.accounts = append(b.accounts, bankmux.Account{ID: id, Number: "number of " + id})
		b.rows[id] = []string{id + " one", id + " two"}
	}
	return b
}

func (b *branch) Describe() bankmux.Description {
	return bankmux.Description{Provider: "heron", PerAccount: b.perAccount}
}

// call records a call and returns the error that the test wants.
func (b *branch) call(call string, answers *bankmux.Answers) error {
	b.mu.Lock()
	b.called = append(b.called, call)
	fail := b.fail
	b.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(call, answers)
}

// taken returns the calls since the last time.
func (b *branch) taken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := strings.Join(b.called, ", ")
	b.called = nil
	return calls
}

func (b *branch) Accounts(_ context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	if err := b.call("accounts", req.Answers); err != nil {
		return bankmux.AccountsResult{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	listed := slices.DeleteFunc(slices.Clone(b.accounts), func(a bankmux.Account) bool { return a.ID == b.hidden })
	return bankmux.AccountsResult{Accounts: listed}, nil
}

// Sync reads the page with an engine of package reconcile, as adapters do.
func (b *branch) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	ids := func(context.Context, *bankmux.Answers) (ids []string, _ []bankmux.Failure, _ error) {
		for _, a := range b.accounts {
			ids = append(ids, a.ID)
		}
		return ids, nil, nil
	}
	today := func() bankmux.Date { return bankmux.NewDate(2026, 3, 1) }
	if b.perAccount {
		return reconcile.Days{
			Provider: "heron", Accounts: ids, Today: today,
			Serves: func(context.Context, bool) (int, error) { return 20, nil },
			Read: func(_ context.Context, days reconcile.DaysRequest) (reconcile.DaysPage, error) {
				page := reconcile.DaysPage{Rows: b.of(days.Account)}
				if days.Account == b.unreadable {
					failure := bankmux.Failure{Transaction: "1", Err: &bankmux.Error{Kind: bankmux.ErrMalformed}}
					page.Unreadable = append(page.Unreadable, reconcile.UnreadableRow{Failure: failure})
				}
				return page, b.call("days of "+days.Account, days.Answers)
			},
		}.Sync(ctx, req)
	}
	return reconcile.Feed{
		Provider: "heron", Accounts: ids, Today: today,
		CursorLost: func(e *bankmux.Error) bool { return e.Code == "cursor_lost" },
		Stored: func(context.Context, reconcile.StoredRequest) (reconcile.StoredPage, error) {
			return reconcile.StoredPage{Rows: b.all()}, b.call("list", nil)
		},
		Page: func(_ context.Context, page reconcile.FeedRequest) (reconcile.FeedPage, error) {
			all, at := b.all(), 0
			_, _ = fmt.Sscan(page.Cursor, &at)
			next := min(at+2, len(all)) // two rows per page
			return reconcile.FeedPage{Created: all[at:next], Next: fmt.Sprint(next), More: next < len(all)},
				b.call("page "+cmp.Or(page.Cursor, "0"), page.Answers)
		},
	}.Sync(ctx, req)
}

// of returns the rows of an account.
func (b *branch) of(account string) (rows []bankmux.Transaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	amount, _ := bankmux.NewMoney("-1.00", "USD")
	for i, text := range b.rows[account] {
		rows = append(rows, bankmux.Transaction{
			ID: "id of " + text, Account: account, Description: text, RawDescription: text, Amount: amount,
			Date: bankmux.NewDate(2026, 2, 20).AddDays(i), Status: bankmux.StatusBooked,
		})
	}
	return rows
}

func (b *branch) all() (rows []bankmux.Transaction) {
	for _, a := range b.accounts {
		rows = append(rows, b.of(a.ID)...)
	}
	return rows
}

// household is a branch, a connection to it, and a ledger.
type household struct {
	*branch
	client *bankmux.Client
	conn   bankmux.Connection
	ledger *bankmux.MemoryLedger
}

func newHousehold(t *testing.T, b *branch) *household {
	t.Helper()
	h := &household{branch: b, client: bankmux.NewClient("heron", b), ledger: bankmux.NewMemoryLedger()}
	_, h.conn = linked(t, h.client, "u-1")
	return h
}

// sync runs SyncAll. A change may set more of the request.
func (h *household) sync(ctx context.Context, change ...func(*bankmux.SyncAllRequest)) (bankmux.SyncAllResult, error) {
	req := bankmux.SyncAllRequest{Connection: h.conn, Ledger: h.ledger}
	for _, c := range change {
		c(&req)
	}
	return h.client.SyncAll(ctx, req)
}

// texts returns the texts of the stored rows, by account and age.
func (h *household) texts() string {
	var all []string
	for n := 1; n <= 9; n++ {
		for _, row := range h.ledger.Rows(fmt.Sprint("account ", n)) {
			all = append(all, strings.ToLower(row.Known.Text))
		}
	}
	return strings.Join(all, ", ")
}

const allTexts = "a one, a two, b one, b two, c one, c two"

func TestSyncAll(t *testing.T) {
	t.Parallel()
	for name, perAccount := range map[string]bool{"by account": true, "by a record": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, test := range map[string]func(*testing.T, *household){
				"rounds store each row once":                                roundsStoreEachRowOnce,
				"the next call continues after a page that failed":          continuesAfterAFailedPage,
				"a crash between any two steps loses and doubles no row":    survivesEveryCrash,
				"a slower sync continues where the other one is":            slowerSyncContinues,
				"a cursor of a later version is given up":                   givesUpLaterCursor,
				"accounts without a name are left out, until they have one": leavesOutUnnamed,
				"progress is reported in order":                             reportsProgress,
				"a panic of Progress is the caller's":                       progressPanics,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, newHousehold(t, newBranch(perAccount, "a", "b", "c")))
				})
			}
		})
	}
	t.Run("a cursor that the provider lost is given up", givesUpLostCursor)
	t.Run("an account that was shared between list and sync is named", namesLateAccount)
	t.Run("cards are named as accounts and read", readsCards)
	t.Run("a wrong request is refused before anything is sent", refusesWrongRequests)
}

func roundsStoreEachRowOnce(t *testing.T, h *household) {
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 6, res.Added)
	assert.Equal(t, 3, res.Pages)
	assert.Equal(t, allTexts, h.texts())
	state, err := h.ledger.SyncState(t.Context(), h.conn)
	require.NoError(t, err)
	assert.Equal(t, state, res.State)
	assert.EqualValues(t, 3, state.Version, "one per page")
	assert.False(t, state.More)
	assert.Nil(t, state.Err)
	assert.NotZero(t, state.SyncedAt)

	h.rows["b"] = append(h.rows["b"], "b three")
	if !h.perAccount { // the record of changes has it at its end
		h.accounts[1], h.accounts[2] = h.accounts[2], h.accounts[1]
	}
	res, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, res.Added)
	assert.Zero(t, res.Changed+res.Removed)
	assert.Contains(t, h.texts(), "b one, b two, b three")
}

func continuesAfterAFailedPage(t *testing.T, h *household) {
	third := "days of c"
	if !h.perAccount {
		third = "page 4"
	}
	down := &bankmux.Error{Kind: bankmux.ErrUnavailable}
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == third {
			return down
		}
		return nil
	}
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Equal(t, 4, res.Added)
	assert.True(t, res.State.More)
	assert.Equal(t, "a one, a two, b one, b two", h.texts())
	h.fail = nil
	h.taken()
	res, err = h.sync(t.Context(), force)
	require.NoError(t, err)
	assert.Equal(t, 2, res.Added)
	assert.Equal(t, allTexts, h.texts())
	assert.Equal(t, "accounts, "+third, strings.TrimSuffix(h.taken(), ", list"), "pages that were stored are not read again")
	assert.Zero(t, res.State.Attempts)
}

func force(req *bankmux.SyncAllRequest) { req.Force = true }

// crashing is a ledger whose process ends at a step.
type crashing struct {
	bankmux.Ledger
	left   int  // steps before the crash
	behind bool // the step is carried out before the process ends
}

var errCrash = errors.New("the process ended")

func (c *crashing) step(do func() error) error {
	if c.left--; c.left >= 0 {
		return do()
	}
	if c.behind && c.left == -1 {
		if err := do(); err != nil {
			return err
		}
	}
	return errCrash
}

func (c *crashing) SyncState(ctx context.Context, conn bankmux.Connection) (s bankmux.SyncState, err error) {
	err = c.step(func() error { s, err = c.Ledger.SyncState(ctx, conn); return err })
	return s, err
}

func (c *crashing) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (names map[string]string, err error) {
	err = c.step(func() error { names, err = c.Ledger.NameAccounts(ctx, conn, accounts); return err })
	return names, err
}

func (c *crashing) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, d bankmux.Delta, to bankmux.SyncState,
) (ok bool, err error) {
	err = c.step(func() error { ok, err = c.Ledger.StoreDelta(ctx, conn, from, d, to); return err })
	return ok && err == nil, err
}

func (c *crashing) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	if err := c.step(func() error { return nil }); err != nil {
		return func(yield func(bankmux.Known, error) bool) { yield(bankmux.Known{}, err) }
	}
	return c.Ledger.Known(ctx, account, from, to)
}

// survivesEveryCrash ends the process at each step in turn, and continues in another process.
func survivesEveryCrash(t *testing.T, h *household) {
	crashes := 0
	for _, behind := range []bool{false, true} {
		for steps := 0; ; steps++ {
			h.ledger = bankmux.NewMemoryLedger()
			dying := &crashing{Ledger: h.ledger, left: steps, behind: behind}
			_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = dying })
			if err == nil {
				break
			}
			crashes++
			require.ErrorIs(t, err, bankmux.ErrApplication)
			require.ErrorIs(t, err, errCrash, "the cause is in the error")
			_, err = h.sync(t.Context())
			require.NoError(t, err)
			require.Equal(t, allTexts, h.texts(), "after a crash at step %d", steps)
		}
	}
	assert.Greater(t, crashes, 10)
}

func slowerSyncContinues(t *testing.T, h *household) {
	for overtaken := range 3 { // before which page of the slower sync the other one runs
		h.ledger = bankmux.NewMemoryLedger()
		slow := &overtakenLedger{Ledger: h.ledger}
		slow.before = func(page int) {
			if page == overtaken {
				_, err := h.sync(t.Context())
				assert.NoError(t, err)
			}
		}
		res, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = slow })
		require.NoError(t, err)
		assert.Equal(t, allTexts, h.texts())
		assert.Equal(t, 2*overtaken, res.Added, "the other one has stored the rest")
	}
}

// overtakenLedger runs before just before a page is stored.
type overtakenLedger struct {
	bankmux.Ledger
	pages  int
	before func(page int)
}

func (l *overtakenLedger) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, d bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	l.before(l.pages)
	l.pages++
	return l.Ledger.StoreDelta(ctx, conn, from, d, to)
}

// put stores a state in place of the present one.
func (h *household) put(t *testing.T, change func(*bankmux.SyncState)) {
	t.Helper()
	from, err := h.ledger.SyncState(t.Context(), h.conn)
	require.NoError(t, err)
	to := from
	to.Version++
	change(&to)
	stored, err := h.ledger.StoreSyncState(t.Context(), h.conn, from, to)
	require.NoError(t, err)
	require.True(t, stored)
}

func givesUpLaterCursor(t *testing.T, h *household) {
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	h.put(t, func(s *bankmux.SyncState) {
		s.Cursor, s.More = "a cursor of a later version", true
		s.Failed = []bankmux.Failure{{Account: "b", Err: &bankmux.Error{Kind: bankmux.ErrInstitution}}}
	})
	h.taken()
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Zero(t, res.Added, "known rows are recognized")
	assert.Equal(t, allTexts, h.texts())
	assert.Empty(t, res.State.Failed)
	calls := h.taken()
	assert.Equal(t, 1, strings.Count(calls, "days of b")+strings.Count(calls, "page 2"), "one round reads everything")
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, h.taken(), "page 0", "the new cursor is stored")
}

func givesUpLostCursor(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(false, "a", "b", "c"))
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	lost := &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "cursor_lost"}
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "page 6" {
			return lost
		}
		return nil
	}
	h.taken()
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "accounts, page 6, page 0", h.taken()[:len("accounts, page 6, page 0")])
	assert.Zero(t, res.Added)
	assert.Equal(t, allTexts, h.texts())

	h.fail = func(call string, _ *bankmux.Answers) error { // every cursor
		if call == "page 6" || call == "page 2" {
			return lost
		}
		return nil
	}
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.Contains(t, h.taken(), "page 2")

	h.ledger = bankmux.NewMemoryLedger()
	h.fail = nil
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	h.fail = func(call string, _ *bankmux.Answers) error { // also without a cursor
		if strings.HasPrefix(call, "page") {
			return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "SyncRequest.Cursor"}
		}
		return nil
	}
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.Equal(t, "accounts, page 6, page 0", h.taken(), "a cursor is given up once per call")
}

// picky names only some accounts.
type picky struct {
	*bankmux.MemoryLedger
	without string
}

func (p *picky) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (map[string]string, error) {
	names, err := p.MemoryLedger.NameAccounts(ctx, conn, accounts)
	delete(names, p.without)
	return names, err
}

func leavesOutUnnamed(t *testing.T, h *household) {
	p := &picky{h.ledger, "b"}
	with := func(r *bankmux.SyncAllRequest) { r.Ledger = p }
	res, err := h.sync(t.Context(), with)
	require.NoError(t, err)
	require.Len(t, res.Unnamed, 1)
	assert.Equal(t, "b", res.Unnamed[0].ID)
	assert.Equal(t, "a one, a two, c one, c two", h.texts())
	p.without = ""
	res, err = h.sync(t.Context(), with)
	require.NoError(t, err)
	assert.Empty(t, res.Unnamed)
	assert.Equal(t, 2, res.Added)
	assert.Equal(t, allTexts, h.texts())

	h.ledger = bankmux.NewMemoryLedger()
	h.accounts = h.accounts[:1]
	p.MemoryLedger, p.without = h.ledger, "a"
	h.taken()
	res, err = h.sync(t.Context(), with)
	require.NoError(t, err)
	assert.Len(t, res.Unnamed, 1)
	assert.Equal(t, "accounts", h.taken(), "nothing is read if no account has a name")
}

func reportsProgress(t *testing.T, h *household) {
	var all []bankmux.SyncProgress
	inside := false
	_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) {
		r.Progress = func(p bankmux.SyncProgress) {
			assert.False(t, inside)
			inside = true
			all = append(all, p)
			if p.Pages > 0 {
				assert.NotEmpty(t, h.ledger.Rows(p.Account), "the page is stored")
			}
			inside = false
		}
	})
	require.NoError(t, err)
	total, from, to := 0, bankmux.NewDate(2026, 2, 20), bankmux.NewDate(2026, 2, 21)
	if h.perAccount {
		total = 3
	}
	want := []bankmux.SyncProgress{{Total: total}}
	for page := 1; page <= 3; page++ {
		want = append(want, bankmux.SyncProgress{
			Account: fmt.Sprint("account ", page), From: from, To: to, Pages: page, Rows: 2 * page,
			Done: min(page, total), Total: total, Finished: page == 3,
		})
	}
	if h.perAccount { // the days that were read
		for i := range want[1:] {
			want[i+1].From, want[i+1].To = all[i+1].From, all[i+1].To
			assert.False(t, all[i+1].From.IsZero() || from.Before(all[i+1].From) || all[i+1].To.Before(to))
		}
	}
	assert.Equal(t, want, all)
}

func progressPanics(t *testing.T, h *household) {
	assert.PanicsWithValue(t, "mine", func() {
		_, _ = h.sync(t.Context(), func(r *bankmux.SyncAllRequest) {
			r.Progress = func(p bankmux.SyncProgress) {
				if p.Pages == 1 {
					panic("mine")
				}
			}
		})
	})
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 4, res.Added, "the page before the panic was stored")
}

func namesLateAccount(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(false, "a", "b"))
	shared := false
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "page 0" && !shared { // while the first page is read
			shared = true
			h.accounts = append(h.accounts, bankmux.Account{ID: "c"})
			h.rows["c"] = []string{"c one", "c two"}
		}
		return nil
	}
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())

	h.accounts = append(h.accounts, bankmux.Account{ID: "d"})
	h.rows["d"], h.hidden = []string{"d one"}, "d"
	h.rows["a"] = append(h.rows["a"], "a three")
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a one, a two, a three, b one, b two, c one, c two", h.texts(), "an unlisted account is left out")
	h.hidden = ""
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a one, a two, a three, b one, b two, c one, c two, d one", h.texts(), "and read when it is listed")
}

// cardBranch keeps cards apart from accounts.
type cardBranch struct{ *branch }

func (b *cardBranch) Cards(_ context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	if err := b.call("cards", req.Answers); err != nil {
		return bankmux.CardsResult{}, err
	}
	return bankmux.CardsResult{Cards: []bankmux.Card{{ID: "card", Name: "Gold"}}}, nil
}

func readsCards(t *testing.T) {
	t.Parallel()
	b := newBranch(true, "a")
	b.rows["card"] = []string{"card one"}
	h := newHousehold(t, b)
	h.client = bankmux.NewClient("heron", &cardBranch{b})
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, res.Added)
	assert.Equal(t, "a one, a two, card one", h.texts())
	assert.Equal(t, bankmux.AccountCreditCard, h.ledger.Accounts(h.conn)["account 2"].Kind)

	b.fail = fails("cards", bankmux.ErrUnsupported)
	_, err = h.sync(t.Context())
	require.NoError(t, err, "a bank without cards")
	b.fail = fails("cards", bankmux.ErrInstitution)
	res, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	var partial *bankmux.PartialError
	require.ErrorAs(t, err, &partial, "the accounts are read")
	require.Len(t, res.State.Failed, 1)
	assert.Equal(t, bankmux.ProductCards, res.State.Failed[0].Product)
	b.fail = nil
	res, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)
}

// fails returns a failure of one call.
func fails(call string, kind bankmux.Kind) func(string, *bankmux.Answers) error {
	return func(now string, _ *bankmux.Answers) error {
		if now == call {
			return &bankmux.Error{Kind: kind}
		}
		return nil
	}
}

func refusesWrongRequests(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(true, "a"))
	for name, change := range map[string]func(*bankmux.SyncAllRequest){
		"no connection":  func(r *bankmux.SyncAllRequest) { r.Connection = bankmux.Connection{} },
		"no ledger":      func(r *bankmux.SyncAllRequest) { r.Ledger = nil },
		"negative pages": func(r *bankmux.SyncAllRequest) { r.PageSize = -1 },
	} {
		res, err := h.sync(t.Context(), change)
		require.ErrorIs(t, err, bankmux.ErrInvalid, name)
		assert.Zero(t, res, name)
	}
	_, err := h.sync(nil) //nolint:staticcheck // a nil context is what is tested
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	plain := bankmux.NewClient("heron", &fake{provider: "heron"})
	_, err = plain.SyncAll(t.Context(), bankmux.SyncAllRequest{Connection: h.conn, Ledger: h.ledger})
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
	assert.Empty(t, h.taken())
	state, err := h.ledger.SyncState(t.Context(), h.conn)
	require.NoError(t, err)
	assert.Zero(t, state)
}
