package guard

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// These tests are inside the package to see that nothing is remembered.

var onConnection = bankmux.Op{Name: "Read", Client: "c", Group: bankmux.GroupLink, Effect: bankmux.Read, Connection: "conn-1"}

// second is a call that lasts a second and notes its name.
func second(running *int, order *[]string, name string) func(context.Context) error {
	return func(context.Context) error {
		*running++
		if *running > 1 {
			return fmt.Errorf("%s found another call under way", name)
		}
		time.Sleep(time.Second)
		*running--
		*order = append(*order, name)
		return nil
	}
}

func TestCallsOnOneConnectionGoOneByOneInTheOrderTheyCame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueues()
		var running int
		var order, want []string
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 8 {
			name := fmt.Sprint(i)
			want = append(want, name)
			wg.Go(func() { assert.NoError(t, q.around(t.Context(), onConnection, second(&running, &order, name))) })
			synctest.Wait()
		}
		wg.Wait()
		assert.Equal(t, want, order)
		assert.Equal(t, 8*time.Second, time.Since(began))
		assert.Empty(t, q.turns)
	})
}

func TestOtherCallsDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := OnePerConnection()
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.NoError(t, in(t.Context(), onConnection, func(context.Context) error { time.Sleep(time.Hour); return nil }))
		})
		synctest.Wait()
		other, none, local, client := onConnection, onConnection, onConnection, onConnection
		other.Connection, none.Connection, local.Effect, client.Client = "conn-2", "", bankmux.Local, "d"
		for name, op := range map[string]bankmux.Op{
			"on another connection": other, "without a connection": none, "local": local,
			"on a connection of the same id of another client": client,
		} {
			called := false
			require.NoError(t, in(t.Context(), op, func(context.Context) error { called = true; return nil }), name)
			assert.True(t, called, name)
		}
		wg.Wait()
	})
}

func TestACallCancelledInTheQueueSendsNothingAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		after time.Duration
	}{
		{"long before its turn", 300 * time.Millisecond},
		{"at the very moment of its turn", time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for range 20 { // select chooses at random
				synctest.Test(t, func(t *testing.T) {
					q := newQueues()
					var running int
					var order []string
					began := time.Now()
					var wg sync.WaitGroup
					wg.Go(func() { assert.NoError(t, q.around(t.Context(), onConnection, second(&running, &order, "first"))) })
					synctest.Wait()
					ctx, cancel := context.WithTimeout(t.Context(), c.after)
					defer cancel()
					wg.Go(func() {
						err := q.around(ctx, onConnection, func(ctx context.Context) error {
							if ctx.Err() != nil {
								t.Error("sent although its context had ended")
							}
							return nil
						})
						if err == nil { // it had its turn before its context ended
							return
						}
						assert.ErrorIs(t, err, bankmux.ErrContextDone)
						assert.ErrorIs(t, err, context.DeadlineExceeded)
						assert.True(t, asError(err).NotSent)
					})
					synctest.Wait()
					wg.Go(func() { assert.NoError(t, q.around(t.Context(), onConnection, second(&running, &order, "third"))) })
					wg.Wait()
					assert.Equal(t, []string{"first", "third"}, order)
					assert.Equal(t, 2*time.Second, time.Since(began))
					assert.Empty(t, q.turns)
				})
			}
		})
	}
}

func TestAnEndedContextGetsNoTurnAtAll(t *testing.T) {
	t.Parallel()
	q := newQueues()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		err := q.around(ctx, onConnection, func(context.Context) error { t.Error("sent"); return nil })
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, asError(err).NotSent)
	}
	assert.Empty(t, q.turns)
}

func TestHoweverACallEndsTheNextProceeds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){
		"panic":  func() { panic("boom") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newQueues()
				var seen any
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { seen = recover() }()
					_ = q.around(t.Context(), onConnection, func(context.Context) error { time.Sleep(time.Second); end(); return nil })
				})
				synctest.Wait()
				require.NoError(t, q.around(t.Context(), onConnection, func(context.Context) error { return nil }))
				wg.Wait()
				assert.Equal(t, name == "panic", seen == "boom", "a panic passes through")
				assert.Empty(t, q.turns)
			})
		})
	}
}

func TestTheQueueRemembersOnlyCallsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueues()
		var wg sync.WaitGroup
		var peaks []int
		var mu sync.Mutex
		for i := range 32 {
			wg.Go(func() {
				for j := range 20 {
					op := onConnection
					op.Connection = fmt.Sprint("conn-", (i*20+j)%40)
					assert.NoError(t, q.around(t.Context(), op, func(context.Context) error {
						q.mu.Lock()
						n := len(q.turns)
						q.mu.Unlock()
						mu.Lock()
						peaks = append(peaks, n)
						mu.Unlock()
						time.Sleep(time.Millisecond)
						return nil
					}))
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, slices.Max(peaks), 32, "never more than callers")
		assert.Empty(t, q.turns)
	})
}
