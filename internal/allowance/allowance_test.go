package allowance_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/allowance"
)

func TestAllowance(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, a *allowance.Allowance){
		"waits use it up": func(t *testing.T, a *allowance.Allowance) {
			assert.Equal(t, 100*time.Millisecond, waited(t, a, 100*time.Millisecond))
			assert.Equal(t, 150*time.Millisecond, waited(t, a, time.Hour))
			assert.Zero(t, waited(t, a, time.Hour))
			assert.Zero(t, a.Left())
		},
		"what is not waited for is not used": func(t *testing.T, a *allowance.Allowance) {
			_, done := a.Wait(t.Context(), time.Hour)
			done()
			time.Sleep(time.Hour)
			assert.Equal(t, 250*time.Millisecond, a.Left())
		},
		"waits at the same time count once": func(t *testing.T, a *allowance.Allowance) {
			_, first := a.Wait(t.Context(), time.Hour)
			time.Sleep(50 * time.Millisecond)
			_, second := a.Wait(t.Context(), time.Hour)
			time.Sleep(50 * time.Millisecond)
			first()
			time.Sleep(50 * time.Millisecond)
			second()
			assert.Equal(t, 100*time.Millisecond, a.Left())
		},
		"a refund may be used again": func(t *testing.T, a *allowance.Allowance) {
			a.Refund(waited(t, a, 200*time.Millisecond))
			assert.Equal(t, 250*time.Millisecond, waited(t, a, time.Hour))
		},
		"what was used is known, also after a lower limit": func(t *testing.T, a *allowance.Allowance) {
			waited(t, a, 100*time.Millisecond)
			a.Limit(50 * time.Millisecond)
			_, done := a.Wait(t.Context(), time.Hour)
			time.Sleep(20 * time.Millisecond)
			assert.Equal(t, 120*time.Millisecond, a.Used())
			done()
			a.Refund(time.Hour)
			assert.Equal(t, 100*time.Millisecond, a.Used(), "what was used before the limit is not given back")
			assert.Equal(t, 50*time.Millisecond, a.Left())
		},
		"a refund does not exceed a limit": func(t *testing.T, a *allowance.Allowance) {
			start := time.Now()
			_, done := a.Wait(t.Context(), time.Hour)
			time.Sleep(100 * time.Millisecond)
			a.Limit(50 * time.Millisecond)
			time.Sleep(20 * time.Millisecond)
			done()
			a.Refund(time.Since(start))
			assert.Equal(t, 50*time.Millisecond, a.Left())
		},
		"a lower limit ends waits that are under way": func(t *testing.T, a *allowance.Allowance) {
			inner, done := a.Wait(t.Context(), time.Hour)
			time.Sleep(100 * time.Millisecond)
			start := time.Now()
			a.Limit(40 * time.Millisecond)
			a.Limit(20 * time.Millisecond)
			a.Limit(30 * time.Millisecond) // what is left is lower
			<-inner.Done()
			done()
			assert.Equal(t, 20*time.Millisecond, time.Since(start))
			assert.Zero(t, a.Left())
		},
		"a higher limit changes nothing": func(t *testing.T, a *allowance.Allowance) {
			a.Limit(time.Hour)
			assert.Equal(t, 250*time.Millisecond, a.Left())
		},
		"the end of a context ends a wait": func(t *testing.T, a *allowance.Allowance) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			inner, done := a.Wait(ctx, time.Hour)
			<-inner.Done()
			done()
			assert.Equal(t, 240*time.Millisecond, a.Left())
		},
		"a context has the allowance of its operation": func(t *testing.T, a *allowance.Allowance) {
			assert.Same(t, a, allowance.FromContext(allowance.NewContext(t.Context(), a)))
			assert.Nil(t, allowance.FromContext(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, allowance.New(250*time.Millisecond)) })
		})
	}
}

// waited waits as long as it may, and returns how long that was.
func waited(t *testing.T, a *allowance.Allowance, limit time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	inner, done := a.Wait(t.Context(), limit)
	<-inner.Done()
	done()
	return time.Since(start)
}
