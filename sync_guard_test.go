package bankmux_test

// This file tests what a refusal of the application's own guard does to later calls of SyncAll.

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/schedule"
)

func TestSyncAllGuarded(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, map[string]func(*testing.T, *household){
		"a user does not wait for the bank's limit of background calls": func(t *testing.T, h *household) {
			passesTheNight(t, h, guard.Budget{Background: true, Per: guard.PerConnection, Limit: 8})
		},
		"a user has the reserve of a budget": func(t *testing.T, h *household) {
			passesTheNight(t, h, guard.Budget{Limit: 18, Reserve: 10})
		},
		"a user waits for a budget only as long as it is used": waitsForABudget,
		"a user does not wait for the bank's circuit breaker":  passesABreaker,
	})
}

// guarded puts budgets before the calls of a household.
func (h *household) guarded(t *testing.T, b guard.Budget) {
	t.Helper()
	b.Name, b.Window = "daily", 24*time.Hour
	budgets, err := guard.NewBudgets(b)
	require.NoError(t, err)
	h.client = bankmux.NewClient("heron", h.branch, budgets.Interceptor())
}

// passesTheNight uses up a budget without a user, who then comes.
func passesTheNight(t *testing.T, h *household, b guard.Budget) {
	t.Helper()
	h.guarded(t, b)
	night := bankmux.WithoutUser(t.Context())
	user := bankmux.WithPresence(t.Context(), bankmux.Presence{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "x"})
	for range 2 {
		_, err := h.sync(night)
		require.NoError(t, err)
		time.Sleep(time.Hour)
	}
	refused, err := h.sync(night)
	e := bankmux.ErrorOf(err)
	require.Equal(t, bankmux.CodeBudget, e.Code)
	allowed := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
	assert.Contains(t, e.Detail, allowed.Format(time.RFC3339))
	assert.Equal(t, allowed, refused.State.NotBefore.UTC(), "as the text says")
	assert.Zero(t, refused.State.Attempts)
	plan := schedule.After(h.conn, schedule.Outcome{State: refused.State, Err: err, End: time.Now()}, nil)
	assert.True(t, plan.At.After(allowed), "not all jobs at once")
	assert.LessOrEqual(t, plan.At.Sub(allowed), time.Until(allowed)/10)

	h.taken()
	_, err = h.sync(night)
	require.Equal(t, bankmux.CodeBudget, bankmux.ErrorOf(err).Code)
	assert.Empty(t, h.taken())
	for _, ctx := range []context.Context{user, guard.Interactive(user)} {
		_, err = h.sync(ctx)
		require.NoError(t, err)
		assert.NotEmpty(t, h.taken())
	}
	_, err = h.sync(night)
	require.Equal(t, bankmux.CodeBudget, bankmux.ErrorOf(err).Code)
	time.Sleep(time.Until(allowed))
	_, err = h.sync(night)
	require.NoError(t, err)
}

func waitsForABudget(t *testing.T, h *household) {
	h.guarded(t, guard.Budget{Limit: 4, Reserve: -1})
	_, err := h.sync(bankmux.WithoutUser(t.Context()))
	require.NoError(t, err)
	h.taken()
	for range 3 {
		res, err := h.sync(t.Context())
		require.Equal(t, bankmux.CodeBudget, bankmux.ErrorOf(err).Code, "the guard refuses it")
		assert.Empty(t, h.taken())
		assert.Zero(t, res.State.Attempts, "a later failure waits as after the first")
	}
	time.Sleep(time.Until(h.stored(t).NotBefore))
	_, err = h.sync(t.Context())
	require.NoError(t, err)
}

func passesABreaker(t *testing.T, h *household) {
	h.fail = func(string, *bankmux.Answers) error {
		return &bankmux.Error{Kind: bankmux.ErrInstitution, NotSent: true, RetryAfter: 3 * time.Hour}
	}
	res, err := h.sync(bankmux.WithoutUser(t.Context()))
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Equal(t, 3*time.Hour, time.Until(res.State.NotBefore))
	h.fail = nil
	h.taken()
	_, err = h.sync(bankmux.WithoutUser(t.Context()))
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Empty(t, h.taken())
	_, err = h.sync(t.Context())
	require.NoError(t, err)
}
