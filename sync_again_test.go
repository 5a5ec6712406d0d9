package bankmux_test

// This file tests when SyncAll runs a failed round again.

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// What must happen before a failed round runs again.
const (
	minutes   = "a wait of a minute, at most an hour"
	quarters  = "a wait of a quarter of an hour, at most half a day"
	atOnce    = "nothing"
	userThere = "a call of a user"
	newLogin  = "a reconnect"
	newLink   = "a new link"
)

// remedies has every Kind.
var remedies = map[bankmux.Kind]string{
	bankmux.ErrInvalid: quarters, bankmux.ErrCredentials: quarters, bankmux.ErrNotPermitted: quarters,
	bankmux.ErrQuota: quarters, bankmux.ErrReauth: newLogin, bankmux.ErrConsent: newLogin, bankmux.ErrGone: newLink,
	bankmux.ErrTokenSpent: newLogin, bankmux.ErrUserAction: userThere, bankmux.ErrAnswerRejected: userThere,
	bankmux.ErrChallengeExpired: userThere, bankmux.ErrNotReady: minutes, bankmux.ErrNotFound: quarters,
	bankmux.ErrUnsupported: newLink, bankmux.ErrRateLimited: minutes, bankmux.ErrInstitution: minutes,
	bankmux.ErrUnavailable: minutes, bankmux.ErrMalformed: quarters, bankmux.ErrCircuitOpen: minutes,
	bankmux.ErrOutcomeUnknown: quarters, bankmux.ErrSeal: quarters, bankmux.ErrSignature: quarters,
	bankmux.ErrContextDone: atOnce, bankmux.ErrApplication: atOnce, bankmux.ErrUnknown: quarters,
	"a kind of a later version": quarters,
}

func TestSyncAllBackoff(t *testing.T) {
	t.Parallel()
	t.Run("every kind has a remedy", func(t *testing.T) {
		t.Parallel()
		for _, kind := range bankmux.Kinds() {
			assert.Contains(t, remedies, kind)
		}
	})
	for kind, remedy := range remedies {
		t.Run(fmt.Sprintf("after %s a round needs %s", kind, remedy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHousehold(t, newBranch(true, "a"))
				h.fail = fails("accounts", kind)
				failsAndRecovers(t, h, kind, remedy)
			})
		})
	}
	for name, test := range map[string]func(*testing.T, *household){
		"the wait is as long as the provider asks":                  waitsAsAsked,
		"the wait doubles up to a bound, and success ends it":       doubles,
		"a reconnect ends every wait":                               reconnectEndsWaits,
		"an early call says when, and what happened":                saysWhen,
		"a page that was stored ends the wait, not the count":       countsUntilTheEnd,
		"a cancelled call leaves no wait":                           cancelLeavesNoWait,
		"the first sync waits until the provider is ready":          awaitsReadiness,
		"a provider that is not ready in time is due later":         isDueLater,
		"waiting for the provider ends with the context":            waitEndsWithContext,
		"a refresh is started only if it is wanted":                 refreshesIfWanted,
		"a round that reads no account counts as failed":            countsFailedRounds,
		"an account that fails does not hold up the others":         readsTheOthers,
		"an account of a round that broke off is read again":        remembersFailed,
		"a row that cannot be read is reported, and not remembered": reportsRows,
		"an account that was read is not remembered":                forgetsRead,
		"an account that failed in a faster sync is read again":     readsWhatAFasterSyncCouldNot,
		"a failure does not undo what a faster sync has stored":     keepsFasterState,
		"a connection that was deleted meanwhile is gone":           endsWhenDeleted,
		"a failing ledger leaves no wait":                           leavesBrokenLedger,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newHousehold(t, newBranch(true, "a", "b", "c"))) })
		})
	}
}

// failsAndRecovers lets a round fail. It checks what later calls do until the remedy is applied.
func failsAndRecovers(t *testing.T, h *household, kind bankmux.Kind, remedy string) {
	t.Helper()
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, kind)
	h.taken()
	refused := func(when string, ctx context.Context) {
		t.Helper()
		_, err := h.sync(ctx)
		require.ErrorIs(t, err, kind, when)
		assert.True(t, bankmux.ErrorOf(err).NotSent, when)
		assert.Empty(t, h.taken(), when)
	}
	wait := map[string]time.Duration{minutes: time.Minute, quarters: 15 * time.Minute}[remedy]
	switch remedy {
	case minutes, quarters:
		refused("at once", t.Context())
		time.Sleep(wait - time.Second)
		refused("early", t.Context())
		time.Sleep(time.Second + wait/10)
	case userThere:
		time.Sleep(24 * time.Hour)
		refused("without a user", bankmux.WithoutUser(t.Context()))
	case newLogin, newLink:
		time.Sleep(1000 * time.Hour)
		refused("without a reconnect", t.Context())
		h.conn.LinkedAt = h.conn.LinkedAt.Add(time.Second)
	}
	h.fail = nil
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, res.Added)
	assert.Nil(t, res.State.Err)
	assert.Zero(t, res.State.Attempts)
	assert.Zero(t, res.State.NotBefore)
}

