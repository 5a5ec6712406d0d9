// Package guard has the interceptors that protect every call of a client: a log record, retries, a
// queue per connection, circuit breakers and deadlines.
//
// A [Guard] combines them and keeps their state in one place, for a health page. Make one guard
// with [New] and pass it to the constructor of each adapter. The constructor calls
// [Guard.Interceptors] and gives the result to [bankmux.NewClient]. The functions that return one
// interceptor, such as [Retry] and [Deadline], are for a chain of your own.
//
// # Operations and attempts
//
// An operation is one call of a method of [bankmux.Client]. An attempt is one run of the adapter's
// code for it. An operation with two retries has three attempts. An operation has one of these
// effects ([bankmux.Effect]):
//
//   - Local: it sends nothing, so it is neither repeated nor limited in time.
//   - Read or Idempotent: it is safe to repeat.
//   - OneShot: it must not be sent twice, such as the exchange of a one-time token.
//
// An operation belongs to a group ([bankmux.Group]): link, data or pay. Deadlines and circuit
// breakers are separate for each group.
//
// # Order
//
// A call passes the interceptors in this order, from the outside in:
//
//  1. [Trace] logs the final result and all attempts, so it is outermost. It is present if
//     [Options.Logger] is set.
//  2. The guard counts provider codes that bankmux does not know: see [Guard.UnlistedCodes] and
//     [Options.OnDrift].
//  3. [Retry] repeats a failed attempt. Each attempt passes the interceptors below.
//  4. [OnePerConnection] lets one call at a time use a connection. With [Options.Fleet] that holds
//     among all processes. It is inside Retry, so a call that waits for its retry does not block
//     the others. It is outside the circuit breakers, so a call that waits takes no slot of a
//     probe. It is present if [Options.OnePerConnection] is set.
//  5. [Unattended] and [Hold] refuse calls that would harm the user. They are inside the queue, so
//     a call that waited is refused if the call before it caused a challenge or a rejected login.
//     They are present if [Options.Hold] is set.
//  6. The circuit breaker of the institution, which is the user's bank, refuses calls while that
//     bank is down. It is outside the provider's breaker, so its refusals never count against the
//     provider. See [Institutions]. It is present if [Options.AtInstitution] is set.
//  7. The circuit breaker of the provider refuses calls while the provider is down. It is inside
//     Retry, so it counts attempts. See [Breakers].
//  8. [Budgets] refuse a call that the application's limits do not allow now. They are inside
//     everything that refuses calls, so they count only what is sent. They are inside Retry, which
//     waits until the budgets allow the call, so a call that waits uses no connection. They are
//     present if [Options.Budgets] is set.
//  9. [Deadline] ends an attempt that takes too long. It is innermost, so time in the queue or
//     between attempts does not count.
//
// # Circuit breakers
//
// A circuit is closed at first: calls pass. Failures open it: calls are refused without being sent.
// After a pause ([BreakerOptions.OpenFor]) it is half-open: a few calls pass as probes. Their
// success closes the circuit, and a failure opens it again.
//
// # Defaults
//
// With the zero [Options] a call has up to 3 attempts. It waits up to 200 ms before the second
// attempt and up to 400 ms before the third. A wait that the provider asks for replaces these, up
// to 10 s. The limit of an attempt is 30 s in the group link, 60 s in data and 120 s in pay.
//
// The circuit of a provider opens after 6 failed attempts in a row, or if half of at least 20
// attempts in 60 s fail. It is half-open after 30 s.
//
// # Interactive calls
//
// A retry waits as long as the provider asks, up to [RetryOptions.MaxWait]. That suits a background
// job. In a request handler, call with a context from [Interactive]. The call then returns the
// error with its RetryAfter instead of waiting.
package guard

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// Options configure a [Guard]. The zero value is suitable for production; it logs nothing.
type Options struct {
	// Logger receives one record per operation; see [Trace]. nil means no log.
	Logger *slog.Logger
	// Retry limits how often and how long a call is retried.
	Retry RetryOptions
	// Breaker configures the circuit breakers of providers.
	Breaker BreakerOptions
	// Institutions configures the circuit breakers of institutions.
	Institutions InstitutionOptions
	// Deadline limits the time of one attempt.
	Deadline DeadlineOptions
	// Budgets limit how many calls are made. nil means no limit. With Fleet, all processes count
	// together.
	Budgets *Budgets
	// OnePerConnection queues the calls on one connection; see [OnePerConnection]. The Dapi adapter
	// sets it.
	OnePerConnection bool
	// ProviderLimit is the longest time that the provider works on a call whose caller has died. If
	// a process dies during a call, a [Fleet] adds this time to the deadline of the call before
	// another process may use the connection. The Dapi adapter sets it.
	ProviderLimit time.Duration
	// Fleet shares state with the other processes of the application. nil means that each process
	// has its own.
	Fleet *Fleet
	// Hold refuses calls on a connection with an open challenge or a rejected login; see the
	// function [Hold]. It also refuses calls without a user where the bank asked the user before;
	// see [Unattended]. The Dapi adapter sets it.
	Hold bool
	// AtInstitution selects the operations for which the provider waits for the bank. They count
	// against the institution's circuit breaker, and [Unattended] refuses only these. nil selects
	// none for the breaker and the data group for Unattended. The adapters set it.
	AtInstitution func(bankmux.Op) bool
	// OnStateChange receives every change of a circuit breaker. The changes of one breaker arrive
	// in order, one at a time. The guard calls OnStateChange in a separate goroutine and holds no
	// lock, so OnStateChange may call the guard and its clients.
	//
	// The call that causes a change waits for OnStateChange for at most 100 ms. A panic is logged,
	// and later changes are still delivered. While OnStateChange does not return, the guard keeps
	// only the last 64 changes of each breaker. If the guard forgets an institution while its
	// circuit is open, it reports that circuit as closed.
	OnStateChange func(BreakerState)
	// OnDrift receives what a provider sends and its adapter does not know: members of responses
	// and deliveries, values of enumerations, and codes of errors. A text that does not look like
	// one of these is masked. A single word of letters passes, even if it is a person's name: see
	// [Drift]. Each Drift is reported once per guard. A client reports at most 256, and then one
	// more that is [DriftMore].
	//
	// Codes are found in each error of a call. Everything else is found in the first response of
	// each endpoint, and then in one of each hundred. That includes codes in the responses of calls
	// that succeeded, and in deliveries.
	//
	// The guard calls OnDrift in a separate goroutine and holds no lock. Drifts of one response
	// arrive one at a time, and those of different responses may overlap. The call waits for all
	// of its drifts together, for at most 100 ms and not after ctx ends. A panic is logged. ctx is
	// that of the call, and may end before OnDrift does.
	OnDrift func(ctx context.Context, d Drift)
}

