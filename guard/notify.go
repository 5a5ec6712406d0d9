package guard

// This file calls OnStateChange.

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// notifier calls a listener for every change of a breaker. The changes of one breaker arrive in
// order from one goroutine. The goroutine runs only while there is something to deliver.
type notifier struct {
	listen func(BreakerState)

	mu     sync.Mutex
	queues map[breakerKey]*queue
}

// queue has the changes of one breaker that the listener has not received yet.
type queue struct {
	pending []BreakerState
	done    chan struct{} // closed when nothing is pending
}

// maxPending bounds the changes that wait for a listener that does not return. The oldest are
// dropped.
const maxPending = 64

// maxListenerWait is how long the call that caused a change waits for the listener.
const maxListenerWait = 100 * time.Millisecond

func newNotifier(listen func(BreakerState)) *notifier {
	return &notifier{listen: listen, queues: map[breakerKey]*queue{}}
}

// add queues a change and returns at once. If that starts the delivery, it returns a channel that
// is closed at its end. Otherwise it returns nil: a listener that calls the guard must not wait for
// itself.
func (n *notifier) add(key breakerKey, s BreakerState) <-chan struct{} {
	if n.listen == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if q := n.queues[key]; q != nil {
		if len(q.pending) == maxPending {
			q.pending = append(q.pending[:0], q.pending[1:]...)
		}
		q.pending = append(q.pending, s)
		return nil
	}
	q := &queue{pending: []BreakerState{s}, done: make(chan struct{})}
	n.queues[key] = q
	go n.deliver(key, q)
	return q.done
}

// deliver calls the listener until nothing is pending. If the listener ends the goroutine, a new
// goroutine continues.
func (n *notifier) deliver(key breakerKey, q *queue) {
	finished := false
	defer func() {
		if !finished {
			go n.deliver(key, q)
		}
	}()
	for {
		s, ok := n.next(key, q)
		if !ok {
			break
		}
		n.call(s)
	}
	finished = true
}

// next removes the oldest pending change and returns it. It reports false if there is none.
func (n *notifier) next(key breakerKey, q *queue) (s BreakerState, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(q.pending) == 0 {
		delete(n.queues, key)
		close(q.done)
		return s, false
	}
	s = q.pending[0]
	q.pending = q.pending[1:]
	return s, true
}

// call recovers from a panic of the listener, which would otherwise end the process.
func (n *notifier) call(s BreakerState) {
	defer func() { _ = recover() }()
	n.listen(s)
}

// awaitListener blocks until the delivery ends, at most maxListenerWait.
func awaitListener(done <-chan struct{}) {
	if done == nil {
		return
	}
	timer := time.NewTimer(maxListenerWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// logPanics logs a panic of listen before the notifier recovers from it.
func logPanics(listen func(BreakerState), logger *slog.Logger) func(BreakerState) {
	if listen == nil || logger == nil {
		return listen
	}
	return func(s BreakerState) {
		defer func() {
			if p := recover(); p != nil { // only the type is logged, since the value may hold anything
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
