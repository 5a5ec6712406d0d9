package guard_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestListener specifies how OnStateChange is called.
func TestListener(t *testing.T) {
	t.Parallel()
	t.Run("every change is delivered in order, and always the last one", everyChangeIsDeliveredInOrderAndAlwaysTheLast)
	t.Run("a listener delays a call by 100 ms at most", aListenerDelaysACallBy100MsAtMost)
	t.Run("a listener may call the guard and its clients", aListenerMayCallTheGuardAndItsClients)
	t.Run("a panic is logged without its value", aPanicIsLoggedWithoutItsValue)
	t.Run("a listener that returns is not logged", aListenerThatReturnsIsNotLogged)
	t.Run("a quick listener returns before the call does", aQuickListenerReturnsBeforeTheCallDoes)
	t.Run("listeners of different breakers do not wait for each other", listenersDoNotWaitForEachOther)
}

func everyChangeIsDeliveredInOrderAndAlwaysTheLast(t *testing.T) {
	t.Parallel()
	cycle := []string{"open", "half-open", "closed"}
	for name, work := range map[string]func(guard.BreakerState){
		"a quick listener": nil,
		"one that is slower than the circuit": func(s guard.BreakerState) {
			time.Sleep(map[string]time.Duration{"open": 5 * time.Minute}[s.State])
		},
		"one that panics":             func(guard.BreakerState) { panic("secret") },
		"one that ends its goroutine": func(guard.BreakerState) { runtime.Goexit() },
		"one that ends its goroutine at the first": func(s guard.BreakerState) {
			if s.State == "open" {
				runtime.Goexit()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &listener{work: work}
				b := guard.NewBreakers(guard.BreakerOptions{}, l.listen)
				br := bench{b, []bankmux.Interceptor{b.Interceptor()}}
				for range 2 {
					br.trip(t, read)
					time.Sleep(31 * time.Second)
					for range 3 {
						require.NoError(t, br.call(t.Context(), read, nil))
					}
					require.Equal(t, "closed", br.state(read))
				}
				time.Sleep(time.Hour)
				l.mu.Lock()
				defer l.mu.Unlock()
				assert.Equal(t, append(cycle, cycle...), l.heard)
				assert.Equal(t, 1, l.most, "one change at a time")
			})
		})
	}
}

func aListenerDelaysACallBy100MsAtMost(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} { // an even and an odd number of changes
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			l := &listener{work: func(guard.BreakerState) { <-release }}
			b := guard.NewBreakers(guard.BreakerOptions{}, l.listen)
			br := bench{b, []bankmux.Interceptor{b.Interceptor()}}
			start := time.Now()
			br.trip(t, read)
			assert.Equal(t, 100*time.Millisecond, time.Since(start))
			var changes []string
			for range 100 {
				time.Sleep(31 * time.Second)
				require.Error(t, br.call(t.Context(), read, errDown))
				changes = append(changes, "half-open", "open")
			}
			time.Sleep(31 * time.Second)
			start = time.Now()
			for range 3 {
				require.NoError(t, br.call(t.Context(), read, nil))
			}
			changes = append(changes, "half-open", "closed")
			if again {
				br.trip(t, read)
				changes = append(changes, "open")
			}
			assert.Zero(t, time.Since(start), "no call waits behind a listener that is busy")
			close(release)
			synctest.Wait()
			require.Len(t, l.heard, 65)
			assert.Equal(t, changes[len(changes)-64:], l.heard[1:], "the last 64, of which the last is never lost")
		})
	}
}

func aListenerMayCallTheGuardAndItsClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g *guard.Guard
		var call func() error
		l := &listener{}
		l.work = func(s guard.BreakerState) {
			g.Breakers()
			if s.State == "half-open" {
				assert.NoError(t, call())
				assert.NoError(t, call())
			}
		}
		g = guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}, OnStateChange: l.listen})
		answer := error(errDown)
		call = func() error {
			return chain(g.Interceptors(), read, func(context.Context) error { return answer })(t.Context())
		}
		for range 6 {
			require.Error(t, call())
		}
		answer = nil
		time.Sleep(31 * time.Second)
		require.NoError(t, call())
		synctest.Wait()
		assert.Equal(t, []string{"open", "half-open", "closed"}, l.heard, "the listener's own calls closed it")
	})
}

func aPanicIsLoggedWithoutItsValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		g := guard.New(guard.Options{
			Logger: slog.New(slog.NewTextHandler(&out, nil)), Retry: guard.RetryOptions{MaxAttempts: 1},
			OnStateChange: func(guard.BreakerState) { panic("secret") },
		})
		for range 6 {
			require.Error(t, chain(g.Interceptors(), read, func(context.Context) error { return errDown })(t.Context()))
		}
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(out.String(), `msg="bankmux: OnStateChange panicked" panic=string stack=`))
		assert.NotContains(t, out.String(), "secret")
	})
}

func aListenerThatReturnsIsNotLogged(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string]func(guard.BreakerState){
		"one that returns": func(guard.BreakerState) {}, "none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				g := guard.New(guard.Options{
					Logger: slog.New(
						slog.NewTextHandler(&out, nil),
					),
					Retry:         guard.RetryOptions{MaxAttempts: 1},
					OnStateChange: listen,
				})
				for range 6 {
					require.Error(
						t,
						chain(g.Interceptors(), read, func(context.Context) error { return errDown })(t.Context()),
					)
				}
				synctest.Wait()
				assert.NotContains(t, out.String(), "OnStateChange")
			})
		})
	}
}

func aQuickListenerReturnsBeforeTheCallDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &listener{work: func(guard.BreakerState) { time.Sleep(time.Millisecond) }}
		b := guard.NewBreakers(guard.BreakerOptions{Probes: 1}, l.listen)
		br := bench{b, []bankmux.Interceptor{b.Interceptor()}}
		br.trip(t, read)
		assert.Equal(t, []string{"open"}, l.heard)
		time.Sleep(31 * time.Second)
		require.NoError(t, br.call(t.Context(), read, nil))
		assert.Equal(t, []string{"open", "half-open", "closed"}, l.heard, "also of two changes by one call")
		br.trip(t, read)
		time.Sleep(31 * time.Second)
		assert.Equal(t, "half-open", br.state(read))
		assert.Equal(t, []string{"open", "half-open"}, l.heard[3:], "and by a look at the state")
	})
}

func listenersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var mu sync.Mutex
		var heard []string
		in := guard.NewInstitutions(guard.InstitutionOptions{}, func(s guard.BreakerState) {
			if s.Institution == "slow" {
				<-hold
			}
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, s.Institution)
		}).Interceptor(func(bankmux.Op) bool { return true })
		for _, bank := range []string{"slow", "quick"} {
			op := read
			op.Institution = bank
			for range 5 {
				require.Error(t, in(t.Context(), op, func(context.Context) error { return errBankDown }))
			}
		}
		synctest.Wait()
		mu.Lock()
		assert.Equal(t, []string{"quick"}, heard)
		mu.Unlock()
		close(hold)
		synctest.Wait()
		assert.Equal(t, []string{"quick", "slow"}, heard)
	})
}

// listener records what it heard, after a moment of work that differs from change to change.
type listener struct {
	mu    sync.Mutex
	heard []string
	at    map[string]int // calls at work, by breaker
	most  int
	work  func(guard.BreakerState)
}

func (l *listener) listen(s guard.BreakerState) {
	key := s.Client + "/" + s.Institution
	l.mu.Lock()
	if l.at == nil {
		l.at = map[string]int{}
	}
	l.at[key]++
	l.most = max(l.most, l.at[key])
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.at[key]--
		l.heard = append(l.heard, s.State)
	}()
	if l.work != nil {
		l.work(s)
	}
}
