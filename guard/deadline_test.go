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
	"github.com/bankmux/bankmux/internal/plain"
)

// TestDeadline specifies how long an attempt may take and which error ends it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	t.Run("the error says whose time ran out", theErrorSaysWhoseTimeRanOut)
	t.Run("the error keeps what is known of the attempt", theErrorKeepsWhatIsKnownOfTheAttempt)
	t.Run("each group has its own limit", eachGroupHasItsOwnLimit)
	t.Run("the attempt runs under the deadline", theAttemptRunsUnderTheDeadline)
}

func theErrorKeepsWhatIsKnownOfTheAttempt(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	answer := &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "x"}
	known := &bankmux.Error{
		Kind:      bankmux.ErrContextDone,
		NotSent:   true,
		Field:     "f",
		RequestID: "r",
		Err:       context.DeadlineExceeded,
	}
	for name, c := range map[string]struct {
		err    error
		after  time.Duration // when it is returned, of an attempt of 10 s
		caller time.Duration // 0 for a caller without a deadline
		cancel bool          // the caller cancels at the end of caller
		kind   bankmux.Kind  // "" for unchanged
		cause  error
	}{
		"our time, and an error without a kind that is not the end": {err: broken, after: 11 * time.Second},
		"our time, and the end of a context without a kind": {
			err: context.DeadlineExceeded, after: 10 * time.Second, kind: bankmux.ErrUnavailable,
			cause: context.DeadlineExceeded,
		},
		"our time, and a cancellation without a kind": {
			err: context.Canceled, after: 10 * time.Second, kind: bankmux.ErrUnavailable,
			cause: context.DeadlineExceeded,
		},
		"our time, and a typed end": {
			err: known, after: 10 * time.Second, kind: bankmux.ErrUnavailable, cause: context.DeadlineExceeded,
		},
		"our time, and a typed end without a cause": {
			err: &bankmux.Error{Kind: bankmux.ErrContextDone}, after: 10 * time.Second, kind: bankmux.ErrUnavailable,
			cause: context.DeadlineExceeded,
		},
		"our time, and an answer": {err: answer, after: 11 * time.Second},
		"our time, and a success": {err: nil, after: 11 * time.Second},
		"the caller's time, and an error without a kind": {
			err: broken, after: 6 * time.Second, caller: 5 * time.Second,
		},
		"the caller's time, and the end of a context": {
			err: context.DeadlineExceeded, after: 5 * time.Second, caller: 5 * time.Second,
			kind: bankmux.ErrContextDone, cause: context.DeadlineExceeded,
		},
		"the caller's time, and a typed end": {
			err: known, after: 5 * time.Second, caller: 5 * time.Second, kind: bankmux.ErrContextDone,
			cause: context.DeadlineExceeded,
		},
		"the caller's cancellation, and the end of a context": {
			err: context.Canceled, after: 5 * time.Second, caller: 5 * time.Second, cancel: true,
			kind: bankmux.ErrContextDone, cause: context.Canceled,
		},
		"the caller's cancellation, and a typed end": {
			err: known, after: 5 * time.Second, caller: 5 * time.Second, cancel: true, kind: bankmux.ErrContextDone,
			cause: context.Canceled,
		},
		"the end of another context, before the time ended": {
			err: context.DeadlineExceeded, after: time.Second,
		},
		"the same, typed": {err: known, after: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.caller > 0 && c.cancel {
					time.AfterFunc(c.caller, cancel)
				} else if c.caller > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), c.caller)
					defer cancel()
				}
				in := guard.Deadline(guard.DeadlineOptions{Link: 10 * time.Second})
				err := in(ctx, read, func(context.Context) error {
					time.Sleep(c.after)
					synctest.Wait()
					return c.err
				})
				if c.kind == "" {
					assert.Equal(t, c.err, err)
					return
				}
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				assert.Equal(t, c.kind, e.Kind)
				assert.Equal(t, c.cause, e.Err)
				assert.Equal(t, c.kind == bankmux.ErrUnavailable, e.Affects() == bankmux.ScopeProvider)
				if errors.Is(c.err, known) {
					assert.True(t, e.NotSent)
					assert.Equal(t, "r", e.RequestID)
					assert.Equal(t, bankmux.ErrContextDone, known.Kind, "the earlier error is not changed")
				}
			})
		})
	}
}

func eachGroupHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	custom := guard.DeadlineOptions{
		Link: 1,
		Data: 2,
		Pay:  3,
		Ops:  map[string]time.Duration{"Read": 4, "One": 1, "None": 0, "Less": -1},
	}
	for _, c := range []struct {
		opts  guard.DeadlineOptions
		name  string
		group bankmux.Group
		want  time.Duration
	}{
		{guard.DeadlineOptions{}, "X", bankmux.GroupLink, 30 * time.Second},
		{guard.DeadlineOptions{}, "X", bankmux.GroupData, time.Minute},
		{guard.DeadlineOptions{}, "X", bankmux.GroupPay, 2 * time.Minute},
		{guard.DeadlineOptions{}, "X", "another", 30 * time.Second},
		{custom, "X", bankmux.GroupLink, 1},
		{custom, "X", bankmux.GroupData, 2},
		{custom, "X", bankmux.GroupPay, 3},
		{custom, "Read", bankmux.GroupData, 4},
		{custom, "One", bankmux.GroupPay, 1},
		{custom, "None", bankmux.GroupData, 2},
		{custom, "Less", bankmux.GroupPay, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			op := read
			op.Name, op.Group = c.name, c.group
			start := time.Now()
			err := guard.Deadline(c.opts)(t.Context(), op, hang)
			assert.Equal(t, c.want, time.Since(start), "%+v", c)
			assert.ErrorContains(t, err, "no response within "+plain.Duration(c.want))
		})
	}
}

func theAttemptRunsUnderTheDeadline(t *testing.T) {
	t.Parallel()
	in, failure := guard.Deadline(guard.DeadlineOptions{}), errors.New("no")
	var seen context.Context
	keep := func(ctx context.Context) error { seen = ctx; return failure }
	assert.Equal(t, failure, in(t.Context(), local, keep))
	_, bounded := seen.Deadline()
	assert.False(t, bounded, "a call that sends nothing has none")
	assert.Equal(t, failure, in(t.Context(), read, keep))
	_, bounded = seen.Deadline()
	assert.True(t, bounded)
	assert.ErrorIs(t, seen.Err(), context.Canceled, "nothing goes on after the call")
}

func theErrorSaysWhoseTimeRanOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := []bankmux.Interceptor{
			guard.Deadline(
				guard.DeadlineOptions{Link: 20 * time.Second, Ops: map[string]time.Duration{"Quick": time.Second}},
			),
		}
		start := time.Now()
		err := chain(d, read, hang)(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no response within 20s")
		assert.Equal(t, 20*time.Second, time.Since(start))

		quick := read
		quick.Name = "Quick"
		start = time.Now()
		require.ErrorIs(t, chain(d, quick, hang)(t.Context()), bankmux.ErrUnavailable)
		assert.Equal(t, time.Second, time.Since(start))

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = chain(d, read, hang)(short)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.NotErrorIs(t, err, bankmux.ErrUnavailable)

		answer := &bankmux.Error{Kind: bankmux.ErrTokenSpent, Code: "x"}
		err = chain(d, read, func(ctx context.Context) error { <-ctx.Done(); return answer })(t.Context())
		require.Equal(t, answer, err, "a response that arrived late is kept")
		require.NoError(t, chain(d, read, func(ctx context.Context) error { <-ctx.Done(); return nil })(t.Context()))
		start = time.Now()
		require.NoError(
			t,
			chain(d, local, func(context.Context) error { time.Sleep(time.Hour); return nil })(t.Context()),
		)
		assert.Equal(t, time.Hour, time.Since(start), "a local operation is not bounded")
	})
}
