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

// TestRetry specifies which calls are repeated, when, and how often.
func TestRetry(t *testing.T) {
	t.Parallel()
	t.Run("only a call that is safe to repeat and may succeed is repeated", onlySafeCallsAreRepeated)
	t.Run("the wait before an attempt is random up to a bound that doubles", theWaitBeforeAnAttemptIsRandomUpToABound)
	t.Run("many attempts wait no longer than the cap", manyAttemptsWaitNoLongerThanTheCap)
	t.Run("a retry waits as long as the provider asks", aRetryWaitsAsLongAsTheProviderAsks)
	t.Run("the wait that the provider asks for", theWaitThatTheProviderAsksFor)
	t.Run("a wait beyond the caller's deadline does not start", aWaitBeyondTheCallersDeadlineDoesNotStart)
	t.Run("a call whose caller has left is not repeated", aCallWhoseCallerHasLeftIsNotRepeated)
	t.Run("a cancellation while waiting keeps the last error", aCancellationWhileWaitingKeepsTheLastError)
	t.Run("the error of a call whose caller left while it waited", theErrorOfACallWhoseCallerLeftWhileItWaited)
	t.Run("the application's cancellation cause is not in the error", theApplicationsCancellationCauseIsNotInTheError)
	t.Run("a lost one-shot has FindOut and its last error", aLostOneShotHasFindOutAndItsLastError)
	t.Run("an unknown outcome with FindOut passes unchanged", anUnknownOutcomeWithFindOutPassesUnchanged)
}

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

func theWaitBeforeAnAttemptIsRandomUpToABound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts guard.RetryOptions
		most []time.Duration // before the second attempt, the third …
	}{
		"by default": {guard.RetryOptions{}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}},
		"less than nothing is the default": {
			guard.RetryOptions{
				MaxAttempts: -1, Base: -1, Cap: -1, MaxWait: -1,
			}, []time.Duration{
				200 * time.Millisecond,
				400 * time.Millisecond,
			},
		},
		"up to the default cap": {
			guard.RetryOptions{MaxAttempts: 8},
			[]time.Duration{
				200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
				3200 * time.Millisecond, 5 * time.Second, 5 * time.Second,
			},
		},
		"up to a cap": {
			guard.RetryOptions{MaxAttempts: 5, Base: time.Second, Cap: 4 * time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second},
		},
		"up to a cap between": {
			guard.RetryOptions{MaxAttempts: 4, Base: time.Second, Cap: 3 * time.Second},
			[]time.Duration{time.Second, 2 * time.Second, 3 * time.Second},
		},
		"a base over the cap": {
			guard.RetryOptions{Base: time.Hour, Cap: time.Second}, []time.Duration{time.Second, time.Second},
		},
		"the least base": {guard.RetryOptions{MaxAttempts: 4, Base: 1}, []time.Duration{1, 2, 4}},
		"the least":      {guard.RetryOptions{Base: 1, Cap: 1}, []time.Duration{1, 1}},
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

func theWaitThatTheProviderAsksFor(t *testing.T) {
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
				assert.Equal(t, c.asked, e.RetryAfter, "the caller gets RetryAfter")
			})
		})
	}
}

func aCallWhoseCallerHasLeftIsNotRepeated(t *testing.T) {
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
	assert.Equal(t, error(errDown), err, "the result is returned unchanged")
}

func theErrorOfACallWhoseCallerLeftWhileItWaited(t *testing.T) {
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
		assert.Equal(t, "the call ended while it waited for a retry", e.Detail)
		assert.Zero(t, e.RetryAfter)
		assert.Equal(t, []any{"c", "Sync", "conn", "slow", 429}, []any{e.Client, e.Op, e.Connection, e.Code, e.Status})
		inner := kept
		inner.Client, inner.Op, inner.Connection = "", "", ""
		assert.Equal(t, "context canceled after "+inner.Error(), e.Err.Error(), "the names occur once")
		assert.Equal(t, kept, *last, "the error of the adapter is not changed")
	})
}

func aLostOneShotHasFindOutAndItsLastError(t *testing.T) {
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
			assert.Equal(t, "the request was sent and no readable response arrived", e.Detail)
			assert.Zero(t, e.RetryAfter)
			assert.False(t, e.Unlisted, "it is not a code that is missing in a table")
			if cause == foreign { //nolint:errorlint // the very same
				assert.Equal(t, foreign, e.Err)
				return
			}
			assert.Equal(t, []any{"c", "Exchange", "conn", 503}, []any{e.Client, e.Op, e.Connection, e.Status})
			inner := kept
			inner.Client, inner.Op, inner.Connection = "", "", ""
			assert.Equal(t, &inner, e.Err, "the names occur once")
			assert.Equal(t, kept, *last)
		})
	}
}

