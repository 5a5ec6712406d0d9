package bankmux

import (
	"context"
	"errors"
	"net/url"
	"slices"
)

// Client is what an application holds: one adapter under one set of
// credentials, with its interceptors around every call. It is itself a
// [Provider], and has a method for every operation the library knows; one that
// the adapter lacks returns [ErrUnsupported] and sends nothing.
//
// A Client is immutable and safe for concurrent use.
type Client struct {
	name     string
	provider Provider
	desc     Description
	caps     []Capability
	decide   EffectDecider
	chain    []Interceptor // outermost first
}

// NewClient puts interceptors, outermost first, around an adapter. The name is
// what sessions and connections carry to find their way back, so it must stay the
// same for as long as they are stored. The packages under providers call
// NewClient themselves and return the guarded client.
//
// It panics if name is empty or p is nil, a *Client or a *Registry: wrapping those
// would hide what the adapter can do; use [Client.With] instead.
func NewClient(name string, p Provider, in ...Interceptor) *Client {
	switch p.(type) {
	case nil:
		panic("bankmux: NewClient: the provider is nil")
	case *Client, *Registry:
		panic("bankmux: NewClient: wants an adapter, not a client or registry; use Client.With to add interceptors")
	}
	if name == "" {
		panic("bankmux: NewClient: the name is empty")
	}
	c := &Client{
		name:     name,
		provider: p,
		desc:     Description{Provider: name},
		caps:     capabilities(p),
		chain:    slices.Clone(in),
	}
	if d, ok := p.(Describer); ok {
		c.desc = d.Describe()
	}
	c.decide, _ = p.(EffectDecider)
	return c
}

// With returns a copy of the client with more interceptors around the ones it has.
func (c *Client) With(in ...Interceptor) *Client {
	d := *c
	d.chain = slices.Concat(in, c.chain)
	return &d
}

// Name is the name under which the client was made.
func (c *Client) Name() string { return c.name }

// Provider is the name of the adapter, such as "moneykit".
func (c *Client) Provider() string { return c.desc.Provider }

// Environment is what the client's credentials reach.
func (c *Client) Environment() Environment { return c.desc.Environment }

// Capabilities lists what the adapter can do besides linking, as found by type assertion.
func (c *Client) Capabilities() []Capability { return slices.Clone(c.caps) }

// Has reports whether the adapter has the capability.
func (c *Client) Has(capability Capability) bool { return slices.Contains(c.caps, capability) }

// CreateSession prepares one run of the linking flow. Store the session under
// the logged-in user and give only its Launch to the front end. See
// [Provider.CreateSession] for the errors; a request with a malformed field is
// [ErrInvalid] and sends nothing. It may be repeated.
func (c *Client) CreateSession(ctx context.Context, req SessionRequest) (Session, error) {
	return c.createSession(ctx, opCreateSession, req)
}

func (c *Client) createSession(ctx context.Context, op Op, req SessionRequest) (Session, error) {
	s, err := call(ctx, c, op, req, Provider.CreateSession)
	if err != nil {
		return Session{}, err
	}
	s.Client, s.Provider, s.Environment = c.name, c.desc.Provider, c.desc.Environment
	return s, nil
}

// ExchangeToken turns what the front end brought back into a connection.
// Before anything is sent it refuses, with [ErrInvalid], a session of another client or
// user and a payload that is not strict JSON; with [ErrTokenSpent] an expired
// session; and with [ErrUserAction] and Code "cancelled" a payload that says the
// user gave up. See [Provider.ExchangeToken] for the rest. It is sent at most once, unless the
// provider's exchange spends nothing.
func (c *Client) ExchangeToken(ctx context.Context, req ExchangeRequest) (ExchangeResult, error) {
	res, err := call(ctx, c, opExchangeToken, req, Provider.ExchangeToken)
	if err != nil {
		return ExchangeResult{}, err
	}
	if len(res.More) > 0 {
		res.name(&req.Session)
	}
	_ = c.partial(opExchangeToken, &res.Connection, res.Failed) // an error would lose the connections
	return res, nil
}

// ConnectionStatus asks the provider how a connection is doing and returns it brought up to date;
// store it. A lapsed or deleted connection is an answer, not an error. It may be repeated. For the
// errors see [StatusReader].
func (c *Client) ConnectionStatus(ctx context.Context, req StatusRequest) (StatusResult, error) {
	return call(ctx, c, opStatus, req, StatusReader.ConnectionStatus)
}

// Disconnect withdraws access to a connection and returns it in [StateGone]. It may be
// repeated: one that is gone already is a success. For the errors see [Disconnector].
func (c *Client) Disconnect(ctx context.Context, req DisconnectRequest) (DisconnectResult, error) {
	return call(ctx, c, opDisconnect, req, Disconnector.Disconnect)
}

// Check verifies the client's credentials with the provider: [ErrCredentials] if it
// rejects them. It may be repeated. For the other errors see [CredentialChecker].
func (c *Client) Check(ctx context.Context) error {
	_, err := call(ctx, c, opCheck, CheckRequest{}, CredentialChecker.CheckCredentials)
	return err
}

// call is the one way from a Client's method to the adapter's.
func call[P, R, Out any, Req interface {
	*R
	Request
}](ctx context.Context, c *Client, op Op, req R, method func(P, context.Context, R) (Out, error)) (Out, error) {
	if err := Req(&req).prepare(c, &op); err != nil {
		var none Out
		return none, c.describe(&op, err)
	}
	return Do(ctx, c, op, func(ctx context.Context, p P) (Out, error) { return method(p, ctx, req) })
}

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
	e := asError(err)
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
	case conn.Status.State == StateUnverified && op.Name != opStatus.Name && op.Name != opDisconnect.Name && op.Name != opCreateSession.Name && op.Name != opExchangeToken.Name:
		return invalid("Connection.Status", "is unverified: call ConnectionStatus first")
	}
	return nil
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
	if inner := asError(err); inner != nil { // wrapped: what it says still holds
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
