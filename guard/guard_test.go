package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

var (
	read = bankmux.Op{
		Name:       "Read",
		Client:     "c",
		Provider:   "p",
		Group:      bankmux.GroupLink,
		Effect:     bankmux.Read,
		Connection: "conn-1",
	}
	oneShot = bankmux.Op{
		Name:     "Exchange",
		Client:   "c",
		Provider: "p",
		Group:    bankmux.GroupLink,
		Effect:   bankmux.OneShot,
	}
	local    = bankmux.Op{Name: "Create", Client: "c", Provider: "p", Group: bankmux.GroupLink, Effect: bankmux.Local}
	errDown  = &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
	errLimit = &bankmux.Error{Kind: bankmux.ErrRateLimited, Code: "slow", Status: 429}
)

// chain joins interceptors, outermost first.
func chain(in []bankmux.Interceptor, op bankmux.Op, call func(context.Context) error) func(context.Context) error {
	for i := len(in) - 1; i >= 0; i-- {
		next, interceptor := call, in[i]
		call = func(ctx context.Context) error { return interceptor(ctx, op, next) }
	}
	return call
}

// answers returns a call that fails with each error in turn, then succeeds.
func answers(calls *int, errs ...error) func(context.Context) error {
	return func(context.Context) error {
		*calls++
		if *calls <= len(errs) {
			return errs[*calls-1]
		}
		return nil
	}
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return &bankmux.Error{Kind: bankmux.ErrContextDone, Err: ctx.Err()}
}

func TestOnlyWhatIsSafeAndMayHelpIsRepeated(t *testing.T) {
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
		{"an open circuit", read, &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, RetryAfter: time.Second}, 1, bankmux.ErrCircuitOpen},
		{"a rejected login", read, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}, 1, bankmux.ErrReauth},
		{"a code nobody listed", read, &bankmux.Error{Kind: bankmux.ErrUnavailable, Code: "new", Unlisted: true}, 1, bankmux.ErrUnavailable},
		{"a malformed answer", read, &bankmux.Error{Kind: bankmux.ErrMalformed}, 1, bankmux.ErrMalformed},
		{"while another candidate remains", once, errDown, 1, bankmux.ErrUnavailable},
		{"a read with the user's answers that never left", answering, &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, 3, bankmux.ErrUnavailable},
		{"a read with the user's answers that was sent", answering, errDown, 1, bankmux.ErrUnavailable},
		{"a local operation", local, errDown, 1, bankmux.ErrUnavailable},
		{"a one-shot that never left", oneShot, &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, 3, bankmux.ErrUnavailable},
		{"a one-shot that was sent", oneShot, errDown, 1, bankmux.ErrOutcomeUnknown},
		{"a one-shot with an unreadable answer", oneShot, &bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200}, 1, bankmux.ErrOutcomeUnknown},
		{"a one-shot cut short by the caller", oneShot, &bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}, 1, bankmux.ErrOutcomeUnknown},
		{"a one-shot that was refused", oneShot, &bankmux.Error{Kind: bankmux.ErrTokenSpent, Code: "x", Status: 400}, 1, bankmux.ErrTokenSpent},
		{"a one-shot failing with an envelope", oneShot, &bankmux.Error{Kind: bankmux.ErrUnknown, Code: "UNKNOWN_ERROR", Status: 500}, 1, bankmux.ErrUnknown},
		{"a foreign error of a one-shot", oneShot, errors.New("?"), 1, bankmux.ErrOutcomeUnknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := chain(
				[]bankmux.Interceptor{guard.Retry(guard.RetryOptions{})},
				c.op,
				answers(&calls, c.err, c.err, c.err, c.err),
			)(
				t.Context(),
			)
			assert.Equal(t, c.calls, calls, c.name)
			assert.Equal(t, c.kind, bankmux.KindOf(err), c.name)
			if c.kind == bankmux.ErrOutcomeUnknown {
				require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
				if inner, ok := errors.AsType[*bankmux.Error](c.err); ok {
					require.ErrorIs(t, err, inner.Kind, "%s: the cause stays visible", c.name)
				}
			}
		})
	}
}

func TestRetryWaitsAsLongAsTheProviderAsks(t *testing.T) {
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

func TestRetryDoesNotBeginAWaitBeyondTheCallersDeadline(t *testing.T) {
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

func TestCancellationWhileWaitingKeepsTheLastError(t *testing.T) {
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

func TestDeadlineSaysWhoseTimeRanOut(t *testing.T) {
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
		require.ErrorContains(t, err, "no answer came within 20s")
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
		require.Equal(t, answer, err, "an answer that came all the same is kept")
		require.NoError(t, chain(d, read, func(ctx context.Context) error { <-ctx.Done(); return nil })(t.Context()))
		start = time.Now()
		require.NoError(
			t,
			chain(d, local, func(context.Context) error { time.Sleep(time.Hour); return nil })(t.Context()),
		)
		assert.Equal(t, time.Hour, time.Since(start), "a local operation is not bounded")
	})
}

func TestCallsOnOneConnectionQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := []bankmux.Interceptor{guard.OnePerConnection()}
		running, most, done := 0, 0, 0
		call := func(context.Context) error {
			running++
			most = max(most, running)
			time.Sleep(time.Second)
			running--
			done++
			return nil
		}
		start := time.Now()
		for range 5 {
			go func() { assert.NoError(t, chain(q, read, call)(t.Context())) }()
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		err := chain(q, read, call)(impatient)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent, "cancelled while queued: nothing was sent")

		other := read
		other.Connection = "conn-2"
		at := time.Now()
		require.NoError(t, chain(q, other, func(context.Context) error { return nil })(t.Context()))
		none := read
		none.Connection = ""
		require.NoError(t, chain(q, none, func(context.Context) error { return nil })(t.Context()))
		assert.Zero(t, time.Since(at), "other connections, and calls without one, do not wait")

		assert.Panics(t, func() { _ = chain(q, other, func(context.Context) error { panic("x") })(t.Context()) })
		require.NoError(
			t,
			chain(q, other, func(context.Context) error { return nil })(t.Context()),
			"a panic frees the turn",
		)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, most)
		assert.Equal(t, 5, done)
		assert.GreaterOrEqual(t, time.Since(start), 5*time.Second)
	})
}

