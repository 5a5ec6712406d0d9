package guard_test

// This file specifies how long an operation waits for a backend: for its turn, its budgets and the
// application's token together.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/token"
	"github.com/bankmux/bankmux/guard"
)

// hostile are backends that fail in different ways.
var hostile = map[string]func(*backend){
	"it takes 20 ms":                   func(b *backend) { b.delay.Store(int64(20 * time.Millisecond)) },
	"it takes 60 ms":                   func(b *backend) { b.delay.Store(int64(60 * time.Millisecond)) },
	"it takes 100 ms":                  func(b *backend) { b.delay.Store(int64(100 * time.Millisecond)) },
	"it takes 119 ms":                  func(b *backend) { b.delay.Store(int64(119 * time.Millisecond)) },
	"it takes 120 ms":                  func(b *backend) { b.delay.Store(int64(120 * time.Millisecond)) },
	"it hangs":                         func(b *backend) { b.delay.Store(int64(time.Hour)) },
	"it hangs and ignores its context": func(b *backend) { b.delay.Store(int64(time.Minute)); b.deaf.Store(true) },
	"it fails at once":                 func(b *backend) { b.fail(errors.New("no")) },
	"it fails after 50 ms":             func(b *backend) { b.delay.Store(int64(50 * time.Millisecond)); b.fail(errors.New("no")) },
	"it fails after 100 ms":            func(b *backend) { b.delay.Store(int64(100 * time.Millisecond)); b.fail(errors.New("no")) },
	"it panics":                        func(b *backend) { b.Memory = nil },
}

// caller makes calls that need a turn, three budgets and the application's token.
type caller struct {
	*process
	token *token.Source
	made  int
}

func newCaller(t *testing.T, b guard.Backend, retry guard.RetryOptions) *caller {
	t.Helper()
	c := &caller{process: newProcess(t, b, func(o *guard.Options) {
		o.Retry = retry
		o.Budgets = budgets(t,
			guard.Budget{Name: "connection", Limit: 1000, Window: time.Hour, Per: guard.PerConnection},
			guard.Budget{Name: "rolling", Limit: 1000, Window: time.Hour, Rolling: true, Per: guard.PerConnection},
			guard.Budget{Name: "app", Limit: 1_000_000, Window: time.Hour})
	})}
	c.token = token.NewSource(15*time.Second, func(context.Context) (token.Token, error) {
		c.made++
		return token.Token{Value: bankmux.NewSecret(fmt.Sprint("token-", c.made)), Lifetime: time.Hour}, nil
	}).Share(c.fleet, "app")
	return c
}

// call makes a call on a connection and returns how long it took.
func (c *caller) call(t *testing.T, connection string, fails ...error) time.Duration {
	t.Helper()
	op, calls, start := read, 0, time.Now()
	op.Connection = connection
	assert.NoError(t, c.process.call(t.Context(), op, func(ctx context.Context) error {
		_, err := c.token.Token(ctx)
		assert.NoError(t, err)
		if calls++; calls <= len(fails) {
			return fails[calls-1]
		}
		return nil
	}))
	return time.Since(start)
}

// maxDelay is what the backend may add to an operation, and some nanoseconds between attempts.
const maxDelay = 250*time.Millisecond + 10

// TestFleetDelay specifies the delay of an operation that needs everything that a fleet shares.
func TestFleetDelay(t *testing.T) {
	t.Parallel()
	for name, spoil := range hostile {
		t.Run("at most 250 ms if "+name, func(t *testing.T) {
			t.Parallel()
			for name, fails := range map[string][]error{"": nil, "in a call of three attempts": {errDown, errDown}} {
				t.Run("one call "+name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						b := newBackend()
						c := newCaller(t, b, guard.RetryOptions{MaxAttempts: 3, Base: 2, Cap: 2})
						spoil(b)
						for range 3 {
							assert.LessOrEqual(t, c.call(t, "c", fails...), maxDelay)
							c.token.Invalidate(bankmux.NewSecret(fmt.Sprint("token-", c.made)))
							time.Sleep(550 * time.Millisecond)
						}
						time.Sleep(2 * time.Hour) // what was started ends
					})
				})
			}
			for _, apart := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond, 90 * time.Millisecond} {
				t.Run("calls of one process that start "+apart.String()+" apart", func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { callsAtOnce(t, spoil, apart) })
				})
			}
		})
	}
}

// callsAtOnce makes calls on different connections, which share a budget and the token. Some had to
// wait for their budgets before, and so may wait less for the token.
func callsAtOnce(t *testing.T, spoil func(*backend), apart time.Duration) {
	b := newBackend()
	c := newCaller(t, b, guard.RetryOptions{MaxAttempts: 1})
	for i := range 10 {
		c.call(t, fmt.Sprint(i)) // these know their budgets
	}
	time.Sleep(55 * time.Minute) // the token is due
	spoil(b)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { assert.LessOrEqual(t, c.call(t, fmt.Sprint(i)), maxDelay) })
		time.Sleep(apart)
	}
	all.Wait()
	time.Sleep(2 * time.Hour) // what was started ends
}

// TestFleetDelayOfOthers specifies a call that has waited, and then needs what another call waits
// for.
func TestFleetDelayOfOthers(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"the token": true, "a budget": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend()
				c := newCaller(t, b, guard.RetryOptions{MaxAttempts: 1})
				if known { // the budget of the application
					c.call(t, "")
					time.Sleep(55 * time.Minute) // the token is due
				}
				b.delay.Store(int64(119 * time.Millisecond))
				var all sync.WaitGroup
				all.Go(func() { assert.LessOrEqual(t, c.call(t, "waits for its turn and its budgets"), maxDelay) })
				time.Sleep(240 * time.Millisecond)
				all.Go(func() { assert.LessOrEqual(t, c.call(t, ""), maxDelay) })
				all.Wait()
				time.Sleep(2 * time.Hour) // what was started ends
			})
		})
	}
}

// TestFleetShare specifies that a slow backend is used as long as the delay allows it.
func TestFleetShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		b.delay.Store(int64(100 * time.Millisecond))
		first, second := newCaller(t, b, guard.RetryOptions{}), newCaller(t, b, guard.RetryOptions{})
		get := func(c *caller) string {
			got, err := c.token.Token(t.Context())
			require.NoError(t, err)
			return got.Reveal()
		}
		assert.Equal(t, "token-1", get(first))
		time.Sleep(time.Second)
		second.made = 10
		assert.Equal(t, "token-1", get(second), "the process did not fetch its own")
		assert.Zero(t, first.fleet.Stats().Failed+second.fleet.Stats().Failed)
		time.Sleep(time.Hour)
	})
}
