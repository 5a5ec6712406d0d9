package guard

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// notifier calls a listener for every change of a breaker. The changes of one breaker come one
// after the other, in order, from one goroutine. The goroutine runs only while there is something
// to deliver.
type notifier struct {
	listen func(BreakerState)

	mu    sync.Mutex
	lines map[breakerKey]*line
}

// line holds the changes of one breaker that the listener has not received yet.
type line struct {
	pending []BreakerState
	done    chan struct{} // closed when nothing is pending any more
}

// maxPending bounds what is kept for a listener that does not return. Older changes are dropped
// first, the last is never.
const maxPending = 64

// listenFor is how long the call that caused a change waits for the listener.
const listenFor = 100 * time.Millisecond

func newNotifier(listen func(BreakerState)) *notifier {
	return &notifier{listen: listen, lines: map[breakerKey]*line{}}
}

// add queues a change and returns at once. If that starts the delivery, it returns a channel that
// is closed at its end, otherwise nil: a listener that calls the guard must not wait for itself.
func (n *notifier) add(key breakerKey, s BreakerState) <-chan struct{} {
	if n.listen == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.lines[key]; l != nil {
		if len(l.pending) == maxPending {
			l.pending = append(l.pending[:0], l.pending[1:]...)
		}
		l.pending = append(l.pending, s)
		return nil
	}
	l := &line{pending: []BreakerState{s}, done: make(chan struct{})}
	n.lines[key] = l
	go n.deliver(key, l)
	return l.done
}

// deliver calls the listener until nothing is pending. If the listener ends the goroutine, another
// one continues.
func (n *notifier) deliver(key breakerKey, l *line) {
	finished := false
	defer func() {
		if !finished {
			go n.deliver(key, l)
		}
	}()
	for {
		s, ok := n.next(key, l)
		if !ok {
			break
		}
		n.call(s)
	}
	finished = true
}

func (n *notifier) next(key breakerKey, l *line) (s BreakerState, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(l.pending) == 0 {
		delete(n.lines, key)
		close(l.done)
		return s, false
	}
	s = l.pending[0]
	l.pending = l.pending[1:]
	return s, true
}

// call recovers from a panic of the listener, which would end the process here.
func (n *notifier) call(s BreakerState) {
	defer func() { _ = recover() }()
	n.listen(s)
}

// wait blocks until the delivery ends, at most listenFor.
func wait(done <-chan struct{}) {
	if done == nil {
		return
	}
	timer := time.NewTimer(listenFor)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// reporting logs a panic of listen before the notifier recovers from it.
func reporting(listen func(BreakerState), logger *slog.Logger) func(BreakerState) {
	if listen == nil || logger == nil {
		return listen
	}
	return func(s BreakerState) {
		defer func() {
			if p := recover(); p != nil { // the value may hold anything, so only its type is logged
				logger.Error(
					"bankmux: OnStateChange panicked",
					"panic",
					fmt.Sprintf("%T", p),
					"stack",
					string(debug.Stack()),
				)
			}
		}()
		listen(s)
	}
}
