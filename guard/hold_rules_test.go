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

// TestHoldRules specifies what holds a connection, what releases it, and what a held call returns.
func TestHoldRules(t *testing.T) {
	t.Parallel()
	t.Run("errors that hold a connection", errorsThatHoldAConnection)
	t.Run("only calls on the same login are held", onlyCallsOnTheSameLoginAreHeld)
	t.Run("calls that release a connection", callsThatReleaseAConnection)
	t.Run("the error of a held call", theErrorOfAHeldCall)
	t.Run("a call that was already under way releases nothing", aCallThatWasAlreadyUnderWayReleasesNothing)
	t.Run("calls without a connection hold nothing", callsWithoutAConnectionHoldNothing)
}

// heldConnection is a held connection, and the calls on it.
type heldConnection struct {
	t    *testing.T
	hold bankmux.Interceptor
}

// call reports whether it was sent, and what came.
func (h heldConnection) call(op bankmux.Op, answer error) (sent bool, err error) {
	err = h.hold(h.t.Context(), op, func(context.Context) error { sent = true; return answer })
	return sent, err
}

func (h heldConnection) sends(op bankmux.Op, answer error) bool {
	sent, err := h.call(op, answer)
	if sent {
		assert.Equal(h.t, answer, err, "the result is returned unchanged")
	}
	return sent
}

func holding(t *testing.T, heldBy error) heldConnection {
	h := heldConnection{t, guard.Hold()}
	if heldBy != nil {
		require.True(t, h.sends(data("Accounts", "r", ""), heldBy))
	}
	return h
}

var errRejected = &bankmux.Error{
	Kind:   bankmux.ErrReauth,
	Client: "c",
	Op:     "Accounts",
	Code:   "INVALID_CREDENTIALS",
	Status: 400,
}

func errorsThatHoldAConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		holds bool
	}{
		"a question":                        {asking("x"), true},
		"a rejected login":                  {errRejected, true},
		"one with a code that is not known": {&bankmux.Error{Kind: bankmux.ErrReauth, Unlisted: true}, false},
		"one that was not sent":             {&bankmux.Error{Kind: bankmux.ErrReauth, NotSent: true}, false},
		"a lapsed consent":                  {&bankmux.Error{Kind: bankmux.ErrConsent, Code: "x"}, false},
		"an outage":                         {errDown, false},
		"an error without a kind":           {errors.New("?"), false},
		"a success":                         {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, !c.holds, holding(t, c.err).sends(data("Balances", "r", ""), nil))
			})
		})
	}
}

func onlyCallsOnTheSameLoginAreHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*bankmux.Op)
		sends  bool
	}{
		"the same, whatever is read": {func(o *bankmux.Op) { o.Name, o.Product, o.User = "Sync", "x", "u" }, false},
		"another client":             {func(o *bankmux.Op) { o.Client = "d" }, true},
		"another connection":         {func(o *bankmux.Op) { o.Connection = "2" }, true},
		"another login":              {func(o *bankmux.Op) { o.Reference = bankmux.NewSecret("s") }, true},
		"no connection":              {func(o *bankmux.Op) { o.Connection = "" }, true},
		"a session for a new login":  {func(o *bankmux.Op) { o.Name = "CreateSession" }, true},
		"an exchange":                {func(o *bankmux.Op) { o.Name = "ExchangeToken" }, true},
		"a disconnect":               {func(o *bankmux.Op) { o.Name = "Disconnect" }, true},
		"its status":                 {func(o *bankmux.Op) { o.Name = "ConnectionStatus" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, by := range []error{errRejected, asking("x")} {
					h := holding(t, by)
					op := data("Accounts", "r", "")
					c.change(&op)
					assert.Equal(t, c.sends, h.sends(op, errDown))
					assert.False(t, h.sends(data("Balances", "r", ""), nil), "which changes nothing")
				}
			})
		})
	}
}

