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
	"github.com/bankmux/bankmux/schedule"
)

// What must happen before a failed round runs again.
const (
	minutes   = "a wait of a minute, at most an hour"
	quarters  = "a wait of a quarter of an hour, at most half a day"
	atOnce    = "nothing"
	judged    = "a call of a user, or a wait of a minute"
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
	bankmux.ErrUnavailable: minutes, bankmux.ErrMalformed: quarters, bankmux.ErrCircuitOpen: judged,
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
	t.Run("a wait of a quarter of an hour doubles up to 12 hours", func(t *testing.T) {
		t.Parallel()
		wait := func(attempts int) float64 { return bankmux.ErrUnknown.Again().Wait("conn-1", 0, attempts).Hours() }
		for attempts, hours := range map[int]float64{2: 0.5, 6: 8, 7: 12, 8: 12, 1000: 12} {
			assert.InDelta(t, hours/0.25, wait(attempts)/wait(1), 0.001, attempts) // both have the same part added
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
	onVirtualTime(t, map[string]func(*testing.T, *household){
		"the wait is as long as the provider asks":              waitsAsAsked,
		"the wait doubles up to a bound, and success ends it":   doubles,
		"a reconnect ends every wait":                           reconnectEndsWaits,
		"an early call says when, and what happened":            saysWhen,
		"a page that was stored ends the wait, not the count":   countsUntilTheEnd,
		"a cancelled call leaves no wait":                       cancelLeavesNoWait,
		"a failure does not undo what a faster sync has stored": keepsFasterState,
		"a connection that was deleted meanwhile is gone":       endsWhenDeleted,
	})
}

// failsAndRecovers lets a round fail. It checks what later calls do until the remedy is applied.
func failsAndRecovers(t *testing.T, h *household, kind bankmux.Kind, remedy string) {
	t.Helper()
	failed, err := h.sync(t.Context())
	require.ErrorIs(t, err, kind)
	h.taken()
	agreesWithSchedule(t, h, failed, err)
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
	case judged:
		refused("without a user", bankmux.WithoutUser(t.Context()))
		time.Sleep(time.Minute - time.Second)
		refused("without a user, early", bankmux.WithoutUser(t.Context()))
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

// agreesWithSchedule checks that the plan of package schedule is what SyncAll does.
func agreesWithSchedule(t *testing.T, h *household, failed bankmux.SyncAllResult, err error) {
	t.Helper()
	state := schedule.After(h.conn, schedule.Outcome{State: failed.State, Err: err, End: time.Now()}, nil)
	alone := schedule.After(h.conn, schedule.Outcome{Err: err, Attempts: 1, End: bankmux.Moment(time.Now())}, nil)
	assert.Equal(t, alone.State, state.State)
	assert.Equal(t, alone.Turn, state.Turn)
	if turn := bankmux.KindOf(err).Again().Turn; turn != bankmux.TurnLater {
		return
	}
	assert.True(t, state.At.Equal(alone.At))
	if bankmux.KindOf(err) == bankmux.ErrCircuitOpen {
		assert.True(t, state.At.After(failed.State.NotBefore), "jobs are spread")
		return
	}
	assert.Equal(t, failed.State.NotBefore, state.At)
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
