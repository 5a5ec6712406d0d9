package guard_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func retry(o guard.RetryOptions) []bankmux.Interceptor {
	return []bankmux.Interceptor{guard.Retry(o)}
}

func TestOnlyWhatIsSafeAndMayHelpIsRepeated(t *testing.T) {
	t.Parallel()
	once, idempotent := read, read
	once.Once, idempotent.Effect = true, bankmux.Idempotent
	unsent := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
	for _, c := range []struct {
		name  string
		op    bankmux.Op
		err   error
		calls int
	}{
		{"a read while the provider is down", read, errDown, 3},
		{"an idempotent call while the provider is down", idempotent, errDown, 3},
		{"a read under a rate limit", read, errLimit, 3},
		{"a read that could not connect", read, unsent, 3},
		{"a wait longer than the cap", read, &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 10*time.Second + 1}, 1},
		{"an open circuit", read, &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, RetryAfter: time.Second}, 1},
		{"a rejected bank login", read, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}, 1},
		{"a login that the user must mend", read, &bankmux.Error{Kind: bankmux.ErrUserAction}, 1},
		{"rejected credentials", read, &bankmux.Error{Kind: bankmux.ErrCredentials}, 1},
		{"one bank's outage", read, &bankmux.Error{Kind: bankmux.ErrInstitution}, 1},
		{"a code nobody listed", read, &bankmux.Error{Kind: bankmux.ErrUnavailable, Code: "new", Unlisted: true}, 1},
		{"a malformed answer", read, &bankmux.Error{Kind: bankmux.ErrMalformed}, 1},
		{"an error nobody classified", read, errors.New("?"), 1},
		{"the caller's end", read, &bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}, 1},
		{"while another candidate remains", once, errDown, 1},
		{"a local operation", local, unsent, 1},
		{"a one-shot that never left", oneShot, unsent, 3},
		{"a one-shot under a rate limit", oneShot, errLimit, 1},
		{"a one-shot that was refused", oneShot, &bankmux.Error{Kind: bankmux.ErrTokenSpent, Code: "x", Status: 400}, 1},
		{"a one-shot failing with an envelope", oneShot, &bankmux.Error{Kind: bankmux.ErrUnavailable, Code: "UNKNOWN_ERROR", Status: 500}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := chain(retry(guard.RetryOptions{}), c.op, answers(&calls, c.err, c.err, c.err, c.err))(t.Context())
				assert.Equal(t, c.calls, calls)
				assert.Equal(t, c.err, err, "passes unchanged")
			})
		})
	}
}

func TestAOneShotWithoutAVerdictIsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	cut := &bankmux.Error{Kind: bankmux.ErrUnavailable, Client: "c", Op: "Exchange", RequestID: "req-1", Detail: "the connection broke"}
	unsent := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
	for _, c := range []struct {
		name  string
		errs  []error
		is    []error
		calls int
	}{
		{"a cut connection", []error{cut}, []error{bankmux.ErrUnavailable}, 1},
		{"a 5xx without envelope", []error{errDown}, []error{bankmux.ErrUnavailable}, 1},
		{"an unreadable answer", []error{&bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200}}, []error{bankmux.ErrMalformed}, 1},
		{"our deadline", []error{&bankmux.Error{Kind: bankmux.ErrUnavailable, Err: context.DeadlineExceeded}}, []error{bankmux.ErrUnavailable, context.DeadlineExceeded}, 1},
		{"the caller's cancellation", []error{&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}}, []error{bankmux.ErrContextDone, context.Canceled}, 1},
		{"an error nobody classified", []error{context.Canceled}, []error{context.Canceled}, 1},
		{"an unclassified error around one of ours", []error{errors.Join(context.Canceled, cut)}, []error{context.Canceled, bankmux.ErrUnavailable}, 1},
		{"a second attempt that left", []error{unsent, cut}, []error{bankmux.ErrUnavailable}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := chain(retry(guard.RetryOptions{}), oneShot, answers(&calls, append(c.errs, c.errs...)...))(t.Context())
				assert.Equal(t, c.calls, calls, "sent at most once")
				e := asError(t, err)
				assert.Equal(t, bankmux.ErrOutcomeUnknown, e.Kind)
				assert.False(t, e.NotSent)
				assert.Equal(t, bankmux.ScopeCall, e.Affects())
				assert.Zero(t, e.RetryAfter)
				for _, cause := range c.is {
					require.ErrorIs(t, err, cause, "the cause stays visible")
				}
				if inner, ok := errors.AsType[*bankmux.Error](c.errs[len(c.errs)-1]); ok {
					assert.Equal(t, inner.Status, e.Status)
					assert.Equal(t, inner.RequestID, e.RequestID)
					assert.LessOrEqual(t, strings.Count(e.Error(), "Exchange"), 2, "the call is not named over and over")
				}
			})
		})
	}
}

