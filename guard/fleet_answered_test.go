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

// TestFleetAnsweredAlone lets a process end a challenge that all processes know, while the backend
// is away. The other process learns of the end when the backend is back, also if the first makes no
// further call.
func TestFleetAnsweredAlone(t *testing.T) {
	t.Parallel()
	ask := func(id string) func(context.Context) error {
		return func(context.Context) error {
			asked := asking(id)
			bankmux.ErrorOf(asked).Challenge.ExpiresAt = time.Now().Add(time.Hour)
			return asked
		}
	}
	answer := data("Accounts", "r", "x")
	abandon := answer
	abandon.Abandon = true
	cut := func(context.Context) error { return errors.New("the connection was cut") }
	for name, test := range map[string]struct {
		op      bankmux.Op
		send    func(context.Context) error
		during  bool          // the backend fails while the call is sent
		away    time.Duration // a second if zero
		refused string        // the challenge of later calls
	}{
		"it was answered before the backend was asked": {op: answer, send: ok},
		"the answer was sent when the backend failed":  {op: answer, send: ok, during: true},
		"the backend stays away longer than the lease": {op: answer, send: ok, during: true, away: 6 * time.Minute},
		"it was abandoned":                            {op: abandon, send: ok},
		"the bank asks something else":                {op: answer, send: ask("y"), refused: "y"},
		"the bank asks the same once more":            {op: answer, send: ask("x"), refused: "x"},
		"an answer of which the bank may not know":    {op: answer, send: cut, refused: "x"},
		"it was abandoned, and the bank may not know": {op: abandon, send: cut},
	} {
		for _, known := range []bool{true, false} {
			who := map[bool]string{true: "", false: ", in a process that did not know it"}[known]
			t.Run(name+who, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBackend()
					first, second := newProcess(t, b), newProcess(t, b)
					require.Error(t, first.call(t.Context(), data("Accounts", "r", ""), ask("x")))
					p, other := first, second
					if !known {
						p, other = second, first
					}
					if !test.during {
						b.fail(errors.New("no"))
					}
					sent := false
					_ = p.call(t.Context(), test.op, func(ctx context.Context) error {
						b.fail(errors.New("no"))
						sent = true
						return test.send(ctx)
					})
					require.True(t, sent)
					time.Sleep(max(test.away, time.Second))
					b.fail(nil)
					elsewhere := data("Accounts", "r", "")
					elsewhere.Connection = "other"
					time.Sleep(5 * time.Second)
					require.NoError(t, other.call(t.Context(), elsewhere, ok)) // it starts a probe if none was sent
					synctest.Wait()
					for _, each := range []*process{other, p, other, p} {
						require.False(t, each.fleet.Stats().Down)
						err := each.call(t.Context(), data("Balances", "r", ""), ok)
						if test.refused == "" {
							require.NoError(t, err)
							continue
						}
						require.ErrorIs(t, err, bankmux.ErrUserAction)
						require.Equal(t, test.refused, bankmux.ErrorOf(err).Challenge.ID)
					}
					time.Sleep(2 * time.Hour) // what was started ends
				})
			})
		}
	}
}
