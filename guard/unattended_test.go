package guard_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestUnattended specifies which calls without a user are refused.
func TestUnattended(t *testing.T) {
	t.Parallel()
	const maxAsked = 10_000
	asks := &bankmux.Error{Kind: bankmux.ErrUserAction, Challenge: &bankmux.Challenge{ID: "c"}}
	data := func(connection string) bankmux.Op {
		return bankmux.Op{
			Name:       "Accounts",
			Group:      bankmux.GroupData,
			Effect:     bankmux.Read,
			Client:     "dapi",
			Connection: connection,
		}
	}
	call := func(in bankmux.Interceptor, ctx context.Context, op bankmux.Op, answer error) (sent bool, err error) {
		err = in(ctx, op, func(context.Context) error { sent = true; return answer })
		return sent, err
	}
	t.Run("which calls", func(t *testing.T) {
		t.Parallel()
		absent := bankmux.WithoutUser(t.Context())
		for name, c := range map[string]struct {
			ctx    context.Context
			change func(*bankmux.Op)
			sent   bool
		}{
			"a read that no user waits for": {absent, func(*bankmux.Op) {}, false},
			"a read that says nothing":      {t.Context(), func(*bankmux.Op) {}, true},
			"a read of a waiting user": {
				bankmux.WithPresence(absent, bankmux.Presence{}), func(*bankmux.Op) {}, true,
			},
			"an answer":                   {absent, func(op *bankmux.Op) { op.Challenge = "c" }, true},
			"a status":                    {absent, func(op *bankmux.Op) { op.Group = bankmux.GroupLink }, true},
			"a question about a call":     {absent, func(op *bankmux.Op) { op.Aside = true }, true},
			"what sends nothing":          {absent, func(op *bankmux.Op) { op.Effect = bankmux.Local }, true},
			"another connection":          {absent, func(op *bankmux.Op) { op.Connection = "other" }, true},
			"another client's connection": {absent, func(op *bankmux.Op) { op.Client = "other" }, true},
			"a connection that says so": {
				absent, func(op *bankmux.Op) { op.Connection, op.Asked = "other", true }, false,
			},
			"the same after a new login": {
				absent, func(op *bankmux.Op) { op.Reference = bankmux.NewSecret("new") }, false,
			},
			"a call without any connection": {
				absent, func(op *bankmux.Op) { op.Connection, op.Asked = "", true }, true,
			},
		} {
			in := guard.Unattended(nil)
			_, err := call(in, t.Context(), data("conn"), asks)
			require.Error(t, err)
			op := data("conn")
			c.change(&op)
			sent, err := call(in, c.ctx, op, nil)
			assert.Equal(t, c.sent, sent, name)
			if !c.sent {
				require.ErrorIs(t, err, bankmux.ErrUserAction, name)
			}
		}
	})
	t.Run("the memory has an end", func(t *testing.T) {
		t.Parallel()
		in := guard.Unattended(nil)
		for i := range maxAsked + 2 {
			_, _ = call(in, t.Context(), data(fmt.Sprint(i)), asks)
			_, _ = call(in, t.Context(), data(fmt.Sprint(i)), asks) // a second question takes no second place
		}
		for connection, sent := range map[int]bool{0: true, 1: true, 2: false, maxAsked + 1: false} {
			got, _ := call(in, bankmux.WithoutUser(t.Context()), data(fmt.Sprint(connection)), nil)
			assert.Equal(t, sent, got, connection)
		}
	})
}
