package guard

// This file has the circuit breakers of institutions: their options and the interceptor.

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/bankmux/bankmux"
)

// InstitutionOptions say when the circuit of an institution opens and closes. Zero means the
// default.
type InstitutionOptions struct {
	// Disabled turns the breakers off.
	Disabled bool
	// Consecutive is the number of failures in a row that opens the circuit. The default is 5.
	Consecutive uint32
	// OpenFor is how long an open circuit refuses calls before it is half-open. The default is
	// 30 s.
	OpenFor time.Duration
	// Probes is how many calls a half-open circuit admits at a time. The same number of successes
	// closes it. The default is 1.
	Probes uint32
	// ProbeFor limits the time of a probe. The default is 30 s, since banks are slower than
	// providers.
	ProbeFor time.Duration
	// MaxInstitutions is the largest number of breakers of institutions. The default is 1,000.
	MaxInstitutions int
}

// withDefaults replaces what is zero.
func (o InstitutionOptions) withDefaults() InstitutionOptions {
	o.Consecutive, o.Probes = cmp.Or(o.Consecutive, 5), cmp.Or(o.Probes, 1)
	if o.ProbeFor <= 0 {
		o.ProbeFor = 30 * time.Second
	}
	if o.MaxInstitutions <= 0 {
		o.MaxInstitutions = 1000
	}
	return o
}

// Institutions has a circuit breaker for each institution that failed, per client and group of
// operations. During the outage of one bank, calls to it return an error at once, and calls to
// other banks pass. Beyond [InstitutionOptions.MaxInstitutions], a new breaker replaces the closed
// one that was used least recently. Institutions is safe for concurrent use.
type Institutions struct {
	opts     InstitutionOptions
	breakers *Breakers // makes them and reports their changes

	mu    sync.Mutex
	known map[breakerKey]*list.Element // of *breaker
	order *list.List                   // used last in front
}

// NewInstitutions returns the breakers of institutions. onChange receives every change as
// [Options.OnStateChange] does, and may be nil.
func NewInstitutions(opts InstitutionOptions, onChange func(BreakerState)) *Institutions {
	opts = opts.withDefaults()
	return &Institutions{
		opts:  opts,
		known: map[breakerKey]*list.Element{},
		order: list.New(),
		breakers: NewBreakers(
			BreakerOptions{Consecutive: opts.Consecutive, OpenFor: opts.OpenFor, Probes: opts.Probes},
			onChange,
		),
	}
}

// Interceptor returns an interceptor that refuses calls while the circuit of their institution is
// open. It applies to the operations that atInstitution selects. The error is
// [bankmux.ErrInstitution] with NotSent set, and also matches [bankmux.ErrCircuitOpen]. Its
// RetryAfter is the time until the next probe.
//
// Each call is a failure, a success or neither:
//
//   - A failure is an error of [bankmux.ScopeInstitution], or the timeout of a read.
//   - A success is a read without error. So is a response that only a working bank causes, such as
//     a challenge or a rejected login.
//   - Everything else is neither.
//
// Failures of a single connection open the circuit only if one of them is [bankmux.ErrInstitution],
// which is an outage that the provider reported. Otherwise the user may be the cause. If the
// caller's own deadline ends a read without a response, it is a failure if it took at least 5 s.
func (in *Institutions) Interceptor(atInstitution func(bankmux.Op) bool) bankmux.Interceptor {
	return joined(in.link(atInstitution))
}

//go:noinline
func (in *Institutions) link(atInstitution func(bankmux.Op) bool) link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if in.opts.Disabled || op.Institution == "" || op.Effect == bankmux.Local || !selects(atInstitution, op) {
			return next.run(ctx)
		}
		if open := in.openElsewhere(op); open != nil {
			return open
		}
		if br := in.find(op); br != nil {
			return in.through(ctx, br, op, next)
		}
		start := time.Now()
		err := next.run(ctx)
		if err != nil {
			in.noteFirst(op, err, time.Since(start))
		}
		return err
	}
}

// through makes a call through a circuit.
func (in *Institutions) through(ctx context.Context, br *breaker, op *bankmux.Op, next step) error {
	admitted, err := br.run(ctx, in.opts.ProbeFor, next, func(err error, took time.Duration) outcome {
		return outcomeAt(op, err, took)
	})
	if !admitted {
		return in.refusal(br)
	}
	return err
}

