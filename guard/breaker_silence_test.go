package guard_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestBreakerSilence specifies which silence counts against the provider.
func TestBreakerSilence(t *testing.T) {
	t.Parallel()
	t.Run("only the silence of a single institution is excused", onlyTheSilenceOfASingleInstitutionIsExcused)
	t.Run("excused silence is not counted", excusedSilenceIsNotCounted)
	t.Run("breakers without institutions excuse no silence", breakersWithoutInstitutionsExcuseNoSilence)
	t.Run("each error is a failure, a success or neither", eachErrorIsAFailureASuccessOrNeither)
	t.Run("silence counts from exactly Patience on", silenceCountsFromExactlyPatienceOn)
}

// atBanks calls a guard that knows of banks, without breakers for them.
func atBanks(t *testing.T) (call func(op bankmux.Op, err error), state func() string) {
	g := guard.New(
		guard.Options{
			Retry:        guard.RetryOptions{MaxAttempts: 1},
			Institutions: guard.InstitutionOptions{Disabled: true},
		},
	)
	in := g.Interceptors(func(o *guard.Options) {
		o.AtInstitution = func(op bankmux.Op) bool { return op.Name == "AtInstitution" }
	})
	call = func(op bankmux.Op, err error) {
		_ = chain(in, op, func(context.Context) error {
			time.Sleep(10 * time.Second)
			return err
		})(t.Context())
	}
	return call, func() string { return g.Breakers()[0].State }
}

func onlyTheSilenceOfASingleInstitutionIsExcused(t *testing.T) {
	t.Parallel()
	silence := &bankmux.Error{Kind: bankmux.ErrUnavailable, Err: context.DeadlineExceeded}
	at := bankmux.Op{
		Name: "AtInstitution", Client: "c", Group: bankmux.GroupData, Effect: bankmux.Read, Institution: "a",
	}
	no, other, start, turn := at, at, at, at
	no.Institution, other.Name, start.Effect, turn.Institution = "", "AtProvider", bankmux.Idempotent, "b"
	for name, c := range map[string]struct {
		ops  []bankmux.Op
		errs []error
		open bool
	}{
		"one bank that is silent":           {[]bankmux.Op{at}, []error{silence}, false},
		"a call that concerns no bank":      {[]bankmux.Op{no}, []error{silence}, true},
		"a call that the provider answers":  {[]bankmux.Op{other}, []error{silence}, true},
		"a call that only starts something": {[]bankmux.Op{start}, []error{silence}, true},
		"two banks that are silent in turn": {[]bankmux.Op{at, turn}, []error{silence}, true},
		"a response that started to arrive": {
			[]bankmux.Op{at},
			[]error{&bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 200, Err: context.DeadlineExceeded}},
			true,
		},
		"a connection that was not made": {
			[]bankmux.Op{at},
			[]error{&bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true, Err: context.DeadlineExceeded}},
			true,
		},
		"a failure that is not silence": {
			[]bankmux.Op{at}, []error{&bankmux.Error{Kind: bankmux.ErrUnavailable, Err: errors.New("reset")}}, true,
		},
		"an error without a kind": {
			[]bankmux.Op{at}, []error{context.DeadlineExceeded}, true,
		},
		"one bank that is silent while the provider fails": {[]bankmux.Op{at}, []error{silence, errDown}, false},
		"one bank that is silent after the provider failed": {
			[]bankmux.Op{at}, []error{errDown, errDown, errDown, errDown, errDown, silence}, true,
		},
		"one bank that is silent, and again after it answered": {
			[]bankmux.Op{at}, []error{silence, nil, silence, errDown, errDown, errDown}, false,
		},
		"and its silence counts once more, after it had answered": {
			[]bankmux.Op{at}, []error{nil, silence, errDown, errDown, errDown, errDown, errDown}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				call, state := atBanks(t)
				for i := range max(6, len(c.errs)) {
					call(c.ops[i%len(c.ops)], c.errs[i%len(c.errs)])
				}
				assert.Equal(t, c.open, state() == "open")
			})
		})
	}
}

func excusedSilenceIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := guard.New(
			guard.Options{
				Retry:        guard.RetryOptions{MaxAttempts: 1},
				Institutions: guard.InstitutionOptions{Disabled: true},
			},
		)
		in := g.Interceptors(func(o *guard.Options) { o.AtInstitution = func(bankmux.Op) bool { return true } })
		op := read
		op.Institution = "a"
		silence := &bankmux.Error{Kind: bankmux.ErrUnavailable, Err: context.DeadlineExceeded}
		for range 10 {
			require.Error(t, chain(in, op, func(context.Context) error { return silence })(t.Context()))
		}
		assert.Equal(t, [2]uint32{1, 1}, [2]uint32{g.Breakers()[0].Requests, g.Breakers()[0].Failures})
	})
}

