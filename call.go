package bankmux

// This file makes every call of a client: it validates the request, runs the interceptors and
// describes the error.

import (
	"context"
	"errors"
	"net/url"
	"slices"
)

// call makes the call of a Client's method to the adapter's method.
func call[P, R, Out any, Req interface {
	*R
	Request
}](ctx context.Context, c *Client, op Op, req R, method func(P, context.Context, R) (Out, error)) (Out, error) {
	if err := Req(&req).prepare(c, &op); err != nil {
		var none Out
		return none, c.describe(&op, err)
	}
	out, err := Do(ctx, c, op, func(ctx context.Context, p P) (Out, error) { return method(p, ctx, req) })
	return out, resumable(err, Req(&req))
}

// run is one call on its way through the chain.
type run struct {
	client *Client
	op     Op
	last   func(context.Context) error
}

func (r *run) from(ctx context.Context, i int) error {
	if i == len(r.client.chain) {
		return r.last(ctx)
	}
	return r.client.chain[i](ctx, r.op, func(ctx context.Context) error { return r.from(ctx, i+1) })
}

// effect is what a call may do when it is repeated.
func (c *Client) effect(op Op) Effect {
	if c.decide == nil {
		return op.Effect
	}
	op.Client, op.Provider = c.name, c.desc.Provider
	return c.decide.Effect(op)
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
			full.Connection = op.Connection
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
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL may hold a query
	}
	return &Error{
		Kind:       kind,
		Provider:   c.desc.Provider,
		Client:     c.name,
		Op:         op.Name,
		Connection: op.Connection,
		Err:        err,
	}
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
