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

func data(name, reference, challenge string) bankmux.Op {
	return bankmux.Op{Name: name, Group: bankmux.GroupData, Effect: bankmux.Read, Client: "c", Connection: "1", Reference: bankmux.NewSecret(reference), Challenge: challenge}
}

// asking is the error of a call that the bank interrupted.
func asking(id string) error {
	return &bankmux.Error{Kind: bankmux.ErrUserAction, Client: "c", Op: "Accounts", Challenge: &bankmux.Challenge{ID: id, ExpiresAt: time.Now().Add(time.Minute)}}
}

func TestAnOpenChallengeKeepsOtherCallsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		park := guard.Park()
		sent := 0
		call := func(op bankmux.Op, answer error) error {
			return park(t.Context(), op, func(context.Context) error { sent++; return answer })
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
		require.NoError(t, call(bankmux.Op{Name: "Accounts", Client: "c", Connection: "2", Reference: bankmux.NewSecret("s")}, nil), "other connections are free")
		require.NoError(t, call(bankmux.Op{Name: "Institutions", Client: "c"}, nil))

		// No answer came: it is open still. Then the next round, then the end.
		require.Error(t, call(data("Accounts", "r", "x"), &bankmux.Error{Kind: bankmux.ErrUnavailable}))
		require.Error(t, call(data("Balances", "r", ""), nil))
		require.Error(t, call(data("Accounts", "r", "x"), asking("y")))
		require.ErrorIs(t, call(data("Accounts", "r", "x"), nil), bankmux.ErrChallengeExpired, "the first round is over")
		require.NoError(t, call(data("Accounts", "r", "y"), nil))
		require.NoError(t, call(data("Balances", "r", ""), nil))

		// A rejected answer ends it, and so do abandoning, disconnecting and time.
		ends := map[string]func(){
			"rejected":     func() { _ = call(data("Accounts", "r", "x"), &bankmux.Error{Kind: bankmux.ErrAnswerRejected}) },
			"abandoned":    func() { op := data("Accounts", "r", "x"); op.Abandon = true; _ = call(op, bankmux.ErrUserAction) },
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

func TestARejectedLoginParksUntilTheReferenceChanges(t *testing.T) {
	t.Parallel()
	park := guard.Park()
	sent := 0
	call := func(op bankmux.Op, answer error) error {
		return park(t.Context(), op, func(context.Context) error { sent++; return answer })
	}
	require.Error(t, call(data("Accounts", "old", ""), &bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS"}))
	for range 3 {
		err := call(data("Balances", "old", ""), nil)
		require.ErrorIs(t, err, bankmux.ErrReauth)
	}
	assert.Equal(t, 1, sent)
	require.NoError(t, call(data("Balances", "new", ""), nil), "a new login is another reference")
	require.Error(t, call(data("Accounts", "odd", ""), &bankmux.Error{Kind: bankmux.ErrReauth, Unlisted: true}))
	require.NoError(t, call(data("Accounts", "odd", ""), nil), "what nobody listed is no verdict")
	require.Error(t, call(data("Accounts", "seen", ""), &bankmux.Error{Kind: bankmux.ErrReauth, NotSent: true}))
	require.NoError(t, call(data("Accounts", "seen", ""), nil))
}

func TestWhatIsParkedIsBounded(t *testing.T) {
	t.Parallel()
	park := guard.Park()
	for i := range 25_000 {
		op := bankmux.Op{Name: "Accounts", Client: "c", Connection: fmt.Sprint(i), Reference: bankmux.NewSecret("r")}
		_ = park(t.Context(), op, func(context.Context) error { return &bankmux.Error{Kind: bankmux.ErrReauth} })
	}
	passed := 0
	for i := range 25_000 {
		op := bankmux.Op{Name: "Accounts", Client: "c", Connection: fmt.Sprint(i), Reference: bankmux.NewSecret("r")}
		_ = park(t.Context(), op, func(context.Context) error { passed++; return nil })
	}
	assert.GreaterOrEqual(t, passed, 15_000)
}
