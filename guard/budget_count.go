package guard

// This file counts the calls of one budget.

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// budgetCount counts the calls of a budget in the present window.
type budgetCount struct {
	Budget
	night int32 // what calls without a user may use of Limit
	seed  maphash.Seed

	mu     sync.Mutex
	window int64                   // the present one, counted from 1970
	used   map[uint64]int32        // by the digest of a countKey
	chunks map[uint64]*budgetChunk // if a fleet shares the budget
}

// countKey names what has a count of its own.
type countKey struct {
	client, connection, institution, product string
	item                                     bankmux.Secret
}

// countedCall is a call that a budget allowed.
type countedCall struct {
	count  *budgetCount
	key    uint64 // of the count
	window int64  // in which it was counted
	part   *int32 // of the chunk from which it was taken, nil if the process judged alone
}

func newBudgetCount(b Budget) *budgetCount {
	return &budgetCount{
		Budget: b, night: int32(b.Limit - b.reserve()), //nolint:gosec // below maxLimit
		seed: maphash.MakeSeed(), used: map[uint64]int32{}, chunks: map[uint64]*budgetChunk{},
	}
}

// counts reports whether the budget counts a call of an operation that it selects.
func (c *budgetCount) counts(op *bankmux.Op, who caller) bool {
	switch {
	case c.Background && !who.background,
		c.Provider != "" && c.Provider != op.Provider,
		c.Client != "" && c.Client != op.Client,
		c.Group != "" && c.Group != op.Group,
		c.Product != "" && string(c.Product) != op.Product,
		c.Per&PerConnection != 0 && op.Connection == "",
		c.Per&PerItem != 0 && op.Reference.IsZero(),
		c.Per&PerInstitution != 0 && op.Institution == "",
		c.Per&PerProduct != 0 && op.Product == "":
		return false
	}
	return true
}

// keyOf returns what a call counts for.
func (c *budgetCount) keyOf(op *bankmux.Op) countKey {
	k := countKey{client: op.Client}
	if c.Per&PerConnection != 0 {
		k.connection = op.Connection
	}
	if c.Per&PerItem != 0 {
		k.item = op.Reference
	}
	if c.Per&PerInstitution != 0 {
		k.institution = op.Institution
	}
	if c.Per&PerProduct != 0 {
		k.product = op.Product
	}
	return k
}

// digest returns the key of a count. Two calls whose digests collide share a count, which happens
// to one in a million processes that each count a million connections.
func (c *budgetCount) digest(op *bankmux.Op) uint64 { return maphash.Comparable(c.seed, c.keyOf(op)) }

// limit returns how many calls of a window such a call leaves.
func (c *budgetCount) limit(who caller) int32 {
	if who.absent {
		return c.night
	}
	return int32(c.Limit) //nolint:gosec // below maxLimit
}

// windowAt returns the number of the window at a time, and when it ends: see [Take].
func windowAt(now time.Time, window, offset time.Duration) (number int64, ends time.Time) {
	length, since := window.Milliseconds(), now.UnixMilli()-offset.Milliseconds()
	number = since / length
	if since < number*length {
		number-- // a division rounds towards zero
	}
	return number, time.UnixMilli((number+1)*length + offset.Milliseconds())
}

// present reports whether a time is in the window that was started, and returns when that window
// ends. If the clock was put back by up to a window, the window that was started goes on. The
// caller has locked mu.
func (c *budgetCount) present(at time.Time) (ends time.Time, ok bool) {
	number, ends := windowAt(at, c.Window, c.Offset)
	if number == c.window-1 {
		return ends.Add(c.Window), true
	}
	return ends, number == c.window
}

// roll starts the window of the present time, unless it was started. The caller has locked mu.
func (c *budgetCount) roll(now time.Time) {
	if _, ok := c.present(now); ok {
		return
	}
	c.window, _ = windowAt(now, c.Window, c.Offset)
	c.used = map[uint64]int32{}
	for key, chunk := range c.chunks {
		if !now.Before(chunk.until) {
			delete(c.chunks, key)
		}
	}
}

// apart returns when a call may start that must not arrive in another window: see [Budget.Margin].
func (c *budgetCount) apart(at time.Time) time.Time {
	if c.Margin == 0 {
		return at
	}
	_, ends := windowAt(at, c.Window, c.Offset)
	switch left := ends.Sub(at); {
	case left <= c.Margin:
		return ends.Add(c.Margin)
	case c.Window-left < c.Margin:
		return ends.Add(c.Margin - c.Window)
	}
	return at
}

// take counts a call of this process, and reports false if the budget does not allow it.
func (c *budgetCount) take(op *bankmux.Op, who caller, now time.Time) (call countedCall, ok bool) {
	key := c.digest(op)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roll(now)
	call = countedCall{count: c, key: key, window: c.window}
	used := c.used[key]
	if used >= c.limit(who) || c.apart(now).After(now) {
		return call, false
	}
	c.used[key] = used + 1
	return call, true
}

// giveBack undoes a call. Of a shared count, this process keeps it for its next call.
func (c *budgetCount) giveBack(call countedCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.window == c.window && c.used[call.key] > 0 {
		c.used[call.key]--
	}
	if call.part != nil {
		*call.part++
	}
}

// next returns when the budget allows a call, not before the given time. That may be in the future,
// so next changes nothing.
func (c *budgetCount) next(op *bankmux.Op, who caller, from time.Time) time.Time {
	key := c.digest(op)
	c.mu.Lock()
	defer c.mu.Unlock()
	if chunk := c.chunks[key]; chunk != nil && from.Before(chunk.until) && chunk.dry(who) {
		return c.apart(chunk.until)
	}
	ends, used := c.present(from)
	if used && c.used[key] >= c.limit(who) {
		return c.apart(ends)
	}
	return c.apart(from)
}
