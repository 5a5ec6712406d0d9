package guard

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

// InstitutionOptions say when calls to one bank are refused without asking it. Zero means the
// default.
type InstitutionOptions struct {
	Disabled        bool
	Consecutive     uint32        // failures in a row at the bank that open its circuit; default 5
	OpenFor         time.Duration // before a probe is let through; default 30 s
	Probes          uint32        // let through at once when half open, and successes that close it; default 1
	ProbeFor        time.Duration // most a probe may last; default 30 s, for banks are slower than providers
	MaxInstitutions int           // banks remembered at most; default 1,000
}

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

// Institutions keeps a circuit breaker for each bank that fails, so that the outage of one costs
// no caller a long wait and leaves all other banks alone. It remembers only banks that failed, and
// of those the ones used last. It is safe for concurrent use.
type Institutions struct {
	opts     InstitutionOptions
	breakers *Breakers // makes them and reports their changes

	mu    sync.Mutex
	known map[breakerKey]*list.Element // of *breaker
	order *list.List                   // used last in front
}

// NewInstitutions returns breakers for banks. onChange may be nil; it is called outside all locks.
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

// Interceptor returns the breakers as an interceptor, for the calls that atInstitution selects. A refused
// call ends with [bankmux.ErrInstitution], NotSent, and RetryAfter until the next probe; errors.Is
// finds [bankmux.ErrCircuitOpen] in it as well.
//
// A failure is an error of scope institution, and of reads also silence until a deadline. Unless
// the provider said of one of them that it is the bank's fault ([bankmux.ErrInstitution]), failures
// of a single connection open nothing: that user may be the trouble. A success is what was read,
// and a question or refusal that only the bank can have uttered. All else counts as neither.
func (in *Institutions) Interceptor(atInstitution func(bankmux.Op) bool) bankmux.Interceptor {
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		if in.opts.Disabled || op.Institution == "" || op.Effect == bankmux.Local || !atInstitution(op) {
			return next(ctx)
		}
		key := breakerKey{client: op.Client, group: op.Group, institution: op.Institution}
		judge := func(err error, took time.Duration) outcome {
			return outcome{
				verdict:    judgeInstitution(op, err, took),
				declared:   errors.Is(err, bankmux.ErrInstitution),
				connection: op.Connection,
			}
		}
		br := in.find(key)
		if br == nil { // nothing but good is known of this bank
			start := time.Now()
			err := next(ctx)
			if o := judge(err, time.Since(start)); errors.Is(o.verdict, errFailed) {
				in.add(key, op.Provider).note(o)
			}
			return err
		}
		admitted, err := br.run(ctx, in.opts.ProbeFor, next, judge)
		if !admitted {
			return in.refusal(br)
		}
		return err
	}
}

// institutionPatience is how long a bank may be silent before the caller's own deadline counts against it.
const institutionPatience = 5 * time.Second

// judgeInstitution says what a call shows about the bank.
func judgeInstitution(op bankmux.Op, err error, took time.Duration) error {
	if err == nil && op.Effect == bankmux.Read {
		return nil
	}
	e := asError(err)
	switch {
	case e == nil, e.NotSent: // or a call that only began something at the bank
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

func (in *Institutions) find(key breakerKey) *breaker {
	in.mu.Lock()
	defer in.mu.Unlock()
	at := in.known[key]
	if at == nil {
		return nil
	}
	in.order.MoveToFront(at)
	return at.Value.(*breaker)
}

// add returns the breaker of a bank, and makes it where there is none. Where there are too many,
// the one used longest ago goes, an open one only if all are.
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

func (in *Institutions) refusal(br *breaker) error {
	e := asError(in.breakers.refusal(br))
	e.Kind, e.Scope, e.Err = bankmux.ErrInstitution, bankmux.ScopeInstitution, bankmux.ErrCircuitOpen
	if e.RetryAfter > 0 {
		e.Detail = "too many calls to this bank failed"
	} else {
		e.Detail = "the bank is being probed"
	}
	return e
}

// States returns the breakers of the banks that failed recently, sorted by client, group and bank.
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
