package guard

// This file limits the time of an attempt.

import (
	"context"
	"errors"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// DeadlineOptions limit the time of one attempt, per group of operations ([bankmux.Group]). Zero
// means the default.
type DeadlineOptions struct {
	Link time.Duration            // for [bankmux.GroupLink]; default 30 s
	Data time.Duration            // for [bankmux.GroupData]; default 60 s
	Pay  time.Duration            // for [bankmux.GroupPay]; default 120 s
	Ops  map[string]time.Duration // by operation name, such as "Sync"; overrides its group
}

// of returns the limit of an operation.
func (o DeadlineOptions) of(op *bankmux.Op) time.Duration {
	if d, ok := o.Ops[op.Name]; ok && d > 0 {
		return d
	}
	d, standard := o.Link, 30*time.Second
	switch op.Group {
	case bankmux.GroupData:
		d, standard = o.Data, time.Minute
	case bankmux.GroupPay:
		d, standard = o.Pay, 2*time.Minute
	}
	if d > 0 {
		return d
	}
	return standard
}

// Deadline ends an attempt that takes too long. The error is [bankmux.ErrUnavailable]. If the
// caller's own deadline ends first, the error is [bankmux.ErrContextDone]. A response that arrives
// after the limit is still returned. Local operations have no limit.
func Deadline(opts DeadlineOptions) bankmux.Interceptor { return joined(opts.link()) }

//go:noinline
func (o DeadlineOptions) link() link {
	return func(ctx context.Context, op *bankmux.Op, next step) error {
		if op.Effect == bankmux.Local {
			return next.run(ctx)
		}
		return withTimeout(ctx, o.of(op), next)
	}
}

// withTimeout runs next for at most d. If the time ends without a response of the provider, the
// error says whose time ended.
func withTimeout(ctx context.Context, d time.Duration, next step) error {
	inner, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := next.run(inner)
	if err == nil || inner.Err() == nil {
		return err
	}
	return outOfTime(ctx, inner, d, err)
}

// outOfTime returns the error of a call whose inner context, limited to d, is done.
func outOfTime(ctx, inner context.Context, d time.Duration, err error) error {
	e := bankmux.ErrorOf(err)
	if e != nil && e.Kind != bankmux.ErrContextDone {
		return err // a response, or a failure before the time ended
	}
	if e == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	out := bankmux.Error{Err: inner.Err()}
	if e != nil {
		out = *e
	}
	if cause := ctx.Err(); cause != nil {
		out.Kind, out.Err = bankmux.ErrContextDone, cause
		return &out
	}
	out.Kind, out.Scope, out.Err = bankmux.ErrUnavailable, bankmux.ScopeProvider, context.DeadlineExceeded
	out.Detail = "no response within " + plain.Duration(d)
	return &out
}
