package store

// This file remembers claims of exchanges whose end the database does not have.

import (
	"sync"
	"time"
)

// endedClaims are claims whose work ended in this process, although the database still shows them.
// A further call here need not wait until their leases end.
type endedClaims struct {
	mu    sync.Mutex
	until map[string]time.Time // by holder
}

// add remembers a claim for as long as its lease can last.
func (e *endedClaims) add(holder string, now time.Time, lease time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for other, until := range e.until {
		if now.After(until) {
			delete(e.until, other)
		}
	}
	if e.until == nil {
		e.until = map[string]time.Time{}
	}
	e.until[holder] = now.Add(lease)
}

// has reports whether the work of a claim has ended.
func (e *endedClaims) has(holder string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.until[holder]
	return ok
}
