package guard

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
	// Patience is how long a provider may stay silent before the caller's own
	// deadline counts against it; default 5 s. A more impatient caller proves nothing. Of a registry's
	// candidates, which get a share of the caller's time, a fifth of it is asked.
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

	// Institution is the provider's id of the bank where it is the breaker of one, see [InstitutionOptions].
	Institution string `json:"institution,omitempty"`

	State    string    `json:"state"` // "closed", "half-open", "open"
	Since    time.Time `json:"since"`
	Requests uint32    `json:"requests"` // in the window
	Failures uint32    `json:"failures"` // in the window
}

// Breakers keeps a circuit breaker for each client and group, so that slow
// reads never block a user who is linking. It is safe for concurrent use.
type Breakers struct {
	opts     BreakerOptions
	onChange func(BreakerState)

	mu  sync.RWMutex
	all map[breakerKey]*breaker
}

type breakerKey struct {
	client      string
	group       bankmux.Group
	institution string // "" for the provider's
}

type breaker struct {
	*gobreaker.CircuitBreaker[struct{}]
	key      breakerKey
	provider string
	inARow   atomic.Uint32 // failures since the last success; gobreaker forgets those that leave its window

	silentAt atomic.Pointer[string] // the bank that was silent last, since the last success

	// Of a bank's: whether one of the failures in a row was said to be the bank's, and of whom they were.
	declared, several atomic.Bool
	first             atomic.Pointer[string]

	mu      sync.Mutex
	since   time.Time
	state   gobreaker.State
	changes []gobreaker.State // not yet told; gobreaker tells under its own mutex
}

// NewBreakers returns breakers. onChange may be nil; it is called outside all locks.
func NewBreakers(opts BreakerOptions, onChange func(BreakerState)) *Breakers {
	return &Breakers{opts: opts.withDefaults(), onChange: onChange, all: map[breakerKey]*breaker{}}
}

// Interceptor returns the breakers as an interceptor. A refused call ends with
// [bankmux.ErrCircuitOpen], NotSent, and RetryAfter until the next probe.
//
// A failure is an error of scope provider, the end of our own deadline, or an
// error nobody classified. A success is every well-formed answer, also a 4xx, one bank's outage or one
// user's lapsed consent. The caller's cancellation, rate limiting and calls refused before they left
// count as neither.
func (b *Breakers) Interceptor() bankmux.Interceptor {
	return b.interceptor(func(bankmux.Op) bool { return false })
}

// interceptor is [Breakers.Interceptor] where the bank itself answers some calls: the silence of one bank, however many wait
// for it, counts against the provider no more than once in a row.
func (b *Breakers) interceptor(atBank func(bankmux.Op) bool) bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if b.opts.Disabled {
			return next(ctx)
		}
		br := b.of(op)
		if op.Effect == bankmux.Local {
			// Never counted: a local success would reset the count of failures.
			state := br.State()
			b.tell(br)
			if state == gobreaker.StateOpen {
				return b.refusal(br)
			}
			return next(ctx)
		}
		var err error
		_, verdict := br.Execute(func() (struct{}, error) {
			began, probing := time.Now(), br.halfOpen()
			if probing {
				err = bounded(ctx, b.opts.ProbeFor, next)
			} else {
				err = next(ctx)
			}
			verdict := b.judge(op, err, time.Since(began))
			if errors.Is(verdict, errFailed) && !probing && op.Institution != "" && atBank(op) && silent(op, err) {
				if last := br.silentAt.Swap(&op.Institution); last != nil && *last == op.Institution {
					verdict = errExcluded
				}
			}
			switch {
			case verdict == nil:
				br.succeeded()
			case errors.Is(verdict, errFailed):
				br.inARow.Add(1)
			}
			return struct{}{}, verdict
		})
		b.tell(br)
		if errors.Is(verdict, gobreaker.ErrOpenState) || errors.Is(verdict, gobreaker.ErrTooManyRequests) {
			return b.refusal(br)
		}
		return err
	}
}

// silent reports whether a read was sent and the time ran out without an answer. A call that only starts something at the bank does not wait
// for it, so its silence is the provider's.
func silent(op bankmux.Op, err error) bool {
	e := asError(err)
	return e != nil && op.Effect == bankmux.Read && !e.NotSent && e.Status == 0 && errors.Is(err, context.DeadlineExceeded)
}

// succeeded forgets the failures in a row.
func (br *breaker) succeeded() {
	br.inARow.Store(0)
	br.silentAt.Store(nil)
	br.declared.Store(false)
	br.several.Store(false)
	br.first.Store(nil)
}

// onceImpatience is how much sooner silence counts of a call that has others to go to.
const onceImpatience = 5

// The verdicts given to gobreaker in place of the error itself, nil being success.
var (
	errFailed   = errors.New("failed")
	errExcluded = errors.New("excluded")
)

