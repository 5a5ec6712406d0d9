package guard

// This file has the circuit breakers of providers: their options, their states and the interceptor.

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

// BreakerOptions say when the circuit of a provider opens and closes. Zero means the default.
type BreakerOptions struct {
	// Disabled turns the breakers off.
	Disabled bool
	// Consecutive is the number of failed attempts in a row that opens the circuit. The default
	// is 6.
	Consecutive uint32
	// Ratio is the percentage of failed attempts in Window that opens the circuit. The default
	// is 50.
	Ratio int
	// MinRequests is the number of attempts in Window from which Ratio applies. The default is 20.
	MinRequests uint32
	// Window is the time over which attempts are counted. It moves forward in steps of a sixth of
	// its length. The default is 60 s.
	Window time.Duration
	// OpenFor is how long an open circuit refuses calls before it is half-open. The default is
	// 30 s.
	OpenFor time.Duration
	// Probes is how many calls a half-open circuit admits at a time. The same number of successes
	// closes it. The default is 3.
	Probes uint32
	// ProbeFor limits the time of a probe. The default is 15 s.
	ProbeFor time.Duration
	// Patience applies to an attempt that ended without a response because the caller's deadline
	// passed. It counts as a failure if it took at least Patience. Otherwise it does not count. The
	// default is 5 s. If a call has other candidates in a [bankmux.Registry], it gets only a share
	// of the caller's time. A fifth of Patience then suffices.
	Patience time.Duration
}

// withDefaults replaces what is zero.
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

// BreakerState is the state of one breaker, for a health page.
type BreakerState struct {
	Client   string        `json:"client"`
	Provider string        `json:"provider"`
	Group    bankmux.Group `json:"group"`

	// Institution is the provider's id of the institution. It is empty for the breaker of a
	// provider.
	Institution string `json:"institution,omitempty"`

	State    string    `json:"state"`          // "closed", "half-open", "open"
	Since    time.Time `json:"since,omitzero"` // of the last change of State
	Requests uint32    `json:"requests"`       // attempts in the window that count
	Failures uint32    `json:"failures"`       // failed attempts in the window
}

// Breakers has one circuit breaker per client and group of operations. Failing reads of data, for
// example, do not block users who link a bank. Breakers is safe for concurrent use.
type Breakers struct {
	opts   BreakerOptions
	notify *notifier
	fleet  *Fleet // nil if other processes do not matter

	mu  sync.Mutex
	all map[breakerKey]*breaker
}

// NewBreakers returns the breakers of providers. onChange receives every change as
// [Options.OnStateChange] does, and may be nil.
func NewBreakers(opts BreakerOptions, onChange func(BreakerState)) *Breakers {
	return &Breakers{opts: opts.withDefaults(), notify: newNotifier(onChange), all: map[breakerKey]*breaker{}}
}

// Interceptor returns an interceptor that refuses calls while the circuit is open. The error is
// [bankmux.ErrCircuitOpen] with NotSent set. Its RetryAfter is the time until the next probe.
//
// Each attempt is a failure, a success or neither:
//
//   - A failure is an error of [bankmux.ScopeProvider], the end of the time that [Deadline] allows,
//     or an error without a Kind.
//   - A success is every well-formed response. That includes refusals of the request, the outage of
//     one institution and the lapsed consent of one user.
//   - Rate limits, the caller's cancellation, errors of the application's code, and calls that were
//     refused before they were sent are neither.
//
// If the caller's own deadline ends an attempt without a response, [BreakerOptions.Patience]
// decides.
func (b *Breakers) Interceptor() bankmux.Interceptor { return joined(b.link(nil)) }

// link is [Breakers.Interceptor] for a provider that waits for the institution in some
// calls. The silence of one institution counts against the provider at most once in a row, however
// many callers wait for it. Without atInstitution it never waits for one.
//
//go:noinline
func (b *Breakers) link(atInstitution func(bankmux.Op) bool) link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if b.opts.Disabled {
			return next.run(ctx)
		}
		br := b.of(op)
		if err := b.openElsewhere(br); err != nil {
			return err
		}
		if op.Effect == bankmux.Local {
			// A local success must not reset the count of failures.
			if br.now() == gobreaker.StateOpen {
				return b.refusal(br)
			}
			return next.run(ctx)
		}
		admitted, err := br.run(ctx, b.opts.ProbeFor, next, func(err error, took time.Duration) outcome {
			if err == nil {
				return outcome{}
			}
			o := outcome{verdict: b.judge(op, err, took)}
			if atInstitution != nil && silent(op, err) && atInstitution(*op) {
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

// openElsewhere returns the error of a call if the circuit is open in another process.
func (b *Breakers) openElsewhere(br *breaker) error {
	left := b.fleet.openElsewhere(br.key)
	if left <= 0 {
		return nil
	}
	return &bankmux.Error{
		Kind: bankmux.ErrCircuitOpen, NotSent: true, RetryAfter: left,
		Detail: "too many calls of another process failed",
	}
}

// silent reports whether a read was sent and the time ended without a response. A call that only
// starts something at the institution does not wait for it, so its silence is the provider's.
func silent(op *bankmux.Op, err error) bool {
	e := bankmux.ErrorOf(err)
	return e != nil && op.Effect == bankmux.Read && !e.NotSent && e.Kind != bankmux.ErrApplication && e.Status == 0 &&
		errors.Is(err, context.DeadlineExceeded)
}

// oncePatienceDivisor divides Patience for a call that has other candidates.
const oncePatienceDivisor = 5

// judge returns the verdict on an attempt: nil for success, errFailed or errExcluded.
func (b *Breakers) judge(op *bankmux.Op, err error, took time.Duration) error {
	if err == nil {
		return nil
	}
	e := bankmux.ErrorOf(err)
	if e == nil {
		return errFailed
	}
	switch {
	case e.Kind == bankmux.ErrContextDone:
		// The call need not have been sent: a dial or a token endpoint that hangs is also the
		// provider's silence.
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
		return errExcluded // refused by this process, so it says nothing about the provider
	}
	return nil
}

// of returns the breaker of an operation.
func (b *Breakers) of(op *bankmux.Op) *breaker {
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

// make returns a new breaker with the options of b.
func (b *Breakers) make(key breakerKey, provider string) *breaker {
	br := newBreaker(b.opts, key, provider, b.notify)
	br.opened = func() { b.fleet.announceOpen(key, b.opts.OpenFor) }
	return br
}

// refusal returns the error of a refused call.
func (b *Breakers) refusal(br *breaker) error {
	e := &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, Detail: "too many calls failed"}
	if state, since := br.last(); state == gobreaker.StateOpen {
		e.RetryAfter = max(b.opts.OpenFor-time.Since(since), 1) // the circuit is open until the next call
	} else {
		e.Detail = "the provider is being probed"
	}
	return e
}

// States returns the state of every breaker that a call has used, sorted by client and group.
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
