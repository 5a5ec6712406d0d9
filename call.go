package bankmux

// This file makes every call of a client: it validates the request, runs the interceptors and
// describes the error.

import (
	"context"
	"errors"
	"slices"
)

// call makes the call of a Client's method to the adapter's method. It changes neither op nor req.
func call[P, R, Out any, Req interface {
	*R
	Request
}](ctx context.Context, c *Client, op *Op, req *R, method func(P, context.Context, R) (Out, error)) (Out, error) {
	var j job[R, Out]
	j.req = *req
	err := callBy[P, R, Out, Req](ctx, c, op, &j, func(ctx context.Context, p P) error {
		out, err := method(p, ctx, j.req)
		j.out = out
		return err
	})
	return j.out, err
}

// job is one call with its request and its result. All of it is one allocation.
//
// A function that calls an adapter has the job as a variable. If j is a pointer, Go copies an
// argument such as j.req twice to the stack. Many calls may wait for their banks at a time.
type job[R, Out any] struct {
	run
	req R
	out Out
}

// callBy is call with a function that calls the adapter's method, with the request and for the
// result of j. A method expression copies both once more.
func callBy[P, R, Out any, Req interface {
	*R
	Request
}](ctx context.Context, c *Client, op *Op, j *job[R, Out], send func(context.Context, P) error) error {
	j.run = c.runOf(*op)
	if err := Req(&j.req).prepare(c, j.op); err != nil {
		return c.describe(j.op, err)
	}
	p, ok := c.provider.(P)
	j.send = func(ctx context.Context) error { return send(ctx, p) }
	return resumable(j.do(ctx, ok, &j.out), Req(&j.req))
}

// run is one call on its way through the chain.
type run struct {
	client *Client
	op     *Op
	pass   passing
	send   func(context.Context) error // calls the adapter
}

// passing calls an interceptor with a copy of the op.
type passing func(ctx context.Context, in Interceptor, next func(context.Context) error) error

// runOf returns the call that op describes. In pass, op is a variable and not behind a pointer, for
// the same reason as a [job] is.
func (c *Client) runOf(op Op) run {
	return run{client: c, op: &op, pass: func(
		ctx context.Context, in Interceptor, next func(context.Context) error,
	) error {
		return in(ctx, op, next)
	}}
}

// do makes the call. Out is a pointer to the result.
func (r *run) do(ctx context.Context, implemented bool, out any) error {
	c, op := r.client, r.op
	op.Client, op.Provider = c.name, c.desc.Provider
	if ctx == nil {
		return c.describe(op, invalid("context", "is nil"))
	}
	if !implemented {
		none := c.desc.Provider + " has no " + op.Name
		return c.describe(op, &Error{Kind: ErrUnsupported, Detail: none, NotSent: true})
	}
	op.Effect = c.effect(op)
	if op.Abandon {
		op.Effect = Local
	}
	if err := ctx.Err(); err != nil {
		return c.describe(op, &Error{Kind: ErrContextDone, NotSent: true, Err: err})
	}
	if err := r.next(0)(ctx); err != nil {
		return r.ended(ctx, err)
	}
	switch v := out.(type) {
	case *ExchangeResult:
		v.own(c)
	case *Connection:
		v.own(c)
	case *StatusResult:
		v.Connection.own(c)
	case *DisconnectResult:
		v.Connection.own(c)
	}
	return nil
}

// next returns the part of the call from the i-th interceptor on.
func (r *run) next(i int) func(context.Context) error {
	if i == len(r.client.chain) {
		return r.last
	}
	in := r.client.chain[i]
	return func(ctx context.Context) error {
		next := r.next(i + 1)
		return r.ended(ctx, r.pass(ctx, in, next))
	}
}

// ended returns the error of an interceptor as the caller gets it. So the interceptors outside of
// it, such as one that reports calls, get the caller's error too.
//
//go:noinline
func (r *run) ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return r.client.describe(r.op, owned(ctx, err))
}