func waitsAsAsked(t *testing.T, h *household) {
	for asked, longest := range map[time.Duration]time.Duration{
		7 * time.Second: 8 * time.Second, 3 * time.Hour: 200 * time.Minute, 1000 * time.Hour: 27 * time.Hour,
	} {
		h.fail = func(string, *bankmux.Answers) error {
			return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: asked}
		}
		res, err := h.sync(t.Context(), force)
		require.ErrorIs(t, err, bankmux.ErrRateLimited)
		wait := time.Until(res.State.NotBefore)
		assert.GreaterOrEqual(t, wait, min(asked, 24*time.Hour))
		assert.LessOrEqual(t, wait, longest)
	}
}

func doubles(t *testing.T, h *household) {
	h.fail = fails("accounts", bankmux.ErrUnavailable)
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		res, err := h.sync(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		wait := time.Until(res.State.NotBefore)
		want := time.Minute * time.Duration(minutes)
		assert.GreaterOrEqual(t, wait, want)
		assert.LessOrEqual(t, wait, want*11/10)
		h.taken()
		_, err = h.sync(t.Context())
		require.Error(t, err)
		assert.Empty(t, h.taken())
		assert.Equal(t, res.State.Attempts, h.stored(t).Attempts, "a refused call does not count")
		time.Sleep(wait)
	}
	h.fail = nil
	_, err := h.sync(t.Context())
	require.NoError(t, err)
	h.fail = fails("accounts", bankmux.ErrUnavailable)
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Less(t, time.Until(res.State.NotBefore), 2*time.Minute)
}

func reconnectEndsWaits(t *testing.T, h *household) {
	h.fail = fails("accounts", bankmux.ErrUnavailable)
	for range 5 {
		_, err := h.sync(t.Context(), force)
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
	}
	h.conn.LinkedAt = h.conn.LinkedAt.Add(time.Minute)
	h.taken()
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Equal(t, "accounts", h.taken())
	assert.Equal(t, 1, res.State.Attempts)
}

func saysWhen(t *testing.T, h *household) {
	h.fail = func(string, *bankmux.Answers) error {
		return &bankmux.Error{Kind: bankmux.ErrInstitution, Code: "BANK_DOWN", Detail: "the bank is down"}
	}
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	time.Sleep(10 * time.Second)
	early, err := h.sync(t.Context())
	e := bankmux.ErrorOf(err)
	require.NotNil(t, e)
	assert.Equal(t, "BANK_DOWN", e.Code)
	assert.Equal(t, "the bank is down", e.Detail)
	assert.Equal(t, h.conn.ID, e.Connection)
	assert.InDelta(t, time.Until(res.State.NotBefore).Seconds(), e.RetryAfter.Seconds(), 1)
	assert.Equal(t, res.State, early.State)
	assert.Contains(t, e.Error(), "retry after")
}

func countsUntilTheEnd(t *testing.T, h *household) {
	h.fail = fails("days of b", bankmux.ErrUnavailable)
	for attempt := 1; attempt <= 3; attempt++ {
		res, err := h.sync(t.Context(), force)
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, attempt, res.State.Attempts)
	}
	h.fail = fails("days of c", bankmux.ErrUnavailable)
	res, err := h.sync(t.Context(), force)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Equal(t, 4, res.State.Attempts, "a round that makes progress and breaks off each time is not hurried")
}

