package guard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestRetrySent specifies what the error of a call says about what was sent, if an attempt was sent
// and the next one was not.
func TestRetrySent(t *testing.T) {
	t.Parallel()
	for _, c := range refusals {
		for _, effect := range []bankmux.Effect{bankmux.Read, bankmux.Idempotent} {
			t.Run("a lost "+string(effect)+" whose next attempt "+c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, effect, errDown)
			})
			t.Run("a refused "+string(effect)+" whose next attempt "+c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, effect, errLimit)
			})
		}
	}
	t.Run("attempts that were not sent stay unsent", attemptsThatWereNotSentStayUnsent)
	t.Run("a lost attempt counts among refused ones", aLostAttemptCountsAmongRefusedOnes)
	t.Run("a success after a lost attempt is one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			op, calls := read, 0
			op.Effect = bankmux.Idempotent
			retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}
			require.NoError(t, chain(retry, op, answers(&calls, errDown))(t.Context()))
		})
	})
}

// refusal is a second attempt that does not reach the provider.
type refusal struct {
	name   string
	opts   guard.Options
	absent bool // no user waits for the call
	// first is what else happens while the first attempt runs. in are the interceptors.
	first func(t *testing.T, in []bankmux.Interceptor, op bankmux.Op)
	// second is what a second attempt ends in that passes the guard.
	second *bankmux.Error
	want   bankmux.Kind
	sent   bool // the second attempt was sent, and the provider refused it
}

// other runs another call on the same connection.
func other(name string, ends error) func(*testing.T, []bankmux.Interceptor, bankmux.Op) {
	return func(t *testing.T, in []bankmux.Interceptor, op bankmux.Op) {
		t.Helper()
		op.Name, op.Effect = name, bankmux.Read
		_ = chain(in, op, func(context.Context) error { return ends })(t.Context())
	}
}

var refusals = []refusal{
	{
		name:  "is refused by the provider's circuit",
		opts:  guard.Options{Breaker: guard.BreakerOptions{Consecutive: 1, OpenFor: time.Hour}},
		first: other("Other", &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503, Unlisted: true}),
		want:  bankmux.ErrCircuitOpen,
	},
	{
		name: "is refused by the bank's circuit",
		opts: guard.Options{
			AtInstitution: func(bankmux.Op) bool { return true },
			Breaker:       guard.BreakerOptions{Consecutive: 1, OpenFor: time.Hour},
		},
		first: func(t *testing.T, in []bankmux.Interceptor, op bankmux.Op) {
			t.Helper()
			for range 20 {
				other("Other", &bankmux.Error{Kind: bankmux.ErrInstitution})(t, in, op)
			}
		},
		want: bankmux.ErrInstitution,
	},
	{
		name: "is refused by a budget",
		want: bankmux.ErrRateLimited,
	},
	{
		name:  "is held by a rejected login",
		opts:  guard.Options{Hold: true},
		first: other("Other", &bankmux.Error{Kind: bankmux.ErrReauth}),
		want:  bankmux.ErrReauth,
	},
	{
		name: "is held by a challenge",
		opts: guard.Options{Hold: true},
		first: other("Other", &bankmux.Error{
			Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{ID: "ch-1"},
		}),
		want: bankmux.ErrUserAction,
	},
	{
		name: "is refused because the bank asks and the user is absent",
		opts: guard.Options{Hold: true}, absent: true,
		first: other("Other", &bankmux.Error{
			Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{ID: "ch-1"},
		}),
		want: bankmux.ErrUserAction,
	},
	{
		name: "waits in the queue until the caller leaves",
		opts: guard.Options{OnePerConnection: true},
		first: func(t *testing.T, in []bankmux.Interceptor, op bankmux.Op) {
			t.Helper()
			op.Name, op.Effect = "Other", bankmux.Read
			go func() { // behind the first attempt, and before the second
				_ = chain(in, op, func(context.Context) error {
					<-t.Context().Done()
					return nil
				})(t.Context())
			}()
			synctest.Wait()
		},
		want: bankmux.ErrContextDone,
	},
	{
		name:   "finds no network",
		opts:   guard.Options{Retry: guard.RetryOptions{MaxAttempts: 2}},
		second: &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true},
		want:   bankmux.ErrUnavailable,
	},
	{
		name:   "finds no network, and the caller leaves before the third",
		second: &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true, RetryAfter: 10 * time.Second},
		want:   bankmux.ErrContextDone,
	},
	{
		name:   "is refused by the provider",
		second: &bankmux.Error{Kind: bankmux.ErrGone, Code: "GONE", Status: 404},
		want:   bankmux.ErrGone,
		sent:   true,
	},
}

// check runs a call whose first attempt was sent and ended in an error.
func (c *refusal) check(t *testing.T, effect bankmux.Effect, ended *bankmux.Error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		op, opts := read, c.opts
		op.Group, op.Effect, op.Institution = bankmux.GroupData, effect, "bank"
		if c.second == nil && c.first == nil {
			budgets, err := guard.NewBudgets(guard.Budget{Name: "b", Limit: 1, Window: time.Hour, Reserve: -1})
			require.NoError(t, err)
			opts.Budgets = budgets
		}
		in := guard.New(opts).Interceptors()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(8*time.Second, cancel)
		if c.absent {
			ctx = bankmux.WithoutUser(ctx)
		}
		calls := 0
		err := chain(in, op, func(context.Context) error {
			if calls++; calls > 1 {
				return c.second
			}
			if c.first != nil {
				c.first(t, in, op)
			}
			return ended
		})(ctx)
		e := bankmux.ErrorOf(err)
		require.NotNil(t, e)
		assert.Equal(t, c.want, e.Kind)
		if c.second == nil {
			assert.Equal(t, 1, calls)
		}
		assert.False(t, e.NotSent, "the first attempt was sent")
		lost := effect != bankmux.Read && ended == errDown
		assert.Equal(t, lost, e.Lost)
		if lost {
			assert.False(t, bankmux.OutcomeKnown(err), "the first attempt may have been carried out")
		}
		if !c.sent || lost {
			require.ErrorIs(t, err, ended.Kind, "what the first attempt ended in stays visible")
			assert.NotContains(t, err.Error(), "\n")
		}
		cancel()
	})
}

func attemptsThatWereNotSentStayUnsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		unsent, calls := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}, 0
		retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}
		for _, op := range []bankmux.Op{read, oneShot} {
			err := chain(retry, op, func(context.Context) error { calls++; return unsent })(t.Context())
			assert.Same(t, unsent, err)
			assert.True(t, bankmux.OutcomeKnown(err))
		}
		assert.Equal(t, 6, calls)
	})
}

func aLostAttemptCountsAmongRefusedOnes(t *testing.T) {
	t.Parallel()
	unsent := &bankmux.Error{Kind: bankmux.ErrUnavailable, NotSent: true}
	for name, all := range map[string][]error{
		"lost, refused, unsent": {errDown, errLimit, unsent},
		"refused, lost, unsent": {errLimit, errDown, unsent},
		"unsent, lost, refused": {unsent, errDown, errLimit},
		"lost, unsent, refused": {errDown, unsent, errLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				op, calls := read, 0
				op.Effect = bankmux.Idempotent
				retry := []bankmux.Interceptor{guard.Retry(guard.RetryOptions{})}
				err := chain(retry, op, answers(&calls, all...))(t.Context())
				require.Error(t, err)
				assert.False(t, bankmux.OutcomeKnown(err))
				assert.False(t, bankmux.ErrorOf(err).NotSent)
				assert.True(t, bankmux.ErrorOf(err).Lost)
			})
		})
	}
}
