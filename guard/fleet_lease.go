package guard

// This file has the turn on a connection among all processes, and values that one process makes for
// all.

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/allowance"
)

// The waits for a lease that another process has.
const (
	firstPoll = 10 * time.Millisecond
	maxPoll   = 200 * time.Millisecond
	placeTTL  = 2 * time.Second // of a place in the queue; longer than the longest poll
)

// turnLease is the lease of a call.
type turnLease struct {
	fleet        *Fleet
	name, holder string
	fence        int64     // zero if the backend failed
	until        time.Time // by this machine's clock
	fact         []byte    // what the last holder left, in clear
	change       *Fact     // what to leave for the next holder, sealed; nil keeps it
	shared       func()    // if not nil, called when the backend has change
	renewed      bool      // a reconnect has ended what the last holder left
	untold       *untold   // what the other processes learn later if the backend fails
}

type turnLeaseKey struct{}

// turnLeaseFrom returns the lease of the call, nil if there is no fleet.
func turnLeaseFrom(ctx context.Context) *turnLease {
	l, _ := ctx.Value(turnLeaseKey{}).(*turnLease)
	return l
}

// onePerConnection is [OnePerConnection] among all processes. The queue of the process must be
// outside of it. One call of each process asks for the lease, so calls of a process keep their
// order.
//
//go:noinline
func (f *Fleet) onePerConnection(ttl func(*bankmux.Op) time.Duration) link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if op.Connection == "" || op.Effect == bankmux.Local {
			return next.run(ctx)
		}
		l, err := f.acquire(ctx, place("turn", op.Client, op.Connection), ttl(op))
		if err != nil {
			return err
		}
		defer f.release(ctx, l)
		return next.run(context.WithValue(ctx, turnLeaseKey{}, l))
	}
}

// acquire waits for the lease of a name. The lease has no fence if the backend failed. The error is
// that of ctx.
func (f *Fleet) acquire(ctx context.Context, name string, ttl time.Duration) (*turnLease, error) {
	claim := Claim{Key: name, Holder: rand.Text(), TTL: ttl, Place: placeTTL}
	had := releaseOf(claim) // of a lease that the holder has already
	a := f.allowanceFrom(ctx)
	for wait := firstPoll; ; wait = min(2*wait, maxPoll) {
		if r, ok := f.takeBack(name); ok {
			had, claim.Holder = r, r.Holder
		}
		start := time.Now()
		got, ok := f.claim(ctx, a, claim, had)
		if got.Fence != had.Fence {
			if ok && had.Fence != 0 {
				f.received(pendingRelease{Release: had.Release, ends: had.ends, unsent: had.unsent}, false)
			}
			had = releaseOf(claim) // that lease has ended
		}
		switch {
		case !ok && ctx.Err() != nil:
			return nil, busy(ctx.Err())
		case !ok:
			f.countAlone(&f.stats.Unleased, 1)
			return &turnLease{fleet: f, name: name, holder: claim.Holder}, nil
		case got.Fence == 0 || wait != firstPoll: // the call waits, or waited, for its turn
			a.Refund(time.Since(start))
		}
		if got.Fence != 0 {
			l := &turnLease{fleet: f, name: name, holder: claim.Holder, fence: got.Fence, until: start.Add(ttl)}
			l.take(got, had)
			return l, nil
		}
		if err := f.pause(ctx, claim, wait); err != nil {
			return nil, busy(err)
		}
	}
}

// ends returns when whatever a claim gets now ends by itself: the lease, or the place in the queue.
func (c Claim) ends() time.Time { return time.Now().Add(max(c.TTL, c.Place)) }

// releaseOf returns the release of what a claim gets.
func releaseOf(c Claim) pendingRelease {
	return pendingRelease{Release: Release{Key: c.Key, Holder: c.Holder}, until: c.ends()}
}

// placeOf returns the release of a claim that has a place in the queue.
func placeOf(c Claim) pendingRelease {
	c.TTL = 0
	return releaseOf(c)
}

// take reads what the last holder left. If the lease had not been released, that is what its
// release would have left.
func (l *turnLease) take(got Lease, had pendingRelease) {
	left := got.Fact
	if had.Fact != nil {
		left, l.change, l.shared = *had.Fact, had.Fact, had.shared
	}
	l.fact, _ = l.fleet.open(l.name, left.Value)
}

// pause waits before a claim is repeated. If ctx ends, it gives up the place of the claim.
func (f *Fleet) pause(ctx context.Context, c Claim, wait time.Duration) error {
	err := sleep(ctx, wait/2+mathrand.N(wait/2)) //nolint:gosec // jitter
	if err != nil {
		f.later(placeOf(c))
	}
	return err
}

// claim asks once for a lease. If the response is lost, it gives up what it may have got. If the
// backend was not asked, it gives up what the holder had.
func (f *Fleet) claim(ctx context.Context, a *allowance.Allowance, c Claim, had pendingRelease) (Lease, bool) {
	got, err := request(ctx, f, a,
		func(ctx context.Context) (Lease, error) { return f.backend.Acquire(ctx, c) })
	switch {
	case errors.Is(err, errNoResponse):
		had.until = c.ends()
		f.giveUp(had)
	case err != nil && had.Fence != 0:
		f.later(had)
	}
	return got, err == nil
}

// The records of leases that ended before their calls.
const (
	lateLease = "bankmux: a call took longer than its lease, and another may have overlapped"
	lostLease = "bankmux: the shared state lost a lease, and another call may have overlapped"
)

