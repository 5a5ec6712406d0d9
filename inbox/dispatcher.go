package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// dispatcher is where verified deliveries are handled: a few at once, some waiting, and never one twice
// at the same time.
type dispatcher struct {
	limit int           // at work and waiting
	slots chan struct{} // one for each handler at work

	mu   sync.Mutex
	open map[string]*delivery
}

func newDispatcher(l Limits) dispatcher {
	return dispatcher{limit: l.Handlers + l.Waiting, slots: make(chan struct{}, l.Handlers), open: map[string]*delivery{}}
}

// delivery is one delivery on the desk, with all who brought it.
type delivery struct {
	done chan struct{}
	held int   // of the memory for bodies
	err  error // once done
}

var (
	errFull   = errors.New("too many deliveries are waiting")
	errLate   = errors.New("no time was left to handle it")
	errFailed = errors.New("the handler failed")
	errUnread = errors.New("what was seen cannot be read")
)

// dispatch sees to it that the events are handled, once, and returns nil when they were. What is held
// of the memory for bodies goes with them: a handler may be at work with a body whose sender has
// hung up.
func (in *inbox) dispatch(ctx context.Context, deadline time.Time, key string, events []bankmux.Event, held *int) error {
	d := &in.dispatcher
	d.mu.Lock()
	m, open := d.open[key]
	switch {
	case open: // it came again while it is handled: the answer is the same
	case len(d.open) >= d.limit:
		d.mu.Unlock()
		return errFull
	default:
		m = &delivery{done: make(chan struct{}), held: *held}
		d.open[key], *held = m, 0
		// A provider that hangs up does not stop what was begun; then its repeat finds it done.
		go in.run(context.WithoutCancel(ctx), deadline, key, m, events)
	}
	d.mu.Unlock()
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return errLate
	}
}

// run handles a delivery unless it was handled before. A handler that returns late is marked all
// the same. Code of the application that panics or ends the goroutine holds nothing: what it was
// called for has failed.
func (in *inbox) run(ctx context.Context, deadline time.Time, key string, m *delivery, events []bankmux.Event) {
	returned := false
	defer func() {
		in.memory.give(m.held)
		in.dispatcher.mu.Lock()
		delete(in.dispatcher.open, key)
		in.dispatcher.mu.Unlock()
		close(m.done)
	}()
	defer func() {
		if !returned {
			in.log.write(
				ctx,
				slog.LevelError,
				"inbox: the application's code ended the goroutine",
				"key",
				plain.Line(key),
			)
		}
	}()
	m.err = errFailed
	in.handleOnce(ctx, deadline, key, m, events)
	returned = true
}

// markFor bounds the marking of what is handled already, which must not fail for want of time.
const markFor = 5 * time.Second

// handleOnce keeps m.err at what holds if the code that is called next does not return.
func (in *inbox) handleOnce(base context.Context, deadline time.Time, key string, m *delivery, events []bankmux.Event) {
	ctx, cancel := context.WithDeadline(base, deadline)
	defer cancel()
	select {
	case in.dispatcher.slots <- struct{}{}:
		defer func() { <-in.dispatcher.slots }()
	case <-ctx.Done():
		m.err = errLate
		return
	}
	m.err = errUnread
	var seen bool
	err := noPanic(func() (err error) {
		seen, err = in.seen.Seen(ctx, key)
		return err
	})
	if err != nil {
		m.err = fmt.Errorf("%w: %w", errUnread, err)
		return
	}
	if seen {
		m.err = nil
		return
	}
	m.err = errFailed
	for _, e := range events {
		if err := noPanic(func() error { return in.handle(ctx, e) }); err != nil {
			in.log.write(ctx, slog.LevelError, "inbox: the handler failed", "event", e, "error", err)
			return
		}
	}
	m.err = nil // it is handled: if it cannot be marked, a repeat is only handled again
	ctx, cancelMark := context.WithTimeout(base, markFor)
	defer cancelMark()
	if err := noPanic(func() error { return in.seen.Mark(ctx, key) }); err != nil {
		in.log.write(
			ctx,
			slog.LevelWarn,
			"inbox: a handled delivery cannot be marked",
			"key",
			plain.Line(key),
			"error",
			err,
		)
	}
}

// noPanic turns a panic of the application's code, which would end the process here, into an error.
func noPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at\n%s", p, debug.Stack()) // the value may hold anything
		}
	}()
	return f()
}