// noteFirst makes a breaker if the call failed. It is for an institution that has none, since no
// failure is known.
func (in *Institutions) noteFirst(op *bankmux.Op, err error, took time.Duration) {
	if o := outcomeAt(op, err, took); errors.Is(o.verdict, errFailed) {
		in.add(institutionKey(op), op.Provider).note(o)
	}
}

// outcomeAt returns what a call says about its institution.
func outcomeAt(op *bankmux.Op, err error, took time.Duration) outcome {
	return outcome{
		verdict:    judgeInstitution(op, err, took),
		declared:   errors.Is(err, bankmux.ErrInstitution),
		connection: op.Connection,
	}
}

// institutionKey names the breaker of an operation's institution.
func institutionKey(op *bankmux.Op) breakerKey {
	return breakerKey{client: op.Client, group: op.Group, institution: op.Institution}
}

// institutionPatience is how long an institution must be silent for the end of the caller's own
// deadline to be a failure.
const institutionPatience = 5 * time.Second

// judgeInstitution returns the verdict on a call: nil for success, errFailed or errExcluded.
func judgeInstitution(op *bankmux.Op, err error, took time.Duration) error {
	if err == nil && op.Effect == bankmux.Read {
		return nil
	}
	e := bankmux.ErrorOf(err)
	switch {
	case e == nil, e.NotSent: // or a call that only started something at the institution
		return errExcluded
	case e.Affects() == bankmux.ScopeInstitution:
		return errFailed
	case silent(op, err) && (e.Kind != bankmux.ErrContextDone || took >= institutionPatience):
		return errFailed
	case e.Kind.BankResponded():
		return nil
	}
	return errExcluded
}

// openElsewhere returns the error of a call if the circuit is open in another process.
func (in *Institutions) openElsewhere(op *bankmux.Op) error {
	left := in.breakers.fleet.openElsewhere(institutionKey(op))
	if left <= 0 {
		return nil
	}
	return &bankmux.Error{
		Kind: bankmux.ErrInstitution, Scope: bankmux.ScopeInstitution, NotSent: true, RetryAfter: left,
		Detail: "too many calls of another process to this bank failed", Err: bankmux.ErrCircuitOpen,
	}
}

// find returns the breaker of an operation's institution, or nil if it has none.
func (in *Institutions) find(op *bankmux.Op) *breaker {
	in.mu.Lock()
	defer in.mu.Unlock()
	at := in.known[institutionKey(op)]
	if at == nil {
		return nil
	}
	in.order.MoveToFront(at)
	return at.Value.(*breaker)
}

// add returns the breaker of an institution, a new one if there is none. If there are too many, it
// drops the closed one that was used least recently. If all are open, it drops an open one.
func (in *Institutions) add(key breakerKey, provider string) *breaker {
	in.mu.Lock()
	defer in.mu.Unlock()
	if at := in.known[key]; at != nil {
		return at.Value.(*breaker)
	}
	for len(in.known) >= in.opts.MaxInstitutions {
		goes := in.order.Back()
		for at := goes; at != nil; at = at.Prev() {
			if state, _ := at.Value.(*breaker).last(); state == gobreaker.StateClosed {
				goes = at
				break
			}
		}
		goes.Value.(*breaker).drop()
		delete(in.known, goes.Value.(*breaker).key)
		in.order.Remove(goes)
	}
	br := in.breakers.make(key, provider)
	in.known[key] = in.order.PushFront(br)
	return br
}

// refusal returns the error of a refused call.
func (in *Institutions) refusal(br *breaker) error {
	e := bankmux.ErrorOf(in.breakers.refusal(br))
	e.Kind, e.Scope, e.Err = bankmux.ErrInstitution, bankmux.ScopeInstitution, bankmux.ErrCircuitOpen
	if e.RetryAfter > 0 {
		e.Detail = "too many calls to this bank failed"
	} else {
		e.Detail = "the bank is being probed"
	}
	return e
}

// States returns the state of each remembered breaker, sorted by client, group and institution.
func (in *Institutions) States() []BreakerState {
	in.mu.Lock()
	asked := make([]*breaker, 0, len(in.known))
	for at := in.order.Front(); at != nil; at = at.Next() {
		asked = append(asked, at.Value.(*breaker))
	}
	in.mu.Unlock()
	states := make([]BreakerState, 0, len(asked))
	for _, br := range asked {
		states = append(states, br.describe())
	}
	slices.SortFunc(states, func(x, y BreakerState) int {
		return cmp.Or(
			cmp.Compare(x.Client, y.Client),
			cmp.Compare(x.Group, y.Group),
			cmp.Compare(x.Institution, y.Institution),
		)
	})
	return states
}
