package bankmux

import (
	"context"
	"errors"
)

// Do runs f on the client's adapter, seen as P, through the client's interceptors. Adapters build
// their provider-specific operations on it; P is then an interface of the adapter's own. If the
// adapter does not implement P, the error is [ErrUnsupported] and f is not called. Name, Group and
// Effect of op must be set; the client fills in its own fields. A nil context is [ErrInvalid], one
// that is done [ErrContextDone], and neither sends anything. Otherwise the errors are those of f;
// whether it is repeated is decided by op.Effect.
func Do[P, Out any](ctx context.Context, c *Client, op Op, f func(context.Context, P) (Out, error)) (Out, error) {
	var none Out
	op.Client, op.Provider = c.name, c.desc.Provider
	if ctx == nil {
		return none, c.describe(&op, invalid("context", "is nil"))
	}
	p, ok := c.provider.(P)
	if !ok {
		return none, c.describe(
			&op,
			&Error{Kind: ErrUnsupported, Detail: c.desc.Provider + " has no " + op.Name, NotSent: true},
		)
	}
	op.Effect = c.effect(op)
	if op.Abandon {
		op.Effect = Local
	}
	if err := ctx.Err(); err != nil {
		return none, c.describe(&op, &Error{Kind: ErrContextDone, NotSent: true, Err: err})
	}
	job := &struct { // one allocation for both
		run
		out Out
	}{run: run{client: c, op: op}}
	job.last = func(ctx context.Context) (err error) {
		if op.Abandon {
			return c.describe(
				&job.op,
				&Error{Kind: ErrUserAction, Code: CodeCancelled, Detail: "the challenge was given up", NotSent: true},
			)
		}
		job.out, err = f(ctx, p)
		if asError(err) == nil && ctx.Err() == nil &&
			(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			err = &Error{Kind: ErrUnknown, Err: err} // a context of the adapter's own, not the caller's
		}
		return c.describe(&job.op, err)
	}
	if err := job.from(ctx, 0); err != nil {
		return job.out, c.describe(&job.op, owned(ctx, err))
	}
	switch v := any(&job.out).(type) {
	case *ExchangeResult:
		v.own(c)
	case *Connection:
		v.own(c)
	case *StatusResult:
		v.Connection.own(c)
	case *DisconnectResult:
		v.Connection.own(c)
	}
	return job.out, nil
}

// DoOn is [Do] for an operation on a connection. on is a pointer to the [Connection], or to a
// request of this package, whose answers the bank then gets. One that the client cannot have made,
// or whose request or answers are invalid, is [ErrInvalid] or [ErrChallengeExpired] and sends
// nothing; op is told whom the call concerns.
func DoOn[P, Out any](
	ctx context.Context,
	c *Client,
	op Op,
	on Request,
	f func(context.Context, P) (Out, error),
) (Out, error) {
	if err := on.prepare(c, &op); err != nil {
		var none Out
		return none, c.describe(&op, err)
	}
	return Do(ctx, c, op, f)
}