// Guard makes interceptors and keeps their state. One guard can serve all clients of an
// application, because it keeps one breaker per client and group. It is safe for concurrent use.
type Guard struct {
	opts         Options
	breakers     *Breakers
	institutions *Institutions

	mu       sync.Mutex
	unlisted map[string]uint64
	shared   map[any]any

	drifts drifts
}

// New returns a guard. It starts no goroutine.
func New(opts Options) *Guard {
	listen := logPanics(opts.OnStateChange, opts.Logger)
	g := &Guard{
		opts:         opts,
		breakers:     NewBreakers(opts.Breaker, listen),
		institutions: NewInstitutions(opts.Institutions, listen),
		unlisted:     map[string]uint64{},
		shared:       map[any]any{},
		drifts:       drifts{seen: map[Drift]uint64{}, number: map[string]int{}},
	}
	g.breakers.fleet, g.institutions.breakers.fleet = opts.Fleet, opts.Fleet
	return g
}

// Fleet returns [Options.Fleet], for adapters that share a value between processes. It is nil if
// there is none.
func (g *Guard) Fleet() *Fleet { return g.opts.Fleet }

// Shared returns the value that the clients of this guard share under key. It calls create on first
// use and keeps the value as long as the guard. Shared is for adapters, for example to fetch the
// keys of webhook signatures once. Use a key of an unexported type. The value must be safe for
// concurrent use, and create must not call the guard.
func (g *Guard) Shared(key any, create func() any) any {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.shared[key]; !ok {
		g.shared[key] = create()
	}
	return g.shared[key]
}