// release ends a lease. It also notices that the lease has ended or was lost.
func (f *Fleet) release(ctx context.Context, l *turnLease) {
	if l.fence == 0 {
		f.leaveUntold(l)
		return
	}
	r := releaseOfLease(l)
	if r.ended() {
		f.countLost(l.name, lateLease)
	}
	a, tries := f.allowanceFrom(ctx), 0
	held, err := false, errNotAsked
	if a.Left() >= f.maxRequest() { // a request that is cut short would leave open whether it was carried out
		held, err = request(context.WithoutCancel(ctx), f, a, func(ctx context.Context) (bool, error) {
			tries++
			return f.backend.Release(ctx, r.Release)
		})
	}
	if err != nil {
		r.unsent = errors.Is(err, errNotAsked)
		f.later(r)
		f.leaveUntold(l)
		return
	}
	r.unsent = tries == 1 // a repeated release finds nothing
	f.received(r, held)
}

// releaseOfLease returns the release of a lease, with what its call leaves.
func releaseOfLease(l *turnLease) pendingRelease {
	return pendingRelease{
		Release: Release{Key: l.name, Holder: l.holder, Fence: l.fence, Fact: l.change},
		until:   l.until, ends: l.until, unsent: true, shared: l.shared,
	}
}

// aloneEvery is how often the log has a record of calls that were judged alone.
const aloneEvery = time.Minute

// countAlone adds calls that this process judged alone to a count. It logs that from time to time,
// unless the log has the failure of the backend.
func (f *Fleet) countAlone(count *uint64, calls int) {
	f.mu.Lock()
	*count += uint64(calls) //nolint:gosec // positive
	now, unleased, uncounted := time.Now(), f.stats.Unleased, f.stats.Uncounted
	silent := f.stats.Down || now.Sub(f.aloneAt) < aloneEvery
	if !silent {
		f.aloneAt = now
	}
	f.mu.Unlock()
	if !silent {
		f.log(slog.LevelWarn, "bankmux: the shared state is too slow, and this process judged a call alone",
			slog.Uint64("unleased_calls", unleased), slog.Uint64("uncounted_calls", uncounted))
	}
}

func (f *Fleet) countLost(name, how string) {
	f.mu.Lock()
	f.stats.Lost++
	f.mu.Unlock()
	f.log(slog.LevelWarn, how, slog.String("lease", name))
}

// lookTTL is the lease and the place of a claim that only looks. Both end by themselves.
const lookTTL = time.Millisecond

// pass gives up the turn of a claim, which waited for a value that another process has made.
func (f *Fleet) pass(c Claim, got Lease) {
	switch {
	case c.Place == lookTTL:
	case got.Fence != 0:
		r := releaseOf(c)
		r.Fence = got.Fence
		f.handOver(r)
	default:
		f.later(placeOf(c))
	}
}

// Once returns a value that one process makes for all, such as the application's token. It returns
// the stored value under name if usable accepts it. If not, it calls create and stores its value
// for ttl. While one process creates a value, the others wait for it. After patience, one more of
// them calls create. Each of the others waits for that one too, but calls create itself after 1.25
// to 1.5 times patience. A process whose backend fails calls create at once. So Once fails only if
// create fails or ctx ends ([bankmux.ErrContextDone]).
//
// The duration is how long the value is still valid. usable also gets it, and must not be slow.
// Values are encrypted. Once is for adapters; names of different adapters must differ.
func (f *Fleet) Once(
	ctx context.Context, name string, patience time.Duration,
	usable func(value []byte, valid time.Duration) bool,
	create func(context.Context) (value []byte, ttl time.Duration, err error),
) ([]byte, time.Duration, error) {
	name = place("once", name)
	claim := Claim{Key: name, Holder: rand.Text(), TTL: lookTTL, Place: lookTTL} // the first one only looks
	// The lease of the first one ends after patience, and the next in the queue gets it.
	patient := time.Now().Add(patience + patience/4 + mathrand.N(patience/4+1)) //nolint:gosec // a spread
	a := f.allowanceFrom(ctx)
	var lease Lease
	for wait := firstPoll; ; wait = min(2*wait, maxPoll) {
		start := time.Now()
		got, ok := f.claim(ctx, a, claim, releaseOf(claim))
		if value, readable := f.open(name, got.Fact.Value); readable && usable(value, got.Fact.TTL) {
			f.pass(claim, got)
			return value, got.Fact.TTL, nil
		}
		looked := claim.Place == lookTTL
		if lease = got; !ok || (got.Fence != 0 && !looked) || time.Now().After(patient) {
			break
		}
		claim.TTL, claim.Place = patience, placeTTL
		if looked {
			continue
		}
		a.Refund(time.Since(start)) // another process has the turn
		if err := f.pause(ctx, claim, wait); err != nil {
			return nil, 0, &bankmux.Error{Kind: bankmux.ErrContextDone, NotSent: true, Err: err}
		}
	}
	release := releaseOf(claim)
	release.Fence = lease.Fence
	defer func() { f.handOver(release) }() // also if create panics
	value, ttl, err := create(ctx)
	if err == nil && ttl > 0 {
		if sealed, ok := f.seal(name, value); ok {
			release.Fact = &Fact{Value: sealed, TTL: ttl}
		}
	}
	return value, ttl, err
}