func TestTraceWritesOneRecordAnOperationWithItsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := guard.New(guard.Options{Logger: slog.New(slog.NewJSONHandler(&out, nil))})
		op := read
		op.User = "person@example.com"
		calls := 0
		require.NoError(t, chain(g.Interceptors(), op, answers(&calls, errDown))(t.Context()))
		refused := &bankmux.Error{
			Kind:     bankmux.ErrCredentials,
			Provider: "p",
			Code:     "bad_key",
			Status:   401,
			Unlisted: true,
			Err:      errors.New("planted"),
		}
		require.Error(t, chain(g.Interceptors(), op, answers(new(int), refused))(t.Context()))

		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		require.Len(t, lines, 2)
		var ok, bad map[string]any
		require.NoError(t, json.Unmarshal(lines[0], &ok))
		require.NoError(t, json.Unmarshal(lines[1], &bad))
		assert.Equal(t, "INFO", ok["level"])
		assert.EqualValues(t, 2, ok["attempts"])
		assert.Equal(t, "conn-1", ok["connection"])
		assert.Equal(t, "ERROR", bad["level"])
		assert.Equal(t, "credentials_rejected", bad["kind"])
		assert.Equal(t, "bad_key", bad["code"])
		assert.NotContains(t, out.String(), "person@example.com")
		assert.NotContains(t, out.String(), "planted")
		assert.Equal(t, map[string]uint64{"p bad_key": 1}, g.UnlistedCodes())
	})
}

func TestAnInterceptorOutsideReadsTheAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(guard.Options{})
		ctx, record := guard.WithRecord(t.Context())
		require.NoError(t, chain(g.Interceptors(), read, answers(new(int), errDown, errLimit))(ctx))
		var kinds []bankmux.Kind
		for _, a := range record.Attempts() {
			kinds = append(kinds, a.Kind)
		}
		assert.Equal(t, []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrRateLimited, ""}, kinds)
		assert.Positive(t, record.Attempts()[1].Waited)
	})
}

func TestAdapterFillsOnlyWhatTheApplicationLeftOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(
			guard.Options{
				Deadline: guard.DeadlineOptions{Link: 2 * time.Second},
				Retry:    guard.RetryOptions{MaxAttempts: 1},
			},
		)
		adapt := func(o *guard.Options) {
			if o.Deadline.Link == 0 {
				o.Deadline.Link = time.Hour
			}
			o.Deadline.Data = 3 * time.Second
		}
		start := time.Now()
		require.Error(t, chain(g.Interceptors(adapt), read, hang)(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(start))
		data := read
		data.Group = bankmux.GroupData
		start = time.Now()
		require.Error(t, chain(g.Interceptors(adapt), data, hang)(t.Context()))
		assert.Equal(t, 3*time.Second, time.Since(start))
		start = time.Now()
		require.Error(t, chain(g.Interceptors(), data, hang)(t.Context()))
		assert.Equal(t, time.Minute, time.Since(start), "another adapter's settings stay its own")
	})
}

func TestUnlistedCodesAreBounded(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	for i := range 300 {
		e := &bankmux.Error{Kind: bankmux.ErrInvalid, Provider: "p", Code: fmt.Sprint("c", i), Unlisted: true}
		require.Error(t, chain(g.Interceptors(), read, answers(new(int), e))(t.Context()))
	}
	assert.Len(t, g.UnlistedCodes(), 256)
}

func BenchmarkChain(b *testing.B) {
	g := guard.New(guard.Options{OnePerConnection: true})
	call := chain(g.Interceptors(), read, func(context.Context) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		if err := call(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefusal(b *testing.B) {
	g := guard.New(
		guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}, Breaker: guard.BreakerOptions{OpenFor: time.Hour}},
	)
	for range 6 {
		_ = chain(g.Interceptors(), read, answers(new(int), errDown))(b.Context())
	}
	call := chain(g.Interceptors(), read, func(context.Context) error { return nil })
	b.ReportAllocs()
	for b.Loop() {
		if err := call(b.Context()); !errors.Is(err, bankmux.ErrCircuitOpen) {
			b.Fatal(err)
		}
	}
}

func TestManyAttemptsWaitNoLongerThanTheCap(t *testing.T) {
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

func TestWhatTheApplicationCancelledWithStaysItsOwn(t *testing.T) {
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

func TestWhatClientsShareIsMadeOnce(t *testing.T) {
	t.Parallel()
	type key struct{ name string }
	g := guard.New(guard.Options{})
	made := 0
	get := func(name string) *int {
		return g.Shared(key{name}, func() any { made++; return new(int) }).(*int) //nolint:forcetypeassert // as made
	}
	assert.Same(t, get("a"), get("a"))
	assert.NotSame(t, get("a"), get("b"))
	assert.Equal(t, 2, made)
	assert.NotSame(t, get("a"), guard.New(guard.Options{}).Shared(key{"a"}, func() any { return new(int) }))
}
