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

func TestEachGroupHasItsDeadline(t *testing.T) {
	t.Parallel()
	own := guard.DeadlineOptions{
		Link: 2 * time.Second, Data: 3 * time.Second, Pay: 4 * time.Second,
		Ops: map[string]time.Duration{"Quick": time.Second, "None": 0},
	}
	for _, c := range []struct {
		name  string
		opts  guard.DeadlineOptions
		group bankmux.Group
		op    string
		want  time.Duration
	}{
		{"linking, by default", guard.DeadlineOptions{}, bankmux.GroupLink, "Op", 30 * time.Second},
		{"data, by default", guard.DeadlineOptions{}, bankmux.GroupData, "Op", time.Minute},
		{"payments, by default", guard.DeadlineOptions{}, bankmux.GroupPay, "Op", 2 * time.Minute},
		{"linking", own, bankmux.GroupLink, "Op", 2 * time.Second},
		{"data", own, bankmux.GroupData, "Op", 3 * time.Second},
		{"payments", own, bankmux.GroupPay, "Op", 4 * time.Second},
		{"an operation of its own", own, bankmux.GroupPay, "Quick", time.Second},
		{"an operation set to zero has its group's", own, bankmux.GroupData, "None", 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				op := bankmux.Op{Name: c.op, Group: c.group, Effect: bankmux.Read}
				err := chain([]bankmux.Interceptor{guard.Deadline(c.opts)}, op, hang)(t.Context())
				assert.Equal(t, c.want, time.Since(began))
				e := asError(t, err)
				assert.Equal(t, bankmux.ErrUnavailable, e.Kind)
				assert.Equal(t, bankmux.ScopeProvider, e.Affects())
				assert.Equal(t, "no answer within "+c.want.String(), e.Detail)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, bankmux.ErrContextDone)
			})
		})
	}
}

func TestTheErrorSaysWhoseTimeRanOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		caller  time.Duration // the caller's own deadline, 0 for none, negative for cancellation after that time
		inner   error         // what the call returns once its context has ended
		kind    bankmux.Kind
		is      error // found by errors.Is
		notSent bool
	}{
		{name: "our deadline", inner: context.DeadlineExceeded, kind: bankmux.ErrUnavailable, is: context.DeadlineExceeded},
		{
			name:  "our deadline before the request left",
			inner: &bankmux.Error{Kind: bankmux.ErrContextDone, NotSent: true, Err: context.DeadlineExceeded},
			kind:  bankmux.ErrUnavailable, is: context.DeadlineExceeded, notSent: true,
		},
		{name: "our deadline, seen as a broken body", inner: &bankmux.Error{Kind: bankmux.ErrMalformed, Status: 200, Err: context.DeadlineExceeded}, kind: bankmux.ErrUnavailable, is: context.DeadlineExceeded},
		{name: "our deadline, seen as something unknown", inner: errors.New("closed"), kind: bankmux.ErrUnavailable, is: context.DeadlineExceeded},
		{name: "the caller's deadline", caller: time.Second, inner: &bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.DeadlineExceeded}, kind: bankmux.ErrContextDone, is: context.DeadlineExceeded},
		{name: "the caller's cancellation", caller: -time.Second, inner: context.Canceled, kind: bankmux.ErrContextDone, is: context.Canceled},
		{
			name: "the caller's cancellation, seen as a broken connection", caller: -time.Second,
			inner: &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true, Detail: "the connection broke"},
			kind:  bankmux.ErrContextDone, is: context.Canceled, notSent: true,
		},
		{name: "the caller's cancellation, seen as something unknown", caller: -time.Second, inner: errors.New("closed"), kind: bankmux.ErrContextDone, is: context.Canceled},
		{name: "an answer that came all the same", inner: &bankmux.Error{Kind: bankmux.ErrTokenSpent, Status: 400}, kind: bankmux.ErrTokenSpent},
		{name: "an outage that the provider told of", inner: errDown, kind: bankmux.ErrUnavailable},
		{name: "a code that came although the caller has gone", caller: -time.Second, inner: &bankmux.Error{Kind: bankmux.ErrUnknown, Code: "X"}, kind: bankmux.ErrUnknown},
		{name: "a refusal before anything was sent", inner: &bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}, kind: bankmux.ErrInvalid, notSent: true},
		{name: "success", inner: nil, kind: ""},
		{name: "success although the caller has gone", caller: -time.Second, inner: nil, kind: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				want := 30 * time.Second
				switch {
				case c.caller > 0:
					want = c.caller
					ctx, cancel = context.WithTimeout(ctx, want)
					defer cancel()
				case c.caller < 0:
					want = -c.caller
					time.AfterFunc(want, cancel)
				}
				began := time.Now()
				call := func(ctx context.Context) error { <-ctx.Done(); return c.inner }
				err := chain([]bankmux.Interceptor{guard.Deadline(guard.DeadlineOptions{})}, read, call)(ctx)
				assert.Equal(t, want, time.Since(began))
				require.Equal(t, c.kind, bankmux.KindOf(err))
				if c.kind == "" {
					require.NoError(t, err)
					return
				}
				e := asError(t, err)
				assert.Equal(t, c.notSent, e.NotSent)
				if c.is == nil {
					assert.Same(t, c.inner, err, "kept as it is")
					return
				}
				require.ErrorIs(t, err, c.is)
				if errors.Is(c.is, context.DeadlineExceeded) {
					require.NotErrorIs(t, err, context.Canceled)
				}
			})
		})
	}
}

func TestAnErrorBeforeTheDeadlineIsKept(t *testing.T) {
	t.Parallel()
	d := []bankmux.Interceptor{guard.Deadline(guard.DeadlineOptions{})}
	for _, err := range []error{errDown, errors.New("?"), context.Canceled} {
		assert.Equal(t, err, chain(d, read, answers(new(int), err))(t.Context()))
	}
}

func TestTransportsSeeAnOrdinaryDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := chain([]bankmux.Interceptor{guard.Deadline(guard.DeadlineOptions{})}, read, func(ctx context.Context) error {
			<-ctx.Done()
			assert.Equal(t, context.DeadlineExceeded, ctx.Err())
			return context.Cause(ctx) // as net/http does
		})(t.Context())
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, context.DeadlineExceeded, asError(t, err).Err, "our private cause stays private")
	})
}

func TestALocalOperationIsNotBounded(t *testing.T) {
	t.Parallel()
	err := chain([]bankmux.Interceptor{guard.Deadline(guard.DeadlineOptions{})}, local, func(ctx context.Context) error {
		_, has := ctx.Deadline()
		assert.False(t, has)
		return nil
	})(t.Context())
	require.NoError(t, err)
}
