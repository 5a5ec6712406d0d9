// Package allowance limits how long an operation waits for the state that processes share.
package allowance

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Allowance is how much longer an operation may wait. Waits at the same time count once. It is safe
// for concurrent use.
type Allowance struct {
	full time.Duration // at first

	mu    sync.Mutex
	left  time.Duration // as of since, if there are waits
	used  time.Duration // without what was given back
	kept  time.Duration // of used, what was used before Limit last lowered left
	since time.Time
	waits []*wait
}

// wait is a wait that is under way.
type wait struct {
	cancel context.CancelFunc
	sooner *time.Timer // ends it before its limit; nil if nothing does
}

// New returns an allowance.
func New(left time.Duration) *Allowance { return &Allowance{full: left, left: left} }

// Request returns how long one request may take of an operation that may wait for full.
func Request(full time.Duration) time.Duration { return full / 25 * 12 }

// Short reports whether less is left than one request may take. It reports false if the operation
// has waited for longer than it may.
func (a *Allowance) Short() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	return a.left == 0 || a.left > 0 && a.left < Request(a.full)
}

type key struct{}

// NewContext returns a context with the allowance of an operation.
func NewContext(ctx context.Context, a *Allowance) context.Context {
	return context.WithValue(ctx, key{}, a)
}

// FromContext returns the allowance of an operation, nil if there is none.
func FromContext(ctx context.Context) *Allowance {
	a, _ := ctx.Value(key{}).(*Allowance)
	return a
}

// settle uses up the time until now. The caller has locked mu.
func (a *Allowance) settle() {
	now := time.Now()
	if len(a.waits) > 0 {
		a.left -= now.Sub(a.since)
		a.used += now.Sub(a.since)
	}
	a.since = now
}

// Left returns how much longer the operation may wait, at least zero.
func (a *Allowance) Left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	return max(a.left, 0)
}

// Used returns how long the operation has waited, without what was given back.
func (a *Allowance) Used() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	return a.used
}

// Wait starts a wait. Its context ends after limit, or when nothing is left of the allowance. The
// time until done is called is used up.
func (a *Allowance) Wait(ctx context.Context, limit time.Duration) (inner context.Context, done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	inner, cancel := context.WithTimeout(ctx, min(limit, a.left))
	w := &wait{cancel: cancel}
	a.waits = append(a.waits, w)
	return inner, func() { a.end(w) }
}

func (a *Allowance) end(w *wait) {
	w.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.sooner != nil {
		w.sooner.Stop()
	}
	a.settle()
	a.waits = slices.DeleteFunc(a.waits, func(other *wait) bool { return other == w })
}

// Refund gives back the time of a wait that does not count. It gives back nothing that was used
// before the last [Allowance.Limit] that lowered what is left.
func (a *Allowance) Refund(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d = min(d, a.used-a.kept)
	a.left, a.used = a.left+d, a.used-d
}

// Limit lowers what is left to at most left. That holds for the waits that are under way, too.
func (a *Allowance) Limit(left time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
	if left >= a.left {
		return
	}
	a.left, a.kept = left, a.used
	for _, w := range a.waits {
		if w.sooner != nil {
			w.sooner.Stop()
		}
		w.sooner = time.AfterFunc(left, w.cancel)
	}
}
