package guard_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestHold specifies what holds a connection, what ends it, and how many are remembered.
func TestHold(t *testing.T) {
	t.Parallel()
	t.Run("an open challenge holds other calls", anOpenChallengeHoldsOtherCalls)
	t.Run("a rejected login holds until the reference changes", aRejectedLoginHoldsUntilTheReferenceChanges)
	t.Run("the number of held connections is bounded", theNumberOfHeldConnectionsIsBounded)
	t.Run("expired challenges are forgotten before rejected logins", expiredChallengesAreForgottenBeforeRejectedLogins)
}

func data(name, reference, challenge string) bankmux.Op {
	return bankmux.Op{
		Name:       name,
		Group:      bankmux.GroupData,
		Effect:     bankmux.Read,
		Client:     "c",
		Connection: "1",
		Reference:  bankmux.NewSecret(reference),
		Challenge:  challenge,
	}
}

// asking is the error of a call that the bank interrupted.
func asking(id string) error {
	return &bankmux.Error{
		Kind:      bankmux.ErrUserAction,
		Client:    "c",
		Op:        "Accounts",
		Challenge: &bankmux.Challenge{ID: id, ExpiresAt: time.Now().Add(time.Minute)},
	}
}

func anOpenChallengeHoldsOtherCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := guard.Hold()
		sent := 0
		call := func(op bankmux.Op, answer error) error {
			return hold(t.Context(), op, func(context.Context) error { sent++; return answer })
		}
		open := call(data("Accounts", "r", ""), asking("x"))
		require.ErrorIs(t, open, bankmux.ErrUserAction)
		err := call(data("Balances", "r", ""), nil)
		e, ok := errors.AsType[*bankmux.Error](err)
		require.True(t, ok)
		assert.Equal(t, "x", e.Challenge.ID, "it gets the challenge")
		assert.True(t, e.NotSent)
		assert.Equal(t, 1, sent)
		require.ErrorIs(t, call(data("Accounts", "r", "another"), nil), bankmux.ErrChallengeExpired)
		require.NoError(
			t,
			call(bankmux.Op{Name: "Accounts", Client: "c", Connection: "2", Reference: bankmux.NewSecret("s")}, nil),
			"other connections are free",
		)
		require.NoError(t, call(bankmux.Op{Name: "Institutions", Client: "c"}, nil))
		aside := data("Operation", "r", "")
		aside.Aside = true
		require.NoError(t, call(aside, nil), "what asks about an earlier call passes")
		require.Error(t, call(data("Balances", "r", ""), nil), "and leaves the challenge open")

		// A lost response leaves the challenge open. Then comes the next round, then the end.
		require.Error(t, call(data("Accounts", "r", "x"), &bankmux.Error{Kind: bankmux.ErrUnavailable}))
		require.Error(t, call(data("Balances", "r", ""), nil))
		require.Error(t, call(data("Accounts", "r", "x"), asking("y")))
		require.ErrorIs(
			t,
			call(data("Accounts", "r", "x"), nil),
			bankmux.ErrChallengeExpired,
			"the first round is over",
		)
		require.NoError(t, call(data("Accounts", "r", "y"), nil))
		require.NoError(t, call(data("Balances", "r", ""), nil))

		// A rejected answer ends it, and so do abandoning, disconnecting and time.
		ends := map[string]func(){
			"rejected": func() {
				_ = call(data("Accounts", "r", "x"), &bankmux.Error{Kind: bankmux.ErrAnswerRejected})
			},
			"abandoned": func() {
				op := data("Accounts", "r", "x")
				op.Abandon = true
				_ = call(op, bankmux.ErrUserAction)
			},
			"disconnected": func() { _ = call(data("Disconnect", "r", ""), nil) },
			"expired":      func() { time.Sleep(time.Minute) },
		}
		for name, end := range ends {
			require.Error(t, call(data("Accounts", "r", ""), asking("x")), name)
			require.Error(t, call(data("Balances", "r", ""), nil), name)
			end()
			assert.NoError(t, call(data("Balances", "r", ""), nil), name)
		}
	})
}

func aRejectedLoginHoldsUntilTheReferenceChanges(t *testing.T) {
	t.Parallel()
	hold := guard.Hold()
	sent := 0
	call := func(op bankmux.Op, answer error) error {
		return hold(t.Context(), op, func(context.Context) error { sent++; return answer })
	}
	require.Error(
		t,
		call(data("Accounts", "old", ""), &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}),
	)
	for range 3 {
		err := call(data("Balances", "old", ""), nil)
		require.ErrorIs(t, err, bankmux.ErrReauth)
	}
	assert.Equal(t, 1, sent)
	require.NoError(t, call(data("Balances", "new", ""), nil), "a new login is another reference")
	require.Error(t, call(data("Accounts", "odd", ""), &bankmux.Error{Kind: bankmux.ErrReauth, Unlisted: true}))
	require.NoError(t, call(data("Accounts", "odd", ""), nil), "an unlisted code does not hold")
	require.Error(t, call(data("Accounts", "seen", ""), &bankmux.Error{Kind: bankmux.ErrReauth, NotSent: true}))
	require.NoError(t, call(data("Accounts", "seen", ""), nil))
}

func theNumberOfHeldConnectionsIsBounded(t *testing.T) {
	t.Parallel()
	hold := guard.Hold()
	for i := range 25_000 {
		op := bankmux.Op{Name: "Accounts", Client: "c", Connection: fmt.Sprint(i), Reference: bankmux.NewSecret("r")}
		_ = hold(t.Context(), op, func(context.Context) error { return &bankmux.Error{Kind: bankmux.ErrReauth} })
	}
	passed := 0
	for i := range 25_000 {
		op := bankmux.Op{Name: "Accounts", Client: "c", Connection: fmt.Sprint(i), Reference: bankmux.NewSecret("r")}
		_ = hold(t.Context(), op, func(context.Context) error { passed++; return nil })
	}
	assert.GreaterOrEqual(t, passed, 15_000)
}

