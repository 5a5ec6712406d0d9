package bankhttp

// This file keeps results of calls until the store has them.

import (
	"maps"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// held keeps the results of exchanges and answers that the store could not keep yet. A one-time
// token or an answer is spent then, so posting it again could not repeat the call. With the result
// it only stores it. The process loses what it holds when it ends.
type held[K comparable, V any] struct {
	mu  sync.Mutex
	all map[K]heldResult[V]
}

type heldResult[V any] struct {
	res   V
	until time.Time
}

// maxHeld bounds how many results are kept, and heldFor for how long.
const (
	maxHeld = 1000
	heldFor = time.Hour
)

// keyOf names what was posted.
func keyOf(ref bankmux.SessionRef, payload []byte) exchangeKey {
	return exchangeKey{ref, bankmux.PayloadDigest(payload)}
}

// get returns a result that the store does not have yet.
func (h *held[K, V]) get(key K) (V, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.all[key]
	return one.res, ok && time.Now().Before(one.until)
}

// put keeps a result. It reports whether there is room.
func (h *held[K, V]) put(key K, res V) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.all[key]; !ok && len(h.all) >= maxHeld {
		return false
	}
	if h.all == nil {
		h.all = map[K]heldResult[V]{}
	}
	h.all[key] = heldResult[V]{res, time.Now().Add(heldFor)}
	return true
}

// prune forgets the results whose time is over.
func (h *held[K, V]) prune() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(h.all, func(_ K, one heldResult[V]) bool { return !now.Before(one.until) })
}

// drop forgets a result that the store has. It reports whether it was there.
func (h *held[K, V]) drop(key K) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.all[key]
	delete(h.all, key)
	return ok
}

// change changes a result that is held. It reports whether it is.
func (h *held[K, V]) change(key K, change func(*V)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.all[key]
	if ok {
		change(&one.res)
		h.all[key] = one
	}
	return ok
}

// every returns all results, also those whose time is over.
func (h *held[K, V]) every() map[K]heldResult[V] {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.all)
}

// take returns a result and forgets it.
func (h *held[K, V]) take(key K) (V, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.all[key]
	delete(h.all, key)
	return one.res, ok && time.Now().Before(one.until)
}
