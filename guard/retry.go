package guard

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/bankmux/bankmux"
)

// RetryOptions say how often and how long. Zero means the default.
type RetryOptions struct {
	MaxAttempts int           // including the first; default 3, 1 means never repeat
	Base        time.Duration // most to wait before the second attempt, doubled for each further; default 200 ms
	Cap         time.Duration // most to wait where the provider does not say; default 5 s
	MaxWait     time.Duration // a provider that asks for longer is not waited for; default 10 s
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

// Retry repeats reads and idempotent calls that were rate limited or found the
// provider unavailable, after the time the provider asks for or a random one (full jitter).
// A one-shot is repeated only where it certainly never left, and one that ends
// without a verdict of the provider becomes [bankmux.ErrOutcomeUnknown]. A wait beyond MaxWait or
// the caller's deadline is not begun: the error comes back at once with its RetryAfter.
func Retry(opts RetryOptions) bankmux.Interceptor {
	opts = opts.withDefaults()
	return func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		record := RecordFrom(ctx)
		var wait time.Duration
		for attempt := 1; ; attempt++ {
			start := time.Now()
			err := next(ctx)
			record.add(start, wait, err)
			if err == nil {
				return nil
			}
			e := asError(err)
			if attempt == opts.MaxAttempts || op.Once || op.Effect == bankmux.Local || e == nil ||
				!e.Repeatable(retryEffect(op)) ||
				ctx.Err() != nil {
				return markUnknown(op, err)
			}
			if wait = e.RetryAfter; wait == 0 {
				wait = rand.N(opts.backoff(attempt)) + 1
			} else if wait > opts.MaxWait {
				return markUnknown(op, err)
			}
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
				return markUnknown(op, err)
			}
			if cause := sleep(ctx, wait); cause != nil {
				gone := *e
				gone.Kind, gone.Scope, gone.Err = bankmux.ErrContextDone, bankmux.ScopeCall, givenUp{
					last:  withoutNames(e),
					cause: cause,
				}
				gone.Detail, gone.RetryAfter = "the call was given up while it waited to be repeated", 0
				return &gone
			}
		}
	}
}

// retryEffect is the effect by which a call may be repeated. One that carries the user's answers is
// sent once: the same one-time password twice is a wrong one, and a few of those lock people out.
func retryEffect(op bankmux.Op) bankmux.Effect {
	if op.Challenge != "" {
		return bankmux.OneShot
	}
	return op.Effect
}

// markUnknown turns the error of a one-shot into [bankmux.ErrOutcomeUnknown] where its outcome is
// unknown.
func markUnknown(op bankmux.Op, err error) error {
	if op.Effect != bankmux.OneShot || bankmux.OutcomeKnown(err) {
		return err
	}
	if e := asError(err); e != nil && e.Kind == bankmux.ErrOutcomeUnknown && e.FindOut != "" {
		return err // the adapter says what is unknown, such as the renewal of a token
	}
	unknown := bankmux.Error{Err: err}
	if e := asError(err); e != nil {
		unknown = *e
		unknown.Err = withoutNames(e)
	}
	unknown.Kind, unknown.Scope, unknown.Unlisted = bankmux.ErrOutcomeUnknown, bankmux.ScopeCall, false
	unknown.FindOut = op.FindOut
	unknown.Detail, unknown.RetryAfter = "the request was sent and no readable answer came", 0
	return &unknown
}

// backoff is the most to wait after an attempt: Base, doubled each time, up to Cap.
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

// withoutNames is an error as the cause of another, without the names that the outer one repeats.
func withoutNames(e *bankmux.Error) *bankmux.Error {
	cause := *e
	cause.Client, cause.Op, cause.Connection = "", "", ""
	return &cause
}

// givenUp is why a call was not repeated, and what it had ended with, on one line.
type givenUp struct{ last, cause error }

func (g givenUp) Error() string   { return g.cause.Error() + " after " + g.last.Error() }
func (g givenUp) Unwrap() []error { return []error{g.last, g.cause} }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() // not the cause, whose text is the application's own
	}
}