// Interceptors returns the interceptor for [bankmux.NewClient] that joins all of the guard. The
// constructors of adapters call it. They pass functions that fill in the options which the
// application left zero. The functions change a copy of the options. They cannot change the options
// of the breakers, which [New] has read already.
func (g *Guard) Interceptors(adapt ...func(*Options)) []bankmux.Interceptor {
	opts := g.opts
	for _, f := range adapt {
		f(&opts)
	}
	return []bankmux.Interceptor{joined(g.links(opts)...)}
}

// links returns the links that the options select, outermost first.
func (g *Guard) links(opts Options) []link {
	var chain []link
	if opts.Logger != nil {
		chain = append(chain, trace(opts.Logger))
	}
	chain = append(chain, g.unlistedCounter())
	if opts.Fleet != nil { // outside Retry: all attempts of an operation have one allowance
		chain = append(chain, opts.Fleet.allow)
	}
	chain = append(chain, opts.Retry.link())
	if opts.OnePerConnection {
		chain = append(chain, onePerConnection())
		if opts.Fleet != nil {
			chain = append(chain, opts.Fleet.onePerConnection(func(op *bankmux.Op) time.Duration {
				return opts.Deadline.of(op) + opts.ProviderLimit
			}))
		}
	}
	if opts.Hold { // inside the queue: a call that waited there must see the challenge of the call before it
		chain = append(chain, unattended(opts.AtInstitution), newHolds().link)
	}
	if opts.AtInstitution != nil {
		chain = append(chain, g.institutions.link(opts.AtInstitution))
	}
	chain = append(chain, g.breakers.link(opts.AtInstitution))
	if opts.Budgets != nil { // inside what refuses calls: only what is sent counts
		chain = append(chain, opts.Budgets.link(opts.Fleet))
	}
	return append(chain, opts.Deadline.link())
}

// selects reports whether a function of an option selects an operation. It is not inlined, so that
// the copy for the function is not on the stack while a call waits for its response.
//
//go:noinline
func selects(f func(bankmux.Op) bool, op *bankmux.Op) bool { return f(*op) }

// Breakers returns the state of every provider breaker that a call has used, sorted by client and
// group. The breakers of institutions that failed recently follow. The result marshals to JSON.
func (g *Guard) Breakers() []BreakerState {
	return append(g.breakers.States(), g.institutions.States()...)
}

// maxUnlisted bounds how many unlisted codes are counted.
const maxUnlisted = 256

// UnlistedCodes returns how often each provider code occurred that bankmux has no entry for. The
// keys have the form "provider code". Please report such a code in an issue. At most 256 codes are
// counted. The guard looks at each error, but only at one in a hundred of the successful calls and
// deliveries.
func (g *Guard) UnlistedCodes() map[string]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.unlisted)
}

// unlistedCounter returns the interceptor behind [Guard.UnlistedCodes]. It also reports codes as
// drift.
//
//go:noinline
func (g *Guard) unlistedCounter() link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		err := next.run(ctx)
		if e := bankmux.ErrorOf(err); e != nil && e.Unlisted {
			g.countUnlisted(e.Provider + " " + e.Code)
			g.reportCode(ctx, op, e)
		}
		return err
	}
}

func (g *Guard) countUnlisted(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.unlisted[key]; known || len(g.unlisted) < maxUnlisted {
		g.unlisted[key]++
	}
}
