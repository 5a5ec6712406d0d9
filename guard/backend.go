package guard

// This file has the interfaces through which the processes of an application share state.

import (
	"context"
	"time"
)

// Backend keeps the state that processes share: see [NewFleet]. [NewMemory] returns one in the
// memory of a process. Packages fleet/postgres and fleet/redis have those for several processes,
// and package guard/fleettest checks any implementation.
//
// A backend promises this of all methods:
//
//   - Each method is one round trip. It changes everything or nothing, also if processes call at
//     once.
//   - The backend's clock alone decides when something ends. Callers pass durations, and nothing
//     depends on the clocks of their machines. Durations are exact to a millisecond.
//   - Everything that is stored expires, and frees its space some time afterwards.
//   - Names are any UTF-8 text without NUL of up to 400 bytes. Applications that share a server use
//     different namespaces, and never see each other's names.
//   - It need not encrypt. [Fleet] seals values before it stores them, and names hold no secret.
//   - It returns soon after the deadline of the context. A call that failed may have taken effect.
//     [Fleet] waits no longer than the deadline. Until a method returns, it keeps its goroutine.
//   - It is safe for concurrent use.
//
// The errors are the implementation's own. They hold no secret, no value and no address with a
// password. [Fleet] takes any error as a failure of the backend.
type Backend interface {
	Leases
	Facts
	Counters
}

// Pooled is what a [Backend] may have beside its methods, if it has a limited number of
// connections. Calls that start at once then take turns on the connections. The time until a
// connection is free is part of what an operation may wait ([FleetOptions.MaxDelay]). It says
// nothing about the backend, so it is not part of the time of a request.
type Pooled interface {
	// Conns returns how many requests can be under way. It is the same in each call.
	Conns() int
}

// Leases lets one holder at a time use a key. It is the lock of processes that may die: a lease
// ends by itself. Each key also carries one [Fact], which its holders hand on to each other.
type Leases interface {
	// Acquire takes the lease of c.Key if it is free, and otherwise a place in the queue of the
	// key. It does not wait. A caller that waits repeats the call, with the same claim.
	//
	// A lease is free if it was released or has ended, and if no other holder has an earlier place
	// in the queue. Places end after c.Place unless the call is repeated. A holder that already has
	// the lease gets the same fence, and the lease ends later.
	Acquire(ctx context.Context, c Claim) (Lease, error)

	// Release gives up the lease and replaces the fact of its key, unless r.Fact is nil. It reports
	// false, and changes nothing, if the lease had ended or has another fence. So a holder that is
	// too late changes nothing.
	//
	// If r.Fence is zero, it gives up the place in the queue. It also gives up a lease of this
	// holder, in case the response to its Acquire was lost. It reports whether there was a place or
	// a lease, and ignores r.Fact.
	Release(ctx context.Context, r Release) (bool, error)
}

// Claim asks for a lease.
type Claim struct {
	Key    string
	Holder string        // differs in each call of each process
	TTL    time.Duration // of the lease
	Place  time.Duration // how long the place in the queue stays without another call, positive
}

// Lease is the result of [Leases.Acquire].
type Lease struct {
	// Fence is the fencing number: it is greater than that of every earlier lease of the key. It is
	// zero if another holder has the lease, or is in front.
	Fence int64
	// Fact is what the last holder left. It is returned even if Fence is zero. Value is nil if
	// there is none.
	Fact Fact
}

// Release ends a lease.
type Release struct {
	Key    string
	Holder string
	Fence  int64 // zero: see [Leases.Release]
	Fact   *Fact // nil keeps the fact of the key; one without Value removes it
}

// Facts stores what one process lets all others know, such as that a provider is down. There is one
// for each open circuit, so they are few. Facts does not return the facts that [Leases] keeps with
// its keys.
type Facts interface {
	// PutFact stores a fact, which has a Value, under a name. It replaces any other of that name.
	PutFact(ctx context.Context, name string, f Fact) error
	// Facts returns all facts by their names. It leaves out those that have expired.
	Facts(ctx context.Context) (map[string]Fact, error)
}

// Fact is a value that expires.
type Fact struct {
	Value []byte        // at most 1 MiB
	TTL   time.Duration // how long it is valid by the backend's clock; positive where a method takes it
}

// Counters count what processes use of a common budget.
type Counters interface {
	// Take takes up to t.N of a budget and returns how much it took. Nothing is given back: a
	// process takes a chunk at once, and spends it itself. A Window shorter than a millisecond is
	// an error.
	Take(ctx context.Context, t Take) (Taken, error)
}

// Take asks for a part of a budget of t.Limit in each window.
//
// A window starts when the time since 1970-01-01T00:00:00Z, less Offset, is a multiple of Window.
// So with a Window of 24 h and no Offset it is a day of UTC. With an Offset of -4 h the day starts
// at 20:00 UTC, which is midnight four hours east of it. What was not taken in a window is not
// carried over.
//
// If the clock of the backend is put back by up to a window, the window goes on until it ends for
// the second time. So no budget is given twice.
type Take struct {
	Key    string        // names the budget; its Window and Offset stay the same
	N      int64         // positive
	Limit  int64         // what a window allows; it may change at any time
	Window time.Duration // positive, in whole milliseconds
	Offset time.Duration
}

// Taken is the result of [Counters.Take].
type Taken struct {
	N    int64         // from zero to Take.N
	Ends time.Duration // until the window ends, positive; up to twice Window if the clock was put back
}
