package bank

// This file has the clock of a bank.

import (
	"sync"
	"time"
)

// clock runs at the speed of the machine's clock, from its own start and with jumps forward. It
// reads time.Now, so in a testing/synctest bubble it follows the bubble.
type clock struct {
	start  time.Time
	opened time.Time

	mu       sync.Mutex
	advanced time.Duration
}

// maxAdvance limits the sum of all jumps. Beyond about 290 years a time.Duration overflows.
const maxAdvance = 200 * 365 * 24 * time.Hour

func newClock(start time.Time) *clock {
	opened := time.Now()
	if start.IsZero() {
		start = opened
	}
	// Round(0) drops the monotonic reading, which does not include jumps.
	return &clock{start: start.UTC().Round(0), opened: opened}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(time.Since(c.opened) + c.advanced)
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
