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

func TestInteractive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts  guard.RetryOptions
		asked time.Duration // by the provider, 0 if it names no wait
		calls int
	}{
		"a rate limit of seconds comes back at once":        {guard.RetryOptions{}, 7 * time.Second, 1},
		"a MaxWait of the application does not change that": {guard.RetryOptions{MaxWait: time.Minute}, 7 * time.Second, 1},
		"a wait of one second is kept once":                 {guard.RetryOptions{}, time.Second, 2},
		"waits of a second in total are kept":               {guard.RetryOptions{}, 400 * time.Millisecond, 3},
		"a smaller MaxWait stays":                           {guard.RetryOptions{MaxWait: time.Millisecond}, 2 * time.Millisecond, 1},
		"short waits of our own stay":                       {guard.RetryOptions{}, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				all, err := attempt(guard.Interactive(t.Context()), c.opts, read, func(context.Context) error {
					return &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: c.asked}
				})
				assert.Len(t, all, c.calls)
				assert.LessOrEqual(t, time.Since(start), time.Second)
				e, ok := errors.AsType[*bankmux.Error](err)
				require.True(t, ok)
				assert.Equal(t, bankmux.ErrRateLimited, e.Kind)
				assert.Equal(t, c.asked, e.RetryAfter, "the caller gets RetryAfter")
			})
		})
	}
	t.Run("the wait for another call on the connection ends with the deadline alone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q, op := guard.OnePerConnection(), bankmux.Op{Client: "c", Connection: "1", Effect: bankmux.Read}
			ends := map[time.Duration]error{10 * time.Second: bankmux.ErrContextDone, time.Minute: nil}
			for wait, want := range ends {
				go func() {
					_ = q(t.Context(), op, func(context.Context) error { time.Sleep(20 * time.Second); return nil })
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(guard.Interactive(t.Context()), wait)
				err := q(ctx, op, func(context.Context) error { return nil })
				cancel()
				require.ErrorIs(t, err, want)
				time.Sleep(time.Minute)
			}
		})
	})
	t.Run("waits of our own end with the second", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			opts := guard.RetryOptions{MaxAttempts: 100, Base: time.Hour, Cap: time.Hour}
			_, err := attempt(guard.Interactive(t.Context()), opts, read,
				func(context.Context) error { return errDown })
			require.ErrorIs(t, err, bankmux.ErrUnavailable)
			assert.LessOrEqual(t, time.Since(start), time.Second)
		})
	})
}
