package bankmux_test

// This file tests SyncAll at a provider that has not fetched the transactions yet.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestSyncAllNotReady(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, map[string]func(*testing.T, *household){
		"the first sync waits until the provider is ready":  awaitsReadiness,
		"a provider that is not ready in time is due later": isDueLater,
		"waiting for the provider ends with the context":    waitEndsWithContext,
		"a call that a person waits for does not wait":      isNotReadyAtOnce,
		"a refresh is started only if it is wanted":         refreshesIfWanted,
	})
}

// readyAt is a provider that is not ready before that time.
func readyAt(call string, at time.Time) func(string, *bankmux.Answers) error {
	return func(now string, _ *bankmux.Answers) error {
		if now == call && time.Now().Before(at) {
			return &bankmux.Error{Kind: bankmux.ErrNotReady}
		}
		return nil
	}
}

func awaitsReadiness(t *testing.T, h *household) {
	for _, call := range []string{"accounts", "days of b"} {
		h.ledger = bankmux.NewMemoryLedger()
		start := time.Now()
		h.fail = readyAt(call, start.Add(45*time.Second))
		_, err := h.sync(t.Context())
		require.NoError(t, err)
		assert.Equal(t, allTexts, h.texts())
		assert.Less(t, time.Since(start), 66*time.Second)
		assert.Zero(t, h.stored(t).Attempts)
	}
}

func isNotReadyAtOnce(t *testing.T, h *household) {
	for _, call := range []string{"accounts", "days of b"} {
		h.ledger = bankmux.NewMemoryLedger()
		start := time.Now()
		h.fail = readyAt(call, start.Add(time.Second))
		res, err := h.sync(guard.Interactive(t.Context()))
		require.ErrorIs(t, err, bankmux.ErrNotReady)
		assert.Equal(t, start, time.Now(), "nothing waits")
		assert.True(t, res.State.NotBefore.After(start), "the state says when the next round is due")
	}
}

func isDueLater(t *testing.T, h *household) {
	start := time.Now()
	h.fail = readyAt("days of a", start.Add(time.Hour))
	for _, limit := range []time.Duration{0, 10 * time.Second} {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if limit > 0 {
			ctx, cancel = context.WithTimeout(ctx, limit)
		}
		asked := time.Now()
		res, err := h.sync(ctx, force)
		cancel()
		require.ErrorIs(t, err, bankmux.ErrNotReady, "the deadline does not hide why")
		assert.NotErrorIs(t, err, bankmux.ErrContextDone)
		if limit > 0 {
			assert.Less(t, time.Since(asked), limit)
		}
		assert.LessOrEqual(t, time.Since(asked), 2*time.Minute)
		assert.Positive(t, time.Until(res.State.NotBefore))
	}
	time.Sleep(time.Hour)
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
}

func waitEndsWithContext(t *testing.T, h *household) {
	h.fail = readyAt("accounts", time.Now().Add(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(9*time.Second, cancel)
	start := time.Now()
	_, err := h.sync(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	assert.Equal(t, 9*time.Second, time.Since(start))
	assert.Zero(t, h.stored(t))
}

func refreshesIfWanted(t *testing.T, h *household) {
	b := &refreshBranch{branch: h.branch}
	h.client = bankmux.NewClient("heron", b)
	notReady := func(call string, _ *bankmux.Answers) error {
		if call == "days of a" && !b.fetched {
			return &bankmux.Error{Kind: bankmux.ErrNotReady}
		}
		return nil
	}
	h.fail = notReady
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrNotReady)
	assert.NotContains(t, h.taken(), "refresh")
	wanted := func(r *bankmux.SyncAllRequest) { r.Force, r.Refresh = true, true }

	h.fail = func(call string, a *bankmux.Answers) error { // fetched within the hour, by someone else
		if call == "refresh" {
			return &bankmux.Error{Kind: bankmux.ErrRateLimited}
		}
		return notReady(call, a)
	}
	_, err = h.sync(t.Context(), wanted)
	require.ErrorIs(t, err, bankmux.ErrNotReady)
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "refresh" {
			return &bankmux.Error{Kind: bankmux.ErrConsent}
		}
		return notReady(call, a)
	}
	_, err = h.sync(t.Context(), wanted)
	require.ErrorIs(t, err, bankmux.ErrConsent)
	h.taken()
	h.fail = notReady
	_, err = h.sync(t.Context(), wanted)
	require.NoError(t, err)
	assert.Equal(t, "accounts, days of a, refresh, days of a, days of b, days of c", h.taken())
}
