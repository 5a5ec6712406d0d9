package guard

// This file sends the releases for which no call waits.

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

const (
	maxPendingReleases = 10_000 // that wait for the backend
	maxReleasing       = 32     // that are sent at the same time
)

// flushEvery is how often Flush looks whether something is left.
const flushEvery = 10 * time.Millisecond

// pendingRelease is a release that the backend did not receive.
type pendingRelease struct {
	Release

	// until is when the lease or the place ends by itself. The release is dropped then.
	until time.Time
	// ends is when the lease of Fence ends by itself, as long as no later claim is known to have
	// extended it. A release that is not held before that finds a lease that was released or lost.
	ends time.Time
	// unsent says that no request has released the lease of a call. If it is not held, it was lost.
	unsent bool
	// repeat is how long after it the release is repeated. Zero means that it is not repeated.
	repeat time.Duration
	shared func() // if not nil, called when the backend has the fact
}

// The first and the longest time after which a release is repeated, each twice the one before.
const (
	firstRepeat = time.Second
	maxRepeat   = 16 * time.Second
)

// handOver sends a release for which other processes wait, without making a call wait for it. It
// does not wait behind the releases of others.
func (f *Fleet) handOver(r pendingRelease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releasing++
	go f.sendOne(r)
}

// giveUp gives up what a claim may have got whose response was lost. A backend that was stopped may
// carry out the claim after that, so giveUp repeats the release for some time. A release that found
// something is repeated too. That may have been a place in the queue, from an earlier request of
// the same claim.
//
// The release has a fence if the claim was for a lease that its holder had: see takeBack.
func (f *Fleet) giveUp(r pendingRelease) {
	r.repeat = firstRepeat
	f.later(r)
}

// later sends a release without making a call wait for it, when the backend is available.
func (f *Fleet) later(r pendingRelease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.enqueue(r)
}

// enqueue is later of a caller that has locked mu.
func (f *Fleet) enqueue(r pendingRelease) {
	if len(f.pending) == maxPendingReleases {
		f.pending = f.pending[1:] // its lease ends by itself
	}
	f.pending = append(f.pending, r)
	f.sendPending()
}

// sendPending starts to send the releases that wait, as many at once as maxReleasing allows. If one
// fails, the backend is down, and the next probe that succeeds calls sendPending again. Calls start
// probes, but none may follow, so a timer does as well. The caller has locked mu.
func (f *Fleet) sendPending() {
	for len(f.pending) > 0 && f.releasing < maxReleasing && !f.stats.Down {
		r := f.pending[0]
		f.pending = f.pending[1:]
		f.releasing++
		go f.sendOne(r)
	}
	if len(f.pending) > 0 && f.stats.Down && !f.waking {
		f.waking = true
		f.wake()
	}
}

// wake starts probes while releases wait for a backend that is down.
func (f *Fleet) wake() {
	time.AfterFunc(probeEvery, func() {
		f.mu.Lock()
		f.dropEnded()
		again := len(f.pending) > 0 && f.stats.Down
		f.waking = again
		f.mu.Unlock()
		if again {
			f.available()
			f.wake()
		}
	})
}

// ended reports whether the release can change nothing any more.
func (r *pendingRelease) ended() bool { return !time.Now().Before(r.until) }

// dropEnded drops the releases that can change nothing any more. The caller has locked mu.
func (f *Fleet) dropEnded() {
	f.pending = slices.DeleteFunc(f.pending, func(r pendingRelease) bool { return r.ended() })
}

// Flush waits until the backend has the releases and the other requests that calls left to the
// background. So the other processes learn of a circuit that the last call opened, if the backend
// is available. It waits for ten minutes at most until the other processes know that a challenge
// has ended. It does not wait for leases that have ended by themselves.
//
// Call it after the last call of a process that ends. Otherwise, if the backend is slow or down
// then, a lease may last until its time is over, and other processes wait for it. A backend that
// hangs may carry out an earlier request for a lease even after Flush. That lease then lasts until
// its time is over. Flush may be repeated. The error is [bankmux.ErrContextDone] if ctx ends
// before.
func (f *Fleet) Flush(ctx context.Context) error {
	for {
		if f.flushed() {
			return nil
		}
		f.available() // it starts a probe if one is due
		select {
		case <-time.After(flushEvery):
		case <-ctx.Done():
			return &bankmux.Error{
				Kind: bankmux.ErrContextDone, Scope: bankmux.ScopeCall, NotSent: true, Err: ctx.Err(),
				Detail: "the leases that were not released end by themselves",
			}
		}
	}
}

// flushed reports whether nothing is left to send. It then drops the releases that would be
// repeated later, since the backend may be closed by then.
func (f *Fleet) flushed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropEnded()
	if len(f.pending) > 0 || f.releasing > 0 || f.others > 0 || f.probing {
		return false
	}
	f.flushes++
	return true
}

// received notes what a release of a lease has found at the backend.
func (f *Fleet) received(r pendingRelease, held bool) {
	inTime := time.Now().Before(r.ends)
	if !held && inTime && r.unsent {
		f.countLost(r.Key, lostLease)
	}
	// One that is not held may have come already.
	if r.shared != nil && (held || (inTime && !r.unsent)) {
		r.shared()
	}
}

// sendOne sends a release, and then others that wait.
func (f *Fleet) sendOne(r pendingRelease) {
	tries := 0
	held, err := inBackground(f, func(ctx context.Context) (bool, error) {
		tries++
		return f.backend.Release(ctx, r.Release)
	})
	if err == nil {
		r.unsent = r.unsent && tries == 1
		f.received(r, held)
	}
	r.unsent = r.unsent && errors.Is(err, errNotAsked)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releasing--
	switch {
	case err == nil && r.repeat > 0 && r.repeat <= maxRepeat:
		f.repeat(r)
	case err != nil && len(f.pending) < maxPendingReleases:
		f.pending = slices.Insert(f.pending, 0, r)
	}
	f.sendPending()
}

// repeat sends a release again after a while, unless Flush has returned. It is for whatever the
// claim got after the first one. The caller has locked mu.
func (f *Fleet) repeat(r pendingRelease) {
	flushes := f.flushes
	again := pendingRelease{Release: Release{Key: r.Key, Holder: r.Holder}, until: r.until, repeat: 2 * r.repeat}
	time.AfterFunc(r.repeat, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.flushes == flushes {
			f.enqueue(again)
		}
	})
}

// takeBack returns the release of a lease that this process still has, because the release waits.
// The release is not sent then. The next call of this process so goes on with the lease, and does
// not wait until it ends. It reports false if there is none, or if the backend is down.
func (f *Fleet) takeBack(name string) (pendingRelease, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stats.Down {
		return pendingRelease{}, false
	}
	at := slices.IndexFunc(f.pending, func(r pendingRelease) bool { return r.Fence != 0 && r.Key == name })
	if at < 0 {
		return pendingRelease{}, false
	}
	r := f.pending[at]
	f.pending = slices.Delete(f.pending, at, at+1)
	return r, true
}