func (b *Breakers) judge(op bankmux.Op, err error, took time.Duration) error {
	if err == nil {
		return nil
	}
	e := asError(err)
	if e == nil {
		return errFailed
	}
	switch e.Kind {
	case bankmux.ErrContextDone:
		// Whether it was sent does not matter: a dial or a token endpoint that hangs is the provider's silence too.
		patience := b.opts.Patience
		if op.Once {
			patience /= onceImpatience
		}
		if took >= patience && errors.Is(err, context.DeadlineExceeded) {
			return errFailed
		}
		return errExcluded
	case bankmux.ErrUnknown:
		if e.Code == "" && e.Status == 0 && !e.NotSent {
			return errFailed // nobody classified it
		}
	case bankmux.ErrRateLimited, bankmux.ErrCircuitOpen:
		return errExcluded
	}
	if e.Affects() == bankmux.ScopeProvider {
		return errFailed
	}
	if e.NotSent && e.Status == 0 {
		return errExcluded // refused here: it says nothing about the provider
	}
	return nil
}

func (b *Breakers) of(op bankmux.Op) *breaker {
	key := breakerKey{client: op.Client, group: op.Group}
	b.mu.RLock()
	br := b.all[key]
	b.mu.RUnlock()
	if br != nil {
		return br
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if br = b.all[key]; br == nil {
		br = b.make(key, op.Provider)
		b.all[key] = br
	}
	return br
}

func (b *Breakers) make(key breakerKey, provider string) *breaker {
	o := b.opts
	br := &breaker{key: key, provider: provider, since: time.Now()}
	br.CircuitBreaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: key.client + "/" + string(key.group), MaxRequests: o.Probes, Timeout: o.OpenFor,
		Interval: o.Window, BucketPeriod: o.Window / 6,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			counted := c.TotalSuccesses + c.TotalFailures
			if key.institution != "" {
				return br.inARow.Load() >= o.Consecutive && (br.declared.Load() || br.several.Load())
			}
			return br.inARow.Load() >= o.Consecutive ||
				(counted >= o.MinRequests && uint64(c.TotalFailures)*100 >= uint64(counted)*uint64(o.Ratio)) //nolint:gosec // a positive percentage
		},
		OnStateChange: func(_ string, _, to gobreaker.State) {
			br.mu.Lock()
			defer br.mu.Unlock()
			br.state, br.since = to, time.Now()
			br.succeeded()
			br.changes = append(br.changes, to)
		},
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errExcluded) },
	})
	return br
}

// halfOpen reports whether the call just admitted is a probe.
func (br *breaker) halfOpen() bool {
	br.mu.Lock()
	defer br.mu.Unlock()
	return br.state == gobreaker.StateHalfOpen
}

// tell delivers the changes that gobreaker announced while it held its mutex.
func (b *Breakers) tell(br *breaker) {
	br.mu.Lock()
	changes, since := br.changes, br.since
	br.changes = nil
	br.mu.Unlock()
	if b.onChange == nil {
		return
	}
	for _, to := range changes {
		b.onChange(BreakerState{Client: br.key.client, Provider: br.provider, Group: br.key.group, Institution: br.key.institution, State: to.String(), Since: since})
	}
}

func (b *Breakers) refusal(br *breaker) error {
	br.mu.Lock()
	defer br.mu.Unlock()
	e := &bankmux.Error{Kind: bankmux.ErrCircuitOpen, NotSent: true, Detail: "too many calls failed"}
	if br.state == gobreaker.StateOpen {
		e.RetryAfter = max(b.opts.OpenFor-time.Since(br.since), 0)
	} else {
		e.Detail = "the provider is being probed"
	}
	return e
}

// States returns every breaker that was ever asked, sorted by client and group.
func (b *Breakers) States() []BreakerState {
	b.mu.RLock()
	states := make([]BreakerState, 0, len(b.all))
	asked := make([]*breaker, 0, len(b.all))
	for _, br := range b.all {
		asked = append(asked, br)
	}
	b.mu.RUnlock()
	for _, br := range asked {
		states = append(states, b.stateOf(br))
	}
	slices.SortFunc(states, func(x, y BreakerState) int {
		return cmp.Or(cmp.Compare(x.Client, y.Client), cmp.Compare(x.Group, y.Group))
	})
	return states
}

func (b *Breakers) stateOf(br *breaker) BreakerState {
	state, counts := br.State(), br.Counts()
	b.tell(br)
	br.mu.Lock()
	defer br.mu.Unlock()
	return BreakerState{
		Client: br.key.client, Provider: br.provider, Group: br.key.group, Institution: br.key.institution, State: state.String(), Since: br.since,
		Requests: counts.TotalSuccesses + counts.TotalFailures, Failures: counts.TotalFailures,
	}
}