func breakersWithoutInstitutionsExcuseNoSilence(t *testing.T) {
	t.Parallel()
	b := breakers(guard.BreakerOptions{})
	op := read
	op.Institution = "a"
	for range 6 {
		require.Error(
			t,
			b.call(t.Context(), op, &bankmux.Error{Kind: bankmux.ErrUnavailable, Err: context.DeadlineExceeded}),
		)
	}
	assert.Equal(t, "open", b.state(op))
}

// What an error says of the provider: a failure, a success, which ends a row of failures, or
// neither.
func eachErrorIsAFailureASuccessOrNeither(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"refused before it left": {
			&bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}, "nothing",
		},
		"the token endpoint refused": {
			&bankmux.Error{Kind: bankmux.ErrCredentials, NotSent: true, Status: 401}, "success",
		},
		"sent and refused without a status": {&bankmux.Error{Kind: bankmux.ErrInvalid, Code: "x"}, "success"},
		"an unknown error with a code":      {&bankmux.Error{Kind: bankmux.ErrUnknown, Code: "x"}, "success"},
		"an unknown error with a status": {
			&bankmux.Error{Kind: bankmux.ErrUnknown, Status: 400}, "success",
		},
		"an unknown error that was sent": {&bankmux.Error{Kind: bankmux.ErrUnknown}, "failure"},
		"an unknown error before it left": {
			&bankmux.Error{Kind: bankmux.ErrUnknown, NotSent: true}, "nothing",
		},
		"an open circuit further in": {
			&bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true}, "nothing",
		},
		"a rate limit": {errLimit, "nothing"},
		"a code of scope provider": {
			&bankmux.Error{Kind: bankmux.ErrInvalid, Scope: bankmux.ScopeProvider, Code: "x"}, "failure",
		},
		"an error of the application's own code": {
			&bankmux.Error{Kind: bankmux.ErrApplication, Err: context.DeadlineExceeded}, "nothing",
		},
		"an answer": {nil, "success"},
		"the caller's cancellation, however late": {
			&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.Canceled}, "nothing",
		},
		"a caller's deadline after ten seconds": {
			&bankmux.Error{Kind: bankmux.ErrContextDone, Err: context.DeadlineExceeded}, "failure",
		},
		"the end of a context that was never looked": {&bankmux.Error{Kind: bankmux.ErrContextDone}, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := breakers(guard.BreakerOptions{MinRequests: 1000})
				slow := func() {
					_ = chain(
						b.chain,
						read,
						func(context.Context) error { time.Sleep(10 * time.Second); return c.err },
					)(
						t.Context(),
					)
				}
				fail := func(n int) {
					for range n {
						_ = b.call(t.Context(), read, errDown)
					}
				}
				says := "failure"
				fail(5)
				if slow(); b.state(read) != "open" {
					says = "success"
					if fail(1); b.state(read) == "open" {
						says = "nothing"
					}
				}
				assert.Equal(t, c.says, says)
			})
		})
	}
}

func silenceCountsFromExactlyPatienceOn(t *testing.T) {
	t.Parallel()
	once := read
	once.Once = true
	for _, c := range []struct {
		op       bankmux.Op
		patience time.Duration
		wait     time.Duration
		open     bool
	}{
		{read, 0, 5 * time.Second, true},
		{read, 0, 5*time.Second - 1, false},
		{once, 0, time.Second, true},
		{once, 0, time.Second - 1, false},
		{read, time.Minute, 59 * time.Second, false},
		{read, time.Minute, time.Minute, true},
		{once, time.Minute, 12 * time.Second, true},
		{once, time.Minute, 12*time.Second - 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := breakers(guard.BreakerOptions{Patience: c.patience})
			for range 6 {
				ctx, cancel := context.WithTimeout(t.Context(), c.wait)
				require.Error(t, chain(b.chain, c.op, hang)(ctx))
				cancel()
			}
			assert.Equal(t, c.open, b.state(c.op) == "open", "%+v", c)
		})
	}
	for _, c := range []struct {
		wait time.Duration
		open bool
	}{{5 * time.Second, true}, {5*time.Second - 1, false}} { // of a bank
		synctest.Test(t, func(t *testing.T) {
			b := newBanks(t, guard.Options{})
			b.answer = func(ctx context.Context, _ bankmux.Op) error { return hang(ctx) }
			for i := range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), c.wait)
				_ = b.do(
					ctx,
					bankmux.Op{
						Name:        "Accounts",
						Group:       bankmux.GroupData,
						Effect:      bankmux.Read,
						Client:      "dapi",
						Institution: "a",
						Connection:  strconv.Itoa(i),
					},
				)
				cancel()
			}
			assert.Equal(t, c.open, b.of("a") == "open", "%+v", c)
		})
	}
}
