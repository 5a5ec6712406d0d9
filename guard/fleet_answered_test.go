package guard_test

// This file specifies that a challenge which another process ended does not come back.

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// unheard is a backend that can lose the responses to releases.
type unheard struct {
	*backend
	lose atomic.Bool
}

func (u *unheard) Release(ctx context.Context, r guard.Release) (bool, error) {
	held, err := u.backend.Release(ctx, r)
	if u.lose.Load() {
		return false, errors.New("connection reset")
	}
	return held, err
}

// TestFleetAnswered lets a process get a challenge while something goes wrong, and another process
// answer it.
func TestFleetAnswered(t *testing.T) {
	t.Parallel()
	other := data("Accounts", "r", "")
	other.Connection = "other"
	refused := func(context.Context) error { return errors.New("sent") }
	for name, open := range map[string]func(t *testing.T, b *unheard, p *process, ask func(during func())){
		"its release came late": func(_ *testing.T, b *unheard, _ *process, ask func(func())) {
			ask(func() { b.fail(errors.New("no")) })
			b.fail(nil)
		},
		"the response to its release was lost": func(_ *testing.T, b *unheard, _ *process, ask func(func())) {
			ask(func() { b.lose.Store(true) })
			b.lose.Store(false)
		},
		"a call was refused while the backend was down": func(t *testing.T, b *unheard, p *process, ask func(func())) {
			t.Helper()
			ask(func() {})
			b.fail(errors.New("no"))
			for range 2 {
				require.ErrorIs(t, p.call(t.Context(), data("Balances", "r", ""), refused), bankmux.ErrUserAction)
			}
			b.fail(nil)
		},
		"its release came in the last moment of the lease": func(t *testing.T, b *unheard, p *process, ask func(func())) {
			t.Helper()
			b.delay.Store(int64(20 * time.Millisecond))
			ask(func() { time.Sleep(5*time.Minute - 30*time.Millisecond) }) // of five minutes
			b.delay.Store(0)
			assert.Zero(t, p.fleet.Stats().Lost, "the call ended before the lease did")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &unheard{backend: newBackend()}
				first, second := newProcess(t, b), newProcess(t, b)
				open(t, b, first, func(during func()) {
					require.Error(t, first.call(t.Context(), data("Accounts", "r", ""), func(context.Context) error {
						during()
						asked := asking("x")
						bankmux.ErrorOf(asked).Challenge.ExpiresAt = time.Now().Add(time.Hour)
						return asked
					}))
				})
				time.Sleep(time.Second) // the backend is back
				require.NoError(t, first.call(t.Context(), other, ok))
				synctest.Wait()
				require.ErrorIs(t, second.call(t.Context(), data("Balances", "r", ""), refused), bankmux.ErrUserAction)
				require.NoError(t, second.call(t.Context(), data("Accounts", "r", "x"), ok))
				require.NoError(t, first.call(t.Context(), data("Balances", "r", ""), ok))
				require.NoError(t, second.call(t.Context(), data("Balances", "r", ""), ok))
			})
		})
	}
}
