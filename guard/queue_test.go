package guard_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestOnePerConnection specifies which calls wait for each other.
func TestOnePerConnection(t *testing.T) {
	t.Parallel()
	t.Run("calls on one connection queue", callsOnOneConnectionQueue)
	t.Run("only calls on the same connection wait", onlyCallsOnTheSameConnectionWait)
	t.Run("calls outside the queue do not wait for each other", callsOutsideTheQueueDoNotWaitForEachOther)
	t.Run("calls are sent in the order in which they came", callsAreSentInTheOrderInWhichTheyCame)
	t.Run("a call that gave up while it waited was not sent", aCallThatGaveUpWhileItWaitedWasNotSent)
}

func onlyCallsOnTheSameConnectionWait(t *testing.T) {
	t.Parallel()
	first := bankmux.Op{Client: "c", Connection: "1", Effect: bankmux.Read}
	for name, c := range map[string]struct {
		change func(*bankmux.Op)
		waits  bool
	}{
		"the same connection": {func(*bankmux.Op) {}, true},
		"the same, whatever is called": {
			func(o *bankmux.Op) { o.Name, o.Effect, o.Group = "X", bankmux.OneShot, bankmux.GroupPay }, true,
		},
		"another connection":          {func(o *bankmux.Op) { o.Connection = "2" }, false},
		"another client":              {func(o *bankmux.Op) { o.Client = "d" }, false},
		"names that join to the same": {func(o *bankmux.Op) { o.Client, o.Connection = "", "c1" }, false},
		"a call that concerns none":   {func(o *bankmux.Op) { o.Connection = "" }, false},
		"a call that sends nothing":   {func(o *bankmux.Op) { o.Effect = bankmux.Local }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := guard.OnePerConnection()
				var all sync.WaitGroup
				all.Go(
					func() {
						_ = q(t.Context(), first, func(context.Context) error { time.Sleep(time.Minute); return nil })
					},
				)
				synctest.Wait()
				start, op := time.Now(), first
				c.change(&op)
				require.NoError(t, q(t.Context(), op, func(context.Context) error { return nil }))
				assert.Equal(t, c.waits, time.Since(start) > 0)
				all.Wait()
			})
		})
	}
}

func callsOutsideTheQueueDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bankmux.Op){
		"those that concern no connection": func(o *bankmux.Op) { o.Connection = "" },
		"those that send nothing":          func(o *bankmux.Op) { o.Effect = bankmux.Local },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q, op, failure := guard.OnePerConnection(), read, errors.New("no")
				change(&op)
				start := time.Now()
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() {
						err := q(
							t.Context(),
							op,
							func(context.Context) error { time.Sleep(time.Second); return failure },
						)
						assert.Equal(t, failure, err, "the result is returned unchanged")
					})
				}
				all.Wait()
				assert.Equal(t, time.Second, time.Since(start))
			})
		})
	}
}

func callsAreSentInTheOrderInWhichTheyCame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := guard.OnePerConnection()
		var all sync.WaitGroup
		var order []int
		running := 0
		for i := range 10 { // one comes every three quarters of a second, and each takes a second
			all.Go(func() {
				assert.NoError(t, q(t.Context(), read, func(context.Context) error {
					running++
					assert.Equal(t, 1, running)
					order = append(order, i)
					time.Sleep(time.Second)
					running--
					return nil
				}))
			})
			time.Sleep(750 * time.Millisecond)
		}
		all.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order)
	})
}

func aCallThatGaveUpWhileItWaitedWasNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := guard.OnePerConnection()
		var all sync.WaitGroup
		all.Go(func() { _ = q(t.Context(), read, func(context.Context) error { time.Sleep(time.Minute); return nil }) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := q(ctx, read, func(context.Context) error { t.Error("sent"); return nil })
		assert.Equal(t, &bankmux.Error{
			Kind:    bankmux.ErrContextDone,
			Detail:  "the connection was busy with another call",
			NotSent: true,
			Err:     context.DeadlineExceeded,
		}, err)
		all.Wait()
	})
}

// TestOnePerConnectionMemory measures that connections which are not in use cost no memory.
func TestOnePerConnectionMemory(t *testing.T) {
	q := guard.OnePerConnection()
	failure := errors.New("no")
	many := func(n int) {
		for i := range n {
			op := read
			op.Connection = strconv.Itoa(i)
			require.Equal(t, failure, q(t.Context(), op, func(context.Context) error { return failure }))
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	many(100)
	before := heap()
	many(50_000)
	assert.Less(t, heap()-before, int64(2<<20), "of connections that are not in use")
	runtime.KeepAlive(q)
}

func callsOnOneConnectionQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := []bankmux.Interceptor{guard.OnePerConnection()}
		running, most, done := 0, 0, 0
		call := func(context.Context) error {
			running++
			most = max(most, running)
			time.Sleep(time.Second)
			running--
			done++
			return nil
		}
		start := time.Now()
		for range 5 {
			go func() { assert.NoError(t, chain(q, read, call)(t.Context())) }()
		}
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		err := chain(q, read, call)(impatient)
		require.ErrorIs(t, err, bankmux.ErrContextDone)
		e, _ := errors.AsType[*bankmux.Error](err)
		assert.True(t, e.NotSent, "cancelled while queued: nothing was sent")

		other := read
		other.Connection = "conn-2"
		at := time.Now()
		require.NoError(t, chain(q, other, func(context.Context) error { return nil })(t.Context()))
		none := read
		none.Connection = ""
		require.NoError(t, chain(q, none, func(context.Context) error { return nil })(t.Context()))
		assert.Zero(t, time.Since(at), "other connections, and calls without one, do not wait")

		assert.Panics(t, func() { _ = chain(q, other, func(context.Context) error { panic("x") })(t.Context()) })
		require.NoError(
			t,
			chain(q, other, func(context.Context) error { return nil })(t.Context()),
			"a panic frees the turn",
		)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, most)
		assert.Equal(t, 5, done)
		assert.GreaterOrEqual(t, time.Since(start), 5*time.Second)
	})
}
