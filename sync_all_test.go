package bankmux_test

// This file tests the rounds of SyncAll.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSyncAll(t *testing.T) {
	t.Parallel()
	atBothBanks(t, map[string]func(*testing.T, *household){
		"rounds store each row once":                       roundsStoreEachRowOnce,
		"the next call continues after a page that failed": continuesAfterAFailedPage,
		"a slower sync continues where the other one is":   slowerSyncContinues,
		"progress is reported in order":                    reportsProgress,
		"a panic of Progress is the caller's":              progressPanics,
	})
	t.Run("changed and removed rows are counted", countsChanges)
	t.Run("a page of two accounts names neither in its progress", namesNoAccount)
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
	res, err = h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.PageSize = 7 })
	require.NoError(t, err)
	assert.Equal(t, 7, h.pageSize)
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
	want, added, again := allTexts, 2, ", page 6"
	if h.perAccount { // its days were read before the failure
		h.rows["a"] = append(h.rows["a"], "a three")
		want, added, again = strings.Replace(want, "a two", "a two, a three", 1), 3, ", days of a, days of b, days of c"
	}
	res, err = h.sync(t.Context(), force)
	require.NoError(t, err)
	assert.Equal(t, added, res.Added)
	assert.Equal(t, want, h.texts())
	assert.Equal(t, "accounts, "+third+again, strings.ReplaceAll(h.taken(), ", list", ""),
		"the round ends with pages that were not stored, and another one follows")
	assert.Zero(t, res.State.Attempts)
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

func countsChanges(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(true, "a", "b"))
	h.pending = "a two"
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	h.pending, h.rows["b"] = "", h.rows["b"][:1]
	var last bankmux.SyncProgress
	watch := func(r *bankmux.SyncAllRequest) {
		r.Progress = func(p bankmux.SyncProgress) { last = p }
	}
	res, err := h.sync(t.Context(), watch)
	require.NoError(t, err)
	assert.Equal(t, 1, res.Changed)
	assert.Equal(t, 1, last.Rows)
	res, err = h.sync(t.Context(), watch) // a row that was missing once is missing twice
	require.NoError(t, err)
	assert.Equal(t, 1, res.Removed)
	assert.Equal(t, 1, last.Rows)
	assert.Equal(t, "a one, a two, b one", h.texts())
}

func namesNoAccount(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, newBranch(false, "a", "b"))
	h.rows["a"] = h.rows["a"][:1]
	var names []string
	_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) {
		r.Progress = func(p bankmux.SyncProgress) { names = append(names, p.Account) }
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"", "", "account 2"}, names, "the start, a page of both accounts, and a page of one")
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
