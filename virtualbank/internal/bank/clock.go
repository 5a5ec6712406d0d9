package bank

import (
	"sync"
	"time"
)

// clock runs as the machine's clock does, from another start and with jumps. It
// reads time.Now, so in a testing/synctest bubble it follows the bubble.
type clock struct {
	start time.Time
	began time.Time

	mu       sync.Mutex
	advanced time.Duration
}

// maxAdvance is how far the clock can be advanced in all; beyond two centuries a duration ends.
const maxAdvance = 200 * 365 * 24 * time.Hour

func newClock(start time.Time) *clock {
	began := time.Now()
	if start.IsZero() {
		start = began
	}
	// Round(0) drops the machine's monotonic reading, which knows nothing of jumps.
	return &clock{start: start.UTC().Round(0), began: began}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(time.Since(c.began) + c.advanced)
}

func (c *clock) advance(d time.Duration) {
	if d <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.advanced+d < c.advanced || c.advanced+d > maxAdvance {
		d = maxAdvance - c.advanced
	}
	c.advanced += d
}
