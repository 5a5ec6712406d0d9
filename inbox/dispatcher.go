package inbox

// This file runs the handler for verified deliveries, once for each.

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

// dispatcher handles verified deliveries: a few at a time, some waiting, and never the same
// delivery twice at a time.
type dispatcher struct {
	limit int           // deliveries that run or wait
	slots chan struct{} // one per running handler

	mu   sync.Mutex
	open map[string]*delivery
}

// newDispatcher returns a dispatcher without deliveries.
func newDispatcher(l Limits) dispatcher {
	return dispatcher{
		limit: l.Handlers + l.Waiting, slots: make(chan struct{}, l.Handlers), open: map[string]*delivery{},
	}
}

// delivery is one delivery that runs or waits. Duplicates of it wait for the same result.
type delivery struct {
	done chan struct{}
	held int   // bytes of the memory for bodies
	err  error // valid once done is closed
}

var (
	errFull   = errors.New("too many deliveries are waiting")
	errLate   = errors.New("no time was left to handle the delivery")
	errFailed = errors.New("the handler failed")
	errUnread = errors.New("seen deliveries cannot be read")
)

// dispatch runs the handler once per key and waits for its result. It takes over what held counts
// of the memory for bodies, because a handler may still use a body after its sender has hung up.
func (in *inbox) dispatch(
	ctx context.Context,
	deadline time.Time,
	key string,
	events []bankmux.Event,
	held *int,
) error {
	d := &in.dispatcher
	d.mu.Lock()
	m, open := d.open[key]
	switch {
	case open: // a duplicate of a delivery that is handled now: it gets the same response
	case len(d.open) >= d.limit:
		d.mu.Unlock()
		return errFull
	default:
		m = &delivery{done: make(chan struct{}), held: *held}
		d.open[key], *held = m, 0
		// A provider that hangs up does not stop the handler. Its retry finds the work done.
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

// run handles a delivery unless it was handled before. A delivery whose handler returns late is
// still marked. If the application's code panics or ends the goroutine, the delivery has failed and
// occupies nothing.
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

// markFor limits the marking of a handled delivery, which gets extra time after HandleFor.
const markFor = 5 * time.Second

// handleOnce does the work of run. Before it calls code of the application, it sets m.err to the
// result that applies if that code does not return.
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
	m.err = nil // handled; if it cannot be marked, a retry is handled again
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

// noPanic turns a panic of the application's code into an error. Otherwise it would end the
// process.
func noPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at\n%s", p, debug.Stack()) // the value may hold anything
		}
	}()
	return f()
}
