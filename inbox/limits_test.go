package inbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// TestLimits specifies how much of a sender's data is held, and for how long.
func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("a body of exactly the limit is accepted", aBodyOfExactlyTheLimitIsAccepted)
	t.Run("handlers and waiting deliveries are bounded", handlersAndWaitingDeliveriesAreBounded)
	t.Run("bodies share a bounded memory and release it", bodiesShareABoundedMemoryAndReleaseIt)
	t.Run("a body counts while a handler works on it", aBodyCountsWhileAHandlerWorksOnIt)
	t.Run("the defaults are 1 MiB, 64 MiB, 16 handlers and 1,024 waiting deliveries", theDefaultsHold)
	t.Run("a slow body times out", aSlowBodyTimesOut)
	t.Run("the read deadline ends with the body", theReadDeadlineEndsWithTheBody)
	t.Run("a body reader that breaks its contract is refused", aBodyReaderThatBreaksItsContractIsRefused)
}

type slow struct{ d time.Duration }

func (s slow) Read([]byte) (int, error) {
	time.Sleep(s.d)
	return 0, io.EOF
}

type connection struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *connection) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

func aBodyOfExactlyTheLimitIsAccepted(t *testing.T) {
	t.Parallel()
	for _, n := range []int{100, 4095, 4096, 4097, 20_000} {
		for _, lengthGiven := range []bool{true, false} {
			h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Body: n}))
			for _, more := range []int{0, 1} {
				body := `{"key":"k","names":["a"]}`
				body += strings.Repeat(" ", n+more-len(body))
				r := httptest.NewRequest(http.MethodPost, "/acme", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Genuine", "yes")
				if !lengthGiven {
					r.ContentLength = -1
				}
				want := map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge}[more]
				assert.Equal(t, want, answer(h, r).Code, "%d+%d bytes, length given: %v", n, more, lengthGiven)
			}
		}
	}
}

func handlersAndWaitingDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return nil
		}, inbox.WithLimits(inbox.Limits{Handlers: 2, Waiting: 4}))
		var took, full atomic.Int32
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				switch answer(h, delivery(fmt.Sprint(i))).Code {
				case http.StatusOK:
					took.Add(1)
				case http.StatusServiceUnavailable:
					full.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 2, most.Load())
		assert.EqualValues(t, 6, took.Load())
		assert.EqualValues(t, 14, full.Load())
	})
}

func bodiesShareABoundedMemoryAndReleaseIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := inbox.New(
			newRegistry(t, sender{}),
			ignore,
			inbox.WithLimits(inbox.Limits{Memory: 64 << 10, ReadFor: time.Second}),
		)
		var statuses [40]int
		var all sync.WaitGroup
		for i := range statuses { // 4 KiB each at first, so sixteen of them
			all.Go(func() {
				r := delivery(fmt.Sprint(i))
				r.ContentLength = -1
				r.Body = io.NopCloser(io.MultiReader(slow{time.Second / 2}, r.Body))
				statuses[i] = answer(h, r).Code
			})
		}
		all.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		assert.Equal(t, map[int]int{http.StatusOK: 16, http.StatusServiceUnavailable: 24}, count)
		for i := range 100 {
			require.Equal(t, http.StatusOK, answer(h, delivery(fmt.Sprint("later", i))).Code)
		}
	})
}

func aBodyCountsWhileAHandlerWorksOnIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
			time.Sleep(5 * time.Second)
			return nil
		}, inbox.WithLimits(inbox.Limits{Memory: 6 << 10}))
		post := func(key string, patience time.Duration) int {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r := delivery(key).WithContext(ctx)
			r.ContentLength = -1 // 4 KiB at first
			return answer(h, r).Code
		}
		post("hangs up", time.Second)
		start := time.Now()
		assert.Equal(t, http.StatusServiceUnavailable, post("another", time.Minute))
		assert.Zero(t, time.Since(start), "not even read")
		time.Sleep(5 * time.Second)
		assert.Equal(t, http.StatusOK, post("another", time.Minute))
	})
}

