package bankhttp

// This file keeps what an exchange made until the store has it.

import (
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// held keeps the results of exchanges that the store could not keep yet. A one-time token is spent
// then, so posting the payload again could not make the connection. With the result it only stores
// it. The process loses what it holds when it ends.
type held struct {
	mu  sync.Mutex
	all map[exchangeKey]heldResult
}

type heldResult struct {
	res   bankmux.ExchangeResult
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
func (h *held) get(key exchangeKey) (bankmux.ExchangeResult, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one, ok := h.all[key]
	return one.res, ok && time.Now().Before(one.until)
}

// put keeps a result.
func (h *held) put(key exchangeKey, res bankmux.ExchangeResult) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for k, one := range h.all {
		if now.After(one.until) {
			delete(h.all, k)
		}
	}
	if h.all == nil {
		h.all = map[exchangeKey]heldResult{}
	}
	if len(h.all) < maxHeld {
		h.all[key] = heldResult{res, now.Add(heldFor)}
	}
}

// drop forgets a result that the store has.
func (h *held) drop(key exchangeKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, key)
}
