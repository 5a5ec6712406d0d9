package guard

// This file has one circuit breaker, which the breakers of providers and institutions share.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/bankmux/bankmux"
)

// breakerKey names one breaker.
type breakerKey struct {
	client      string
	group       bankmux.Group
	institution string // "" for the breaker of a provider
}

// breaker is one circuit breaker. It adds to gobreaker's state machine a count of failures in a row
// that no window limits.
type breaker struct {
	key      breakerKey
	provider string
	notify   *notifier
	opened   func() // announces that the circuit opened, and returns at once

	mu        sync.Mutex // around every use of circuit, which calls change while it is locked
	circuit   *gobreaker.TwoStepCircuitBreaker[struct{}]
	streak    *streak // of the present generation
	state     gobreaker.State
	since     time.Time
	changed   bool            // at least once
	dropped   bool            // the institution is forgotten
	delivered <-chan struct{} // from notify, for the call that caused the last change
}

// streak counts the failures in a row since the last change of state. A call counts in the streak
// in which it was admitted. So a call that started before an outage does not count after it.
type streak struct {
	failures   uint32
	lastSilent string // the institution that was silent last

	// For the breaker of an institution:
	declared, several bool   // the provider declared an outage; several connections failed
	connection        string // of the first failure
}

// outcome is what a call says about the provider, or about the institution.
type outcome struct {
	verdict           error  // nil for success, or errFailed, or errExcluded
	silentInstitution string // the institution that was silent, see [Breakers.link]
	declared          bool
	connection        string
}

// The verdicts that gobreaker gets in place of the error. nil is a success.
var (
	errFailed   = errors.New("failed")
	errExcluded = errors.New("excluded")
)

// count adds an outcome and returns the verdict on it.
func (s *streak) count(o outcome) error {
	switch {
	case o.verdict == nil:
		*s = streak{}
	case errors.Is(o.verdict, errFailed):
		if o.silentInstitution != "" {
			if s.lastSilent == o.silentInstitution {
				return errExcluded
			}
			s.lastSilent = o.silentInstitution
		}
		if s.failures == 0 {
			s.connection = o.connection
		}
		s.failures++
		s.declared = s.declared || o.declared
		s.several = s.several || s.connection != o.connection
	}
	return o.verdict
}

// newBreaker returns the closed breaker of a key.
func newBreaker(o BreakerOptions, key breakerKey, provider string, notify *notifier) *breaker {
	br := &breaker{key: key, provider: provider, notify: notify, streak: &streak{}, since: time.Now()}
	br.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: o.Probes, Timeout: o.OpenFor, Interval: o.Window, BucketPeriod: o.Window / 6,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			inARow := br.streak.failures >= o.Consecutive
			if key.institution != "" {
				return inARow && (br.streak.declared || br.streak.several)
			}
			counted := c.TotalSuccesses + c.TotalFailures
			share := uint64(counted) * uint64(o.Ratio) //nolint:gosec // a positive percentage
			return inARow || (counted >= o.MinRequests && uint64(c.TotalFailures)*100 >= share)
		},
		OnStateChange: func(_ string, _, to gobreaker.State) { br.change(to) },
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errExcluded) },
	})
	return br
}

// change records a new state and starts a new streak. The caller has locked mu.
func (br *breaker) change(to gobreaker.State) {
	br.state, br.since, br.streak, br.changed = to, time.Now(), &streak{}, true
	if br.dropped {
		return
	}
	if to == gobreaker.StateOpen {
		br.opened()
	}
	s := br.named()
	s.State, s.Since = to.String(), br.since
	if done := br.notify.add(br.key, s); done != nil {
		br.delivered = done
	}
}

// run sends a call if the circuit admits it, and counts the outcome that judge returns. A call that
// panics or ends its goroutine is neither a success nor a failure.
func (br *breaker) run(
	ctx context.Context,
	probeFor time.Duration,
	next step,
	judge func(error, time.Duration) outcome,
) (admitted bool, err error) {
	call, probing := br.admit()
	if call == nil {
		return false, nil
	}
	defer call.settle()
	if probing {
		err = withTimeout(ctx, probeFor, next)
	} else {
		err = next.run(ctx)
	}
	call.judge(err, judge)
	return true, err
}

// admitted is a call that a circuit admitted.
type admitted struct {
	br        *breaker
	streak    *streak // in which it was admitted
	done      func(error)
	start     time.Time
	end       outcome         // neither a success nor a failure, until judged
	delivered <-chan struct{} // that br had before
}

// admit returns a call if the circuit admits it, else nil.
func (br *breaker) admit() (call *admitted, probing bool) {
	br.mu.Lock()
	defer br.mu.Unlock()
	done, refused := br.circuit.Allow()
	// A listener that asks for the state must not find its own delivery here and wait for itself.
	delivered := br.delivered
	br.delivered = nil
	if refused != nil {
		return nil, false
	}
	return &admitted{
		br: br, streak: br.streak, done: done, start: time.Now(), end: outcome{verdict: errExcluded},
		delivered: delivered,
	}, br.state == gobreaker.StateHalfOpen
}

// judge notes the outcome of a call that has ended.
//
//go:noinline
func (c *admitted) judge(err error, by func(error, time.Duration) outcome) {
	c.end = by(err, time.Since(c.start))
}

// settle counts the outcome of a call.
//
//go:noinline
func (c *admitted) settle() {
	br := c.br
	br.mu.Lock()
	c.done(c.streak.count(c.end))
	if br.delivered == nil {
		br.delivered = c.delivered
	}
	br.unlock()
}

// note counts a call that was sent before this breaker was made. After a change of state the call
// does not count.
func (br *breaker) note(o outcome) {
	br.mu.Lock()
	defer br.unlock()
	if br.changed {
		return
	}
	if done, err := br.circuit.Allow(); err == nil {
		done(br.streak.count(o))
	}
}

// unlock unlocks mu. If the caller has caused a change, it then waits a moment for the listener.
func (br *breaker) unlock() {
	delivered := br.delivered
	br.delivered = nil
	br.mu.Unlock()
	awaitListener(delivered)
}

// now returns the present state. It makes an open circuit half-open if its time is over.
func (br *breaker) now() gobreaker.State {
	br.mu.Lock()
	defer br.unlock()
	return br.circuit.State()
}

// drop closes the breaker of an institution that is forgotten.
func (br *breaker) drop() {
	br.mu.Lock()
	defer br.mu.Unlock()
	if br.state != gobreaker.StateClosed {
		br.change(gobreaker.StateClosed)
	}
	br.dropped = true
}

// last returns the latest state and the time of its start, and changes nothing.
func (br *breaker) last() (gobreaker.State, time.Time) {
	br.mu.Lock()
	defer br.mu.Unlock()
	return br.state, br.since
}

// named returns a state that has only the names.
func (br *breaker) named() BreakerState {
	return BreakerState{
		Client:      br.key.client,
		Provider:    br.provider,
		Group:       br.key.group,
		Institution: br.key.institution,
	}
}

// describe returns the state of the breaker for a health page.
func (br *breaker) describe() BreakerState {
	br.mu.Lock()
	defer br.unlock()
	state, counts := br.circuit.State(), br.circuit.Counts()
	s := br.named()
	s.State, s.Since = state.String(), br.since
	s.Requests, s.Failures = counts.TotalSuccesses+counts.TotalFailures, counts.TotalFailures
	return s
}
