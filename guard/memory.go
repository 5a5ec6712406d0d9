package guard

// This file has the backend in the memory of one process.

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// Memory is a [Backend] in the memory of one process. It is for tests, and for several guards in
// one process that have the same provider accounts. Its zero value is an empty backend. It is safe
// for concurrent use. What has expired is forgotten on later calls.
type Memory struct {
	mu     sync.Mutex
	leases map[string]*memoryLease
	facts  map[string]memoryFact
	counts map[string]memoryCount
	fence  int64
	sweep  time.Time // the next time at which everything is looked through
}

type memoryLease struct {
	holder string
	fence  int64
	until  time.Time
	fact   memoryFact
	queue  []memoryPlace // in the order of waiting
}

type memoryPlace struct {
	holder string
	until  time.Time
}

type memoryFact struct {
	value []byte
	until time.Time
}

type memoryCount struct {
	window int64 // number of the window since 1970
	used   int64
	until  time.Time
}

// NewMemory returns an empty backend. It starts no goroutine.
func NewMemory() *Memory { return &Memory{} }

// Acquire implements [Leases]. Its only error is that of ctx.
func (m *Memory) Acquire(ctx context.Context, c Claim) (Lease, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return Lease{}, err
	}
	defer m.mu.Unlock()
	l := m.leases[c.Key]
	if l == nil {
		l = &memoryLease{}
		m.leases[c.Key] = l
	}
	l.queue = slices.DeleteFunc(l.queue, func(p memoryPlace) bool { return !now.Before(p.until) })
	at := slices.IndexFunc(l.queue, func(p memoryPlace) bool { return p.holder == c.Holder })
	held := now.Before(l.until)
	switch {
	case held && l.holder == c.Holder:
		l.until = now.Add(c.TTL)
		return Lease{Fence: l.fence, Fact: l.fact.at(now)}, nil
	case !held && (at == 0 || len(l.queue) == 0):
		l.queue = slices.DeleteFunc(l.queue, func(p memoryPlace) bool { return p.holder == c.Holder })
		m.fence++
		l.holder, l.fence, l.until = c.Holder, m.fence, now.Add(c.TTL)
		return Lease{Fence: l.fence, Fact: l.fact.at(now)}, nil
	case at >= 0:
		l.queue[at].until = now.Add(c.Place)
	default:
		l.queue = append(l.queue, memoryPlace{c.Holder, now.Add(c.Place)})
	}
	return Lease{Fact: l.fact.at(now)}, nil
}

// Release implements [Leases]. Its only error is that of ctx.
func (m *Memory) Release(ctx context.Context, r Release) (bool, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	l := m.leases[r.Key]
	if l == nil {
		return false, nil
	}
	held := now.Before(l.until) && l.holder == r.Holder
	if r.Fence == 0 {
		before := len(l.queue)
		l.queue = slices.DeleteFunc(l.queue, func(p memoryPlace) bool { return p.holder == r.Holder })
		if held {
			l.until = time.Time{}
		}
		return held || len(l.queue) < before, nil
	}
	if !held || l.fence != r.Fence {
		return false, nil
	}
	l.until = time.Time{}
	if r.Fact != nil {
		l.fact = remembered(*r.Fact, now)
	}
	return true, nil
}

// PutFact implements [Facts]. Its only error is that of ctx.
func (m *Memory) PutFact(ctx context.Context, name string, f Fact) error {
	now, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.facts[name] = remembered(f, now)
	return nil
}

// Facts implements [Facts]. Its only error is that of ctx.
func (m *Memory) Facts(ctx context.Context) (map[string]Fact, error) {
	now, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	facts := map[string]Fact{}
	for name, stored := range m.facts {
		if f := stored.at(now); f.Value != nil {
			facts[name] = f
		}
	}
	return facts, nil
}

// Take implements [Counters]. Its errors are that of ctx, and [bankmux.ErrInvalid] for a Window
// shorter than a millisecond.
func (m *Memory) Take(ctx context.Context, t Take) (Taken, error) {
	if t.Window < time.Millisecond {
		return Taken{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "Take.Window", Detail: "is shorter than a millisecond", NotSent: true,
		}
	}
	now, err := m.lock(ctx)
	if err != nil {
		return Taken{}, err
	}
	defer m.mu.Unlock()
	window, ends := windowAt(now, t.Window, t.Offset)
	c := m.counts[t.Key]
	switch c.window {
	case window:
	case window + 1: // the clock was put back
		ends = ends.Add(t.Window)
	default:
		c = memoryCount{window: window}
	}
	granted := min(t.N, max(t.Limit-c.used, 0))
	c.used, c.until = c.used+granted, ends.Add(t.Window) // the clock may be put back
	m.counts[t.Key] = c
	return Taken{N: granted, Ends: ends.Sub(now)}, nil
}

// lock locks mu and returns the time. From time to time it forgets what has expired.
func (m *Memory) lock(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	now := time.Now()
	if now.Before(m.sweep) {
		return now, nil
	}
	m.sweep = now.Add(time.Minute)
	if m.leases == nil {
		m.leases, m.facts, m.counts = map[string]*memoryLease{}, map[string]memoryFact{}, map[string]memoryCount{}
	}
	maps.DeleteFunc(m.leases, func(_ string, l *memoryLease) bool {
		l.queue = slices.DeleteFunc(l.queue, func(p memoryPlace) bool { return !now.Before(p.until) })
		return !now.Before(l.until) && l.fact.at(now).Value == nil && len(l.queue) == 0
	})
	maps.DeleteFunc(m.facts, func(_ string, f memoryFact) bool { return !now.Before(f.until) })
	maps.DeleteFunc(m.counts, func(_ string, c memoryCount) bool { return !now.Before(c.until) })
	return now, nil
}

// remembered returns a fact with the time at which it expires.
func remembered(f Fact, now time.Time) memoryFact {
	return memoryFact{slices.Clone(f.Value), now.Add(f.TTL)}
}

// at returns the fact as a reader sees it, without Value if it has expired.
func (f memoryFact) at(now time.Time) Fact {
	if f.value == nil || !now.Before(f.until) {
		return Fact{}
	}
	return Fact{Value: slices.Clone(f.value), TTL: f.until.Sub(now)}
}
