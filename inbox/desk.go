package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// desk is where verified deliveries are handled: a few at once, some waiting, and never one twice at the same time.
type desk struct {
	most  int           // at work and waiting
	slots chan struct{} // one for each handler at work

	mu   sync.Mutex
	open map[string]*matter
}

func newDesk(l Limits) desk {
	return desk{most: l.Handlers + l.Waiting, slots: make(chan struct{}, l.Handlers), open: map[string]*matter{}}
}

// matter is one delivery on the desk, with all who brought it.
type matter struct {
	done chan struct{}
	held int   // of the memory for bodies
	err  error // once done
}

var (
	errFull   = errors.New("too many deliveries are waiting")
	errLate   = errors.New("no time was left to handle it")
	errFailed = errors.New("the handler failed")
)

// take sees to it that the events are handled, once, and returns nil when they were. What is held of the memory for bodies goes with them: a handler may be at work with a
// body whose sender has hung up.
func (in *inbox) take(ctx context.Context, deadline time.Time, key string, events []bankmux.Event, held *int) error {
	d := &in.desk
	d.mu.Lock()
	m, open := d.open[key]
	switch {
	case open: // it came again while it is handled: the answer is the same
	case len(d.open) >= d.most:
		d.mu.Unlock()
		return errFull
	default:
		m = &matter{done: make(chan struct{}), held: *held}
		d.open[key], *held = m, 0
		// A provider that hangs up does not stop what was begun; then its repeat finds it done.
		go in.work(context.WithoutCancel(ctx), deadline, key, m, events)
	}
	d.mu.Unlock()
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return errLate
	}
}

// work handles a delivery unless it was handled before. A handler that comes back late is marked all the same.
func (in *inbox) work(ctx context.Context, deadline time.Time, key string, m *matter, events []bankmux.Event) {
	m.err = in.workOn(ctx, deadline, key, events)
	in.memory.give(m.held)
	in.desk.mu.Lock()
	delete(in.desk.open, key)
	in.desk.mu.Unlock()
	close(m.done)
}

// markFor bounds the marking of what is handled already, which must not fail for want of time.
const markFor = 5 * time.Second

func (in *inbox) workOn(base context.Context, deadline time.Time, key string, events []bankmux.Event) error {
	ctx, cancel := context.WithDeadline(base, deadline)
	defer cancel()
	select {
	case in.desk.slots <- struct{}{}:
		defer func() { <-in.desk.slots }()
	case <-ctx.Done():
		return errLate
	}
	seen, err := in.seen.Seen(ctx, key)
	if err != nil {
		return fmt.Errorf("what was seen cannot be read: %w", err)
	}
	if seen {
		return nil
	}
	for _, e := range events {
		if err := in.handleOne(ctx, e); err != nil {
			in.log.Error("inbox: the handler failed", "event", e, "error", err)
			return errFailed
		}
	}
	ctx, cancelMark := context.WithTimeout(base, markFor)
	defer cancelMark()
	if err := in.seen.Mark(ctx, key); err != nil { // handled it is: a repeat would only be handled again
		in.log.Warn("inbox: a handled delivery cannot be marked", "key", key, "error", err)
	}
	return nil
}

// handleOne turns a panic of the handler, which would end the process here, into a failure.
func (in *inbox) handleOne(ctx context.Context, e bankmux.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic (%T) at\n%s", p, debug.Stack()) // the value may hold anything
		}
	}()
	return in.handle(ctx, e)
}