func anUnknownOutcomeWithFindOutPassesUnchanged(t *testing.T) {
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

func onlySafeCallsAreRepeated(t *testing.T) {
	t.Parallel()
	long := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 11 * time.Second}
	once, answering := read, read
	once.Once, answering.Challenge = true, "ch-1"
	for _, c := range []struct {
		name  string
		op    bankmux.Op
		err   error
		calls int
		kind  bankmux.Kind // of the result when every attempt fails so
	}{
		{"a read while the provider is down", read, errDown, 3, bankmux.ErrUnavailable},
		{"a read under a rate limit", read, errLimit, 3, bankmux.ErrRateLimited},
		{"a wait longer than the cap", read, long, 1, bankmux.ErrRateLimited},
		{
			"an open circuit", read,
			&bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, RetryAfter: time.Second}, 1,
			bankmux.ErrCircuitOpen,
		},
		{
			"a rejected login", read, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}, 1,
			bankmux.ErrReauth,
		},
		{
			"an unlisted code", read, &bankmux.Error{Kind: bankmux.ErrUnavailable, Code: "new", Unlisted: true}, 1,
			bankmux.ErrUnavailable,
		},
		{"a malformed answer", read, &bankmux.Error{Kind: bankmux.ErrMalformed}, 1, bankmux.ErrMalformed},
		{"while another candidate remains", once, errDown, 1, bankmux.ErrUnavailable},
		{
			"a read with the user's answers that never left", answering,
			&bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, 3, bankmux.ErrUnavailable,
		},
		{"a read with the user's answers that was sent", answering, errDown, 1, bankmux.ErrUnavailable},
		{"a local operation", local, errDown, 1, bankmux.ErrUnavailable},
		{
			"a one-shot that never left", oneShot, &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, 3,
			bankmux.ErrUnavailable,
		},
		{"a one-shot that was sent", oneShot, errDown, 1, bankmux.ErrOutcomeUnknown},
		{
			"a one-shot with an unreadable response", oneShot, &bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200},
			1,
			bankmux.ErrOutcomeUnknown,
		},
		{
			"a one-shot cut short by the caller", oneShot,
			&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}, 1, bankmux.ErrOutcomeUnknown,
		},
		{
			"a one-shot that was refused", oneShot, &bankmux.Error{Kind: bankmux.ErrTokenSpent, Code: "x", Status: 400},
			1, bankmux.ErrTokenSpent,
		},
		{
			"a one-shot failing with an envelope", oneShot,
			&bankmux.Error{Kind: bankmux.ErrUnknown, Code: "UNKNOWN_ERROR", Status: 500}, 1, bankmux.ErrUnknown,
		},
		{"a foreign error of a one-shot", oneShot, errors.New("?"), 1, bankmux.ErrOutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := chain(
					[]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})},
					c.op,
					answers(&calls, c.err, c.err, c.err, c.err),
				)(
					t.Context(),
				)
				assert.Equal(t, c.calls, calls)
				assert.Equal(t, c.kind, bankmux.KindOf(err))
				if c.kind == bankmux.ErrOutcomeUnknown {
					require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
					if inner, ok := errors.AsType[*bankmux.Error](c.err); ok {
						require.ErrorIs(t, err, inner.Kind, "the cause stays visible")
					}
				}
			})
		})
	}
}

func manyAttemptsWaitNoLongerThanTheCap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, start := 0, time.Now()
		retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{MaxAttempts: 100})}
		err := chain(retry, read, func(context.Context) error { calls++; return errDown })(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, 100, calls)
		assert.Less(t, time.Since(start), 100*5*time.Second)
	})
}

func aRetryWaitsAsLongAsTheProviderAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, start := 0, time.Now()
		wait := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}
		require.NoError(
			t,
			chain([]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}, read, answers(&calls, wait))(t.Context()),
		)
		assert.Equal(t, 7*time.Second, time.Since(start))
	})
}

func aWaitBeyondTheCallersDeadlineDoesNotStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		calls, start := 0, time.Now()
		wait := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}
		err := chain([]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}, read, answers(&calls, wait))(ctx)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.Equal(t, 7*time.Second, e.RetryAfter)
		assert.Zero(t, time.Since(start))
	})
}

func aCancellationWhileWaitingKeepsTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		time.AfterFunc(time.Second, cancel)
		wait := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}
		err := chain([]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}, read, answers(&calls, wait))(ctx)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, bankmux.ErrRateLimited)
		assert.Equal(t, 1, calls)
	})
}

func theApplicationsCancellationCauseIsNotInTheError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{Base: time.Hour, Cap: time.Hour})}
		time.AfterFunc(time.Millisecond, func() { cancel(errors.New("rosa@example.com left")) })
		err := chain(retry, read, func(context.Context) error { return errDown })(ctx)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, bankmux.ErrUnavailable, "and what it had ended with")
		assert.NotContains(t, err.Error(), "rosa@")
		assert.NotContains(t, err.Error(), "\n")
	})
}
