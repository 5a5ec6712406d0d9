package fleetproof

// This file watches how long a process may wait for its backend.

import (
	"context"
	"sync"
	"time"

	"github.com/bankmux/bankmux/guard"
)

// bounds divide requests by how long they took.
var bounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 120 * time.Millisecond, time.Hour,
}

// delays says how long calls waited for the backend.
type delays struct {
	Limit     time.Duration    // the longest time that a request for a turn was allowed
	Unlimited int              // requests for a turn without a deadline
	Took      [len(bounds)]int // requests that took at most so long, and longer than the bound before
}

// watched notes the deadlines of requests for a turn. Each call makes one before it is sent.
type watched struct {
	guard.Backend

	mu    sync.Mutex
	noted delays
}

// Acquire implements [guard.Leases].
func (w *watched) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	start := time.Now()
	end, limited := ctx.Deadline()
	got, err := w.Backend.Acquire(ctx, c)
	took := time.Since(start)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !limited {
		w.noted.Unlimited++
	}
	w.noted.Limit = max(w.noted.Limit, end.Sub(start))
	for i, bound := range bounds {
		if took <= bound {
			w.noted.Took[i]++
			break
		}
	}
	return got, err
}

// delays returns what was noted so far.
func (w *watched) delays() delays {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.noted
}