// last calls the adapter, unless the call gives a challenge up.
func (r *run) last(ctx context.Context) error {
	if r.op.Abandon {
		return r.client.describe(
			r.op,
			&Error{Kind: ErrUserAction, Code: CodeCancelled, Detail: "the challenge was given up", NotSent: true},
		)
	}
	err := r.send(ctx)
	if err == nil {
		return nil
	}
	if ErrorOf(err) == nil && ctx.Err() == nil &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = &Error{Kind: ErrUnknown, Err: err} // a context of the adapter's own, not the caller's
	}
	return r.client.describe(r.op, err)
}

// effect is what a call may do when it is repeated.
func (c *Client) effect(op *Op) Effect {
	if c.decide == nil {
		return op.Effect
	}
	asked := *op
	asked.Client, asked.Provider = c.name, c.desc.Provider
	return c.decide.Effect(asked)
}

// owned names the errors that neither the adapter nor the provider made. Every error of the adapter
// is an [*Error] by then, so what comes without one is an interceptor's. Where the application's
// code failed because the caller's context is done, that is what the error says.
func owned(ctx context.Context, err error) error {
	e := ErrorOf(err)
	if e == nil && KindOf(err) == ErrUnknown && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: ErrApplication, Detail: "an interceptor failed", Err: err}
	}
	if cause := ctx.Err(); e != nil && e.Kind == ErrApplication && cause != nil && errors.Is(err, cause) {
		done := *e
		done.Kind = ErrContextDone
		return &done
	}
	return err
}

// sent says whether any call of an operation of several calls was sent.
type sent bool

// note is an [Interceptor].
func (s *sent) note(ctx context.Context, _ Op, next func(context.Context) error) error {
	err := next(ctx)
	if e := ErrorOf(err); e == nil || !e.NotSent {
		*s = true
	}
	return err
}

// whole returns the error of the last call as that of the operation. A [PartialError] stays, since
// each of its failures is about its own part.
func (s *sent) whole(err error) error {
	e, ok := err.(*Error) //nolint:errorlint // the client returns no other error of a call
	if !bool(*s) || !ok || !e.NotSent {
		return err
	}
	whole := *e
	whole.NotSent = false
	return &whole
}

// describe makes err an *Error that says which call it came from.
func (c *Client) describe(op *Op, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // only the outermost error may be filled in
		if e.Client != "" && e.Op != "" {
			return e
		}
		full := *e
		full.Provider, full.Client, full.Op = c.desc.Provider, c.name, op.Name
		if full.Detail == "" {
			full.Detail = full.Kind.sentence()
		}
		full.clean()
		if full.Connection == "" {
			full.Connection = op.StoredConnection()
		}
		if full.Challenge != nil {
			full.Challenge = full.Challenge.open(op)
		}
		return &full
	}
	if inner := ErrorOf(err); inner != nil { // wrapped: what it says still holds
		full := *inner
		full.Err = err
		full.Client, full.Op = "", ""
		return c.describe(op, &full)
	}
	kind := KindOf(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = ErrContextDone
	}
	full := &Error{
		Kind:       kind,
		Provider:   c.desc.Provider,
		Client:     c.name,
		Op:         op.Name,
		Connection: op.StoredConnection(),
		Err:        err,
	}
	full.clean()
	return full
}

// unverified are the operations that take a connection whose state was not read yet.
var unverified = []string{opStatus.Name, opDisconnect.Name, opCreateSession.Name, opExchangeToken.Name}

// accept refuses a connection that this client cannot have made.
func (c *Client) accept(conn *Connection, op *Op) error {
	switch {
	case conn.credential.IsZero():
		return invalid("Connection", "has no credential: use what ExchangeToken or Open returned")
	case conn.Provider != c.desc.Provider || conn.Environment != c.desc.Environment:
		return invalid(
			"Connection",
			"is of "+conn.Provider+" "+string(
				conn.Environment,
			)+", not of "+c.desc.Provider+" "+string(
				c.desc.Environment,
			),
		)
	case conn.Client != c.name:
		return invalid("Connection.Client", "is "+quote(conn.Client)+", not "+quote(c.name)+": ask Registry.For")
	case conn.Status.State == StateUnverified && !slices.Contains(unverified, op.Name):
		return invalid("Connection.Status", "is unverified: call ConnectionStatus first")
	}
	return nil
}