func cancelLeavesNoWait(t *testing.T, h *household) {
	ctx, cancel := context.WithCancel(t.Context())
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "days of b" {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	_, err := h.sync(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, bankmux.ErrContextDone)
	assert.Zero(t, h.stored(t).Attempts)
	assert.True(t, h.stored(t).More)
	h.fail = nil
	_, err = h.sync(t.Context())
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
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

// down fails the accounts of a bank one by one.
func down(ids ...string) func(string, *bankmux.Answers) error {
	return func(call string, _ *bankmux.Answers) error {
		for _, id := range ids {
			if call == "days of "+id {
				return &bankmux.Error{Kind: bankmux.ErrInstitution}
			}
		}
		return nil
	}
}

func countsFailedRounds(t *testing.T, h *household) {
	h.fail = down("a", "b", "c")
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Len(t, res.State.Failed, 3)
	assert.Equal(t, 1, res.State.Attempts)
	assert.Zero(t, res.State.SyncedAt)
	assert.Positive(t, time.Until(res.State.NotBefore))
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Empty(t, h.taken())
}

func readsTheOthers(t *testing.T, h *household) {
	h.fail = down("b")
	for range 2 {
		res, err := h.sync(t.Context())
		var partial *bankmux.PartialError
		require.ErrorAs(t, err, &partial)
		require.Len(t, res.State.Failed, 1)
		assert.Equal(t, "b", res.State.Failed[0].Account)
		assert.Equal(t, "a one, a two, c one, c two", h.texts())
		assert.NotZero(t, res.State.SyncedAt)
		assert.Zero(t, res.State.NotBefore, "the others are not held up")
	}
	h.fail = nil
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)
	assert.Equal(t, allTexts, h.texts())
}

func remembersFailed(t *testing.T, h *household) {
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of c" {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable}
		}
		return down("a")(call, a)
	}
	res, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	require.Len(t, res.State.Failed, 1, "remembered although the round broke off")
	assert.Equal(t, "a", h.stored(t).Failed[0].Account)
	assert.Equal(t, bankmux.ErrInstitution, h.stored(t).Failed[0].Err.Kind)

	h.fail = down("a")
	h.taken()
	_, err = h.sync(t.Context(), force)
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	assert.Equal(t, "accounts, days of c, days of a, days of b, days of c", h.taken(), "the rest, then a round of its own")
	require.Len(t, h.stored(t).Failed, 1)
}

func forgetsRead(t *testing.T, h *household) {
	h.fail = func(call string, a *bankmux.Answers) error {
		if call == "days of c" {
			return &bankmux.Error{Kind: bankmux.ErrUnavailable}
		}
		return down("a")(call, a)
	}
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	h.fail = nil
	res, err := h.sync(t.Context(), force)
	require.NoError(t, err)
	assert.Empty(t, res.State.Failed)
	assert.Empty(t, h.stored(t).Failed)
	assert.Equal(t, allTexts, h.texts())
}

func readsWhatAFasterSyncCouldNot(t *testing.T, h *household) {
	slow := &overtakenLedger{Ledger: h.ledger, before: func(page int) {
		if page > 0 {
			return
		}
		h.fail = func(call string, a *bankmux.Answers) error {
			if call == "days of b" {
				return &bankmux.Error{Kind: bankmux.ErrUnavailable}
			}
			return down("a")(call, a)
		}
		_, err := h.sync(t.Context()) // another process
		assert.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Len(t, h.stored(t).Failed, 1)
		h.fail = nil
	}}
	res, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = slow })
	require.NoError(t, err)
	assert.Equal(t, allTexts, h.texts())
	assert.Empty(t, res.State.Failed)
}

func reportsRows(t *testing.T, h *household) {
	h.unreadable = "b"
	res, err := h.sync(t.Context())
	require.NoError(t, err)
	require.Len(t, res.Failed, 1)
	assert.Equal(t, "1", res.Failed[0].Transaction)
	assert.Empty(t, res.State.Failed)
	assert.Equal(t, allTexts, h.texts())
}

func keepsFasterState(t *testing.T, h *household) {
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call != "days of c" {
			return nil
		}
		h.fail = nil
		_, err := h.sync(t.Context()) // another process
		assert.NoError(t, err)
		return &bankmux.Error{Kind: bankmux.ErrUnavailable}
	}
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Nil(t, h.stored(t).Err)
	assert.Zero(t, h.stored(t).NotBefore)
	assert.Equal(t, allTexts, h.texts())
}

func endsWhenDeleted(t *testing.T, h *household) {
	h.fail = func(call string, _ *bankmux.Answers) error {
		if call == "days of b" {
			h.ledger.Delete(h.conn)
		}
		return nil
	}
	_, err := h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrGone)
	assert.Empty(t, h.texts())
	h.taken()
	_, err = h.sync(t.Context())
	require.ErrorIs(t, err, bankmux.ErrGone)
	assert.Empty(t, h.taken())
}

func leavesBrokenLedger(t *testing.T, h *household) {
	for steps := range 4 {
		dying := &crashing{Ledger: h.ledger, left: steps}
		_, err := h.sync(t.Context(), func(r *bankmux.SyncAllRequest) { r.Ledger = dying })
		require.ErrorIs(t, err, bankmux.ErrApplication)
		assert.Zero(t, h.stored(t).Attempts)
		assert.Zero(t, h.stored(t).NotBefore)
	}
}
