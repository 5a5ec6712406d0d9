package guard

// This file repeats failed attempts.

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/bankmux/bankmux"
)

// RetryOptions limit how often a call is repeated and how long it waits. Zero means the default.
type RetryOptions struct {
	// MaxAttempts includes the first attempt. The default is 3; 1 turns retries off.
	MaxAttempts int
	// Base limits the wait before the second attempt. The limit doubles before each further
	// attempt, up to Cap. The wait is a random part of the limit. The default is 200 ms.
	Base time.Duration
	// Cap is the longest wait if the provider names none. The default is 5 s.
	Cap time.Duration
	// MaxWait is the longest wait that the provider may ask for. If the provider asks for a longer
	// one, the call is not repeated. The default is 10 s.
	MaxWait time.Duration
}

func (o RetryOptions) withDefaults() RetryOptions {
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 3
	}
	if o.Base <= 0 {
		o.Base = 200 * time.Millisecond
	}
	if o.Cap <= 0 {
		o.Cap = 5 * time.Second
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 10 * time.Second
	}
	return o
}

// Retry repeats reads and idempotent calls that were rate limited or found the provider
// unavailable. It waits as long as the provider asks, else a random time that grows with each
// attempt (backoff with full jitter).
//
// A one-shot is repeated only if it was certainly not sent. If it was sent and the provider's
// decision is unknown, the error is [bankmux.ErrOutcomeUnknown]. A call with the user's answers to
// a challenge is repeated under the same condition, because a one-time password works once. A call
// is not repeated after an error that the adapter does not know ([bankmux.Error.Unlisted]).
//
// If an attempt was sent, the error does not have NotSent, even if later attempts were refused. The
// error also matches that of the attempt that was sent. If the outcome of that attempt is unknown,
// and the call is not a read, the error has [bankmux.Error.Lost].
//
// Retry never waits longer than MaxWait or beyond the caller's deadline. If the wait would be
// longer, it returns the error at once, and [bankmux.Error.RetryAfter] has the wait. If ctx ends
// during a wait, the error is [bankmux.ErrContextDone] and also matches the last attempt's error.
// For a call that a person waits for, see [Interactive].
func Retry(opts RetryOptions) bankmux.Interceptor { return joined(opts.link()) }

//go:noinline
func (o RetryOptions) link() link {
	opts := o.withDefaults()
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		record := RecordFrom(ctx)
		var wait time.Duration
		var last ended
		for {
			var err error
			if record == nil {
				err = next.run(ctx)
			} else {
				err = record.attempt(ctx, wait, next)
			}
			if err == nil {
				return nil
			}
			last.err = err
			last.number++
			var final error
			if wait, final = opts.pause(ctx, op, last); final != nil {
				return last.result(op, final)
			}
			last.waited += wait
			last.earlier = last.worse()
		}
	}
}

// ended is a failed attempt.
type ended struct {
	err    error
	number int
	waited time.Duration // before it and the attempts before

	// earlier is the error of an earlier attempt that was sent, nil if none was. One whose outcome
	// is unknown has priority.
	earlier *bankmux.Error
}

// worse returns earlier for the next attempt.
func (a *ended) worse() *bankmux.Error {
	e := bankmux.ErrorOf(a.err)
	if e.NotSent || a.earlier != nil && !bankmux.OutcomeKnown(a.earlier) {
		return a.earlier
	}
	return e
}

// result returns the error of the whole call. The final attempt may have been refused before it was
// sent, or by the provider. Neither says what became of an earlier attempt that was sent.
func (a *ended) result(op *bankmux.Op, final error) error {
	e := bankmux.ErrorOf(final)
	if a.earlier == nil || e == nil {
		return final
	}
	lost := op.Effect != bankmux.Read && !bankmux.OutcomeKnown(a.earlier)
	if !e.NotSent && !(lost && bankmux.OutcomeKnown(final)) {
		return final
	}
	whole, cause := *e, e.Err
	if error(e) != final { //nolint:errorlint // whether it is wrapped
		cause = final
	}
	whole.NotSent, whole.Lost = false, lost || e.Lost
	whole.Err = givenUp{last: withoutNames(a.earlier), cause: cause}
	return &whole
}

// pause waits before the next attempt and returns how long. If there is none, it returns the error
// of the call. It is not inlined, so that its errors are not on the stack of a call that waits for
// its response.
//
//go:noinline
func (o *RetryOptions) pause(ctx context.Context, op *bankmux.Op, last ended) (time.Duration, error) {
	e := bankmux.ErrorOf(last.err)
	if last.number == o.MaxAttempts || op.Once || op.Effect == bankmux.Local || e == nil ||
		!e.Repeatable(retryEffect(op)) ||
		ctx.Err() != nil {
		return 0, op.MarkUnknown(last.err)
	}
	wait, ok := o.limitedTo(ctx, last.waited).wait(ctx, e, last.number)
	if !ok {
		return 0, op.MarkUnknown(last.err)
	}
	if cause := sleep(ctx, wait); cause != nil {
		return 0, goneWhileWaiting(e, cause)
	}
	return wait, nil
}

// goneWhileWaiting returns the error of a call whose context ended for a cause before the attempt
// that was to follow e.
func goneWhileWaiting(e *bankmux.Error, cause error) error {
	gone := *e
	gone.Kind, gone.Scope, gone.Err = bankmux.ErrContextDone, bankmux.ScopeCall, givenUp{
		last:  withoutNames(e),
		cause: cause,
	}
	gone.Detail, gone.RetryAfter = "the call ended while it waited for a retry", 0
	return &gone
}

// retryEffect returns the effect that decides about a retry. A call with the user's answers is sent
// once: a one-time password is wrong the second time, and wrong ones lock the user out.
func retryEffect(op *bankmux.Op) bankmux.Effect {
	if op.Challenge != "" {
		return bankmux.OneShot
	}
	return op.Effect
}

// wait returns how long to wait after an attempt that ended in e, and false if that is too long.
func (o RetryOptions) wait(ctx context.Context, e *bankmux.Error, attempt int) (time.Duration, bool) {
	wait := e.RetryAfter
	if wait > o.MaxWait || o.MaxWait <= 0 {
		return 0, false
	}
	if wait == 0 {
		wait = rand.N(o.backoff(attempt)) + 1 //nolint:gosec // jitter
	}
	deadline, ok := ctx.Deadline()
	return wait, !ok || time.Until(deadline) > wait
}

// backoff returns the longest wait after an attempt: Base, doubled each time, up to Cap.
func (o RetryOptions) backoff(attempt int) time.Duration {
	wait := o.Base
	for range attempt - 1 {
		if wait >= o.Cap/2 {
			return o.Cap
		}
		wait *= 2
	}
	return min(wait, o.Cap)
}

// withoutNames returns a copy of an error without the names that an outer error repeats.
func withoutNames(e *bankmux.Error) *bankmux.Error {
	cause := *e
	cause.Client, cause.Op, cause.Connection = "", "", ""
	return &cause
}

// givenUp joins the reason why a call was not repeated, if there is one, and the error of an
// attempt, on one line.
type givenUp struct{ last, cause error }

func (g givenUp) Error() string {
	if g.cause == nil {
		return "after " + g.last.Error()
	}
	return g.cause.Error() + " after " + g.last.Error()
}

func (g givenUp) Unwrap() []error {
	if g.cause == nil {
		return []error{g.last}
	}
	return []error{g.last, g.cause}
}

// sleep waits for d or until ctx ends, and then returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() // not the cause, whose text the application chose
	}
}