func TestRetryWaitsAsLongAsTheProviderAsks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ask  time.Duration
		opts guard.RetryOptions
		want time.Duration
		kind bankmux.Kind
	}{
		{"seven seconds", 7 * time.Second, guard.RetryOptions{}, 7 * time.Second, ""},
		{"exactly the cap", 10 * time.Second, guard.RetryOptions{}, 10 * time.Second, ""},
		{"more than the cap", 11 * time.Second, guard.RetryOptions{}, 0, bankmux.ErrRateLimited},
		{"more than a cap of ours", 2 * time.Second, guard.RetryOptions{MaxWait: time.Second}, 0, bankmux.ErrRateLimited},
		{"less than the jitter would be", time.Nanosecond, guard.RetryOptions{Base: time.Hour, Cap: time.Hour, MaxWait: time.Hour}, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ask := &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: c.ask}
				err := chain(retry(c.opts), read, answers(new(int), ask))(t.Context())
				assert.Equal(t, c.kind, bankmux.KindOf(err))
				assert.Equal(t, c.want, time.Since(began))
				if err != nil {
					assert.Equal(t, c.ask, asError(t, err).RetryAfter)
				}
			})
		})
	}
}

func TestJitterIsFullDoublesAndIsCapped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts guard.RetryOptions
		most []time.Duration // before each further attempt
	}{
		{"by default", guard.RetryOptions{MaxAttempts: 8}, []time.Duration{200e6, 400e6, 800e6, 1600e6, 3200e6, 5e9, 5e9}},
		{"under MaxWait", guard.RetryOptions{MaxAttempts: 4, MaxWait: 300 * time.Millisecond}, []time.Duration{200e6, 300e6, 300e6}},
		{"with a base above the cap", guard.RetryOptions{MaxAttempts: 3, Base: time.Hour, Cap: time.Second}, []time.Duration{1e9, 1e9}},
		{"with as many attempts as overflow a doubled base", guard.RetryOptions{MaxAttempts: 100, Cap: 1 << 62, MaxWait: 1 << 62}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			longest, shortest := make([]time.Duration, len(c.most)), make([]time.Duration, len(c.most))
			const rounds = 200
			for range rounds {
				synctest.Test(t, func(t *testing.T) {
					ctx, record := guard.WithRecord(t.Context())
					if c.most == nil { // decades pass; what matters is that nothing overflows
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 240*time.Hour)
						defer cancel()
					}
					require.Error(t, chain(retry(c.opts), read, func(context.Context) error { return errDown })(ctx))
					for i, a := range record.Attempts()[1:] {
						require.Positive(t, a.Waited)
						if c.most == nil {
							continue
						}
						require.LessOrEqual(t, a.Waited, c.most[i])
						longest[i] = max(longest[i], a.Waited)
						if shortest[i] == 0 {
							shortest[i] = a.Waited
						}
						shortest[i] = min(shortest[i], a.Waited)
					}
				})
			}
			for i, most := range c.most { // failing by chance: 0.8 to the power of 200
				assert.Greater(t, longest[i], most*8/10, "up to %s", most)
				assert.Less(t, shortest[i], most*2/10, "from nothing")
			}
		})
	}
}

func TestAWaitBeyondTheCallersDeadlineIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, left := range []time.Duration{5 * time.Second, 7 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			began := time.Now()
			err := chain(retry(guard.RetryOptions{}), read, answers(new(int), &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}))(ctx)
			assert.Equal(t, 7*time.Second, asError(t, err).RetryAfter)
			assert.Zero(t, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second+1)
		defer cancel()
		require.NoError(t, chain(retry(guard.RetryOptions{}), read, answers(new(int), &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 7 * time.Second}))(ctx))
	})
}

func TestCancellationWhileWaitingKeepsTheLastError(t *testing.T) {
	t.Parallel()
	shutdown := errors.New("shutting down")
	for _, c := range []struct {
		name    string
		op      bankmux.Op
		err     *bankmux.Error
		notSent bool
	}{
		{"of a read that was sent", read, &bankmux.Error{Kind: bankmux.ErrRateLimited, Status: 429, RetryAfter: 7 * time.Second}, false},
		{"of a one-shot that never left", oneShot, &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true, RetryAfter: 7 * time.Second}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(shutdown) })
				calls, began := 0, time.Now()
				err := chain(retry(guard.RetryOptions{}), c.op, answers(&calls, c.err))(ctx)
				for _, want := range []error{context.Canceled, shutdown, c.err.Kind} {
					require.ErrorIs(t, err, want)
				}
				e := asError(t, err)
				assert.Equal(t, bankmux.ErrContextDone, e.Kind)
				assert.Equal(t, c.notSent, e.NotSent)
				assert.NotContains(t, e.Error(), "\n", "an error is one line")
				assert.Equal(t, time.Second, time.Since(began))
				assert.Equal(t, 1, calls)
			})
		})
	}
}

func TestAnAttemptThatOutlivedTheCallerIsTheLast(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := chain(retry(guard.RetryOptions{}), read, func(context.Context) error { calls++; cancel(); return errDown })(ctx)
	assert.Equal(t, error(errDown), err)
	assert.Equal(t, 1, calls)
}

func TestNotSentHoldsForAllAttemptsTogether(t *testing.T) {
	t.Parallel()
	unsent := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
	open := &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, RetryAfter: time.Minute}
	for _, c := range []struct {
		name    string
		errs    []error
		kind    bankmux.Kind
		notSent bool
	}{
		{"none left", []error{unsent, unsent, unsent}, bankmux.ErrUnavailable, true},
		{"the first left", []error{errDown, unsent, unsent}, bankmux.ErrUnavailable, false},
		{"the first left, and the circuit opened", []error{errDown, open}, bankmux.ErrCircuitOpen, false},
		{"none left, and the circuit opened", []error{unsent, open}, bankmux.ErrCircuitOpen, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := chain(retry(guard.RetryOptions{}), read, answers(new(int), c.errs...))(t.Context())
				e := asError(t, err)
				assert.Equal(t, c.kind, e.Kind)
				assert.Equal(t, c.notSent, e.NotSent)
				if c.kind == bankmux.ErrCircuitOpen {
					assert.Equal(t, time.Minute, e.RetryAfter)
					assert.Equal(t, !c.notSent, errors.Is(err, bankmux.ErrUnavailable), "why it opened")
				}
				assert.True(t, unsent.NotSent && open.NotSent, "what an attempt returned is not changed")
			})
		})
	}
}

func TestAPanicOfAOneShotIsNotRepeated(t *testing.T) {
	t.Parallel()
	calls := 0
	assert.PanicsWithValue(t, "boom", func() {
		_ = chain(retry(guard.RetryOptions{}), oneShot, func(context.Context) error { calls++; panic("boom") })(t.Context())
	})
	assert.Equal(t, 1, calls)
}
