package token_test

// This file specifies how long the callers of a fetch may wait for the fleet.

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/allowance"
)

// TestAllowance specifies that a fetch uses up the allowances of those that wait for it, and of
// later callers nothing.
func TestAllowance(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"what a fetch uses is used for its caller": func(t *testing.T) {
			t.Helper()
			own := ask(t, waits(8*time.Second), 10*time.Second)
			assert.Equal(t, 2*time.Second, own.Left())
		},
		"each caller is charged for what it waited": func(t *testing.T) {
			t.Helper()
			s := waits(8 * time.Second)
			var all sync.WaitGroup
			for _, c := range []struct{ after, left, want time.Duration }{
				{0, 60 * time.Second, 52 * time.Second},
				{0, 20 * time.Second, 12 * time.Second},
				{5 * time.Second, 20 * time.Second, 17 * time.Second},
				{6 * time.Second, 0, 0},
				{7 * time.Second, 50 * time.Second, 49 * time.Second},
			} {
				all.Go(func() {
					time.Sleep(c.after)
					assert.Equal(t, c.want, ask(t, s, c.left).Left())
				})
			}
			all.Wait()
		},
		"the least patient one limits what all wait": func(t *testing.T) {
			t.Helper()
			s := waits(8 * time.Second)
			var all sync.WaitGroup
			start := time.Now()
			for _, left := range []time.Duration{20 * time.Second, 3 * time.Second} {
				all.Go(func() {
					assert.Equal(t, left-3*time.Second, ask(t, s, left).Left())
					assert.Equal(t, 3*time.Second, time.Since(start))
				})
			}
			all.Wait()
		},
		"an impatient caller does not limit the next fetch": func(t *testing.T) {
			t.Helper()
			s := waits(8 * time.Second)
			assert.Zero(t, ask(t, s, time.Second).Left())
			time.Sleep(time.Hour)
			assert.Equal(t, 2*time.Second, ask(t, s, 10*time.Second).Left())
		},
		"nor does one whose token came from the fetch of another": func(t *testing.T) {
			t.Helper()
			s := waits(8 * time.Second)
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
			assert.Equal(t, 2*time.Second, ask(t, s, 10*time.Second).Left())
		},
		"one with nothing left costs the others nothing": func(t *testing.T) {
			t.Helper()
			b, e := guard.NewMemory(), &issuer{takes: 2 * time.Second}
			first, second := process(t, b, e), process(t, b, e)
			var all sync.WaitGroup
			all.Go(func() { ask(t, first, time.Second) })
			synctest.Wait() // it fetches for both
			for _, left := range []time.Duration{250 * time.Millisecond, 0, 250 * time.Millisecond} {
				all.Go(func() { assert.Equal(t, left, ask(t, second, left).Left()) })
				synctest.Wait()
			}
			all.Wait()
			assert.Equal(t, 1, e.fetches)
		},
		"one with too little left for a request costs the others nothing": func(t *testing.T) {
			t.Helper()
			s, start := waits(200*time.Millisecond), time.Now()
			var all sync.WaitGroup
			all.Go(func() { ask(t, s, 250*time.Millisecond) })
			synctest.Wait()
			own := allowance.New(250 * time.Millisecond)
			own.Limit(119 * time.Millisecond) // a request may take 120 ms
			_, err := s.Token(allowance.NewContext(t.Context(), own))
			require.NoError(t, err)
			assert.Equal(t, 200*time.Millisecond, time.Since(start))
			all.Wait()
		},
		"one with nothing left waits once more, and not in each attempt": func(t *testing.T) {
			t.Helper()
			s, start := waits(200*time.Millisecond), time.Now()
			own := allowance.New(250 * time.Millisecond)
			own.Limit(0)
			for range 4 {
				var all sync.WaitGroup
				all.Go(func() { ask(t, s, 250*time.Millisecond) })
				synctest.Wait()
				got, err := s.Token(allowance.NewContext(t.Context(), own))
				require.NoError(t, err)
				all.Wait()
				s.Invalidate(got)
			}
			assert.Equal(t, 200*time.Millisecond, time.Since(start))
		},
		"one with nothing left that is alone does not wait for the fleet": func(t *testing.T) {
			t.Helper()
			start := time.Now()
			assert.Zero(t, ask(t, waits(8*time.Second), 0).Left())
			assert.Zero(t, time.Since(start))
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
	}
}

// waits returns a source whose fetches wait so long for the fleet, as far as they may.
func waits(d time.Duration) *token.Source {
	return token.NewSource(time.Minute, func(ctx context.Context) (token.Token, error) {
		inner, done := allowance.FromContext(ctx).Wait(ctx, d)
		defer done()
		<-inner.Done()
		return token.Token{Value: bankmux.NewSecret("token"), Lifetime: time.Hour}, nil
	})
}

// ask gets a token with an allowance and returns what is left.
func ask(t *testing.T, s *token.Source, left time.Duration) *allowance.Allowance {
	t.Helper()
	own := allowance.New(left)
	_, err := s.Token(allowance.NewContext(t.Context(), own))
	assert.NoError(t, err)
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
