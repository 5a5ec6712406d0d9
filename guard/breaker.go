package guard

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/bankmux/bankmux"
)

// BreakerOptions say when a circuit opens and closes. Zero means the default.
type BreakerOptions struct {
	Disabled    bool
	Consecutive uint32        // failed attempts in a row that open it; default 6
	Ratio       int           // percent of failures that open it; default 50
	MinRequests uint32        // fewest attempts in the window for Ratio to count; default 20
	Window      time.Duration // rolling; default 60 s
	OpenFor     time.Duration // before probes are let through; default 30 s
	Probes      uint32        // let through at once when half open, and successes that close it; default 3
	ProbeFor    time.Duration // most a probe may last; default 15 s
	// Patience is how long a provider may stay silent before the caller's own deadline counts
	// against it; default 5 s. A more impatient caller proves nothing. Of a registry's candidates,
	// which get a share of the caller's time, a fifth of it is asked.
	Patience time.Duration
}

func (o BreakerOptions) withDefaults() BreakerOptions {
	count := func(n *uint32, standard uint32) {
		if *n == 0 {
			*n = standard
		}
	}
	span := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	count(&o.Consecutive, 6)
	count(&o.MinRequests, 20)
	count(&o.Probes, 3)
	span(&o.Window, time.Minute)
	span(&o.OpenFor, 30*time.Second)
	span(&o.ProbeFor, 15*time.Second)
	span(&o.Patience, 5*time.Second)
	if o.Ratio <= 0 {
		o.Ratio = 50
	}
	return o
}

// BreakerState is one breaker as a health page shows it.
type BreakerState struct {
	Client   string        `json:"client"`
	Provider string        `json:"provider"`
	Group    bankmux.Group `json:"group"`

	// Institution is the provider's id of the bank where it is the breaker of one, see
	// [InstitutionOptions].
	Institution string `json:"institution,omitempty"`

	State    string    `json:"state"` // "closed", "half-open", "open"
	Since    time.Time `json:"since"`
	Requests uint32    `json:"requests"` // in the window
	Failures uint32    `json:"failures"` // in the window
}

// Breakers keeps a circuit breaker for each client and group, so that slow
// reads never block a user who is linking. It is safe for concurrent use.
type Breakers struct {
	opts   BreakerOptions
	notify *notifier

	mu  sync.Mutex
	all map[breakerKey]*breaker
}

// NewBreakers returns breakers. onChange may be nil. It receives every change of a breaker, outside
// all locks; see [Options.OnStateChange].
func NewBreakers(opts BreakerOptions, onChange func(BreakerState)) *Breakers {
	return &Breakers{opts: opts.withDefaults(), notify: newNotifier(onChange), all: map[breakerKey]*breaker{}}
}

// Interceptor returns the breakers as an interceptor. A refused call ends with
// [bankmux.ErrCircuitOpen], NotSent, and RetryAfter until the next probe.
//
// A failure is an error of scope provider, the end of our own deadline, or an error without a
// kind. A success is every well-formed answer, also a 4xx, one bank's outage or one user's
// lapsed consent. The caller's cancellation, rate limiting and calls refused before they left count
// as neither.
func (b *Breakers) Interceptor() bankmux.Interceptor {
	return b.interceptor(func(bankmux.Op) bool { return false })
}

// interceptor is [Breakers.Interceptor] where the bank itself answers some calls. The silence of
// one bank, however many callers wait for it, counts against the provider at most once in a row.
func (b *Breakers) interceptor(atInstitution func(bankmux.Op) bool) bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if b.opts.Disabled {
			return next(ctx)
		}
		br := b.of(op)
		if op.Effect == bankmux.Local {
			// Never counted: a local success would reset the count of failures.
			if br.now() == gobreaker.StateOpen {
				return b.refusal(br)
			}
			return next(ctx)
		}
		one := atInstitution(op)
		admitted, err := br.run(ctx, b.opts.ProbeFor, next, func(err error, took time.Duration) outcome {
			o := outcome{verdict: b.judge(op, err, took)}
			if one && silent(op, err) {
				o.silentInstitution = op.Institution
			}
			return o
		})
		if !admitted {
			return b.refusal(br)
		}
		return err
	}
}

// silent reports whether a read was sent and the time ran out without an answer. A call that only
// starts something at the bank does not wait for it, so its silence is the provider's.
func silent(op bankmux.Op, err error) bool {
	e := asError(err)
	return e != nil && op.Effect == bankmux.Read && !e.NotSent && e.Kind != bankmux.ErrApplication && e.Status == 0 &&
		errors.Is(err, context.DeadlineExceeded)
}

// oncePatienceDivisor is how much sooner silence counts of a call that has others to go to.
const oncePatienceDivisor = 5

func (b *Breakers) judge(op bankmux.Op, err error, took time.Duration) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	if e == nil {
		return errFailed
	}
	switch {
	case e.Kind == bankmux.ErrContextDone:
		// Whether it was sent does not matter: a dial or a token endpoint that hangs is the
		// provider's silence too.
		patience := b.opts.Patience
		if op.Once {
			patience /= oncePatienceDivisor
		}
		if took >= patience && errors.Is(err, context.DeadlineExceeded) {
			return errFailed
		}
		return errExcluded
	case e.Kind == bankmux.ErrUnknown && e.Code == "" && e.Status == 0 && !e.NotSent:
		return errFailed // without a kind
	case !e.Kind.Counted():
		return errExcluded
	case e.Affects() == bankmux.ScopeProvider:
		return errFailed
	case e.NotSent && e.Status == 0:
		return errExcluded // refused here: it says nothing about the provider
	}
	return nil
}

func (b *Breakers) of(op bankmux.Op) *breaker {
	key := breakerKey{client: op.Client, group: op.Group}
	b.mu.Lock()
	defer b.mu.Unlock()
	br := b.all[key]
	if br == nil {
		br = b.make(key, op.Provider)
		b.all[key] = br
	}
	return br
}

func (b *Breakers) make(key breakerKey, provider string) *breaker {
	return newBreaker(b.opts, key, provider, b.notify)
}

func (b *Breakers) refusal(br *breaker) error {
	e := &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, Detail: "too many calls failed"}
	if state, since := br.last(); state == gobreaker.StateOpen {
		e.RetryAfter = max(b.opts.OpenFor-time.Since(since), 1) // at the very end it is open still
	} else {
		e.Detail = "the provider is being probed"
	}
	return e
}

// States returns every breaker that was ever asked, sorted by client and group.
func (b *Breakers) States() []BreakerState {
	b.mu.Lock()
	states := make([]BreakerState, 0, len(b.all))
	asked := make([]*breaker, 0, len(b.all))
	for _, br := range b.all {
		asked = append(asked, br)
	}
	b.mu.Unlock()
	for _, br := range asked {
		states = append(states, br.describe())
	}
	slices.SortFunc(states, func(x, y BreakerState) int {
		return cmp.Or(cmp.Compare(x.Client, y.Client), cmp.Compare(x.Group, y.Group))
	})
	return states
}
