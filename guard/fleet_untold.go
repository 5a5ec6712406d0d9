package guard

// This file lets other processes know what a call ended while the backend was away.

import (
	"context"
	"crypto/rand"
	"time"
)

// untold is a challenge that has ended, which the backend may not know.
type untold struct {
	wanted func() bool      // reports whether that is still so
	leave  func(*turnLease) // leaves with a lease what the process knows
}

// untold returns what the other processes may not know of a login, nil if there is nothing.
func (s *holds) untold(key holdKey) *untold {
	wanted := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.ended[key] != ""
	}
	if !wanted() {
		return nil
	}
	return &untold{wanted, func(l *turnLease) {
		found, before := s.adopt(key, l)
		s.leave(key, l, found, before)
	}}
}

// How often, and for how long, a process tries to leave what is untold.
const (
	untoldEvery = time.Second
	untoldFor   = 10 * time.Minute
)

// leaveUntold lets the other processes know what a call has ended, when the backend is available.
// It does so as a call that sends nothing, and that never waits in a queue. It returns at once.
func (f *Fleet) leaveUntold(l *turnLease) {
	if l.untold == nil {
		return
	}
	f.other(func() {
		end := time.Now().Add(untoldFor)
		for ; l.untold.wanted() && time.Now().Before(end); time.Sleep(untoldEvery) {
			f.leaveOnce(l)
		}
	})
}

// leaveOnce takes the lease for a moment, if it is free.
func (f *Fleet) leaveOnce(l *turnLease) {
	ttl := 2 * f.maxBackground() // no call is made meanwhile
	claim := Claim{Key: l.name, Holder: rand.Text(), TTL: ttl, Place: lookTTL}
	until := claim.ends()
	got, err := inBackground(f,
		func(ctx context.Context) (Lease, error) { return f.backend.Acquire(ctx, claim) })
	if err != nil || got.Fence == 0 { // a lease whose response was lost ends by itself soon
		return
	}
	next := &turnLease{fleet: f, name: l.name, holder: claim.Holder, fence: got.Fence, until: until}
	next.take(got, pendingRelease{})
	l.untold.leave(next)
	f.handOver(releaseOfLease(next))
}
