package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// attempt calls through Retry alone and returns what was recorded.
func attempt(
	ctx context.Context,
	opts guard.RetryOptions,
	op bankmux.Op,
	next func(context.Context) error,
) ([]guard.Attempt, error) {
	ctx, record := guard.WithRecord(ctx)
	err := guard.Retry(opts)(ctx, op, next)
	return record.Attempts(), err
}

func TestTheWaitBeforeAnAttemptIsRandomUpToABoundThatDoubles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts guard.RetryOptions
		most []time.Duration // before the second attempt, the third …
	}{
		"by default": {guard.RetryOptions{}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}},
		"less than nothing is the default": {
			guard.RetryOptions{MaxAttempts: -1, Base: -1, Cap: -1, MaxWait: -1}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond},
		},
		"up to the default cap": {
			guard.RetryOptions{MaxAttempts: 8},
			[]time.Duration{
				200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond, 3200 * time.Millisecond, 5 * time.Second, 5 * time.Second,
			},
		},
		"up to a cap": {
			guard.RetryOptions{MaxAttempts: 5, Base: time.Second, Cap: 4 * time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second},
		},
		"up to a cap between": {guard.RetryOptions{MaxAttempts: 4, Base: time.Second, Cap: 3 * time.Second}, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}},
		"a base over the cap": {guard.RetryOptions{Base: time.Hour, Cap: time.Second}, []time.Duration{time.Second, time.Second}},
		"the least base":      {guard.RetryOptions{MaxAttempts: 4, Base: 1}, []time.Duration{1, 2, 4}},
		"the least":           {guard.RetryOptions{Base: 1, Cap: 1}, []time.Duration{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs, near := 400, time.Duration(10) // how often, and how near the bound comes: a tenth
				if name == "by default" {
					runs, near = 4000, 200
				}
				least, most := make([]time.Duration, len(c.most)), make([]time.Duration, len(c.most))
				for run := range runs {
					all, err := attempt(t.Context(), c.opts, read, func(context.Context) error { return errDown })
					require.ErrorIs(t, err, bankmux.ErrUnavailable)
					require.Len(t, all, len(c.most)+1)
					require.Zero(t, all[0].Waited)
					for i, a := range all[1:] {
						require.Equal(t, a.Waited, a.Started.Sub(all[i].Started), "it is what was waited")
						if run == 0 {
							least[i] = a.Waited
						}
						least[i], most[i] = min(least[i], a.Waited), max(most[i], a.Waited)
					}
				}
				for i, bound := range c.most {
					assert.LessOrEqual(t, most[i], bound)
					assert.Greater(t, most[i], bound-max(bound/near, 1), "so many times: the bound is reached")
					assert.LessOrEqual(t, least[i], bound/10+1, "full jitter")
					assert.Positive(t, least[i])
				}
			})
		})
	}
}

func TestTheWaitThatTheProviderAsksFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts     guard.RetryOptions
		asked    time.Duration
		deadline time.Duration // of the caller, 0 for none
		calls    int
	}{
		"is kept":                             {guard.RetryOptions{}, 7 * time.Second, 0, 3},
		"up to MaxWait":                       {guard.RetryOptions{}, 10 * time.Second, 0, 3},
		"and no longer":                       {guard.RetryOptions{}, 10*time.Second + 1, 0, 1},
		"up to a MaxWait of the application":  {guard.RetryOptions{MaxWait: time.Minute}, time.Minute, 0, 3},
		"and no longer than that":             {guard.RetryOptions{MaxWait: time.Second}, time.Second + 1, 0, 1},
		"up to the least MaxWait":             {guard.RetryOptions{MaxWait: 1}, 1, 0, 3},
		"and no longer than the least":        {guard.RetryOptions{MaxWait: 1}, 2, 0, 1},
		"beyond the cap of random waits":      {guard.RetryOptions{Cap: time.Second}, 2 * time.Second, 0, 3},
		"not where the caller's time is over": {guard.RetryOptions{}, 7 * time.Second, 7 * time.Second, 1},
		"where a moment is left":              {guard.RetryOptions{}, 7 * time.Second, 7*time.Second + 1, 2},
		"each time again":                     {guard.RetryOptions{}, 3 * time.Second, 5 * time.Second, 2},
		"as often as attempts are allowed":    {guard.RetryOptions{MaxAttempts: 5}, time.Second, 0, 5},
		"never where one attempt is allowed":  {guard.RetryOptions{MaxAttempts: 1}, time.Second, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				all, err := attempt(ctx, c.opts, read, func(context.Context) error {
					return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: c.asked}
				})
				require.Len(t, all, c.calls)
				for _, a := range all[1:] {
					assert.Equal(t, c.asked, a.Waited)
				}
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				assert.Equal(t, c.asked, e.RetryAfter, "the caller hears of it")
			})
		})
	}
}

