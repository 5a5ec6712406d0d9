// Package guard holds the interceptors that every call of a client passes, outermost first: trace,
// retry, one-per-connection, park, breaker of the bank, breaker of the provider, deadline. Each can
// be used alone; a [Guard] puts them together and keeps their state in one place for a health page.
package guard

import (
	"context"
	"log/slog"
	"maps"
	"sync"

	"github.com/bankmux/bankmux"
)

// Options configure a [Guard]. The zero value is good for production, without a trace.
type Options struct {
	Logger           *slog.Logger // one record an operation, see [Trace]; nil means none
	Retry            RetryOptions
	Breaker          BreakerOptions
	Institutions     InstitutionOptions
	Deadline         DeadlineOptions
	OnePerConnection bool // let calls on one connection queue; the Dapi adapter sets it
	// Hold keeps calls off a connection with an open challenge or a rejected login, see [Hold], and
	// calls without a user off a bank that asked before, see [Unattended]. The Dapi adapter sets
	// it.
	Hold bool
	// AtInstitution reports which calls the bank itself answers, so that its outage shows in them; the
	// adapters set it. nil means none.
	AtInstitution func(bankmux.Op) bool
	// OnStateChange receives every change of a breaker, the changes of one breaker one after the
	// other and in order. It runs in a goroutine of its own, outside all locks, so it may call the
	// guard and its clients. The call that causes a change waits for it at most 100 ms. A panic in
	// it is logged; the changes after it are delivered all the same. A listener that does not
	// return misses all but the last 64 changes of a breaker. A bank that is forgotten while its
	// circuit is open is reported as closed.
	OnStateChange func(BreakerState)
}

// Guard makes interceptors. One guard can serve all clients of an application:
// breakers are kept by client and group. It is safe for concurrent use.
type Guard struct {
	opts         Options
	breakers     *Breakers
	institutions *Institutions

	mu       sync.Mutex
	unlisted map[string]uint64
	shared   map[any]any
}

// New returns a guard.
func New(opts Options) *Guard {
	listen := logPanics(opts.OnStateChange, opts.Logger)
	return &Guard{
		opts:         opts,
		breakers:     NewBreakers(opts.Breaker, listen),
		institutions: NewInstitutions(opts.Institutions, listen),
		unlisted:     map[string]uint64{},
		shared:       map[any]any{},
	}
}

// Shared returns what the clients of this guard have in common under a key, and makes it the first
// time. It is for adapters: a key is of a type of their package, what is shared must be safe for
// concurrent use, and make must not call the guard. It stays for as long as the guard does.
func (g *Guard) Shared(key any, make func() any) any {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.shared[key]; !ok {
		g.shared[key] = make()
	}
	return g.shared[key]
}

// Interceptors returns the chain for [bankmux.NewClient]. An adapter passes
// functions that fill in, on a copy of the options, what the application left zero; breaker
// options are the guard's own and are not asked again.
func (g *Guard) Interceptors(adapt ...func(*Options)) []bankmux.Interceptor {
	opts := g.opts
	for _, f := range adapt {
		f(&opts)
	}
	var chain []bankmux.Interceptor
	if opts.Logger != nil {
		chain = append(chain, Trace(opts.Logger))
	}
	chain = append(chain, g.countUnlisted, Retry(opts.Retry))
	if opts.OnePerConnection {
		chain = append(chain, OnePerConnection())
	}
	if opts.Hold { // behind the queue: what waited there must see what the call before it left
		chain = append(chain, nest(Unattended(opts.AtInstitution), Hold()))
	}
	if opts.AtInstitution == nil {
		return append(chain, g.breakers.Interceptor(), Deadline(opts.Deadline))
	}
	return append(
		chain,
		g.institutions.Interceptor(opts.AtInstitution),
		g.breakers.interceptor(opts.AtInstitution),
		Deadline(opts.Deadline),
	)
}

// nest makes one interceptor of two, the outer one first.
func nest(outer, inner bankmux.Interceptor) bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		return outer(ctx, op, func(ctx context.Context) error { return inner(ctx, op, next) })
	}
}

// Breakers returns the state of every breaker that was ever asked, sorted by
// client and group, and then that of the banks that failed recently. It marshals to JSON.
func (g *Guard) Breakers() []BreakerState {
	return append(g.breakers.States(), g.institutions.States()...)
}

// maxUnlisted bounds how many unlisted codes are counted.
const maxUnlisted = 256

// UnlistedCodes counts the provider codes that had no row in the error table,
// by "provider code". A code in it is a reason to open an issue. At most 256 are kept.
func (g *Guard) UnlistedCodes() map[string]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.unlisted)
}

func (g *Guard) countUnlisted(ctx context.Context, _ bankmux.Op, next func(context.Context) error) error {
	err := next(ctx)
	if err == nil {
		return nil
	}
	if e := asError(err); e != nil && e.Unlisted {
		key := e.Provider + " " + e.Code
		g.mu.Lock()
		if _, known := g.unlisted[key]; known || len(g.unlisted) < maxUnlisted {
			g.unlisted[key]++
		}
		g.mu.Unlock()
	}
	return err
}