func expiredChallengesAreForgottenBeforeRejectedLogins(t *testing.T) {
	t.Parallel()
	const bound = 10_000
	// fill holds the connections first to first+n-1. passed counts those that are not held.
	ask := func(hold bankmux.Interceptor, i int, err error) (sent bool) {
		op := data("Accounts", "r", "")
		op.Connection = fmt.Sprint(i)
		_ = hold(context.Background(), op, func(context.Context) error { sent = true; return err })
		return sent
	}
	rejected := &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}
	challenge := func(d time.Duration) error {
		return &bankmux.Error{
			Kind:      bankmux.ErrUserAction,
			Challenge: &bankmux.Challenge{ID: "x", ExpiresAt: time.Now().Add(d)},
		}
	}
	passed := func(hold bankmux.Interceptor, first, n int) (count int) {
		for i := first; i < first+n; i++ {
			if ask(hold, i, nil) {
				count++
			}
		}
		return count
	}
	fill := func(hold bankmux.Interceptor, first, n int, err error) {
		for i := first; i < first+n; i++ {
			ask(hold, i, err)
		}
	}
	t.Run("expired challenges go, rejected logins and open challenges stay", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			hold := guard.Hold()
			fill(hold, 0, 500, rejected)
			fill(hold, 1_000, 9_000, challenge(time.Minute))
			fill(hold, 500, 500, rejected)
			time.Sleep(time.Minute)
			fill(hold, 20_000, 500, challenge(time.Minute))
			fill(hold, 30_000, 8_500, rejected)
			assert.Zero(t, passed(hold, 0, 1_000), "the rejected logins from before and among the challenges")
			assert.Zero(t, passed(hold, 20_000, 500), "the open challenges")
			assert.Zero(t, passed(hold, 30_000, 8_500), "the rejected logins after them")
		})
	})
	t.Run(
		"each new hold replaces one expired challenge and nothing else",
		func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hold := guard.Hold()
				fill(hold, 0, 200, challenge(time.Minute))
				fill(hold, 1_000, 9_800, rejected)
				time.Sleep(time.Minute)
				fill(hold, 20_000, 200, rejected)
				assert.Zero(t, passed(hold, 1_000, 9_800), "the rejected logins from before")
				assert.Zero(t, passed(hold, 20_000, 200), "and those that replaced them")
				fill(hold, 30_000, 1, rejected)
				assert.Equal(t, 1, passed(hold, 1_000, 9_800), "then each new hold replaces one")
			})
		},
	)
	t.Run("expired challenges go first, whatever was held, released and held again before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			hold := guard.Hold()
			fill(hold, 0, 4_000, rejected)
			fill(hold, 4_000, 4_000, challenge(time.Minute))
			free := data("ExchangeToken", "r", "")
			for i := 0; i < 8_000; i += 2 { // every second one is linked again
				free.Connection = fmt.Sprint(i)
				require.NoError(t, hold(t.Context(), free, func(context.Context) error { return nil }))
			}
			fill(hold, 10_000, 4_000, challenge(time.Hour))
			time.Sleep(time.Minute)
			fill(hold, 20_000, 4_000, rejected)
			kept := 0
			for i := 1; i < 4_000; i += 2 {
				kept += 1 - passed(hold, i, 1)
			}
			assert.Equal(t, 2_000, kept, "the rejected logins")
			assert.Zero(t, passed(hold, 10_000, 4_000), "the open challenges")
			assert.Zero(t, passed(hold, 20_000, 4_000), "those that replaced them")
		})
	})
	t.Run("then open challenges go, those first that expire soonest", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			hold := guard.Hold()
			fill(hold, 0, 1_000, challenge(3*time.Minute))
			fill(hold, 1_000, 8_000, rejected)
			fill(hold, 9_000, 1_000, challenge(2*time.Minute))
			fill(hold, 10_000, 1_000, rejected)
			assert.Zero(t, passed(hold, 1_000, 8_000))
			assert.Zero(t, passed(hold, 10_000, 1_000), "the newest holds")
			assert.Zero(t, passed(hold, 0, 1_000), "they expire last")
			assert.Equal(t, 1_000, passed(hold, 9_000, 1_000))
		})
	})
	t.Run("then the oldest rejected logins, one for one", func(t *testing.T) {
		t.Parallel()
		hold := guard.Hold()
		fill(hold, 0, bound, rejected)
		assert.Zero(t, passed(hold, 0, bound), "so many are remembered")
		fill(hold, bound, 700, rejected)
		assert.Zero(t, passed(hold, 700, bound))
		assert.Equal(t, 700, passed(hold, 0, 700))
	})
	t.Run("a connection that is held already needs no room", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			hold := guard.Hold()
			fill(hold, 0, bound-1, rejected)
			fill(hold, bound, 1, challenge(time.Minute))
			op := data("Accounts", "r", "x")
			op.Connection = fmt.Sprint(bound)
			again := &bankmux.Error{
				Kind:      bankmux.ErrUserAction,
				Challenge: &bankmux.Challenge{ID: "y", ExpiresAt: time.Now().Add(time.Minute)},
			}
			require.Error(t, hold(t.Context(), op, func(context.Context) error { return again }))
			assert.Zero(t, passed(hold, 0, bound-1))
		})
	})
}
