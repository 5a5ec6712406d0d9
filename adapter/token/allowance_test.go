package token_test

// This file specifies how long the callers of a fetch may wait for the fleet.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/internal/allowance"
)

// TestAllowance specifies that a fetch uses up the allowances of those that wait for it, and of
// later callers nothing.
func TestAllowance(t *testing.T) {
	t.Parallel()
	t.Run("what a fetch uses is used for its caller", func(t *testing.T) {
		t.Parallel()
		own := ask(t, fetching(2*time.Second), 10*time.Second)
		assert.Equal(t, 2*time.Second, own.Left())
	})
	t.Run("an impatient caller does not limit the next fetch", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := fetching(time.Hour)
			assert.Equal(t, time.Second, ask(t, s, time.Second).Left())
			time.Sleep(time.Hour)
			assert.Equal(t, 10*time.Second, ask(t, s, 10*time.Second).Left())
		})
	})
	t.Run("nor does one whose token came from the fetch of another", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := fetching(time.Hour)
			late := &lateContext{Context: allowance.NewContext(t.Context(), allowance.New(time.Second))}
			late.before = func() { // after the first look at the token
				late.before = nil
				ask(t, s, time.Minute)
			}
			_, err := s.Token(late)
			require.NoError(t, err)
			assert.Nil(t, late.before)
			synctest.Wait()
			time.Sleep(time.Hour)
			assert.Equal(t, 10*time.Second, ask(t, s, 10*time.Second).Left())
		})
	})
}

// fetching returns a source whose fetches leave so much of an allowance.
func fetching(left time.Duration) *token.Source {
	return token.NewSource(time.Minute, func(ctx context.Context) (token.Token, error) {
		allowance.FromContext(ctx).Limit(left)
		return token.Token{Value: bankmux.NewSecret("token"), Lifetime: time.Hour}, nil
	})
}

// ask gets a token with an allowance and returns what is left.
func ask(t *testing.T, s *token.Source, left time.Duration) *allowance.Allowance {
	t.Helper()
	own := allowance.New(left)
	_, err := s.Token(allowance.NewContext(t.Context(), own))
	require.NoError(t, err)
	return own
}

// lateContext calls before when its first value is read.
type lateContext struct {
	context.Context
	before func()
}

func (c *lateContext) Value(key any) any {
	if c.before != nil {
		c.before()
	}
	return c.Context.Value(key)
}
