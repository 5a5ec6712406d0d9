package bankmux_test

// This file has the bank and the ledgers of the tests of SyncAll.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

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
	pending    string              // the text of a row that is not booked yet
	rows       map[string][]string // texts by account, oldest first
	called     []string            // operations, with account or cursor
	pageSize   int                 // of the last sync
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
	b.mu.Lock()
	b.pageSize = req.PageSize
	b.mu.Unlock()
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
		status := bankmux.StatusBooked
		if text == b.pending {
			status = bankmux.StatusPending
		}
		rows = append(rows, bankmux.Transaction{
			ID: "id of " + text, Account: account, Description: text, RawDescription: text, Amount: amount,
			Date: bankmux.NewDate(2026, 2, 20).AddDays(i), Status: status,
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

// cardBranch keeps cards apart from accounts.
type cardBranch struct{ *branch }

func (b *cardBranch) Cards(_ context.Context, req bankmux.CardsRequest) (bankmux.CardsResult, error) {
	if err := b.call("cards", req.Answers); err != nil {
		return bankmux.CardsResult{}, err
	}
	return bankmux.CardsResult{Cards: []bankmux.Card{{ID: "card", Name: "Gold"}}}, nil
}

// refreshBranch fetches only after a refresh.
type refreshBranch struct {
	*branch
	fetched bool
}

func (b *refreshBranch) Refresh(_ context.Context, req bankmux.RefreshRequest) (bankmux.RefreshResult, error) {
	err := b.call("refresh", req.Answers)
	b.fetched = b.fetched || err == nil
	return bankmux.RefreshResult{}, err
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

// atBothBanks runs each test at two banks. One is read by account and days, and the other has a
// record of changes.
func atBothBanks(t *testing.T, tests map[string]func(*testing.T, *household)) {
	t.Helper()
	for bank, perAccount := range map[string]bool{"by account": true, "by a record": false} {
		t.Run(bank, func(t *testing.T) {
			t.Parallel()
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, newHousehold(t, newBranch(perAccount, "a", "b", "c")))
				})
			}
		})
	}
}

// onVirtualTime runs each test at a bank that is read by account and days.
func onVirtualTime(t *testing.T, tests map[string]func(*testing.T, *household)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newHousehold(t, newBranch(true, "a", "b", "c"))) })
		})
	}
}

// sync runs SyncAll. A change may set more of the request.
func (h *household) sync(ctx context.Context, change ...func(*bankmux.SyncAllRequest)) (bankmux.SyncAllResult, error) {
	req := bankmux.SyncAllRequest{Connection: h.conn, Ledger: h.ledger}
	for _, c := range change {
		c(&req)
	}
	return h.client.SyncAll(ctx, req)
}

func force(req *bankmux.SyncAllRequest) { req.Force = true }

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

// stored returns the stored state, as another process reads it.
func (h *household) stored(t *testing.T) (state bankmux.SyncState) {
	t.Helper()
	s, err := h.ledger.SyncState(t.Context(), h.conn)
	require.NoError(t, err)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &state))
	return state
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
