package guard

// This file counts the calls of one budget.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// budgetCount counts the calls of a budget in the present window.
type budgetCount struct {
	Budget
	key   string // of the shared counts
	night int32  // what calls without a user may use of Limit
	seed  maphash.Seed

	mu     sync.Mutex
	window int64            // the present one, counted from 1970
	used   map[uint64]int32 // by the digest of a countKey
	chunks map[uint64]*budgetChunk

	asking chan struct{} // held by the call that asks the fleet for a chunk of several calls
}

// countKey names what has a count of its own.
type countKey struct {
	client, connection, institution, product string
	item                                     bankmux.Secret
}

// budgetChunk is what this process took of a shared count and has not used.
type budgetChunk struct {
	night, users int64
	until        time.Time // the end of the window by the fleet's clock
	// There is nothing left in the window for calls without a user, and for any call.
	nightDry, allDry bool
}

func newBudgetCount(b Budget, key string) *budgetCount {
	return &budgetCount{
		Budget: b, key: key, night: int32(b.Limit - b.reserve()), //nolint:gosec // below maxLimit
		seed: maphash.MakeSeed(), used: map[uint64]int32{}, chunks: map[uint64]*budgetChunk{},
		asking: make(chan struct{}, 1),
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

// windowOf returns the number of the window at a time, and when it ends.
func (c *budgetCount) windowOf(now time.Time) (number int64, ends time.Time) {
	length := c.Window.Milliseconds()
	since := now.UnixMilli() - c.Offset.Milliseconds()
	start := since - floorMod(since, length)
	return start / length, time.UnixMilli(start + length + c.Offset.Milliseconds())
}

// roll starts the window of the present time. The caller has locked mu.
func (c *budgetCount) roll(now time.Time) (ends time.Time) {
	number, ends := c.windowOf(now)
	if number != c.window {
		c.window, c.used = number, map[uint64]int32{}
		for key, chunk := range c.chunks {
			if !now.Before(chunk.until) {
				delete(c.chunks, key)
			}
		}
	}
	return ends
}

// take counts a call, and reports false if the budget does not allow it.
func (c *budgetCount) take(ctx context.Context, fleet *Fleet, op *bankmux.Op, who caller, now time.Time) bool {
	key := c.digest(op)
	c.mu.Lock()
	c.roll(now)
	used := c.used[key]
	if used >= c.limit(who) {
		c.mu.Unlock()
		return false
	}
	c.used[key] = used + 1
	c.mu.Unlock()
	if fleet == nil || c.takeShared(ctx, fleet, key, op, who) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncount(key, now)
	return false
}

// uncount undoes a call that this process counted at a time, if its window is still the present
// one. The caller has locked mu.
func (c *budgetCount) uncount(key uint64, counted time.Time) {
	if number, _ := c.windowOf(counted); number == c.window && c.used[key] > 0 {
		c.used[key]--
	}
}

// giveBack undoes a call that was counted at a time. Of a shared count, this process keeps it for
// its next call.
func (c *budgetCount) giveBack(op *bankmux.Op, who caller, counted time.Time) {
	key := c.digest(op)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncount(key, counted)
	chunk := c.chunks[key]
	switch {
	case chunk == nil || !time.Now().Before(chunk.until):
	case who.absent:
		chunk.night++
	default:
		chunk.users++
	}
}

// next returns when the budget allows a call.
func (c *budgetCount) next(op *bankmux.Op, who caller, now time.Time) time.Time {
	key := c.digest(op)
	c.mu.Lock()
	defer c.mu.Unlock()
	ends := c.roll(now)
	if chunk := c.chunks[key]; chunk != nil && now.Before(chunk.until) && chunk.dry(who) {
		return chunk.until
	}
	if c.used[key] < c.limit(who) {
		return now
	}
	return ends
}

// dry reports whether the shared count has nothing left for such a call.
func (k *budgetChunk) dry(who caller) bool {
	if k.users > 0 && !who.absent || k.night > 0 {
		return false
	}
	return k.allDry || (who.absent && k.nightDry)
}

// spend takes a call from the chunk and reports whether there was one. A call with a user may use
// what is meant for any call.
func (k *budgetChunk) spend(who caller) bool {
	switch {
	case k.night > 0:
		k.night--
	case k.users > 0 && !who.absent:
		k.users--
	default:
		return false
	}
	return true
}

// chunkSize returns how many calls one request to the fleet takes: a fiftieth, so that processes
// leave little unused.
func (c *budgetCount) chunkSize() int64 { return max(int64(c.night)/50, 1) }

// takeShared counts a call in all processes together. It reports true if the fleet did not respond,
// since the process then judges alone.
func (c *budgetCount) takeShared(ctx context.Context, fleet *Fleet, key uint64, op *bankmux.Op, who caller) bool {
	if spent, known := c.spend(key, who); known {
		return spent
	}
	if c.chunkSize() > 1 { // one call takes a chunk for all that wait
		select {
		case c.asking <- struct{}{}:
			defer func() { <-c.asking }()
		case <-ctx.Done():
			return true // the call ends by itself
		}
		if spent, known := c.spend(key, who); known {
			return spent
		}
	}
	taken, ok := fleet.take(ctx, Take{
		Key: c.sharedKey(op), N: c.chunkSize(), Limit: int64(c.limit(who)), Window: c.Window, Offset: c.Offset,
	})
	if !ok {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk := c.chunks[key]
	if chunk == nil {
		chunk = &budgetChunk{}
		c.chunks[key] = chunk
	}
	chunk.until = time.Now().Add(taken.Ends)
	switch {
	case taken.N == 0:
		chunk.nightDry, chunk.allDry = true, chunk.allDry || !who.absent
		return false
	case who.absent:
		chunk.night += taken.N - 1
	default:
		chunk.users += taken.N - 1
	}
	return true
}

// spend spends what was taken before. known is false if the fleet must be asked.
func (c *budgetCount) spend(key uint64, who caller) (spent, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk := c.chunks[key]
	if chunk == nil || !time.Now().Before(chunk.until) {
		delete(c.chunks, key)
		return false, false
	}
	if chunk.spend(who) {
		return true, true
	}
	return false, chunk.dry(who)
}

// sharedKey names the shared count. The provider's id of a login may open something, so the name
// has its digest.
func (c *budgetCount) sharedKey(op *bankmux.Op) string {
	k := c.keyOf(op)
	item := ""
	if !k.item.IsZero() {
		sum := sha256.Sum256([]byte("bankmux budget " + k.item.Reveal()))
		item = hex.EncodeToString(sum[:20])
	}
	return place("budget", c.key, k.client, k.connection, item, k.institution, k.product)
}
