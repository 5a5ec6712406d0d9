package providertest

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/memnet"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// This file runs each subtest in a bubble of testing/synctest. A mistake of an adapter fails one
// subtest with a message: a panic, a call that never returns, a goroutine that outlives its call.
// The other subtests continue. A panic in a goroutine of the adapter cannot be recovered: it ends
// the process, as in any Go program.

// stallMargin is the time before the deadline of the test binary at which a bubble counts as
// stalled.
const stallMargin = 20 * time.Second

// inBubble runs f with a fresh bench on virtual time. It ends t if the test failed.
func inBubble(t *testing.T, newHarness func(*testing.T) Harness, f func(*testing.T, *bench)) {
	t.Helper()
	b := &bench{}
	ended := make(chan string, 1)
	go func() {
		// The runtime panics in this goroutine if all goroutines of the bubble wait and nothing can
		// wake them.
		said := ""
		defer func() {
			if p := recover(); p != nil {
				said = b.deadlock(fmt.Sprint(p))
			}
			ended <- said // also after runtime.Goexit, which ends a failed bubble
		}()
		synctest.Test(t, func(t *testing.T) { b.run(t, newHarness, f) })
	}()
	var late <-chan time.Time
	if deadline, ok := t.Deadline(); ok {
		left := time.Until(deadline)
		timer := time.NewTimer(left - min(stallMargin, left/4))
		defer timer.Stop()
		late = timer.C
	}
	var said string
	select {
	case said = <-ended:
	case <-late:
		said = b.stalled()
	}
	if said != "" {
		t.Error(said)
		t.FailNow()
	}
	for _, missing := range b.missing {
		t.Run("not checked: "+missing, func(*testing.T) {})
	}
	if t.Failed() {
		t.FailNow()
	}
}

// run serves the backend and runs the test.
func (b *bench) run(t *testing.T, newHarness func(*testing.T) Harness, f func(*testing.T, *bench)) {
	b.mark()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panicked: %v\n%s", b.runningCalls("the test"), p, debug.Stack())
		}
	}()
	b.t, b.Harness = t, newHarness(t)
	b.secrets = b.Secrets
	b.keeper = &keeper{MemoryKeeper: bankmux.NewMemoryKeeper()}
	b.listener = memnet.Listen()
	server := &http.Server{ //nolint:gosec // in memory, for a test
		Handler: b, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ConnState: b.connState,
		ConnContext: wirefault.ConnContext, Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true) // the connection itself has the TLS, see secured
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(b.listener)
	}()
	defer func() { // also after FailNow
		if b.transport != nil {
			b.transport.CloseIdleConnections()
		}
		assert.NoError(t, server.Close())
		<-served
		b.checkSecrets()
		b.checkKeeper()
	}()
	b.newClient(guard.Options{}, overPlain)
	f(t, b)
}

// together runs f n times concurrently and waits.
func (b *bench) together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					b.t.Errorf(
						"%s panicked during concurrent calls: %v\n%s",
						b.runningCalls("the adapter"),
						p,
						debug.Stack(),
					)
				}
			}()
			f(i)
		})
	}
	all.Wait()
}

// enter records that a call of the client started. The returned function records that the call
// returned. A call that panics stays recorded.
func (b *bench) enter(call string) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls == nil {
		b.calls = map[string]int{}
	}
	b.calls[call]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.calls[call]--; b.calls[call] == 0 {
			delete(b.calls, call)
		}
	}
}

// runningCalls names the calls that have not returned. If there is none, it returns otherwise.
func (b *bench) runningCalls(otherwise string) string {
	if !b.mu.TryLock() { // a stalled goroutine may hold it
		return otherwise
	}
	defer b.mu.Unlock()
	if len(b.calls) == 0 {
		return otherwise
	}
	return strings.Join(slices.Sorted(maps.Keys(b.calls)), " and ")
}

// deadlock describes why a bubble ended.
func (b *bench) deadlock(reason string) string {
	switch {
	case strings.Contains(reason, "main bubble goroutine has exited"):
		return "a goroutine was left behind: it still waits after the test. " +
			"Whatever an adapter starts must end with the call that started it." + b.waiting()
	case strings.Contains(reason, "all goroutines in bubble are blocked"):
		return b.runningCalls("the harness") + " never returned: it waits without end. " +
			"A call must end when its context does." + b.waiting()
	}
	return "the test panicked: " + reason
}

func (b *bench) stalled() string {
	return b.runningCalls("the test") + " did not return before the deadline of the test binary. " +
		"Virtual time stops while a goroutine waits for a mutex, a file or a socket, or computes." + b.waiting()
}

// maxStacks bounds the printed goroutines, and maxFrames the lines of each.
const (
	maxStacks = 3
	maxFrames = 24
)

// suiteFrames are frames of the suite's own goroutines.
var suiteFrames = []string{"net/http.(*Server).Serve", "testing.testingSynctestTest(", "synctest.Run("}

// waiting returns the stacks of the goroutines in the bubble, except those of the suite's server.
func (b *bench) waiting() string {
	all := stacks(nil)
	var out strings.Builder
	shown := 0
	for one := range strings.SplitSeq(string(all), "\n\n") {
		header, _, _ := strings.Cut(one, "\n")
		own := slices.ContainsFunc(suiteFrames, func(frame string) bool { return strings.Contains(one, frame) })
		if bubbleOf(header) != b.bubble.Load() || bubbleOf(header) == "" || own {
			continue
		}
		if shown++; shown > maxStacks {
			break
		}
		lines := strings.Split(one, "\n")
		out.WriteString("\n\n" + strings.Join(lines[:min(len(lines), maxFrames)], "\n"))
	}
	return out.String()
}

// mark records the number of the current bubble.
func (b *bench) mark() {
	first := make([]byte, 128) // enough for the first line of this goroutine's stack
	header, _, _ := strings.Cut(string(first[:runtime.Stack(first, false)]), "\n")
	b.bubble.Store(bubbleOf(header))
}

// bubbleOf returns the number of the bubble from the first line of a goroutine's stack.
func bubbleOf(header string) string {
	_, bubble, _ := strings.Cut(header, "synctest bubble ")
	number := strings.IndexFunc(bubble, func(r rune) bool { return r < '0' || r > '9' })
	return bubble[:max(number, 0)]
}

// stacks returns the stacks of all goroutines, with the caller's first. It uses buf if buf is long
// enough.
func stacks(buf []byte) []byte {
	if buf == nil {
		buf = make([]byte, 64<<10)
	}
	n := runtime.Stack(buf, true)
	for n == len(buf) { // the output may be cut
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	return buf[:n]
}

// goroutines returns the number of goroutines in this bubble, after all of them have come to rest.
func (b *bench) goroutines() int {
	b.transport.CloseIdleConnections()
	synctest.Wait()
	all := stacks(b.stacks)
	b.stacks = all[:cap(all)]
	stack := string(all)
	header, _, _ := strings.Cut(stack, "\n")
	_, bubble, found := strings.Cut(header, "synctest bubble ")
	if !found {
		return -1
	}
	bubble, _, _ = strings.Cut(bubble, "]")
	return strings.Count(stack, "synctest bubble "+bubble+"]")
}