func TestACallerWhoIsGoneIsNotRepeatedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := guard.Retry(
		guard.RetryOptions{},
	)(
		ctx,
		read,
		func(context.Context) error { calls++; cancel(); return errDown },
	)
	assert.Equal(t, 1, calls)
	assert.Equal(t, error(errDown), err, "what came is what is returned")
}

func TestWhatIsReturnedWhereTheCallerLeavesWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		last := &bankmux.Error{
			Kind:       bankmux.ErrRateLimited,
			Scope:      bankmux.ScopeProvider,
			Client:     "c",
			Op:         "Sync",
			Connection: "conn",
			Code:       "slow",
			Status:     429,
			RetryAfter: 7 * time.Second,
		}
		kept := *last
		err := guard.Retry(guard.RetryOptions{})(ctx, read, func(context.Context) error { return last })
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		assert.Equal(t, bankmux.ErrContextDone, e.Kind)
		assert.Equal(t, bankmux.ScopeCall, e.Affects())
		assert.Equal(t, "the call was given up while it waited to be repeated", e.Detail)
		assert.Zero(t, e.RetryAfter)
		assert.Equal(t, []any{"c", "Sync", "conn", "slow", 429}, []any{e.Client, e.Op, e.Connection, e.Code, e.Status})
		inner := kept
		inner.Client, inner.Op, inner.Connection = "", "", ""
		assert.Equal(t, "context canceled after "+inner.Error(), e.Err.Error(), "the names stand there once")
		assert.Equal(t, kept, *last, "what the adapter returned is not changed")
	})
}

func TestALostOneShotSaysHowToFindOutAndWhatItEndedWith(t *testing.T) {
	t.Parallel()
	op := oneShot
	op.FindOut = "look"
	last := &bankmux.Error{
		Kind:       bankmux.ErrUnavailable,
		Scope:      bankmux.ScopeProvider,
		Client:     "c",
		Op:         "Exchange",
		Connection: "conn",
		Status:     503,
		RetryAfter: time.Second,
		Unlisted:   true,
	}
	kept := *last
	foreign := errors.New("broken pipe")
	for name, cause := range map[string]error{"an error of an adapter": last, "any other": foreign} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := guard.Retry(guard.RetryOptions{})(t.Context(), op, func(context.Context) error { return cause })
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.Equal(t, bankmux.ErrOutcomeUnknown, e.Kind)
			assert.Equal(t, bankmux.ScopeCall, e.Affects())
			assert.Equal(t, "look", e.FindOut)
			assert.Equal(t, "the request was sent and no readable answer came", e.Detail)
			assert.Zero(t, e.RetryAfter)
			assert.False(t, e.Unlisted, "it is not a code that is missing in a table")
			if cause == foreign { //nolint:errorlint // the very same
				assert.Equal(t, foreign, e.Err)
				return
			}
			assert.Equal(t, []any{"c", "Exchange", "conn", 503}, []any{e.Client, e.Op, e.Connection, e.Status})
			inner := kept
			inner.Client, inner.Op, inner.Connection = "", "", ""
			assert.Equal(t, &inner, e.Err, "the names stand there once")
			assert.Equal(t, kept, *last)
		})
	}
}

func TestAnUnknownOutcomeThatTheAdapterExplainedStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, effect := range map[string]bankmux.Effect{"a one-shot": bankmux.OneShot, "a read": bankmux.Read} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			renewal := &bankmux.Error{
				Kind:    bankmux.ErrOutcomeUnknown,
				Detail:  "the token was to be renewed",
				FindOut: "make a read",
				NotSent: true,
			}
			op := bankmux.Op{Name: "Pay", Effect: effect, FindOut: "look at the payments"}
			all, err := attempt(t.Context(), guard.RetryOptions{}, op, func(context.Context) error { return renewal })
			assert.Len(t, all, 1)
			assert.Equal(t, renewal, err, "the payment was not sent, so nothing needs to be looked up")
		})
	}
}