func callsThatReleaseAConnection(t *testing.T) {
	t.Parallel()
	answering := data("Accounts", "r", "x")
	given, other := data("Accounts", "r", "x"), data("Accounts", "r", "y")
	given.Abandon, other.Abandon = true, true
	for name, c := range map[string]struct {
		op            bankmux.Op
		err           error
		login, asking bool // whether it releases a connection held for either
	}{
		"an exchange":               {data("ExchangeToken", "r", ""), nil, true, true},
		"an exchange that failed":   {data("ExchangeToken", "r", ""), errDown, false, false},
		"a session for a new login": {data("CreateSession", "r", ""), nil, false, false},
		"a disconnect":              {data("Disconnect", "r", ""), nil, true, true},
		"a disconnect that failed":  {data("Disconnect", "r", ""), errDown, false, false},
		"the answer":                {answering, nil, false, true},
		"the answer, which was rejected": {
			answering, &bankmux.Error{Kind: bankmux.ErrAnswerRejected, Code: "x"}, false, true,
		},
		"the answer, refused before it left": {
			answering, &bankmux.Error{Kind: bankmux.ErrInvalid, NotSent: true}, false, true,
		},
		"the answer, which was lost":           {answering, errDown, false, false},
		"the answer, lost without a kind":      {answering, errors.New("broken pipe"), false, false},
		"the answer, and the login is refused": {answering, errRejected, false, false},
		"the answer to another challenge":      {data("Accounts", "r", "y"), nil, false, false},
		"the user abandons it": {
			given, &bankmux.Error{Kind: bankmux.ErrUserAction, Code: "cancelled"}, false, true,
		},
		"the user abandons another one": {
			other, &bankmux.Error{Kind: bankmux.ErrUserAction, Code: "cancelled"}, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				login := holding(t, errRejected)
				login.sends(c.op, c.err)
				assert.Equal(t, c.login, login.sends(data("Balances", "r", ""), nil))
				question := holding(t, asking("x"))
				question.sends(c.op, c.err)
				assert.Equal(t, c.asking, question.sends(data("Balances", "r", ""), nil))
			})
		})
	}
}

func theErrorOfAHeldCall(t *testing.T) {
	t.Parallel()
	t.Run("the rejection, as one that was not sent and is of no call yet", func(t *testing.T) {
		t.Parallel()
		_, err := holding(t, errRejected).call(data("Balances", "r", ""), nil)
		assert.Equal(
			t,
			&bankmux.Error{Kind: bankmux.ErrReauth, Code: "INVALID_CREDENTIALS", Status: 400, NotSent: true},
			err,
		)
		assert.Equal(t, "Accounts", errRejected.Op, "the earlier error is not changed")
		assert.False(t, errRejected.NotSent)
	})
	t.Run("the rejection, also where it answers a challenge that is gone", func(t *testing.T) {
		t.Parallel()
		_, err := holding(t, errRejected).call(data("Balances", "r", "x"), nil)
		assert.ErrorIs(t, err, bankmux.ErrReauth)
	})
	t.Run("the challenge, until it expires", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := holding(t, asking("x"))
			time.Sleep(time.Minute - 1)
			_, err := h.call(data("Balances", "r", ""), nil)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.True(t, e.NotSent)
			assert.Empty(t, e.Op+e.Client)
			assert.Equal(t, "x", e.Challenge.ID)
			time.Sleep(time.Nanosecond)
			assert.True(t, h.sends(data("Balances", "r", ""), nil))
			assert.True(t, h.sends(data("Balances", "r", "x"), nil))
		})
	})
	t.Run("that another challenge is open, where it answers an older one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, err := holding(t, asking("x")).call(data("Accounts", "r", "old"), nil)
			assert.Equal(
				t,
				&bankmux.Error{
					Kind:    bankmux.ErrChallengeExpired,
					Detail:  "another challenge is open now",
					NotSent: true,
				},
				err,
			)
		})
	})
	t.Run("an abandoned challenge that is not open changes nothing", func(t *testing.T) {
		t.Parallel()
		op := data("Accounts", "r", "x")
		op.Abandon = true
		assert.True(t, holding(t, nil).sends(op, errDown))
	})
}

func aCallThatWasAlreadyUnderWayReleasesNothing(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]error{"a rejected login": errRejected, "a question": asking("x")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := holding(t, nil)
				require.NoError(t, h.hold(t.Context(), data("Balances", "r", ""), func(context.Context) error {
					h.sends(data("Accounts", "r", ""), by)
					return nil
				}))
				assert.False(t, h.sends(data("Balances", "r", ""), nil))
			})
		})
	}
}

func callsWithoutAConnectionHoldNothing(t *testing.T) {
	t.Parallel()
	h := holding(t, nil)
	op := data("Institutions", "", "")
	op.Connection, op.Reference = "", bankmux.Secret{}
	for _, by := range []error{errRejected, asking("x")} {
		assert.True(t, h.sends(op, by))
		assert.True(t, h.sends(op, nil))
	}
}