func theDefaultsHold(t *testing.T) {
	t.Parallel()
	t.Run("of one body", func(t *testing.T) {
		t.Parallel()
		h := inbox.New(newRegistry(t, sender{}), ignore)
		for more, want := range map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge} {
			r := delivery("k")
			rest := strings.Repeat(" ", 1<<20+more-int(r.ContentLength))
			r.Body, r.ContentLength = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(rest))), -1
			assert.Equal(t, want, answer(h, r).Code)
		}
	})
	t.Run("of all bodies", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := inbox.New(newRegistry(t, sender{}), ignore)
			part := strings.Repeat(" ", 200<<10) // it takes a buffer of 256 KiB, so 256 of them are 64 MiB
			var full atomic.Int32
			var all sync.WaitGroup
			for i := range 257 {
				all.Go(func() {
					r := delivery("k")
					r.ContentLength = -1
					r.Body = io.NopCloser(io.MultiReader(strings.NewReader(part), slow{time.Second}))
					if answer(h, r).Code == http.StatusServiceUnavailable {
						full.Add(1)
					}
				})
				synctest.Wait() // until the body waits for its end
				assert.Equal(t, i == 256, full.Load() == 1, i)
			}
			all.Wait()
		})
	})
	t.Run("of handlers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var working, full atomic.Int32
			h := inbox.New(newRegistry(t, sender{}), func(ctx context.Context, _ bankmux.Event) error {
				working.Add(1)
				<-ctx.Done()
				return ctx.Err()
			})
			var all sync.WaitGroup
			for i := range 16 + 1024 + 1 {
				all.Go(func() {
					if answer(h, delivery(fmt.Sprint(i))).Code == http.StatusServiceUnavailable {
						full.Add(1)
					}
				})
			}
			synctest.Wait() // nothing moves any more before time passes
			assert.EqualValues(t, 16, working.Load())
			assert.EqualValues(t, 1, full.Load())
			all.Wait()
		})
	})
}

func aSlowBodyTimesOut(t *testing.T) {
	t.Parallel()
	limits := inbox.WithLimits(inbox.Limits{ReadFor: 50 * time.Millisecond})
	t.Run("over a connection", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(inbox.New(newRegistry(t, sender{}), ignore, limits))
		defer server.Close()
		body, feed := io.Pipe()
		defer feed.Close()
		go func() { _, _ = feed.Write([]byte(`{"key":`)) }()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/acme", body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		res, err := transport.RoundTrip(req)
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, http.StatusRequestTimeout, res.StatusCode)
	})
	t.Run("where no deadline can be set", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := inbox.New(newRegistry(t, sender{}), ignore, limits)
			r := delivery("k")
			r.Body, _ = io.Pipe()
			assert.Equal(t, http.StatusRequestTimeout, answer(h, r).Code)
		})
	})
}

// A deadline that stays on the connection would end the handler's request.
func theReadDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	w := &connection{ResponseRecorder: httptest.NewRecorder()}
	inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
		require.Len(t, w.deadlines, 2)
		assert.False(t, w.deadlines[0].IsZero())
		assert.True(t, w.deadlines[1].IsZero())
		return nil
	}).ServeHTTP(w, delivery("k"))
	assert.Equal(t, http.StatusOK, w.Code)
}

func aBodyReaderThatBreaksItsContractIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   func() odd
		status int
	}{
		"more than was asked for": {func() odd { return odd{n: 1 << 20} }, http.StatusBadRequest},
		"less than nothing":       {func() odd { return odd{n: -1} }, http.StatusBadRequest},
		"a Close that panics, when late": {
			func() odd { return odd{block: make(chan struct{})} }, http.StatusRequestTimeout,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Memory: 4 << 10}))
				for range 3 {
					r := delivery("k")
					r.ContentLength, r.Body = -1, c.body()
					assert.Equal(t, c.status, answer(h, r).Code)
					synctest.Wait()
				}
				assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
			})
		})
	}
}

func TestMemory(t *testing.T) {
	t.Run("forged deliveries leave nothing", forgedDeliveriesLeaveNothing)
}

// forgedDeliveriesLeaveNothing measures the memory after a flood of forged deliveries.
func forgedDeliveriesLeaveNothing(t *testing.T) {
	s := &store{}
	h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithSeen(s))
	flood := func(n int) {
		for i := range n {
			r := delivery(fmt.Sprint(i))
			r.Header.Del("Genuine")
			r.Body = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(strings.Repeat(" ", 100_000))))
			r.ContentLength = -1
			require.Equal(t, http.StatusUnauthorized, answer(h, r).Code)
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	flood(100)
	before := heap()
	flood(2000)
	assert.Less(t, heap()-before, int64(1<<20), "of 200 MB that came")
	assert.Empty(t, s.marked)
}
